"""`cell probe --alarms`: alarms fire in the emulator, and what their topics say is heard."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from conftest import Sandbox
from operations.probe import alarms
from operations.probe.alarms import COMPOSITE, Firing, fire, plan_firings

pytestmark = pytest.mark.engine

METRIC = "aws:cloudwatch/metricAlarm:MetricAlarm"
REGION = "eu-west-1"


class OfSandbox:
    """Clients as the command has them."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def get(self, service: str, region: str) -> Any:
        return self._sandbox.client(service, region)


@pytest.fixture
def topic(sandbox: Sandbox) -> Iterator[str]:
    sns = sandbox.client("sns")
    arn = sns.create_topic(Name="pages")["TopicArn"]
    yield arn
    sns.delete_topic(TopicArn=arn)


@pytest.fixture(autouse=True)
def no_alarm_stays(sandbox: Sandbox) -> Iterator[None]:
    """The account outlives this file, and a program of another one may want a name that was used here."""
    yield
    cloudwatch = sandbox.client("cloudwatch")
    found = cloudwatch.describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    names = [alarm["AlarmName"] for alarms in (found["CompositeAlarms"], found["MetricAlarms"]) for alarm in alarms]
    if names:
        cloudwatch.delete_alarms(AlarmNames=names)


def put(sandbox: Sandbox, name: str, **settings: Any) -> None:
    sandbox.client("cloudwatch").put_metric_alarm(
        AlarmName=name, Namespace="N", MetricName="M", Statistic="Sum", Period=60, EvaluationPeriods=1,
        Threshold=1, ComparisonOperator="GreaterThanThreshold", TreatMissingData="notBreaching", **settings,
    )  # fmt: skip


def test_each_alarm_is_heard_through_its_composite_and_gets_its_state_back(sandbox: Sandbox, topic: str) -> None:
    cloudwatch = sandbox.client("cloudwatch")
    for name in ("one", "two", "long", "short"):
        put(sandbox, name)
    told = {"AlarmActions": [topic], "OKActions": [topic]}
    cloudwatch.put_composite_alarm(AlarmName="any", AlarmRule='ALARM("one") OR ALARM("two")', **told)
    cloudwatch.put_composite_alarm(AlarmName="all", AlarmRule='ALARM("long") AND ALARM("short")', **told)
    firings = [
        Firing(alarms=("one",), through="any"),
        Firing(alarms=("two",), through="any"),
        Firing(alarms=("long", "short"), through="all"),
    ]
    found = list(fire(OfSandbox(sandbox), REGION, [topic], firings))  # type: ignore[arg-type]
    assert [(arrival.firing, arrival.topic) for arrival in found] == [(firing, topic) for firing in firings]
    described = cloudwatch.describe_alarms(AlarmNames=["one", "two", "long", "short"])["MetricAlarms"]
    assert {alarm["StateValue"] for alarm in described} == {"OK"}
    assert sandbox.client("sqs").list_queues(QueueNamePrefix="cell-probe").get("QueueUrls", []) == []
    assert sandbox.client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []


def test_what_rings_already_is_quieted_and_fired_again(sandbox: Sandbox, topic: str) -> None:
    """Another child of the same composite rings: without that nothing would turn, and nothing be told."""
    cloudwatch = sandbox.client("cloudwatch")
    for name in ("third", "fourth"):
        put(sandbox, name)
    cloudwatch.put_composite_alarm(
        AlarmName="either", AlarmRule='ALARM("third") OR ALARM("fourth")', AlarmActions=[topic], OKActions=[topic]
    )
    cloudwatch.set_alarm_state(AlarmName="fourth", StateValue="ALARM", StateReason="of itself")
    third = Firing(alarms=("third",), through="either")
    (found,) = fire(OfSandbox(sandbox), REGION, [topic], [third])  # type: ignore[arg-type]
    assert found.topic == topic


def test_an_alarm_whose_actions_are_off_arrives_nowhere(
    sandbox: Sandbox, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alarms, "PATIENCE_S", 1.0)
    put(sandbox, "muted", AlarmActions=[topic], ActionsEnabled=False)
    muted = Firing(alarms=("muted",), through="muted")
    (found,) = fire(OfSandbox(sandbox), REGION, [topic], [muted])  # type: ignore[arg-type]
    assert found.topic is None


def test_the_notification_says_which_alarm_and_from_which_state(sandbox: Sandbox, topic: str) -> None:
    sqs, sns = sandbox.client("sqs"), sandbox.client("sns")
    url = sqs.create_queue(QueueName="listener")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    put(sandbox, "told", AlarmActions=[topic], AlarmDescription="what to do")
    sandbox.client("cloudwatch").set_alarm_state(AlarmName="told", StateValue="ALARM", StateReason="because")
    (message,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"]
    said = json.loads(json.loads(message["Body"])["Message"])
    assert (said["AlarmName"], said["OldStateValue"], said["NewStateValue"]) == ("told", "OK", "ALARM")
    assert (said["AlarmDescription"], said["NewStateReason"], said["Region"]) == ("what to do", "because", "eu-west-1")


def test_what_is_fired_follows_from_the_declared_rules() -> None:
    rows: list[dict[str, Any]] = [
        {"id": name, "type": METRIC, "outputs": {"alarmActions": actions}}
        for name, actions in (("a", []), ("b", []), ("c", []), ("d", []), ("alone", ["arn:topic"]), ("mute", []))
    ]
    arn = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:"
    rows += [
        {"id": "any", "type": COMPOSITE, "outputs": {"alarmRule": f'ALARM("{arn}a") OR ALARM("b")'}},
        {"id": "all", "type": COMPOSITE, "outputs": {"alarmRule": 'ALARM("c") AND ALARM("d")'}},
        {"id": "bucket", "type": "aws:s3/bucket:Bucket", "outputs": {}},
    ]
    firings, silent = plan_firings(rows)
    assert {(firing.alarms, firing.through) for firing in firings} == {
        (("a",), "any"), (("b",), "any"), (("c", "d"), "all"), (("alone",), "alone"),
    }  # fmt: skip
    assert silent == ["mute"]
