"""The proxy process of one network, from the manager's side: its configuration and its life."""

import json
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sandbox.dataplane.database_proxy.config import Config, ProxyConfig
from sandbox.dataplane.databases.account import Proxy
from sandbox.dataplane.databases.cluster import ClusterServers, Machine
from sandbox.dataplane.databases.parameters import SMALL
from sandbox.kubernetes.pki import write_private
from sandbox.kubernetes.process import Child

CHECKOUT = Path(__file__).resolve().parents[3]

PORT = 5432
"""RDS Proxy listens on the engine's own port only."""

FIRST_WAIT_S, LONGEST_WAIT_S, STEADY_S = 1.0, 30.0, 60.0
"""As for servers."""


class ProxyProcess:
    """Proxies of one network; no two cells share one."""

    def __init__(self, network: str, folder: Path, machine: Machine, endpoint_url: str) -> None:
        self.name = f"database-proxy-{network}"
        self._folder, self._machine, self._endpoint_url = folder, machine, endpoint_url
        self._path = folder / f"{self.name}.json"
        self._statistics = folder / f"{self.name}.statistics.json"
        self._proxies: dict[str, ProxyConfig] = {}
        self._written = ""
        self._child: Child | None = None
        self._started = 0.0
        self._wait_s, self._not_before = FIRST_WAIT_S, 0.0

    def converge(self, targets: Sequence[tuple[Proxy, ClusterServers]], standing: set[str]) -> None:
        """Write what changed and see that the process runs. A proxy in `standing` that has no target now keeps its
        last one."""
        self._proxies = {name: config for name, config in self._proxies.items() if name in standing}
        self._proxies |= {proxy.name: self._config(proxy, servers) for proxy, servers in targets}
        text = Config(
            endpoint_url=self._endpoint_url,
            statistics=str(self._statistics),
            proxies=list(self._proxies.values()),
        ).to_json()
        if text != self._written:
            part = self._path.with_suffix(".part")
            write_private(part, text.encode())  # it holds passwords
            part.replace(self._path)
            self._written = text
        if (self._child is None or not self._child.alive()) and time.monotonic() >= self._not_before:
            self._start()

    def _start(self) -> None:
        if time.time() - self._started > STEADY_S:
            self._wait_s = FIRST_WAIT_S
        self._statistics.unlink(missing_ok=True)
        self._child = Child(
            [sys.executable, "-m", "sandbox.dataplane.database_proxy", self._path],
            self._folder / "logs" / f"{self.name}.log",
            {"PYTHONPATH": str(CHECKOUT)},
        )
        self._started = time.time()
        self._not_before = time.monotonic() + self._wait_s
        self._wait_s = min(2 * self._wait_s, LONGEST_WAIT_S)

    def _config(self, proxy: Proxy, servers: ClusterServers) -> ProxyConfig:
        machine = self._machine
        last = self._proxies.get(proxy.name)
        certificate = machine.certificates / f"{proxy.name}.crt"
        if last is None or last.host != proxy.host:
            machine.authority.issue(proxy.name, common_name=proxy.name, hosts=[proxy.host])
        connections = int(SMALL["max_connections"])
        return ProxyConfig(
            name=proxy.name,
            account=proxy.account,
            region=proxy.region,
            resource_id=proxy.resource_id,
            role=proxy.role,
            host=proxy.host,
            address=machine.addresses.of(proxy.host),
            port=PORT,
            require_tls=proxy.require_tls,
            iam_end_to_end=proxy.iam_end_to_end,
            idle_client_s=proxy.idle_client_s,
            borrow_timeout_s=proxy.borrow_timeout_s,
            max_connections=max(1, connections * proxy.max_connections_percent // 100),
            max_idle=max(1, connections * proxy.max_idle_percent // 100),
            cluster_resource_id=servers.cluster.resource_id,
            writer_socket=str(servers.socket),
            certificate=str(certificate),
            key=str(certificate.with_suffix(".key")),
            secrets=dict(proxy.secrets),
        )

    def endpoints(self) -> Mapping[str, tuple[str, int]]:
        """Hosts of the proxies that listen, by their own account."""
        listening = self.statistics() if self._child and self._child.alive() else {}
        return {one.host: (one.address, one.port) for one in self._proxies.values() if one.name in listening}

    def statistics(self) -> dict[str, Any]:
        try:
            return dict(json.loads(self._statistics.read_text()))
        except (OSError, ValueError):
            return {}  # it has not written yet

    def row(self) -> tuple[str, int, float, str]:
        alive = self._child is not None and self._child.alive()
        return self.name, self._child.pid if self._child else 0, self._started, "running" if alive else "stopped"

    def kill(self) -> None:
        """It is dead until `converge` starts it again."""
        if self._child is not None:
            self._child.send(signal.SIGKILL)
        self._wait_s, self._not_before = FIRST_WAIT_S, 0.0

    def remove(self) -> None:
        if self._child is not None:
            self._child.stop()
        self._path.unlink(missing_ok=True)
        self._statistics.unlink(missing_ok=True)
