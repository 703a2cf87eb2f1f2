"""`cell recovery collect`: the timelines of all runs of a pair, from its epoch store.

The journal outlives the machine that a run was driven from. A run's `timeline.json` follows from its journal alone: two
machines write the same bytes, and so have the same digest in an audit.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from operations.errors import CellError, ExitCode
from operations.recovery import timeline
from operations.recovery.machine import text
from operations.recovery.run import Run

JOURNALS: Final = "journals"
"""Below `timeline.FOLDER`: a file a pair, which says which runs its journal had, and when it was read."""

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Collected:
    """What was read."""

    pair: str
    by: str
    """ARN that read it."""
    runs: Sequence[Run]
    emulated: bool


def write(folder: Path, found: Collected, at: datetime | None = None) -> Path:
    """Writes every timeline and the list of them, below a project. Raises CellError for a run that names no folder."""
    for run in found.runs:
        if not _ID.fullmatch(run.id) or run.id in {JOURNALS, timeline.DRILLS}:
            raise CellError(f"{run.id!a}: an id of a run names a folder", ExitCode.CONFIGURATION)
        timeline.write(folder, run, emulated=found.emulated)
    told = {
        "pair": found.pair,
        "at": text(at or datetime.now(UTC)),
        "by": found.by,
        "emulated": found.emulated,
        "runs": [run.id for run in found.runs],
    }
    target = folder / timeline.FOLDER / JOURNALS / f"{found.pair}.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(told, indent=2, sort_keys=True) + "\n")
    return target
