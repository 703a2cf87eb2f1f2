"""What a restore drill found: one document, as JSON and as Markdown, and the line that `cell status` shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import catalogue
from components.vocabulary import DataClass, tags
from operations.drill.comparison import Compared, same
from operations.last_drill import drill_record, record_text

RESTORED = ("isolate", "restore", "instance", "answer")
CHECKED = (*RESTORED, "compare")
"""Steps that the two times are made of."""

LONGEST = 1_000
"""Characters of a note; a parameter holds 4 KiB
(https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """A step that was done."""

    name: str
    seconds: float


def document(
    names: Mapping[str, str], at: datetime, began: datetime, steps: Sequence[Step], compared: Sequence[Compared]
) -> dict[str, Any]:
    """All of it, as JSON takes it. `names`: `cell`, `shard`, `source` and `copy`."""
    return {
        "kind": "restore",
        **names,
        "at": at.isoformat(),
        "began": began.isoformat(timespec="seconds"),
        "same": same(compared),
        "different": [one.table for one in compared if not one.same],
        "restoredS": _sum(steps, RESTORED),
        "checkedS": _sum(steps, CHECKED),
        "steps": [asdict(step) for step in steps],
        "tables": [{**asdict(one), "same": one.same} for one in compared],
    }


def _sum(steps: Sequence[Step], names: Sequence[str]) -> float:
    return round(sum(step.seconds for step in steps if step.name in names), 3)


def markdown(found: Mapping[str, Any]) -> str:
    """The document as a page of Markdown."""
    verdict = "the same" if found["same"] else f"different: {', '.join(found['different'])}"
    lines = [
        f"# Restore drill of {found['source']}",
        "",
        f"Began {found['began']}. {found['source']} as of {found['at']} into {found['copy']}: **{verdict}**.",
        f"Restored after {found['restoredS']:.1f} s, checked after {found['checkedS']:.1f} s.",
        "",
        "| step | seconds |",
        "|---|---|",
        *(f"| {step['name']} | {step['seconds']:.1f} |" for step in found["steps"]),
        "",
        "| table | rows | rows in the copy | rows after the point in time | checksum | checksum in the copy |",
        "|---|---|---|---|---|---|",
        *(
            f"| {one['table']} | {one['source']['rows']} | {one['copy']['rows']} | {one['copy']['later']} "
            f"| {one['source']['checksum']} | {one['copy']['checksum']} |"
            for one in found["tables"]
        ),
    ]
    return "\n".join(lines) + "\n"


def line(found: Mapping[str, Any]) -> str:
    """`restore of s00 as of ...: same, restored in 12.3 s, checked in 13.0 s`"""
    verdict = "same" if found["same"] else f"different ({', '.join(found['different'])})"
    times = f"restored in {found['restoredS']:.1f} s, checked in {found['checkedS']:.1f} s"
    return f"restore of {found['shard']} as of {found['at']}: {verdict}, {times}"


def note(ssm: Any, region: str, cell: str, text: str, *, passed: bool) -> None:
    """Writes how the drill ended where `cell status` and `cell readiness` look for it."""
    name = drill_record(cell)
    ssm.put_parameter(Name=name, Value=record_text(text, passed=passed)[:LONGEST], Type="String", Overwrite=True)
    # By itself: PutParameter takes no tags where it may overwrite. Untagged, it would be judged as personal data.
    marks = tags(DataClass.INTERNAL, jurisdiction=catalogue.region(region).jurisdiction)
    listed = [{"Key": key, "Value": value} for key, value in marks.items()]
    ssm.add_tags_to_resource(ResourceType="Parameter", ResourceId=name, Tags=listed)
