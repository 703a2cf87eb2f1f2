"""RES-08: events and messages stay in the jurisdiction, or go to a listed processor.

Where a host or a mailbox is, catalogue/processors.yaml says; where a telephone is, nothing does.
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
from policies.endpoints import mailbox_stays_inside, url_stays_inside
from policies.resources import Resource, Stack, region_of_arn

_SUBSCRIPTION = "aws:sns/topicSubscription:TopicSubscription"
TARGETS = {"aws:cloudwatch/eventTarget:EventTarget": "arn", "aws:pipes/pipe:Pipe": "target"}
"""What passes events on -> the property that says where to."""

_API_DESTINATION = "aws:cloudwatch/eventApiDestination:EventApiDestination"
MAIL, HTTP = ("email", "email-json"), ("http", "https")

IN_AWS = ("sqs", "lambda", "firehose")
"""Protocols of a subscription whose endpoint is an ARN
(https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html)."""


def target_stays_inside(sender: Resource, stack: Stack) -> Verdict:
    name = TARGETS[sender.type]
    arn = sender.maybe(name)
    if ":api-destination/" in str(arn) and arn not in {one.maybe("arn") for one in stack.of(_API_DESTINATION)}:
        return not_observed(f"{name} is an API destination, and its endpoint stands where that is declared")
    return _goes(sender, stack, name)


def api_destination_stays_inside(destination: Resource, stack: Stack) -> Verdict:
    return url_stays_inside(destination.props["invocationEndpoint"], destination, stack)


def subscriber_stays_inside(subscription: Resource, stack: Stack) -> Verdict:
    protocol = subscription.props["protocol"]
    if protocol in MAIL:
        return mailbox_stays_inside(subscription.props["endpoint"], subscription, stack)
    if protocol in HTTP:
        return url_stays_inside(subscription.props["endpoint"], subscription, stack)
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
        StackClause(resource_types=frozenset({_API_DESTINATION}), check=api_destination_stays_inside),
        StackClause(resource_types=frozenset({_SUBSCRIPTION}), check=subscriber_stays_inside),
    ),
    maps_to=(GDPR("44", Strength.DIRECT),),
    risk="An event carries payments and people; sent to a third country it is a transfer.",
    remediation="Send events to targets in regions of the jurisdiction, or to listed processors "
    "(catalogue/processors.yaml).",
)
