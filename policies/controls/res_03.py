"""RES-03: replicas of a table stay in the jurisdiction."""

from policies.control import GDPR, Control, Severity, StackClause, Status, Strength, Verdict, not_applicable, passed
from policies.residency import stays_inside
from policies.resources import Resource, Stack

_TABLE = "aws:dynamodb/table:Table"


def replicas_stay_inside(table: Resource, stack: Stack) -> Verdict:
    replicas = table.props.get("replicas") or ()
    if not replicas:
        return not_applicable("has no replicas")
    # A witness keeps what was written, though nobody reads it there. Only strong consistency has one: elsewhere a
    # preview does not know that there is none.
    strong = any(replica.get("consistencyMode") == "STRONG" for replica in replicas)
    witness = table.props.get("globalTableWitness") if strong else None
    places = [(replica, "a replica") for replica in replicas] + ([(witness, "the witness")] if witness else [])
    for place, what in places:
        verdict = stays_inside(place["regionName"], table, stack, what)
        if verdict.status is not Status.PASS:
            return verdict
    return passed()


def replica_resource_stays_inside(replica: Resource, stack: Stack) -> Verdict:
    tables = [source for source in stack.sources(replica, "globalTableArn") if source.type == _TABLE]
    return stays_inside(replica.region, tables[0] if tables else replica, stack, "the replica")


RES_03 = Control(
    id="RES-03",
    title="Replicas of a table stay in the jurisdiction",
    severity=Severity.CRITICAL,
    clauses=(
        StackClause(resource_types=frozenset({_TABLE}), check=replicas_stay_inside),
        StackClause(
            resource_types=frozenset({"aws:dynamodb/tableReplica:TableReplica"}), check=replica_resource_stays_inside
        ),
    ),
    maps_to=(GDPR("44", Strength.DIRECT),),
    risk="A replica in a third country receives every item within a second.",
    remediation="Replicate only to regions of the table's jurisdiction.",
)
