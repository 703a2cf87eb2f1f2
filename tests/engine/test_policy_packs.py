"""The two policy packs in plain `pulumi`, on a program that is none of this project's."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cell import ROOT, Project, policy_events
from exception_files import signed, write

from conftest import Sandbox
from policies.catalogue import controls
from policies.control import Framework
from policies.exceptions import VARIABLE

pytestmark = pytest.mark.engine

PACKS = {"payment-cell-gdpr": Framework.GDPR, "payment-cell-soc2": Framework.SOC2}
PROGRAM = Path(__file__).with_name("violations")


class Program:
    """The program in a folder outside the project."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self._env = {**sandbox.env, "PULUMI_DEBUG_COMMANDS": "true"}
        self._folder = Path(shutil.copytree(PROGRAM, folder / "program"))
        self._pulumi("stack", "init", "test")

    def preview(
        self, levels: Mapping[str, str] | None = None, exceptions: Path | None = None
    ) -> tuple[int, list[tuple[str, str, str, str]]]:
        """(exit code, [(pack, level, control, resource)]); `levels` is the packs' configuration file."""
        log = self._folder.with_name("events.json")
        log.unlink(missing_ok=True)
        arguments = []
        for pack in ("gdpr", "soc2"):
            arguments += ["--policy-pack", str(ROOT / "policies" / pack)]
            if levels:
                config = self._folder.with_name("levels.json")
                config.write_text(json.dumps(levels))
                arguments += ["--policy-pack-config", str(config)]
        variables = {VARIABLE: str(exceptions)} if exceptions else {}
        code = self._pulumi("preview", "--stack", "test", "--event-log", str(log), *arguments, **variables)
        self.messages = {
            (event["policyName"], event.get("resourceUrn", "").rpartition("::")[2]): event["message"]
            for event in policy_events(log)
        }
        return code, [
            (
                event["policyPackName"],
                event["enforcementLevel"],
                event["policyName"],
                event.get("resourceUrn", "").rpartition("::")[2],
            )
            for event in policy_events(log)
        ]

    def _pulumi(self, *arguments: str, **variables: str) -> int:
        done = subprocess.run(
            ["pulumi", *arguments, "--non-interactive", "--color=never"],
            executable=shutil.which("pulumi", path=self._env["PATH"]),
            cwd=self._folder,
            env={**self._env, **variables},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        self.said = done.stdout + done.stderr
        return done.returncode


@pytest.fixture(scope="module")
def program(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Program:
    return Program(sandbox, tmp_path_factory.mktemp("elsewhere"))


def violations(without: str = "") -> set[tuple[str, str, str]]:
    """(pack, control, resource) that have to be reported: every control of a pack, on its own bad resource only."""
    return {
        (pack, control.id, f"{control.id.lower()}-bad")
        for pack, framework in PACKS.items()
        for control in controls()
        if control.clauses and control.mapped(framework) and control.id != without
    }


def test_every_control_reports_the_resource_that_violates_it_and_no_other(program: Program) -> None:
    code, found = program.preview()

    mandatory = {(pack, control, resource) for pack, level, control, resource in found if level == "mandatory"}
    assert mandatory == violations(), program.said
    assert {control for _, control, _ in mandatory} == {control.id for control in controls() if control.clauses}
    assert code != 0


def test_the_standard_configuration_file_changes_enforcement_levels(program: Program) -> None:
    code, found = program.preview({"all": "advisory", "NET-01": "disabled"})

    assert {level for _, level, _, _ in found} == {"advisory"}, program.said
    named = {(pack, control, resource) for pack, _, control, resource in found if resource.endswith("-bad")}
    assert named == violations(without="NET-01")
    assert code == 0, program.said


OPEN = {"all": "advisory", "KEY-03": "mandatory", "NET-05": "mandatory"}
"""One control of a resource and one of the stack can stop the preview."""


def test_an_accepted_failure_lets_a_preview_go_on_and_is_told(program: Program, tmp_path: Path) -> None:
    code, found = program.preview(OPEN, write(tmp_path, *accepted_for(timedelta(days=30)), stack="test"))

    assert code == 0, program.said
    levels = {(level, policy) for _, level, policy, resource in found if resource in {"key-03-bad", "net-05-bad"}}
    assert levels == {("advisory", "KEY-03-accepted"), ("advisory", "NET-05-accepted")}
    assert "failed, accepted by exception EX-KEY-03 until 20" in program.messages["KEY-03-accepted", "key-03-bad"]


def test_an_expired_exception_stops_a_preview_and_says_where_it_stands(program: Program, tmp_path: Path) -> None:
    code, found = program.preview(OPEN, write(tmp_path, *accepted_for(timedelta(days=-1)), stack="test"))

    assert code != 0
    assert {policy for _, level, policy, _ in found if level == "mandatory"} == {"KEY-03", "NET-05"}, program.said
    message = program.messages["KEY-03", "key-03-bad"]
    assert "exception EX-KEY-03 accepts nothing: expires: " in message
    assert "(exceptions/test.yaml:9)" in message


def test_an_exception_that_accepts_nothing_is_told(program: Program, tmp_path: Path) -> None:
    healthy = "urn:pulumi:test::violations::aws:kms/key:Key::key-03-good"
    levels = {"all": "advisory"}
    program.preview(levels, write(tmp_path, *accepted_for(timedelta(days=30), **{"KEY-03": healthy}), stack="test"))

    assert "exception EX-KEY-03 matches nothing that fails" in program.messages["exceptions", "violations-test"]


def accepted_for(left: timedelta, **resources: str) -> list[dict[str, object]]:
    """An exception a control, which ends after `left`."""
    times = {
        "granted": datetime.now(UTC) - timedelta(days=9),
        "expires": datetime.now(UTC) + left,
    }
    given = {name: time.strftime("%Y-%m-%dT%H:%M:%SZ") for name, time in times.items()}
    urns = {
        "KEY-03": "urn:pulumi:test::violations::aws:kms/key:Key::key-03-bad",
        "NET-05": "urn:pulumi:test::violations::aws:lb/loadBalancer:LoadBalancer::net-05-bad",
        **resources,
    }
    return [
        signed(stack="test", id=f"EX-{control}", control=control, resource=urn, **given)
        for control, urn in urns.items()
    ]


def test_policies_run_by_themselves_tell_passes_and_leave_nothing(project: Project) -> None:
    folder = Path(shutil.copytree(PROGRAM, project.folder / "other"))
    before = sorted(folder.glob("*.*"))

    found = json.loads(project.cell("policy", "run", "--program", str(folder), "-o", "json", code=5).stdout)

    failed = {(one["control"], one["urn"].rpartition("::")[2]) for one in found if one["status"] == "fail"}
    assert failed == {(control, resource) for _, control, resource in violations()}
    passed = {(one["control"], one["urn"].rpartition("::")[2]) for one in found if one["status"] == "pass"}
    assert ("KEY-03", "key-03-good") in passed
    assert {one["severity"] for one in found if one["control"] == "NET-01"} == {"critical"}
    assert sorted(folder.glob("*.*")) == before
    assert "policy-run" not in project.pulumi("stack", "ls").stdout


def test_policies_run_on_an_exported_state(project: Project) -> None:
    state = project.folder / "state.json"
    state.write_text(json.dumps(exported({"enableKeyRotation": False})))
    assert rotation(project, state, code=5) == ("fail", "enableKeyRotation is not true")
    project.cell("policy", "run", "--file", str(state), "--fail-on", "critical")
    state.write_text(json.dumps(exported({"enableKeyRotation": True, "deletionWindowInDays": 30})))
    assert rotation(project, state, code=0) == ("pass", "")


def test_policies_run_on_a_state_do_not_fail_for_what_is_accepted(project: Project) -> None:
    state = project.folder / "accepted.json"
    state.write_text(json.dumps(exported({"enableKeyRotation": False})))
    key = {"KEY-03": "urn:pulumi:x::p::aws:kms/key:Key::k"}
    [entry] = [one for one in accepted_for(timedelta(days=30), **key) if one["control"] == "KEY-03"]
    ends = {"id": "EX-1", "resource": key["KEY-03"], "granted": entry["granted"], "expires": entry["expires"]}
    environment = {VARIABLE: str(write(project.folder, signed(stack="x", **ends), stack="x"))}

    arguments = ("policy", "run", "--file", str(state), "--fail-on", "medium")
    told = project.cell(*arguments, env=environment)
    assert f"failed, accepted by EX-1 until {entry['expires']}" in told.stdout
    assert "(1 of them failed, accepted)" in told.stderr
    project.cell(*arguments, code=5)


def rotation(project: Project, state: Path, code: int) -> tuple[str, str]:
    """What KEY-03 answers about the only key of a state."""
    found = json.loads(project.cell("policy", "run", "--file", str(state), "-o", "json", code=code).stdout)
    [one] = [one for one in found if one["control"] == "KEY-03"]
    return one["status"], one["reason"]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ((), 2, "give one of --file, --program, --preview"),
        (("--file", "Pulumi.yaml"), 2, "no state as"),
        (("--program", "stacks"), 2, "no Pulumi.yaml there"),
        (("--preview", "nowhere"), 6, "Pulumi.nowhere.yaml"),
    ],
)
def test_what_no_policy_can_run_on_is_refused(
    project: Project, arguments: tuple[str, ...], code: int, says: str
) -> None:
    assert says in project.cell("policy", "run", *arguments, code=code).stderr


@pytest.fixture(scope="module")
def project(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project.copy(sandbox, tmp_path_factory.mktemp("policies") / "project")


def exported(key: Mapping[str, object]) -> dict[str, object]:
    """A state with one KMS key, as `pulumi stack export` writes it."""
    urn = "urn:pulumi:x::p::"
    provider = {"urn": f"{urn}pulumi:providers:aws::default", "type": "pulumi:providers:aws", "custom": True, "id": "1"}
    made = {"urn": f"{urn}aws:kms/key:Key::k", "type": "aws:kms/key:Key", "custom": True, "id": "k", "inputs": key}
    resources = [
        {"urn": f"{urn}pulumi:pulumi:Stack::p-x", "type": "pulumi:pulumi:Stack", "custom": False},
        {**provider, "inputs": {"region": "eu-west-1"}, "outputs": {"region": "eu-west-1"}},
        {**made, "outputs": {**key, "tags": {}}, "provider": f"{provider['urn']}::1"},
    ]
    return {"version": 3, "deployment": {"manifest": {"magic": "", "version": ""}, "resources": resources}}
