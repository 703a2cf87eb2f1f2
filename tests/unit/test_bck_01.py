"""BCK-01: point-in-time recovery."""

import pytest
from judged import status, unasked

from policies.control import Status
from policies.testing import UNKNOWN, resource

TABLE = "aws:dynamodb/table:Table"
CLUSTER = "aws:rds/cluster:Cluster"


@pytest.mark.parametrize(
    ("days", "expected"), [(7.0, Status.PASS), (35.0, Status.PASS), (6.0, Status.FAIL), (None, Status.FAIL)]
)
def test_wants_seven_to_thirty_five_days(days: float | None, expected: Status) -> None:
    assert status("BCK-01", resource(CLUSTER, "c", backupRetentionPeriod=days)) is expected


def test_knows_unknowns_and_tables() -> None:
    assert status("BCK-01", resource(CLUSTER, "c", backupRetentionPeriod=UNKNOWN)) is Status.UNDETERMINED
    assert status("BCK-01", resource(TABLE, "t")) is Status.FAIL
    assert status("BCK-01", resource(TABLE, "t", pointInTimeRecovery={"enabled": True})) is Status.PASS


def test_a_table_that_is_not_known_yet_is_undetermined_and_another_store_is_not_asked() -> None:
    assert status("BCK-01", resource(TABLE, "t", pointInTimeRecovery={"enabled": UNKNOWN})) is Status.UNDETERMINED
    assert unasked("BCK-01", resource("aws:s3/bucket:Bucket", "b"))
