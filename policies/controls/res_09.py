"""RES-09: images and secrets are replicated inside the jurisdiction only."""

from policies.control import GDPR, Control, Severity, StackClause, Strength, Verdict, not_applicable
from policies.destinations import all_inside, known
from policies.resources import Resource, Stack


def images_stay_inside(registry: Resource, stack: Stack) -> Verdict:
    rules = (registry.props.get("replicationConfiguration") or {}).get("rules") or ()
    regions = [known(destination, "region") for rule in rules for destination in rule["destinations"]]
    return all_inside(regions, registry, stack, "a replica") if regions else not_applicable("replicates nothing")


def secret_stays_inside(secret: Resource, stack: Stack) -> Verdict:
    regions = [known(replica, "region") for replica in secret.given("replicas") or ()]
    return all_inside(regions, secret, stack, "a replica") if regions else not_applicable("has no replicas")


RES_09 = Control(
    id="RES-09",
    title="Images and secrets are replicated inside the jurisdiction only",
    severity=Severity.HIGH,
    clauses=(
        StackClause(
            resource_types=frozenset({"aws:ecr/replicationConfiguration:ReplicationConfiguration"}),
            check=images_stay_inside,
        ),
        StackClause(
            resource_types=frozenset({"aws:secretsmanager/secret:Secret"}),
            check=secret_stays_inside,
        ),
    ),
    maps_to=(GDPR("44", Strength.DIRECT),),
    risk="A secret in a third country opens the data at home from there.",
    remediation="Replicate only to regions of the jurisdiction.",
)
