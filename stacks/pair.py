"""The stack kind `pair`: what joins a cell and its replica, owned by neither region."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pulumi

from components.boundary import boundary_arn, bounded
from components.cell_pair import CellPair, CellPairArgs
from components.pair_alarms import PairAlarmsArgs, Watcher
from components.pair_buckets import ARCHIVE, MODELS, BucketReplicationArgs, BucketSide
from components.pair_drill import PairDrillArgs, drill_role
from components.pair_epoch import EpochStoreArgs
from components.pair_name import ClientNameArgs, Target
from components.pair_recovery import RecoveryRoleArgs
from components.pair_tables import ReplicatedTable, TableReplicasArgs
from components.standby import table_arn
from components.vocabulary import SUBJECT_KEYS, KeyUse
from stacks.fleet import load_fleet
from stacks.pairs import PairPlan
from stacks.plan import CellPlan
from stacks.providers import aws_provider

HERE = Path(__file__).parent


@dataclass(frozen=True, kw_only=True, slots=True)
class Built:
    """A cell of the pair: what is planned, and what came of it."""

    plan: CellPlan
    outputs: pulumi.StackReference

    def word(self, name: str) -> pulumi.Output[str]:
        """One of its stack's outputs."""
        found: pulumi.Output[str] = self.outputs.require_output(name)
        return found

    def key(self, use: KeyUse) -> pulumi.Output[str]:
        """ARN of one of its keys."""
        arn: pulumi.Output[str] = self.outputs.require_output("keyArns").apply(lambda arns: arns[use.value])
        return arn

    def bucket(self, output: str, use: KeyUse) -> BucketSide:
        """The one that an output names."""
        return BucketSide(region=self.plan.region, bucket=self.word(output), key_arn=self.key(use))

    def target(self) -> Target:
        return Target(
            region=self.plan.region,
            domain_name=self.plan.domain,
            listener_arn=self.word("listenerArn"),
            load_balancer_dns_name=self.word("loadBalancerDnsName"),
            load_balancer_zone_id=self.word("loadBalancerZoneId"),
        )

    def watcher(self, pair: PairPlan) -> Watcher:
        return Watcher(
            region=self.plan.region,
            clusters={shard: pair.cluster(self.plan.cell, shard) for shard in pair.shards},
            page_topic_arn=self.word("alarmTopicArn"),
            ticket_topic_arn=self.word("ticketTopicArn"),
        )


def pair_args(plan: PairPlan, primary: Built, replica: Built) -> CellPairArgs:
    """The component's args, from the plan and from the outputs of both cells."""
    jurisdiction = plan.primary.jurisdiction
    both = {plan.primary.cell: primary, plan.replica.cell: replica}
    return CellPairArgs(
        epoch=EpochStoreArgs(
            region=plan.primary.region,
            replica_region=plan.replica.region,
            witness_region=plan.witness_region,
            jurisdiction=jurisdiction,
            table=plan.epoch_table,
            protected=plan.protected,
        ),
        tables=TableReplicasArgs(
            replica_region=plan.replica.region,
            jurisdiction=jurisdiction,
            tables=_tables(plan, primary, replica),
            protected=plan.protected,
        ),
        archive=_buckets(plan, primary, replica, ARCHIVE, "archiveBucket", KeyUse.ARCHIVE),
        models=_buckets(plan, primary, replica, MODELS, "modelBucket", KeyUse.FRAUD),
        name=ClientNameArgs(
            domain_name=plan.domain,
            zone_id=plan.hosted_zone_id,
            targets={cell: built.target() for cell, built in both.items()},
            protected=plan.protected,
        ),
        alarms=PairAlarmsArgs(
            rpo_s=plan.rpo_s,
            watchers={cell: built.watcher(plan) for cell, built in both.items()},
            archives=[primary.word("archiveBucket"), replica.word("archiveBucket")],
        ),
        recovery=RecoveryRoleArgs(
            account_id=plan.account_id,
            cells=_places(plan),
            epoch_table=plan.epoch_table,
            operators=plan.operators,
            drills=f"arn:aws:iam::{plan.account_id}:role/{drill_role(plan.name)}-*" if plan.drill else None,
        ),
        drill=_drill(plan, replica),
    )


def _buckets(
    plan: PairPlan, primary: Built, replica: Built, rule: str, output: str, use: KeyUse
) -> BucketReplicationArgs:
    """Those of an output of both cells."""
    return BucketReplicationArgs(
        account_id=plan.account_id, rule=rule, primary=primary.bucket(output, use), replica=replica.bucket(output, use)
    )


def _places(plan: PairPlan) -> Mapping[str, str]:
    """Cell -> its region, the primary first."""
    return {name: cell.region for name, cell in plan.cells.items()}


def _drill(plan: PairPlan, replica: Built) -> PairDrillArgs | None:
    if plan.drill is None:
        return None
    return PairDrillArgs(
        account_id=plan.account_id,
        region=plan.replica.region,
        cells=_places(plan),
        day=plan.drill.day,
        hour_utc=plan.drill.hour_utc,
        image=plan.drill.image,
        log_key_arn=replica.key(KeyUse.LOGS),
        ticket_topic_arn=replica.word("ticketTopicArn"),
        jurisdiction=plan.replica.jurisdiction,
        log_retention_days=plan.replica.retention.log_days,
        protected=plan.protected,
    )


def _tables(plan: PairPlan, primary: Built, replica: Built) -> Mapping[str, ReplicatedTable]:
    home = (plan.primary.region, plan.account_id)
    return {
        SUBJECT_KEYS: ReplicatedTable(
            arn=table_arn(*home, primary.word("subjectKeysTable")),
            key_arn=replica.key(KeyUse.SUBJECTS),
            use=SUBJECT_KEYS,
        ),
        "features": ReplicatedTable(
            arn=table_arn(*home, primary.word("featureTable")), key_arn=replica.key(KeyUse.FRAUD)
        ),
    }


def run(stack: str) -> Mapping[str, pulumi.Input[object]]:
    """Declares the pair and returns the stack's outputs."""
    fleet = load_fleet(HERE)
    plan = fleet.pair(stack)
    settings = fleet.cells[plan.primary.cell]
    primary, replica = (
        Built(plan=cell, outputs=pulumi.StackReference(f"organization/payment-cell/{name}"))
        for name, cell in plan.cells.items()
    )
    provider = aws_provider(
        stack,
        fleet.account_of(plan.primary.cell),
        plan.primary.region,
        plan.primary.environment,
        synthetic=settings.synthetic_data,
        cell=plan.primary.cell,
    )
    opts = bounded(
        pulumi.ResourceOptions(providers=[provider]), boundary_arn(plan.account_id, plan.primary.jurisdiction)
    )
    pair = CellPair(stack, pair_args(plan, primary, replica), opts)
    return {
        "domainName": plan.domain,
        "nameServers": pair.name_servers,
        "epochTable": pair.epoch_table,
        "healthCheckIds": pair.health_check_ids,
        "recoveryRoleArn": pair.recovery_role_arn,
    }
