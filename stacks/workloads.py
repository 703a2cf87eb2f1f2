"""The stack kind `workloads`: the Kubernetes objects of one cell. It runs where the cluster's endpoint is reachable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network
from math import floor
from pathlib import Path
from types import MappingProxyType

import pulumi

import catalogue
from components import controllers
from components.auto_nodes import AutoNodes, AutoNodesArgs, PoolArgs, dns_of
from components.controller_roles import NAMESPACE as CONTROLLERS
from components.controllers import Controllers, ControllersArgs
from components.custom_types import BALANCING, CustomTypes
from components.declared_policies import DeclaredPolicies
from components.gateway_binding import GatewayBinding, GatewayBindingArgs
from components.reachability import BANKS, DNS, Blocks, Party, Policy, Port
from components.registry import image_of
from components.trace_agent import AGENT
from components.vocabulary import Compute, Controller, KeyUse, Tier
from components.workload import WorkloadArgs, declared_matrix
from components.workloads import NamespaceArgs, Workloads, WorkloadsArgs
from stacks.fleet import load_fleet
from stacks.market_files import MARKETS, load_markets
from stacks.models import WorkloadsSettings
from stacks.plan import CellPlan, NodeGroupSpec
from stacks.programs import programs
from stacks.providers import kubernetes_provider

HERE = Path(__file__).parent

NAMESPACES = MappingProxyType(
    {
        "gateway": ("gateway", 0.4),
        "fraud": ("gateway", 0.3),
        "egress": ("gateway", 0.3),
        "payments": ("application", 0.6),
        "consumers": ("application", 0.4),
        CONTROLLERS: ("system", 0.5),
    }
)
"""Namespace -> node group it runs on and its share of it. Development has one group: there each has the same share."""

READS_SHARD_MAP = frozenset({"payments", "consumers"})

API_SERVICE_ADDRESS, POSTGRESQL, HTTPS = 1, 5432, 443
"""The API server's service has the first service address; the ports of what is no pod."""


def namespaces(plan: CellPlan) -> Mapping[str, NamespaceArgs]:
    """Each namespace with a quota that is its share of the largest size of its node group."""
    alone = len(plan.node_groups) == 1
    result = {}
    for name, (group, share) in NAMESPACES.items():
        if alone or group not in plan.node_groups:
            group, share = "system", 1 / len(NAMESPACES)
        result[name] = _quota(plan.node_groups[group], share, reads_shard_map=name in READS_SHARD_MAP)
    return result


def _quota(group: NodeGroupSpec, share: float, *, reads_shard_map: bool) -> NamespaceArgs:
    # Of each measure what the least of its types has: EC2 starts whichever there is.
    types = [catalogue.instances().nodes.types[kind] for kind in group.instance_types]
    return NamespaceArgs(
        cpu=f"{floor(min(kind.vcpus for kind in types) * 1000 * group.maximum * share)}m",
        memory=f"{floor(min(kind.memory_gib for kind in types) * 1024 * group.maximum * share)}Mi",
        pods=floor(min(kind.pods for kind in types) * group.maximum * share),
        reads_shard_map=reads_shard_map,
    )


def dns(plan: CellPlan) -> Party:
    """Where the pods of a cell ask for names."""
    return dns_of(plan.service_cidr) if plan.compute is Compute.AUTO else DNS


def outside(plan: CellPlan) -> tuple[Party, ...]:
    """Who is no workload and may be called, or calls: by the cell's address plan."""

    def party(name: str, tier: Tier, *ports: int) -> Party:
        blocks = Blocks(cidrs=tuple(plan.subnets[tier][zone] for zone in sorted(plan.subnets[tier])))
        return Party(name=name, place=blocks, ports=tuple(Port(number=port) for port in ports))

    api = f"{IPv4Network(plan.service_cidr)[API_SERVICE_ADDRESS]}/32"
    return (
        party("edge", Tier.PUBLIC),
        party("database", Tier.DATA, POSTGRESQL),
        party("aws", Tier.WORKLOAD, HTTPS),
        Party(name="kubernetes", place=Blocks(cidrs=(api,)), ports=(Port(number=HTTPS),)),
        BANKS,
        AGENT,
    )


def matrix(plan: CellPlan, declared: Sequence[WorkloadArgs], policies: DeclaredPolicies) -> pulumi.Output[str]:
    """Who reaches whom under the policies of this program, as a table; an error where that is not what is needed."""

    def checked(found: Sequence[Policy]) -> str:
        made = declared_matrix(declared, outside(plan), dns(plan), found)
        made.check()
        return made.table()

    return policies.all().apply(checked)


