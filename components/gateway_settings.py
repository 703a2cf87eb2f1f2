"""What a gateway is told: who calls it, how much of what it takes, and what happens when the fraud decision is missing.

Every number counts for one pod: pods share nothing, so that none waits for another. A cell's limit is a pod's times
the pods there are.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from components.envoy.ejection import Ejection
from contracts.deadlines import Deadlines


class Caller(StrEnum):
    """Class of a caller, from its key; on the wire in `x-caller-class`."""

    LIVE = "live"
    TEST = "test"
    PLATFORM = "platform"
    """A key that acts for the account in `Payment-Account`."""
    BATCH = "batch"
    """Any key with `Payment-Batch: true`: nobody waits for the answer."""


class Endpoint(StrEnum):
    """Kind of a call; on the wire in `x-endpoint-class`."""

    CREATE = "create"
    """POST /v1/payments, the only one that is scored."""
    READ = "read"
    WRITE = "write"
    """Every other call that changes something."""


class Priority(StrEnum):
    """Who keeps being served when not all can be, the first one longest; on the wire in `x-priority`."""

    CRITICAL = "critical"
    """A live or platform caller creates a payment."""
    STANDARD = "standard"
    TEST = "test"
    BATCH = "batch"


class FailMode(StrEnum):
    """What happens to a payment without a fraud decision."""

    ALLOW = "allow"
    """It goes on, marked, and is scored later."""
    REVIEW = "review"
    """It goes on, marked, and a person looks at it."""
    BLOCK = "block"
    """It is refused with 503."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rate:
    """A token bucket, filled once a second."""

    per_s: int
    burst: int

    def __post_init__(self) -> None:
        if self.per_s < 1 or self.burst < self.per_s:
            raise ValueError(
                f"gateway.rate: {self.per_s} a second with a burst of {self.burst} lets nothing or less than its rate "
                "through; give 1 or more, and a burst not below it"
            )


Rates = Mapping[Caller, Mapping[Endpoint, Rate]]


def _rates(**rows: tuple[int, int, int]) -> Rates:
    """Caller -> (create, read, write) a second; a burst is two seconds' worth."""
    return MappingProxyType(
        {
            Caller(caller): {
                endpoint: Rate(per_s=number, burst=2 * number)
                for endpoint, number in zip(Endpoint, numbers, strict=True)
            }
            for caller, numbers in rows.items()
        }
    )


ACCOUNT_RATES = _rates(live=(100, 100, 50), test=(25, 25, 25), platform=(100, 100, 50), batch=(20, 50, 20))
"""Of one account at one pod. 100 and 25 a second are the limits that a published payments API gives its callers in live
and in test mode."""

RESERVED_PERCENT = 20
"""Of what a pod serves at a time, only for critical calls: the share of a published fleet-usage load shedder."""

SHARES = MappingProxyType({Priority.STANDARD: 100 - RESERVED_PERCENT, Priority.TEST: 50, Priority.BATCH: 20})
"""Priority -> percent of `concurrency` that it and all below it may have at a time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What one pod takes."""

    class_rates: Rates
    """Of all callers of a class together."""
    account_rates: Rates = field(default_factory=lambda: ACCOUNT_RATES)
    accounts: int = 10_000
    """Accounts whose buckets are held at a time, some 200 bytes each; the one unheard for longest is forgotten."""
    enforced_percent: int = 100
    """Of requests above a rate that are refused. Less is for a trial."""
    concurrency: int
    """Requests that are served at a time."""
    shares: Mapping[Priority, int] = field(default_factory=lambda: SHARES)
    adaptive_floor: int
    """What is left of the others' concurrency, at least, when latency says that the cell is full."""
    connections: int = 10_000
    """Of callers; a load balancer keeps few."""

    def __post_init__(self) -> None:
        at = "gateway.limits"
        for key in ("class_rates", "account_rates"):
            for caller in Caller:
                if missing := set(Endpoint) - set(getattr(self, key).get(caller, {})):
                    raise ValueError(f"{at}.{key}.{caller}: no rate for {', '.join(sorted(missing))}; give each one")
        if not 1 <= self.enforced_percent <= 100:
            raise ValueError(
                f"{at}.enforced_percent: {self.enforced_percent} % is outside 1..100; a limiter enforced at 0 % "
                "refuses nothing, so give 1 or more"
            )
        self._check_shares(at)
        if not 1 <= self.adaptive_floor <= self.concurrency:
            raise ValueError(
                f"{at}.adaptive_floor: {self.adaptive_floor} is outside 1..{self.concurrency}, the concurrency"
            )
        if not 1 <= self.accounts <= 1_000_000 or self.connections < 1:
            raise ValueError(f"{at}.accounts, .connections: outside 1..1,000,000, or below 1")

    def _check_shares(self, at: str) -> None:
        order = (Priority.STANDARD, Priority.TEST, Priority.BATCH)
        if set(self.shares) != set(order):
            raise ValueError(f"{at}.shares: give one for each of {', '.join(order)}; critical has all")
        found = [self.shares[priority] for priority in order]
        if not 100 > found[0] >= found[1] >= found[2] >= 1:
            raise ValueError(
                f"{at}.shares: {found} % for {', '.join(order)}; each 1..99, none above the one before it: what is "
                "left of 100 is reserved for critical calls"
            )
        if any(self.concurrency * share < 100 for share in found):
            raise ValueError(
                f"{at}.concurrency: {self.concurrency} leaves less than one request to a share; "
                f"raise it to {-(-100 // min(found))} or more"
            )

    def at_a_time(self, priority: Priority) -> int:
        """Requests of this priority and those below it that are served at a time."""
        return self.concurrency * self.shares.get(priority, 100) // 100


