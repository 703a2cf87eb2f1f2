"""The process that holds a running sandbox together: starts the emulator, notices its end, leaves nothing behind.

It outlives the command that started it. Whatever ends it ends the emulator, whose end ends the API servers, and the
data plane, whose end ends the pods. A data plane that ended by itself is started again: it keeps nothing.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from sandbox.lifecycle import emulator_client, processes
from sandbox.lifecycle.home import CHECKOUT, Home, Process, Run, SandboxError

READY_TIMEOUT_S = 60.0
"""Seconds until the emulator must answer; it needs about two on an idle core."""

STOP_GRACE_S = 15.0
"""Seconds between SIGTERM and SIGKILL; the emulator ends its API servers and etcd in that time."""

MAX_LOG_BYTES = 20 * 2**20
"""A log larger than this is set aside (one generation) when the sandbox starts."""

CHECK_EVERY_S = 5.0
"""Seconds between two looks at whether the sandbox is still wanted."""

OWNER_VARIABLE = "PAYMENT_CELL_SANDBOX_OWNER"
"""Environment variable with the pid of a process without which the sandbox is of no use, such as a test run."""

DATAPLANE_VARIABLE = "PAYMENT_CELL_SANDBOX_DATAPLANE"
"""Environment variable; `off`: what is declared is kept and not run."""

MOTO = {
    # Default AMIs take seconds and megabytes, and nothing here starts from one.
    "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",
    # Roles attach the policies that AWS manages; without this moto knows none of them.
    "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
    # A page in a browser reaches loopback: without CORS headers it cannot read what it gets.
    "MOTO_DISABLE_GLOBAL_CORS": "true",
}
"""Read by moto when it is imported, so the emulator is started with them. Not for whoever imports its modules: a test
that begins with an empty account would read all managed policies again."""

_SIGNALS = {signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP}


def spawn(home: Home, start_id: str, port: int, environment: Mapping[str, str]) -> tuple[int, int]:
    """Start a supervisor in a session of its own. Returns its pid and a descriptor that says `ready` or why not.

    `port`: the one to listen on if it is free (0: any).
    """
    reading, writing = os.pipe()
    with open_log(home.logs / "supervisor.log") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "sandbox.lifecycle.supervisor", str(home.path), start_id, str(port), str(writing)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**environment, processes.RUN_VARIABLE: start_id},
            pass_fds=[writing],
            start_new_session=True,
        )
    os.close(writing)
    process.returncode = 0  # it outlives this command: tell Popen not to warn that nobody waited for it
    return process.pid, reading


@contextlib.contextmanager
def open_log(path: Path) -> Iterator[int]:
    """A descriptor that appends to the log, which only its owner may read."""
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size > MAX_LOG_BYTES:
            path.replace(path.with_suffix(".log.1"))
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


class Supervisor:
    def __init__(self, home: Home, start_id: str, port: int, ready_descriptor: int) -> None:
        self._home = home
        self._ready = ready_descriptor
        owner = os.environ.get(OWNER_VARIABLE)
        self._owner = (processes.identify(int(owner)) or Process(pid=int(owner), started="")) if owner else None
        self._dataplane: Process | None = None
        self._dataplane_due = 0.0
        self._socket = _listen(port)
        self._run = Run(
            start_id=start_id,
            started_at=time.time(),
            port=self._socket.getsockname()[1],
            supervisor=processes.identify(os.getpid()),
        )

    def main(self) -> None:
        # Blocked, not handled: none is lost between two statements, and `sigwait` takes them one after the other.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        processes.adopt_orphans()
        self._home.write_run(self._run)
        emulator = self._start_emulator()
        self._home.write_run(self._run)
        try:
            ended = self._supervise(emulator)
        finally:
            # First, while there is an account that its pods can say farewell to.
            processes.end(self._dataplane, STOP_GRACE_S)
            processes.end(emulator, STOP_GRACE_S)
            for process in processes.members(self._run.start_id):
                processes.end(process, grace_s=1.0)
        current = self._home.run()
        # Otherwise the folder was deleted, or belongs to another run by now.
        if current and current.start_id == self._run.start_id:
            self._home.write_run(replace(self._run, ended=ended))
        print(f"{time.strftime('%FT%T')} {ended}", flush=True)

    def _start_emulator(self) -> Process:
        with open_log(self._home.logs / "emulator.log") as log:
            child = subprocess.Popen(
                [sys.executable, "-m", "sandbox.aws.server", str(self._home.path), str(self._socket.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=[self._socket.fileno()],
                env={**os.environ, **MOTO},
            )
        # Only the emulator may hold the socket: when it dies while starting, whoever connects must get an error.
        self._socket.close()
        child.returncode = 0  # `_reap` waits for it, together with adopted orphans
        emulator = processes.identify(child.pid)
        self._run = replace(self._run, emulator=emulator)
        return emulator or Process(pid=child.pid, started="")

    def _keep_dataplane(self) -> None:
        """Start the data plane unless it runs; only Linux answers on the loopback addresses that it gives to pods."""
        now = time.monotonic()
        if sys.platform != "linux" or os.environ.get(DATAPLANE_VARIABLE) == "off":
            return
        if processes.alive(self._dataplane) or now < self._dataplane_due:
            return
        self._dataplane_due = now + CHECK_EVERY_S
        with open_log(self._home.logs / "dataplane.log") as log:
            child = subprocess.Popen(
                [sys.executable, "-m", "sandbox.dataplane", str(self._home.path), str(self._run.port)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=CHECKOUT,
            )
        child.returncode = 0  # `_reap` waits for it
        self._dataplane = processes.identify(child.pid)

    def _supervise(self, emulator: Process) -> str:
        """Why the sandbox ends."""
        status = emulator_client.status(self._run.port, READY_TIMEOUT_S)
        if status is None or status.get("startId") != self._run.start_id:
            return self._tell(f"the emulator did not start; see {self._home.logs / 'emulator.log'}")
        self._run = replace(self._run, ready=True)
        self._home.write_run(self._run)
        self._keep_dataplane()
        try:
            self._tell("ready")
        except BrokenPipeError:
            return "the start was interrupted"
        while True:
            self._keep_dataplane()
            received = _next_signal()
            if received is None:
                if unwanted := self._unwanted():
                    return unwanted
                continue
            if received != signal.SIGCHLD:
                return f"stopped ({signal.Signals(received).name})"
            code = _reap(emulator.pid)
            if code is not None:
                when = time.strftime("%F %T")
                log = self._home.logs / "emulator.log"
                return f"the emulator ended by itself at {when} ({_describe(code)}); see {log}"

    def _unwanted(self) -> str:
        """Why nobody can want this sandbox any more, empty while somebody may."""
        try:
            run = self._home.run()
        except SandboxError:
            return ""
        if run is None or run.start_id != self._run.start_id:
            return f"{self._home.path} was deleted"
        if self._owner is not None and not processes.alive(self._owner):
            return f"its owner, process {self._owner.pid}, ended"
        return ""

    def _tell(self, message: str) -> str:
        os.write(self._ready, f"{message}\n".encode())
        os.close(self._ready)
        return message


def _listen(port: int) -> socket.socket:
    """A listening socket on loopback: on `port` when it is free, so that open shells stay valid, else on any other."""
    for candidate in (port, 0):
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", candidate))
            listener.listen(256)
        except OSError:
            listener.close()
            if not candidate:
                raise
        else:
            return listener
    raise AssertionError("the loop either returns or raises")


def _next_signal() -> int | None:
    """The next signal, None if there is none for a while."""
    if not hasattr(signal, "sigtimedwait"):  # macOS has only the patient one
        return signal.sigwait(_SIGNALS)
    received = signal.sigtimedwait(_SIGNALS, CHECK_EVERY_S)
    return received.si_signo if received else None


def _reap(emulator_pid: int) -> int | None:
    """Wait for whatever ended, adopted orphans too; the emulator's wait status if it was among them."""
    found = None
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            if pid == emulator_pid:
                found = status
    return found


def _describe(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"signal {signal.Signals(os.WTERMSIG(status)).name}"
    return f"exit status {os.waitstatus_to_exitcode(status)}"


if __name__ == "__main__":
    Supervisor(Home(path=Path(sys.argv[1])), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])).main()
