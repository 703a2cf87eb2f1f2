"""An audit where not everything is as in a European cell: a cell of another jurisdiction in the same account, another
team's program beside it, and an account that answers badly."""

import json
import shutil
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectionClosedError
from cell import Project
from wire_faults import breaks, no_pauses, says

from conftest import new_sandbox
from operations.audit import access
from operations.audit.access import Access
from operations.audit.live.collect import Account, collect, readers
from operations.audit.live.region import Recorder
from operations.audit.report.json_ import load
from operations.audit.result import Answer, Audit, Reconciled
from operations.audit.sights import live_sight
from policies.catalogue import controls
from policies.control import Status

pytestmark = [pytest.mark.engine, pytest.mark.long]

CELL = "us-east-1"
STACKS = ("account", CELL)

PROGRAM = Path(__file__).with_name("elsewhere")
"""Another team's, in the same account."""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with new_sandbox(tmp_path_factory.mktemp("elsewhere-sandbox"), dataplane=False) as sandbox:
        made = Project.copy(sandbox, tmp_path_factory.mktemp("elsewhere") / "project")
        made.bring_up(STACKS)
        yield made


def audited(project: Project, *arguments: str, code: int) -> Audit:
    report = project.folder / "audit.json"
    project.cell("audit", *arguments, "--report", f"json={report}", code=code)
    return load(report)


def test_a_cell_of_another_jurisdiction_in_the_same_account_has_no_violation(project: Project) -> None:
    found = audited(project, *STACKS, code=0)
    assert not found.deviations
    assert not [one for one in found.populations if one.listed is None]
    residency = [one for one in found.answers if (one.control, one.resource.region) == ("RES-01", CELL)]
    assert len(residency) > 10
    assert {one.reconciled for one in residency} == {Reconciled.AGREES}
    archives = [one for one in residency if one.resource.type == "aws:cloudwatch/eventArchive:EventArchive"]
    assert [one.status for one in archives] == [Status.PASS]


class Faults:
    """Hook for botocore's ``before-send``: every third call gets another fault instead of its first answer."""

    def __init__(self) -> None:
        self._calls = count(1)
        self.given = 0

    def __call__(self, event_name: str, request: Any, **_: Any) -> AWSResponse | None:
        if b"attempt=1" not in request.headers["amz-sdk-request"]:
            return None
        number = next(self._calls)
        if number % 3:
            return None
        self.given += 1
        kinds = (throttled(event_name.split(".")[1], request), says(500), says(503), breaks(LOST))
        return kinds[number // 3 % len(kinds)]()


LOST = ConnectionClosedError(endpoint_url="https://aws.example")


def throttled(service: str, request: Any) -> Any:
    """How AWS says it in the service's protocol."""
    if service == "ec2":
        return says(503, "<Response><Errors><Error><Code>RequestLimitExceeded</Code></Error></Errors></Response>")
    if service in ("s3", "s3-control", "route-53"):
        return says(503, "<Error><Code>SlowDown</Code></Error>")
    if b"urlencoded" in (request.headers.get("Content-Type") or b""):
        return says(400, "<ErrorResponse><Error><Code>Throttling</Code></Error></ErrorResponse>")
    return says(429, json.dumps({"__type": "TooManyRequestsException"}))


def answered(account: Account) -> list[tuple[Any, ...]]:
    """All that an audit says of it, without the numbers of its calls."""
    said = live_sight(account, [], controls()).said
    return sorted((one.control, one.clause, str(one.key), one.status.value, one.reason) for one in said)


def test_an_account_that_throttles_and_breaks_gets_the_same_answers(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in project.env.items():
        monkeypatch.setenv(name, value)
    no_pauses(monkeypatch)
    calm, stormy, faults = Recorder(), Recorder(), Faults()
    undisturbed = collect([Access(CELL, calm).region(CELL)], readers())

    session = boto3.Session()
    session._session.register("before-send", faults)
    monkeypatch.setattr(access, "_session", lambda *_: session)
    disturbed = collect([Access(CELL, stormy).region(CELL)], readers())

    assert faults.given > 100
    assert sum(call.retries for call in stormy.calls) >= faults.given - 1
    assert len(stormy.calls) == len(calm.calls)
    assert answered(disturbed) == answered(undisturbed)
    assert {(one.type, one.listed) for one in disturbed.populations} == {
        (one.type, one.listed) for one in undisturbed.populations
    }


FAILING = {
    "abroad": {"BCK-02", "KEY-01", "LOG-02", "RES-01", "RET-01", "TLS-03"},
    "uploads": {"BCK-02", "KEY-01", "LOG-02", "RET-01", "TLS-03"},
    "orders": {"BCK-01", "BCK-02", "BCK-05", "KEY-01", "LOG-02", "RET-01"},
    "jobs": {"KEY-01", "TLS-03"},
    "shell": {"NET-01"},
    "helper": {"IAM-01", "IAM-05"},
    "vpc": {"NET-07"},
    "default": {"NET-08"},
}
"""Beginning of a name -> controls that fail. What carries no tag is held to be personal data of the strictest
jurisdiction; the last two are the program's VPC and the group that AWS made with it."""


@pytest.fixture(scope="module")
def shared(project: Project) -> Project:
    """The account after another team's program was deployed in it, from a project of its own."""
    folder = Path(shutil.copytree(PROGRAM, project.folder / "elsewhere"))
    theirs = Project(folder=folder, sandbox=project.sandbox)
    theirs.pulumi("stack", "init", "test")
    theirs.pulumi("up", "--stack", "test", "--skip-preview", "--yes")
    return project


def by_name(answers: Iterable[Answer]) -> dict[str, set[str]]:
    """Beginning of a resource's name -> controls."""
    found: dict[str, set[str]] = {}
    for one in answers:
        found.setdefault(one.resource.name.partition("-")[0], set()).add(one.control)
    return found


def test_another_teams_resources_are_seen_and_judged_strictly_and_nothing_else_fails(shared: Project) -> None:
    found = audited(shared, "--account", code=5)
    assert by_name(found.deviations) == FAILING
    assert Reconciled.UNMANAGED not in {one.reconciled for one in found.answers}
    # Nobody named a role that may enter the cluster.
    listed = {(one.type, one.region): one.listed for one in found.populations if one.type.startswith("aws:")}
    assert None not in listed.values()
    assert listed["aws:dynamodb/table:Table", "eu-west-1"] == listed["aws:sqs/queue:Queue", "eu-west-1"] == 1


def test_to_the_owner_of_the_cells_another_teams_resources_are_unmanaged_and_the_cells_still_healthy(
    shared: Project,
) -> None:
    found = audited(shared, *STACKS, code=5)
    assert {one.reconciled for one in found.deviations} == {Reconciled.UNMANAGED}
    assert {one.stack for one in found.deviations} == {""}
    assert by_name(found.deviations) == {name: {*controls_, "CHG-01"} for name, controls_ in FAILING.items()}
