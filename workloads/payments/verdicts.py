"""What ends the waiting of a payment that the fraud decision holds: a person, the payer, or time.

review         a person releases or declines it (the scorer's POST /review), or nobody does for REVIEW_H
authenticate   the account confirms it with the result of the authentication, a person decides, or AUTHENTICATION_H pass
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from workloads.payments.answers import Status, payment_body, written

HELD: Final = "fraud_decision"
"""Reason of a payment that is held."""

AUTHENTICATION_H: Final = 1
"""Hours for the payer to prove who pays: somebody who pays is at the screen. Errs towards waiting."""
REVIEW_H: Final = 168
"""Hours for a person to look: a week, so that no holiday ends a payment."""

WAITS_H: Final[Mapping[Status, int]] = {Status.AUTHENTICATE: AUTHENTICATION_H, Status.REVIEW: REVIEW_H}
"""State of a held payment -> hours after which it fails."""


class By(StrEnum):
    """Who ended the waiting. Not who is named for it: the person stands in the decision's record."""

    PERSON = "person"
    PAYER = "payer"
    TIME = "time"


_REASONS: Final = {By.PERSON: "review_declined", By.PAYER: "authentication_failed", By.TIME: "held_too_long"}
_EVENTS: Final = {By.PERSON: "payment.released", By.PAYER: "payment.authenticated"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """How a held payment goes on."""

    by: By
    passed: bool
    """True: the bank is asked. False: that was it."""
    reference: str | None
    """The decision that a person looked at; the pseudonym of an authentication; None for time."""

    @property
    def ends(self) -> frozenset[Status]:
        """States whose waiting it ends."""
        return frozenset({Status.AUTHENTICATE} if self.by is By.PAYER else {Status.AUTHENTICATE, Status.REVIEW})

    @property
    def status(self) -> Status:
        """What the payment becomes."""
        if self.passed:
            return Status.SUBMITTING
        return Status.FAILED if self.by is By.TIME else Status.DECLINED

    @property
    def reason(self) -> str | None:
        """The word for it, of one that ends here."""
        return None if self.passed else _REASONS[self.by]

    @property
    def event(self) -> str:
        """Type of the event of a payment that goes on."""
        return _EVENTS[self.by]

    def to_dict(self) -> dict[str, Any]:
        """As row and events have it."""
        return {"by": self.by.value, "passed": self.passed, "reference": self.reference}


def waiting_body(row: Mapping[str, Any]) -> dict[str, Any]:
    """A held payment as people who decide see it: whose it is, and until when it waits."""
    ends = row["created_at"] + timedelta(hours=WAITS_H[Status(row["status"])])
    return {**payment_body(row), "account": row["account_id"], "ends": written(ends)}
