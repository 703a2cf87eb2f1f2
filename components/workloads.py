"""What a cell's Kubernetes cluster holds before any workload: closed namespaces, quotas, priorities, the shard map.

The caller gives a Kubernetes provider in `opts` (`ResourceOptions(providers=[provider])`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pulumi
from pulumi_kubernetes import core, networking, scheduling

from components.base import type_token
from components.reachability import DNS, Party, baseline
from components.vocabulary import Environment

SHARD_MAP = "shard-map"
SHARD_MAP_FILE = "shard-map.json"
"""ConfigMap, and its key, in each namespace that reads the shard map: what a pod mounts."""

SYSTEM_NAMESPACES: Final = ("default", "kube-node-lease", "kube-public", "kube-system")
"""Kubernetes' own; a policy that denies by default there would cut off the cluster's DNS."""

PRIORITIES: Final[Mapping[str, tuple[int, str, str]]] = {
    "payment-critical": (1_000_000, "PreemptLowerPriority", "A payment waits for it: gateway, payments API, scorer."),
    "payment-standard": (100_000, "PreemptLowerPriority", "A queue waits for it: ledger, invoicing, relay."),
    "payment-batch": (-10, "Never", "Nobody waits for it: reports, drills. Goes first and pushes nobody out."),
}
"""Name -> value, preemption, description. Kubernetes reserves values above one billion; 0 is a pod without a class."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NamespaceArgs:
    """How much one namespace may ask for, and what a container gets that asks for nothing."""

    cpu: str
    """Sum of CPU requests: "16" cores."""
    memory: str
    """Sum of memory requests, and of limits: "64Gi". Memory is never overcommitted."""
    pods: int
    reads_shard_map: bool = False
    default_cpu: str = "100m"
    default_memory: str = "128Mi"

    def __post_init__(self) -> None:
        for key in ("cpu", "default_cpu"):
            if not re.fullmatch(r"\d+m?", getattr(self, key)):
                raise ValueError(
                    f"namespace.{key}: {getattr(self, key)!r} is not cores or millicores, such as 2 or 500m"
                )
        for key in ("memory", "default_memory"):
            if not re.fullmatch(r"\d+(Mi|Gi)", getattr(self, key)):
                raise ValueError(f"namespace.{key}: {getattr(self, key)!r} is not a size such as 512Mi or 4Gi")
        if self.pods < 1:
            raise ValueError(f"namespace.pods: {self.pods} leaves room for no pod; give 1 or more")


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkloadsArgs:
    """What stands ready for the workloads of one cell."""

    cell: str
    kubernetes_version: str
    """Minor version, "1.36": pins the Pod Security rules, so that a cluster upgrade does not change them unseen."""
    namespaces: Mapping[str, NamespaceArgs]
    shard_map: pulumi.Input[str]
    """The document of `contracts.shard_map` as JSON."""
    environment: Environment = Environment.PRODUCTION
    dns: Party = DNS
    """Where pods ask for names; elsewhere in Auto Mode (`components.auto_nodes.dns_of`)."""

    def __post_init__(self) -> None:
        for namespace in self.namespaces:
            if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", namespace):
                raise ValueError(
                    f"workloads.namespaces: {namespace!r} is no DNS label; use a-z, 0-9 and '-', at most 63 characters"
                )
            if namespace in SYSTEM_NAMESPACES:
                raise ValueError(f"workloads.namespaces: {namespace!r} belongs to Kubernetes; choose another name")


