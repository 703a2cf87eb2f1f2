"""The gateway in the cluster: Envoy behind the cell's load balancer, with its configuration and the map of cells.

    gateway = GatewayArgs(cell="eu-west-1", image=..., settings=Gateway(...), cell_map=CellMap(...), parties=...)
    workloads(gateway)                                        for the reachability matrix
    GatewayWorkload("eu-west-1", gateway, namespaces["gateway"], opts)

A change of the map or of listeners and clusters reaches the running process; one of the process itself (memory, limits
of connections) takes a rollout, which an environment variable with the bootstrap's digest starts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_kubernetes import core

from components.base import type_token
from components.edge import DRAIN_S, HEALTH_PATH
from components.gateway_config import BOOTSTRAP, HTTPS, ROUTES, files, routes
from components.gateway_settings import Gateway
from components.reachability import Party
from components.scaling import CpuScaling
from components.self_signed import self_signed
from components.trace_agent import needs
from components.workload import Probe, Workload, WorkloadArgs
from contracts.cell_map import CellMap

NAME = NAMESPACE = "gateway"
SERVING = "gateway-serving"
"""Secret with the certificate that the load balancer gets and does not verify (Elastic Load Balancing user guide,
Target groups: HTTPS)."""

CELL_MAP = "cell-map"
MAP_FILE = "cell-map.json"
"""The map as others read it; Envoy reads the routes beside it, which are made from it."""

LONGEST_CONFIGURATION = 1_000_000
"""Bytes of a ConfigMap, whose limit is 1 MiB."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GatewayArgs:
    """What one cell's gateway is."""

    settings: Gateway
    cell_map: CellMap
    image: str
    """Envoy, from the cell's registry by digest."""
    parties: Mapping[str, Party]
    """Has `scorer`, `payments` and `edge`, and `telemetry` where spans are sent."""
    replicas: int
    maximum: int
    cpu: str = "1"
    memory: str = "1Gi"
    node_group: str | None = "gateway"

    def __post_init__(self) -> None:
        cell = self.settings.cell
        if self.cell_map.default != cell:
            raise ValueError(
                f"gateway.cell_map.default: {self.cell_map.default!r}; use {cell!r}, the gateway's own cell"
            )
        if self.settings.heap_bytes > 0.85 * _bytes(self.memory):
            raise ValueError(
                f"gateway.settings.heap_bytes: {self.settings.heap_bytes:,} is more than 85 % of the container's "
                f"memory {self.memory}, so the kernel would end Envoy before it refuses; lower it or raise memory"
            )


def _bytes(memory: str) -> int:
    """Of a Kubernetes quantity; others than Mi and Gi are refused by `WorkloadArgs`."""
    return int(memory[:-2]) * (1024**3 if memory.endswith("Gi") else 1024**2)


def _cores(cpu: str) -> int:
    return max(1, int(cpu[:-1]) // 1000 if cpu.endswith("m") else int(cpu))


def workloads(args: GatewayArgs) -> dict[str, WorkloadArgs]:
    """The gateway as a workload, for the matrix as well as for the cluster."""
    settings = args.settings
    calls = ("scorer", "payments", *needs(settings.otlp_endpoint))
    # Envoy would start a thread for each core of the node.
    cores = ("--concurrency", str(_cores(args.cpu)))
    gateway = WorkloadArgs(
        cell=settings.cell,
        name=NAME,
        namespace=NAMESPACE,
        image=args.image,
        replicas=args.replicas,
        cpu=args.cpu,
        memory=args.memory,
        priority="payment-critical",
        probe=Probe(path=HEALTH_PATH, port=HTTPS, tls=True),
        ports={"https": HTTPS},
        needs=calls,
        serves=("edge",),
        scaling=CpuScaling(maximum=args.maximum),
        node_group=args.node_group,
        # Hot restarts are for a process that replaces itself on one host; here a pod is replaced.
        arguments=("-c", f"{settings.folder}/{BOOTSTRAP}", "--disable-hot-restart", "--log-level", "warning", *cores),
        environment={"CELL": settings.cell, "BOOTSTRAP": _digest(settings)},
        config_maps={NAME: settings.folder, CELL_MAP: settings.map_folder},
        secrets={SERVING: settings.certificate_folder},
        # Until the load balancer has forgotten a pod it goes on serving, and then finishes what it has.
        drain_s=DRAIN_S,
        grace_s=round(settings.deadlines.gateway_s) + 5,
    )
    return {NAME: gateway}


def _digest(settings: Gateway) -> str:
    """Of the file that Envoy reads once: another one has to start other pods."""
    return hashlib.sha256(files(settings)[BOOTSTRAP].encode()).hexdigest()[:16]


class GatewayWorkload(pulumi.ComponentResource):
    """Configuration, map, certificate and workload. Creation: one rollout."""

    def __init__(
        self,
        name: str,
        args: GatewayArgs,
        namespace: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """`namespace`: `Workloads.namespaces["gateway"]`."""
        super().__init__(type_token(type(self)), name, {}, opts)
        self._prefix, self._args, self._namespace = name, args, namespace
        self._child = pulumi.ResourceOptions(parent=self)
        accounts = {ROUTES: routes(args.settings, args.cell_map), MAP_FILE: args.cell_map.to_json()}
        before = [
            self._config_map(NAME, files(args.settings)),
            self._config_map(CELL_MAP, accounts),
            self._serving_certificate(),
        ]
        Workload(f"{name}-{NAME}", workloads(args)[NAME], args.parties, self._child, namespace=namespace, after=before)
        self.register_outputs({})

    def _metadata(self, name: str) -> dict[str, Any]:
        labels = {"app.kubernetes.io/managed-by": "pulumi", "payment-cell/cell": self._args.settings.cell}
        return {"name": name, "namespace": self._namespace, "labels": labels}

    def _config_map(self, name: str, data: Mapping[str, str]) -> pulumi.Resource:
        size = sum(map(len, data.values()))
        if size > LONGEST_CONFIGURATION:
            raise ValueError(f"gateway: the ConfigMap {name} has {size:,} bytes; it takes {LONGEST_CONFIGURATION:,}")
        made: pulumi.Resource = core.v1.ConfigMap(
            f"{self._prefix}-{name}", metadata=self._metadata(name), data=data, opts=self._child
        )
        return made

    def _serving_certificate(self) -> pulumi.Resource:
        """Made once: later runs make another one, which is ignored."""
        made: pulumi.Resource = core.v1.Secret(
            f"{self._prefix}-{SERVING}",
            metadata=self._metadata(SERVING),
            type="kubernetes.io/tls",
            data=pulumi.Output.secret(self_signed(SERVING)),
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["data"]),
        )
        return made
