"""From a payment request and what is remembered, the signals of `contracts/fraud.py`. Pure: no clock, no I/O.

    request = read_request(account, body, key, table)         the fields that count, personal values already pseudonyms
    signals = compute(request, now_s, memory)        {"amount_log": 3.1, ...}
    for change in changes(request, now_s): ...       what the payment adds to the memory, whatever was decided

The scorer and the training compute signals with this module alone, so that a model sees in service what it learnt from.
Memory is counters of an hour and profiles: both only grow by addition, so that several scorers add to one table.
"""

from __future__ import annotations

import hashlib
import hmac
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from contracts.fraud import DAY_S, HOUR_S, PROFILE_TTL_S, SIGNALS, WINDOW_TTL_S, FraudError
from contracts.fraud_addresses import AddressTable, Place

SMALL: Final = 200
"""Minor units under which a payment is small: what card testers try with."""
PROFILE: Final = 9_999_999
"""Bucket number of an entity's profile, after all others, which are hours since 1970: one query has both."""
LINKS: Final = 16
"""Different partners that are counted in an hour; more make no difference to any rule."""
LINKS_KEPT: Final = 256
"""Partners that a bucket remembers: all countries, and more cards than any rule asks for. Bounds an item at 10 KiB."""
FIRST_PAYMENTS: Final = 20
"""Payments of an account before anything counts as unusual."""
AGE_DAYS: Final = 180
DEVIATIONS: Final = 6.0


