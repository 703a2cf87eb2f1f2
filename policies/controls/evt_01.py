"""EVT-01: what a consumer cannot process is kept, longer than its source keeps it, and somebody hears of it.

A consumer is a target of a rule on a bus of one's own, or a queue that a pipe, such a rule or a topic fills.
"""

import json
from collections.abc import Mapping
from typing import Any

from policies.control import (
    SAFEGUARDS,
    SOC2,
    Clause,
    Control,
    Severity,
    StackClause,
    Strength,
    Verdict,
    failed,
    not_applicable,
    passed,
    undetermined,
)
from policies.relations import given_at, naming
from policies.resources import Resource, Stack, region_of_arn

DEFAULT_RETENTION_S = 345_600
"""Four days (SQS API reference, SetQueueAttributes, MessageRetentionPeriod)."""

METRICS = ("ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage")
"""What rises when a queue moves a message to its dead-letter queue; NumberOfMessagesSent does not
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html)."""

_QUEUE = "aws:sqs/queue:Queue"
_REDRIVE = "aws:sqs/redrivePolicy:RedrivePolicy"
_TARGET = "aws:cloudwatch/eventTarget:EventTarget"
_ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
_COMPOSITE = "aws:cloudwatch/compositeAlarm:CompositeAlarm"
_SUBSCRIPTION = "aws:sns/topicSubscription:TopicSubscription"
_FILLED_BY: Mapping[str, str] = {
    _TARGET: "arn",
    "aws:pipes/pipe:Pipe": "target",
    _SUBSCRIPTION: "endpoint",
}


def consumer_has_a_dead_letter_queue(consumer: Resource, stack: Stack) -> Verdict:
    if reason := _no_consumer(consumer, stack):
        return not_applicable(reason)
    queue, arn = _dead_letters(consumer, stack)
    if not queue and not arn:
        return failed("neither redrivePolicy nor deadLetterConfig names a queue")
    region = queue.region if queue else region_of_arn(arn)
    if region and consumer.region and region != consumer.region:
        return failed(f"the dead-letter queue is in {region}, the consumer in {consumer.region}")
    return passed()


def dead_letters_outlive_the_queue(consumer: Resource, stack: Stack) -> Verdict:
    """In a standard queue a dead letter keeps the age it had, and goes when that passes its new queue's retention
    (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/setting-up-dead-letter-queue-retention.html)."""
    if reason := _no_consumer(consumer, stack):
        return not_applicable(reason)
    if consumer.type != _QUEUE:
        return not_applicable("a rule keeps no messages")
    queue, arn = _dead_letters(consumer, stack)
    if not queue:
        return undetermined("the dead-letter queue is not in the stack") if arn else failed("has no dead-letter queue")
    own, theirs = (one.given("messageRetentionSeconds") or DEFAULT_RETENTION_S for one in (consumer, queue))
    return passed() if theirs > own else failed(f"{queue.name} keeps for {theirs:g} s, not above the queue's {own:g} s")


def somebody_hears_of_dead_letters(consumer: Resource, stack: Stack) -> Verdict:
    if reason := _no_consumer(consumer, stack):
        return not_applicable(reason)
    queue, arn = _dead_letters(consumer, stack)
    if not queue:
        return undetermined("the dead-letter queue is not in the stack") if arn else failed("has no dead-letter queue")
    alarms = [alarm for alarm in stack.of(_ALARM) if _watches(alarm, queue)]
    if any(_acts(alarm) for alarm in alarms):
        return passed()
    for composite in stack.of(_COMPOSITE):
        if _acts(composite) and any(_part_of(alarm, composite) for alarm in alarms):
            return passed()
    return failed(f"no alarm on {' or '.join(METRICS)} of {queue.name} has actions")


def subscriber_has_confirmed(subscription: Mapping[str, Any]) -> Verdict:
    """SNS sends nothing to whoever has not (SNS API reference, ConfirmSubscription)."""
    pending = subscription.get("pendingConfirmation")
    if pending is None:
        return undetermined("pendingConfirmation is not known")
    return failed("pendingConfirmation is true: nothing is sent") if pending else passed()


def _no_consumer(resource: Resource, stack: Stack) -> str | None:
    if resource.type == _TARGET:
        return None if _own_bus(resource) else "a target on the default bus"
    for type_, name in _FILLED_BY.items():
        for source in naming(resource, stack, [type_], name):
            if type_ != _TARGET or _own_bus(source):
                return None
    return "nothing in the stack fills it"


def _own_bus(target: Resource) -> bool:
    known = target.maybe("eventBusName")
    bus = known or target.references.get("eventBusName") or target.props.get("eventBusName")
    return bool(bus) and bus != "default"


def _dead_letters(consumer: Resource, stack: Stack) -> tuple[Resource | None, str | None]:
    """The dead-letter queue where the stack has it, and its ARN where that is known."""
    name = "deadLetterConfig" if consumer.type == _TARGET else "redrivePolicy"
    for holder in (consumer, *naming(consumer, stack, [_REDRIVE], "queueUrl")):
        for source in stack.sources(holder, name):
            if source.type == _QUEUE:
                return source, source.maybe("arn")
        if name == "deadLetterConfig":
            arn = given_at(holder, "deadLetterConfig.arn")
        else:
            arn = json.loads(holder.given(name) or "{}").get("deadLetterTargetArn")
        if arn:
            known = (queue for queue in stack.of(_QUEUE) if queue.maybe("arn") == arn)
            return next(known, None), str(arn)
    return None, None


def _watches(alarm: Resource, queue: Resource) -> bool:
    dimensions = alarm.maybe("dimensions") or {}
    if alarm.props.get("namespace") != "AWS/SQS" or alarm.props.get("metricName") not in METRICS:
        return False
    return queue.urn in alarm.references.get("dimensions", ()) or (
        bool(name := queue.maybe("name")) and dimensions.get("QueueName") == name
    )


def _acts(alarm: Resource) -> bool:
    return bool(alarm.references.get("alarmActions") or alarm.props.get("alarmActions")) and alarm.props.get(
        "actionsEnabled", True
    )


def _part_of(alarm: Resource, composite: Resource) -> bool:
    rule = composite.maybe("alarmRule") or ""
    return alarm.urn in composite.references.get("alarmRule", ()) or any(
        word and f'"{word}"' in rule for word in (alarm.maybe("name"), alarm.maybe("arn"))
    )


EVT_01 = Control(
    id="EVT-01",
    title="What a consumer cannot process is kept, longer than its source keeps it, and somebody hears of it",
    severity=Severity.HIGH,
    clauses=(
        *(
            StackClause(resource_types=frozenset({_QUEUE, _TARGET}), check=check)
            for check in (
                consumer_has_a_dead_letter_queue,
                dead_letters_outlive_the_queue,
                somebody_hears_of_dead_letters,
            )
        ),
        Clause(
            resource_types=frozenset({_SUBSCRIPTION}),
            check=subscriber_has_confirmed,
            not_declared="whoever is subscribed confirms it to AWS, not in a stack",
        ),
    ),
    maps_to=(SOC2("PI1.3", Strength.PARTIAL), *SAFEGUARDS),
    risk="An event that one consumer cannot process is lost, and nobody knows that it was.",
    remediation="Give the consumer a dead-letter queue of its region that keeps longer, and that an alarm watches.",
)
