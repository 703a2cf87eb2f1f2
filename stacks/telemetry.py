"""How many time series a cell's alarms and dashboards have, before anything is declared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from components.banks import Market
from components.gateway_settings import Caller
from components.web_acl import MANAGED_RULES
from contracts.metrics import Subject, count_series
from stacks.plan import CellPlan

CALLER_CLASSES = len(Caller) + 2
"""`unknown` is whose key is not valid, and `operator` decides on held payments from inside the cell."""

REFUSALS = 60
"""Words in `x-refused`, at most: of gateway, scorer and payments; a test counts them."""


def subjects(plan: CellPlan, markets: Sequence[Market]) -> Mapping[Subject, int]:
    """How many of each subject the cell will have; a test holds this to what the components declare. `markets`: the
    cell's own."""
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
        Subject.PATH: 1,
        Subject.CALLER_CLASS: CALLER_CLASSES,
        Subject.MARKET: len(markets),
        Subject.BANK: sum(len(market.banks) for market in markets),
        Subject.PATH_SHARD: shards,
        Subject.REFUSAL: REFUSALS,
    }


def series_by_metric(plan: CellPlan, markets: Sequence[Market]) -> Mapping[str, int]:
    """`namespace name` -> time series."""
    counted: dict[str, int] = {}
    for metric, number in count_series(subjects(plan, markets)).items():
        key = f"{metric.namespace} {metric.name}"
        counted[key] = counted.get(key, 0) + number
    return counted
