"""How long a payment may take on its way, and whether whoever waits for it waits long enough.

    Deadlines(client_timeout_s=10, bank_timeout_s=4, bank_tries=2).check()

A client that gives up first asks again while the first try is still at the bank; so the sum of all parts is checked
before anything is declared. The standard library only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


class DeadlineError(ValueError):
    """The parts need longer than the client waits; the message shows the sum."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Deadlines:
    """Seconds along the way of one payment. `bank_timeout_s` and `bank_tries`: the slowest bank of the markets."""

    client_timeout_s: float = 10.0
    """What clients are told to wait at least."""
    fraud_s: float = 0.05
    """Deadline of the fraud decision; after it the caller class's fail mode applies."""
    bank_timeout_s: float = 4.0
    """Of one try."""
    bank_tries: int = 2
    """The first one and its retries."""
    retry_wait_s: float = 0.25
    """Longest pause before a retry."""
    hops: int = 4
    """Load balancer, gateway, payments with its database, egress."""
    hop_s: float = 0.1
    """What a hop may add when it is busy, its connections and writes included."""

    def __post_init__(self) -> None:
        for key in ("client_timeout_s", "fraud_s", "bank_timeout_s", "hop_s"):
            if getattr(self, key) <= 0:
                raise DeadlineError(f"deadlines.{key}: {getattr(self, key):g} s; give more than 0")
        if self.retry_wait_s < 0 or self.bank_tries < 1 or self.hops < 1:
            raise DeadlineError("deadlines: retry_wait_s below 0 s, or bank_tries or hops below 1")

    @property
    def parts(self) -> Mapping[str, float]:
        """Part -> seconds, in the order of the way."""
        return {
            f"hops {self.hops} x {self.hop_s:g} s": self.hops * self.hop_s,
            f"fraud {self.fraud_s:g} s": self.fraud_s,
            f"bank {self.bank_tries} x {self.bank_timeout_s:g} s": self.bank_tries * self.bank_timeout_s,
            f"retries {self.bank_tries - 1} x {self.retry_wait_s:g} s": (self.bank_tries - 1) * self.retry_wait_s,
        }

    @property
    def needed_s(self) -> float:
        """Seconds that the slowest payment takes which still gets an answer."""
        return sum(self.parts.values())

    @property
    def gateway_s(self) -> float:
        """Seconds that the gateway waits for an answer: one hop less than the client."""
        return self.client_timeout_s - self.hop_s

    def check(self) -> None:
        """Raises `DeadlineError` where the client would give up first."""
        if self.needed_s > self.client_timeout_s:
            raise DeadlineError(
                f"deadlines.client_timeout_s: {self.client_timeout_s:g} s is less than {' + '.join(self.parts)} "
                f"= {self.needed_s:g} s; raise it, or lower bank_timeout_s or bank_tries"
            )
