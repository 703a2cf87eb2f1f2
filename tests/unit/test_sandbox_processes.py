"""Processes are recognised by pid and start time, so that nobody else's process is ever ended."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from sandbox.lifecycle import processes
from sandbox.lifecycle.home import Process


@pytest.fixture
def child() -> Iterator["subprocess.Popen[bytes]"]:
    environment = {**os.environ, processes.RUN_VARIABLE: "a-test-run"}
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, env=environment) as process:
        yield process
        process.kill()


def identify(process: "subprocess.Popen[bytes]") -> Process:
    found = processes.identify(process.pid)
    assert found is not None
    return found


def test_a_process_that_got_a_recycled_pid_is_not_ended(child: "subprocess.Popen[bytes]") -> None:
    earlier_owner = replace(identify(child), started="1")
    assert not processes.alive(earlier_owner)
    processes.end(earlier_owner, grace_s=1)
    assert child.poll() is None


def test_a_recognised_process_is_ended(child: "subprocess.Popen[bytes]") -> None:
    process = identify(child)
    processes.end(process, grace_s=5)
    assert not processes.alive(process)
    assert child.wait(timeout=5) != 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows the environment of processes")
def test_what_a_run_started_is_found_by_the_marker_it_inherited(child: "subprocess.Popen[bytes]") -> None:
    assert child.stdin is not None
    assert processes.members("a-test-run") == [identify(child)]
    assert processes.members("another-run") == []


def test_a_process_that_never_was_is_harmless() -> None:
    processes.end(None, grace_s=1)
    assert not processes.alive(None)
