"""What one hanging bank does to the others, and what 5,000 banks cost an egress gateway."""

import asyncio
import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.egress import Egress
from bench.machine import BenchError, Machine
from bench.open_loop import Call, load, p99_ms
from bench.ratio import Ratio
from components.banks import Bank, Ejection, Endpoint, Limits, Market
from components.envoy.bank_clusters import egress_files
from sandbox.dataplane.banks import Banks

BANKS = 12
LATENCY_MS = 100
"""Of every bank: what a call takes is theirs, so a ratio shows what is added."""

LIMITS = Limits(
    connections=2,
    pending=4,
    requests=6,
    retries=1,
    retry_budget_percent=20,
    rate_per_second=20,
    timeout_ms=1000,
    try_timeout_ms=900,
    connect_timeout_ms=300,
    idle_timeout_ms=30_000,
)
SHARE = 0.6
"""Of its limits that each bank is loaded with: 12 of 20 a second, and 1.2 of 2 connections at 100 ms."""

EJECTION = Ejection(
    consecutive_errors=5,
    interval_ms=500,
    base_ms=2_000,
    maximum_ms=10_000,
    failure_percent=None,
    minimum_success_percent=80,
)
RUNS, BEFORE_S, HANGING_S = 7, 16.0, 20.0

POOL = BANKS * LIMITS.requests
"""Connections of the caller: what all banks together may take."""

T_95 = {6: 2.447}
"""Student's t for 95 % by degrees of freedom: runs - 1."""

MARKETS, IN_A_MARKET = 40, 125

SMALL, SMALL_RATE, SMALL_S, ROUNDS = 5, 20.0, 6.0, 3
"""Banks that are called, calls a second to each, seconds, and rounds in which the three gateways take turns."""


def banks_ratios(machine: Machine) -> list[Ratio]:
    """All of them."""
    return [*isolation(machine.home), *scale(machine.home)]


def isolation(home: Path) -> list[Ratio]:
    """One of twelve banks hangs: seven runs with breakers, one without."""
    market = _market("bench", 0, BANKS, latency_hosts=True)
    with_breakers = [_run(home / f"on-{number}", market, egress_files([market], "bench")) for number in range(RUNS)]
    without = _run(home / "off", market, _without_breakers(market))
    ratios = [p99_ms(run.others) / p99_ms(run.before) for run in with_breakers]
    half = T_95[RUNS - 1] * statistics.stdev(ratios) / math.sqrt(RUNS)
    middle = statistics.mean(ratios)
    interval = f"{middle - half:.2f} to {middle + half:.2f}"
    refused = [call for run in with_breakers for call in run.own if call.refused == "breaker"]
    if not refused:
        raise BenchError("the hanging bank was never ejected: there is nothing to compare")
    before = [call for run in with_breakers for call in run.before]
    others = [call for run in with_breakers for call in run.others]
    return [
        Ratio(
            what=f"p99 of 11 banks while one hangs / before ({RUNS} runs, 95 %: {interval})",
            this=statistics.mean(p99_ms(run.others) for run in with_breakers),
            that=statistics.mean(p99_ms(run.before) for run in with_breakers),
            unit="ms",
            goal=1.1,
        ),
        Ratio(what="success before / of the others", this=_success(before), that=_success(others), unit="%", goal=1.1),
        Ratio(
            what="p99 of a refused call / of a served one",
            this=p99_ms(refused),
            that=p99_ms(before),
            unit="ms",
            goal=0.5,
        ),
        Ratio(
            what="the same p99 without breakers / before (3 or more shows that the load would harm)",
            this=p99_ms(without.others),
            that=p99_ms(without.before),
            unit="ms",
        ),
    ]


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """Calls of one run."""

    before: Sequence[Call]
    """Of all banks, before one hangs."""
    others: Sequence[Call]
    """Of the others, while it hangs."""
    own: Sequence[Call]


def _run(folder: Path, market: Market, files: dict[str, str]) -> Run:
    banks = Banks(folder / "banks", print, latency_ms=LATENCY_MS)
    banks.reconcile(bank.endpoints[0].host for bank in market.banks.values())
    egress = Egress(folder / "egress", banks.endpoints(), banks.ca_file)
    egress.write([market], files)
    names = [f"{market.name}/{bank}" for bank in market.banks]
    rate = LIMITS.rate_per_second * SHARE
    try:
        egress.start()
        asyncio.run(load(egress.place, names, rate, 2.0, POOL))  # opens connections: paid by neither side
        before = asyncio.run(load(egress.place, names, rate, BEFORE_S, POOL))
        banks.fault(market.banks["bank-0"].endpoints[0].host, "hang")
        hanging = asyncio.run(load(egress.place, names, rate, HANGING_S, POOL))
    finally:
        egress.stop()
        banks.stop()
    return Run(
        before=before,
        others=[call for call in hanging if call.bank != names[0]],
        own=[call for call in hanging if call.bank == names[0]],
    )


