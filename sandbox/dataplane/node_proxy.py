"""The node's network: one Envoy that connects loopback addresses with pods and outside servers, byte by byte.

Its configuration is two files, listeners and clusters with their endpoints. A cluster that is updated lets open
connections of its predecessor end by themselves, so a pod that comes or goes breaks no connection of others. A file of
endpoints a cluster would do the same, and Envoy opens one inotify instance a watched file: with two cells more than
the 128 that a user has by default.
"""

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from sandbox.dataplane.images import envoy_binary
from sandbox.kubernetes.process import Child
from sandbox.lifecycle import processes

TYPE = "type.googleapis.com/envoy."
CONNECT_TIMEOUT = "2s"
MOST_CONNECTIONS = 100_000
"""Of one cluster: the node limits nothing, the pods' own Envoys do."""

DRAIN_S = 1
"""Seconds that connections over a listener live on after a policy or a pod that allowed them is gone."""

COUNTED = r"listener\.([0-9.]+)_(\d+)\.downstream_cx_total"
"""Envoy's name for the number of connections that came to an address."""

Address = tuple[str, int]


@dataclass(frozen=True, order=True, slots=True)
class Listener:
    """Where a client reaches a server: `address`, and the cluster behind it."""

    address: Address
    cluster: str


class NodeProxy:
    """Starts with the first listener; comes back when it ends."""

    def __init__(self, folder: Path, log: Path) -> None:
        self._folder, self._log = folder, log
        self._child: Child | None = None
        self._written: dict[Path, str] = {}

    def apply(self, listeners: Sequence[Listener], clusters: Mapping[str, Sequence[Address]]) -> None:
        """Make these the listeners. Clusters are written first, listeners last, so that none points to nothing."""
        if self._child is None and not listeners:
            return
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._write(self._folder / "clusters.json", [_cluster(name, found) for name, found in clusters.items()])
        self._write(self._folder / "listeners.json", [_listener(listener) for listener in sorted(listeners)])
        self.keep()

    def keep(self) -> None:
        """Start it, again if it ended; nothing before there is something to listen for."""
        if not self._written or (self._child is not None and self._child.alive()):
            return
        bootstrap = self._folder / "bootstrap.json"
        bootstrap.write_text(json.dumps(_bootstrap(self._folder)))
        command: list[str | Path] = [
            envoy_binary(),
            "-c",
            bootstrap,
            "--concurrency",
            "1",
            "--disable-hot-restart",
            "-l",
            "warning",
        ]
        drain = ["--drain-time-s", str(DRAIN_S), "--drain-strategy", "immediate"]
        environment = {processes.RUN_VARIABLE: os.environ.get(processes.RUN_VARIABLE, "")}
        self._child = Child([*command, *drain], self._log, environment, inherits=False)

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child is not None and self._child.alive() else None

    def connections(self) -> dict[Address, int]:
        """How many connections came to each address since it is listened on."""
        if self.pid is None:
            return {}
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(_admin(self._folder)))) as client:
            text = client.get("http://node/stats").raise_for_status().text
        found = re.findall(rf"^{COUNTED}: (\d+)$", text, re.MULTILINE)
        return {(address, int(port)): int(count) for address, port, count in found}

    def stop(self) -> None:
        if self._child is not None:
            self._child.stop()
            self._child = None
        self._written.clear()

    def _write(self, path: Path, resources: list[dict[str, Any]]) -> None:
        text = json.dumps(resources)
        if self._written.get(path) == text:
            return
        version = hashlib.sha256(text.encode()).hexdigest()[:16]
        temporary = path.with_suffix(".new")
        temporary.write_text(json.dumps({"version_info": version, "resources": resources}))
        temporary.replace(path)  # Envoy looks for files that are moved into place
        self._written[path] = text


def _admin(folder: Path) -> Path:
    """Socket on which the proxy answers: beside the folder, since a socket's path has at most 107 characters."""
    return folder.with_suffix(".sock")


def _bootstrap(folder: Path) -> dict[str, Any]:
    def of(name: str) -> dict[str, Any]:
        return {"path_config_source": {"path": str(folder / name)}, "resource_api_version": "V3"}

    return {
        "node": {"id": "node", "cluster": "sandbox"},
        "dynamic_resources": {"lds_config": of("listeners.json"), "cds_config": of("clusters.json")},
        "admin": {"address": {"pipe": {"path": str(_admin(folder)), "mode": 0o600}}},
        # One of each pair; all together would be a hundred.
        "stats_config": {"stats_matcher": {"inclusion_list": {"patterns": [{"safe_regex": {"regex": COUNTED}}]}}},
    }


def _listener(listener: Listener) -> dict[str, Any]:
    proxy = {
        "@type": f"{TYPE}extensions.filters.network.tcp_proxy.v3.TcpProxy",
        "stat_prefix": "node",
        "cluster": listener.cluster,
        # Connections end when one of the ends says so.
        "idle_timeout": "0s",
    }
    return {
        "@type": f"{TYPE}config.listener.v3.Listener",
        "name": f"{listener.address[0]}:{listener.address[1]}",
        "address": {"socket_address": {"address": listener.address[0], "port_value": listener.address[1]}},
        "enable_reuse_port": False,
        "filter_chains": [{"filters": [{"name": "envoy.filters.network.tcp_proxy", "typed_config": proxy}]}],
    }


def _cluster(name: str, endpoints: Sequence[Address]) -> dict[str, Any]:
    limit = {"max_connections": MOST_CONNECTIONS, "max_pending_requests": MOST_CONNECTIONS}
    return {
        "@type": f"{TYPE}config.cluster.v3.Cluster",
        "name": name,
        "type": "STATIC",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [_endpoint(*one) for one in sorted(endpoints)]}],
        },
        "connect_timeout": CONNECT_TIMEOUT,
        "circuit_breakers": {"thresholds": [limit]},
    }


def _endpoint(host: str, port: int) -> dict[str, Any]:
    return {"endpoint": {"address": {"socket_address": {"address": host, "port_value": port}}}}
