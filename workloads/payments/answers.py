"""What the API says: payments, refunds and errors as JSON. No personal field: answers are kept for replays."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final


class Status(StrEnum):
    """Where a payment or refund stands."""

    SUBMITTING = "submitting"
    """Kept, the bank was perhaps asked. Not shown but as `pending`."""
    PENDING = "pending"
    """The bank was asked and did not say; the settler asks again."""
    SUCCEEDED = "succeeded"
    DECLINED = "declined"
    """The bank said no, or before it a person or a failed authentication."""
    FAILED = "failed"
    """The bank does not know it or could not read it, or it was held too long: no money moved."""
    REVIEW = "review"
    """Held before the bank, for a person to decide."""
    AUTHENTICATE = "authenticate"
    """Held before the bank, until the payer has proven who pays."""


OPEN = frozenset({Status.SUBMITTING, Status.PENDING})
"""States that the settler finishes."""

FINAL = frozenset({Status.SUCCEEDED, Status.DECLINED, Status.FAILED})
"""States that stay."""


KINDS: Final[Mapping[int, str]] = {
    400: "invalid_request",
    401: "authentication",
    403: "permission",
    404: "not_found",
    409: "conflict",
    429: "refused",
}
"""Status -> type of an error."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """A status and a body, as they are kept and repeated."""

    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)


class Refused(Exception):
    """A request that is not done. `reason` is one word; `message` never repeats what was sent."""

    def __init__(
        self, status: int, reason: str, message: str, *, fieldname: str | None = None, retry_after_s: int | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.reason, self.message = status, reason, message
        self.fieldname, self.retry_after_s = fieldname, retry_after_s

    @property
    def answer(self) -> Answer:
        """The error as others on the path write it: body, `x-refused`, `Retry-After`."""
        error = {"type": KINDS.get(self.status, "unavailable"), "reason": self.reason, "message": self.message}
        if self.fieldname is not None:
            error["field"] = self.fieldname
        headers = {"x-refused": self.reason}
        if self.retry_after_s is not None:
            headers["retry-after"] = str(self.retry_after_s)
        return Answer(status=self.status, body={"error": error}, headers=headers)


def payment_answer(payment: Mapping[str, Any]) -> Answer:
    """What whoever made the payment gets: 202 while the bank has not said."""
    return _made(payment_body(payment))


def refund_answer(refund: Mapping[str, Any]) -> Answer:
    """The same for a refund."""
    return _made(refund_body(refund))


def _made(body: Mapping[str, Any]) -> Answer:
    return Answer(status=202 if body["status"] == Status.PENDING else 201, body=body)


def written(moment: datetime) -> str:
    """A moment of a row, UTC, to the millisecond."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def payment_body(payment: Mapping[str, Any]) -> dict[str, Any]:
    """A payment without its personal fields; `payment` has the columns of its row, `fraud` as an object."""
    fraud = payment["fraud"]
    return {
        "id": payment["id"],
        "object": "payment",
        "status": _shown(payment["status"]),
        "reason": payment["reason"],
        "amount": payment["amount"],
        "amount_refunded": payment["refunded"],
        "currency": payment["currency"],
        "market": payment["market"],
        "bank": payment["bank"],
        "livemode": payment["livemode"],
        "created": written(payment["created_at"]),
        "fraud": {name: fraud[name] for name in ("mode", "decision", "score", "reasons", "id")},
    }


def refund_body(refund: Mapping[str, Any]) -> dict[str, Any]:
    """A refund; `refund` has the columns of its row."""
    return {
        "id": refund["id"],
        "object": "refund",
        "payment": refund["payment_id"],
        "status": _shown(refund["status"]),
        "reason": refund["reason"],
        "amount": refund["amount"],
        "currency": refund["currency"],
        "livemode": refund["livemode"],
        "created": written(refund["created_at"]),
    }


def _shown(status: str) -> str:
    return Status.PENDING if status == Status.SUBMITTING else status
