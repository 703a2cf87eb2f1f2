"""Runs commands in a sandbox of the bench's own and measures them: seconds, and memory of the program."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]

PROGRAM = "language_program.py program"
"""In the command line of the process that runs a Pulumi program."""

USED = """
import resource
used = resource.getrusage(resource.RUSAGE_SELF)
print(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
"""
"""Printed by a measured Python process at its end: processor seconds, MiB."""

_POLL_S = 0.05


class BenchError(Exception):
    """A measured command failed: there is no ratio without both sides."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """One command. `program_mib`: the largest resident set of the process that ran the program (0: not seen);
    `processor_s`: what a Python process used of a core, 0 for other commands."""

    seconds: float
    program_mib: float = 0.0
    processor_s: float = 0.0
    output: str = field(default="", repr=False)


class Machine:
    """A sandbox in `home`, alone with what the bench does in it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        own = {"PAYMENT_CELL_SANDBOX": str(home), "PAYMENT_CELL_SANDBOX_OWNER": str(os.getpid())}
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "PULUMI_"))}
        self._env: dict[str, str] = {**clean, **own, "PYTHONPATH": str(ROOT)}
        self._sandbox("start")
        given = json.loads(self._sandbox("env", "-o", "json"))
        self._env |= {key: value for key, value in given.items() if value is not None}
        for key in (key for key, value in given.items() if value is None):
            self._env.pop(key, None)

    def stop(self) -> None:
        """End the sandbox; its folder is the caller's."""
        self._sandbox("stop")

    def pulumi(self, *arguments: str, cwd: Path = ROOT, extra: Mapping[str, str] | None = None) -> Measured:
        """`pulumi ARGUMENTS` without questions. Raises BenchError with its output when it fails."""
        command = ["pulumi", *arguments, "--non-interactive", "--color", "never"]
        return self.run(command, cwd=cwd, extra=extra or {})

    def python(self, code: str, *, cwd: Path = ROOT, extra: Mapping[str, str] | None = None) -> Measured:
        """A Python process of its own; its `program_mib` is what it ended with at most."""
        wrapped = f"{code}\n{USED}"
        measured = self.run([sys.executable, "-c", wrapped], cwd=cwd, extra=extra or {})
        processor_s, mib = map(float, measured.output.split()[-2:])
        return Measured(seconds=measured.seconds, program_mib=mib, processor_s=processor_s)

    def run(self, command: Sequence[str], *, cwd: Path, extra: Mapping[str, str]) -> Measured:
        """Time a command. Both sides of a ratio go through here, so both pay for the polling."""
        log = self.home / "bench.log"
        started = time.perf_counter()
        with log.open("w+") as sink:
            process = subprocess.Popen(
                command,
                cwd=cwd,
                env={**self._env, **extra},
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
            )
            peak = 0.0
            while process.poll() is None:
                peak = max(peak, program_mib(process.pid))
                time.sleep(_POLL_S)
        output = log.read_text()
        if process.returncode:
            raise BenchError(f"{' '.join(command)}: exit {process.returncode}\n{output[-3000:]}")
        return Measured(seconds=time.perf_counter() - started, program_mib=peak, output=output)

    def state(self, stack: str, cwd: Path = ROOT) -> dict[str, Any]:
        """`pulumi stack export`: secrets stay encrypted."""
        exported: dict[str, Any] = json.loads(self.pulumi("stack", "export", "--stack", stack, cwd=cwd).output)
        return exported

    def _sandbox(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "sandbox", *arguments],
            cwd=ROOT,
            env=self._env,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise BenchError(f"sandbox {' '.join(arguments)}: {done.stderr}")
        return done.stdout


def program_mib(ancestor: int) -> float:
    """Peak resident set so far of the Pulumi program below `ancestor`, in MiB; 0 where /proc does not tell."""
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            if PROGRAM not in (status.parent / "cmdline").read_text().replace("\0", " "):
                continue
            if not _descends(int(status.parent.name), ancestor):
                continue
            line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        except (OSError, StopIteration):
            continue  # it ended while it was read
        return int(line.split()[1]) / 1024
    return 0.0


def _descends(pid: int, ancestor: int) -> bool:
    while pid > 1:
        if pid == ancestor:
            return True
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return False
