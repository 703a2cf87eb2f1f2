"""The fraud decision: what may be decided, on which signals, and what is kept of each decision.

    gateway --CheckRequest--> scorer --signals, rules, model--> DecisionRecord --> decision stream
                                                                     |
    payment that passed while no scorer answered -- rescored --------'

A block is an automated decision in the sense of GDPR Article 22: its record keeps reasons, rules and model, a person
can look at it again (`HumanReview`), and whoever it concerns can contest it (`Contest`). Only the standard library is
used.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

SCORE_MAX: Final = 99
BLOCK_FROM: Final = 75
"""Score from which a payment is blocked, unless rules.yaml says another."""
REVIEW_FROM: Final = 65
"""Score from which a payment waits for a person, unless rules.yaml says another."""

EVENT_TYPE: Final = "fraud.decision"
SCHEMA: Final = "fraud-decision/1"

_ACCOUNT = re.compile(r"acct_[a-z0-9]{4,40}")
_DECISION_ID = re.compile(r"dec_[0-9a-z]{26}")
_ULID = "0123456789abcdefghjkmnpqrstvwxyz"


class FraudError(ValueError):
    """A record, rule or model that cannot be used; the message names the place, the value and the rule."""


class Decision(StrEnum):
    """What happens to a payment. Not the bank's answer."""

    ALLOW = "allow"
    REVIEW = "review"
    """Taken, but held until a person has looked."""
    AUTHENTICATE = "authenticate"
    """The payer is asked to prove who they are first."""
    BLOCK = "block"
    """Refused before a bank hears of it."""

    @property
    def strictness(self) -> int:
        """0 for allow, upwards; of two decisions the stricter one holds."""
        return list(Decision).index(self)


class Mode(StrEnum):
    """How a decision came about."""

    SCORED = "scored"
    FAILED_OPEN = "failed-open"
    """Nobody scored in time; the fail mode of the caller's class decided."""
    RESCORED = "rescored"
    """Scored afterwards, from the payment's event."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Signal:
    """One number that rules and model see."""

    name: str
    definition: str
    source: str
    """Field of the request, or of the state, that it is computed from."""
    ttl_s: int
    """Seconds for which the state behind it is kept; 0: nothing is kept."""
    missing: float
    """Its value where the field or the state is not there."""


HOUR_S: Final = 3_600
DAY_S: Final = 86_400
WINDOW_TTL_S: Final = 25 * HOUR_S
"""State of the 24 h windows: 25 buckets of an hour."""
PROFILE_TTL_S: Final = 180 * DAY_S
"""State of what is usual: half a year after the last payment it is gone."""

SIGNALS: Final = (
    Signal(
        name="amount_log",
        definition="log10 of the amount in minor units",
        source="amount",
        ttl_s=0,
        missing=0.0,
    ),
    Signal(
        name="address_country_differs",
        definition="1 where the address is in another country than the payer says, else 0",
        source="device.ip, payer.country",
        ttl_s=0,
        missing=0.0,
    ),
    Signal(
        name="address_network",
        definition="network of the address: 0 access or unknown, 1 mobile, 2 hosting, 3 anonymiser",
        source="device.ip",
        ttl_s=0,
        missing=0.0,
    ),
    Signal(
        name="address_cards_24h",
        definition="different card tokens seen at the address in 24 h, this one among them",
        source="device.ip, payment_method",
        ttl_s=WINDOW_TTL_S,
        missing=1.0,
    ),
    Signal(
        name="device_missing",
        definition="1 where the request has no device fingerprint, else 0",
        source="device.fingerprint",
        ttl_s=0,
        missing=1.0,
    ),
    Signal(
        name="device_age_days",
        definition="days since the device was first seen, at most 180",
        source="device.fingerprint",
        ttl_s=PROFILE_TTL_S,
        missing=0.0,
    ),
    Signal(
        name="device_cards_24h",
        definition="different card tokens used on the device in 24 h, this one among them",
        source="device.fingerprint, payment_method",
        ttl_s=WINDOW_TTL_S,
        missing=1.0,
    ),
    Signal(
        name="card_age_days",
        definition="days since the card token was first seen, at most 180",
        source="payment_method",
        ttl_s=PROFILE_TTL_S,
        missing=0.0,
    ),
    Signal(
        name="card_payments_1h",
        definition="payments with the card token in this hour and the one before, without this one",
        source="payment_method",
        ttl_s=WINDOW_TTL_S,
        missing=0.0,
    ),
    Signal(
        name="card_payments_24h",
        definition="payments with the card token in 24 h, without this one",
        source="payment_method",
        ttl_s=WINDOW_TTL_S,
        missing=0.0,
    ),
    Signal(
        name="card_devices_24h",
        definition="different devices that used the card token in 24 h, this one among them",
        source="payment_method, device.fingerprint",
        ttl_s=WINDOW_TTL_S,
        missing=1.0,
    ),
    Signal(
        name="account_rate",
        definition="the account's payments in this hour and the one before, over twice its mean hour of a day; to 24",
        source="account",
        ttl_s=WINDOW_TTL_S,
        missing=1.0,
    ),
    Signal(
        name="account_small_1h",
        definition="payments of the account under 200 minor units in this hour and the one before, without this one",
        source="account, amount",
        ttl_s=WINDOW_TTL_S,
        missing=0.0,
    ),
    Signal(
        name="amount_deviation",
        definition="log10 of the amount against the account's mean, in its standard deviations; -6 to 6",
        source="account, amount",
        ttl_s=PROFILE_TTL_S,
        missing=0.0,
    ),
    Signal(
        name="payer_country_new",
        definition="1 where the account never had a payer of this country, else 0; 0 in its first 20 payments",
        source="account, payer.country",
        ttl_s=PROFILE_TTL_S,
        missing=0.0,
    ),
)
"""In the order of the model's input."""

