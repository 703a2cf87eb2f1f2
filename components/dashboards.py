"""CloudWatch dashboards as data: boards of widgets over series of the contract, and the JSON that CloudWatch takes.

Board("eu-west-1", [Graph("Requests", [series(watched, Subject.LOAD_BALANCER, "RequestCount")])]).body("eu-west-1")
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import cloudwatch

from components.alarms import Series

MAX_WIDGETS = 500
MAX_WIDGET_METRICS = 500
MAX_BOARD_METRICS = 2_500
"""Widgets of a dashboard, metrics of a graph and of all graphs together
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html, 2026-11-23)."""

MAX_WIDGET_ALARMS = 100
"""Alarms of an alarm widget
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html)."""

COLUMNS = 24
"""Width of the grid."""
WIDTH, HEIGHT = 8, 6

_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")


@dataclass(frozen=True, slots=True)
class Graph:
    """A line for each series."""

    title: str
    lines: Sequence[Series | Search]
    period_s: int = 60

    def __post_init__(self) -> None:
        if not 1 <= len(self.lines) <= MAX_WIDGET_METRICS:
            raise ValueError(
                f"dashboard: {self.title!r} has {len(self.lines)} metrics; a graph takes 1 to {MAX_WIDGET_METRICS}"
            )

    def properties(self, region: str) -> dict[str, object]:
        """As in the body of a dashboard."""
        return {
            "title": self.title,
            "region": region,
            "view": "timeSeries",
            "period": self.period_s,
            "metrics": [line.row() if isinstance(line, Search) else metric_row(line) for line in self.lines],
        }


@dataclass(frozen=True, slots=True)
class Search:
    """A line for each series of a metric that has this one's dimensions and any value of `open_dimension`."""

    of: Series
    open_dimension: str

    def row(self) -> list[object]:
        """The search expression as a row of a graph."""
        about, known = self.of.metric, self.of.dimensions
        # Without quotes a name of a search has no hyphen, which those of cells have.
        namespace = self.of.namespace if self.of.namespace.startswith("AWS/") else f'"{self.of.namespace}"'
        names = ",".join([namespace, *sorted([*known, self.open_dimension])])
        name = f'MetricName="{about.name}"'
        terms = pulumi.Output.from_input(dict(known)).apply(
            lambda values: " ".join([name, *(f'{key}="{value}"' for key, value in sorted(values.items()))])
        )
        expression = terms.apply(lambda text: f"SEARCH('{{{names}}} {text}', '{about.stat}')")
        return [{"expression": expression, "label": ""}]


@dataclass(frozen=True, slots=True)
class AlarmStatus:
    """The state of alarms, by ARN."""

    title: str
    arns: Sequence[pulumi.Input[str]]

    def __post_init__(self) -> None:
        if not 1 <= len(self.arns) <= MAX_WIDGET_ALARMS:
            raise ValueError(f"dashboard: {self.title!r} shows {len(self.arns)} alarms; 1 to {MAX_WIDGET_ALARMS}")

    def properties(self, _region: str) -> dict[str, object]:
        """As in the body of a dashboard."""
        return {"title": self.title, "alarms": list(self.arns)}


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard."""

    name: str
    widgets: Sequence[Graph | AlarmStatus]

    def __post_init__(self) -> None:
        metrics = sum(len(widget.lines) for widget in self.widgets if isinstance(widget, Graph))
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"dashboard {self.name!r}: CloudWatch takes letters, digits, - and _, 255 at most")
        if len(self.widgets) > MAX_WIDGETS:
            raise ValueError(f"dashboard {self.name}: {len(self.widgets)} widgets; CloudWatch takes {MAX_WIDGETS}")
        if metrics > MAX_BOARD_METRICS:
            raise ValueError(f"dashboard {self.name}: {metrics} metrics in all; CloudWatch takes {MAX_BOARD_METRICS}")

    def body(self, region: str) -> pulumi.Output[str]:
        """The JSON that CloudWatch takes: widgets from left to right, then down."""
        a_row = COLUMNS // WIDTH
        widgets = [
            {
                "type": "metric" if isinstance(widget, Graph) else "alarm",
                "x": number % a_row * WIDTH,
                "y": number // a_row * HEIGHT,
                "width": WIDTH,
                "height": HEIGHT,
                "properties": widget.properties(region),
            }
            for number, widget in enumerate(self.widgets)
        ]
        return pulumi.Output.json_dumps({"widgets": widgets}, sort_keys=True)

    def declare(self, region: str, opts: pulumi.ResourceOptions) -> cloudwatch.Dashboard:
        """The resource."""
        return cloudwatch.Dashboard(
            self.name, region=region, dashboard_name=self.name, dashboard_body=self.body(region), opts=opts
        )


def metric_row(line: Series) -> list[object]:
    """`[namespace, name, dimension, value, ..., options]`."""
    pairs = [part for pair in line.dimensions.items() for part in pair]
    return [line.namespace, line.metric.name, *pairs, {"stat": line.metric.stat}]
