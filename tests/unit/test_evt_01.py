"""EVT-01: dead letters."""

import json
from dataclasses import replace
from typing import Any

import pytest
from judged import status, unasked
from pulumi_policy.proxy import unknown_checking_proxy

from policies.catalogue import control
from policies.control import Status, answers
from policies.resources import Resource, Stack
from policies.testing import UNKNOWN, resource, verdicts

HAS, OUTLIVES, HEARS = (
    "consumer_has_a_dead_letter_queue",
    "dead_letters_outlive_the_queue",
    "somebody_hears_of_dead_letters",
)
DLQ = resource("aws:sqs/queue:Queue", "dlq", region="eu-west-1", messageRetentionSeconds=1_209_600)
ARN = "arn:aws:sqs:eu-west-1:123456789012:dlq"


def queue(*dead: Resource, **props: Any) -> Resource:
    policy = {"redrivePolicy": UNKNOWN} if dead else {}
    return resource("aws:sqs/queue:Queue", "queue", {"redrivePolicy": dead}, region="eu-west-1", **policy, **props)


def pipe(to: Resource) -> Resource:
    return resource("aws:pipes/pipe:Pipe", "pipe", {"target": [to]}, target=UNKNOWN)


def alarm(of: Resource = DLQ, name: str = "dead", **props: Any) -> Resource:
    watched: dict[str, Any] = {
        "namespace": "AWS/SQS",
        "metricName": "ApproximateNumberOfMessagesVisible",
        "dimensions": UNKNOWN,
    }
    return resource("aws:cloudwatch/metricAlarm:MetricAlarm", name, {"dimensions": [of]}, **{**watched, **props})


def judged(subject: Resource, *others: Resource) -> tuple[Status, Status, Status]:
    found = verdicts("EVT-01", subject, *others)
    return found[subject.name, HAS], found[subject.name, OUTLIVES], found[subject.name, HEARS]


ACTS: dict[str, Any] = {"alarmActions": ["arn:topic"]}


def test_a_filled_queue_with_a_watched_and_patient_dead_letter_queue_passes() -> None:
    subject = queue(DLQ)
    assert judged(subject, DLQ, pipe(subject), alarm(**ACTS)) == (Status.PASS,) * 3


def test_a_filled_queue_without_dead_letters_fails_everything() -> None:
    subject = queue()
    assert judged(subject, pipe(subject)) == (Status.FAIL,) * 3


def test_a_queue_that_nothing_fills_is_not_asked() -> None:
    assert judged(queue(), DLQ) == (Status.NOT_APPLICABLE,) * 3


@pytest.mark.parametrize(
    ("own", "theirs", "expected"),
    [
        (None, 1_209_600, Status.PASS),
        (None, 345_600, Status.FAIL),
        (1_209_600, 1_209_600, Status.FAIL),
        (None, None, Status.FAIL),
        (60, None, Status.PASS),
    ],
)
def test_dead_letters_outlive_their_queue(own: int | None, theirs: int | None, expected: Status) -> None:
    dead = resource("aws:sqs/queue:Queue", "dlq", region="eu-west-1", messageRetentionSeconds=theirs)
    subject = queue(dead, messageRetentionSeconds=own)
    assert judged(subject, dead, pipe(subject), alarm(dead, **ACTS)) == (Status.PASS, expected, Status.PASS)


@pytest.mark.parametrize(
    ("props", "expected"),
    [
        (ACTS, Status.PASS),
        ({**ACTS, "actionsEnabled": False}, Status.FAIL),
        ({}, Status.FAIL),
        ({**ACTS, "metricName": "NumberOfMessagesSent"}, Status.FAIL),
        ({**ACTS, "actionsEnabled": UNKNOWN}, Status.UNDETERMINED),
    ],
)
def test_the_alarm_watches_the_dead_letters_and_acts(props: dict[str, Any], expected: Status) -> None:
    subject = queue(DLQ)
    assert judged(subject, DLQ, pipe(subject), alarm(**props)) == (Status.PASS, Status.PASS, expected)


def test_an_alarm_may_act_through_a_composite_one() -> None:
    subject, silent = queue(DLQ), alarm()

    def hears(**props: Any) -> Status:
        type_ = "aws:cloudwatch/compositeAlarm:CompositeAlarm"
        composite = resource(type_, "all", {"alarmRule": [silent]}, alarmRule=UNKNOWN, **props)
        return judged(subject, DLQ, pipe(subject), silent, composite)[2]

    assert hears(**ACTS) is Status.PASS
    assert hears() is Status.FAIL


