"""Processes recognised by pid and start time, and ended without ever hitting a stranger that got a recycled pid."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from sandbox.lifecycle.home import Process

RUN_VARIABLE = "PAYMENT_CELL_SANDBOX_RUN"
"""Set to the start id in every process of one run, inherited by what they start: how leftovers are found on Linux."""

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def identify(pid: int) -> Process | None:
    """The process as it can be recognised later, None when it is gone (a zombie counts as gone)."""
    started = _start_time(pid)
    return Process(pid=pid, started=started) if started else None


def alive(process: Process | None) -> bool:
    return process is not None and _start_time(process.pid) == process.started


def send(process: Process, number: signal.Signals) -> None:
    """Signal exactly this process; harmless when it is gone."""
    if not alive(process):
        return
    try:
        os.kill(process.pid, number)
    except ProcessLookupError:
        return


def end(process: Process | None, grace_s: float) -> None:
    """SIGTERM, then SIGKILL after the grace; returns when the process is gone."""
    if process is None or not alive(process):
        return
    send(process, signal.SIGTERM)
    if not wait_gone(process, grace_s):
        send(process, signal.SIGKILL)
        wait_gone(process, grace_s)


def wait_gone(process: Process, timeout_s: float) -> bool:
    """Whether the process is gone within `timeout_s` seconds; polled, since it need not be a child to wait(2) for."""
    deadline = time.monotonic() + timeout_s
    while alive(process):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def members(start_id: str) -> list[Process]:
    """Processes of one run apart from the caller, found by the marker they inherited; only Linux can tell."""
    marker = f"{RUN_VARIABLE}={start_id}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        if int(entry.name) == os.getpid():
            continue
        try:
            environment = (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if marker in environment and (process := identify(int(entry.name))):
            found.append(process)
    return found


def die_with_parent(number: signal.Signals) -> None:
    """Have the kernel send `number` to this process when its parent ends (only Linux can)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ended, so that they can be found and ended (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _start_time(pid: int) -> str:
    if sys.platform != "linux":
        listing = subprocess.run(
            ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
        )
        state, _, started = listing.stdout.strip().partition(" ")
        return "" if state.startswith("Z") else started.strip()
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    # The command name, in parentheses, may hold spaces; state is the first field after it, start time the twentieth.
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] in "ZX" else fields[19]
