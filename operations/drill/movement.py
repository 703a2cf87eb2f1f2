"""The real commands that move a writer, run as whoever is on call runs them, and what they say of themselves."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from operations.errors import CellError, ExitCode

PROGRAM = "from operations.cli import main; main()"
LONGEST_S = 3600.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Movement:
    """A run of `cell failover`, `switchover` or `failback`."""

    said: Mapping[str, Any]
    """The run as the command printed it."""

    @property
    def steps(self) -> Sequence[Mapping[str, Any]]:
        return list(self.said.get("steps") or ())

    def ended(self, step: str) -> float | None:
        """When a step ended, seconds since 1970; None: there was none of this name, or it did not end."""
        found = [one.get("ended_at") for one in self.steps if one["name"] == step]
        return datetime.fromisoformat(found[-1]).timestamp() if found and found[-1] else None

    def seconds(self) -> dict[str, float]:
        """Step -> how long it took."""
        return {
            str(one["name"]): round(_time(one["ended_at"]) - _time(one["started_at"]), 3)
            for one in self.steps
            if one.get("started_at") and one.get("ended_at")
        }

    def facts(self, name: str) -> list[Any]:
        """What the steps noted under a name, in order."""
        return [one["facts"][name] for one in self.steps if name in (one.get("facts") or {})]


def _time(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def move(arguments: Iterable[str], folder: Path, log: Path) -> Movement:
    """Runs a `cell` command in `folder`; its talk goes to `log`. Raises CellError with its last words."""
    command = [sys.executable, "-c", PROGRAM, *arguments, "--yes", "-o", "json"]
    log.parent.mkdir(parents=True, exist_ok=True)
    shown = f"cell {' '.join(command[3:])}"
    with log.open("a") as talk:
        talk.write(f"$ {shown}\n")
        talk.flush()
        try:
            done = subprocess.run(
                command, cwd=folder, stdout=subprocess.PIPE, stderr=talk, text=True, check=False, timeout=LONGEST_S
            )
        except subprocess.TimeoutExpired as late:
            raise CellError(f"{shown}: did not end after {LONGEST_S:.0f} s; see {log}", ExitCode.TIMEOUT) from late
    if done.returncode:
        last = log.read_text().strip().splitlines()[-1:]
        raise CellError(f"{shown}: exit code {done.returncode}: {' '.join(last)}; see {log}", ExitCode.ERROR)
    return Movement(said=json.loads(done.stdout))