def pseudonym(key: bytes, kind: str, value: str) -> str:
    """Keyed pseudonym of a personal value: 128 bits of HMAC-SHA256. The same value of two kinds has two."""
    return hmac.new(key, f"{kind}:{value}".encode(), hashlib.sha256).hexdigest()[:32]


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What of a payment request counts; no personal value in clear."""

    account: str
    amount: int
    currency: str
    market: str
    payer_country: str | None
    card: str
    """Pseudonym of the token."""
    device: str | None
    address: str | None
    """Pseudonym of the address."""
    place: Place | None
    """Where the address is, by the table."""

    @property
    def entities(self) -> tuple[str, ...]:
        """Whose memory its signals read."""
        return tuple(
            name
            for name in (
                f"account:{self.account}",
                f"card:{self.card}",
                f"device:{self.device}" if self.device else None,
                f"address:{self.address}" if self.address else None,
            )
            if name
        )

    @property
    def facts(self) -> dict[str, str]:
        """What lists of rules look at."""
        found = {
            "account": self.account,
            "card": self.card,
            "device": self.device,
            "market": self.market,
            "currency": self.currency,
            "payer_country": self.payer_country,
            "address_country": self.place.country if self.place else None,
            "address_network": self.place.network.value if self.place else None,
        }
        return {name: value for name, value in found.items() if value}


FACTS: Final = (
    *("account", "card", "device", "market", "currency"),
    *("payer_country", "address_country", "address_network"),
)


def _text(data: Mapping[str, Any], name: str) -> str | None:
    value = data.get(name)
    return value if isinstance(value, str) and value else None


def read_request(account: str, body: Any, key: bytes, table: AddressTable) -> Request:
    """The request of the body of `POST /v1/payments`. Raises FraudError where amount or payment method are missing:
    the payments API refuses such a body anyway."""
    if not isinstance(body, dict):
        raise FraudError("payment: the body is no JSON object")
    amount, card = body.get("amount"), _text(body, "payment_method")
    if not isinstance(amount, int) or isinstance(amount, bool) or amount < 1:
        raise FraudError(f"payment.amount: {type(amount).__name__}; give minor units, 1 or more")
    if card is None:
        raise FraudError("payment.payment_method: missing; give a token")
    payer, device = body.get("payer"), body.get("device")
    payer, device = payer if isinstance(payer, dict) else {}, device if isinstance(device, dict) else {}
    address, print_ = _text(device, "ip"), _text(device, "fingerprint")
    country = _text(payer, "country")
    return Request(
        account=account,
        amount=amount,
        currency=_text(body, "currency") or "",
        market=_text(body, "market") or "",
        payer_country=country.upper() if country else None,
        card=pseudonym(key, "card", card),
        device=pseudonym(key, "device", print_) if print_ else None,
        address=pseudonym(key, "address", address) if address else None,
        place=table.place(address) if address else None,
    )


@dataclass(slots=True)
class Counters:
    """One bucket of one entity: everything in it is a sum or a union."""

    count: float = 0.0
    small: float = 0.0
    sum_log: float = 0.0
    """Of log10 of the amounts."""
    sum_log2: float = 0.0
    first_s: float = math.inf
    """Seconds since 1970 of the first payment; only profiles have it."""
    links: set[str] = field(default_factory=set)
    """Partners: cards of a device or address, devices of a card, payer countries of an account."""

    def add(self, other: Counters) -> None:
        """Takes in what another scorer, or a payment, adds."""
        self.count += other.count
        self.small += other.small
        self.sum_log += other.sum_log
        self.sum_log2 += other.sum_log2
        self.first_s = min(self.first_s, other.first_s)
        if len(self.links) < LINKS_KEPT:
            self.links |= other.links


Buckets = dict[int, Counters]
"""Bucket number -> counters of one entity."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """What one payment adds to one bucket of one entity."""

    entity: str
    bucket: int
    add: Counters
    ttl_s: int


def changes(request: Request, now_s: float) -> Iterator[Change]:
    """All that the payment adds to the memory."""
    size, hour = math.log10(request.amount), int(now_s // HOUR_S)
    small = 1.0 if request.amount < SMALL else 0.0
    devices = {request.device} if request.device else set()
    countries = {request.payer_country} if request.payer_country else set()
    partners = {"account": set[str](), "card": devices, "device": {request.card}, "address": {request.card}}
    for entity in request.entities:
        kind = entity.partition(":")[0]
        window = Counters(count=1, small=small, links=set(partners[kind]))
        yield Change(entity=entity, bucket=hour, add=window, ttl_s=WINDOW_TTL_S)
        if kind == "address":
            continue
        profile = Counters(count=1, first_s=now_s)
        if kind == "account":
            profile = Counters(count=1, sum_log=size, sum_log2=size * size, first_s=now_s, links=set(countries))
        yield Change(entity=entity, bucket=PROFILE, add=profile, ttl_s=PROFILE_TTL_S)


def compute(request: Request, now_s: float, memory: Mapping[str, Buckets | None]) -> dict[str, float]:
    """Every signal of the request, from what is remembered of its entities. An entity that is None or not in `memory`
    could not be read: its signals have their value when missing."""
    found = {signal.name: signal.missing for signal in SIGNALS}
    found["amount_log"] = math.log10(request.amount)
    _address(found, request, now_s, memory)
    _device(found, request, now_s, memory)
    _card(found, request, now_s, memory)
    _account(found, request, now_s, memory)
    return found


def _address(found: dict[str, float], request: Request, now_s: float, memory: Mapping[str, Buckets | None]) -> None:
    if request.place is not None:
        found["address_network"] = float(request.place.network.rank)
        if request.payer_country:
            found["address_country_differs"] = float(request.place.country != request.payer_country)
    seen = memory.get(f"address:{request.address}")
    if seen is not None:
        found["address_cards_24h"] = _partners(seen, now_s, request.card)


def _device(found: dict[str, float], request: Request, now_s: float, memory: Mapping[str, Buckets | None]) -> None:
    if request.device is None:
        return
    found["device_missing"] = 0.0
    seen = memory.get(f"device:{request.device}")
    if seen is not None:
        found["device_age_days"] = _age_days(seen, now_s)
        found["device_cards_24h"] = _partners(seen, now_s, request.card)


def _card(found: dict[str, float], request: Request, now_s: float, memory: Mapping[str, Buckets | None]) -> None:
    seen = memory.get(f"card:{request.card}")
    if seen is None:
        return
    found["card_age_days"] = _age_days(seen, now_s)
    found["card_payments_1h"] = sum(bucket.count for bucket in _last(seen, now_s, 2))
    found["card_payments_24h"] = sum(bucket.count for bucket in _last(seen, now_s, 24))
    found["card_devices_24h"] = _partners(seen, now_s, request.device)


def _account(found: dict[str, float], request: Request, now_s: float, memory: Mapping[str, Buckets | None]) -> None:
    seen = memory.get(f"account:{request.account}")
    if seen is None:
        return
    recent = sum(bucket.count for bucket in _last(seen, now_s, 2))
    day = sum(bucket.count for bucket in _last(seen, now_s, 24))
    found["account_small_1h"] = sum(bucket.small for bucket in _last(seen, now_s, 2))
    profile = seen.get(PROFILE)
    if profile is None or profile.count < FIRST_PAYMENTS:
        return
    # An account younger than a day has had fewer hours.
    hours = min(24.0, max(2.0, (now_s - profile.first_s) / HOUR_S))
    found["account_rate"] = min(24.0, recent / (2 * day / hours)) if day else 0.0
    mean = profile.sum_log / profile.count
    spread = math.sqrt(max(0.0, profile.sum_log2 / profile.count - mean * mean)) or 1.0
    found["amount_deviation"] = max(-DEVIATIONS, min(DEVIATIONS, (math.log10(request.amount) - mean) / spread))
    if request.payer_country:
        found["payer_country_new"] = float(request.payer_country not in profile.links)


def _last(seen: Buckets, now_s: float, hours: int) -> list[Counters]:
    hour = int(now_s // HOUR_S)
    return [seen[bucket] for bucket in range(hour - hours + 1, hour + 1) if bucket in seen]


def _partners(seen: Buckets, now_s: float, this: str | None) -> float:
    linked = set[str]().union(*(bucket.links for bucket in _last(seen, now_s, 24)))
    return float(min(LINKS, len(linked | ({this} if this else set()))))


def _age_days(seen: Buckets, now_s: float) -> float:
    profile = seen.get(PROFILE)
    return 0.0 if profile is None else max(0.0, min(float(AGE_DAYS), (now_s - profile.first_s) / DAY_S))


@dataclass(slots=True)
class Memory:
    """What is remembered of all entities, in one process: what the scorer caches and the training replays into."""

    entities: dict[str, Buckets] = field(default_factory=dict)

    def read(self, request: Request) -> dict[str, Buckets | None]:
        """Of the request's entities; what was never seen is empty, not missing."""
        return {entity: self.entities.get(entity, {}) for entity in request.entities}

    def apply(self, change: Change) -> None:
        """Adds to a bucket, and forgets windows that no signal reads any more."""
        buckets = self.entities.setdefault(change.entity, {})
        kept = buckets.setdefault(change.bucket, Counters())
        kept.add(change.add)
        if change.bucket != PROFILE:
            for old in [b for b in buckets if b != PROFILE and b < change.bucket - 24]:
                del buckets[old]
