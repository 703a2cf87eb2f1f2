"""Live queues in the words of the provider."""

import json
from typing import Any

from recorded import Refusal, read

QUEUE, POLICY = "aws:sqs/queue:Queue", "aws:sqs/queuePolicy:QueuePolicy"
URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/q"


def recorded(**attributes: str) -> dict[str, Any]:
    return {
        "sqs.list_queues": {"QueueUrls": [URL]},
        "sqs.get_queue_attributes": {"Attributes": {"QueueArn": "arn:q", **attributes}},
        "sqs.list_queue_tags": {"Tags": {"a": "b"}},
    }


def test_a_queue_has_numbers_and_switches_where_sqs_has_texts() -> None:
    redrive = json.dumps({"deadLetterTargetArn": "arn:dlq", "maxReceiveCount": 5})
    attributes = {"MessageRetentionPeriod": "345600", "SqsManagedSseEnabled": "false", "FifoQueue": "true"}
    (found,) = read(QUEUE, recorded(**attributes, RedrivePolicy=redrive, KmsMasterKeyId="arn:key")).found
    props = found.resource.props
    assert (found.identity, props["name"], props["arn"], props["url"]) == ((URL,), "q", "arn:q", URL)
    assert (props["messageRetentionSeconds"], props["fifoQueue"]) == (345_600, True)
    assert props["sqsManagedSseEnabled"] is False
    assert (props["redrivePolicy"], props["kmsMasterKeyId"], props["tags"]["a"]) == (redrive, "arn:key", "b")


def test_what_a_queue_does_not_have_is_left_out() -> None:
    (found,) = read(QUEUE, recorded()).found
    assert not {"redrivePolicy", "kmsMasterKeyId", "policy", "messageRetentionSeconds"} & set(found.resource.props)
    assert read(POLICY, recorded()).found == []


def test_a_policy_is_read_with_its_queue() -> None:
    (found,) = read(POLICY, recorded(Policy="{}")).found
    assert (found.identity, found.resource.props["queueUrl"], found.resource.props["policy"]) == ((URL,), URL, "{}")


def test_a_queue_that_went_meanwhile_is_none() -> None:
    gone = recorded() | {"sqs.get_queue_attributes": Refusal("AWS.SimpleQueueService.NonExistentQueue")}
    account = read(QUEUE, gone)
    assert (account.found, account.unobserved) == ([], {})


def test_queues_whose_attributes_are_refused_are_not_observed() -> None:
    for type_ in (QUEUE, POLICY):
        refused = recorded() | {"sqs.get_queue_attributes": Refusal("AccessDenied")}
        assert list(read(type_, refused).unobserved) == [type_]
