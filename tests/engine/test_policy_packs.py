"""The two policy packs in plain `pulumi`, on a program that is none of this project's."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from cell import ROOT, Project, policy_events

from conftest import Sandbox
from policies.catalogue import controls
from policies.control import Framework

pytestmark = pytest.mark.engine

PACKS = {"payment-cell-gdpr": Framework.GDPR, "payment-cell-soc2": Framework.SOC2}
PROGRAM = Path(__file__).with_name("violations")


class Program:
    """The program in a folder outside the project."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self._env = {**sandbox.env, "PULUMI_DEBUG_COMMANDS": "true"}
        self._folder = Path(shutil.copytree(PROGRAM, folder / "program"))
        self._pulumi("stack", "init", "test")

    def preview(self, levels: Mapping[str, str] | None = None) -> tuple[int, list[tuple[str, str, str, str]]]:
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
        code = self._pulumi("preview", "--stack", "test", "--event-log", str(log), *arguments)
        return code, [
            (
                event["policyPackName"],
                event["enforcementLevel"],
                event["policyName"],
                event.get("resourceUrn", "").rpartition("::")[2],
            )
            for event in policy_events(log)
        ]

    def _pulumi(self, *arguments: str) -> int:
        done = subprocess.run(
            ["pulumi", *arguments, "--non-interactive", "--color=never"],
            executable=shutil.which("pulumi", path=self._env["PATH"]),
            cwd=self._folder,
            env=self._env,
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
