"""What a drill will do, decided before it begins: what breaks, when, how long payments go on, and what may be lost.

Pure: a drill of one kind, size and pair is always the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import ceil
from typing import Final

from contracts.epoch import LEASE_S
from operations.errors import CellError, ExitCode


class Kind(StrEnum):
    """What is rehearsed. A value with a fault of the sandbox is that fault's name."""

    REGION_DEAD = "region-dead"
    NETWORK_CUT = "network-cut"
    DATABASE_DEAD = "database-dead"
    CONTROL_PLANE_DEAD = "control-plane-dead"
    SLOW_DEATH = "slow-death"
    SWITCHOVER = "switchover"
    """Nothing breaks: the writer moves as planned, and moves back."""
    RESTORE = "restore"
    """A shard is restored to a point in time, apart from everything (operations/drill/restore.py)."""

    @property
    def breaks(self) -> bool:
        """Whether something of the primary's region fails."""
        return self not in {Kind.SWITCHOVER, Kind.RESTORE}


FAULT_AT: Final = 0.3
"""Share of the payments after which the fault happens: those before are what is compared with."""

ARRIVED_S: Final = 6.0
"""Seconds of payments that arrive at the other region before the fault."""

PAYMENTS: Final = 60
RATE: Final = 1.0
"""Payments/s. Two processors run both cells with sixteen databases, and those who wait while nobody serves them call
several times as often as new ones."""
SHORT_PAYMENTS: Final = 30
"""Of `--short`, which only proves that the way works: a few payments before a movement are enough for that."""

MAX_RATE: Final = 50.0
"""Payments/s: those that wait are sent again and again while nobody serves them, several times as many as are new."""

MAX_LAG_S: Final = 300.0
"""Replication lag, in seconds: more is held in the sandbox's memory than it has room for (64 MiB a stream)."""

LONGEST_S: Final = 900.0
"""Seconds after which no more payments are made, whatever became of the movement."""

MEASURED_S: Final = 1.0
"""Added to a lag in every bound: the fault reaches the servers one after the other, and a lag is rounded down."""

NO_LAG = "--lag: {} s with --kind switchover; a switchover waits for the lag, so leave it out"


@dataclass(frozen=True, kw_only=True, slots=True)
class DrillPlan:
    """A drill of one pair."""

    pair: str
    kind: Kind
    origin: str
    """Stack of the cell that writes before."""
    target: str
    """Stack of the cell that is to write after it."""
    origin_region: str
    target_region: str
    domain: str
    """DNS name of the pair, which customers call."""
    payments: int
    """At least; they go on until the new writer has taken all of them for a while."""
    rate: float
    """Payments/s."""
    lag_s: float
    """Replication lag that is made before the fault."""
    failback: bool

    @property
    def fault_at_s(self) -> float:
        """Seconds after the first payment: late enough for some of them to have been replicated."""
        return max(self.payments * FAULT_AT / self.rate, self.lag_s + ARRIVED_S)

    @property
    def fault(self) -> str | None:
        """As `cell sandbox fault` takes it."""
        return f"{self.kind}:{self.origin_region}" if self.kind.breaks else None

    @property
    def lag(self) -> str | None:
        """As `cell sandbox fault` takes it."""
        return f"replication-lag:{self.target_region}:{self.lag_s:g}" if self.lag_s else None

    @property
    def most_payments(self) -> int:
        return max(self.payments, ceil(LONGEST_S * self.rate))

    def bound_s(self, lag_s: float) -> float:
        """Seconds of acknowledged payments that may be lost at most. `lag_s`: at the fault.

        A cell that is cut off acknowledges until its lease runs out, and nothing of that is replicated.
        """
        if self.kind is Kind.SWITCHOVER:
            return 0.0
        alone_s = LEASE_S if self.kind is Kind.NETWORK_CUT else 0.0
        return max(lag_s, self.lag_s) + alone_s + MEASURED_S

    def bound(self, lag_s: float) -> int:
        """Acknowledged payments that may be lost at most."""
        return ceil(self.bound_s(lag_s) * self.rate)

    def rows(self) -> list[Mapping[str, str]]:
        """What is done, in order, for whoever consents."""
        move = "switchover" if self.kind is Kind.SWITCHOVER else "failover"
        steps = [
            ("lag", f"what replicates to {self.target_region} is {self.lag_s:g} s late", bool(self.lag_s)),
            ("pay", f"{self.rate:g} payments/s to {self.domain}, at least {self.payments}", True),
            ("break", f"{self.fault} after {self.fault_at_s:.0f} s", self.fault is not None),
            ("move", f"cell {move} {self.origin} --to {self.target}", True),
            ("mend", f"{self.fault} off", self.fault is not None),
            ("reconcile", "databases and archives of both cells, and what is kept of the old volume", True),
            ("back", f"cell failback: {self.origin} writes again, and takes payments", self.failback),
        ]
        return [{"step": name, "what": what} for name, what, done in steps if done]


def refuse_sizes(kind: Kind, payments: int, rate: float, lag_s: float) -> None:
    """Raises CellError (configuration) for a number out of bounds."""
    if not 20 <= payments <= 10_000:
        raise _wrong(f"--payments: {payments} is outside 20..10,000")
    if not 0 < rate <= MAX_RATE:
        raise _wrong(f"--rate: {rate:g} is outside 0..{MAX_RATE:g} payments/s")
    if not 0 <= lag_s <= MAX_LAG_S:
        raise _wrong(f"--lag: {lag_s:g} is outside 0..{MAX_LAG_S:g} s")
    if kind is Kind.SWITCHOVER and lag_s:
        raise _wrong(NO_LAG.format(f"{lag_s:g}"))
    if payments / rate > LONGEST_S:
        raise _wrong(f"--payments, --rate: {payments / rate:,.0f} s is longer than {LONGEST_S:.0f} s; raise --rate")


def _wrong(message: str) -> CellError:
    return CellError(message, ExitCode.CONFIGURATION)