def scale(home: Path) -> list[Ratio]:
    """5,000 banks in one process, and the largest group that a ConfigMap takes, each against five banks."""
    banks = Banks(home / "few-banks", print)
    few = _market("few", 0, SMALL)
    banks.reconcile(bank.endpoints[0].host for bank in few.banks.values())
    many = [few, *(_market(f"market-{number}", number, IN_A_MARKET) for number in range(1, MARKETS + 1))]
    try:
        small, group, large = (
            Gateway.median(rounds)
            for rounds in zip(
                *(
                    [_measure(home / f"{number}-{len(one)}", banks, few, one) for one in ([few], many[:2], many)]
                    for number in range(ROUNDS)
                ),
                strict=True,
            )
        )
    finally:
        banks.stop()
    found = []
    for what, one in ((f"{MARKETS * IN_A_MARKET:,} banks in one process", large), (f"a group of {IN_A_MARKET}", group)):
        found += [
            Ratio(what=f"start with {what} / with 5", this=one.start_s, that=small.start_s, unit="s"),
            Ratio(what=f"memory with {what} / with 5", this=one.memory_mib, that=small.memory_mib, unit="MiB"),
            Ratio(what=f"p99 with {what} / with 5", this=one.p99_ms, that=small.p99_ms, unit="ms"),
        ]
    return found


@dataclass(frozen=True, kw_only=True, slots=True)
class Gateway:
    """What one process took."""

    start_s: float
    memory_mib: float
    p99_ms: float

    @classmethod
    def median(cls, rounds: "Sequence[Gateway]") -> "Gateway":
        """Of each measure: the machine may do something else in one of the rounds."""
        return cls(
            start_s=statistics.median(one.start_s for one in rounds),
            memory_mib=statistics.median(one.memory_mib for one in rounds),
            p99_ms=statistics.median(one.p99_ms for one in rounds),
        )


def _measure(folder: Path, banks: Banks, called: Market, markets: Sequence[Market]) -> Gateway:
    egress = Egress(folder, banks.endpoints(), banks.ca_file)
    egress.write(markets)
    names = [f"{called.name}/{bank}" for bank in called.banks]
    try:
        start_s = egress.start()
        asyncio.run(load(egress.place, names, SMALL_RATE, 1.0, POOL))
        calls = asyncio.run(load(egress.place, names, SMALL_RATE, SMALL_S, POOL))
        memory_mib = egress.memory_mib()
    finally:
        egress.stop()
    if failed := [call for call in calls if not call.served]:
        raise BenchError(f"{len(failed)} of {len(calls)} calls were not served: {failed[0]}")
    return Gateway(start_s=start_s, memory_mib=memory_mib, p99_ms=p99_ms(calls))


def _market(name: str, index: int, banks: int, *, latency_hosts: bool = False) -> Market:
    """The banks of a market; those of the isolation run have limits that the load fills."""
    limits = LIMITS if latency_hosts else _wide()
    named = {f"bank-{number}": f"bank-{number}.{name}.example.com" for number in range(banks)}
    return Market(
        name=name,
        index=index,
        currency="EUR",
        cells=frozenset({"dev"}),
        banks={
            id_: Bank(
                id=id_,
                rail="sct-inst",
                endpoints=(Endpoint(host=host, port=443, server_name=host),),
                second_route=(),
                limits=limits,
                ejection=EJECTION,
            )
            for id_, host in named.items()
        },
    )


def _wide() -> Limits:
    """Nothing is refused, also on a machine that does something else for a second."""
    return Limits(
        connections=64,
        pending=64,
        requests=128,
        retries=1,
        retry_budget_percent=20,
        rate_per_second=200,
        timeout_ms=10_000,
        try_timeout_ms=9_000,
        connect_timeout_ms=2000,
        idle_timeout_ms=30_000,
    )


def _success(calls: Sequence[Call]) -> float:
    return 100 * sum(call.served for call in calls) / len(calls)


def _without_breakers(market: Market) -> dict[str, str]:
    """The same banks as plain clusters: Envoy's defaults for limits and time, nothing is ejected or refused."""
    files = egress_files([market], "bench")
    clusters: dict[str, Any] = json.loads(files["cds.json"])
    for cluster in clusters["resources"]:
        for key in ("circuit_breakers", "outlier_detection"):
            del cluster[key]
        (protocol,) = cluster["typed_extension_protocol_options"].values()
        del protocol["http_filters"]
    routes: dict[str, Any] = json.loads(files["rds.json"])
    for route in routes["resources"][0]["virtual_hosts"][0]["routes"]:
        del route["typed_per_filter_config"]
        for key in ("timeout", "retry_policy"):
            del route["route"][key]
    return {**files, "cds.json": json.dumps(clusters), "rds.json": json.dumps(routes)}
