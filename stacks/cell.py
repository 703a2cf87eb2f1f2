"""The stack kind `cell`: the AWS resources of one payment cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import pulumi

from components.backups import BackupRetention, VaultLock
from components.boundary import boundary_arn
from components.buckets import ObjectLock
from components.event_log import ConsumerArgs
from components.keys import CELL_USES, KEYS
from components.nodes import NodeGroupArgs
from components.payment_cell import PaymentCell, PaymentCellArgs
from components.registry import image_of
from components.runner import RunnerSetup
from components.sharded_database import DatabaseShard
from components.standby import Standby
from components.vocabulary import Environment, KeyUse
from stacks.fleet import load_fleet
from stacks.models import AccountSettings, CellSettings
from stacks.pair_models import ReplicaSettings
from stacks.plan import CellPlan, NodeGroupSpec, ShardSpec, StandbySpec
from stacks.providers import aws_provider
from stacks.sizing import derive

HERE = Path(__file__).parent

RATE_WINDOW_S = 300
"""Seconds over which the web ACL counts (components/web_acl.py)."""

ADDRESS_SHARE = 0.1
"""Part of the cell's peak that may come from one address. A platform's merchants share a few addresses, so a tenth;
what one merchant may send is limited behind the edge, by name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountLogs:
    """Where the account keeps what is recorded about the cell, in its region."""

    access_log_bucket: pulumi.Input[str]
    data_event_bucket: pulumi.Input[str]
    audit_key_arn: pulumi.Input[str]


def cell_args(
    plan: CellPlan, account: AccountSettings, logs: AccountLogs, standby: Standby | None = None
) -> PaymentCellArgs:
    """The component's args: the plan's numbers and choices, nothing is decided here but what the plan does not know."""
    kept, vault = plan.retention, plan.backups
    deploy = {"deploy": account.deploy_role_arn} if account.deploy_role_arn else {}
    return PaymentCellArgs(
        region=plan.region,
        account_id=account.account_id,
        jurisdiction=plan.jurisdiction,
        domain_name=plan.domain,
        zone_id=plan.hosted_zone_id,
        organization_id=account.organization_id,
        permissions_boundary=boundary_arn(account.account_id, plan.jurisdiction),
        cidr=plan.vpc_cidr,
        subnets=plan.subnets,
        zone_ids=plan.zone_ids,
        kubernetes_version=plan.kubernetes_version,
        node_version=plan.node_version,
        add_on_versions=plan.addons,
        compute=plan.compute,
        node_groups={name: _node_group(group) for name, group in plan.node_groups.items()},
        administrators={**deploy, **plan.administrators},
        viewers=plan.viewers,
        public_access_cidrs=plan.endpoint_cidrs,
        engine_version=plan.engine_version,
        ca_certificate=plan.ca_identifier,
        shards=[_shard(plan, shard) for shard in plan.shards],
        shard_map=plan.shard_map,
        master_password_version=plan.master_password_version,
        recovery_region=plan.recovery_region,
        standby=standby,
        pair_primary=plan.pair_primary,
        backup_days=kept.backup_days,
        backup_retention=BackupRetention(
            daily_days=vault.daily_days, weekly_days=vault.weekly_days, monthly_days=vault.monthly_days
        ),
        vault_lock=VaultLock(cooling_off_days=vault.cooling_off_days),
        backup_copy_vault_arn=vault.copy_vault_arn,
        consumers=[ConsumerArgs(name=consumer.name, ordered=consumer.ordered) for consumer in plan.consumers],
        stream_shards=plan.stream_shards,
        stream_retention_h=kept.stream_hours,
        replay_days=kept.replay_days,
        archive_lock=ObjectLock(mode=plan.object_lock_mode, days=kept.archive_days),
        archive_retention_days=kept.archive_days,
        runner=RunnerSetup(
            image=plan.runner.image,
            state_bucket=plan.runner.state_bucket,
            state_key_arns=plan.runner.state_key_arns,
        )
        if plan.runner
        else None,
        training_image=plan.training_image
        and image_of(account.account_id, plan.region, plan.serves, "model", plan.training_image),
        tls_policy=plan.tls_policy,
        edge_rate_limit=ceil(plan.peak_payments_per_second * RATE_WINDOW_S * ADDRESS_SHARE),
        access_log_bucket=logs.access_log_bucket,
        data_event_bucket=logs.data_event_bucket,
        audit_key_arn=logs.audit_key_arn,
        alarm_subscribers={account.contact_email: "email"} if account.contact_email else {},
        slo_percent=plan.slo,
        log_retention_days=kept.log_days,
        key_deletion_days=kept.key_deletion_days,
        frugal=plan.frugal,
        protected=plan.protected,
        disposable=plan.environment is Environment.DEVELOPMENT,
    )


