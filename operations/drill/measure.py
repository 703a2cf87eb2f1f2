"""What customers saw of a movement: from their tries alone to figures. Pure; all times are seconds after the fault."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from operations.probe.load import ACKNOWLEDGED, Answer, Try

WINDOW_S: Final = 5.0
"""Width of the windows in which it is looked whether all payments are taken again."""

FULL: Final = 0.95
"""Part of a window's payments that is acknowledged at the first try where a cell is said to take them all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Full:
    """From when on first tries were served as before, to the end: what `cell capacity --against` compares."""

    due: int
    """Payments that were to be made."""
    served: int
    """Of these, acknowledged by the new cell at the first try."""
    rate: float
    """payments/s, of these, by when they were acknowledged: a cell that falls behind its customers is seen."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """A movement as seen from outside. None: it did not happen."""

    payments: int
    acknowledged: int
    before: int
    """Acknowledged before the fault."""
    failed_tries: int
    """After the fault, by refusal or without an answer."""
    detected_s: float | None
    """Until the first of them."""
    first_success_s: float | None
    """Until the new cell acknowledged one."""
    full_rate_s: float | None
    """From when on first tries were served as before, to the end."""
    full: Full | None
    silence_s: float
    """Longest time without any acknowledgement, from before the fault to the end."""
    by_cell: dict[str, int]
    """Stack -> payments that it acknowledged."""


def measured(answers: Sequence[Answer], fault_s: float, target: str) -> Figures:
    """`fault_s`: seconds after the first payment. `target`: stack of the cell that is to take the payments after it."""
    told = sorted((one for answer in answers for one in _acknowledgement(answer)), key=lambda one: one.ended_s)
    failed = [one for answer in answers for one in answer.tries if one.status not in ACKNOWLEDGED and _unserved(one)]
    after = [one.ended_s - fault_s for one in failed if one.ended_s >= fault_s]
    first = [one.ended_s - fault_s for one in told if one.cell == target and one.ended_s >= fault_s]
    full_s = _full_rate_s(answers, fault_s, target)
    by_cell: dict[str, int] = {}
    for one in told:
        by_cell[one.cell] = by_cell.get(one.cell, 0) + 1
    return Figures(
        payments=len(answers),
        acknowledged=len(told),
        before=sum(one.ended_s < fault_s for one in told),
        failed_tries=len(after),
        detected_s=_rounded(min(after, default=None)),
        first_success_s=_rounded(min(first, default=None)),
        full_rate_s=_rounded(full_s),
        full=None if full_s is None else _full(answers, fault_s + full_s, target),
        silence_s=round(_silence_s([one.ended_s for one in told], answers), 3),
        by_cell=by_cell,
    )


def _acknowledgement(answer: Answer) -> Iterable[Try]:
    return answer.tries[-1:] if answer.payment_id is not None else ()


def _unserved(one: Try) -> bool:
    """Whether nobody could serve the call: not one that was refused for what it asked."""
    return one.status == 0 or one.status >= 500


def _full_rate_s(answers: Sequence[Answer], fault_s: float, target: str) -> float | None:
    """When the first of the windows begins that are full up to the end; at least one has to be."""
    windows: dict[int, list[bool]] = {}
    for answer in answers:
        number = int((answer.call.at_s - fault_s) // WINDOW_S)
        if number >= 0:
            first = answer.tries[0]
            windows.setdefault(number, []).append(first.status in ACKNOWLEDGED and first.cell == target)
    full: int | None = None
    for number in sorted(windows, reverse=True):
        served = windows[number]
        if sum(served) < FULL * len(served):
            break
        full = number
    return None if full is None else full * WINDOW_S


def _full(answers: Sequence[Answer], from_s: float, target: str) -> Full | None:
    """None where too few were made to tell a rate."""
    first = [answer.tries[0] for answer in answers if answer.call.at_s >= from_s]
    served = sorted(one.ended_s for one in first if one.status in ACKNOWLEDGED and one.cell == target)
    if len(served) < 2 or served[-1] == served[0]:
        return None
    return Full(due=len(first), served=len(served), rate=round((len(served) - 1) / (served[-1] - served[0]), 3))


def _silence_s(ends: Sequence[float], answers: Sequence[Answer]) -> float:
    """Between two acknowledgements, or from the last to the end of all tries."""
    end = max((one.ended_s for answer in answers for one in answer.tries), default=0.0)
    moments = [0.0, *ends, end]
    return max(later - earlier for earlier, later in pairwise(moments))


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
