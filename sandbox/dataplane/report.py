"""What runs, for `cell sandbox ps`, and where the operator reaches it, for `hosts.json`."""

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sandbox.dataplane import images
from sandbox.dataplane.deployments import NOT_RUN, runs
from sandbox.dataplane.dns import Dns
from sandbox.dataplane.node import Node
from sandbox.dataplane.policy import End, OutsideEnd
from sandbox.lifecycle.home import write_private


def processes(node: Node) -> list[dict[str, Any]]:
    """One entry a process, and one a Deployment that has none: `state` and `reason` say why."""
    found: list[dict[str, Any]] = []
    with node.lock:
        for (key, _), run in sorted(node.pods.items(), key=lambda item: item[0]):
            for container in run.containers:
                state = "running" if container.running else container.state()["state"]["waiting"]["reason"]
                found.append(
                    {
                        "cluster": key.name,
                        "namespace": run.namespace,
                        "name": run.name,
                        "program": images.program(container.spec["image"]),
                        "address": run.address,
                        "pid": container.child.pid if container.child else None,
                        "state": state,
                        "ready": container.ready,
                        "restarts": container.restarts,
                        "since": container.state()["state"].get("running", {}).get("startedAt"),
                        "reason": run.reason or container.trouble,
                    }
                )
        found += [entry for key in node.clusters for entry in _without_pods(node, key)]
        proxy = node.proxy_pid
    if proxy is not None:
        found.append(_process("node-proxy", proxy, "running"))
    return found + [_process(name, pid, state) for name, pid, _, state in node.guests.processes()]


def connections(node: Node) -> list[dict[str, Any]]:
    """One entry a pair of a pod and a server that it connected to, with both ends as policies see them."""
    return [
        {
            "cluster": found.pair.cluster.name,
            "client": {"pod": found.pair.client, **asdict(found.client)},
            "server": found.pair.server,
            "ends": [{"port": port, **_end(end)} for end, port in found.servers],
            "connections": found.count,
        }
        for found in node.connections()
    ]


def _end(end: End) -> dict[str, Any]:
    return {"networks": list(map(str, end.networks))} if isinstance(end, OutsideEnd) else asdict(end)


def _without_pods(node: Node, key: Any) -> list[dict[str, Any]]:
    found = []
    for deployment in node.clusters[key].all("Deployment"):
        metadata, spec = deployment["metadata"], deployment["spec"]["template"]["spec"]
        conditions = {c["type"]: c for c in deployment.get("status", {}).get("conditions") or ()}
        refused = conditions.get("ReplicaFailure")
        if runs(spec) and refused is None:
            continue
        found.append(
            {
                "cluster": key.name,
                "namespace": metadata["namespace"],
                "name": metadata["name"],
                "program": images.program(spec["containers"][0]["image"]),
                "pid": None,
                "state": refused["reason"] if refused else NOT_RUN,
                "ready": False,
                "reason": refused["message"] if refused else "declared, not run",
            }
        )
    return found


def _process(name: str, pid: int, state: str) -> dict[str, Any]:
    entry = {"cluster": None, "namespace": None, "name": name, "program": name.partition(" ")[0], "pid": pid}
    return {**entry, "state": state, "ready": state == "running", "reason": ""}


def hosts(node: Node) -> dict[str, str]:
    """Host, with and without port -> address at which the operator reaches it.

    Services of two clusters have the same name: with the cluster's name before it (`<cluster>/<host>`) it is always
    there, without only where one cluster has it.
    """
    found: dict[str, str] = {}
    with node.lock:
        listeners, _ = node.network.plan(node.clusters, [run.place for run in node.pods.values()])
        operators = node.network.operators()
        servers = dict(node.guests.servers)
    ports: dict[str, list[int]] = {}
    for listener in listeners:
        ports.setdefault(listener.address[0], []).append(listener.address[1])
    answering = [(key.name, host, address) for (key, host), address in operators.items() if address in ports]
    count = Counter(host for _, host, _ in answering)
    for cluster, host, address in answering:
        for name in (f"{cluster}/{host}", *([host] if count[host] == 1 else [])):
            for port in sorted(ports[address], reverse=True):
                found[f"{name}:{port}"] = found[name] = f"{address}:{port}"
    for host, server in servers.items():
        found[host] = found[f"{host}:{server.port}"] = f"{server.target[0]}:{server.target[1]}"
    return found


def write_hosts(node: Node, dns: Dns, path: Path) -> None:
    """Bring the file up to date; with the names that lead to gateways from outside, as clients know them."""
    dns.services = hosts(node)
    text = json.dumps({**dns.services, **dns.hosts()}, indent=2, sort_keys=True) + "\n"
    if not path.exists() or path.read_text() != text:
        write_private(path, text)
