"""Alarms of a pair: what one region lacks of the other, said in both, because either may be the one that stays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from components.alarms import Alarms, Series, Watch, any_of
from components.base import type_token
from components.pair_buckets import ARCHIVE, REPLICATION_MINUTES
from contracts.metrics import REPLICATION_LAG, Subject, metric

LATE_S = 60 * REPLICATION_MINUTES


@dataclass(frozen=True, kw_only=True, slots=True)
class Watcher:
    """One region of the pair, and whom its alarms tell."""

    region: str
    clusters: Mapping[str, str]
    """Shard -> identifier of its cluster here. The lag is published for a secondary only, in its region
    (https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-global-database-monitoring.html)."""
    page_topic_arn: pulumi.Input[str]
    ticket_topic_arn: pulumi.Input[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class PairAlarmsArgs:
    """What is watched from where."""

    rpo_s: int
    watchers: Mapping[str, Watcher]
    """Cell -> its region."""
    archives: Sequence[pulumi.Input[str]]
    """Names of both archive buckets."""


class PairAlarms(pulumi.ComponentResource):
    """Two composites a region: shards that lag behind pages, an archive that does opens a ticket. Creation: seconds.
    Cost: one alarm a shard and region, and six."""

    def __init__(self, name: str, args: PairAlarmsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(type_token(type(self)), name, {}, opts)
        for cell, watcher in args.watchers.items():
            self._watch(Alarms(f"{name}-{cell}", watcher.region, pulumi.ResourceOptions(parent=self)), watcher, args)
        self.register_outputs({})

    def _watch(self, alarms: Alarms, watcher: Watcher, args: PairAlarmsArgs) -> None:
        why = f"Data behind the writer's by more than {args.rpo_s} s: a failover now is refused, or loses payments."
        lags = [
            alarms.leaf(f"{shard}-lag", Watch(series=_lag(cluster), threshold=1_000 * args.rpo_s, why=why))
            for shard, cluster in watcher.clusters.items()
        ]
        alarms.composite("lag", any_of(lags), why, watcher.page_topic_arn)
        late = f"The archive's copy in the other region is more than {REPLICATION_MINUTES} minutes behind."
        first, second = args.archives
        # S3's pages do not say in which of both regions it publishes: each watches both directions.
        behind = [
            alarms.leaf(f"archive-{key}", Watch(series=_latency(source, target), threshold=LATE_S, why=late))
            for key, source, target in (("out", first, second), ("back", second, first))
        ]
        alarms.composite("archive", any_of(behind), late, watcher.ticket_topic_arn)


def _lag(cluster: str) -> Series:
    found = metric(Subject.REPLICATED_SHARD, REPLICATION_LAG)
    return Series(metric=found, dimensions={"DBClusterIdentifier": cluster}, namespace=found.namespace)


def _latency(source: pulumi.Input[str], target: pulumi.Input[str]) -> Series:
    found = metric(Subject.ARCHIVE_REPLICATION, "ReplicationLatency")
    dimensions = {"SourceBucket": source, "DestinationBucket": target, "RuleId": ARCHIVE}
    return Series(metric=found, dimensions=dimensions, namespace=found.namespace)
