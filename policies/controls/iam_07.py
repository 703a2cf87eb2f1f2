"""IAM-07: the break-glass role needs MFA, lasts four hours at most, and is not used unheard.

A role is one by its tag `payment-cell:use=break-glass`.
"""

from pulumi_policy.proxy import UnknownValueError

from policies.control import (
    SAFEGUARDS,
    SOC2,
    Asked,
    Control,
    Severity,
    Source,
    StackClause,
    Strength,
    Verdict,
    failed,
    not_applicable,
    passed,
)
from policies.documents import ROLE, Statement, statements
from policies.relations import naming
from policies.resources import Resource, Stack

USE = "break-glass"
MAX_SESSION_S = 14_400
"""Four hours."""

REVIEWED_DAYS = 92
"""Longest time since the end of the period that a review speaks of: a quarter."""

_FILTER = "aws:cloudwatch/logMetricFilter:LogMetricFilter"
_ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
_RULE = "aws:cloudwatch/eventRule:EventRule"
_TARGET = "aws:cloudwatch/eventTarget:EventTarget"


def is_entered_with_mfa(role: Resource, _stack: Stack) -> Verdict:
    """`BoolIfExists` lets in who has no such key, as long-lived access keys have none
    (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html)."""
    if role.tag("payment-cell:use") != USE:
        return _other()
    for one in statements(role.props["assumeRolePolicy"]):
        if one.allows and not _asks_for_mfa(one):
            return failed(f"assumeRolePolicy: {one.sid} allows without aws:MultiFactorAuthPresent being true")
    return passed()


def ends_within_four_hours(role: Resource, _stack: Stack) -> Verdict:
    """An hour where nothing else is said (API reference, CreateRole)."""
    if role.tag("payment-cell:use") != USE:
        return _other()
    seconds = role.given("maxSessionDuration") or 3600
    return passed() if seconds <= MAX_SESSION_S else failed(f"maxSessionDuration is {seconds:g} s, more than 14,400")


def use_is_heard_of(role: Resource, stack: Stack) -> Verdict:
    """By an alarm on what the trail logs, or by a rule on the default bus."""
    if role.tag("payment-cell:use") != USE:
        return _other()
    unknown: UnknownValueError | None = None
    for type_, heard in ((_FILTER, _alarms), (_RULE, _tells)):
        for watcher in stack.of(type_):
            try:
                if _names(watcher, role, stack) and heard(watcher, stack):
                    return passed()
            except UnknownValueError as error:
                unknown = error
    if unknown:
        raise unknown
    return failed("no metric filter with an alarm, and no rule with a target, is on its being assumed")


def _other() -> Verdict:
    return not_applicable(f"no role of use {USE}")


def _asks_for_mfa(one: Statement) -> bool:
    keys = {key.lower(): values for key, values in one.conditions.get("Bool", {}).items()}
    return [value.lower() for value in keys.get("aws:multifactorauthpresent", ())] == ["true"]


def _names(watcher: Resource, role: Resource, stack: Stack) -> bool:
    """Whether a filter's or rule's pattern is about assuming the role."""
    name = "pattern" if watcher.type == _FILTER else "eventPattern"
    try:
        pattern = str(watcher.props.get(name) or "")
    except UnknownValueError:
        sources = stack.sources(watcher, name)
        if role in sources:
            return True
        if any(source.type == ROLE for source in sources):
            return False
        raise
    called = [word for word in (role.maybe("arn"), role.maybe("name")) if word]
    return "AssumeRole" in pattern and any(word in pattern for word in called)


def _alarms(counter: Resource, stack: Stack) -> bool:
    metric = counter.props["metricTransformation"]
    for alarm in stack.of(_ALARM):
        same = counter in stack.sources(alarm, "metricName") or (
            alarm.maybe("metricName") == metric["name"] and alarm.maybe("namespace") == metric["namespace"]
        )
        acts = alarm.references.get("alarmActions") or alarm.props.get("alarmActions")
        if same and acts and alarm.props.get("actionsEnabled", True):
            return True
    return False


def _tells(rule: Resource, stack: Stack) -> bool:
    if (rule.given("eventBusName") or "default") != "default" or rule.given("state") == "DISABLED":
        return False
    return any(naming(rule, stack, [_TARGET], "rule"))


IAM_07 = Control(
    id="IAM-07",
    title="The break-glass role needs MFA, lasts four hours at most, and is not used unheard",
    severity=Severity.HIGH,
    clauses=tuple(
        StackClause(resource_types=frozenset({ROLE}), check=check)
        for check in (is_entered_with_mfa, ends_within_four_hours, use_is_heard_of)
    ),
    asked=(
        Asked(
            name="use_was_reviewed",
            statement="each use of the break-glass role had a ticket and was reviewed within two working days, by "
            "somebody else than who used it; or there was none",
            source=Source.ATTESTATION,
            max_age_days=REVIEWED_DAYS,
        ),
    ),
    maps_to=(SOC2("CC6.1", Strength.PARTIAL), SOC2("CC6.3", Strength.PARTIAL), *SAFEGUARDS),
    risk="The way around every approval is the first that is looked for, and the last that is watched.",
    remediation="Ask for MFA in the role's trust, set maxSessionDuration to 14400 at most, declare an alarm on its "
    "AssumeRole events, and attest the reviews of its use in attestations/.",
)