SIGNAL_NAMES: Final = tuple(signal.name for signal in SIGNALS)


def decision_id(now: datetime) -> str:
    """`dec_` and a ULID: sorts by time (https://github.com/ulid/spec)."""
    number = (int(now.timestamp() * 1000) << 80) | secrets.randbits(80)
    return "dec_" + "".join(_ULID[(number >> shift) & 31] for shift in range(125, -1, -5))


def rescored_id(payment: str) -> str:
    """Id of the decision on a payment that passed unscored: the same whoever rescores it, and how often."""
    return f"dec_{payment.removeprefix('pay_')}"


def moment(now: datetime) -> str:
    """RFC 3339 in UTC with milliseconds."""
    return now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, kw_only=True, slots=True)
class DecisionRecord:
    """What is kept of one decision: enough to explain it, to try other rules on it, and to learn from it."""

    id: str
    account: str
    score: int
    """0 to 99."""
    decision: Decision
    reasons: tuple[str, ...]
    rules: tuple[str, ...]
    """Ids of the rules that matched."""
    model: str
    """`sha256:<hex>` of the model, or `none` where no model scored."""
    mode: Mode
    time: str
    """RFC 3339 in UTC with milliseconds."""
    payment: str | None = None
    """`pay_...` where it is known: the payment gets its id after the decision."""
    signals: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    """What lists of rules look at: country codes, network, market, and keyed pseudonyms of card and device."""
    shadow: Mapping[str, int] = field(default_factory=dict)
    """Digest of a model that only watched -> the score it would have given."""

    def __post_init__(self) -> None:
        if not _DECISION_ID.fullmatch(self.id):
            raise FraudError(f"decision.id: {self.id!r} is not dec_ and 26 characters of a ULID")
        if not _ACCOUNT.fullmatch(self.account):
            raise FraudError(f"decision.account: {self.account!r} is not acct_ and 4 to 40 of a-z0-9")
        if not 0 <= self.score <= SCORE_MAX:
            raise FraudError(f"decision.score: {self.score} is outside 0..{SCORE_MAX}")
        if strangers := sorted(set(self.signals) - set(SIGNAL_NAMES)):
            raise FraudError(f"decision.signals: {', '.join(strangers)} unknown; contracts/fraud.py lists the signals")

    def data(self) -> dict[str, Any]:
        """The record as JSON has it."""
        return {
            "type": EVENT_TYPE,
            "schema": SCHEMA,
            "id": self.id,
            "account": self.account,
            "score": self.score,
            "decision": self.decision.value,
            "reasons": list(self.reasons),
            "rules": list(self.rules),
            "model": self.model,
            "mode": self.mode.value,
            "time": self.time,
            "payment": self.payment,
            "signals": dict(self.signals),
            "facts": dict(self.facts),
            "shadow": dict(self.shadow),
        }

    def to_json(self) -> str:
        """Canonical: sorted keys, no blanks."""
        return json.dumps(self.data(), sort_keys=True, separators=(",", ":"))


