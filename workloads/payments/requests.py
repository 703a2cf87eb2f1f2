"""Requests as typed values: each rule names its field, no message repeats a value."""

import ipaddress
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from contracts import card_numbers
from contracts.bounds import MAX_BODY_BYTES
from workloads.payments.answers import Refused, Status
from workloads.payments.markets import Market
from workloads.payments.verdicts import WAITS_H

MAX_AMOUNT = 99_999_999_999
"""Minor units; a rail's own limit is the market's."""

MAX_METADATA = 8_192
"""Characters of the metadata as JSON."""

MAX_PAGE, PAGE = 100, 10

REASONS = ("duplicate", "fraudulent", "requested_by_customer")
"""Why a refund is made."""

RESULTS = {"authenticated": True, "failed": False}
"""Result of an authentication -> whether the payment goes on."""

_AUTHENTICATION = re.compile(r"auth_[A-Za-z0-9_-]{8,128}")
_TOKEN = re.compile(r"tok_[A-Za-z0-9_-]{8,128}")
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,189}")
_COUNTRY = re.compile(r"[A-Z]{2}")

Rule = Callable[[Any], bool]


@dataclass(frozen=True, kw_only=True, slots=True)
class NewPayment:
    """A valid POST /v1/payments."""

    amount: int
    currency: str
    market: str
    bank: str
    token: str
    payer: Mapping[str, str]
    payee: Mapping[str, str] | None
    device: Mapping[str, str] | None
    description: str | None
    metadata: Mapping[str, Any] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class NewRefund:
    """A valid POST /v1/payments/{id}/refunds; no amount: what is left."""

    amount: int | None
    reason: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Confirmation:
    """A valid POST /v1/payments/{id}/confirm."""

    reference: str
    """Of the authentication, at whoever made it; never its content."""
    passed: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Reviewed:
    """A valid POST /internal/verdicts."""

    account: str
    decision: str
    payment: str | None
    """Where the decision knows it: one that was made after the payment."""
    release: bool