def pools(plan: CellPlan) -> Mapping[str, PoolArgs]:
    """Auto Mode's node pools: each at most as large as the node group of the same name would become."""
    types = catalogue.instances().nodes.types
    return {
        name: PoolArgs(
            instance_types=group.instance_types,
            cpu_limit=group.maximum * max(types[kind].vcpus for kind in group.instance_types),
            memory_limit_gib=floor(group.maximum * max(types[kind].memory_gib for kind in group.instance_types)),
            taints=group.taints,
        )
        # AWS keeps the name `system` for its own pool.
        for name, group in ((_pool_name(name), group) for name, group in plan.node_groups.items())
    }


def _pool_name(group: str) -> str:
    return "general" if group == "system" else group


def run(stack: str, settings: WorkloadsSettings) -> Mapping[str, pulumi.Input[object]]:
    """Declares the cell's Kubernetes objects and returns the stack's outputs."""
    fleet = load_fleet(HERE)
    plan = fleet.plan(settings.cell)
    cell = pulumi.StackReference(f"organization/payment-cell/{settings.cell}")
    provider = kubernetes_provider(stack, cell, fleet.account_of(settings.cell).deploy_role_arn)
    opts = pulumi.ResourceOptions(providers=[provider])
    policies = DeclaredPolicies()
    workloads = Workloads(
        settings.cell,
        WorkloadsArgs(
            cell=settings.cell,
            kubernetes_version=plan.kubernetes_version,
            namespaces=namespaces(plan),
            shard_map=cell.require_output("shardMap"),
            environment=plan.environment,
            dns=dns(plan),
        ),
        opts,
    )
    types = CustomTypes(settings.cell, plan.compute, opts)
    if plan.compute is Compute.AUTO:
        AutoNodes(settings.cell, auto_nodes_args(settings.cell, plan, cell), opts)
    running = controllers_args(settings, plan, fleet.account_of(settings.cell).account_id, cell, types)
    declared = list(controllers.workloads(running).values())
    if running.images:
        Controllers(settings.cell, running, workloads.namespaces[CONTROLLERS], opts)
    served: dict[str, pulumi.Input[object]] = {}
    if settings.carries_payments:
        markets = load_markets(HERE / MARKETS, fleet.cells, fleet.primaries)
        carrying = programs(settings, plan, fleet, markets, cell).among(outside(plan))
        carrying.declare(settings.cell, workloads.namespaces, opts)
        declared += carrying.workloads
        served["markets"] = carrying.markets
    GatewayBinding(
        settings.cell,
        GatewayBindingArgs(
            cell=settings.cell,
            compute=plan.compute,
            namespace=workloads.namespaces["gateway"],
            target_group_arn=cell.require_output("targetGroupArn"),
            vpc_id=cell.require_output("vpcId"),
            after=[types.types[kind] for kind in BALANCING if kind in types.types],
        ),
        opts,
    )
    return {
        "namespaces": workloads.namespaces,
        "clusterArn": cell.require_output("clusterArn"),
        "reachability": matrix(plan, declared, policies),
        **served,
    }


def auto_nodes_args(name: str, plan: CellPlan, cell: pulumi.StackReference) -> AutoNodesArgs:
    """What Auto Mode's nodes take from the cell's stack."""
    return AutoNodesArgs(
        cell=name,
        role_name=cell.require_output("nodeRoleName"),
        subnet_ids=cell.require_output("nodeSubnetIds"),
        security_group_id=cell.require_output("clusterSecurityGroupId"),
        volume_key_arn=cell.require_output("keyArns").apply(lambda arns: arns[KeyUse.VOLUMES.value]),
        pools=pools(plan),
    )


def controllers_args(
    settings: WorkloadsSettings, plan: CellPlan, account_id: str, cell: pulumi.StackReference, types: CustomTypes
) -> ControllersArgs:
    """The controllers whose images the settings name, from the cell's registry."""
    return ControllersArgs(
        cell=settings.cell,
        region=plan.region,
        cluster_name=cell.require_output("clusterName"),
        vpc_id=cell.require_output("vpcId"),
        images={
            name: image_of(account_id, plan.region, plan.serves, name, digest)
            for name, digest in sorted(settings.images.items())
            if name in list(Controller)
        },
        parties={party.name: party for party in outside(plan)},
        replicas=min(2, len(plan.zone_ids)),
        after=list(types.types.values()),
    )
