"""The stack kind `workloads`: the Kubernetes objects of one cell. It runs where the cluster's endpoint is reachable."""

from __future__ import annotations

from collections.abc import Mapping
from math import floor
from pathlib import Path
from types import MappingProxyType

import pulumi

import catalogue
from components.workloads import NamespaceArgs, Workloads, WorkloadsArgs
from stacks.fleet import load_fleet
from stacks.models import WorkloadsSettings
from stacks.plan import CellPlan, NodeGroupSpec
from stacks.providers import kubernetes_provider

HERE = Path(__file__).parent

NAMESPACES = MappingProxyType(
    {
        "gateway": ("gateway", 1.0),
        "payments": ("application", 0.5),
        "consumers": ("application", 0.5),
    }
)
"""Namespace -> node group it runs on and its share of it. Development has one group: there the shares are of a third.
"""

READS_SHARD_MAP = frozenset({"payments", "consumers"})

PODS_PER_NODE = 29
"""Pods of a node with 8 GiB at the VPC CNI's defaults: the smallest node type of the catalogue
(https://docs.aws.amazon.com/eks/latest/userguide/choosing-instance-type.html)."""


def namespaces(plan: CellPlan) -> Mapping[str, NamespaceArgs]:
    """Each namespace with a quota that is its share of the largest size of its node group."""
    result = {}
    for name, (group, share) in NAMESPACES.items():
        if group not in plan.node_groups:
            group, share = "system", 1 / len(NAMESPACES)
        result[name] = _quota(plan.node_groups[group], share, reads_shard_map=name in READS_SHARD_MAP)
    return result


def _quota(group: NodeGroupSpec, share: float, *, reads_shard_map: bool) -> NamespaceArgs:
    kind = catalogue.instances().nodes.types[group.instance_types[0]]
    return NamespaceArgs(
        cpu=f"{floor(kind.vcpus * 1000 * group.maximum * share)}m",
        memory=f"{floor(kind.memory_gib * 1024 * group.maximum * share)}Mi",
        pods=floor(PODS_PER_NODE * group.maximum * share),
        reads_shard_map=reads_shard_map,
    )


def run(stack: str, settings: WorkloadsSettings) -> Mapping[str, pulumi.Input[object]]:
    """Declares the cell's Kubernetes objects and returns the stack's outputs."""
    fleet = load_fleet(HERE)
    plan = fleet.plan(settings.cell)
    cell = pulumi.StackReference(f"organization/payment-cell/{settings.cell}")
    provider = kubernetes_provider(stack, cell, fleet.account_of(settings.cell).deploy_role_arn)
    workloads = Workloads(
        settings.cell,
        WorkloadsArgs(
            cell=settings.cell,
            kubernetes_version=plan.kubernetes_version,
            namespaces=namespaces(plan),
            shard_map=cell.require_output("shardMap"),
        ),
        pulumi.ResourceOptions(providers=[provider]),
    )
    return {"namespaces": workloads.namespaces, "clusterArn": cell.require_output("clusterArn")}