def parse_decision(text: str) -> DecisionRecord:
    """The record of its JSON form. Raises FraudError naming what is broken."""
    try:
        return parse_record(json.loads(text))
    except json.JSONDecodeError as error:
        raise FraudError(f"decision: no JSON: {error}") from None


def parse_record(data: Any) -> DecisionRecord:
    """The record of its data. Raises FraudError naming what is broken."""
    if not isinstance(data, dict) or data.get("type") != EVENT_TYPE or data.get("schema") != SCHEMA:
        raise FraudError(f"decision: not of type {EVENT_TYPE} and schema {SCHEMA}")
    try:
        return DecisionRecord(
            id=data["id"],
            account=data["account"],
            score=data["score"],
            decision=Decision(data["decision"]),
            reasons=tuple(data["reasons"]),
            rules=tuple(data["rules"]),
            model=data["model"],
            mode=Mode(data["mode"]),
            time=data["time"],
            payment=data.get("payment"),
            signals={name: float(value) for name, value in data.get("signals", {}).items()},
            facts=dict(data.get("facts", {})),
            shadow=dict(data.get("shadow", {})),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise FraudError(f"decision: {error} is missing or of another type") from None
    except ValueError as error:
        raise FraudError(f"decision: {error}") from None


class Outcome(StrEnum):
    """How a contest or review ended."""

    UPHELD = "upheld"
    REVERSED = "reversed"


@dataclass(frozen=True, kw_only=True, slots=True)
class HumanReview:
    """A person looked at a decision again (GDPR Article 22(3)): with authority to change it, and with a reason."""

    decision: str
    reviewer: str
    """Who decided: the operator's name in the identity provider."""
    outcome: Outcome
    reason: str
    time: str

    def __post_init__(self) -> None:
        if not _DECISION_ID.fullmatch(self.decision):
            raise FraudError(f"review.decision: {self.decision!r} is no decision id (dec_...)")
        for name, value in (("reviewer", self.reviewer), ("reason", self.reason)):
            if not value.strip():
                raise FraudError(f"review.{name}: empty; a review names who decided and why")

    def data(self) -> dict[str, str]:
        """The record as JSON has it."""
        return {
            "type": "fraud.review",
            "decision": self.decision,
            "reviewer": self.reviewer,
            "outcome": self.outcome.value,
            "reason": self.reason,
            "time": self.time,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Contest:
    """Whoever a block concerns disagrees. Every block can be contested; the contest ends in a human review."""

    decision: str
    statement: str
    """What they say, without personal data: the text is kept with the decision."""
    time: str

    def __post_init__(self) -> None:
        if not _DECISION_ID.fullmatch(self.decision):
            raise FraudError(f"contest.decision: {self.decision!r} is no decision id (dec_...)")
        if not 1 <= len(self.statement.strip()) <= 2_000:
            raise FraudError(f"contest.statement: {len(self.statement)} characters; write 1 to 2,000")

    def data(self) -> dict[str, str]:
        """The record as JSON has it."""
        return {"type": "fraud.contest", "decision": self.decision, "statement": self.statement, "time": self.time}
