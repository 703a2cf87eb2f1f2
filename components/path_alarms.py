"""Objectives of a payment's way through the cell, and what is alarmed besides: charges that fail, silence of the relay.

The shares are metrics of log lines (`components/path_metrics.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_aws import cloudwatch

from components.alarms import Alarms, Series, Watch, any_of, own_series
from components.burn_rate import Objective, Topics, share_alarms
from contracts.fraud_failures import FailOpenBudget
from contracts.metrics import Subject, metric

FAST_PERCENT: Final = 99.0
"""of payments are through the cell in time, their bank left out: one in a hundred meets a failover or a new pod."""

ON_TIME_PERCENT: Final = 99.0
"""of the reports of relay and archiver are of a lag that is within its bound: 7 hours of 30 days may be late. Nobody
loses money by a late event, consumers are late."""

EVACUATE_PERCENT: Final = 50
"""of charges that fail, for three minutes: below it a client's second try usually gets through, and to leave a cell
drops what is under way."""

SILENT_S: Final = 300
"""Relay and archiver report four times a minute."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PathAlarms:
    """What was made."""

    pages: Sequence[cloudwatch.CompositeAlarm]
    tickets: Sequence[cloudwatch.CompositeAlarm]
    plain: Mapping[str, pulumi.Output[str]]
    """Key -> name of the alarms that say by themselves that the cell cannot serve: DNS looks at them."""


def objectives(slo_percent: float) -> Mapping[str, Objective]:
    """Metric -> what is promised of it; `slo_percent`: of the stack file."""
    fail_open = 100 * (1 - FailOpenBudget().share)
    return {
        "ChargesFailed": Objective(key="charges", bad="failed charges", slo_percent=slo_percent),
        "ChargesSlow": Objective(key="latency", bad="slow charges", slo_percent=FAST_PERCENT),
        "FailedOpen": Objective(key="fail-open", bad="payments without a fraud decision", slo_percent=fail_open),
        "EventsLate": Objective(key="events-late", bad="reports of late events", slo_percent=ON_TIME_PERCENT),
    }


def path_series(cell: str, name: str) -> Series:
    """A metric of the whole way."""
    return own_series(metric(Subject.PATH, name), cell)


def path_alarms(alarms: Alarms, cell: str, slo_percent: float, topics: Topics) -> PathAlarms:
    """All of them; each leaf is heard through a composite."""
    burning = [
        share_alarms(alarms, objective, path_series(cell, name), topics)
        for name, objective in objectives(slo_percent).items()
    ]
    failing = alarms.leaf(
        "charges-failed",
        Watch(
            series=path_series(cell, "ChargesFailed"),
            threshold=EVACUATE_PERCENT,
            why=f"More than {EVACUATE_PERCENT} % of charges fail for a reason that is no bank's. DNS leaves the cell.",
        ),
    )
    silent = [
        alarms.leaf(
            f"{program}-silent",
            Watch(
                series=path_series(cell, lag),
                stat="SampleCount",
                threshold=1,
                comparison="LessThanThreshold",
                period_s=SILENT_S,
                periods=1,
                missing="breaching",
                why=f"The {program} has not said for {SILENT_S} s how far behind it is: does it run, does it lead?",
            ),
        )
        for program, lag in (("relay", "RelayLag"), ("archiver", "ArchiveLag"))
    ]
    pages = [
        alarms.composite("charges-down", any_of([failing]), "Most charges fail in this cell.", topics.page),
        alarms.composite("events-silent", any_of(silent), "Nobody knows how late events are.", topics.page),
    ]
    return PathAlarms(
        pages=[*pages, *(alarm for each in burning for alarm in each.pages)],
        tickets=[alarm for each in burning for alarm in each.tickets],
        plain={"charges-failed": failing.name},
    )
