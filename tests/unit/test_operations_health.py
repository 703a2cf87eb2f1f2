"""What `cell status` says of a stack's parts, its last drill and its last audit."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from config_files import fleet, paired_fleet

from operations.declared import declared_stacks
from operations.deploy import Session
from operations.errors import CellError
from operations.health import TARGET_GROUP, drilled, health, last_audit, live
from operations.last_drill import RESTORE_TESTS, last_drill, record_text
from operations.preflight_aws import Clients
from operations.project import Project
from operations.upgrade.running import CLUSTER, INSTANCE, NODE_GROUP, SHARD

REGION = "eu-west-1"
NODES = {"clusterName": "one", "nodeGroupName": "one-system-1"}


def row(kind: str, key: str = "one", **outputs: Any) -> Mapping[str, Any]:
    urn = f"urn:pulumi:one::payment-cell::{kind}::{key}"
    return {"urn": urn, "type": kind, "outputs": {"region": REGION, **outputs}}


def clients(**services: Any) -> Clients:
    """Those of services that answer as the tests say."""
    return cast(Clients, SimpleNamespace(get=lambda service, _region: services[service]))


def refusal(operation: str, code: str) -> Mock:
    return Mock(side_effect=ClientError({"Error": {"Code": code, "Message": ""}}, operation))


def answering(**answers: Any) -> Any:
    return SimpleNamespace(**{call: Mock(return_value=answer) for call, answer in answers.items()})


def drills(*jobs: Mapping[str, Any]) -> Clients:
    pages = SimpleNamespace(paginate=Mock(return_value=[{"RestoreJobs": [job]} for job in jobs]))
    return clients(backup=SimpleNamespace(get_paginator=lambda _operation: pages))


def test_each_part_has_the_state_that_aws_says() -> None:
    eks = answering(
        describe_cluster={"cluster": {"status": "ACTIVE", "health": {"issues": []}}},
        describe_nodegroup={"nodegroup": {"status": "UPDATING"}},
    )
    rds = answering(
        describe_db_clusters={"DBClusters": [{"Status": "available"}]},
        describe_db_instances={"DBInstances": [{"DBInstanceStatus": "storage-full"}]},
    )
    rows = [
        row(CLUSTER, name="one"),
        row(NODE_GROUP, "one-system", **NODES),
        row(SHARD, "one-1", clusterIdentifier="one-1"),
        row(INSTANCE, "one-1-a", identifier="one-1-a"),
        row("aws:kms/key:Key"),
    ]
    assert health(clients(eks=eks, rds=rds), rows) == {
        "cluster one": "ACTIVE",
        "nodes one-system": "UPDATING",
        "database cluster one-1": "available",
        "database instance one-1-a": "storage-full",
    }


def test_issues_that_eks_names_stand_beside_the_state() -> None:
    issues = [{"code": "Ec2SubnetNotFound", "message": "subnet-1 is gone", "resourceIds": ["subnet-1"]}]
    eks = answering(describe_nodegroup={"nodegroup": {"status": "DEGRADED", "health": {"issues": issues}}})
    found = health(clients(eks=eks), [row(NODE_GROUP, **NODES)])
    assert found == {"nodes one": "DEGRADED, Ec2SubnetNotFound: subnet-1 is gone"}


def test_targets_are_counted_by_state_with_the_reasons() -> None:
    def told(*states: Mapping[str, str]) -> str:
        elb = answering(
            describe_target_health={"TargetHealthDescriptions": [{"TargetHealth": state} for state in states]}
        )
        return health(clients(elbv2=elb), [row(TARGET_GROUP, arn="arn:t")])["targets one"]

    sick = {"State": "unhealthy", "Reason": "Target.Timeout"}
    assert told({"State": "healthy"}, sick, {"State": "healthy"}) == "2 healthy, 1 unhealthy (Target.Timeout)"
    assert told() == "no targets"


@pytest.mark.parametrize(
    ("code", "state"),
    [
        ("DBClusterNotFoundFault", "missing"),
        ("AccessDenied", "not observed: DescribeDBClusters: AccessDenied"),
        ("NotEmulated", "not observed: DescribeDBClusters: NotEmulated"),
    ],
)
def test_a_part_that_is_gone_is_told_apart_from_one_that_nobody_may_ask_for(code: str, state: str) -> None:
    rds = SimpleNamespace(describe_db_clusters=refusal("DescribeDBClusters", code))
    assert health(clients(rds=rds), [row(SHARD, clusterIdentifier="one")]) == {"database cluster one": state}


def test_an_endpoint_that_does_not_answer_is_asked_once() -> None:
    rds = SimpleNamespace(describe_db_clusters=Mock(side_effect=EndpointConnectionError(endpoint_url="https://rds")))
    found = health(clients(rds=rds), [row(SHARD, name, clusterIdentifier=name) for name in ("one-1", "one-2")])
    assert rds.describe_db_clusters.call_count == 1
    assert [state.partition(":")[0] for state in found.values()] == ["not observed", "not observed"]


def test_the_last_drill_is_the_newest_restore_of_the_stacks_own_plan() -> None:
    first = {"CreationDate": datetime(2026, 10, 2, 12, 5, tzinfo=UTC), "Status": "COMPLETED"}
    east = timezone(timedelta(hours=9))
    second = {
        "CreationDate": datetime(2026, 11, 2, 21, 5, tzinfo=east),
        "Status": "COMPLETED",
        "ValidationStatus": "TIMED_OUT",
    }
    asked = drills(second, first)
    found = last_drill(asked, [row(RESTORE_TESTS, arn="arn:p")], {})
    assert found is not None
    now = datetime(2026, 11, 29, 12, 4, tzinfo=UTC)
    assert found.words(now) == "2026-11-02 12:05 UTC, 26 days ago: restore COMPLETED TIMED_OUT"
    pages = asked.get("backup", REGION).get_paginator("")
    assert pages.paginate.call_args.kwargs == {"ByRestoreTestingPlanArn": "arn:p"}


def test_no_drill_is_never_and_not_the_same_as_one_that_nobody_could_ask_for() -> None:
    plan = row(RESTORE_TESTS, arn="arn:p")
    assert drilled(drills(), [plan], {}) == "never"
    assert drilled(drills(), [], {}) == "never: the stack has no restore tests"
    pages = SimpleNamespace(paginate=refusal("ListRestoreJobs", "NotEmulated"))
    asked = clients(backup=SimpleNamespace(get_paginator=lambda _operation: pages))
    assert drilled(asked, [plan], {}) == "not observed: ListRestoreJobs: NotEmulated"


def recorded(**cells: tuple[datetime, str]) -> Any:
    """SSM with records of drills of these cells."""

    def get_parameter(Name: str) -> Any:
        cell = Name.removeprefix("/payment-cell/").removesuffix("/last-drill")
        if cell not in cells:
            raise ClientError({"Error": {"Code": "ParameterNotFound", "Message": ""}}, "GetParameter")
        when, said = cells[cell]
        return {"Parameter": {"LastModifiedDate": when, "Value": said}}

    return SimpleNamespace(get_parameter=get_parameter)


def test_the_later_of_a_restore_test_and_of_the_records_of_all_places_is_the_last_drill() -> None:
    test = {"CreationDate": datetime(2026, 11, 2, 12, 5, tzinfo=UTC), "Status": "COMPLETED"}
    plan, places = row(RESTORE_TESTS, arn="arn:p"), {"one": REGION, "two": "eu-central-1"}
    earlier = (datetime(2026, 11, 1, tzinfo=UTC), record_text("earlier", passed=True))
    later = (datetime(2026, 11, 3, tzinfo=UTC), record_text("switchover: broken", passed=False))
    backup = drills(test).get("backup", REGION)

    def said(**cells: tuple[datetime, str]) -> tuple[str, bool]:
        found = last_drill(clients(backup=backup, ssm=recorded(**cells)), [plan], places)
        assert found is not None
        return found.said, found.passed

    assert said() == said(one=earlier) == ("restore COMPLETED", True)
    assert said(one=earlier, two=later) == ("failed: switchover: broken", False)


def test_what_was_not_observed_gives_way_to_what_was_and_is_never_taken_for_no_drill() -> None:
    plan, places = row(RESTORE_TESTS, arn="arn:p"), {"one": REGION}
    pages = SimpleNamespace(paginate=refusal("ListRestoreJobs", "AccessDenied"))
    backup = SimpleNamespace(get_paginator=lambda _operation: pages)
    known = recorded(one=(datetime(2026, 11, 3, tzinfo=UTC), record_text("kept", passed=True)))
    assert drilled(clients(backup=backup, ssm=known), [plan], places).endswith(": passed: kept")
    assert (
        drilled(clients(backup=backup, ssm=recorded()), [plan], places) == "not observed: ListRestoreJobs: AccessDenied"
    )


def test_the_last_audit_is_what_its_record_says() -> None:
    record = {"LastModifiedDate": datetime(2026, 11, 20, 8, 0, tzinfo=UTC), "Value": "3 findings"}
    ssm = answering(get_parameter={"Parameter": record})
    assert last_audit(clients(ssm=ssm), REGION, "one") == "2026-11-20 08:00 UTC: 3 findings"
    assert ssm.get_parameter.call_args.kwargs == {"Name": "/payment-cell/one/last-audit"}


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("ParameterNotFound", "never"),
        ("AccessDeniedException", "not observed: GetParameter: AccessDeniedException"),
    ],
)
def test_without_a_record_there_was_no_audit_and_a_refusal_is_no_answer(code: str, said: str) -> None:
    ssm = SimpleNamespace(get_parameter=refusal("GetParameter", code))
    assert last_audit(clients(ssm=ssm), REGION, "one") == said


@pytest.mark.parametrize("stack", ["account", "one", "one-workloads"])
def test_an_account_that_cannot_be_entered_leaves_everything_unobserved(
    stack: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stacks").mkdir()
    fleet(tmp_path / "stacks")
    entered = Mock(side_effect=CellError("credentials: none; log in"))
    monkeypatch.setattr("operations.health.entered", entered)
    project = Project(tmp_path)
    session = SimpleNamespace(
        project=project, declared=declared_stacks(project), engine=SimpleNamespace(resources=lambda _stack: [])
    )
    found = live(cast(Session, session), stack)
    assert set(found) == {"alarms", "health", "lastDrill", "lastAudit"}
    assert set(found.values()) == {"not observed: credentials: none; log in"}
    assert entered.call_args.args[0].account_id == "123456789012"


@pytest.mark.parametrize(("stack", "asked"), [("one", {"one"}), ("one-pair", {"one", "one-replica"})])
def test_status_shows_the_age_of_the_last_drill_of_a_cell_and_of_a_pair(
    stack: str, asked: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = Project(tmp_path)
    (tmp_path / "stacks").mkdir()
    paired_fleet(tmp_path / "stacks")
    when = datetime.now(UTC) - timedelta(days=3, hours=1)
    names: list[str] = []

    def get_parameter(Name: str) -> Any:
        names.append(Name)
        return {"Parameter": {"LastModifiedDate": when, "Value": record_text("switchover: kept", passed=True)}}

    monkeypatch.setattr(
        "operations.health.entered", lambda *_: clients(ssm=SimpleNamespace(get_parameter=get_parameter))
    )
    session = SimpleNamespace(
        project=project, declared=declared_stacks(project), engine=SimpleNamespace(resources=lambda _stack: [])
    )
    found = live(cast(Session, session), stack)
    assert found["lastDrill"] == f"{when:%Y-%m-%d %H:%M} UTC, 3 days ago: passed: switchover: kept"
    assert {name.split("/")[2] for name in names if name.endswith("/last-drill")} == asked
