"""How many requests of one account a pod works on at a time.

Envoy has no such limiter: its limits of concurrency are of a filter or a cluster, and its local rate limiter gives no
token back when a request ends. Here a request is counted from its proven key to its answer, whatever the way out.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from workloads.payments.answers import Refused
from workloads.payments.callers import Caller
from workloads.payments.fraud import CLASSES

RETRY_AFTER_S = 1


def account_limits(text: str) -> Mapping[str, int]:
    """`ACCOUNT_CONCURRENCY`: JSON, caller class -> requests at a time of one account; every class. Raises
    ValueError."""
    found = json.loads(text)
    if not isinstance(found, dict) or sorted(found) != sorted(CLASSES) or not all(_positive(n) for n in found.values()):
        raise ValueError(f"ACCOUNT_CONCURRENCY: {text!r} does not give 1 or more requests to each of {CLASSES}")
    return found


def _positive(value: object) -> bool:
    return isinstance(value, int) and value >= 1


class Concurrency:
    """Open requests by account and caller class; of one event loop."""

    def __init__(self, limits: Mapping[str, int]) -> None:
        self._limits = limits
        self._open: Counter[tuple[str, str]] = Counter()

    @contextmanager
    def one(self, caller: Caller) -> Iterator[None]:
        """While a request is worked on. Raises Refused where the account has as many as it may."""
        who = (caller.account, caller.caller_class)
        if self._open[who] >= self._limits[caller.caller_class]:
            raise Refused(
                429,
                "account_concurrency",
                "this account has as many requests open as it may; wait for an answer",
                retry_after_s=RETRY_AFTER_S,
            )
        self._open[who] += 1
        try:
            yield
        finally:
            self._open[who] -= 1
            if not self._open[who]:
                del self._open[who]
