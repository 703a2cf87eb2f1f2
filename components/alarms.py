"""CloudWatch alarms of a cell: leaves that watch a series and tell nobody, composites that page or open a ticket.

A person is called by a composite only: one cause usually trips several leaves, and a leaf alone may be noise.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import cloudwatch

from components.vocabulary import DataClass, tags
from contracts.metrics import Metric, Subject, metric, own_namespace

Dimensions = Mapping[str, pulumi.Input[str]]
"""Dimension -> value of one series."""

Watched = Mapping[Subject, Mapping[str, Dimensions]]
"""Subject -> stable key -> dimensions: what a component declares that has metrics."""

MAX_CHILDREN = 100
"""Alarms that one composite may name, and
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html)"""
MAX_RULE = 10_240
"""characters of its rule."""

DAY_S = 86_400
WEEK_S = 604_800
HOUR_S = 3_600
"""Period times evaluation periods is at most a day, or a week where the period is an hour or more; a period is a
multiple of 60 (https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html)."""

_QUERY_ID = re.compile(r"[a-z][a-zA-Z0-9_]*")


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """One time series: a metric of the contract and whose it is."""

    metric: Metric
    dimensions: Dimensions
    namespace: str

    def query(self, id_: str, period_s: int) -> Mapping[str, object]:
        """As input of a metric-math expression, which names it `id_`."""
        assert _QUERY_ID.fullmatch(id_), id_
        return {
            "id": id_,
            "metric": {
                "namespace": self.namespace,
                "metric_name": self.metric.name,
                "dimensions": dict(self.dimensions),
                "period": period_s,
                "stat": self.metric.stat,
            },
        }


def series(watched: Watched, subject: Subject, name: str, key: str | None = None) -> Series:
    """The series `name` of the subject's `key`, or of its only one. Raises KeyError for what the cell does not have."""
    things = watched[subject]
    if key is None:
        (key,) = things
    return Series(metric=metric(subject, name), dimensions=things[key], namespace=metric(subject, name).namespace)


def own_series(emitted: Metric, owner: str) -> Series:
    """The series that a log metric filter emits, without the dimensions that its lines add."""
    return Series(metric=emitted, dimensions={}, namespace=own_namespace(emitted, owner))


@dataclass(frozen=True, kw_only=True, slots=True)
class Watch:
    """When a series is wrong."""

    series: Series
    threshold: float
    why: str
    """For the person who is called: what it means, what to do."""
    comparison: str = "GreaterThanThreshold"
    stat: str | None = None
    """None: the metric's own."""
    period_s: int = 60
    periods: int = 3
    missing: str = "notBreaching"
    """What silence means; many metrics are not published while they are 0."""

    def __post_init__(self) -> None:
        check_window(self.period_s, self.periods)


def check_window(period_s: int, periods: int) -> None:
    """Raises ValueError for a window that CloudWatch does not evaluate."""
    longest = WEEK_S if period_s >= HOUR_S else DAY_S
    if period_s % 60 or periods < 1 or not 0 < period_s * periods <= longest:
        raise ValueError(
            f"alarm: {periods} periods of {period_s} s; CloudWatch takes multiples of 60 s, {longest} s in all"
        )


