"""The ledger of fail-open decisions: how many payments passed unscored, against an error budget.

    ledger(records, FailOpenBudget(share=0.001)) -> Ledger(decided=..., failed_open=..., rescored=..., left=...)

A payment that was let through unscored is no loss yet: it becomes one when nobody scores it later. So the ledger counts
both: what the budget is spent on, and what is still open. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from contracts.fraud import Decision, DecisionRecord, FraudError, Mode


@dataclass(frozen=True, kw_only=True, slots=True)
class FailOpenBudget:
    """Share of a period's payments that may pass unscored."""

    share: float = 0.001
    """0.1 %: 43 minutes of 30 days without a scorer."""

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise FraudError(f"fail_open.share: {self.share:g} is outside 0..1; 0.001 is one in a thousand")

    def left(self, decided: int, failed_open: int) -> float:
        """Share of the budget that is left after so many payments: 1 untouched, below 0 overspent."""
        return 1.0 - failed_open / (decided * self.share) if decided else 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Ledger:
    """A period's decisions, and what is left of the budget."""

    decided: int
    """Payments, scored in time or not."""
    failed_open: int
    rescored: int
    regretted: int
    """Rescored, and would have been blocked."""
    open: tuple[str, ...]
    """Payments let through that nobody has scored yet, oldest first."""
    left: float
    """Share of the budget: 1 untouched, below 0 overspent."""


def ledger(records: Iterable[DecisionRecord], budget: FailOpenBudget) -> Ledger:
    """Adds up a period. Delivery is at least once: a decision counts once by its id, a payment once by its own."""
    scored, failed, rescored = set[str](), dict[str, str](), dict[str, DecisionRecord]()
    for record in records:
        if record.mode is Mode.SCORED:
            scored.add(record.id)
        elif record.mode is Mode.FAILED_OPEN:
            failed.setdefault(record.payment or record.id, record.time)
        else:
            rescored.setdefault(record.payment or record.id, record)
    decided = len(scored) + len(failed)
    return Ledger(
        decided=decided,
        failed_open=len(failed),
        rescored=len(failed.keys() & rescored.keys()),
        regretted=sum(rescored[payment].decision is Decision.BLOCK for payment in failed.keys() & rescored.keys()),
        open=tuple(sorted(failed.keys() - rescored.keys(), key=lambda payment: failed[payment])),
        left=budget.left(decided, len(failed)),
    )
