"""An audit of a live cell: healthy at first, and every change behind Pulumi's back is found under its control."""

import json
import os
import shutil
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import canaries
import drift_access
import drift_backup
import drift_cluster
import drift_keys
import drift_network
import drift_records
import drift_residency
import drift_retention
import pytest
from audit_outputs import problems
from cell import Aws, Project
from drift import CELL, STACKS, Change, LiveCell

from conftest import new_sandbox
from operations.audit.evidence.bundle import FILES
from operations.audit.live.reader import NOT_READ
from operations.audit.reconcile import CHANGE
from operations.audit.report.formats import NAMES
from operations.audit.report.json_ import load
from operations.audit.report.oscal import read_counts
from operations.audit.result import Audit, Place, Reconciled
from policies.catalogue import controls
from policies.control import Status

pytestmark = [pytest.mark.engine, pytest.mark.kubernetes, pytest.mark.long]

CHANGES: tuple[Change, ...] = (
    *drift_access.CHANGES,
    *drift_backup.CHANGES,
    *drift_cluster.CHANGES,
    *drift_keys.CHANGES,
    *drift_network.CHANGES,
    *drift_records.CHANGES,
    *drift_residency.CHANGES,
    *drift_retention.CHANGES,
)

UNCHANGED = {
    **drift_access.UNCHANGED,
    **drift_network.UNCHANGED,
    **drift_records.UNCHANGED,
    **drift_residency.UNCHANGED,
}
"""`CONTROL clause` of what nobody can change on this cell -> why."""

UP_LOG = "up.txt"
"""File of the project with what `cell up` printed."""

ROLE = "arn:aws:iam::123456789012:role/payment-cell-deploy"


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveCell]:
    with (
        new_sandbox(tmp_path_factory.mktemp("audit-sandbox"), dataplane=False) as sandbox,
        pytest.MonkeyPatch.context() as patch,
    ):
        project = Project.copy(sandbox, tmp_path_factory.mktemp("audit") / "project")
        said = project.cell("up", CELL, "--yes")
        (project.folder / UP_LOG).write_text(said.stdout + said.stderr)
        for name, value in project.env.items():
            patch.setitem(os.environ, name, value)
        yield LiveCell(project, Aws(sandbox), ROLE)


def test_a_healthy_cell_has_no_violation_and_nothing_undetermined(cell: LiveCell) -> None:
    wrong = [
        f"{one.control} {one.clause} {one.resource.key} {one.status}: {one.reason}"
        for one in cell.before
        if one.status in (Status.FAIL, Status.UNDETERMINED) or one.reconciled is Reconciled.DRIFTED
    ]
    assert not wrong, "\n".join(wrong)


def test_each_clause_that_an_account_shows_has_a_change_or_a_reason_for_none() -> None:
    live = [f"{one.id} {clause.check.__name__}" for one in controls() for clause in one.clauses if not clause.not_live]
    assert sorted([*{change.sees for change in CHANGES}, *UNCHANGED]) == sorted(set(live))


BUNDLES, KEY_FILE = ".audit", "signing-key.pem.pub"


@pytest.fixture(scope="module")
def reports(cell: LiveCell) -> Path:
    """Folder with a report of each format of one whole audit, which is not the first."""
    project = cell.hands.project
    folder = project.folder / "reports"
    folder.mkdir()
    project.cell("audit", *STACKS, "--control", "KEY-03", "--record")
    wanted = [f"--report={name}={folder / name}" for name in NAMES]
    project.cell("audit", *STACKS, "--record", *wanted)
    return folder


def bundle(project: Project) -> Path:
    """The newest."""
    return max((project.folder / BUNDLES).glob("2*Z-*/"))


