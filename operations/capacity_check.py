"""`cell capacity --without REGION --against DRILL`: what is computed of a lost region, beside a drill that lost it.

    found = checked(fleet, markets, "eu-west-1", drill)     pure: stack files, catalogue, and a drill's document
    found.off                                                rows that are further apart than 10 %

Comparable is what a drill can show: who takes the payments, at which rate they are served once the taker has its full
rate, and the part that is served at the first try. Not comparable is where the taker would end: a sandbox is one
machine, whose processors end long before nodes, shards and quotas of the stack files do (docs/recovery-readiness.md).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import inf, isinf
from pathlib import Path
from typing import Any, Final

from operations.capacity import Result, lost_cells, without
from operations.errors import CellError, ExitCode
from stacks.fleet import Fleet
from stacks.market_files import Markets
from stacks.models import CellSettings
from stacks.problems import listed

TOLERANCE: Final = 0.10
"""Part of the computed figure by which the measured one may differ."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One figure, computed and measured."""

    what: str
    unit: str
    computed: float
    measured: float

    @property
    def difference(self) -> float:
        """Part of the computed figure."""
        if self.computed == 0:
            return 0.0 if self.measured == 0 else inf
        return abs(self.measured - self.computed) / self.computed


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """A drill beside what was computed for its rate."""

    result: Result
    rows: Sequence[Row]
    drill: str
    """Which one, in words."""

    @property
    def off(self) -> Sequence[Row]:
        """Rows that are further apart than allowed."""
        return [row for row in self.rows if row.difference > TOLERANCE]

    @property
    def code(self) -> ExitCode:
        """0 where no row is off."""
        return ExitCode.ERROR if self.off else ExitCode.OK


def read(path: Path) -> Mapping[str, Any]:
    """A drill's document. Raises CellError (configuration) for a file that is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CellError(
            f"--against {path}: {error}; give .recovery/drills/<time>/drill.json", ExitCode.CONFIGURATION
        ) from error
    if not isinstance(found, dict):
        raise CellError(f"--against {path}: no drill; give .recovery/drills/<time>/drill.json", ExitCode.CONFIGURATION)
    return found


def checked(fleet: Fleet, markets: Markets, region: str, drill: Mapping[str, Any]) -> Checked:
    """Computes for the rate of the drill. Raises CellError (configuration) for a drill of something else."""
    try:
        origin, target, rate = str(drill["origin"]), str(drill["target"]), float(drill["rate"])
        full, kind, began = drill["full"], str(drill["kind"]), str(drill["began"])
        served, due = (0, 1) if full is None else (int(full["served"]), int(full["due"]))
        measured_rate = 0.0 if full is None else float(full["rate"])
        acknowledged = {str(cell): int(count) for cell, count in drill["acknowledgedByCell"].items()}
    except (KeyError, TypeError, ValueError) as error:
        rule = f"not of a drill that moves a writer, or of one before it told its full rate ({error})"
        raise CellError(f"--against: {rule}", ExitCode.CONFIGURATION) from error
    lost = lost_cells(fleet, region)
    if origin not in lost:
        rule = f"a drill of {origin}; {region} loses {listed(list(lost))}"
        raise CellError(f"--against: {rule}", ExitCode.CONFIGURATION)
    found = without(fleet, markets, region, _peak(lost, origin, rate))
    takers = {one.taker: 0.0 for one in found.moved if one.lost == origin and one.taker}
    for one in found.moved:
        if one.lost == origin and one.taker:
            takers[one.taker] += one.payments * _carried(found, one.taker)
    rows = [
        Row(what=f"{cell}: payments that it serves", unit="payments/s", computed=takers.get(cell, 0.0), measured=value)
        for cell, value in (dict.fromkeys(takers, 0.0) | {target: measured_rate}).items()
    ]
    others = sum(count for cell, count in acknowledged.items() if cell not in {origin, target})
    rows += [
        Row(
            what=f"{target}: part that it serves at the first try",
            unit="of all due",
            computed=min(1.0, takers.get(target, 0.0) / rate),
            measured=served / due,
        ),
        Row(what="payments that any other cell served", unit="payments", computed=0.0, measured=float(others)),
    ]
    return Checked(result=found, rows=rows, drill=f"{kind} of {origin}, {began}, {rate:g} payments/s")


def _peak(lost: Mapping[str, CellSettings], origin: str, rate: float) -> float:
    """Of all lost cells together, so that the drilled one has the drill's rate: they are divided as declared."""
    return rate * sum(cell.peak_payments_per_second for cell in lost.values()) / lost[origin].peak_payments_per_second


def _carried(found: Result, taker: str) -> float:
    """Part of its demand that a taker carries after its scale-up."""
    used = max((bound.used for bound in found.bounds if bound.cell == taker and bound.grows), default=0.0)
    return 1.0 if used <= 1 else 1 / used


def rows(found: Checked) -> list[Mapping[str, str]]:
    """A line a figure, for a table."""
    return [
        {
            "figure": row.what,
            "computed": f"{row.computed:,.2f}",
            "measured": f"{row.measured:,.2f}",
            "unit": row.unit,
            "difference": _words(row.difference),
        }
        for row in found.rows
    ]


def _words(difference: float) -> str:
    return "nothing was computed" if isinf(difference) else f"{difference:.0%}"


def remarks(found: Checked) -> list[str]:
    """Which drill, what is off, and what no drill of the sandbox can say."""
    lines = [f"drill: {found.drill}"]
    lines += [f"{row.what}: {_words(row.difference)} apart, more than {TOLERANCE:.0%}" for row in found.off]
    if (first := found.result.first) is not None:
        lines.append(
            f"Not compared: where {first.cell} would end. {first.dimension} would be {first.used:.2%} used at this "
            "rate; the sandbox's machine ends before any bound of the stack files."
        )
    return lines


def as_data(found: Checked) -> dict[str, Any]:
    """For JSON and YAML."""
    return {
        "drill": found.drill,
        "tolerance": TOLERANCE,
        "within": found.code is ExitCode.OK,
        "figures": [
            {**asdict(row), "difference": None if isinf(row.difference) else round(row.difference, 4)}
            for row in found.rows
        ],
    }
