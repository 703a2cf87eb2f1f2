"""What a restore drill plans, how it compares, and what it reports."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError

from operations.drill.comparison import SETTLED_S, TABLES, Compared, Side, compare, query, same
from operations.drill.report import Step, document, line, markdown
from operations.drill.restore import RestoreDrill, plan_restore
from operations.errors import CellError, ExitCode
from operations.preflight_aws import Clients

AT = datetime(2026, 11, 29, 12, 0, 30, tzinfo=UTC)
CLUSTER: Mapping[str, Any] = {
    "DBClusterIdentifier": "one-s00",
    "EarliestRestorableTime": AT - timedelta(days=1),
    "LatestRestorableTime": AT,
    "Port": 5432,
    "DBSubnetGroup": "one",
    "DBClusterParameterGroup": "one",
    "TagList": [
        {"Key": "payment-cell:cell", "Value": "one"},
        {"Key": "payment-cell:backup", "Value": "vault"},
        {"Key": "payment-cell:data-class", "Value": "payments"},
    ],
}
SIDE = Side(rows=2, checksum="abc", later=0)


def test_the_copy_has_the_shards_tags_but_no_backup_and_says_that_it_is_a_drill() -> None:
    plan = plan_restore("one", "s00", CLUSTER, "db.r7g.large", at=None, number=7)
    assert plan.name == "one-s00-restore-7"
    assert plan.at == AT
    assert plan.tags == {
        "payment-cell:cell": "one",
        "payment-cell:data-class": "payments",
        "payment-cell:drill": "restore",
    }


@pytest.mark.parametrize("at", [AT + timedelta(seconds=1), AT - timedelta(days=2)])
def test_a_time_outside_the_window_is_refused_with_the_window(at: datetime) -> None:
    with pytest.raises(CellError, match="2026-11-28T12:00:30Z to 2026-11-29T12:00:30Z") as refused:
        plan_restore("one", "s00", CLUSTER, "db.r7g.large", at=at, number=1)
    assert refused.value.code is ExitCode.CONFIGURATION


def test_a_shard_without_a_backup_is_refused() -> None:
    with pytest.raises(CellError, match="no backup to restore from yet"):
        plan_restore("one", "s00", {**CLUSTER, "EarliestRestorableTime": None}, "db.r7g.large", at=None, number=1)


def test_only_rows_that_were_settled_then_are_compared() -> None:
    asked = query("payments", AT)
    assert f"created_at <= '{(AT - timedelta(seconds=SETTLED_S)).isoformat()}'" in asked
    assert f"created_at > '{AT.isoformat()}'" in asked
    assert "status" not in asked


def test_each_table_of_both_sides_is_asked_for() -> None:
    asked: list[tuple[str, str]] = []

    def ask(_cell: str, shard: str, text: str) -> str:
        asked.append((shard, text.rpartition(" ")[2]))
        return json.dumps({"rows": 2, "checksum": "abc", "later": 0})

    found = compare(ask, "one", "s00", "s00-restore-1", AT)
    assert asked == [(shard, table) for table in TABLES for shard in ("s00", "s00-restore-1")]
    assert same(found)


@pytest.mark.parametrize(
    "copy",
    [
        Side(rows=1, checksum="abc", later=0),
        Side(rows=2, checksum="other", later=0),
        Side(rows=2, checksum="abc", later=1),
    ],
)
def test_a_row_less_another_value_or_a_later_row_is_not_the_same(copy: Side) -> None:
    assert not same([Compared(table="payments", source=SIDE, copy=copy)])


def test_nothing_compared_is_not_the_same() -> None:
    assert not same([])


def test_the_report_has_the_times_from_begin_to_restored_and_to_checked() -> None:
    steps = [Step(name=name, seconds=1.0) for name in ("clear", "isolate", "restore", "instance", "answer", "compare")]
    names = {"cell": "one", "shard": "s00", "source": "one-s00", "copy": "one-s00-restore-1"}
    tables = [Compared(table="payments", source=SIDE, copy=SIDE)]
    found = document(names, AT, AT, steps, tables)
    assert (found["restoredS"], found["checkedS"]) == (4.0, 5.0)
    assert json.loads(json.dumps(found)) == found
    assert line(found) == "restore of s00 as of 2026-11-29T12:00:30+00:00: same, restored in 4.0 s, checked in 5.0 s"
    page = markdown(found)
    assert "**the same**" in page
    assert "| payments | 2 | 2 | 0 | abc | abc |" in page


def test_a_quota_that_is_used_up_says_what_a_drill_needs() -> None:
    full = {"Error": {"Code": "DBClusterQuotaExceededFault", "Message": "quota"}}
    rds = Mock()
    rds.get_paginator.return_value.paginate.return_value = [{"DBClusters": []}]
    rds.describe_db_subnet_groups.return_value = {"DBSubnetGroups": [{"VpcId": "vpc-1"}]}
    rds.restore_db_cluster_to_point_in_time.side_effect = ClientError(full, "RestoreDBClusterToPointInTime")
    ec2 = Mock()
    ec2.create_security_group.return_value = {"GroupId": "sg-1"}
    ec2.describe_security_groups.return_value = {"SecurityGroups": [{"GroupId": "sg-1", "IpPermissionsEgress": []}]}
    services = {"rds": rds, "ec2": ec2, "ssm": Mock()}
    clients = cast(Clients, SimpleNamespace(get=lambda service, _region: services[service]))
    drill = RestoreDrill(clients=clients, region="eu-west-1", cell="one", say=lambda _: None)
    with pytest.raises(CellError, match="one DB cluster and one instance more than the cell"):
        drill.act(plan_restore("one", "s00", CLUSTER, "db.r7g.large", at=None, number=1))
    ec2.delete_security_group.assert_called_with(GroupId="sg-1")
