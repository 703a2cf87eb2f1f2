"""How fast a cell uses up its error budgets: each objective is alarmed on several burn rates, each over a long window
(enough was lost to matter) and a short one (it is still being lost).

Rates and windows: Google SRE workbook, "Alerting on SLOs", table 5-8 (https://sre.google/workbook/alerting-on-slos/,
2026-11-23).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import cloudwatch

from components.alarms import DAY_S, HOUR_S, Alarms, Series, Watch, Watched, all_of, series
from contracts.metrics import Subject

ERROR_PERCENT = "100 * (FILL(balancer, 0) + FILL(target, 0)) / (FILL(requests, 0) + FILL(balancer, 0))"
"""Share of requests that ended in 5xx. RequestCount leaves out what the load balancer answered before it chose a
target, so its own 5xx are added below the line; those that had a target are then counted twice there. The result is
never too high and at most half too low, which happens when the balancer fails everything (502, 504): 50 % instead of
100 %, which is still above every threshold. Counts are not published while they are 0: FILL. No requests: no data."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BurnRate:
    """One row of the table: alarm when the budget burns `factor` times as fast as it may."""

    key: str
    factor: float
    long_s: int
    short_s: int
    pages: bool
    """Else it opens a ticket."""

    def error_percent(self, slo_percent: float) -> float:
        """Share of failed requests, in percent, above which the budget burns at this rate."""
        return round(self.factor * (100 - slo_percent), 6)


BURN_RATES: Sequence[BurnRate] = (
    BurnRate(key="fast", factor=14.4, long_s=HOUR_S, short_s=300, pages=True),
    BurnRate(key="medium", factor=6, long_s=6 * HOUR_S, short_s=1_800, pages=True),
    BurnRate(key="slow", factor=1, long_s=3 * DAY_S, short_s=6 * HOUR_S, pages=False),
)
"""2 % of a 30-day budget in an hour, 5 % in six hours, 10 % in three days."""


def window(length_s: int) -> tuple[int, int]:
    """(period in s, periods) of a window. CloudWatch's longest documented period is a day
    (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html): three days are three in a
    row, each above the threshold. That is stricter than their mean, so the ticket comes later than in the book."""
    return (length_s, 1) if length_s <= DAY_S else (DAY_S, length_s // DAY_S)


@dataclass(frozen=True, kw_only=True, slots=True)
class Burning:
    """The composites of one objective."""

    pages: Sequence[cloudwatch.CompositeAlarm]
    tickets: Sequence[cloudwatch.CompositeAlarm]


Leaf = Callable[[str, str, tuple[int, int], float], cloudwatch.MetricAlarm]
"""Key, why, window and the percentage above which it alarms -> the alarm."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Objective:
    """What may fail, and how much of it."""

    key: str
    """First part of its alarms' names."""
    bad: str
    """What counts against it, as the subject of a sentence."""
    slo_percent: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Topics:
    """Where alarms go."""

    page: pulumi.Input[str]
    ticket: pulumi.Input[str]


def edge_alarms(alarms: Alarms, watched: Watched, slo_percent: float, topics: Topics) -> Burning:
    """Of requests at the load balancer: of counts that are two metrics, so by metric math."""
    inputs = {
        "requests": series(watched, Subject.LOAD_BALANCER, "RequestCount"),
        "balancer": series(watched, Subject.LOAD_BALANCER, "HTTPCode_ELB_5XX_Count"),
        "target": series(watched, Subject.LOAD_BALANCER, "HTTPCode_Target_5XX_Count"),
    }

    def leaf(key: str, why: str, within: tuple[int, int], above: float) -> cloudwatch.MetricAlarm:
        return alarms.expression(key, why, ERROR_PERCENT, inputs, window=within, above=above)

    return _burning(alarms, Objective(key="burn", bad="failed requests", slo_percent=slo_percent), leaf, topics)


def share_alarms(alarms: Alarms, objective: Objective, share: Series, topics: Topics) -> Burning:
    """Of a metric that is 100 for what was bad and 0 for what was well: its average over a window is the share."""

    def leaf(key: str, why: str, within: tuple[int, int], above: float) -> cloudwatch.MetricAlarm:
        period_s, periods = within
        return alarms.leaf(key, Watch(series=share, threshold=above, why=why, period_s=period_s, periods=periods))

    return _burning(alarms, objective, leaf, topics)


def _burning(alarms: Alarms, objective: Objective, leaf: Leaf, topics: Topics) -> Burning:
    """Two leaves and a composite for each rate."""
    made = []
    for rate in BURN_RATES:
        above = rate.error_percent(objective.slo_percent)
        leaves = [
            leaf(
                f"{objective.key}-{rate.key}-{kind}",
                f"More than {above:g} % are {objective.bad} in {length_s} s (objective {objective.slo_percent:g} %).",
                window(length_s),
                above,
            )
            for kind, length_s in (("long", rate.long_s), ("short", rate.short_s))
        ]
        why = (
            f"There are {rate.factor:g} times as many {objective.bad} as the objective of {objective.slo_percent:g} % "
            f"allows, over {rate.long_s} s and still over the last {rate.short_s} s. See the dashboard of the cell."
        )
        topic = topics.page if rate.pages else topics.ticket
        made.append((rate, alarms.composite(f"{objective.key}-{rate.key}", all_of(leaves), why, topic)))
    return Burning(
        pages=[alarm for rate, alarm in made if rate.pages], tickets=[alarm for rate, alarm in made if not rate.pages]
    )
