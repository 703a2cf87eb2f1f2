"""`cell probe STACK --alarms`: each alarm of a stack fires once, and what arrives at the topics is read from a queue.

An alarm is set (SetAlarmState), its composite turns, the composite tells its topic, and a queue that is subscribed for
the time of the probe receives what every subscriber does. An alarm that nobody hears of is a finding. DNS stays as it
is: Route 53 reads an alarm's data and not its state
(https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/health-checks-creating-values.html).
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from operations.health import ALARMS, Row
from operations.preflight_aws import Clients, ask

COMPOSITE = "aws:cloudwatch/compositeAlarm:CompositeAlarm"
PATIENCE_S = 90.0
"""Seconds until a notification must have arrived: CloudWatch looks at composite alarms when a child changes, and SNS
delivers within seconds; the rest is patience."""

REASON = "cell probe --alarms: fired on purpose"
_CHILD = re.compile(r'ALARM\("?(?P<name>[^")]+)"?\)')


@dataclass(frozen=True, kw_only=True, slots=True)
class Firing:
    """A set of alarms that together turn one composite: one of an OR, all of an AND."""

    alarms: tuple[str, ...]
    through: str
    """The alarm that tells somebody: the composite, or the alarm itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrival:
    """What became of one firing."""

    firing: Firing
    topic: str | None
    """ARN of the topic at which the notification was seen; None: nowhere."""
    seconds: float


def plan_firings(rows: Sequence[Row]) -> tuple[list[Firing], list[str]]:
    """(what to fire, names of alarms that tell nobody at all), of a stack's resources."""
    alarms = {str(row["id"]): row for row in rows if row["type"] in ALARMS}
    firings, heard = [], set()
    for name, row in sorted(alarms.items()):
        outputs = row["outputs"]
        if row["type"] == COMPOSITE:
            children = [_name(child) for child in _CHILD.findall(str(outputs["alarmRule"]))]
            heard.update(children)
            together = [tuple(children)] if " AND " in outputs["alarmRule"] else [(child,) for child in children]
            firings += [Firing(alarms=group, through=name) for group in together]
        elif outputs.get("alarmActions"):
            heard.add(name)
            firings.append(Firing(alarms=(name,), through=name))
    composites = {name for name, row in alarms.items() if row["type"] == COMPOSITE}
    return firings, sorted(set(alarms) - heard - composites)


def _name(alarm: str) -> str:
    return alarm.split(":alarm:", 1)[-1]


def fire(clients: Clients, region: str, topics: Sequence[str], firings: Sequence[Firing]) -> Iterator[Arrival]:
    """Fires one after the other; each alarm gets its state back before the next. Raises NotObserved."""
    cloudwatch = clients.get("cloudwatch", region)
    with _ear(clients, region, topics) as ear:
        for firing in firings:
            if ringing := _ringing(cloudwatch, firing.through):
                # It has told already, and tells again only after it was quiet.
                _set(cloudwatch, dict.fromkeys(ringing, "OK"))
                ear.hear(firing.through, "OK")
            before = _states(cloudwatch, firing.alarms)
            began = time.monotonic()
            try:
                _set(cloudwatch, dict.fromkeys(firing.alarms, "ALARM"))
                topic = ear.hear(firing.through, "ALARM")
                seconds = time.monotonic() - began
            finally:
                _set(cloudwatch, before)
            if topic is not None:
                # Back again, else the next child of the same composite would change nothing.
                ear.hear(firing.through, "OK")
            yield Arrival(firing=firing, topic=topic, seconds=round(seconds, 2))


def _set(cloudwatch: Any, states: Mapping[str, str]) -> None:
    for name, state in states.items():
        ask(cloudwatch.set_alarm_state, AlarmName=name, StateValue=state, StateReason=REASON)


def _ringing(cloudwatch: Any, alarm: str) -> list[str]:
    """The alarms that make this one ring now; CloudWatch puts them back to what their data says."""
    found = ask(cloudwatch.describe_alarms, AlarmNames=[alarm], AlarmTypes=["CompositeAlarm", "MetricAlarm"])
    if not any(one["StateValue"] == "ALARM" for one in (*found["CompositeAlarms"], *found["MetricAlarms"])):
        return []
    children = [_name(child) for one in found["CompositeAlarms"] for child in _CHILD.findall(one["AlarmRule"])]
    described = ask(cloudwatch.describe_alarms, AlarmNames=children or [alarm])["MetricAlarms"]
    return [one["AlarmName"] for one in described if one["StateValue"] == "ALARM"]


def _states(cloudwatch: Any, names: Sequence[str]) -> Mapping[str, str]:
    found = ask(cloudwatch.describe_alarms, AlarmNames=list(names))["MetricAlarms"]
    # An alarm that rings already is not silenced: CloudWatch puts it back to what its data says.
    return {alarm["AlarmName"]: "OK" if alarm["StateValue"] == "ALARM" else alarm["StateValue"] for alarm in found}


class _Ear:
    """A queue that hears what the topics say."""

    def __init__(self, sqs: Any, url: str) -> None:
        self._sqs, self._url = sqs, url

    def hear(self, alarm: str, state: str) -> str | None:
        """ARN of the topic that told of this alarm's state; None where nothing came in time."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            got = ask(self._sqs.receive_message, QueueUrl=self._url, MaxNumberOfMessages=10, WaitTimeSeconds=2)
            topic = None
            for one in got.get("Messages", ()):
                envelope = json.loads(one["Body"])
                said = json.loads(envelope["Message"]) if envelope.get("Message", "").startswith("{") else {}
                if (said.get("AlarmName"), said.get("NewStateValue")) == (alarm, state):
                    topic = str(envelope["TopicArn"])
                ask(self._sqs.delete_message, QueueUrl=self._url, ReceiptHandle=one["ReceiptHandle"])
            if topic is not None:
                return topic
        return None


@contextmanager
def _ear(clients: Clients, region: str, topics: Sequence[str]) -> Iterator[_Ear]:
    """The queue with its subscriptions; both go whatever happens."""
    sqs, sns = clients.get("sqs", region), clients.get("sns", region)
    url = ask(
        sqs.create_queue, QueueName=f"cell-probe-alarms-{time.time_ns()}", Attributes={"SqsManagedSseEnabled": "true"}
    )["QueueUrl"]
    subscriptions: list[str] = []
    try:
        attributes = ask(sqs.get_queue_attributes, QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": attributes["QueueArn"],
            "Condition": {"ArnEquals": {"aws:SourceArn": list(topics)}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        ask(sqs.set_queue_attributes, QueueUrl=url, Attributes={"Policy": policy})
        for topic in topics:
            made = ask(sns.subscribe, TopicArn=topic, Protocol="sqs", Endpoint=attributes["QueueArn"])
            subscriptions.append(made["SubscriptionArn"])
        yield _Ear(sqs, url)
    finally:
        for subscription in subscriptions:
            ask(sns.unsubscribe, SubscriptionArn=subscription)
        ask(sqs.delete_queue, QueueUrl=url)


def subscribers(clients: Clients, region: str, topic: str) -> list[str]:
    """Who hears a topic: `email oncall@example.com`; those who have not confirmed are marked."""
    sns = clients.get("sns", region)
    found = ask(sns.list_subscriptions_by_topic, TopicArn=topic)["Subscriptions"]
    return [
        f"{one['Protocol']} {one['Endpoint']}"
        + (" (not confirmed)" if one["SubscriptionArn"] == "PendingConfirmation" else "")
        for one in found
    ]
