"""A stack of an inline program on the real engine in the shared sandbox."""

import gc
import json
import subprocess
import sys
import uuid
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pulumi import automation
from pulumi.automation._stack import StackInitMode

from conftest import DEFAULT_REGION, Sandbox

Program = Callable[[], None]

PROJECT = "table"


@dataclass(frozen=True)
class Summary:
    """What an operation did, by kind of change."""

    resource_changes: Mapping[str, int]


class QuietStack(automation.Stack):
    """Reads what an operation did from the state's folder, for which the Automation API starts three more processes."""

    def info(self, show_secrets: bool = True) -> Any:  # noqa: ARG002
        latest = max(self._folder("history").glob("*.history.json"), key=lambda file: file.name)
        return Summary(json.loads(latest.read_text(encoding="utf-8")).get("resourceChanges", {}))

    def outputs(self) -> Any:
        """None at the end of an operation; `InlineStack.outputs` asks for them."""
        return {}

    def _folder(self, kind: str) -> Path:
        backend = Path(self.workspace.env_vars["PULUMI_BACKEND_URL"].removeprefix("file://"))
        return backend / ".pulumi" / kind / PROJECT / self.name

    @property
    def state_file(self) -> Path:
        return self._folder("stacks").with_suffix(".json")


@cache
def engine(home: Path) -> automation.PulumiCommand:
    """The command of the sandbox in `home`, asked for its version once."""
    return automation.PulumiCommand(root=str(home))


@cache
def serving_provider(sandbox: Path, environment: frozenset[tuple[str, str]]) -> str:
    """Port of an AWS provider that outlives single operations: starting one takes a second of processor time."""
    command = [sys.executable, "-m", "sandbox.aws.provider"]
    process = subprocess.Popen(command, cwd=sandbox, env=dict(environment), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process.stdout.readline().strip()


class InlineStack:
    """One stack; every call runs the engine. Change counts are as in `pulumi`'s summary: `{"create": 3, "same": 1}`."""

    def __init__(
        self,
        sandbox: Sandbox,
        program: Program,
        *,
        config: Mapping[str, str] | None = None,
        launch: bool = False,
    ) -> None:
        """With `launch` the engine starts the provider anew for each operation, as it does for users; else one serves
        the whole test process, one configuration at a time, so that programs must not declare providers."""
        env = dict(sandbox.env)
        if not launch:
            env["PULUMI_DEBUG_PROVIDERS"] = f"aws:{serving_provider(sandbox.home, frozenset(env.items()))}"
        workspace = automation.LocalWorkspace(
            program=program,
            env_vars=env,
            pulumi_command=engine(sandbox.home),
            project_settings=automation.ProjectSettings(name=PROJECT, runtime="python", main=str(Path.cwd())),
        )
        self._stack = QuietStack(f"t{uuid.uuid4().hex[:8]}", workspace, StackInitMode.CREATE)
        settings = automation.StackSettings(config={"aws:region": DEFAULT_REGION, **(config or {})})
        workspace.save_stack_settings(self._stack.name, settings)

    def use(self, program: Program) -> None:
        """Run another program in the same stack from now on."""
        self._stack.workspace.program = program

    def up(self, **options: Any) -> dict[str, int]:
        """`pulumi up`; failures raise with the engine's whole output."""
        return dict(self._stack.up(parallel=64, **options).summary.resource_changes or {})

    def preview(self, **options: Any) -> dict[str, int]:
        return {str(kind): count for kind, count in self._stack.preview(diff=True, **options).change_summary.items()}

    def preview_text(self) -> str:
        return self._stack.preview(diff=True).stdout

    def refresh(self, **options: Any) -> dict[str, int]:
        return dict(self._stack.refresh(diff=True, parallel=64, **options).summary.resource_changes or {})

    def refresh_text(self) -> str:
        """The engine's output of a refresh."""
        return str(self._stack.refresh(diff=True, parallel=64).stdout)

    def destroy(self, **options: Any) -> dict[str, int]:
        return dict(self._stack.destroy(parallel=64, **options).summary.resource_changes or {})

    def outputs(self) -> dict[str, Any]:
        outputs = self._stack.workspace.stack_outputs(self._stack.name)
        return {name: output.value for name, output in outputs.items()}

    def state(self) -> list[dict[str, Any]]:
        """The resources in state, secrets in plain text."""
        return list(self._stack.export_stack().deployment.get("resources", []))

    def deployment(self) -> dict[str, Any]:
        """The whole state, for `deploy`."""
        return dict(self._stack.export_stack().deployment)

    def deploy(self, deployment: Mapping[str, Any]) -> None:
        """Put another state in its place."""
        self._stack.import_stack(automation.Deployment(version=3, deployment=dict(deployment)))

    def state_text(self) -> str:
        """The state file as it is stored, secrets encrypted."""
        return self._stack.state_file.read_text(encoding="utf-8")

    def resource(self, name: str) -> dict[str, Any]:
        """One custom resource in state, by logical name."""
        return next(r for r in self.state() if r["urn"].rpartition("::")[2] == name and r.get("custom"))

    def cli(self, *arguments: str) -> str:
        """Any other command of the engine, on this stack."""
        workspace = self._stack.workspace
        done = workspace.pulumi_command.run(
            [*arguments, "--stack", self._stack.name], workspace.work_dir, workspace.env_vars, lambda _line: None
        )
        return str(done.stdout)

    def assert_stable(self) -> None:
        """Nothing changes without a reason: not in a second run, not by looking at the account."""
        for what in (self.refresh, self.preview):
            changes = what()
            assert set(changes) == {"same"}, f"{what.__name__}: {changes}\n{self.preview_text()}"


def fails(call: Callable[[], Any]) -> str:
    """The engine's output of a run that must fail."""
    with pytest.raises(automation.errors.CommandError) as caught:
        call()
    # The failed program's coroutine is abandoned half-way; collected in the middle of a later import, it breaks it.
    gc.collect()
    return str(caught.value)


@contextmanager
def stack(sandbox: Sandbox, program: Program, **options: Any):
    """A stack that is destroyed at the end, and whose destruction must succeed."""
    made = InlineStack(sandbox, program, **options)
    yield made
    made.destroy()
