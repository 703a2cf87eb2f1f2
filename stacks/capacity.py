"""How far a cell carries: its bounds in payments, accounts, bytes, addresses and quotas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil

import catalogue
from components.addresses import AddressPlan
from components.vocabulary import Tier
from contracts.shard_map import EMPTY_STATES
from stacks.models import CellSettings
from stacks.plan import Cap, ConsumerSpec, NodeGroupSpec, ShardSpec

GRANTED = "setting"
"""Source of a bound that AWS raised, as the stack file says."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """What a cell has to take at its declared peak."""

    peak: int
    """payments/s"""
    events: float
    """events/s"""
    event_bytes: float
    """bytes/s"""
    accounts: int
    row_bytes: float
    """Bytes of rows in all shards together."""


_GROW_WITH_PAYMENTS = frozenset(
    {"sqs-fifo-requests", "eventbridge-put-events", "eventbridge-invocations", "kms-requests"}
)
"""Quotas on what payments cause. The others count what is declared."""

INTERFACE_ENDPOINTS, GATEWAY_ENDPOINTS = 18, 2
"""VPC endpoints of a cell (components/endpoints.py)."""

SECURITY_GROUPS = 6
"""Interface endpoints, load balancer, databases and proxies, the VPC's default one, and one that EKS makes.
A runner has one more (components/runner.py)."""

LARGEST_SECURITY_GROUP = 2
"""Rules in one direction of the group that has most: the load balancer's two ports, the databases' two callers. What
the AWS load balancer controller and EKS add to groups of their own is not counted."""

PIPE_BATCHES = 4
"""Batches of a stream shard that a pipe has in flight (components/stream_pipe.py): one pipe execution each."""


def caps(
    settings: CellSettings,
    load: Load,
    network: AddressPlan,
    shards: Sequence[ShardSpec],
    groups: Mapping[str, NodeGroupSpec],
    consumers: Sequence[ConsumerSpec],
    stream_shards: int,
    zones: int,
) -> tuple[Cap, ...]:
    """All bounds, the fullest first; equal ones in the order in which they are computed."""
    found = [
        *_shard_caps(load, [shard for shard in shards if shard.state not in EMPTY_STATES]),
        _address_cap(network, groups),
        *_count_quotas(settings, shards, groups, consumers, stream_shards, zones),
        _cluster_bytes(settings, load, shards),
        *_rate_quotas(settings, load, consumers, stream_shards),
    ]
    return tuple(sorted(found, key=lambda cap: -cap.used))


def _shard_caps(load: Load, shards: Sequence[ShardSpec]) -> list[Cap]:
    w = catalogue.workload()
    types = catalogue.instances().databases.types
    per_vcpu = w["payments_per_database_vcpu"]
    capacity = sum(types[shard.instance_class].vcpus for shard in shards) * per_vcpu
    source, more = "catalogue/workload.yaml", "more shards or a larger shards.instanceClass"
    return [
        Cap(
            dimension="payments",
            demand=load.peak,
            limit=capacity * w["database_headroom"],
            unit="payments/s",
            formula=f"{len(shards)} shards * vCPUs * {per_vcpu:g} * {w['database_headroom']:g}",
            source=source,
            remedy=more,
            grows=True,
        ),
        Cap(
            dimension="accounts",
            demand=load.accounts,
            limit=len(shards) * w["accounts_per_shard"],
            unit="accounts",
            formula=f"{len(shards)} shards * {w['accounts_per_shard']:,.0f}",
            source=source,
            remedy="more shards, or another cell",
            grows=True,
        ),
        Cap(
            dimension="bytes",
            demand=load.row_bytes,
            limit=len(shards) * w["database_bytes_per_shard"],
            unit="bytes",
            formula=f"{len(shards)} shards * {w['database_bytes_per_shard']:,.0f}",
            source=source,
            remedy="more shards",
            grows=True,
        ),
    ]


def _address_cap(network: AddressPlan, groups: Mapping[str, NodeGroupSpec]) -> Cap:
    """Addresses that the CNI takes when every group is at its largest and each node holds all that it can."""
    types = catalogue.instances().nodes.types
    held = {
        name: group.maximum * max(types[kind].enis * types[kind].addresses_per_eni for kind in group.instance_types)
        for name, group in groups.items()
    }
    return Cap(
        dimension="addresses",
        demand=sum(held.values()),
        limit=network.usable(Tier.WORKLOAD),
        unit="addresses",
        formula=" + ".join(f"{name} {count}" for name, count in held.items()) + " when all groups are at maximum",
        source="https://docs.aws.amazon.com/eks/latest/userguide/choosing-instance-type.html",
        remedy="a cidr of /16, or fewer and larger nodes",
        grows=False,
    )


COUNTED = frozenset(
    {
        *("vpcs", "elastic-ips", "nat-gateways-per-zone", "eks-clusters", "pipes"),
        *("db-clusters", "db-instances", "db-proxies", "kinesis-shards"),
        *("ec2-standard-vcpus", "internet-gateways", "gateway-endpoints", "security-groups", "load-balancers"),
        *("eventbridge-put-events", "eventbridge-invocations", "pipe-executions", "kms-requests"),
    }
)
"""Quotas of an account in a region: its cells there use them up together. Others are a queue's, shard's, group's."""


