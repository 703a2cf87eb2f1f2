"""RES-02: members of a global database stay in the jurisdiction."""

from policies.control import GDPR, Control, Severity, StackClause, Strength, Verdict, not_applicable
from policies.residency import stays_inside
from policies.resources import Resource, Stack

_GLOBAL = "aws:rds/globalCluster:GlobalCluster"


def member_stays_inside(cluster: Resource, stack: Stack) -> Verdict:
    owners = [source for source in stack.sources(cluster, "globalClusterIdentifier") if source.type == _GLOBAL]
    if not owners and not cluster.props.get("globalClusterIdentifier"):
        return not_applicable("not a member of a global database")
    # Replication follows the database: a member is held to the jurisdiction of the global cluster where that is here.
    return stays_inside(cluster.region, owners[0] if owners else cluster, stack, "the member")


def source_stays_inside(cluster: Resource, stack: Stack) -> Verdict:
    if not cluster.props.get("sourceRegion"):
        return not_applicable("has no source in another region")
    return stays_inside(cluster.props["sourceRegion"], cluster, stack, "the source")


RES_02 = Control(
    id="RES-02",
    title="Members of a global database stay in the jurisdiction",
    severity=Severity.CRITICAL,
    clauses=tuple(
        StackClause(resource_types=frozenset({"aws:rds/cluster:Cluster"}), check=check)
        for check in (member_stays_inside, source_stays_inside)
    ),
    maps_to=(GDPR("44", Strength.DIRECT),),
    risk="A secondary in a third country receives every row within a second.",
    remediation="Place secondaries in the recovery region of the same jurisdiction.",
)
