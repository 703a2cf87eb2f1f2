"""The mounted markets.json: which banks a market has, how they are reached and how long they may take."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

MAX_TIMEOUT_S = 15.0
"""Longest that a bank may get: the settler takes over after twice as long."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bank:
    """One bank of a market."""

    id: str
    rail: str
    timeout_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Market:
    """One market."""

    id: str
    currency: str
    url: str
    """Of the egress gateway that has its banks."""
    banks: Mapping[str, Bank]
    """In the order of the file: the first is asked where a payment names none."""


def parse_markets(text: str) -> Mapping[str, Market]:
    """Market id -> market. Raises ValueError."""
    try:
        return {key: _market(key, entry) for key, entry in json.loads(text)["markets"].items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"markets.json: {type(error).__name__} at {error}") from error


def _market(key: str, entry: dict[str, dict[str, dict[str, str]]]) -> Market:
    banks = {
        name: Bank(id=name, rail=bank["rail"], timeout_s=float(bank["timeout_s"]))
        for name, bank in entry["banks"].items()
    }
    if not banks:
        raise ValueError(f"markets.json: {key} has no bank")
    for bank in banks.values():
        if not 0 < bank.timeout_s <= MAX_TIMEOUT_S:
            raise ValueError(f"markets.json: {key}.{bank.id}.timeout_s: {bank.timeout_s} is outside 0..{MAX_TIMEOUT_S}")
    egress = entry["egress"]
    return Market(id=key, currency=str(entry["currency"]), url=f"http://{egress['host']}:{egress['port']}", banks=banks)