def _node_group(group: NodeGroupSpec) -> NodeGroupArgs:
    return NodeGroupArgs(
        instance_types=group.instance_types,
        min_size=group.minimum,
        desired_size=group.desired,
        max_size=group.maximum,
        disk_gib=group.disk_gib,
        taints=group.taints,
    )


def _shard(plan: CellPlan, shard: ShardSpec) -> DatabaseShard:
    return DatabaseShard(
        id=shard.id,
        instance_class=shard.instance_class,
        readers=shard.readers,
        engine_version=plan.shard_versions.get(shard.id),
        upgrading=shard.id == plan.upgrading_shard,
    )


def standby_for(plan: CellPlan, spec: StandbySpec) -> Standby:
    """What a replica takes from its primary, by the outputs of that one's stack. A secret's replica has its ARN in
    another region (https://docs.aws.amazon.com/secretsmanager/latest/userguide/replicate-secrets.html)."""
    primary = pulumi.StackReference(f"organization/payment-cell/{spec.primary}")
    key_arns, shards = primary.require_output("keyArns"), primary.require_output("shards")

    def here(arn: pulumi.Output[str]) -> pulumi.Output[str]:
        return arn.apply(lambda text: text.replace(f":{spec.home_region}:", f":{plan.region}:", 1))

    def of_shard(shard: str) -> pulumi.Output[str]:
        return here(shards.apply(lambda found: found[shard]["secretArn"]))

    def of_use(use: KeyUse) -> pulumi.Output[str]:
        found: pulumi.Output[str] = key_arns.apply(lambda arns: arns[use.value])
        return found

    return Standby(
        primary=spec.primary,
        keys={use: of_use(use) for use in CELL_USES if KEYS[use].multi_region},
        shard_secrets={shard.id: of_shard(shard.id) for shard in plan.shards},
        api_keys_secret=here(primary.require_output("apiKeysSecretArn")),
        pseudonym_secret=here(primary.require_output("pseudonymSecretArn")),
        subject_keys_table=primary.require_output("subjectKeysTable"),
        feature_table=primary.require_output("featureTable"),
    )


def run(stack: str, given: CellSettings | ReplicaSettings) -> Mapping[str, pulumi.Input[object]]:
    """Declares the cell, or the replica of one, and returns the stack's outputs."""
    fleet = load_fleet(HERE)
    settings = fleet.cells[stack] if isinstance(given, ReplicaSettings) else given
    account = fleet.accounts[settings.account]
    plan = derive(stack, settings)
    if settings.ceiling_usd is not None:
        pulumi.log.info(
            f"monthlyCeilingUsd ({settings.ceiling_usd:,.0f}) is held by `cell up` and `cell preview`, not by pulumi"
        )
    guardrails = pulumi.StackReference(f"organization/payment-cell/{settings.account}")
    buckets, trails = (guardrails.require_output(name) for name in ("loadBalancerLogBuckets", "dataEventTrails"))
    logs = AccountLogs(
        access_log_bucket=buckets.apply(lambda by_region: by_region[plan.region]),
        data_event_bucket=trails.apply(lambda by_region: by_region[plan.region]["bucket"]),
        audit_key_arn=trails.apply(lambda by_region: by_region[plan.region]["keyArn"]),
    )
    provider = aws_provider(
        stack,
        account,
        plan.region,
        plan.environment,
        synthetic=settings.synthetic_data,
        cell=stack,
        expires=settings.expires,
    )
    cell = PaymentCell(
        stack,
        cell_args(plan, account, logs, None if plan.standby is None else standby_for(plan, plan.standby)),
        pulumi.ResourceOptions(providers=[provider]),
    )
    return cell.outputs()