class Workloads(pulumi.ComponentResource):
    """Namespaces under Pod Security `restricted`, default-deny network policies, quotas, priority classes, shard map.

    Creation: seconds.
    """

    namespaces: Mapping[str, pulumi.Output[str]]
    """Key -> name of the namespace, to be used by what runs in it: it exists then, with its policies in place."""

    def __init__(self, name: str, args: WorkloadsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(type_token(type(self)), name, {}, opts)
        self._prefix, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        for priority, (value, preemption, description) in PRIORITIES.items():
            scheduling.v1.PriorityClass(
                f"{name}-{priority}",
                metadata={"name": priority, "labels": self._labels()},
                value=value,
                preemption_policy=preemption,
                global_default=False,
                description=description,
                opts=self._child,
            )
        self.namespaces = {namespace: self._namespace(namespace) for namespace in args.namespaces}
        self.register_outputs({"namespaces": self.namespaces})

    def _labels(self) -> dict[str, str]:
        return {"app.kubernetes.io/managed-by": "pulumi", "payment-cell/cell": self._args.cell}

    def _namespace(self, key: str) -> pulumi.Output[str]:
        """The namespace and all that guards it; its name resolves once the guards are there."""
        rules = {
            f"pod-security.kubernetes.io/{mode}{suffix}": value
            for mode in ("enforce", "audit", "warn")
            for suffix, value in (("", "restricted"), ("-version", f"v{self._args.kubernetes_version}"))
        }
        labels = {**self._labels(), "payment-cell/environment": self._args.environment.value, **rules}
        namespace = core.v1.Namespace(
            f"{self._prefix}-{key}", metadata={"name": key, "labels": labels}, opts=self._child
        )
        guards: list[Any] = [*self._network_policies(key, namespace), *self._limits(key, namespace)]
        if self._args.namespaces[key].reads_shard_map:
            guards.append(self._shard_map(key, namespace))
        # Their metadata and not their ids: a preview knows it, so it can say which namespace a policy is for.
        return pulumi.Output.all(namespace.metadata.name, *(guard.metadata["name"] for guard in guards)).apply(
            lambda all_: str(all_[0])
        )

    def _metadata(self, namespace: core.v1.Namespace, name: str) -> dict[str, Any]:
        return {"name": name, "namespace": namespace.metadata.name, "labels": self._labels()}

    def _network_policies(self, key: str, namespace: core.v1.Namespace) -> list[networking.v1.NetworkPolicy]:
        """Nothing in, nothing out, but names and credentials. What a workload talks to, its own policy says."""
        return [
            networking.v1.NetworkPolicy(
                f"{self._prefix}-{key}-{policy['metadata']['name']}",
                metadata=self._metadata(namespace, policy["metadata"]["name"]),
                spec=policy["spec"],
                opts=self._child,
            )
            for policy in baseline(key, self._args.dns)
        ]

    def _limits(self, key: str, namespace: core.v1.Namespace) -> list[Any]:
        of = self._args.namespaces[key]
        quota = core.v1.ResourceQuota(
            f"{self._prefix}-{key}",
            metadata=self._metadata(namespace, "quota"),
            spec={
                "hard": {
                    "requests.cpu": of.cpu,
                    "requests.memory": of.memory,
                    "limits.memory": of.memory,
                    "pods": str(of.pods),
                    # The edge owns what faces the internet: no workload opens a door of its own.
                    "services.loadbalancers": "0",
                    "services.nodeports": "0",
                }
            },
            opts=self._child,
        )
        # Without defaults the quota would refuse every container that names no request.
        defaults = core.v1.LimitRange(
            f"{self._prefix}-{key}",
            metadata=self._metadata(namespace, "defaults"),
            spec={
                "limits": [
                    {
                        "type": "Container",
                        "default": {"memory": of.default_memory},
                        "defaultRequest": {"cpu": of.default_cpu, "memory": of.default_memory},
                    }
                ]
            },
            opts=self._child,
        )
        return [quota, defaults]

    def _shard_map(self, key: str, namespace: core.v1.Namespace) -> core.v1.ConfigMap:
        return core.v1.ConfigMap(
            f"{self._prefix}-{key}-{SHARD_MAP}",
            metadata=self._metadata(namespace, SHARD_MAP),
            data={SHARD_MAP_FILE: self._args.shard_map},
            opts=self._child,
        )