def test_an_audit_of_the_healthy_cell_is_green_in_every_format(reports: Path) -> None:
    found = load(reports / "json")
    assert not found.deviations
    assert not found.calls.denied
    assert found.scope.emulated
    unlisted = {population.type for population in found.populations if population.listed is None}
    assert not unlisted
    asked = {(answer.control, answer.clause) for answer in found.answers}
    blind = {(entry.id, one.name) for entry in found.controls for one in entry.clauses if one.not_live}
    unseen = {(answer.control, answer.clause) for answer in found.of(Status.NOT_OBSERVED)}
    attested = {(control.id, one.name) for control in controls() for one in control.asked}
    assert not unseen - blind - attested
    unread = {one.resource.type for one in found.of(Status.NOT_OBSERVED) if one.control == CHANGE}
    assert unread <= set(NOT_READ)
    assert len(asked) > 100
    assert read_counts(reports / "oscal") == found.counts
    assert b"EMULATED" in (reports / "html").read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_each_format_of_a_live_cell_is_good_by_its_own_rules(reports: Path, name: str) -> None:
    assert problems(name, reports / name) == []


def test_status_knows_when_the_cell_was_audited(cell: LiveCell, reports: Path) -> None:
    assert load(reports / "json").id in cell.hands.project.data("status", CELL)["lastAudit"]


@pytest.mark.usefixtures("reports")
def test_evidence_is_verified_with_the_key_and_refused_once_touched(cell: LiveCell) -> None:
    project = cell.hands.project
    made, key = bundle(project), project.folder / BUNDLES / KEY_FILE
    said = project.cell("audit", "verify", str(made), "--key", str(key)).stdout
    assert "intact, author proven" in said
    assert "author unproven" in project.cell("audit", "verify", str(made), code=1).stdout
    copy = Path(shutil.copytree(made, project.folder / "touched"))
    lines = (copy / "records.ndjson").read_bytes().splitlines(keepends=True)
    lines[7] = lines[7].replace(b'"http_status":200', b'"http_status":201')
    (copy / "records.ndjson").write_bytes(b"".join(lines))
    said = project.cell("audit", "verify", str(copy), "--key", str(key), code=1).stdout
    assert "record 7" in said.lower()


def secrets_of(cell: LiveCell) -> Iterator[tuple[str, str]]:
    """Where it is, and its value: what the engine marks in its states, what Secrets Manager and the cluster hold."""
    project, hands = cell.hands.project, cell.hands
    for stack in STACKS:
        exported = json.loads(project.pulumi("stack", "export", "--stack", stack, "--show-secrets").stdout)
        yield from canaries.of_state(exported)
    manager = hands.client("secretsmanager")
    for page in manager.get_paginator("list_secrets").paginate():
        # Some are made empty: somebody puts their value in later.
        for secret in (one for one in page["SecretList"] if one.get("SecretVersionsToStages")):
            value = manager.get_secret_value(SecretId=secret["ARN"])["SecretString"]
            yield from ((f"manager {secret['Name']}", one) for one in canaries.texts(value))
    answer = hands.api.get("/api/v1/secrets")
    assert answer.status == 200, answer.reason
    yield from canaries.of_cluster(json.loads(answer.body)["items"])
    yield "passphrase", Path(project.env["PULUMI_CONFIG_PASSPHRASE_FILE"]).read_text().strip()


def test_no_secret_of_the_cell_is_in_a_state_a_log_a_report_or_a_bundle(
    cell: LiveCell, reports: Path, tmp_path: Path
) -> None:
    project = cell.hands.project
    secrets = list(secrets_of(cell))
    assert {where.partition(" ")[0] for where, _ in secrets} == {"state", "manager", "cluster", "passphrase"}
    search = canaries.Search(secrets)

    preview = project.pulumi("preview", "--stack", CELL, "--diff", f"--event-log={tmp_path / 'events.json'}")
    (tmp_path / "preview.txt").write_text(preview.stdout + preview.stderr)
    state = project.sandbox.home / "state" / ".pulumi"
    logs = project.sandbox.home / "logs"
    searched = list(canaries.files(state, logs, project.folder / UP_LOG, tmp_path, reports, bundle(project)))
    assert {file.name for file in searched} >= {f"{CELL}.json", *FILES, "events.json", UP_LOG, "html", "sarif", "junit"}
    found = {str(file): where for file in searched if (where := search.found_in(file.read_bytes()))}
    assert found == {}

    # The search finds what is there.
    for number, value in enumerate(sorted(search.secrets)):
        encoded = b64encode(f"{number}:{value}".encode()).decode()
        for planted in (value, json.dumps({"a": value}), quote(value, safe=""), encoded):
            assert search.found_in(f"before {planted} after".encode()), search.secrets[value]


