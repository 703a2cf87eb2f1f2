"""The fraud decision as the gateway hands it on in headers, and what is done without one."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from contracts import card_numbers
from workloads.payments.answers import Refused
from workloads.telemetry import Counter

FAILED_OPEN = Counter("payments_fraud_failed_open_total", "Payments without a fraud decision, by class and fail mode.")

CLASSES = ("live", "test", "platform", "batch")
FAILED_OPEN_MODE = "failed-open"
"""`Fraud.mode` of a payment that nobody scored."""

FAILURE_HEADER = "x-envoy-auth-failure-mode-allowed"
"""Set by Envoy when the scorer did not answer in time (ext_authz, failure_mode_allow_header_add)."""

RETRY_AFTER_S = 5
_WORD = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


class FailMode(StrEnum):
    """What happens to a payment that nobody scored."""

    ALLOW = "allow"
    REVIEW = "review"
    BLOCK = "block"


@dataclass(frozen=True, kw_only=True, slots=True)
class Fraud:
    """What is kept of a decision."""

    mode: str
    """`decided`, or `failed-open` where the fail mode of the class stands in."""
    decision: str
    """allow, review, authenticate."""
    caller_class: str
    score: int | None = None
    """0..99; None without a decision."""
    reasons: tuple[str, ...] = ()
    id: str | None = None

    def to_dict(self) -> dict[str, Any]:
        return {
            "mode": self.mode,
            "decision": self.decision,
            "class": self.caller_class,
            "score": self.score,
            "reasons": list(self.reasons),
            "id": self.id,
        }


def fail_modes(text: str) -> Mapping[str, FailMode]:
    """`FRAUD_FAIL_MODE`: JSON, caller class -> allow, review or block; every class. Raises ValueError."""
    try:
        content = json.loads(text)
        return {name: FailMode(content[name]) for name in CLASSES}
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"FRAUD_FAIL_MODE: {text!r} does not say allow, review or block for {CLASSES}") from error


def decision_of(headers: Mapping[str, str], caller_class: str, modes: Mapping[str, FailMode]) -> Fraud:
    """The decision in the headers, or the fail mode of the class where there is none. Raises Refused for a block."""
    decision = headers.get("x-fraud-decision")
    if decision in ("allow", "review", "authenticate") and headers.get(FAILURE_HEADER) is None:
        score = headers.get("x-fraud-score", "")
        words = [word.strip() for word in headers.get("x-fraud-reasons", "").split(",")]
        return Fraud(
            mode="decided",
            decision=decision,
            caller_class=caller_class,
            score=int(score) if re.fullmatch(r"\d{1,2}", score) else None,
            reasons=tuple(word for word in words[:20] if _word(word)),
            id=found if (found := headers.get("x-fraud-decision-id", "")) and _word(found) else None,
        )
    if decision == "block":
        raise Refused(403, "fraud_block", "the payment was refused as fraudulent")
    mode = modes[caller_class]
    FAILED_OPEN.add(caller_class=caller_class, mode=mode)
    if mode is FailMode.BLOCK:
        raise Refused(
            503, "fraud_unavailable", "no fraud decision can be had now; nothing was done", retry_after_s=RETRY_AFTER_S
        )
    return Fraud(mode=FAILED_OPEN_MODE, decision=mode, caller_class=caller_class)


def _word(text: str) -> bool:
    return bool(_WORD.fullmatch(text)) and not card_numbers.find(text)