def limits_for(payments_per_s: int, *, seconds: float = 2.0) -> Limits:
    """Limits of a pod that takes this many payments a second at the peak, each at most about `seconds` long.

    Twice the peak for live callers and platforms: a pod that is lost leaves its share to the others.
    """
    if payments_per_s < 1:
        raise ValueError(f"gateway.payments_per_s: {payments_per_s}; give 1 or more")
    peak = max(50, 2 * payments_per_s)
    half, fifth = max(25, peak // 2), max(10, peak // 5)
    concurrency = max(200, round(payments_per_s * seconds))
    return Limits(
        class_rates=_rates(
            live=(peak, 2 * peak, peak), test=(half,) * 3, platform=(peak, 2 * peak, peak), batch=(fifth,) * 3
        ),
        concurrency=concurrency,
        adaptive_floor=max(20, concurrency // 4),
    )


FAIL_MODES = MappingProxyType(
    {
        Caller.LIVE: FailMode.ALLOW,
        Caller.TEST: FailMode.ALLOW,
        Caller.PLATFORM: FailMode.REVIEW,
        Caller.BATCH: FailMode.BLOCK,
    }
)
"""A batch can be sent again; a platform's payee may be anybody."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FraudCall:
    """How the scorer is asked. The deadline is `Deadlines.fraud_s`."""

    host: str = "scorer.fraud.svc.cluster.local"
    port: int = 9001
    modes: Mapping[Caller, FailMode] = field(default_factory=lambda: FAIL_MODES)
    connect_timeout_s: float = 0.025
    requests: int = 200
    """Open at a time; further ones fail at once in their class's fail mode."""
    ejection: Ejection = field(default_factory=lambda: Ejection(hosts=1, consecutive=20, base_s=1, maximum_s=5))
    """A dead scorer costs its deadline 20 times, and then nothing but a try every 1 to 5 seconds."""

    def __post_init__(self) -> None:
        if missing := set(Caller) - set(self.modes):
            raise ValueError(f"gateway.fraud.modes: none for {', '.join(sorted(missing))}; give allow, review or block")
        if self.requests < 1 or self.connect_timeout_s <= 0:
            raise ValueError("gateway.fraud.requests, .connect_timeout_s: below 1, or 0 s")


MAX_FRAUD_S = 1.0
"""A decision that takes longer is no part of a payment's way."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Gateway:
    """All that the gateway's configuration is made from."""

    cell: str
    limits: Limits
    deadlines: Deadlines = field(default_factory=Deadlines)
    fraud: FraudCall = field(default_factory=FraudCall)
    payments_host: str = "payments.payments.svc.cluster.local"
    payments_port: int = 8080
    heap_bytes: int = 768 * 1024 * 1024
    """What Envoy may allocate before it refuses: less than the container's memory."""
    otlp_endpoint: str | None = None
    """http://host:port that takes spans over OTLP; None: `traceparent` is passed on."""
    sampled_percent: int = 10
    """Of the requests that went well: traces and log lines. Refusals and payments without a decision are all kept."""
    folder: str = "/etc/envoy"
    """At which the ConfigMap `gateway` is mounted."""
    map_folder: str = "/etc/cell-map"
    certificate_folder: str = "/serving"

    def __post_init__(self) -> None:
        self.deadlines.check()
        if self.deadlines.fraud_s > MAX_FRAUD_S:
            raise ValueError(
                f"gateway.deadlines.fraud_s: {self.deadlines.fraud_s:g} s is above {MAX_FRAUD_S:g} s; lower it"
            )
        if self.fraud.connect_timeout_s >= self.deadlines.fraud_s:
            raise ValueError(
                f"gateway.fraud.connect_timeout_s: {self.fraud.connect_timeout_s:g} s is not below the decision's "
                f"deadline of {self.deadlines.fraud_s:g} s; lower it"
            )
        if not 0 <= self.sampled_percent <= 100:
            raise ValueError(f"gateway.sampled_percent: {self.sampled_percent} is outside 0..100 %")
        if self.heap_bytes < 64 * 1024 * 1024:
            raise ValueError(f"gateway.heap_bytes: {self.heap_bytes} is below 64 MiB, what Envoy needs idle")
