"""Live topics and subscriptions in the words of the provider."""

import json
from typing import Any

from recorded import ACCOUNT, Refusal, read

from policies.catalogue import control
from policies.control import Status, answers
from policies.resources import Stack

TOPIC, POLICY = "aws:sns/topic:Topic", "aws:sns/topicPolicy:TopicPolicy"
SUBSCRIPTION = "aws:sns/topicSubscription:TopicSubscription"
ARN = "arn:aws:sns:eu-west-1:123456789012:t"


def recorded(**attributes: str) -> dict[str, Any]:
    subscribed = {"TopicArn": ARN, "Protocol": "email", "Owner": "123456789012"}
    return {
        "sns.list_topics": {"Topics": [{"TopicArn": ARN}]},
        "sns.get_topic_attributes": {"Attributes": {"TopicArn": ARN, "Policy": "{}", **attributes}},
        "sns.list_tags_for_resource": {"Tags": [{"Key": "a", "Value": "b"}]},
        "sns.list_subscriptions": {
            "Subscriptions": [
                {**subscribed, "Endpoint": "a@example.com", "SubscriptionArn": f"{ARN}:1"},
                {**subscribed, "Endpoint": "=cmd()@example.com", "SubscriptionArn": "PendingConfirmation"},
                {**subscribed, "Endpoint": "c@example.com", "SubscriptionArn": "PendingConfirmation"},
            ]
        },
        "sns.get_subscription_attributes": {"Attributes": {"PendingConfirmation": "false"}},
    }


def confirmed(recordings: dict[str, Any]) -> list[Status]:
    stack = Stack(tuple(one.resource for one in read(SUBSCRIPTION, recordings).found))
    return [one.verdict.status for one in answers(control("EVT-01"), stack, live=True)]


def test_a_topic_is_read_with_key_policy_and_tags() -> None:
    (found,) = read(TOPIC, recorded(KmsMasterKeyId="arn:key", SignatureVersion="2", FifoTopic="true")).found
    props = found.resource.props
    assert (found.identity, props["name"], props["kmsMasterKeyId"]) == ((ARN,), "t", "arn:key")
    assert (props["signatureVersion"], props["fifoTopic"], props["contentBasedDeduplication"]) == (2, True, False)
    assert props["tags"]["a"] == "b"


def test_a_topic_without_a_key_has_none() -> None:
    (found,) = read(TOPIC, recorded()).found
    assert "kmsMasterKeyId" not in found.resource.props


def test_the_policy_that_aws_gives_each_topic_is_known_until_somebody_opens_it() -> None:
    def owner(account: str | None) -> str:
        condition = {"Condition": {"StringEquals": {"AWS:SourceOwner": account}}} if account else {}
        statement = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "SNS:Publish", "Resource": ARN}
        named = {
            "Id": "__default_policy_ID",
            "Statement": [{"Sid": "__default_statement_ID", **statement, **condition}],
        }
        (found,) = read(POLICY, recorded(Policy=json.dumps(named))).found
        return found.made_by_aws

    assert owner(ACCOUNT) == "default topic policy"
    assert owner("210987654321") == owner(None) == ""
    (set_by_us,) = read(POLICY, recorded()).found
    assert set_by_us.made_by_aws == ""


def test_subscriptions_that_wait_are_each_read_and_found() -> None:
    account = read(SUBSCRIPTION, recorded())
    assert len({one.identity for one in account.found}) == len({one.key for one in account.found}) == 3
    assert sorted(confirmed(recorded())) == [Status.FAIL, Status.FAIL, Status.PASS]


def test_a_refused_confirmation_is_not_observed() -> None:
    found = confirmed(recorded() | {"sns.get_subscription_attributes": Refusal("AuthorizationError")})
    assert sorted(found) == [Status.FAIL, Status.FAIL, Status.NOT_OBSERVED]


def test_topics_that_cannot_be_listed_are_not_observed() -> None:
    for type_ in (TOPIC, POLICY):
        assert list(read(type_, {"sns.list_topics": Refusal("AuthorizationError")}).unobserved) == [type_]
