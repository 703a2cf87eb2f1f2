"""LOG-07: Config, GuardDuty and Security Hub are on wherever one of them is declared.

Live: regions in which a stack declares none of the three.
"""

from collections.abc import Mapping
from typing import Any

from policies.control import (
    SOC2,
    Clause,
    Control,
    Severity,
    StackClause,
    Strength,
    Verdict,
    failed,
    passed,
    undetermined,
)
from policies.relations import may_name, naming
from policies.resources import Resource, Stack

_RECORDER = "aws:cfg/recorder:Recorder"
_STATUS = "aws:cfg/recorderStatus:RecorderStatus"
_DETECTOR = "aws:guardduty/detector:Detector"
_HUBS = ("aws:securityhub/account:Account", "aws:securityhub/accountV2:AccountV2")
SERVICES = frozenset({_RECORDER, _DETECTOR, *_HUBS})
"""Each is switched on region by region (AWS Security Reference Architecture)."""


def config_records(service: Resource, stack: Stack) -> Verdict:
    """A recorder records once its status is enabled (AWS Config API reference, StartConfigurationRecorder)."""
    unknown: Verdict | None = None
    for recorder in _here(service, stack, _RECORDER):
        for status in _statuses(recorder, stack):
            if status.props.get("isEnabled"):
                return passed()
        if reason := may_name(recorder, stack, [_STATUS], "name"):
            unknown = undetermined(reason)
    return unknown or failed(f"no Recorder with a RecorderStatus whose isEnabled is true in {service.region}")


def guardduty_detects(service: Resource, stack: Stack) -> Verdict:
    for detector in _here(service, stack, _DETECTOR):
        if detector.props.get("enable", True):  # GuardDuty API reference, CreateDetector: on unless told otherwise
            return passed()
    return failed(f"no Detector whose enable is true in {service.region}")


def security_hub_collects(service: Resource, stack: Stack) -> Verdict:
    return passed() if _here(service, stack, *_HUBS) else failed(f"no Security Hub Account in {service.region}")


def recorder_records_now(status: Mapping[str, Any]) -> Verdict:
    """A recorder that is on can still fail, for want of rights of its role
    (https://docs.aws.amazon.com/config/latest/APIReference/API_ConfigurationRecorderStatus.html)."""
    if not status.get("isEnabled"):
        return failed("isEnabled is not true: nothing is recorded now")
    last = str(status.get("lastStatus") or "")
    return failed(f"lastStatus is {last}") if last.lower() == "failure" else passed()


def _here(service: Resource, stack: Stack, *types: str) -> list[Resource]:
    return [other for other in stack.of(*types) if other.region == service.region]


def _statuses(recorder: Resource, stack: Stack) -> list[Resource]:
    """A status names its recorder by name."""
    by_name = [
        status
        for status in stack.of(_STATUS)
        if (name := recorder.maybe("name")) and status.maybe("name") == name and status.region == recorder.region
    ]
    return [*by_name, *naming(recorder, stack, [_STATUS], "name")]


LOG_07 = Control(
    id="LOG-07",
    title="Config, GuardDuty and Security Hub are on wherever one of them is declared",
    severity=Severity.MEDIUM,
    clauses=(
        *(
            StackClause(resource_types=SERVICES, check=check)
            for check in (config_records, guardduty_detects, security_hub_collects)
        ),
        Clause(
            resource_types=frozenset({_STATUS}),
            check=recorder_records_now,
            not_declared="only the running recorder knows whether it could record",
        ),
    ),
    maps_to=(SOC2("CC7.1", Strength.PARTIAL),),
    risk="A region without them is where an intruder works unseen.",
    remediation="Declare an enabled Recorder, a Detector and a Security Hub Account in each region that is used.",
)
