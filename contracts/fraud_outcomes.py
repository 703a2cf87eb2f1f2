"""What became of a payment, said of the decision on it: the truth that a model learns from, as far as it is known.

    payment's event, charge-back, refund -> Outcome --> decision stream --> labels() -> training

Most outcomes say nothing about fraud (a bank declines for want of money); they are kept because somebody may ask. A
person's review is an entry of its own (`contracts.fraud.HumanReview`), and of all the last word. Only the standard
library is used.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from contracts.fraud import FraudError, Outcome

TYPE: Final = "fraud.outcome"
DECISION_ID: Final = re.compile(r"dec_[0-9a-z]{26}")


class Fate(StrEnum):
    """What became of a payment. Not its status: a payment has one status, and may meet several fates."""

    PAID = "paid"
    """A bank took it. Good until something else is heard of it."""
    DECLINED = "declined"
    """A bank did not."""
    UNAUTHENTICATED = "unauthenticated"
    """The payer did not prove who pays, or nobody asked in time."""
    FAILED = "failed"
    REFUNDED = "refunded"
    REFUNDED_AS_FRAUD = "refunded-as-fraud"
    """The merchant gave it back because it was fraudulent."""
    CHARGEBACK = "chargeback"
    """The payer's bank took it back as fraudulent."""
    DISPUTED = "disputed"
    """The payer wants it back for another reason: goods, service, a double charge."""


FRAUD: Final[Mapping[Fate, bool]] = {Fate.PAID: False, Fate.REFUNDED_AS_FRAUD: True, Fate.CHARGEBACK: True}
"""What a fate says about fraud; the others say nothing."""

REPORTED: Final = (Fate.CHARGEBACK, Fate.DISPUTED)
"""Fates that somebody reports; the others are in the payments' events."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PaymentOutcome:
    """One fate of the payment of one decision."""

    decision: str
    fate: Fate
    source: str
    """Id of the event, or the reporter's reference of the case."""
    time: str
    """RFC 3339 in UTC with milliseconds."""
    payment: str | None = None

    def __post_init__(self) -> None:
        if not DECISION_ID.fullmatch(self.decision):
            raise FraudError(f"outcome.decision: {self.decision!r} is no decision id (dec_...)")
        if not 1 <= len(self.source.strip()) <= 128:
            raise FraudError("outcome.reference: give 1 to 128 characters: by it the case is found again")

    def data(self) -> dict[str, Any]:
        """The record as JSON has it."""
        return {
            "type": TYPE,
            "decision": self.decision,
            "payment": self.payment,
            "fate": self.fate.value,
            "fraud": FRAUD.get(self.fate),
            "source": self.source,
            "time": self.time,
        }


def labels(entries: Iterable[Mapping[str, Any]]) -> dict[str, bool]:
    """Decision -> whether it was fraud, from reviews and outcomes in the order of the stream.

    The last person's word holds. Without one a single word of fraud outweighs that the payment was taken: charge-backs
    come weeks later. Decisions of which nothing says either are left out.
    """
    reviewed, heard = dict[str, bool](), dict[str, bool]()
    for entry in entries:
        decision = entry.get("decision")
        if entry.get("type") == "fraud.review":
            reviewed[str(decision)] = entry["outcome"] == Outcome.UPHELD
        elif entry.get("type") == TYPE and entry.get("fraud") is not None:
            heard[str(decision)] = heard.get(str(decision), False) or bool(entry["fraud"])
    return {**heard, **reviewed}
