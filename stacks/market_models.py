"""What a market's file may say: rails, banks, their limits. `stacks/market_files.py` reads them.

Settings that cannot work are refused here, with the rule that they break: Envoy would take them and do something else.
"""

from __future__ import annotations

import datetime
import re
from ipaddress import IPv4Address
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

import catalogue
from components.banks import Bank, Ejection, Endpoint, Limits, Market
from components.egress_groups import PLACES
from components.envoy.bank_clusters import HOSTS_FOR_FAILURE_PERCENT
from stacks.model_base import Day, Settings
from stacks.values import StackName, one_of

FRAUD_AND_HOPS_MS = 250
"""Of a payment's deadline, what fraud decision, shard and hops may take beside the bank."""

_HOST = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")
_WORD = re.compile(r"[a-z]([a-z0-9-]{0,28}[a-z0-9])?")


def _host(name: str) -> str:
    if not _HOST.fullmatch(name) or len(name) > 253:
        raise ValueError("is not a host name -> write it in lower case, as api.bank.example, without https://")
    return name


def _word(name: str) -> str:
    if not _WORD.fullmatch(name):
        raise ValueError("is not a bank's id -> use a-z, 0-9 and -, a letter first, at most 30 characters")
    return name


def _past(day: datetime.date) -> datetime.date:
    if day > datetime.datetime.now(datetime.UTC).date():
        raise ValueError("is not in the past -> add the registration on the day on which the bank confirmed it")
    return day


def _public(text: str) -> str:
    try:
        address = IPv4Address(text)
    except ValueError:
        raise ValueError("is not an IPv4 address -> write one as 203.0.114.7; banks know no other form") from None
    if not address.is_global:
        raise ValueError("is not a public address -> name that of a NAT gateway: cell outputs, egressAddresses")
    return str(address)


def _fingerprint(text: str) -> str:
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", text):
        raise ValueError(
            "is not a fingerprint -> write sha256:<64 hex digits>, without colons (openssl x509 -fingerprint -sha256)"
        )
    return text


RegistrationDay = Annotated[Day, AfterValidator(_past)]
PublicAddress = Annotated[str, AfterValidator(_public)]
Fingerprint = Annotated[str, AfterValidator(_fingerprint)]
HostName = Annotated[str, AfterValidator(_host)]
RailName = Annotated[str, one_of(catalogue.rails, "is not a rail of catalogue/rails.yaml -> name one of its rails")]
BankId = Annotated[str, AfterValidator(_word)]


class SourceSettings(Settings):
    """Where values come from."""

    document: str = Field(min_length=10, description="Agreement, annex or page, so that a person finds it.")
    date: Day = Field(description="On which the document was true.")


class HostSettings(Settings):
    """One host of a bank."""

    host: HostName
    port: int = Field(default=443, ge=1, le=65_535)
    server_name: HostName | None = Field(
        default=None, description="In its certificate, and sent as SNI. Left out: host."
    )

    def as_endpoint(self) -> Endpoint:
        return Endpoint(host=self.host, port=self.port, server_name=self.server_name or self.host)