def _count_quotas(
    settings: CellSettings,
    shards: Sequence[ShardSpec],
    groups: Mapping[str, NodeGroupSpec],
    consumers: Sequence[ConsumerSpec],
    stream_shards: int,
    zones: int,
) -> list[Cap]:
    instances = sum(1 + shard.readers for shard in shards)
    largest = max(groups, key=lambda name: groups[name].maximum)
    pipes = sum(consumer.ordered for consumer in consumers) + any(not consumer.ordered for consumer in consumers)
    runners = int(settings.runner is not None)
    vcpus = {name: group.maximum * _vcpus(group) for name, group in groups.items()}
    each = " + ".join(f"{name} {count}" for name, count in vcpus.items())
    wanted = {
        "vpcs": (1, "one a cell"),
        "nat-gateways-per-zone": (1, "one a zone"),
        "eks-clusters": (1, "one a cell"),
        "eks-nodes-per-group": (groups[largest].maximum, f"group {largest} at its maximum"),
        "pipes": (pipes, "one for each ordered consumer, one for the bus"),
        "db-clusters": (len(shards), f"{len(shards)} shards"),
        "db-instances": (instances, f"{len(shards)} shards * (1 writer + readers)"),
        "db-proxies": (len(shards), "one a shard"),
        "elastic-ips": (zones, f"a NAT gateway in each of {zones} zones"),
        "kinesis-shards": (stream_shards, "stream.shards"),
        "ec2-standard-vcpus": (sum(vcpus.values()), f"{each} when all groups are at maximum"),
        "internet-gateways": (1, "one a cell"),
        "interface-endpoints-per-vpc": (INTERFACE_ENDPOINTS, "one for each service that the cell calls"),
        "gateway-endpoints": (GATEWAY_ENDPOINTS, "S3 and DynamoDB"),
        "security-groups": (SECURITY_GROUPS + runners, "endpoints, edge, databases, proxies, default, cluster, runner"),
        "security-group-rules": (LARGEST_SECURITY_GROUP, "the largest group of the cell"),
        "load-balancers": (1, "the edge's"),
        "eks-node-groups": (len(groups), ", ".join(groups)),
        "pipe-executions": (
            pipes * stream_shards * PIPE_BATCHES,
            f"{pipes} pipes * {stream_shards} shards * {PIPE_BATCHES} batches in flight",
        ),
    }
    return [_quota(settings, name, demand, formula) for name, (demand, formula) in wanted.items()]


def _vcpus(group: NodeGroupSpec) -> int:
    """vCPUs of the largest of a group's types; each of the catalogue's counts as a standard instance."""
    types = catalogue.instances().nodes.types
    return max(types[kind].vcpus for kind in group.instance_types)


def _cluster_bytes(settings: CellSettings, load: Load, shards: Sequence[ShardSpec]) -> Cap:
    """What Aurora itself ends at, far above what a shard is planned for."""
    cap = _quota(settings, "db-cluster-bytes", load.row_bytes / len(shards), f"rows / {len(shards)} shards")
    return replace(cap, grows=True)


def _rate_quotas(
    settings: CellSettings, load: Load, consumers: Sequence[ConsumerSpec], stream_shards: int
) -> list[Cap]:
    w = catalogue.workload()
    batch = catalogue.quota("batch-entries", settings.region)
    ordered = sum(consumer.ordered for consumer in consumers)
    rate = f"{load.events:,.0f} events/s"
    unordered = len(consumers) - ordered
    requests = ceil(load.events / batch)
    busiest, each = w["payments_per_account_peak"], w["events_per_payment"]
    kms = w["kms_requests_per_payment"]
    found = [
        _quota(settings, "kinesis-shard-readers", ordered + 2, f"{ordered} ordered consumers, bus, archive"),
        _quota(settings, "kms-requests", load.peak * kms, f"{load.peak:,} * {kms:g} requests a payment"),
    ]
    found.append(
        Cap(
            dimension="kinesis-shard-records",
            demand=load.events / stream_shards,
            limit=catalogue.quota("kinesis-shard-records", settings.region),
            unit="records/s into a shard",
            formula=f"{rate} / {stream_shards} shards",
            source=catalogue.quotas()["kinesis-shard-records"].source,
            remedy="follows from the peak",
            grows=True,
        )
    )
    if ordered:
        found.append(_quota(settings, "sqs-fifo-requests", requests, f"{rate} / {batch} a request"))
        found.append(
            _quota(
                settings,
                "sqs-fifo-group-messages",
                busiest * each,
                f"the busiest account: {busiest:g} payments/s * {each:g} events",
            )
        )
    if unordered:
        found.append(_quota(settings, "eventbridge-put-events", requests, f"{rate} / {batch} a request"))
        found.append(
            _quota(
                settings,
                "eventbridge-invocations",
                load.events * unordered,
                f"{rate} * {unordered} unordered consumers",
            )
        )
    return found


def _quota(settings: CellSettings, name: str, demand: float, formula: str) -> Cap:
    entry = catalogue.quotas()[name]
    granted = settings.quotas.get(name)
    return Cap(
        dimension=name,
        demand=demand,
        limit=granted or entry.of(settings.region),
        unit=entry.unit,
        formula=formula,
        source=GRANTED if granted else entry.source,
        remedy=f"ask AWS for more (`cell preflight` has the request) and write it down as quotas.{name}"
        if entry.adjustable
        else "cannot be raised",
        grows=name in _GROW_WITH_PAYMENTS,
    )
