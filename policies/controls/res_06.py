"""RES-06: replicas of a multi-region key stay in the jurisdiction."""

import catalogue
from policies.control import (
    GDPR,
    Control,
    Severity,
    StackClause,
    Strength,
    Verdict,
)
from policies.residency import inside, stays_inside
from policies.resources import Resource, Stack, region_of_arn

_KEY = "aws:kms/key:Key"


def replica_stays_inside(replica: Resource, stack: Stack) -> Verdict:
    """Of a primary that another stack makes, its ARN tells the region, and that the jurisdiction."""
    primaries = [source for source in stack.sources(replica, "primaryKeyArn") if source.type == _KEY]
    origin = catalogue.regions().get(region_of_arn(replica.maybe("primaryKeyArn")) or "")
    if primaries or origin is None:
        return stays_inside(replica.region, primaries[0] if primaries else replica, stack, "the replica")
    return inside(replica.region, origin.jurisdiction, "the replica")


RES_06 = Control(
    id="RES-06",
    title="Replicas of a multi-region key stay in the jurisdiction",
    severity=Severity.CRITICAL,
    clauses=(
        StackClause(
            resource_types=frozenset(
                {"aws:kms/replicaKey:ReplicaKey", "aws:kms/replicaExternalKey:ReplicaExternalKey"}
            ),
            check=replica_stays_inside,
        ),
    ),
    maps_to=(GDPR("44", Strength.DIRECT),),
    risk="Key material in a third country opens whatever ciphertext gets there.",
    remediation="Replicate a key only to regions of its jurisdiction.",
)
