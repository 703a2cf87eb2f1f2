"""RES-06: replicas of a multi-region key stay in the jurisdiction. Live: replicas that other stacks made."""

from policies.control import (
    GDPR,
    Control,
    Severity,
    StackClause,
    Strength,
    Verdict,
)
from policies.residency import stays_inside
from policies.resources import Resource, Stack

_KEY = "aws:kms/key:Key"


def replica_stays_inside(replica: Resource, stack: Stack) -> Verdict:
    primaries = [source for source in stack.sources(replica, "primaryKeyArn") if source.type == _KEY]
    return stays_inside(replica.region, primaries[0] if primaries else replica, stack, "the replica")


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
