"""A run as a timeline: JSON, Markdown, a picture."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any, Final

from operations.recovery.run import Run

FOLDER: Final = ".recovery"
"""Of the project: a folder a run."""

DRILLS: Final = "drills"
"""Below it: a folder a drill (operations/drill/command.py)."""

ROW_PX, NAME_PX, WIDTH_PX, SECONDS_PX = 22, 180, 900, 70

COLOURS: Final[Mapping[str, str]] = {"done": "#2da44e", "failed": "#cf222e", "begun": "#bf8700"}


def rows(run: Run) -> list[dict[str, Any]]:
    """A row a step, in the order in which they began: seconds from the run's beginning."""
    began = datetime.fromisoformat(run.started_at)
    return [
        {
            "step": name,
            "state": record.state,
            "at_s": (datetime.fromisoformat(record.began_at) - began).total_seconds(),
            "seconds": record.seconds,
            "facts": dict(record.facts),
        }
        for name, record in run.steps.items()
    ]


def document(run: Run, *, emulated: bool) -> dict[str, Any]:
    """Everything that is known of a run. `emulated`: its cloud was not AWS."""
    return {**run.to_data(), "timeline": rows(run), "emulated": emulated}


def markdown(run: Run) -> str:
    """For people."""
    approved = ", ".join(f"{one.by} at {one.at}" for one in run.approvals) or "nobody"
    lines = [
        f"# {run.kind.capitalize()} {run.origin} -> {run.target}",
        "",
        f"Run {run.id}, {run.status}. Started {run.started_at} by {run.started_by}; approved by {approved}; "
        f"ended {run.ended_at or 'not yet'}. Data loss was {'' if run.accept_data_loss else 'not '}accepted.",
        "",
        "| step | state | from, s | took, s | facts |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['step']} | {row['state']} | {row['at_s']:.0f} | {row['seconds']:.0f} | {_facts(row['facts'])} |"
        for row in rows(run)
    ]
    return "\n".join(lines) + "\n"


def picture(run: Run) -> str:
    """SVG: a bar a step, over seconds."""
    found = rows(run)
    length = max((row["at_s"] + row["seconds"] for row in found), default=0.0) or 1.0
    scale = (WIDTH_PX - NAME_PX - SECONDS_PX) / length
    height = ROW_PX * (len(found) + 1)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH_PX}" height="{height}" '
        f'viewBox="0 0 {WIDTH_PX} {height}">',
        "<style>text{font:12px monospace;fill:#1b1f24}</style>",
        f'<text x="4" y="15">{escape(f"{run.kind} {run.origin} -> {run.target}, {run.status}, {length:.0f} s")}</text>',
    ]
    for number, row in enumerate(found, 1):
        x, y, width = NAME_PX + row["at_s"] * scale, ROW_PX * number, max(2.0, row["seconds"] * scale)
        parts += [
            f'<text x="4" y="{y + 15}">{escape(row["step"])}</text>',
            f'<rect x="{x:.1f}" y="{y + 3}" width="{width:.1f}" height="{ROW_PX - 6}" fill="{COLOURS[row["state"]]}"/>',
            f'<text x="{x + width + 4:.1f}" y="{y + 15}">{row["seconds"]:.0f} s</text>',
        ]
    return "\n".join([*parts, "</svg>"]) + "\n"


def write(folder: Path, run: Run, *, emulated: bool) -> Path:
    """Writes the three of them and returns their folder. The same run gives the same bytes."""
    target = folder / FOLDER / run.id
    target.mkdir(parents=True, exist_ok=True)
    (target / "timeline.json").write_text(json.dumps(document(run, emulated=emulated), indent=2, sort_keys=True) + "\n")
    (target / "timeline.md").write_text(markdown(run))
    (target / "timeline.svg").write_text(picture(run))
    return target


def _facts(facts: Mapping[str, Any]) -> str:
    return "; ".join(f"{key}: {json.dumps(value)}" for key, value in facts.items()).replace("|", "\\|")