class LimitSettings(Settings):
    """What one egress gateway pod asks of a bank at most."""

    connections: int = Field(ge=1, le=1024, description="HTTP/1.1: one request each.")
    pending: int = Field(ge=1, le=1024, description="Requests that wait for a connection.")
    requests: int = Field(ge=1, le=2048, description="At the bank and waiting.")
    retries: int = Field(ge=0, le=3, description="Further tries of a request that has not left us.")
    retry_budget_percent: int = Field(ge=0, le=50, description="Of active requests; 0 without retries.")
    rate_per_second: int = Field(ge=1, le=5000)
    timeout_ms: int = Field(ge=100, le=60_000, description="Of a request with its retries.")
    try_timeout_ms: int = Field(ge=100, le=60_000)
    connect_timeout_ms: int = Field(ge=10, le=10_000)
    idle_timeout_ms: int = Field(ge=1000, le=3_600_000, description="Shorter than the bank's own.")

    @model_validator(mode="after")
    def _pool_can_hold_them(self) -> Self:
        room = self.connections + self.pending
        if self.requests > room:
            raise ValueError(
                f"requests: {self.requests} is more than connections and pending together ({room}): HTTP/1.1 takes one "
                "request a connection, so it is never reached -> lower it or raise connections"
            )
        return self

    @model_validator(mode="after")
    def _budget_is_of_retries(self) -> Self:
        if bool(self.retries) != bool(self.retry_budget_percent):
            raise ValueError(
                f"retryBudgetPercent: {self.retry_budget_percent} with {self.retries} retries: one of both has no "
                "effect -> set both, or both to 0"
            )
        return self

    @model_validator(mode="after")
    def _times_fit(self) -> Self:
        if self.try_timeout_ms > self.timeout_ms:
            raise ValueError(f"tryTimeoutMs: {self.try_timeout_ms} is above timeoutMs {self.timeout_ms} -> lower it")
        if self.connect_timeout_ms >= self.try_timeout_ms:
            raise ValueError(
                f"connectTimeoutMs: {self.connect_timeout_ms} leaves a try of {self.try_timeout_ms} ms no time for an "
                "answer -> lower it"
            )
        tries = self.connect_timeout_ms * (self.retries + 1)
        if tries >= self.timeout_ms:
            raise ValueError(
                f"retries: {self.retries} after failed connections take {tries} ms of timeoutMs {self.timeout_ms}, the "
                "last would have no time -> lower retries or connectTimeoutMs"
            )
        return self

    def as_limits(self) -> Limits:
        return Limits(**self.model_dump())


class EjectionSettings(Settings):
    """When a host is left alone, and when it is asked again."""

    consecutive_errors: int = Field(ge=2, le=100)
    interval_ms: int = Field(ge=100, le=60_000)
    base_ms: int = Field(ge=500, le=300_000)
    maximum_ms: int = Field(ge=500, le=900_000)
    failure_percent: int | None = Field(default=None, ge=1, le=100, description="Needs five hosts.")
    minimum_success_percent: int = Field(ge=1, le=100, description="Admission control; at 0 it would refuse nothing.")

    @model_validator(mode="after")
    def _maximum_is_not_below(self) -> Self:
        if self.maximum_ms < self.base_ms:
            raise ValueError(f"maximumMs: {self.maximum_ms} is below baseMs {self.base_ms} -> raise it")
        return self

    def as_ejection(self) -> Ejection:
        return Ejection(**self.model_dump())


class RegistrationSettings(Settings):
    """A bank lets in a cell: it knows its egress addresses and client certificates."""

    registered_at: RegistrationDay
    addresses: tuple[PublicAddress, ...] = Field(
        default=(), max_length=16, description="That the bank lets in, as `cell outputs` has them: egressAddresses."
    )
    certificate: Fingerprint | None = Field(
        default=None, description="SHA-256 of the client certificate that the bank knows."
    )

    @model_validator(mode="after")
    def _addresses_are_named_once(self) -> Self:
        for number, address in enumerate(self.addresses):
            if address in self.addresses[:number]:
                raise ValueError(f"addresses.{number}: {address} is named twice -> remove one")
        return self


class BankSettings(Settings):
    """One bank."""

    rail: RailName
    source: SourceSettings = Field(description="Of all that is said of this bank.")
    endpoints: tuple[HostSettings, ...] = Field(min_length=1, max_length=16)
    second_route: tuple[HostSettings, ...] = Field(
        default=(),
        max_length=16,
        description="Used while no host of endpoints is healthy; it has to know references too.",
    )
    limits: LimitSettings | None = Field(default=None, description="All of them; left out: the market's.")
    ejection: EjectionSettings | None = Field(default=None, description="All of it; left out: the market's.")
    hours: str = Field(default="always", min_length=5, description="In which the bank takes payments.")
    buffer_minutes: int | None = Field(
        default=None, ge=0, le=720, description="The bank's cut-off is earlier than the scheme's by these."
    )
    limit_minor_units: int | None = Field(default=None, ge=1, description="For one payment, where below the scheme's.")
    registrations: dict[StackName, RegistrationSettings] = Field(
        default_factory=dict, description="Stack of a cell or of a replica -> that the bank lets it in."
    )

    @model_validator(mode="after")
    def _buffer_is_before_a_cutoff(self) -> Self:
        has_cutoff = catalogue.rails()[self.rail].cutoff is not None
        if has_cutoff and self.buffer_minutes is None:
            raise ValueError(f"bufferMinutes: is missing, {self.rail} has a cut-off -> add the minutes before it")
        if not has_cutoff and self.buffer_minutes is not None:
            raise ValueError(f"bufferMinutes: {self.rail} has no cut-off that it could precede -> remove it")
        return self

    @model_validator(mode="after")
    def _limit_is_below_the_schemes(self) -> Self:
        scheme = catalogue.rails()[self.rail].limit
        if scheme and scheme.minor_units and (self.limit_minor_units or 0) > scheme.minor_units:
            raise ValueError(
                f"limitMinorUnits: {self.limit_minor_units} is above the limit of {self.rail}, "
                f"{scheme.minor_units} minor units -> lower or remove it"
            )
        return self