def body_of(raw: bytes) -> dict[str, Any]:
    """The JSON object in a body, without card numbers. Raises Refused."""
    if len(raw) > MAX_BODY_BYTES:
        raise Refused(413, "body_too_large", f"body: at most {MAX_BODY_BYTES} bytes")
    try:
        body = json.loads(raw or b"{}", parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Refused(400, "invalid_json", "body: not JSON") from None
    if not isinstance(body, dict):
        raise Refused(400, "invalid_json", "body: not a JSON object")
    refuse_card_numbers(body, "body")
    return body


def refuse_card_numbers(value: Any, at: str) -> None:
    """Raises Refused where a card number stands anywhere in the value."""
    try:
        found = card_numbers.path_of(value)
    except RecursionError:
        raise Refused(400, "invalid_json", f"{at}: nested too deeply") from None
    if found is not None:
        message = "looks like a card number; send the token of one (payment_method), never the number"
        raise Refused(400, "card_number", f"{found}: {message}", fieldname=found)


def new_payment(body: Mapping[str, Any], markets: Mapping[str, Market]) -> NewPayment:
    """Raises Refused at the first field that breaks its rule."""
    known = "amount bank currency description device market metadata payee payer payment_method"
    _only(body, known.split())
    market = markets.get(_text(body, "market", 64))
    if market is None:
        raise _wrong("market", f"unknown; this cell has {', '.join(sorted(markets))}")
    bank = _text(body, "bank", 64) if "bank" in body else next(iter(market.banks))
    if bank not in market.banks:
        raise _wrong("bank", f"not of market {market.id}; it has {', '.join(market.banks)}")
    if _text(body, "currency", 3) != market.currency:
        raise _wrong("currency", f"market {market.id} takes {market.currency} only")
    if not _TOKEN.fullmatch(token := _text(body, "payment_method", 140)):
        raise _wrong("payment_method", "not a token (tok_ and 8 to 128 of A-Z a-z 0-9 _ -)")
    return NewPayment(
        amount=_amount(body),
        currency=market.currency,
        market=market.id,
        bank=bank,
        token=token,
        payer=_party(body, "payer"),
        payee=_party(body, "payee") if body.get("payee") is not None else None,
        device=_device(body) if body.get("device") is not None else None,
        description=_text(body, "description", 500) if body.get("description") is not None else None,
        metadata=_metadata(body) if body.get("metadata") is not None else None,
    )


def new_refund(body: Mapping[str, Any]) -> NewRefund:
    """Raises Refused at the first field that breaks its rule."""
    _only(body, ("amount", "reason"))
    reason = body.get("reason")
    if reason is not None and reason not in REASONS:
        raise _wrong("reason", f"not one of {', '.join(REASONS)}")
    return NewRefund(amount=_amount(body) if "amount" in body else None, reason=reason)


def confirmation(body: Mapping[str, Any]) -> Confirmation:
    """Raises Refused at the first field that breaks its rule."""
    _only(body, ("authentication", "result"))
    if not _AUTHENTICATION.fullmatch(reference := _text(body, "authentication", 140)):
        raise _wrong("authentication", "not a reference (auth_ and 8 to 128 of A-Z a-z 0-9 _ -)")
    if (result := _text(body, "result", 20)) not in RESULTS:
        raise _wrong("result", f"not one of {', '.join(RESULTS)}")
    return Confirmation(reference=reference, passed=RESULTS[result])


def verdict(body: Mapping[str, Any]) -> Reviewed:
    """Raises Refused at the first field that breaks its rule."""
    _only(body, ("account", "decision", "payment", "release"))
    if not isinstance(release := body.get("release"), bool):
        raise _wrong("release", "not true or false")
    payment = None if body.get("payment") is None else _text(body, "payment", 30)
    return Reviewed(
        account=_text(body, "account", 45), decision=_text(body, "decision", 64), payment=payment, release=release
    )


def page(query: Mapping[str, str]) -> tuple[int, str | None]:
    """(limit, starting_after) of a list. Raises Refused."""
    _only(query, ("limit", "starting_after"))
    return _limit(query), query.get("starting_after")


def waiting(query: Mapping[str, str]) -> tuple[int, Status | None]:
    """(limit, status) of the list of held payments; no status: of all. Raises Refused."""
    _only(query, ("limit", "status"))
    status = query.get("status")
    if status is not None and status not in WAITS_H:
        raise _wrong("status", f"choose from {', '.join(WAITS_H)}")
    return _limit(query), Status(status) if status else None


def _limit(query: Mapping[str, str]) -> int:
    text = query.get("limit", str(PAGE))
    if not re.fullmatch(r"\d{1,3}", text) or not 1 <= int(text) <= MAX_PAGE:
        raise _wrong("limit", f"not a whole number from 1 to {MAX_PAGE}")
    return int(text)


def _no_constant(word: str) -> None:
    raise ValueError(word)


def _wrong(name: str, rule: str) -> Refused:
    return Refused(400, "invalid_field", f"{name}: {rule}", fieldname=name)


def _only(body: Mapping[str, Any], known: list[str] | tuple[str, ...]) -> None:
    if set(body) - set(known):
        raise Refused(400, "unknown_field", f"unknown fields; there are {', '.join(known)}")


def _amount(body: Mapping[str, Any]) -> int:
    amount = body.get("amount")
    if isinstance(amount, bool) or not isinstance(amount, int) or not 1 <= amount <= MAX_AMOUNT:
        raise _wrong("amount", f"not a whole number of minor units from 1 to {MAX_AMOUNT}")
    return amount


def _text(body: Mapping[str, Any], name: str, longest: int, at: str | None = None) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not 1 <= len(value) <= longest or "\0" in value:
        raise _wrong(at or name, f"not a text of 1 to {longest} characters")
    return value


def _party(body: Mapping[str, Any], name: str) -> dict[str, str]:
    party = body.get(name)
    if not isinstance(party, dict):
        raise _wrong(name, "not an object with name, email and country")
    _only(party, ("name", "email", "country"))
    found = {key: _text(party, key, 255, f"{name}.{key}") for key in ("name", "email", "country")}
    if not _EMAIL.fullmatch(found["email"]):
        raise _wrong(f"{name}.email", "not an address of the form local@domain")
    if not _COUNTRY.fullmatch(found["country"]):
        raise _wrong(f"{name}.country", "not two capital letters (ISO 3166-1)")
    return found


def _device(body: Mapping[str, Any]) -> dict[str, str]:
    device = body["device"]
    if not isinstance(device, dict):
        raise _wrong("device", "not an object with fingerprint, ip and user_agent")
    _only(device, ("fingerprint", "ip", "user_agent"))
    found = {key: _text(device, key, 512, f"device.{key}") for key in device}
    if "ip" in found:
        try:
            ipaddress.ip_address(found["ip"])
        except ValueError:
            raise _wrong("device.ip", "not an IPv4 or IPv6 address") from None
    return found


def _metadata(body: Mapping[str, Any]) -> dict[str, Any]:
    metadata = body["metadata"]
    if not isinstance(metadata, dict) or len(json.dumps(metadata)) > MAX_METADATA:
        raise _wrong("metadata", f"not an object of at most {MAX_METADATA} characters")
    return metadata
