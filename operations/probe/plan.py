"""What a probe will do, decided before the first request: who pays, when, where to, and what breaks meanwhile.

Pure: the same arguments and seed make the same plan.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

from contracts.shard_map import ShardMap
from operations.errors import CellError, ExitCode

MAX_PAYMENTS, MAX_RATE, MAX_SECONDS = 100_000, 1_000.0, 3_600.0
"""A probe is bounded in count, rate (payments/s) and time: it proves a path, it does not measure a region."""

FAULT_KINDS: Final[Mapping[str, bool]] = {
    "bank-hang": True,
    "bank-500": True,
    "bank-reset": True,
    "bank-drip": True,
    "scorer-dead": False,
    "scorer-slow": False,
    "scorer-stop": False,
    "shard-restart": False,
    "relay-dead": False,
}
"""Kind of fault -> whether it names a bank, `<kind>:<bank>`."""

MOMENTARY: Final = frozenset({"shard-restart"})
"""Faults that are over when they have happened: nothing is switched off again."""

FAULT_FROM, FAULT_TO = 0.25, 0.6
"""Part of the run in which faults last: a quiet quarter before to compare with, and time after to recover in."""

FAULT = re.compile(r"(?P<kind>[a-z]+-[a-z0-9]+)(:(?P<of>[a-z0-9-]+))?")

ACCOUNT_PREFIX = "acct_probe"
ACCOUNTS_A_SHARD = 50
PAYMENTS_A_PAYER = 2
"""In the mean: whoever pays again and again within minutes is what a fraud decision looks for."""

HOMES: Final = {"EUR": ("DE", 0), "GBP": ("GB", 5), "USD": ("US", 6), "BRL": ("BR", 7), "AUD": ("AU", 8)}
"""Currency -> country of its payers, and third group of their addresses in 2001:db8::/32 (RFC 3849: nobody's), as
contracts/fraud_addresses.json has it. Payers of other currencies are at home in the first."""

TYPICAL_LOG10, SPREAD_LOG10 = 3.5, 0.28
"""Amounts are about 30 units of the currency; one in a hundred is above 140. Larger ones of people whom nobody knows
are what a fraud decision looks for."""

DECLINED_ENDING = 13
"""Last two digits of an amount that simulated banks decline (docs/data-plane.md)."""

LETTERS: Final = str.maketrans("0123456789", "ghijklmnop")
"""A run is written in letters: its digits and a number after them might make a card number, which the API refuses."""

TEST_SHARE = 0.05
"""Part of the calls with a test key: the class that is shed first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """One thing that breaks, from `start_s` to `end_s` after the first request."""

    name: str
    """As `cell sandbox fault` takes it: `bank-hang:banco-azul`, `scorer-dead`."""
    start_s: float
    end_s: float | None
    """None: it is over when it has happened."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One payment that a synthetic customer makes."""

    at_s: float
    """Seconds after the start at which it is sent, whatever became of the calls before it: an open loop."""
    account: str
    key_class: str
    """live or test."""
    bank: str
    idempotency_key: str
    body: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """A probe of one cell."""

    stack: str
    calls: Sequence[Call]
    faults: Sequence[Fault]
    rate: float
    """Payments a second."""
    seed: int
    """Of the whole plan."""

    @property
    def seconds(self) -> float:
        """From the first to the last request."""
        return len(self.calls) / self.rate


def plan_probe(
    stack: str,
    *,
    payments: int,
    rate: float,
    markets: Mapping[str, Any],
    only: Sequence[str],
    faults: Sequence[str],
    shard_map: ShardMap,
    seed: int = 0,
) -> Plan:
    """The plan. `markets`: as in the document that the payments API mounts; `only`: the markets to pay in, empty: all.

    Raises CellError for a number out of bounds, an unknown market, fault or bank.
    """
    if not 1 <= payments <= MAX_PAYMENTS:
        raise _wrong(f"--payments: {payments} is outside 1..{MAX_PAYMENTS:,}")
    if not 0 < rate <= MAX_RATE:
        raise _wrong(f"--rate: {rate:g} is outside 0..{MAX_RATE:,.0f} payments/s")
    if payments / rate > MAX_SECONDS:
        raise _wrong(f"--payments, --rate: {payments / rate:,.0f} s is longer than {MAX_SECONDS:,.0f} s; raise --rate")
    if unknown := sorted(set(only) - set(markets)):
        raise _wrong(f"--market: {unknown[0]!r} is not served by {stack}; it serves {', '.join(sorted(markets))}")
    chosen = {name: market for name, market in sorted(markets.items()) if not only or name in only}
    if not chosen:
        raise _wrong(f"{stack} serves no market: add it to `cells` of a file in stacks/markets/")
    banks = {bank for market in markets.values() for bank in market["banks"]}
    duration_s = payments / rate
    return Plan(
        stack=stack,
        calls=tuple(_calls(payments, rate, chosen, _accounts(shard_map), random.Random(seed))),
        faults=[_fault(text, banks, duration_s) for text in faults],
        rate=rate,
        seed=seed,
    )


def _fault(text: str, banks: set[str], duration_s: float) -> Fault:
    found = FAULT.fullmatch(text)
    if found is None or found["kind"] not in FAULT_KINDS:
        raise _wrong(f"--fault: {text!r} is unknown; use {', '.join(k + ':BANK' * b for k, b in FAULT_KINDS.items())}")
    kind, of = found["kind"], found["of"]
    if FAULT_KINDS[kind] and of not in banks:
        raise _wrong(f"--fault: {text}: {of!r} is no bank of the cell's markets; use {', '.join(sorted(banks))}")
    if of is not None and not FAULT_KINDS[kind] and kind not in MOMENTARY:
        raise _wrong(f"--fault: {text}: {kind} takes no name")
    end = None if kind in MOMENTARY else duration_s * FAULT_TO
    return Fault(name=text, start_s=duration_s * FAULT_FROM, end_s=end)


def _accounts(shard_map: ShardMap) -> tuple[str, ...]:
    """The same number of accounts on every shard that holds slots."""
    wanted = dict.fromkeys(sorted(set(shard_map.owners)), ACCOUNTS_A_SHARD)
    found = []
    for number in count(1):
        account = f"{ACCOUNT_PREFIX}{number:05d}"
        shard = shard_map.shard_of(account)
        if wanted.get(shard):
            wanted[shard] -= 1
            found.append(account)
        if not any(wanted.values()):
            return tuple(found)
    raise AssertionError("unreachable: count() does not end")


def _calls(
    payments: int, rate: float, markets: Mapping[str, Any], accounts: Sequence[str], chance: random.Random
) -> Iterator[Call]:
    names = sorted(markets)
    run = chance.getrandbits(48)
    for number in range(payments):
        name = names[number % len(names)]
        bank = chance.choice(sorted(markets[name]["banks"]))
        # Everybody pays in one market, that of their home.
        payer = chance.randrange(max(1, payments // PAYMENTS_A_PAYER // len(names))) * len(names) + number % len(names)
        account = accounts[chance.randrange(len(accounts))]
        yield Call(
            at_s=number / rate,
            account=account,
            key_class="test" if chance.random() < TEST_SHARE else "live",
            bank=bank,
            idempotency_key=f"probe-{_word(run)}-{number}",
            body=_body(name, markets[name], bank, run, payer, chance),
        )


def _word(run: int) -> str:
    return f"{run:012x}".translate(LETTERS)


def _body(
    name: str, market: Mapping[str, Any], bank: str, run: int, payer: int, chance: random.Random
) -> Mapping[str, Any]:
    """A payment that a merchant's program could send; every person in it is made up, and pays in one run only."""
    country, group = HOMES.get(market["currency"], HOMES["EUR"])
    amount = round(10 ** chance.gauss(TYPICAL_LOG10, SPREAD_LOG10))
    return {
        "amount": amount + (amount % 100 == DECLINED_ENDING),
        "currency": market["currency"],
        "market": name,
        "bank": bank,
        "payment_method": f"tok_probe_{_word(run)}_{payer}",
        "payer": {"name": f"Probe Payer {payer}", "email": f"payer{payer}@example.com", "country": country},
        "device": {
            "fingerprint": f"dev_{_word(run)}_{payer}",
            "ip": f"2001:db8:{group:x}:0:{run >> 32:x}:{run >> 16 & 0xFFFF:x}:{run & 0xFFFF:x}:{payer:x}",
            "user_agent": "payment-cell-probe/1",
        },
        "metadata": {"order": f"{chance.getrandbits(40):010x}"},
    }


def _wrong(message: str) -> CellError:
    return CellError(message, ExitCode.CONFIGURATION)
