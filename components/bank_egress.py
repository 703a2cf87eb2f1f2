"""The only way to the banks: an egress gateway a group of markets, configured by files that change while it runs.

    declared = workloads(args)                       for the matrix, and for whoever names egress gateways in `needs`
    BankEgress("eu-west-1", args, namespace, opts)   ConfigMap, client certificate and workload of each group
    markets_json(args.markets)                       what the payments API knows of markets

Adding a bank or a market changes ConfigMaps and no pod, unless the market is the first of a group.

The client certificate: the stack makes one a group, so that a cell is complete; banks learn its public part before they
serve us (`registered_at` in a market's file). Rotation with overlap: have the banks add the next certificate, wait
until all have, write it into the Secret (from Secrets Manager, where the next one is kept), have them remove the old
one. Envoy shows it on new connections; the open ones stay.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_kubernetes import core

from components.banks import Market
from components.base import type_token
from components.egress_groups import MARGIN, MAX_CONFIG_MAP_BYTES, egress_groups, group_name
from components.envoy.bank_clusters import CLIENT_FOLDER, CONFIG_FOLDER, egress_files
from components.envoy.bank_listener import PORT, READY_PATH
from components.reachability import Party
from components.self_signed import client_certificate, secret_data
from components.trace_agent import needs
from components.workload import Probe, Workload, WorkloadArgs

NAMESPACE: Final = "egress"
CALLERS: Final = ("payments", "settler")

WORKERS = 2
"""Threads of Envoy. Limits of a bank are shared by them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BankEgressArgs:
    """Markets of one cell, and how their gateways run."""

    cell: str
    image: str
    """Of the program `gateway`, which is Envoy."""
    markets: Sequence[Market]
    """All that there are: the groups are the same in every cell."""
    parties: Mapping[str, Party]
    """Has `banks`, `payments` and `settler`, and `telemetry` where spans are sent."""
    otlp_endpoint: str | None = None
    """http://host:port that takes spans; None: none are made."""
    replicas: int = 2
    node_group: str | None = None


def groups_of(cell: str, markets: Iterable[Market]) -> Mapping[str, tuple[Market, ...]]:
    """Egress gateway -> the markets of the cell that it serves; gateways without any are left out."""
    found = {
        group_name(number): tuple(market for market in members if cell in market.cells)
        for number, members in egress_groups(markets).items()
    }
    return {name: members for name, members in found.items() if members}


def workloads(args: BankEgressArgs) -> dict[str, WorkloadArgs]:
    """The gateways as workloads, for the matrix as well as for the cluster."""
    return {name: _workload(args, name) for name in groups_of(args.cell, args.markets)}


def _workload(args: BankEgressArgs, name: str) -> WorkloadArgs:
    return WorkloadArgs(
        cell=args.cell,
        name=name,
        namespace=NAMESPACE,
        image=args.image,
        replicas=args.replicas,
        cpu="250m",
        memory="512Mi",
        priority="payment-critical",
        probe=Probe(path=READY_PATH, port=PORT),
        ports={"http": PORT},
        needs=("banks", *needs(args.otlp_endpoint)),
        serves=CALLERS,
        node_group=args.node_group,
        arguments=[
            "-c",
            f"{CONFIG_FOLDER}/bootstrap.json",
            "--concurrency",
            str(WORKERS),
            "--disable-hot-restart",
            "--log-format",
            '{"time":"%Y-%m-%dT%T.%e%z","level":"%l","logger":"%n","message":"%j"}',
        ],
        config_maps={name: CONFIG_FOLDER},
        secrets={client_secret(name): CLIENT_FOLDER},
    )


def client_secret(name: str) -> str:
    """Name of a gateway's Secret with its client certificate."""
    return f"{name}-client"


def markets_json(cell: str, markets: Iterable[Market]) -> str:
    """The markets of a cell as the payments API reads them: where each bank is reached, and how long it may take."""
    found = {}
    for name, members in groups_of(cell, markets).items():
        egress = {"host": f"{name}.{NAMESPACE}.svc.cluster.local", "port": PORT}
        for market in members:
            banks = {
                bank.id: {"rail": bank.rail, "timeout_s": bank.limits.timeout_ms / 1000}
                for bank in market.banks.values()
            }
            found[market.name] = {"currency": market.currency, "egress": egress, "banks": banks}
    # Not sorted: the first bank of a market is the one that takes payments which name none.
    return json.dumps({"markets": found}, separators=(",", ":"))


class BankEgress(pulumi.ComponentResource):
    """ConfigMap, Secret and workload of each egress gateway of a cell. Creation: one rollout."""

    def __init__(
        self,
        name: str,
        args: BankEgressArgs,
        namespace: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """`namespace`: `Workloads.namespaces["egress"]`."""
        super().__init__(type_token(type(self)), name, {}, opts)
        self._prefix, self._args, self._namespace = name, args, namespace
        self._child = pulumi.ResourceOptions(parent=self)
        groups = groups_of(args.cell, args.markets)
        for gateway, declared in workloads(args).items():
            files = self._files(gateway, groups[gateway])
            secret = self._client_certificate(gateway)
            Workload(
                f"{name}-{gateway}", declared, args.parties, self._child, namespace=namespace, after=[files, secret]
            )
        self.register_outputs({"gateways": sorted(groups)})

    def _metadata(self, name: str) -> dict[str, object]:
        labels = {"app.kubernetes.io/managed-by": "pulumi", "payment-cell/cell": self._args.cell}
        return {"name": name, "namespace": self._namespace, "labels": labels}

    def _files(self, gateway: str, markets: Sequence[Market]) -> core.v1.ConfigMap:
        files = egress_files(markets, f"{self._args.cell}/{gateway}", self._args.otlp_endpoint)
        if (size := sum(map(len, files.values()))) > MAX_CONFIG_MAP_BYTES * MARGIN:
            raise ValueError(
                f"bank_egress.{gateway}: {size:,} bytes of configuration, a ConfigMap holds {MAX_CONFIG_MAP_BYTES:,}; "
                f"give the banks of {', '.join(market.name for market in markets)} fewer server names"
            )
        return core.v1.ConfigMap(
            f"{self._prefix}-{gateway}",
            metadata=self._metadata(gateway),
            data=files,
            opts=self._child,
        )

    def _client_certificate(self, gateway: str) -> core.v1.Secret:
        """Made once: later runs make another one, which is ignored, as is what a rotation wrote."""
        content = secret_data(client_certificate(f"{gateway}.{self._args.cell}"))
        return core.v1.Secret(
            f"{self._prefix}-{client_secret(gateway)}",
            metadata=self._metadata(client_secret(gateway)),
            type="kubernetes.io/tls",
            data=pulumi.Output.secret(content),
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["data"]),
        )
