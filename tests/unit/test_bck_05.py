"""BCK-05: protection against deletion and final snapshots."""

from judged import status

from policies.control import Status
from policies.testing import MADE_UP, UNKNOWN, resource

CLUSTER = "aws:rds/cluster:Cluster"


def test_holds_in_production_and_where_no_environment_is_named() -> None:
    def cluster(environment: str | None, **props: object) -> Status:
        tags = {"payment-cell:environment": environment} if environment else {}
        return status("BCK-05", resource(CLUSTER, "c", tags=tags, **props), clause="is_protected_against_deletion")

    assert cluster("production", deletionProtection=True) is Status.PASS
    assert cluster("production") is Status.FAIL
    assert cluster(None) is Status.FAIL
    assert cluster("nonsense") is Status.FAIL
    assert cluster("development") is Status.FAIL, "its data may be real"
    assert cluster("production", deletionProtection=UNKNOWN) is Status.UNDETERMINED


def test_wants_a_final_snapshot() -> None:
    def cluster(**props: object) -> Status:
        return status("BCK-05", resource(CLUSTER, "c", **props), clause="leaves_a_final_snapshot")

    assert cluster(finalSnapshotIdentifier="last") is Status.PASS
    assert cluster(skipFinalSnapshot=True) is Status.FAIL
    assert cluster() is Status.FAIL


def test_a_final_snapshot_that_is_not_known_yet_is_undetermined_and_synthetic_data_needs_none() -> None:
    clause, tags = "leaves_a_final_snapshot", MADE_UP
    hidden = resource(CLUSTER, "c", skipFinalSnapshot=UNKNOWN)
    assert status("BCK-05", hidden, clause=clause) is Status.UNDETERMINED
    assert status("BCK-05", resource(CLUSTER, "c", tags=tags), clause=clause) is Status.NOT_APPLICABLE
