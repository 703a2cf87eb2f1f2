"""What log lines of the programs become: metric filters over the log group of a cell's programs.

Requests, errors and duration by caller class, market, bank and shard; refusals by reason; decisions that failed open;
how late events are; and the shares that the objectives are about (`components/burn_rate.py`).

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_aws import cloudwatch

from contracts.deadlines import Deadlines
from contracts.metrics import DIMENSIONS, PATH_NAMESPACE, Metric, Subject, metric

MAX_FILTERS = 100
"""Of a log group, and
(https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutMetricFilter.html)"""
MAX_PATTERN = 1_024
"""characters of a pattern (API reference, MetricFilter)."""

_WAY = Deadlines()
SLOW_MS: Final = round(1_000 * _WAY.hops * _WAY.hop_s)
"""What a payment may take inside the cell, without its bank: all hops together. With more, the sum of deadlines that
the preview checks is not true."""

RELAY_LATE_S: Final = 10
"""An event that has waited so long in its shard is late; usually it is a fraction of a second."""

ARCHIVE_LATE_S: Final = 120
"""The same for the archive: twice the longest that it may collect before it writes (`archive_after_s`)."""

_ANSWERED = '$.kubernetes.container_name = "payments" && $.log_processed.message = "answered"'
_GATEWAY = '$.kubernetes.container_name = "gateway"'
_EGRESS = '$.kubernetes.container_name = "egress-*"'
_RELAY = '$.kubernetes.container_name = "relay" && $.log_processed.message = "lag"'
_ARCHIVER = '$.kubernetes.container_name = "archiver" && $.log_processed.message = "lag"'
_CLIENTS = '($.log_processed.class = "live" || $.log_processed.class = "platform")'
"""Who moves money and waits: test and batch may be shed when there is too much."""
_CHARGE = f'{_ANSWERED} && $.log_processed.route = "create" && {_CLIENTS}'
_EDGE = f'{_GATEWAY} && $.log_processed.endpoint = "create" && {_CLIENTS} && $.log_processed.upstream_ms NOT EXISTS'
"""Calls that the gateway answered itself; all that it refuses or fails has a line."""
_BANK_IS_AWAY = '$.log_processed.reason = "bank_unavailable"'
_OTHERWISE = '$.log_processed.reason != "bank_unavailable"'

_FAILED_OPEN = f'{_ANSWERED} && $.log_processed.fraud = "failed-open"'
BAD, WELL = "100", "0"


@dataclass(frozen=True, kw_only=True, slots=True)
class Filter:
    """Lines that add to a metric."""

    key: str
    """Stable; unique among the filters."""
    of: Metric
    pattern: str
    value: str = "1"

    def __post_init__(self) -> None:
        if len(self.pattern) > MAX_PATTERN:
            raise ValueError(
                f"metric filter {self.key}: {len(self.pattern)} characters; CloudWatch takes {MAX_PATTERN}"
            )


_FIELDS: Final = {"Class": "class", "Market": "market", "Bank": "bank", "Shard": "shard", "Reason": "refused"}
"""Dimension -> field of the line."""


def filters() -> Sequence[Filter]:
    """All of them; the same in every cell."""
    return [*_red(), *_counts(), *_shares(), *_lags()]


def _red() -> Iterator[Filter]:
    """Payments' lines, one a request; of banks egress's, one a call."""
    for subject, lines in (
        (Subject.CALLER_CLASS, _ANSWERED),
        (Subject.MARKET, _ANSWERED),
        (Subject.PATH_SHARD, _ANSWERED),
        (Subject.BANK, _EGRESS),
    ):
        own = f"{lines} && {_has(subject)}"
        yield _filter(subject, "Requests", own)
        yield _filter(subject, "Errors", f"{own} && $.log_processed.status >= 500")
        yield _filter(subject, "Duration", own, "$.log_processed.duration_ms")


def _counts() -> Iterator[Filter]:
    yield _filter(Subject.REFUSAL, "Refusals", f"{_GATEWAY} && {_has(Subject.REFUSAL)}")
    yield _filter(Subject.CALLER_CLASS, "FailOpenDecisions", _FAILED_OPEN)


def _shares() -> Iterator[Filter]:
    """Two filters or more a metric: what is bad, and what is well."""

    def share(name: str, key: str, pattern: str, value: str) -> Filter:
        return _filter(Subject.PATH, name, pattern, value, key)

    failed = f"$.log_processed.status >= 500 && {_OTHERWISE}"
    yield share("ChargesFailed", "bad", f"{_CHARGE} && {failed}", BAD)
    yield share("ChargesFailed", "edge", f"{_EDGE} && $.log_processed.status >= 500", BAD)
    # A bank that takes nothing fails its own payments and no others: bank metrics say so.
    yield share("ChargesFailed", "well", f"{_CHARGE} && ($.log_processed.status < 500 || {_BANK_IS_AWAY})", WELL)
    answered = f"{_CHARGE} && $.log_processed.status < 500"
    yield share("ChargesSlow", "bad", f"{answered} && $.log_processed.own_ms > {SLOW_MS}", BAD)
    yield share("ChargesSlow", "well", f"{answered} && $.log_processed.own_ms <= {SLOW_MS}", WELL)
    yield share("FailedOpen", "bad", _FAILED_OPEN, BAD)
    yield share("FailedOpen", "well", f'{_ANSWERED} && $.log_processed.fraud = "decided"', WELL)
    for key, lines, late_s in (("relay", _RELAY, RELAY_LATE_S), ("archiver", _ARCHIVER, ARCHIVE_LATE_S)):
        yield share("EventsLate", f"{key}-bad", f"{lines} && $.log_processed.lag_s > {late_s}", BAD)
        yield share("EventsLate", f"{key}-well", f"{lines} && $.log_processed.lag_s <= {late_s}", WELL)


def _lags() -> Iterator[Filter]:
    yield _filter(Subject.PATH, "RelayLag", _RELAY, "$.log_processed.lag_s")
    yield _filter(Subject.PATH, "ArchiveLag", _ARCHIVER, "$.log_processed.lag_s")
    yield _filter(Subject.PATH_SHARD, "RelayLag", _RELAY, "$.log_processed.lag_s")


def _has(subject: Subject) -> str:
    return " && ".join(f'$.log_processed.{_FIELDS[dimension]} = "*"' for dimension in DIMENSIONS[subject])


def _filter(subject: Subject, name: str, condition: str, value: str = "1", key: str = "") -> Filter:
    about = metric(subject, name)
    parts = (subject.value, name.lower(), key)
    return Filter(key="-".join(part for part in parts if part), of=about, pattern=f"{{ {condition} }}", value=value)


def declare(cell: str, region: str, log_group: pulumi.Input[str], opts: pulumi.ResourceOptions) -> None:
    """The filters of a cell. A metric with dimensions takes no default value, and one without takes none here: where
    nothing was done there is no share of it."""
    for each in filters():
        name = f"{cell}-{each.key}"
        dimensions = {one: f"$.log_processed.{_FIELDS[one]}" for one in each.of.dimensions}
        cloudwatch.LogMetricFilter(
            name,
            region=region,
            name=name,
            log_group_name=log_group,
            pattern=each.pattern,
            metric_transformation={
                "namespace": f"{PATH_NAMESPACE}/{cell}",
                "name": each.of.name,
                "value": each.value,
                "unit": each.of.unit,
                **({"dimensions": dimensions} if dimensions else {}),
            },
            opts=opts,
        )
