"""How fast a cell uses up its error budget: the availability objective of its edge, alarmed on several burn rates, each
over a long window (enough was lost to matter) and a short one (it is still being lost).

Rates and windows: Google SRE workbook, "Alerting on SLOs", table 5-8 (https://sre.google/workbook/alerting-on-slos/,
2026-11-23).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import cloudwatch

from components.alarms import DAY_S, HOUR_S, Alarms, Watched, all_of, series
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


def burn_rate_alarms(
    alarms: Alarms,
    watched: Watched,
    slo_percent: float,
    *,
    page_topic: pulumi.Input[str],
    ticket_topic: pulumi.Input[str],
) -> Sequence[cloudwatch.CompositeAlarm]:
    """Two leaves and a composite for each rate."""
    made = []
    inputs = {
        "requests": series(watched, Subject.LOAD_BALANCER, "RequestCount"),
        "balancer": series(watched, Subject.LOAD_BALANCER, "HTTPCode_ELB_5XX_Count"),
        "target": series(watched, Subject.LOAD_BALANCER, "HTTPCode_Target_5XX_Count"),
    }
    for rate in BURN_RATES:
        above = rate.error_percent(slo_percent)
        leaves = [
            alarms.expression(
                f"burn-{rate.key}-{kind}",
                f"More than {above:g} % of requests failed in {length_s} s (objective {slo_percent:g} %).",
                ERROR_PERCENT,
                inputs,
                window=window(length_s),
                above=above,
            )
            for kind, length_s in (("long", rate.long_s), ("short", rate.short_s))
        ]
        why = (
            f"Requests fail {rate.factor:g} times as fast as the objective of {slo_percent:g} % allows, over "
            f"{rate.long_s} s and still over the last {rate.short_s} s. See the dashboard of the cell."
        )
        topic = page_topic if rate.pages else ticket_topic
        made.append(alarms.composite(f"burn-{rate.key}", all_of(leaves), why, topic))
    return made
