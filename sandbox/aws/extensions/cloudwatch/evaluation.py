"""Metric alarms turn by themselves: those on one metric that log lines are made into, of which there was a value.

Alarms on expressions, bands and percentiles, and on what AWS's services publish, change by SetAlarmState only: nobody
publishes that here, and silence would be taken for trouble.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
"""

import logging
import operator
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from moto.cloudwatch.models import MetricAggregatedDatum, cloudwatch_backends
from moto.core.utils import utcnow

from sandbox.aws.extensions.cloudwatch.minutes import Minutes, key_of, minute_of

EVERY_S = 10.0
"""Between two looks; CloudWatch has a minute."""

_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}

_STATISTICS: Mapping[str, Callable[[Sequence[MetricAggregatedDatum]], float]] = {
    "Sum": lambda minutes: sum(one.sum for one in minutes),
    "SampleCount": lambda minutes: sum(one.sample_count for one in minutes),
    "Average": lambda minutes: sum(one.sum for one in minutes) / sum(one.sample_count for one in minutes),
    "Minimum": lambda minutes: min(one.min for one in minutes),
    "Maximum": lambda minutes: max(one.max for one in minutes),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """What an alarm says of its datapoints."""

    comparison: str
    threshold: float
    to_alarm: int
    """Of the datapoints, how many must breach."""
    missing: str
    """breaching, notBreaching, ignore or missing."""

    def judge(self, points: Sequence[float | None]) -> str | None:
        """The state for these datapoints; None is one that is missing, and no state means that it stays as it is."""
        there = [point for point in points if point is not None]
        breaches = sum(_COMPARE[self.comparison](point, self.threshold) for point in there)
        if self.missing == "breaching":
            breaches += len(points) - len(there)
        if breaches >= self.to_alarm:
            return "ALARM"
        if there or self.missing in ("breaching", "notBreaching"):
            return "OK"
        return None if self.missing == "ignore" else "INSUFFICIENT_DATA"


def datapoints(minutes: Minutes, alarm: Any, now: datetime) -> list[float | None]:
    """One for each period that the alarm looks at, the latest last; its end is the last full minute's."""
    key, statistic = _key(alarm), _STATISTICS[alarm.statistic]
    period, count = timedelta(seconds=int(alarm.period)), int(alarm.evaluation_periods)
    end = minute_of(now)
    found = []
    for number in range(count, 0, -1):
        own = minutes.between(key, end - number * period, end - (number - 1) * period)
        found.append(statistic(own) if own else None)
    return found


def evaluate(backend: Any, now: datetime) -> None:
    """Brings the alarms of one account and region to what the values say."""
    for alarm in list(backend.alarms.values()):
        if alarm.statistic not in _STATISTICS or alarm.comparison_operator not in _COMPARE:
            continue
        if not backend.minutes.has(_key(alarm)):
            continue
        points = datapoints(backend.minutes, alarm, now)
        rule = Rule(
            comparison=alarm.comparison_operator,
            threshold=float(alarm.threshold),
            to_alarm=int(alarm.datapoints_to_alarm or alarm.evaluation_periods),
            missing=alarm.treat_missing_data or "missing",
        )
        state = rule.judge(points)
        if state not in (None, alarm.state_value):
            shown = [None if point is None else round(point, 3) for point in points]
            reason = f"Datapoints {shown} and {rule.comparison} {rule.threshold:g}, {rule.to_alarm} of them to alarm"
            backend.set_alarm_state(alarm.name, reason, "{}", state)


def run_forever(stopped: threading.Event) -> None:
    """All alarms of all accounts, again and again."""
    while not stopped.wait(EVERY_S):
        for _, _, backend in list(cloudwatch_backends.iter_backends()):
            try:
                evaluate(backend, utcnow())
            except Exception:  # an alarm or its account went meanwhile: the others are looked at the next time
                logging.exception("alarms not evaluated")


def _key(alarm: Any) -> Any:
    return key_of(alarm.namespace, alarm.metric_name, {one.name: one.value for one in alarm.dimensions})