class Alarms:
    """Makes the alarms of one component, all named `<prefix>-<key>`."""

    def __init__(self, prefix: str, region: str, opts: pulumi.ResourceOptions) -> None:
        self._prefix, self._region, self._opts = prefix, region, opts

    def leaf(self, key: str, watch: Watch) -> cloudwatch.MetricAlarm:
        """One series against one number. Plain enough for a Route 53 health check."""
        about = watch.series
        return self._metric_alarm(
            key,
            watch.why,
            namespace=about.namespace,
            metric_name=about.metric.name,
            dimensions=dict(about.dimensions),
            statistic=watch.stat or about.metric.stat,
            period=watch.period_s,
            evaluation_periods=watch.periods,
            threshold=watch.threshold,
            comparison_operator=watch.comparison,
            treat_missing_data=watch.missing,
        )

    def band(
        self, key: str, watched: Series, why: str, *, width: float = 3, both: bool = True, missing: str = "notBreaching"
    ) -> cloudwatch.MetricAlarm:
        """A series that leaves the band which CloudWatch learned from its past, `width` standard deviations wide; where
        not `both`, only above it. A new series has no band for its first hours, and no alarm
        (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Anomaly_Detection.html)."""
        return self._metric_alarm(
            key,
            why,
            metric_queries=[
                {**watched.query("observed", 300), "return_data": True},
                {
                    "id": "band",
                    "expression": f"ANOMALY_DETECTION_BAND(observed, {width:g})",
                    "label": "expected",
                    "return_data": True,
                },
            ],
            threshold_metric_id="band",
            comparison_operator="LessThanLowerOrGreaterThanUpperThreshold" if both else "GreaterThanUpperThreshold",
            evaluation_periods=4,
            datapoints_to_alarm=3,
            treat_missing_data=missing,
        )

    def expression(
        self,
        key: str,
        why: str,
        expression: str,
        inputs: Mapping[str, Series],
        *,
        window: tuple[int, int],
        above: float,
    ) -> cloudwatch.MetricAlarm:
        """A metric-math expression over `inputs`; `window` is (period in s, number of periods)."""
        period_s, periods = window
        check_window(period_s, periods)
        return self._metric_alarm(
            key,
            why,
            metric_queries=[
                *({**one.query(id_, period_s), "return_data": False} for id_, one in inputs.items()),
                {"id": "result", "expression": expression, "label": key, "return_data": True},
            ],
            threshold=above,
            comparison_operator="GreaterThanThreshold",
            evaluation_periods=periods,
            treat_missing_data="notBreaching",
        )

    def composite(
        self, key: str, rule: pulumi.Output[str], why: str, topic_arn: pulumi.Input[str]
    ) -> cloudwatch.CompositeAlarm:
        """What calls a person: through the page topic at once, through the ticket topic in working hours."""
        return cloudwatch.CompositeAlarm(
            f"{self._prefix}-{key}",
            region=self._region,
            alarm_name=f"{self._prefix}-{key}",
            alarm_description=why,
            alarm_rule=rule,
            actions_enabled=True,
            alarm_actions=[topic_arn],
            ok_actions=[topic_arn],
            tags=tags(DataClass.INTERNAL),
            opts=self._opts,
        )

    def _metric_alarm(self, key: str, why: str, **settings: object) -> cloudwatch.MetricAlarm:
        return cloudwatch.MetricAlarm(
            f"{self._prefix}-{key}",
            region=self._region,
            alarm_description=why,
            tags=tags(DataClass.INTERNAL),
            opts=self._opts,
            **settings,
        )


def any_of(alarms: Sequence[cloudwatch.MetricAlarm]) -> pulumi.Output[str]:
    """Rule of a composite: one of these is in ALARM. By name: ARNs would fill the rule."""
    if not 1 <= len(alarms) <= MAX_CHILDREN:
        raise ValueError(f"composite alarm: {len(alarms)} alarms; CloudWatch takes 1 to {MAX_CHILDREN}")
    return pulumi.Output.all(*(alarm.name for alarm in alarms)).apply(lambda names: _rule(names, " OR "))


def all_of(alarms: Sequence[cloudwatch.MetricAlarm]) -> pulumi.Output[str]:
    """Rule of a composite: each of these is in ALARM."""
    return pulumi.Output.all(*(alarm.name for alarm in alarms)).apply(lambda names: _rule(names, " AND "))


def _rule(names: Sequence[str], word: str) -> str:
    rule = word.join(f'ALARM("{name}")' for name in names)
    if len(rule) > MAX_RULE:
        raise ValueError(f"composite alarm: a rule of {len(rule)} characters; CloudWatch takes {MAX_RULE}")
    return rule
