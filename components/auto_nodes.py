"""The nodes of an EKS Auto Mode cluster, as the Kubernetes objects that AWS acts on: one node class, a node pool for
each workload class, and the switch for NetworkPolicies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from typing import Any, Final

import pulumi
from pulumi_kubernetes import apiextensions, core

from components.base import type_token
from components.nodes import MAX_UNAVAILABLE_PERCENT, WORKLOAD_CLASS_LABEL, architecture
from components.reachability import DNS, Blocks, Party

NODE_CLASS = "cell"
"""Name of the node class; AWS keeps `default` for itself."""

LIFETIME_H = 336
"""Hours until a node is replaced, which is how it gets patches; AWS takes 21 days at most
(https://docs.aws.amazon.com/eks/latest/userguide/automode.html)."""

MAX_LIFETIME_H = 504

ARCHITECTURES: Final[Mapping[str, str]] = {"arm64": "arm64", "x86_64": "amd64"}
"""EC2's word -> Kubernetes'."""


def dns_of(service_cidr: str) -> Party:
    """The cluster's DNS in Auto Mode: it runs on each node as a service, not in pods that a selector could name, and
    answers at the tenth service address (https://github.com/aws/containers-roadmap/issues/2552)."""
    return Party(name=DNS.name, place=Blocks(cidrs=(f"{IPv4Network(service_cidr)[10]}/32",)), ports=DNS.ports)


@dataclass(frozen=True, kw_only=True, slots=True)
class PoolArgs:
    """The nodes of one workload class."""

    instance_types: Sequence[str]
    cpu_limit: int
    """vCPUs of all its nodes together: what the largest node group would have."""
    memory_limit_gib: int
    taints: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.instance_types:
            raise ValueError("auto_nodes.instance_types: empty; name at least one")
        if len({architecture(instance_type) for instance_type in self.instance_types}) > 1:
            raise ValueError(f"auto_nodes.instance_types: {', '.join(self.instance_types)} mix ARM and x86")
        if self.cpu_limit < 1 or self.memory_limit_gib < 1:
            raise ValueError("auto_nodes: cpu_limit and memory_limit_gib of 0 leave no node; give 1 or more")


@dataclass(frozen=True, kw_only=True, slots=True)
class AutoNodesArgs:
    """Where nodes stand and under which role and key."""

    cell: str
    role_name: pulumi.Input[str]
    subnet_ids: pulumi.Input[Sequence[str]]
    security_group_id: pulumi.Input[str]
    volume_key_arn: pulumi.Input[str]
    pools: Mapping[str, PoolArgs]
    """Workload class -> nodes."""
    disk_gib: int = 50

    def __post_init__(self) -> None:
        if not self.pools:
            raise ValueError("auto_nodes.pools: empty, so no workload would ever run; name at least one")


class AutoNodes(pulumi.ComponentResource):
    """Node class and pools. Creation: seconds; nodes appear when pods wait for them, and go when nobody needs them."""

    pools: Mapping[str, apiextensions.CustomResource]

    def __init__(self, name: str, args: AutoNodesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(type_token(type(self)), name, {}, opts)
        self._prefix, self._args = name, args
        child = pulumi.ResourceOptions(parent=self)
        # Without it the API server takes NetworkPolicies and no node enforces them
        # (https://docs.aws.amazon.com/eks/latest/userguide/auto-net-pol.html).
        enforced = core.v1.ConfigMap(
            f"{name}-network-policies",
            metadata={"name": "amazon-vpc-cni", "namespace": "kube-system", "labels": self._labels()},
            data={"enable-network-policy-controller": "true"},
            opts=child,
        )
        node_class = apiextensions.CustomResource(
            f"{name}-nodes",
            api_version="eks.amazonaws.com/v1",
            kind="NodeClass",
            metadata={"name": NODE_CLASS, "labels": self._labels()},
            spec=self._node_class(),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[enforced]),
        )
        after = pulumi.ResourceOptions(parent=self, depends_on=[node_class])
        self.pools = {
            key: apiextensions.CustomResource(
                f"{name}-{key}",
                api_version="karpenter.sh/v1",
                kind="NodePool",
                metadata={"name": key, "labels": self._labels()},
                spec=node_pool(key, pool),
                opts=after,
            )
            for key, pool in args.pools.items()
        }
        self.register_outputs({"pools": sorted(args.pools)})

    def _labels(self) -> dict[str, str]:
        return {"app.kubernetes.io/managed-by": "pulumi", "payment-cell/cell": self._args.cell}

    def _node_class(self) -> dict[str, Any]:
        args = self._args
        return {
            "role": args.role_name,
            "subnetSelectorTerms": pulumi.Output.from_input(args.subnet_ids).apply(
                lambda subnet_ids: [{"id": subnet_id} for subnet_id in subnet_ids]
            ),
            "securityGroupSelectorTerms": [{"id": args.security_group_id}],
            "ephemeralStorage": {"size": f"{args.disk_gib}Gi", "kmsKeyID": args.volume_key_arn},
            # Namespaces deny by default themselves; kube-system has to stay open.
            "networkPolicy": "DefaultAllow",
            "networkPolicyEventLogs": "Enabled",
            "snatPolicy": "Random",
        }


def node_pool(key: str, pool: PoolArgs) -> dict[str, Any]:
    """Spec of the pool of one workload class."""
    requirements = {
        "node.kubernetes.io/instance-type": list(pool.instance_types),
        "kubernetes.io/arch": [ARCHITECTURES[architecture(pool.instance_types[0])]],
        "karpenter.sh/capacity-type": ["on-demand"],
    }
    return {
        "template": {
            "metadata": {"labels": {WORKLOAD_CLASS_LABEL: key}},
            "spec": {
                "nodeClassRef": {"group": "eks.amazonaws.com", "kind": "NodeClass", "name": NODE_CLASS},
                "requirements": [
                    {"key": label, "operator": "In", "values": values} for label, values in requirements.items()
                ],
                "taints": [
                    {"key": taint, "value": value, "effect": "NoSchedule"}
                    for taint, value in sorted(pool.taints.items())
                ],
                "expireAfter": f"{LIFETIME_H}h",
                "terminationGracePeriod": "1h",
            },
        },
        "limits": {"cpu": str(pool.cpu_limit), "memory": f"{pool.memory_limit_gib}Gi"},
        "disruption": {
            "consolidationPolicy": "WhenEmptyOrUnderutilized",
            "consolidateAfter": "5m",
            "budgets": [{"nodes": f"{MAX_UNAVAILABLE_PERCENT}%"}],
        },
    }
