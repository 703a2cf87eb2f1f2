"""What a payment's event says about the decision on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from contracts.events import Envelope
from contracts.fraud import Mode, rescored_id
from contracts.fraud_outcomes import DECISION_ID, Fate, PaymentOutcome

BY_TYPE: Final[Mapping[str, Fate]] = {
    "payment.succeeded": Fate.PAID,
    "payment.declined": Fate.DECLINED,
    "payment.failed": Fate.FAILED,
    "refund.succeeded": Fate.REFUNDED,
}
"""Event type -> fate. Other events tell of payments that go on."""


def outcome_of(envelope: Envelope) -> PaymentOutcome | None:
    """The fate that an event tells of; None for other events, for payments in test mode, whose decisions nobody keeps,
    and for what a person decided: the review itself is on the stream."""
    data, fate = envelope.data, BY_TYPE.get(envelope.type)
    if fate is None or not data["livemode"] or (decision := _decision(data)) is None:
        return None
    verdict = data.get("verdict", {"passed": True})
    if not verdict["passed"]:
        if verdict["by"] == "person":
            return None
        fate = Fate.UNAUTHENTICATED if data["fraud"]["decision"] == "authenticate" else fate
    if data.get("why") == "fraudulent":
        fate = Fate.REFUNDED_AS_FRAUD
    return PaymentOutcome(decision=decision, fate=fate, source=envelope.id, time=envelope.time, payment=data["payment"])


def _decision(data: Mapping[str, Any]) -> str | None:
    """Of a payment that passed unscored, the decision made afterwards."""
    fraud = data.get("fraud", {})
    found = rescored_id(data["payment"]) if fraud.get("mode") == Mode.FAILED_OPEN else fraud.get("id")
    found = found or data.get("decision")
    return found if isinstance(found, str) and DECISION_ID.fullmatch(found) else None
