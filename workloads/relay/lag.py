"""How far behind relay and archiver are, said in the log: metrics are made of it (components/path_metrics.py)."""

from __future__ import annotations

import time
from collections.abc import Callable

from workloads.logs import Log

EVERY_S = 15.0
"""Seconds between two lines of a shard. Silence for minutes is an alarm: whoever does not run says nothing."""


class LagReport:
    """Of one shard: the worst since the line before."""

    def __init__(self, log: Log, shard: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._log, self._shard, self._clock = log, shard, clock
        self._worst_s, self._told_at = 0.0, float("-inf")

    def tell(self, lag_s: float) -> None:
        """What it is now; a line when it is time."""
        self._worst_s = max(self._worst_s, lag_s)
        if self._clock() - self._told_at >= EVERY_S:
            self._log.info("lag", shard=self._shard, lag_s=round(self._worst_s, 3))
            self._worst_s, self._told_at = 0.0, self._clock()
