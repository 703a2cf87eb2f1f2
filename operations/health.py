"""How a stack is, by its own alarms: those that page or open tickets, and the leaves that they watch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from operations.deploy import Session
from operations.errors import CellError
from operations.preflight_aws import NotObserved, ask
from operations.preflight_checks import entered
from stacks.fleet import load_fleet

ALARMS = frozenset({"aws:cloudwatch/metricAlarm:MetricAlarm", "aws:cloudwatch/compositeAlarm:CompositeAlarm"})

MAX_NAMES = 100
"""Of one DescribeAlarms
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html)."""


def health(session: Session, stack: str) -> Mapping[str, Any] | str:
    """``{"alarms": 41, "ringing": [...], "withoutData": 3, "missing": [...]}``, or why nobody could be asked.

    `ringing`: names of alarms in state ALARM. `missing`: those that are in state and not in the account.
    """
    rows = [row for row in session.engine.resources(stack) if row["type"] in ALARMS]
    if not rows:
        return "no alarms"
    fleet = load_fleet(session.project.stacks_folder)
    account = fleet.accounts[stack] if stack in fleet.accounts else fleet.account_of(stack)
    states: dict[str, str] = {}
    try:
        clients = entered(account, "status")
        for region in sorted({row["outputs"]["region"] for row in rows}):
            cloudwatch = clients.get("cloudwatch", region)
            names = sorted(row["id"] for row in rows if row["outputs"]["region"] == region)
            for start in range(0, len(names), MAX_NAMES):
                some, types = names[start : start + MAX_NAMES], ["MetricAlarm", "CompositeAlarm"]
                answer = ask(cloudwatch.describe_alarms, AlarmNames=some, AlarmTypes=types, MaxRecords=MAX_NAMES)
                found = [*answer.get("MetricAlarms", ()), *answer.get("CompositeAlarms", ())]
                states |= {alarm["AlarmName"]: alarm["StateValue"] for alarm in found}
    except (CellError, NotObserved) as reason:
        return f"not observed: {reason}"
    return {
        "alarms": len(rows),
        "ringing": sorted(name for name, state in states.items() if state == "ALARM"),
        "withoutData": sum(state == "INSUFFICIENT_DATA" for state in states.values()),
        "missing": sorted({row["id"] for row in rows} - states.keys()),
    }
