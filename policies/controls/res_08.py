"""RES-08: events and messages stay in the jurisdiction.

Where mailboxes, telephones and HTTPS endpoints are, no declaration says. Live: API destinations.
"""

from policies.control import (
    GDPR,
    Control,
    Severity,
    StackClause,
    Strength,
    Verdict,
    not_observed,
)
from policies.destinations import all_inside
from policies.resources import Resource, Stack, region_of_arn

_SUBSCRIPTION = "aws:sns/topicSubscription:TopicSubscription"
TARGETS = {"aws:cloudwatch/eventTarget:EventTarget": "arn", "aws:pipes/pipe:Pipe": "target"}
"""What passes events on -> the property that says where to."""

IN_AWS = ("sqs", "lambda", "firehose")
"""Protocols of a subscription whose endpoint is an ARN
(https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html)."""


def target_stays_inside(sender: Resource, stack: Stack) -> Verdict:
    return _goes(sender, stack, TARGETS[sender.type])


def subscriber_stays_inside(subscription: Resource, stack: Stack) -> Verdict:
    protocol = subscription.props["protocol"]
    if protocol not in IN_AWS:
        return not_observed(f"where an endpoint of protocol {protocol} is, no declaration says")
    return _goes(subscription, stack, "endpoint")


def _goes(sender: Resource, stack: Stack, name: str) -> Verdict:
    arn = sender.maybe(name)
    regions = [region_of_arn(arn)] if arn else [source.region for source in stack.sources(sender, name)]
    return all_inside(regions or [None], sender, stack, "the target")


RES_08 = Control(
    id="RES-08",
    title="Events and messages stay in the jurisdiction",
    severity=Severity.HIGH,
    clauses=(
        StackClause(resource_types=frozenset(TARGETS), check=target_stays_inside),
        StackClause(resource_types=frozenset({_SUBSCRIPTION}), check=subscriber_stays_inside),
    ),
    maps_to=(GDPR("44", Strength.DIRECT),),
    risk="An event carries payments and people; sent to a third country it is a transfer.",
    remediation="Send events to targets in regions of the jurisdiction.",
)
