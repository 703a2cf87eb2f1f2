"""A cell and its replica: what both are called where, and whether their files fit together.

Names follow from the files alone: a failover reads no state and no output of a region that may be dead.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import catalogue
from components.pair_drill import Weekday
from components.pair_recovery import recovery_role
from components.vocabulary import Strategy
from contracts.epoch import epoch_table
from stacks.models import CellSettings
from stacks.pair_models import PairSettings, ReplicaSettings
from stacks.plan import CellPlan
from stacks.problems import Problem, listed, nearest
from stacks.settings import StackFile

PAIR_SUFFIX = "-pair"
"""A pair's stack is named after its primary."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DrillSpec:
    """The weekly drill."""

    day: Weekday
    hour_utc: int
    image: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PairPlan:
    """A pair, ready to be declared and to be moved."""

    name: str
    """The pair's stack."""
    account_id: str
    primary: CellPlan
    replica: CellPlan
    writer: str
    """Stack of the cell that writes, as the file says: the epoch store has the truth."""
    domain: str
    """DNS name that clients of the pair call."""
    hosted_zone_id: str | None
    """Of ``domain``; None: the pair makes one."""
    rpo_s: int
    """Recovery point objective of the database, in seconds."""
    approvals: int
    """Other people who approve a movement first."""
    operators: tuple[str, ...]
    """Who may move the writer; empty: whoever the account's policies let."""
    drill: DrillSpec | None
    protected: bool

    @property
    def cells(self) -> Mapping[str, CellPlan]:
        """Stack -> plan, the primary first."""
        return {self.primary.cell: self.primary, self.replica.cell: self.replica}

    @property
    def epoch_table(self) -> str:
        """Name of the epoch store in each of its regions."""
        return epoch_table(self.primary.cell)

    @property
    def recovery_role_arn(self) -> str:
        """Whom the commands that move the writer act as (components/pair_recovery.py)."""
        return f"arn:aws:iam::{self.account_id}:role/{recovery_role(self.name)}"

    @property
    def witness_region(self) -> str:
        """Third region of the epoch store, which answers in both regions of the pair and outlives each of them."""
        witness = catalogue.witness(self.primary.region, self.replica.region)
        assert witness is not None, "refused by pair_problems"
        return witness

    @property
    def shards(self) -> tuple[str, ...]:
        """Ids of the shards, the same in both."""
        return tuple(shard.id for shard in self.primary.shards)

    def other(self, cell: str) -> str:
        """The other cell's stack. Raises KeyError where the cell is not in the pair."""
        self.cells[cell]
        return next(name for name in self.cells if name != cell)

    def global_cluster(self, shard: str) -> str:
        """Identifier of a shard's global cluster (components/shard.py)."""
        return f"{self.primary.cell}-{shard}-global"

    def cluster(self, cell: str, shard: str) -> str:
        """Identifier of a shard's cluster in one of the cells (components/shard.py)."""
        return f"{cell}-{shard}"

    def cluster_arn(self, cell: str, shard: str) -> str:
        """Its ARN, which the calls of a movement name."""
        return f"arn:aws:rds:{self.cells[cell].region}:{self.account_id}:cluster:{self.cluster(cell, shard)}"


def pair_plan(name: str, settings: PairSettings, account_id: str, primary: CellPlan, replica: CellPlan) -> PairPlan:
    """The plan of a pair whose files were checked (``pair_problems``)."""
    return PairPlan(
        name=name,
        account_id=account_id,
        primary=primary,
        replica=replica,
        writer=settings.writer,
        domain=settings.domain,
        hosted_zone_id=settings.hosted_zone_id,
        rpo_s=settings.rpo_seconds,
        approvals=settings.approvals,
        operators=settings.operators,
        drill=_drill(settings, primary),
        protected=primary.protected and not settings.disarmed,
    )


def _drill(settings: PairSettings, primary: CellPlan) -> DrillSpec | None:
    asked = settings.drill_schedule
    if asked is None:
        return None
    image = asked.image or (primary.runner.image if primary.runner else None)
    assert image is not None, "refused by pair_problems"
    return DrillSpec(day=asked.weekday, hour_utc=asked.hour_utc, image=image)


