"""What a cell does in a month: the quantities that AWS charges by use, from the cell's own sizing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import catalogue
from components.vocabulary import Compute
from stacks.plan import CellPlan
from stacks.telemetry import CALLER_CLASSES, REFUSALS

HOURS = 730
"""Hours of a month, as AWS's own calculator counts them."""

DAYS_A_MONTH = HOURS / 24

_SECONDS = HOURS * 3600
_MILLION = 1e6
_GB = 1e9


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """A month of 730 hours. Zero everywhere: a cell that takes no payment."""

    payments: float = 0.0
    """Millions"""
    events: float = 0.0
    """Millions"""
    event_gb: float = 0.0
    requests: float = 0.0
    """Millions of API requests at the edge"""
    lcus: float = 0.0
    """Capacity units of the load balancer, all month"""
    nat_gb: float = 0.0
    ordered: int = 0
    """Ordered consumers"""
    unordered: int = 0
    rows_gb: float = 0.0
    """In all shards together"""
    rows_written_gb: float = 0.0
    backup_gb: float = 0.0
    """Of all shards together, beyond their own size, which is free"""
    database_ios: float = 0.0
    """Millions"""
    kms_requests: float = 0.0
    """Ten thousands"""
    archive_gb: float = 0.0
    """Added to the archive in the month"""
    archive_months: float = 0.0
    """Months whose events are in the archive"""
    flow_log_gb: float = 0.0
    waf_log_gb: float = 0.0
    control_plane_log_gb: float = 0.0
    program_log_gb: float = 0.0
    metric_values: Mapping[str, int] = field(default_factory=dict)
    """Dimension of a metric that log lines make -> how many values it has"""
    auto_nodes: Mapping[str, int] = field(default_factory=dict)
    """Instance type -> nodes that Auto Mode runs; empty where node groups do, which say so themselves"""
    auto_nodes_minimum: Mapping[str, int] = field(default_factory=dict)
    """The same for a replica that takes no payment"""
    months_stored: float = 12.0
    assumptions: tuple[str, ...] = ()
    """Each quantity's origin, in words with its numbers."""


def usage_of(plan: CellPlan) -> Usage:
    """The use of a cell that runs at the yearly mean of its declared peak. Figures: catalogue/workload.yaml."""
    w = catalogue.workload()
    mean = plan.peak_payments_per_second / w["peak_to_mean"]
    payments = mean * _SECONDS
    events, requests = payments * w["events_per_payment"], payments * w["api_requests_per_payment"]
    row_bytes_a_day = mean * 86_400 * w["row_bytes_per_payment"]
    event_gb = events * w["event_bytes"] / _GB
    ordered = sum(consumer.ordered for consumer in plan.consumers)
    groups = plan.node_groups.values() if plan.compute is Compute.AUTO else ()
    return Usage(
        payments=payments / _MILLION,
        events=events / _MILLION,
        event_gb=event_gb,
        requests=requests / _MILLION,
        lcus=_lcus(mean),
        nat_gb=payments * w["bank_bytes_per_payment"] / _GB,
        ordered=ordered,
        unordered=len(plan.consumers) - ordered,
        rows_gb=row_bytes_a_day * w["online_days"] / _GB,
        rows_written_gb=payments * w["row_bytes_per_payment"] / _GB,
        backup_gb=row_bytes_a_day * plan.retention.backup_days / _GB,
        database_ios=payments * w["database_ios_per_payment"] / _MILLION,
        kms_requests=payments * w["kms_requests_per_payment"] / 10_000,
        archive_gb=event_gb,
        archive_months=min(plan.retention.archive_days / DAYS_A_MONTH, w["months_stored"]),
        flow_log_gb=payments * w["flow_log_bytes_per_payment"] / _GB,
        waf_log_gb=requests * w["waf_log_bytes_per_request"] / _GB,
        control_plane_log_gb=w["control_plane_log_gb"],
        program_log_gb=payments * w["program_log_bytes_per_payment"] / _GB,
        metric_values={
            "Class": CALLER_CLASSES,
            "Market": int(w["markets_per_cell"]),
            "Bank": int(w["banks_per_cell"]),
            "Shard": len(plan.shards),
            "Reason": REFUSALS,
        },
        auto_nodes=_by_type((group.instance_types[0], group.desired) for group in groups),
        auto_nodes_minimum=_by_type((group.instance_types[0], group.minimum) for group in groups),
        months_stored=w["months_stored"],
        assumptions=(
            f"{mean:,.1f} payments/s all month: the peak of {plan.peak_payments_per_second:,} / {w['peak_to_mean']:g} "
            f"= {payments / _MILLION:,.1f} million payments",
            f"{w['events_per_payment']:g} events of {w['event_bytes']:,.0f} bytes, {w['api_requests_per_payment']:g} "
            f"API requests and {w['database_ios_per_payment']:g} database I/Os a payment (catalogue/workload.yaml)",
            f"stored data as after {w['months_stored']:g} months, or after its retention where that is shorter",
            f"a month has {HOURS} hours; node groups stand at their desired size"
            + (", and Auto Mode runs as many nodes as they would have" if groups else ""),
        ),
    )


def warm(usage: Usage) -> Usage:
    """The use of a replica that receives the data and takes no payment."""
    return replace(
        Usage(),
        rows_gb=usage.rows_gb,
        archive_gb=usage.archive_gb,
        archive_months=usage.archive_months,
        control_plane_log_gb=usage.control_plane_log_gb,
        auto_nodes=usage.auto_nodes_minimum,
        months_stored=usage.months_stored,
    )


def _by_type(nodes: Iterable[tuple[str, int]]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for kind, count in nodes:
        counts[kind] += count
    return dict(counts)


def _lcus(mean: float) -> float:
    """The dearest dimension of an LCU: 25 new connections/s, or 1 GB an hour (AWS's page of ELB prices)."""
    w = catalogue.workload()
    connections = mean * w["api_requests_per_payment"] * w["connections_per_request"] / 25
    traffic = mean * w["api_bytes_per_payment"] * 3600 / _GB
    return max(connections, traffic)
