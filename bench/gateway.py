"""What the gateway costs a payment: time with the fraud decision and without, and processor time against a bare Envoy.

Gateway, stub of payments and stub of the scorer are those of tests/dataplane. The client is Python and slower than
Envoy, so payments a core are counted in processor seconds of the Envoy process, not by the clock.
"""

import importlib
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from envoy.config.route.v3 import route_components_pb2, route_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2

from bench.machine import ROOT, Machine
from bench.ratio import Ratio
from components.envoy import messages
from components.gateway_config import PAYMENTS, SERVING

REQUESTS, AT_A_TIME, ROUNDS = 1_000, 4, 3

GOAL_MS = 5.0
"""What the decision may add to the p99."""

PATH = "/v1/payments"


def gateway_ratios(machine: Machine) -> list[Ratio]:
    """Both ratios from one gateway, its stubs, and a bare Envoy before the same stub."""
    sys.path.insert(0, str(ROOT / "tests" / "dataplane"))
    tools = importlib.import_module("gateway_stand")
    home = machine.home / "gateway"
    home.mkdir()
    with tools.running(home) as stand, bare(tools, stand) as (url, pid):
        # What else runs on the machine only adds: the best of some rounds counts, on both sides.
        without = min(_p99(tools, stand, "GET") for _ in range(ROUNDS))
        scored = min(_p99(tools, stand, "POST") for _ in range(ROUNDS))
        ours = max(_a_core(tools, stand.url, stand.envoy.pid) for _ in range(ROUNDS))
        plain = max(_a_core(tools, url, pid) for _ in range(ROUNDS))
    return [
        Ratio(
            what=f"gateway p99 with the fraud decision / without + {GOAL_MS:g} ms",
            this=scored,
            that=without + GOAL_MS,
            unit="ms",
            goal=1.0,
        ),
        Ratio(what="payments a second a core, bare Envoy / gateway", this=plain, that=ours, unit="/s"),
    ]


def _load(tools: Any, url: str, method: str) -> None:
    with httpx.Client(base_url=url, verify=False, timeout=30) as client, ThreadPoolExecutor(AT_A_TIME) as pool:

        def ask(n: int) -> int:
            return client.request(method, PATH, headers=tools.key(f"acct_bench{n % 200}")).status_code

        if (found := set(pool.map(ask, range(REQUESTS)))) != {201}:
            raise RuntimeError(f"bench gateway: {method} was answered with {found}, not 201 alone")


def _p99(tools: Any, stand: Any, method: str) -> float:
    """Milliseconds, as the gateway measured them."""
    before = len(stand.lines())
    _load(tools, stand.url, method)
    tools.until(lambda: len(stand.lines()) >= before + REQUESTS, "all requests are in the log")
    durations = [float(line["duration_ms"]) for line in stand.lines()[before:]]
    return statistics.quantiles(durations, n=100, method="inclusive")[98]


def _a_core(tools: Any, url: str, pid: int) -> float:
    """Payments for a second of the process's processor time."""
    before = _processor_s(pid)
    _load(tools, url, "POST")
    return REQUESTS / (_processor_s(pid) - before)


def _processor_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def bare(tools: Any, stand: Any) -> Iterator[tuple[str, int]]:
    """An Envoy with TLS and a route to the same stub, and nothing else: its URL and process id."""
    address = next(tools.addresses)
    settings, folder = stand.settings, stand.home / "bare"
    route = route_components_pb2.Route(route=route_components_pb2.RouteAction(cluster=PAYMENTS))
    route.match.prefix = "/"
    host = route_components_pb2.VirtualHost(name="all", domains=["*"], routes=[route])
    manager = http_connection_manager_pb2.HttpConnectionManager(
        stat_prefix="bare",
        route_config=route_pb2.RouteConfiguration(name="all", virtual_hosts=[host]),
        http_filters=[messages.router()],
    )
    tls = messages.downstream_tls(messages.secret_source("serving", f"{settings.folder}/{SERVING}"))
    bootstrap = messages.bootstrap("bare", "bench", listeners=f"{folder}/lds.json", clusters=f"{folder}/cds.json")
    bootstrap.static_resources.listeners.append(messages.listener("https", 8443, manager, tls=tls))
    bootstrap.static_resources.clusters.append(
        messages.cluster(PAYMENTS, settings.payments_host, settings.payments_port, connect_timeout_s=1, idle_s=4)
    )
    nothing = messages.write(messages.discovery([]))
    content = {"bootstrap.json": tools.here(messages.write(bootstrap), address)}
    tools.put(folder, {**content, "lds.json": nothing, "cds.json": nothing})
    command = [
        tools.ENVOY,
        "-c",
        folder / "bootstrap.json",
        "--disable-hot-restart",
        "--concurrency",
        "2",
        "-l",
        "error",
    ]
    process = subprocess.Popen([*map(str, command)])
    try:
        tools.until(lambda: tools.listens(address, 8443), "a bare Envoy listens")
        yield f"https://{address}:8443", process.pid
    finally:
        process.kill()
        process.wait()
