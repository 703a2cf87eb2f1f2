"""The stack kind `account`: what an AWS account holds once, for all the cells whose files name it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pulumi

import catalogue
from components.account import Account, AccountArgs, Adopted, Guardrails
from components.account_baseline import SecurityContact
from components.break_glass import BreakGlassArgs
from components.buckets import ObjectLock
from components.image_replication import ImageReplication, ImageReplicationArgs
from components.vocabulary import Environment
from stacks.fleet import Fleet, load_fleet
from stacks.guardrail_models import BreakGlassSettings
from stacks.models import AccountSettings
from stacks.providers import aws_provider

HERE = Path(__file__).parent


def account_args(settings: AccountSettings, regions: Sequence[str]) -> AccountArgs:
    """The component's args; `regions` are those that a cell of the account uses, and the home region.

    Development locks for a day only, so that the account can be left empty.
    """
    production = settings.environment is Environment.PRODUCTION
    development = settings.environment is Environment.DEVELOPMENT
    return AccountArgs(
        account_id=settings.account_id,
        home_region=settings.home_region,
        regions={region: catalogue.region(region).jurisdiction for region in regions},
        evidence_lock=ObjectLock(
            mode="COMPLIANCE" if production else "GOVERNANCE", days=1 if development else settings.log_retention_days
        ),
        retention_days=settings.log_retention_days,
        guardrails=Guardrails(settings.guardrails),
        adopted=Adopted(**settings.adopted.model_dump()),
        contact=SecurityContact(**settings.security_contact.model_dump()) if settings.security_contact else None,
        alarm_subscribers={settings.contact_email: "email"} if settings.contact_email else {},
        monthly_budget_usd=settings.monthly_budget_usd,
        organization_root_id=settings.organization_root_id,
        break_glass=_break_glass(settings.account_id, regions, settings.break_glass) if settings.break_glass else None,
        boundary_regions={
            jurisdiction: catalogue.regions_of(jurisdiction)
            for jurisdiction in {catalogue.region(region).jurisdiction for region in regions}
        },
        protected=not development and not settings.disarmed,
        disposable=development,
    )


def _break_glass(account_id: str, regions: Sequence[str], settings: BreakGlassSettings) -> BreakGlassArgs:
    return BreakGlassArgs(
        account_id=account_id,
        regions=regions,
        principal_arns=settings.principal_arns,
        session_h=settings.session_hours,
    )


def replications(fleet: Fleet, account: str) -> Mapping[str, Mapping[str, Sequence[str]]]:
    """Region of primaries -> region of their replicas -> the primaries: whose images ECR copies where."""
    found: dict[str, dict[str, list[str]]] = {}
    for replica in fleet.replicas.values():
        primary = fleet.cells.get(replica.of)
        if primary is not None and primary.account == account:
            found.setdefault(primary.region, {}).setdefault(replica.region, []).append(replica.of)
    return {region: {to: sorted(cells) for to, cells in sorted(targets.items())} for region, targets in found.items()}


def run(stack: str, settings: AccountSettings) -> Mapping[str, pulumi.Input[object]]:
    """Declares the account and returns the stack's outputs."""
    provider = aws_provider(
        stack, settings, settings.home_region, settings.environment, synthetic=settings.synthetic_data
    )
    fleet, opts = load_fleet(HERE), pulumi.ResourceOptions(providers=[provider])
    account = Account(stack, account_args(settings, fleet.regions_of(stack)), opts)
    for region, targets in replications(fleet, stack).items():
        args = ImageReplicationArgs(region=region, account_id=settings.account_id, targets=targets)
        ImageReplication(f"{stack}-{region}", args, opts)
    return {
        "accountId": settings.account_id,
        "trailArn": account.trail_arn,
        "alarmTopicArn": account.alarm_topic_arn,
        "unconfirmedAlarmSubscribers": account.unconfirmed,
        "loadBalancerLogBuckets": account.load_balancer_log_buckets,
        "dataEventTrails": account.data_event_trails,
    }
