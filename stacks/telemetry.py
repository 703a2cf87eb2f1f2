"""How many time series a cell's alarms and dashboards have, before anything is declared."""

from __future__ import annotations

from collections.abc import Mapping

from components.web_acl import MANAGED_RULES
from contracts.metrics import Subject, count_series
from stacks.plan import CellPlan


def subjects(plan: CellPlan) -> Mapping[Subject, int]:
    """How many of each subject the cell will have; a test holds this to what the components declare."""
    shards, read = len(plan.shards), sum(1 for shard in plan.shards if shard.readers)
    consumers = len(plan.consumers)
    unordered = sum(1 for consumer in plan.consumers if not consumer.ordered)
    return {
        Subject.LOAD_BALANCER: 1,
        Subject.TARGET_GROUP: 1,
        Subject.CERTIFICATE: 1,
        Subject.WEB_ACL_RULE: 2 + len(MANAGED_RULES),
        Subject.NAT_GATEWAY: len(plan.zone_ids),
        Subject.CLUSTER: 1,
        Subject.SHARD_WRITER: shards,
        Subject.SHARD_READERS: read,
        Subject.PROXY: shards,
        Subject.SHARD_LOGIN: shards,
        Subject.STREAM: 1,
        Subject.STREAM_SHARD: plan.stream_shards,
        Subject.QUEUE: 2 * consumers,
        Subject.PIPE: consumers - unordered + bool(unordered),
        Subject.RULE: unordered,
    }


def series_by_metric(plan: CellPlan) -> Mapping[str, int]:
    """`namespace name` -> time series. Workloads add theirs to `contracts.metrics.WORKLOADS` and count here then."""
    counted: dict[str, int] = {}
    for metric, number in count_series(subjects(plan)).items():
        key = f"{metric.namespace} {metric.name}"
        counted[key] = counted.get(key, 0) + number
    return counted