CHOSEN = (*STACKS, "--control", "KEY-03", "--control", "CHG-01")


@pytest.fixture(scope="module")
def drifted(cell: LiveCell, reports: Path) -> Path:
    """Report of an audit, after the healthy one, while a key no longer rotates."""
    (change,) = (one for one in drift_keys.CHANGES if one.sees == "KEY-03 rotates_within_a_year")
    undo = change.does(cell.hands)
    try:
        after = reports.parent / "after.json"
        cell.hands.project.cell("audit", *CHOSEN, "--report", f"json={after}", code=5)
    finally:
        undo()
    return after


DRIFT = {("KEY-03", "rotates_within_a_year"), ("CHG-01", "nothing_drifted")}


def test_drift_turns_an_audit_red_and_the_difference_names_it(cell: LiveCell, reports: Path, drifted: Path) -> None:
    failed = load(drifted).deviations
    assert {(answer.control, answer.clause) for answer in failed} == DRIFT
    assert {answer.reconciled for answer in failed} == {Reconciled.DRIFTED}
    told = cell.hands.project.data("audit", "diff", str(reports / "json"), str(drifted))
    assert {change["control"] for change in told["changes"] if change["kind"] == "new"} == {"KEY-03", "CHG-01"}


def test_a_period_tells_between_which_audits_the_drift_was(cell: LiveCell, reports: Path, drifted: Path) -> None:
    project, mended = cell.hands.project, reports.parent / "mended.json"
    project.cell("audit", *CHOSEN, "--report", f"json={mended}")
    green, red, again = (load(path) for path in (reports / "json", drifted, mended))
    days = ("--from", green.started[:10], "--to", again.started[:10])
    key = project.folder / BUNDLES / KEY_FILE
    found = json.loads(project.cell("audit", "period", *STACKS, *days, "--key", str(key), "-o", "json", code=5).stdout)
    assert {(one["control"], one["clause"]) for one in found["failures"]} == DRIFT
    assert {(one["after"], one["first"], one["last"], one["until"]) for one in found["failures"]} == {
        (green.started, red.started, red.started, again.started)
    }
    assert {(one["stack"], one["held"], one["partial"]) for one in found["coverage"]} == {(one, 1, 3) for one in STACKS}
    assert (found["chain"], found["unproven"], found["emulated"]) == ([], False, True)
    assert {one["verdict"] for one in found["runs"]} == {"intact, author proven"}


def test_who_can_enter_is_frozen_and_changes_that_nobody_can_ask_are_not(cell: LiveCell) -> None:
    project = cell.hands.project
    out = project.folder / "access.ndjson"
    told = project.data("audit", "population", "access", CELL, "--out", str(out))
    drawn = project.data("audit", "sample", str(out), "--size", "3", "--seed", "41", "--sha256", told["sha256"])
    assert (drawn["count"], len(drawn["records"]), drawn["emulated"]) == (told["records"], 3, True)
    names = {json.loads(line).get("name") for line in out.read_text().splitlines()}
    assert {"root", "payment-cell-deploy"} <= names
    out = project.folder / "changes.ndjson"
    yesterday = f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%d}"
    asked = ("changes", "--from", yesterday, "--to", yesterday, "--out", str(out))
    told = project.cell("audit", "population", *asked, code=4).stderr
    assert "changes: cloudtrail:LookupEvents: " in told
    assert "not observed" in told
    assert not out.exists()


