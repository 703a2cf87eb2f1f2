"""A bank as the egress gateway needs to know it. `stacks/market_models.py` reads it from a market's file."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """One host of a bank, reached by name over TLS."""

    host: str
    port: int
    server_name: str
    """Sent as SNI, and has to stand in the bank's certificate."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What one egress gateway pod asks of a bank at most."""

    connections: int
    """HTTP/1.1: also the requests that are at the bank at a time."""
    pending: int
    """Requests that wait for a connection."""
    requests: int
    """Both together."""
    retries: int
    """Further tries of a request that has not left us; 0: none."""
    retry_budget_percent: int
    """Of the active requests, that may be retries."""
    rate_per_second: int
    timeout_ms: int
    """Of a request with its retries."""
    try_timeout_ms: int
    connect_timeout_ms: int
    idle_timeout_ms: int
    """After which an unused connection is closed: shorter than the bank's own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ejection:
    """When a host is left alone, and when it is asked again."""

    consecutive_errors: int
    """5xx answers, resets, failed connections and timeouts in a row."""
    interval_ms: int
    """Between looks at who may come back."""
    base_ms: int
    """Of the first ejection; each further one takes as much longer."""
    maximum_ms: int
    failure_percent: int | None
    """Errors of an interval that eject a host; None: not looked at. Envoy wants five hosts for it."""
    minimum_success_percent: int
    """Below it, some requests are refused at once: admission control."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bank:
    """One bank in a market."""

    id: str
    rail: str
    endpoints: tuple[Endpoint, ...]
    second_route: tuple[Endpoint, ...]
    """Used while no host of `endpoints` is healthy."""
    limits: Limits
    ejection: Ejection


@dataclass(frozen=True, kw_only=True, slots=True)
class Market:
    """One market: its banks in the order in which its file names them."""

    name: str
    index: int
    """Given once, the next free number: decides the egress group (`components/egress_groups.py`)."""
    currency: str
    cells: frozenset[str]
    banks: Mapping[str, Bank]
