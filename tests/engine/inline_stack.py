"""A stack of an inline program on the real engine in the shared sandbox."""

import gc
import uuid
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pulumi import automation

from conftest import DEFAULT_REGION, Sandbox

Program = Callable[[], None]


class InlineStack:
    """One stack; every call runs the engine. Change counts are as in `pulumi`'s summary: `{"create": 3, "same": 1}`."""

    def __init__(self, sandbox: Sandbox, program: Program, *, config: Mapping[str, str] | None = None) -> None:
        name = f"t{uuid.uuid4().hex[:8]}"
        workspace = automation.LocalWorkspaceOptions(
            env_vars=dict(sandbox.env), pulumi_command=automation.PulumiCommand(root=str(sandbox.home))
        )
        self._stack = automation.create_stack(name, "table", program, opts=workspace)
        self._sandbox = sandbox
        values = {"aws:region": DEFAULT_REGION, **(config or {})}
        self._stack.set_all_config({key: automation.ConfigValue(value) for key, value in values.items()})

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

    def destroy(self, **options: Any) -> dict[str, int]:
        return dict(self._stack.destroy(parallel=64, **options).summary.resource_changes or {})

    def outputs(self) -> dict[str, Any]:
        return {name: output.value for name, output in self._stack.outputs().items()}

    def state(self) -> list[dict[str, Any]]:
        """The resources in state, secrets in plain text."""
        return list(self._stack.export_stack().deployment.get("resources", []))

    def state_text(self) -> str:
        """The state file as it is stored, secrets encrypted."""
        folder = Path(self._sandbox.env["PULUMI_BACKEND_URL"].removeprefix("file://"))
        return (folder / ".pulumi" / "stacks" / "table" / f"{self._stack.name}.json").read_text(encoding="utf-8")

    def resource(self, name: str) -> dict[str, Any]:
        """One custom resource in state, by logical name."""
        return next(r for r in self.state() if r["urn"].rpartition("::")[2] == name and r.get("custom"))

    def cli(self, *arguments: str) -> str:
        """Any other command of the engine, on this stack."""
        workspace = self._stack.workspace
        done = workspace.pulumi_command.run(
            [*arguments, "--stack", self._stack.name], workspace.work_dir, dict(self._sandbox.env), lambda _line: None
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
