"""The two policy packs in plain `pulumi`, on a program that is none of this project's."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from cell import ROOT, policy_events

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
        if control.mapped(framework) and control.id != without
    }


def test_every_control_reports_the_resource_that_violates_it_and_no_other(program: Program) -> None:
    code, found = program.preview()

    mandatory = {(pack, control, resource) for pack, level, control, resource in found if level == "mandatory"}
    assert mandatory == violations(), program.said
    assert {control for _, control, _ in mandatory} == {control.id for control in controls()}
    assert code != 0


def test_the_standard_configuration_file_changes_enforcement_levels(program: Program) -> None:
    code, found = program.preview({"all": "advisory", "NET-01": "disabled"})

    assert {level for _, level, _, _ in found} == {"advisory"}, program.said
    named = {(pack, control, resource) for pack, _, control, resource in found if resource.endswith("-bad")}
    assert named == violations(without="NET-01")
    assert code == 0, program.said
