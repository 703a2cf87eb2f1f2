"""The cost of what a preview announced, and the refusal of what a stack file does not allow to be spent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import catalogue
from operations.cost.estimate import Difference, Estimate, difference, estimate
from operations.cost.resources import declared as declared_resources
from operations.cost.resources import existing as existing_resources
from operations.cost.usage import Usage, usage_of
from operations.events import Reading
from operations.project import Project
from stacks.models import CellSettings
from stacks.problems import ConfigError
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


def home_and_usage(file: StackFile) -> tuple[str | None, Usage]:
    """A stack's region and use; a stack that is no cell has no use of its own that could be derived."""
    if isinstance(file.settings, CellSettings):
        return file.settings.region, usage_of(derive(file.name, file.settings))
    return getattr(file.settings, "home_region", None), Usage()


def preview_cost(project: Project, stack: str, reading: Reading) -> PreviewCost | None:
    """The cost before and after; None where the stack's region has no prices at all."""
    region, usage = home_and_usage(load_stack_file(project.stack_file(stack)))
    if region not in catalogue.prices().regions():
        return None
    return PreviewCost(
        before=estimate(existing_resources(reading), usage, region),
        after=estimate(declared_resources(reading), usage, region),
    )


def refuse_above_ceiling(project: Project, stack: str, cost: PreviewCost | None) -> str | None:
    """Raises ConfigError where a cell becomes dearer than its file allows, or where that cannot be known.

    Returns what is wrong where the cell is above its ceiling already and the update makes nothing dearer: refusing it
    would keep the cell as dear as it is.
    """
    file = load_stack_file(project.stack_file(stack))
    if not isinstance(file.settings, CellSettings) or file.settings.ceiling_usd is None:
        return None
    ceiling, environment = file.settings.ceiling_usd, file.settings.environment
    whose = "" if file.settings.monthly_ceiling_usd else f"the default of {ceiling:,.0f} for {environment} "
    if cost is None:
        fix = "add its prices there with their sources, or use a region that has them"
        rule = f"{whose}cannot be checked: catalogue/prices.yaml has no prices for {file.settings.region}"
        raise ConfigError([file.problem("monthlyCeilingUsd", rule, fix)])
    if cost.after.usd <= ceiling:
        return None
    rule = f"{whose}is less than what {stack} would cost, USD {cost.after.usd:,.2f} a month ({largest(cost.after)})"
    fix = f"declare less (`cell cost {stack}` shows each line), or set monthlyCeilingUsd higher"
    problem = file.problem("monthlyCeilingUsd", rule, fix)
    if cost.difference.usd >= SMALLEST_USD:
        raise ConfigError([problem])
    return str(problem)


def largest(found: Estimate) -> str:
    """The dearest charges in a few words."""
    lines = sorted(found.items(), key=lambda line: -line.usd)[:SHOWN_LINES]
    return ", ".join(f"{line.component} {line.price} {line.usd:,.2f}" for line in lines)


def in_words(stack: str, change: Difference) -> str:
    """``dev: USD +467.21 a month, 467.21 in all: Network +135.90, Cluster +131.12, ...``"""
    parts = [f"{name} {usd:+,.2f}" for name, usd in change.by_component.items()]
    more = f", {len(parts) - SHOWN_LINES} more" if len(parts) > SHOWN_LINES else ""
    text = f"{stack}: USD {change.usd:+,.2f} a month, {change.after_usd:,.2f} in all"
    return f"{text}: {', '.join(parts[:SHOWN_LINES])}{more}" if parts else text


def as_data(change: Difference) -> Mapping[str, object]:
    """The difference for ``--output json``."""
    return {
        "beforeUsd": round(change.before_usd, 2),
        "afterUsd": round(change.after_usd, 2),
        "differenceUsd": round(change.usd, 2),
        "byComponent": {name: round(usd, 2) for name, usd in change.by_component.items()},
    }
