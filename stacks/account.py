"""The stack kind `account`: what an AWS account holds once, for all the cells whose files name it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pulumi

import catalogue
from components.account import Account, AccountArgs, Guardrails
from components.buckets import ObjectLock
from components.vocabulary import Environment
from stacks.models import AccountSettings, CellSettings
from stacks.providers import aws_provider
from stacks.settings import load_stack_file

HERE = Path(__file__).parent


def regions_of(stack: str, settings: AccountSettings, folder: Path = HERE) -> Mapping[str, str]:
    """Region -> jurisdiction, for the home region and each region of a cell that names the account stack.

    Raises ConfigError where any stack file is wrong: a region that is not seen would lose its guardrails.
    """
    regions = {settings.home_region: catalogue.region(settings.home_region).jurisdiction}
    for path in sorted(folder.glob("Pulumi.*.yaml")):
        cell = load_stack_file(path).settings
        if isinstance(cell, CellSettings) and cell.account == stack:
            regions.setdefault(cell.region, catalogue.region(cell.region).jurisdiction)
    return regions


def account_args(stack: str, settings: AccountSettings, folder: Path = HERE) -> AccountArgs:
    """The component's args. Development locks for a day only, so that the account can be left empty."""
    production = settings.environment is Environment.PRODUCTION
    development = settings.environment is Environment.DEVELOPMENT
    return AccountArgs(
        account_id=settings.account_id,
        home_region=settings.home_region,
        regions=regions_of(stack, settings, folder),
        evidence_lock=ObjectLock(
            mode="COMPLIANCE" if production else "GOVERNANCE", days=1 if development else settings.log_retention_days
        ),
        retention_days=settings.log_retention_days,
        guardrails=Guardrails(settings.guardrails),
        protected=not development,
    )


def run(stack: str, settings: AccountSettings) -> Mapping[str, pulumi.Input[object]]:
    """Declares the account and returns the stack's outputs."""
    provider = aws_provider(stack, settings, settings.home_region, settings.environment)
    account = Account(stack, account_args(stack, settings), pulumi.ResourceOptions(providers=[provider]))
    return {
        "accountId": settings.account_id,
        "trailArn": account.trail_arn,
        "loadBalancerLogBuckets": account.load_balancer_log_buckets,
    }