def pair_problems(stacks: Mapping[str, StackFile], broken: Collection[str]) -> Iterator[Problem]:
    """Replicas outside of their primary's jurisdiction, pairs of cells that are none, and names that do not follow."""
    cells = {name: stack.settings for name, stack in stacks.items() if isinstance(stack.settings, CellSettings)}
    replicas = {name: stack.settings for name, stack in stacks.items() if isinstance(stack.settings, ReplicaSettings)}
    for name, replica in replicas.items():
        yield from _replica_problems(stacks[name], replica, cells, broken)
    for stack in stacks.values():
        if isinstance(stack.settings, PairSettings):
            yield from _pair_problems(stack, stack.settings, replicas, cells, broken)


def _replica_problems(
    stack: StackFile, replica: ReplicaSettings, cells: Mapping[str, CellSettings], broken: Collection[str]
) -> Iterator[Problem]:
    primary = cells.get(replica.of)
    if primary is None:
        if replica.of not in broken:
            fix = f"use {listed(list(cells))}" if cells else "add the cell's stack file"
            yield stack.problem("of", "is not a cell's stack", fix, nearest=nearest(replica.of, cells))
        return
    allowed = [name for name in catalogue.regions_of(primary.effective_jurisdiction) if name != primary.region]
    if replica.region not in allowed:
        where = "the primary's own region" if replica.region == primary.region else "outside its jurisdiction"
        rule = f"is {where}: {replica.of} is of {primary.effective_jurisdiction} (control RES-01)"
        yield stack.problem("region", rule, f"use {listed(allowed)}" if allowed else "remove the replica")
    # Without another region in the jurisdiction its own problem above says all.
    if primary.effective_recovery_region is None and allowed:
        target = catalogue.region(primary.region).recovery
        rule = f"has no recovery region: the shards of {replica.of} are in no global database, which they cannot join"
        yield stack.problem("of", rule, f"set recoveryRegion: {target} in its file before it is created")
    arn = replica.backups.copy_vault_arn
    if arn is not None and (region := arn.split(":")[3]) not in catalogue.regions_of(primary.effective_jurisdiction):
        rule = f"is in {region}, outside of {primary.effective_jurisdiction}"
        yield stack.problem("backups.copyVaultArn", rule, f"use a vault in {listed(allowed)}")


def _pair_problems(
    stack: StackFile,
    pair: PairSettings,
    replicas: Mapping[str, ReplicaSettings],
    cells: Mapping[str, CellSettings],
    broken: Collection[str],
) -> Iterator[Problem]:
    if pair.primary not in cells and pair.primary not in broken:
        yield stack.problem("primary", "is not a cell's stack", f"use {listed(sorted(cells))}")
    elif stack.name != pair.primary + PAIR_SUFFIX:
        fix = f"rename the file to Pulumi.{pair.primary}{PAIR_SUFFIX}.yaml"
        yield stack.problem("primary", f"has another stack name than this one, {stack.name}", fix)
    replica = replicas.get(pair.replica)
    if replica is None:
        if pair.replica not in broken:
            fix = f"use {listed(sorted(replicas))}" if replicas else f"run cell replicate {pair.primary}"
            yield stack.problem("replica", "is not a replica's stack", fix)
    elif replica.of != pair.primary:
        yield stack.problem("replica", f"is a replica of {replica.of}", f"name one of {pair.primary}")
    elif pair.primary in cells and catalogue.witness(cells[pair.primary].region, replica.region) is None:
        rule = "has no third region with which DynamoDB keeps an epoch store that outlives each of them: nothing would "
        rule += f"keep {pair.primary} from writing after a failover"
        yield stack.problem("replica", rule, "choose another recovery region, or keep to copies of backups")
    if pair.drill_schedule is not None:
        yield from _drill_problems(stack, pair, cells.get(pair.primary), replica)


def _drill_problems(
    stack: StackFile, pair: PairSettings, primary: CellSettings | None, replica: ReplicaSettings | None
) -> Iterator[Problem]:
    assert pair.drill_schedule is not None
    if pair.drill_schedule.image is None and primary is not None and primary.runner is None:
        rule = f"is missing, and {pair.primary} has no runner whose image would do"
        yield stack.problem("drillSchedule.image", rule, "add the image of `runner` in ECR, by digest (make images)")
    if replica is not None and replica.strategy is Strategy.PILOT_LIGHT:
        rule = "moves the writer every week to a pilot light, which takes payments only after tens of minutes"
        yield stack.problem("drillSchedule", rule, f"make {pair.replica} a warm-standby first, or remove it")