def test_an_account_is_audited_without_any_state(cell: LiveCell) -> None:
    found = cell.hands.project.data("audit", "--account", "--control", "KEY-03")
    assert {answer["reconciled"] for answer in found["answers"]} == {"one place"}
    assert {answer["status"] for answer in found["answers"]} >= {"pass"}


@pytest.mark.parametrize(
    ("arguments", "code", "problem"),
    [
        (("--control", "KEY-99"), 2, "KEY-99: no such control"),
        (("--observe", "stage"), 2, "--observe stage: give one or more of preview, state, live"),
        (("--report", "pdf=x"), 2, "pdf is no format"),
        (("mars",), 6, "mars: no such stack"),
        (("us-east-1",), 6, "us-east-1 is not up"),
        (("--account", CELL), 2, "--account looks at no state"),
    ],
)
def test_what_cannot_be_audited_is_told_before_anything_is_asked(
    cell: LiveCell, arguments: tuple[str, ...], code: int, problem: str
) -> None:
    assert problem in cell.hands.project.cell("audit", *arguments, code=code).stderr


EVERYWHERE = ("--observe", "preview,state,live")

SAID = (Status.PASS, Status.FAIL, Status.NOT_APPLICABLE)
"""Some clauses only an account can answer: in what region the bucket is that a declaration has the name of (RES-07)."""


def audited(cell: LiveCell, *arguments: str, code: int = 0) -> Audit:
    report = cell.hands.project.folder / "audit.json"
    cell.hands.project.cell("audit", CELL, *arguments, "--report", f"json={report}", code=code)
    return load(report)


def test_a_healthy_cell_is_healthy_in_all_three_places(cell: LiveCell) -> None:
    found = audited(cell, *EVERYWHERE)
    assert found.scope.places == tuple(Place)
    assert not found.deviations
    three = [one for one in found.answers if {seen.place for seen in one.observed if seen.status in SAID} == set(Place)]
    assert len({(one.control, one.clause) for one in three}) > 50
    assert {one.reconciled for one in three} == {Reconciled.AGREES}


@pytest.fixture
def forgetful(cell: LiveCell) -> Iterator[LiveCell]:
    """Its stack file keeps logs for a month, and nobody has deployed that."""
    file = cell.hands.project.stack_file(CELL)
    before = file.read_bytes()
    cell.hands.project.configure(CELL, retention={"logDays": 30})
    yield cell
    file.write_bytes(before)


SHORT_LOGS = {("LOG-06", "security_log_is_kept_a_year")}


def test_a_preview_alone_shows_what_a_change_would_break(forgetful: LiveCell) -> None:
    found = audited(forgetful, "--observe", "preview", code=5)
    assert {(one.control, one.clause) for one in found.deviations} == SHORT_LOGS
    assert {one.reconciled for one in found.deviations} == {Reconciled.ONE_PLACE}
    assert found.calls.by_operation == {}


def test_what_nobody_has_deployed_shows_in_the_preview_only(forgetful: LiveCell) -> None:
    found = audited(forgetful, *EVERYWHERE, code=5)
    assert {(one.control, one.clause, one.reconciled) for one in found.deviations} == {
        (*clause, Reconciled.DIFFERS) for clause in SHORT_LOGS
    }
    for one in found.deviations:
        assert {seen.place: seen.status for seen in one.observed} == {
            Place.PREVIEW: Status.FAIL,
            Place.STATE: Status.PASS,
            Place.LIVE: Status.PASS,
        }


# The last: some of what is done by hand, a key that waits for its deletion, cannot be undone at once.
@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_a_change_behind_the_engines_back_is_found_under_its_control(cell: LiveCell, change: Change) -> None:
    undo = change.does(cell.hands)
    try:
        failing, mine = cell.after(change)
    finally:
        undo()
    assert failing == {change.sees} | change.also
    assert any(one.status is Status.FAIL and one.reconciled is change.reconciled for one in mine)
