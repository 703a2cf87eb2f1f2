"""What a replica runs while it waits, by strategy, and what each strategy promises."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from components.vocabulary import Strategy
from stacks.models import CellSettings
from stacks.pair_models import StandbySettings
from stacks.plan import NodeGroupSpec, ShardSpec, StandbySpec

Note = Callable[[str, str | int | float | bool, str, str, str], None]

OPTIONS = (
    "https://docs.aws.amazon.com/whitepapers/latest/disaster-recovery-workloads-on-aws/"
    "disaster-recovery-options-in-the-cloud.html"
)
"""AWS's own table of the four strategies; the orders of magnitude of RTO and RPO are its."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Promise:
    """What a strategy promises and leaves out: orders of magnitude from `OPTIONS`; a drill measures."""

    rto: str
    """Recovery time: until payments are taken again."""
    rpo: Mapping[str, str]
    """Store -> what may be lost of it."""
    cost: str
    """Shape of the bill beside the primary's."""
    leaves_out: str


_LIVE = MappingProxyType(
    {
        "database": "seconds: replicated by storage, and refused beyond rpoSeconds",
        "subject keys and features": "seconds: global tables, the later write wins",
        "event archive": "15 minutes: S3 Replication Time Control; what is missing is sent again from the outbox",
        "fraud models": "15 minutes: S3 Replication Time Control; payments are judged by the one before",
        "stream and queues": "all of it: sent again from the outbox of the promoted shards",
    }
)

PROMISES: Mapping[Strategy, Promise] = MappingProxyType(
    {
        Strategy.BACKUP_RESTORE: Promise(
            rto="hours: a cell is created, and every shard restored",
            rpo=MappingProxyType({"database": "a day: daily backups", "event archive": "15 minutes"}),
            cost="storage of the copies",
            leaves_out="cluster, database, network, addresses that banks know",
        ),
        Strategy.PILOT_LIGHT: Promise(
            rto="tens of minutes: nodes and pods start, database instances grow",
            rpo=_LIVE,
            cost="storage, one small database instance a shard, one node a zone",
            leaves_out="programs, nodes for them, readers",
        ),
        Strategy.WARM_STANDBY: Promise(
            rto="minutes: promotion of the shards; full capacity after the nodes have started",
            rpo=_LIVE,
            cost="storage, one database instance a shard, every node group at its minimum",
            leaves_out="readers, and nodes beyond the minimum until they have started",
        ),
        Strategy.HOT: Promise(
            rto="minutes: promotion of the shards, at full capacity at once",
            rpo=_LIVE,
            cost="all of it a second time",
            leaves_out="nothing that serves payments",
        ),
    }
)

SMALLEST = "db.r7g.large"
"""Smallest class that a member of a global database takes in production: burstable ones run out of credits."""


def standby_of(settings: CellSettings) -> StandbySpec | None:
    """What the settings are a replica of; None: a cell of its own."""
    if not isinstance(settings, StandbySettings):
        return None
    return StandbySpec(primary=settings.replica_of, home_region=settings.home_region, strategy=settings.strategy)


def warm(
    strategy: Strategy, shards: tuple[ShardSpec, ...], groups: Mapping[str, NodeGroupSpec], note: Note
) -> tuple[tuple[ShardSpec, ...], Mapping[str, NodeGroupSpec]]:
    """What runs of the full capacity while the replica waits. Maxima stay: the scale-up needs no other resource."""
    if strategy is Strategy.HOT:
        note("standby", strategy.value, "strategy", "the primary's size", "setting")
        return shards, groups
    note("standby", strategy.value, "strategy", PROMISES[strategy].cost, OPTIONS)
    one = SMALLEST if strategy is Strategy.PILOT_LIGHT else None
    few = tuple(replace(shard, readers=0, instance_class=one or shard.instance_class) for shard in shards)
    return few, MappingProxyType({name: replace(group, desired=group.minimum) for name, group in groups.items()})
