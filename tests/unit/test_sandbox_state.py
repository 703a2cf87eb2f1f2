"""What the sandbox knows of Pulumi's file backend: resources of an account that is gone, and running updates."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sandbox.lifecycle import commands, pulumi_state
from sandbox.lifecycle.home import Home, SandboxError
from sandbox.lifecycle.pulumi_state import Stack, Update

ACCOUNT_SINCE = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(path=tmp_path)
    home.make()
    return home


def write_stack(home: Home, name: str, *resources: dict[str, object]) -> None:
    folder = home.state / ".pulumi" / "stacks" / "payment-cell"
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = {"version": 3, "checkpoint": {"latest": {"resources": list(resources)}}}
    (folder / f"{name}.json").write_text(json.dumps(checkpoint))


def resource(created: str, kind: str = "aws:sqs/queue:Queue", *, custom: bool = True) -> dict[str, object]:
    return {"type": kind, "custom": custom, "created": created}


def write_lock(home: Home, stack: str, pid: int) -> None:
    folder = home.state / ".pulumi" / "locks" / "organization" / "payment-cell" / stack
    folder.mkdir(parents=True)
    (folder / "lock.json").write_text(json.dumps({"pid": pid, "username": "u", "hostname": "h"}))


def test_resources_older_than_the_account_are_stale(home: Home) -> None:
    write_stack(
        home,
        "dev",
        resource("2026-03-01T11:59:59.999999999Z"),
        resource("2026-03-01T12:00:00.5Z"),
        resource("2026-03-01T13:00:00Z"),
    )
    assert pulumi_state.stacks(home, ACCOUNT_SINCE) == [Stack(name="dev", resources=3, stale=1)]


def test_without_an_account_every_resource_is_stale(home: Home) -> None:
    write_stack(home, "dev", resource("2026-03-01T13:00:00Z"))
    assert pulumi_state.stacks(home, None) == [Stack(name="dev", resources=1, stale=1)]


def test_components_providers_and_unreadable_files_are_not_counted(home: Home) -> None:
    old = "2026-01-01T00:00:00Z"
    write_stack(home, "dev", resource(old, "pulumi:providers:aws"), resource(old, "cell:Keys", custom=False))
    (home.state / ".pulumi" / "stacks" / "payment-cell" / "half.json").write_text('{"version": 3, "che')
    assert [stack.stale for stack in pulumi_state.stacks(home, ACCOUNT_SINCE)] == [0, 0]
    assert commands.stale_explanation(home, None) == ""


def test_the_explanation_names_the_stacks_and_the_way_out(home: Home) -> None:
    write_stack(home, "eu-west-1", resource("2026-01-01T00:00:00Z"), resource("2026-01-01T00:00:00Z"))
    explanation = commands.stale_explanation(home, ACCOUNT_SINCE)
    assert "2 resources" in explanation
    assert "eu-west-1 (2)" in explanation
    assert "cell sandbox reset" in explanation


def test_only_locks_of_living_processes_are_updates(home: Home) -> None:
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    write_lock(home, "gone", int(ended.stdout))
    write_lock(home, "dev", os.getpid())
    assert pulumi_state.updates(home) == [Update(stack="dev", pid=os.getpid())]


def test_reset_refuses_while_an_update_runs_and_clears_nothing(home: Home) -> None:
    write_stack(home, "dev", resource("2026-01-01T00:00:00Z"))
    write_lock(home, "dev", os.getpid())
    with pytest.raises(SandboxError, match=f"dev .process {os.getpid()}"):
        commands.reset(home)
    assert [stack.resources for stack in pulumi_state.stacks(home, None)] == [1]
    assert not home.reset_pending.exists()


def test_an_interrupted_reset_is_finished_by_the_next_one(home: Home) -> None:
    write_stack(home, "dev", resource("2026-01-01T00:00:00Z"))
    home.reset_pending.touch()
    with pytest.raises(SandboxError, match="reset was interrupted"):
        commands.require_running(home)
    commands.reset(home)
    assert pulumi_state.stacks(home, None) == []
    assert not home.reset_pending.exists()
