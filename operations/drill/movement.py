"""The real commands that move a writer, run as whoever is on call runs them, and what they say of themselves."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from operations.errors import CellError, ExitCode

LONGEST_S = 3600.0
"""Of one command."""

FOLDER = ".recovery"
"""Of the project: a folder a run."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Movement:
    """A run of `cell failover`, `switchover` or `failback`."""

    said: Mapping[str, Any]
    """The run's timeline (operations/recovery/timeline.py)."""
    calls: Mapping[str, int]
    """`<region> <service> <operation>` -> how often it was called."""

    @property
    def steps(self) -> Mapping[str, Mapping[str, Any]]:
        """Step -> its record: `state`, `began_at`, `ended_at`, `seconds`, `facts`."""
        return dict(self.said["steps"])

    def ended(self, step: str) -> float | None:
        """When a step ended, seconds since 1970, to the second; None where it did not."""
        text = self.steps.get(step, {}).get("ended_at")
        return datetime.fromisoformat(text).timestamp() if text else None

    def seconds(self) -> dict[str, float]:
        """Step -> how long it took."""
        return {name: float(record["seconds"]) for name, record in self.steps.items()}

    @property
    def missing(self) -> list[str]:
        """Payments that the run itself says are missing."""
        return [str(one["id"]) for one in self.steps.get("missing", {}).get("facts", {}).get("payments", ())]


def move(arguments: Sequence[str], project: Path, folder: Path) -> Movement:
    """Runs a `cell` command in `project`; its talk and the count of its calls go to `folder`. Raises CellError with its
    last words."""
    shown = f"cell {' '.join(arguments)} --yes -o json"
    calls, talk = folder / f"{arguments[0]}-calls.json", folder / f"{arguments[0]}.log"
    command = [sys.executable, "-m", "operations.drill.counted", str(calls), *arguments, "--yes", "-o", "json"]
    with talk.open("w") as log:
        try:
            done = subprocess.run(
                command, cwd=project, stdout=subprocess.PIPE, stderr=log, text=True, check=False, timeout=LONGEST_S
            )
        except subprocess.TimeoutExpired as late:
            raise CellError(f"{shown}: did not end after {LONGEST_S:.0f} s; see {talk}", ExitCode.TIMEOUT) from late
    if done.returncode:
        last = " ".join(talk.read_text().strip().splitlines()[-1:])
        raise CellError(f"{shown}: exit code {done.returncode}: {last}; see {talk}", ExitCode.ERROR)
    run = json.loads(done.stdout)["run"]
    if run is None:
        raise CellError(f"{shown}: nothing was moved; see {talk}", ExitCode.RESOURCE)
    timeline = project / FOLDER / run / "timeline.json"
    return Movement(said=json.loads(timeline.read_text()), calls=json.loads(calls.read_text()))
