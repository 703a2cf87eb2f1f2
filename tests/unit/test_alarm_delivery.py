"""Whoever publishes to a topic is let in by the topic's policy and by that of its key, both together: where either
refuses, SNS drops the alarm and nobody is told."""

import json
from collections.abc import Iterator, Mapping

import pytest
from mocks import Recorded, Registered
from test_stacks import ACCOUNT_OUTPUTS, STACKS, made

from sandbox.aws.iam.evaluator import Call, Decision, decide
from stacks.fleet import load_fleet

TOPIC, SUBSCRIPTION = "aws:sns/topic:Topic", "aws:sns/topicSubscription:TopicSubscription"
TOPIC_POLICY, KEY = "aws:sns/topicPolicy:TopicPolicy", "aws:kms/key:Key"
ALARM = "arn:aws:cloudwatch:{region}:{account}:alarm:{name}"

PUBLISHERS: Mapping[str, tuple[str, str]] = {
    "aws:cloudwatch/metricAlarm:MetricAlarm": ("cloudwatch.amazonaws.com", ALARM),
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": ("cloudwatch.amazonaws.com", ALARM),
    "aws:cloudwatch/eventTarget:EventTarget": (
        "events.amazonaws.com",
        "arn:aws:events:{region}:{account}:rule/{name}",
    ),
}
"""Type that names a topic -> who publishes, on behalf of what. AWS Backup, GuardDuty and Security Hub publish through a
rule; AWS Budgets writes e-mail and names no topic."""

STACK_NAMES = ("account", "account-dev", "eu-west-1", "us-east-1", "dev")


@pytest.fixture(scope="module", params=STACK_NAMES)
def stack(request: pytest.FixtureRequest) -> tuple[Registered, str]:
    """What a stack declares, and the id of its account."""
    fleet = load_fleet(STACKS)
    settings = fleet.accounts.get(request.param) or fleet.account_of(request.param)
    return made(request.param, fleet, ACCOUNT_OUTPUTS), settings.account_id


def publishers(stack: Registered) -> Iterator[tuple[Recorded, Recorded]]:
    """(topic, what names it), but for the topic's own policy and subscriptions."""
    topics = {topic.state["arn"]: topic for topic in stack.of(TOPIC).values()}
    for resource in stack:
        if resource.type.startswith("aws:") and resource.type not in (TOPIC_POLICY, SUBSCRIPTION):
            text = json.dumps(resource.inputs, default=str)
            yield from ((topic, resource) for arn, topic in topics.items() if f'"{arn}"' in text)


def answers(stack: Registered, topic: Recorded, principal: str, source: str) -> list[Decision]:
    """What topic policy and key policy say to a publish over TLS."""
    context = {"aws:SecureTransport": "true", "aws:SourceAccount": source.split(":")[4], "aws:SourceArn": source}
    key = stack.one(KEY, str(topic.inputs["kmsMasterKeyId"]).rpartition(":")[2])
    publish = Call(action="sns:Publish", resource=topic.state["arn"], principal=principal, context=context)
    uses = [Call(action=f"kms:{use}", principal=principal, context=context) for use in ("GenerateDataKey", "Decrypt")]
    return [
        decide(stack.one(TOPIC_POLICY, topic.name).document(), publish),
        *(decide(key.document(), use) for use in uses),
    ]


def test_both_policies_let_in_whoever_publishes(stack: tuple[Registered, str]) -> None:
    registered, account = stack
    found = list(publishers(registered))
    assert {topic.name for topic, _ in found} == set(registered.of(TOPIC)), "a topic that nobody publishes to"
    for topic, resource in found:
        principal, source = PUBLISHERS[resource.type]
        source = source.format(name=resource.name, region=topic.inputs["region"], account=account)
        assert answers(registered, topic, principal, source) == [Decision.ALLOWED] * 3, resource.name


def test_neither_policy_lets_in_another_account_or_service(stack: tuple[Registered, str]) -> None:
    registered, account = stack
    for topic in registered.of(TOPIC).values():
        for principal, source in set(PUBLISHERS.values()):
            place = {"region": topic.inputs["region"], "name": "x"}
            foreign, own = (source.format(account=one, **place) for one in ("999999999999", account))
            assert Decision.ALLOWED not in answers(registered, topic, principal, foreign)
            assert Decision.ALLOWED not in answers(registered, topic, "ses.amazonaws.com", own)
