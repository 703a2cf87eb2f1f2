"""Child processes that end with the sandbox, whatever ends it.

Linux kills a child whose parent-death signal is set when the *thread* that forked it ends, so every child is started by
one thread that lives as long as the process. Other systems have no such signal: there an `atexit` hook stops the
children of a normal exit, and a killed sandbox leaves them to `cell sandbox reset`.
"""

import atexit
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

STOP_GRACE_S = 5.0
"""Seconds between SIGTERM and SIGKILL; an API server without clients needs well under one."""

# Run between fork and exec in a fresh interpreter: a `preexec_fn` can deadlock in a threaded parent. The parent is
# checked after the signal is set, because it may have died in between.
_LAUNCHER = """
import ctypes, os, signal, sys
if sys.platform == "linux":
    ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL)
    if os.getppid() != int(sys.argv[1]):
        sys.exit(1)
os.execv(sys.argv[2], sys.argv[2:])
"""

_spawner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")
_children: set["Child"] = set()
_lock = threading.Lock()


class Child:
    """A process that dies with this one; its output is appended to `log`.

    `inherits`: whether `environment` comes on top of this process's own.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        log: Path,
        environment: Mapping[str, str] | None = None,
        *,
        inherits: bool = True,
    ) -> None:
        self._command = [str(part) for part in command]
        self._log = log
        self._environment = {**(os.environ if inherits else {}), **(environment or {})}
        self._process: subprocess.Popen[bytes] = _spawner.submit(self._start).result()
        with _lock:
            _children.add(self)

    def _start(self) -> subprocess.Popen[bytes]:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(os.getpid()), *self._command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def alive(self) -> bool:
        return self._process.poll() is None

    def send(self, number: signal.Signals) -> None:
        """Signal it; harmless when it ended."""
        self._process.send_signal(number)

    def wait(self, timeout_s: float | None = None) -> int:
        """Exit status once the process ended; `subprocess.TimeoutExpired` after `timeout_s` seconds."""
        return self._process.wait(timeout_s)

    def stop(self) -> None:
        """SIGTERM, then SIGKILL after the grace time; harmless when the process ended already."""
        with _lock:
            _children.discard(self)
        if not self.alive():
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@atexit.register
def _stop_all() -> None:
    for child in list(_children):
        child.stop()
