"""LOG-05: exported database logs."""

from typing import Any

import pytest

from policies.control import Status
from policies.testing import UNKNOWN, resource, verdicts


@pytest.mark.parametrize("type_", ["aws:rds/cluster:Cluster", "aws:rds/instance:Instance"])
@pytest.mark.parametrize(
    ("props", "expected"),
    [
        ({"engine": "aurora-postgresql", "enabledCloudwatchLogsExports": ["postgresql"]}, Status.PASS),
        ({"engine": "aurora-postgresql", "enabledCloudwatchLogsExports": ["instance"]}, Status.FAIL),
        ({"engine": "aurora-postgresql", "enabledCloudwatchLogsExports": UNKNOWN}, Status.UNDETERMINED),
        ({"engine": "aurora-postgresql"}, Status.FAIL),
        ({"engine": "mysql", "enabledCloudwatchLogsExports": ["slowquery"]}, Status.FAIL),
        ({"engine": "mysql", "enabledCloudwatchLogsExports": ["error"]}, Status.PASS),
        ({"engine": "oracle-ee", "enabledCloudwatchLogsExports": ["alert"]}, Status.PASS),
        ({"engine": "oracle-ee"}, Status.FAIL),
        ({"engine": "postgres", "tags": {"payment-cell:data-class": "internal"}}, Status.NOT_APPLICABLE),
    ],
)
def test_a_database_exports_the_log_of_its_engine(type_: str, props: dict[str, Any], expected: Status) -> None:
    assert verdicts("LOG-05", resource(type_, "db", **props)) == {("db", "database_sends_its_log"): expected}