class MarketSettings(Settings):
    """A market: `stacks/markets/<name>.yaml`."""

    index: int = Field(ge=0, le=9999, description="The next free number, never changed: decides the egress gateway.")
    currency: str
    cells: tuple[StackName, ...] = Field(min_length=1, description="Stacks of the cells that serve it.")
    source: SourceSettings = Field(description="Of what is said of the market as a whole.")
    deadline_ms: int = Field(ge=1000, le=120_000, description="That a caller waits for a payment at least.")
    rails: tuple[RailName, ...] = Field(min_length=1)
    limits: LimitSettings
    ejection: EjectionSettings
    banks: dict[BankId, BankSettings] = Field(min_length=1, max_length=PLACES)

    @model_validator(mode="after")
    def _rails_move_the_currency(self) -> Self:
        for number, rail in enumerate(self.rails):
            if (currency := catalogue.rails()[rail].currency) != self.currency:
                raise ValueError(
                    f"rails.{number}: {rail} moves {currency}, the market has {self.currency} -> remove it, or correct "
                    "currency"
                )
        return self

    @model_validator(mode="after")
    def _banks_are_on_the_markets_rails(self) -> Self:
        for name, bank in self.banks.items():
            if bank.rail not in self.rails:
                known = ", ".join(self.rails)
                raise ValueError(f"banks.{name}.rail: {bank.rail} is none of the market's rails -> use one of {known}")
        return self

    @model_validator(mode="after")
    def _banks_answer_before_the_deadline(self) -> Self:
        most = self.deadline_ms - FRAUD_AND_HOPS_MS
        own = {f"banks.{name}.limits": bank.limits for name, bank in self.banks.items() if bank.limits}
        for place, limits in {"limits": self.limits, **own}.items():
            if limits.timeout_ms > most:
                raise ValueError(
                    f"{place}.timeoutMs: {limits.timeout_ms} leaves nothing of deadlineMs {self.deadline_ms} for fraud "
                    f"decision and hops ({FRAUD_AND_HOPS_MS} ms) -> use {most} or less"
                )
        return self

    @model_validator(mode="after")
    def _share_of_failures_has_its_hosts(self) -> Self:
        for name, bank in self.banks.items():
            ejection = bank.ejection or self.ejection
            least = min(len(route) for route in (bank.endpoints, bank.second_route) if route)
            if ejection.failure_percent is not None and least < HOSTS_FOR_FAILURE_PERCENT:
                place = f"banks.{name}.ejection" if bank.ejection else "ejection"
                raise ValueError(
                    f"{place}.failurePercent: is looked at from {HOSTS_FOR_FAILURE_PERCENT} hosts on, {name} has "
                    f"{least} -> remove it; consecutiveErrors ejects the only host too"
                )
        return self

    def as_market(self, name: str) -> Market:
        """What components take."""
        return Market(
            name=name,
            index=self.index,
            currency=self.currency,
            cells=frozenset(self.cells),
            banks={id_: self._bank(id_, bank) for id_, bank in self.banks.items()},
        )

    def _bank(self, id_: str, bank: BankSettings) -> Bank:
        return Bank(
            id=id_,
            rail=bank.rail,
            endpoints=tuple(host.as_endpoint() for host in bank.endpoints),
            second_route=tuple(host.as_endpoint() for host in bank.second_route),
            limits=(bank.limits or self.limits).as_limits(),
            ejection=(bank.ejection or self.ejection).as_ejection(),
        )
