"""The cost of what a preview announced, and the refusal of what a stack file does not allow to be spent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import catalogue
from operations.cost.estimate import Difference, Estimate, difference, estimate
from operations.cost.resources import declared as declared_resources
from operations.cost.resources import existing as existing_resources
from operations.cost.usage import Usage, usage_of, warm
from operations.events import Reading
from operations.project import Project
from stacks.fleet import load_fleet
from stacks.models import CellSettings
from stacks.pair_models import PairSettings, ReplicaSettings
from stacks.problems import ConfigError, Problem
from stacks.settings import StackFile, load_stack_file
from stacks.sizing import derive

SHOWN_LINES = 3
"""Components that are named in one line of text."""


SMALLEST_USD = 0.005
"""Less than this a month is no change."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PreviewCost:
    """What a previewed update does to the bill."""

    before: Estimate
    after: Estimate

    @property
    def difference(self) -> Difference:
        """From the state to what was announced, both at the declared use."""
        return difference(self.before, self.after)


def home_and_usage(project: Project, file: StackFile) -> tuple[str | None, Usage]:
    """A stack's region and use. A replica receives its primary's data and takes no payment; a pair is counted where its
    primary is; a stack that is no cell has no use of its own that could be derived."""
    settings = file.settings
    if isinstance(settings, CellSettings):
        return settings.region, usage_of(derive(file.name, settings))
    if isinstance(settings, ReplicaSettings):
        plan = load_fleet(project.stacks_folder, check_quotas=False).plan(file.name)
        return settings.region, warm(usage_of(plan))
    if isinstance(settings, PairSettings):
        primary = load_stack_file(project.stack_file(settings.primary)).settings
        return getattr(primary, "region", None), Usage()
    return getattr(settings, "home_region", None), Usage()


def ceiling_of(file: StackFile) -> float | None:
    """USD a month that a stack may cost; None: nobody has said. A replica has none of its primary's."""
    if isinstance(file.settings, CellSettings):
        return file.settings.ceiling_usd
    return file.settings.monthly_ceiling_usd if isinstance(file.settings, ReplicaSettings) else None


def preview_cost(project: Project, stack: str, reading: Reading) -> PreviewCost | None:
    """The cost before and after; None where the stack's region has no prices at all."""
    region, usage = home_and_usage(project, load_stack_file(project.stack_file(stack)))
    if region not in catalogue.prices().regions():
        return None
    return PreviewCost(
        before=estimate(existing_resources(reading), usage, region),
        after=estimate(declared_resources(reading), usage, region),
    )


def refuse_above_ceiling(project: Project, stack: str, cost: PreviewCost | None) -> str | None:
    """Raises ConfigError where a cell or a replica becomes dearer than its file allows, or where that cannot be known.

    Returns what is wrong where it is above its ceiling already and the update makes nothing dearer: refusing it would
    keep it as dear as it is.
    """
    file = load_stack_file(project.stack_file(stack))
    ceiling = ceiling_of(file)
    if ceiling is None:
        return None
    settings = file.settings
    own = getattr(settings, "monthly_ceiling_usd", None)
    whose = "" if own else f"the default of {ceiling:,.0f} for {getattr(settings, 'environment', '')} "
    if cost is None or (cost.after.usd <= ceiling and not cost.after.complete):
        raise ConfigError([_unknown(file, whose, cost)])
    if cost.after.usd <= ceiling:
        return None
    rule = f"{whose}is less than what {stack} would cost, USD {cost.after.usd:,.2f} a month ({largest(cost.after)})"
    fix = f"declare less (`cell cost {stack}` shows each line), or set monthlyCeilingUsd higher"
    problem = file.problem("monthlyCeilingUsd", rule, fix)
    if cost.difference.usd >= SMALLEST_USD:
        raise ConfigError([problem])
    return str(problem)


def _unknown(file: StackFile, whose: str, cost: PreviewCost | None) -> Problem:
    """A ceiling that no sum can be held against: what has no price may cost anything."""
    region = getattr(file.settings, "region", "")
    lacks = sorted({line.price for line in cost.after.lines if line.unit_usd is None}) if cost else []
    rule = f"{whose}cannot be checked: catalogue/prices.yaml has no prices for {region}"
    if lacks:
        more = f" and {len(lacks) - SHOWN_LINES} more" if len(lacks) > SHOWN_LINES else ""
        rule = f"{whose}cannot be checked: no price in {region} of {', '.join(lacks[:SHOWN_LINES])}{more}"
    fix = "add its prices to catalogue/prices.yaml with their sources, or use a region that has them"
    return file.problem("monthlyCeilingUsd", rule, fix)


def largest(found: Estimate) -> str:
    """The dearest charges in a few words."""
    lines = sorted(found.items(), key=lambda line: -line.usd)[:SHOWN_LINES]
    return ", ".join(f"{line.component} {line.price} {line.usd:,.2f}" for line in lines)


def in_words(stack: str, change: Difference) -> str:
    """``dev: USD +467.21 a month, 467.21 in all: Network +135.90, Cluster +131.12, ...``"""
    parts = [f"{name} {usd:+,.2f}" for name, usd in change.by_component.items()]
    more = f", {len(parts) - SHOWN_LINES} more" if len(parts) > SHOWN_LINES else ""
    least = "" if change.complete else "at least "
    text = f"{stack}: USD {change.usd:+,.2f} a month, {least}{change.after_usd:,.2f} in all"
    return f"{text}: {', '.join(parts[:SHOWN_LINES])}{more}" if parts else text


def as_data(change: Difference) -> Mapping[str, object]:
    """The difference for ``--output json``."""
    return {
        "beforeUsd": round(change.before_usd, 2),
        "afterUsd": round(change.after_usd, 2),
        "differenceUsd": round(change.usd, 2),
        "byComponent": {name: round(usd, 2) for name, usd in change.by_component.items()},
        "complete": change.complete,
    }
