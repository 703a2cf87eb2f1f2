"""LOG-08: what a detector finds reaches somebody.

A detector publishes its findings to the default bus of its region
(https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_findings_eventbridge.html,
https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-cwe-integration-types.html).
"""

import json
from collections.abc import Iterator

from policies.control import (
    GDPR,
    SOC2,
    Asked,
    Control,
    Severity,
    Source,
    StackClause,
    Strength,
    Verdict,
    failed,
    passed,
)
from policies.relations import naming
from policies.resources import Resource, Stack

DELIVERY_TEST_DAYS = 90
"""Longest time since a finding was sent on purpose and heard of."""

_TOPIC = "aws:sns/topic:Topic"
_SUBSCRIPTION = "aws:sns/topicSubscription:TopicSubscription"
_RULE = "aws:cloudwatch/eventRule:EventRule"
_TARGET = "aws:cloudwatch/eventTarget:EventTarget"
_SOURCES = {
    "aws:guardduty/detector:Detector": "aws.guardduty",
    "aws:securityhub/account:Account": "aws.securityhub",
    "aws:securityhub/accountV2:AccountV2": "aws.securityhub",
}
"""Detector -> `source` of its findings' events."""


def findings_reach_a_topic(detector: Resource, stack: Stack) -> Verdict:
    source = _SOURCES[detector.type]
    for rule in _rules(detector, source, stack):
        for target in naming(rule, stack, [_TARGET], "rule"):
            if target.region != rule.region:
                continue
            if any(one.type == _TOPIC for one in stack.sources(target, "arn")):
                return passed()
            if ":sns:" in str(target.props.get("arn") or ""):
                return passed()
    return failed(f"no enabled rule for {source} on the default bus of {detector.region} has a topic as its target")


def somebody_confirmed_the_subscription(detector: Resource, stack: Stack) -> Verdict:
    """A subscription that nobody confirmed gets nothing (SNS API reference, ConfirmSubscription)."""
    source, heard = _SOURCES[detector.type], False
    for topic in _topics(detector, source, stack):
        for subscription in naming(topic, stack, [_SUBSCRIPTION], "topic"):
            heard = heard or not subscription.props.get("pendingConfirmation", False)
    return passed() if heard else failed(f"no confirmed subscription of a topic for {source} in {detector.region}")


def _rules(detector: Resource, source: str, stack: Stack) -> Iterator[Resource]:
    for rule in stack.of(_RULE):
        if rule.region != detector.region or (rule.maybe("eventBusName") or "default") != "default":
            continue
        pattern = json.loads(rule.props.get("eventPattern") or "{}")
        if source in pattern.get("source", ()) and (rule.maybe("state") or "ENABLED") != "DISABLED":
            yield rule


def _topics(detector: Resource, source: str, stack: Stack) -> Iterator[Resource]:
    for rule in _rules(detector, source, stack):
        for target in naming(rule, stack, [_TARGET], "rule"):
            for topic in stack.of(_TOPIC):
                if topic.maybe("arn") == target.maybe("arn"):
                    yield topic


LOG_08 = Control(
    id="LOG-08",
    title="What a detector finds reaches somebody who has confirmed to hear it",
    severity=Severity.HIGH,
    clauses=(
        StackClause(resource_types=frozenset(_SOURCES), check=findings_reach_a_topic),
        StackClause(
            resource_types=frozenset(_SOURCES),
            check=somebody_confirmed_the_subscription,
            not_declared="people confirm a subscription, no program does",
        ),
    ),
    asked=(
        Asked(
            name="delivery_was_tested",
            statement="a finding that was sent on purpose reached the people of the breach path",
            source=Source.ATTESTATION,
            max_age_days=DELIVERY_TEST_DAYS,
        ),
    ),
    maps_to=(
        GDPR("33", Strength.PARTIAL),
        SOC2("CC7.3", Strength.PARTIAL),
        SOC2("CC7.4", Strength.PARTIAL),
        SOC2("P6.3", Strength.SUPPORTS),
    ),
    risk="The 72 hours of Article 33 pass while the finding waits in a console that nobody looks at.",
    remediation="Declare a rule on the default bus for the detector's findings with a topic of the region as target, "
    "confirm its subscriptions, and send a sample finding every quarter.",
)