def test_a_dead_letter_queue_of_another_region_is_none() -> None:
    far = resource("aws:sqs/queue:Queue", "dlq", region="us-east-1", messageRetentionSeconds=1_209_600)
    subject = queue(far)
    assert judged(subject, far, pipe(subject), alarm(far, **ACTS))[0] is Status.FAIL


def test_a_dead_letter_queue_of_another_stack_is_judged_by_its_arn() -> None:
    subject = resource(
        "aws:sqs/queue:Queue", "queue", region="eu-west-1", redrivePolicy=json.dumps({"deadLetterTargetArn": ARN})
    )
    assert judged(subject, pipe(subject)) == (Status.PASS, Status.UNDETERMINED, Status.UNDETERMINED)


def test_a_redrive_policy_in_a_resource_of_its_own_counts() -> None:
    subject = queue()
    references = {"queueUrl": [subject], "redrivePolicy": [DLQ]}
    own = resource("aws:sqs/redrivePolicy:RedrivePolicy", "redrive", references, redrivePolicy=UNKNOWN)
    assert judged(subject, DLQ, own, pipe(subject), alarm(**ACTS)) == (Status.PASS,) * 3


@pytest.mark.parametrize(
    ("bus", "expected"),
    [("payments", Status.FAIL), ("default", Status.NOT_APPLICABLE), (None, Status.NOT_APPLICABLE)],
)
def test_targets_on_a_bus_of_ones_own_are_consumers(bus: str | None, expected: Status) -> None:
    target = resource("aws:cloudwatch/eventTarget:EventTarget", "target", eventBusName=bus)
    assert judged(target)[0] is expected


def test_a_target_with_dead_letters_passes_and_keeps_nothing_itself() -> None:
    target = resource(
        "aws:cloudwatch/eventTarget:EventTarget",
        "target",
        {"deadLetterConfig": [DLQ]},
        eventBusName="payments",
        deadLetterConfig={"arn": UNKNOWN},
    )
    assert judged(target, DLQ, alarm(**ACTS)) == (Status.PASS, Status.NOT_APPLICABLE, Status.PASS)
    literal = resource(
        "aws:cloudwatch/eventTarget:EventTarget",
        "target",
        eventBusName="payments",
        region="us-east-1",
        deadLetterConfig={"arn": ARN},
    )
    assert judged(literal) == (Status.FAIL, Status.NOT_APPLICABLE, Status.UNDETERMINED)


def test_an_alarm_may_name_the_queue_literally() -> None:
    dead = replace(DLQ, props=unknown_checking_proxy({"name": "dlq", "messageRetentionSeconds": 1_209_600}))
    subject = queue(dead)
    by_name = alarm(subject, dimensions={"QueueName": "dlq"}, **ACTS)
    assert judged(subject, dead, pipe(subject), by_name)[2] is Status.PASS
    other = alarm(subject, dimensions={"QueueName": "other"}, **ACTS)
    assert judged(subject, dead, pipe(subject), other)[2] is Status.FAIL


@pytest.mark.parametrize(("pending", "expected"), [(True, Status.FAIL), (False, Status.PASS)])
def test_a_live_subscription_is_confirmed(pending: bool, expected: Status) -> None:
    type_ = "aws:sns/topicSubscription:TopicSubscription"
    subscription = resource(type_, "s", pendingConfirmation=pending)
    (found,) = answers(control("EVT-01"), Stack((subscription,)), live=True)
    assert (found.clause, found.verdict.status) == ("subscriber_has_confirmed", expected)
    assert verdicts("EVT-01", subscription) == {}


def test_a_target_on_a_default_bus_that_is_listed_is_no_consumer() -> None:
    bus = resource("aws:cloudwatch/eventBus:EventBus", "default")
    target = resource("aws:cloudwatch/eventTarget:EventTarget", "t", {"eventBusName": [bus]}, eventBusName="default")
    assert judged(target, bus) == (Status.NOT_APPLICABLE,) * 3


@pytest.mark.parametrize(
    ("props", "expected"),
    [
        ({"pendingConfirmation": False}, Status.PASS),
        ({"pendingConfirmation": True}, Status.FAIL),
        ({}, Status.UNDETERMINED),
        ({"pendingConfirmation": UNKNOWN}, Status.UNDETERMINED),
    ],
)
def test_a_live_subscriber_has_confirmed(props: dict[str, Any], expected: Status) -> None:
    subscription = resource("aws:sns/topicSubscription:TopicSubscription", "s", **props)
    assert status("EVT-01", subscription, live=True) is expected
    assert unasked("EVT-01", subscription), "a declaration does not say"
    assert unasked("EVT-01", resource("aws:sns/topic:Topic", "t"), live=True)
