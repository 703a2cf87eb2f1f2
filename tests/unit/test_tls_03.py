"""TLS-03: policies that deny plain requests."""

import json
from typing import Any

import pytest

from policies.control import Status
from policies.resources import Resource
from policies.testing import UNKNOWN, resource, verdicts

QUEUE, TOPIC, BUCKET = "aws:sqs/queue:Queue", "aws:sns/topic:Topic", "aws:s3/bucket:Bucket"
PLAIN = {"Bool": {"aws:SecureTransport": "false"}}


def deny(action: str, **changed: Any) -> str:
    whole = {"Effect": "Deny", "Principal": "*", "Action": action, "Resource": "arn:a/*", "Condition": PLAIN}
    return json.dumps({"Statement": [{**whole, **changed}]})


def status(subject: Resource, *others: Resource) -> Status:
    return verdicts("TLS-03", subject, *others)[subject.name, "denies_insecure_transport"]


@pytest.mark.parametrize(("type_", "action"), [(QUEUE, "sqs:*"), (TOPIC, "SNS:Publish"), (BUCKET, "s3:*")])
def test_a_policy_has_to_deny_plain_requests(type_: str, action: str) -> None:
    assert status(resource(type_, "s", policy=deny(action))) is Status.PASS
    assert status(resource(type_, "s", policy=UNKNOWN)) is Status.FAIL
    assert status(resource(type_, "s", tags={"payment-cell:data-class": "public"})) is Status.NOT_APPLICABLE


@pytest.mark.parametrize(
    "changed",
    [
        {"Effect": "Allow"},
        {"Principal": {"AWS": "arn:aws:iam::123456789012:root"}},
        {"Action": "s3:PutObject"},
        {"Condition": {**PLAIN, "StringEquals": {"aws:PrincipalAccount": "1"}}},
        {"Condition": {"Bool": {"aws:SecureTransport": "true"}}},
        {"Resource": "arn:aws:s3:::bucket"},
    ],
)
def test_a_statement_that_denies_less_does_not_count(changed: dict[str, Any]) -> None:
    assert status(resource(BUCKET, "b", policy=deny("s3:*", **changed))) is Status.FAIL


def test_a_policy_of_its_own_resource_counts_and_may_be_unknown() -> None:
    queue = resource(QUEUE, "q")

    def policy(document: str) -> Resource:
        return resource("aws:sqs/queuePolicy:QueuePolicy", "p", {"queueUrl": [queue]}, policy=document)

    assert status(queue, policy(deny("sqs:*"))) is Status.PASS
    assert status(queue, policy(deny("sqs:SendMessage"))) is Status.FAIL
    assert status(queue, policy(UNKNOWN)) is Status.UNDETERMINED
