"""TLS-03: policies of buckets, queues and topics deny what comes without TLS."""

from collections.abc import Iterator
from typing import Any

from policies.control import (
    GDPR,
    SAFEGUARDS,
    SOC2,
    Control,
    Severity,
    StackClause,
    Strength,
    Verdict,
    failed,
    passed,
)
from policies.resource_policies import Statement, statements
from policies.resources import Resource, Stack
from policies.stores import and_above

POLICIES = {
    "aws:s3/bucket:Bucket": ("aws:s3/bucketPolicy:BucketPolicy", "bucket", "s3:GetObject", "s3:PutObject"),
    "aws:sqs/queue:Queue": ("aws:sqs/queuePolicy:QueuePolicy", "queueUrl", "sqs:SendMessage", "sqs:ReceiveMessage"),
    "aws:sns/topic:Topic": ("aws:sns/topicPolicy:TopicPolicy", "arn", "sns:Publish"),
}
"""Type -> the type of its policy, the property of that which names it, and the actions that carry data; SNS takes no
plain request but to publish
(https://docs.aws.amazon.com/sns/latest/dg/sns-security-best-practices.html#enforce-encryption-data-in-transit)."""


def denies_insecure_transport(store: Resource, stack: Stack) -> Verdict:
    _, _, *actions = POLICIES[store.type]
    found = [statement for document in _documents(store, stack) for statement in statements(document)]
    missing = [action for action in actions if not any(_denies(statement, action) for statement in found)]
    return failed(f"no policy denies {missing[0]} without aws:SecureTransport") if missing else passed()


def _documents(store: Resource, stack: Stack) -> Iterator[Any]:
    type_, name, *_ = POLICIES[store.type]
    for policy in stack.pointing_at(store, type_, name):
        yield policy.props["policy"]
    if inline := store.given("policy"):
        yield inline


def _denies(statement: Statement, action: str) -> bool:
    """Whether a statement denies the action to everyone, on all that the store holds, for this one reason alone."""
    return (
        statement.effect == "Deny"
        and statement.everyone
        and statement.does(action)
        and statement.conditions == {"bool": {"aws:securetransport": ("false",)}}
        and (not action.startswith("s3:") or any(r.endswith("*") for r in statement.resources))
    )


TLS_03 = Control(
    id="TLS-03",
    title="Policies of buckets, queues and topics deny what comes without TLS",
    severity=Severity.MEDIUM,
    clauses=(
        StackClause(
            resource_types=frozenset(POLICIES), check=denies_insecure_transport, data_classes=and_above("internal")
        ),
    ),
    maps_to=(SOC2("CC6.7", Strength.DIRECT), GDPR("32(1)(a)", Strength.PARTIAL), *SAFEGUARDS),
    risk="These services answer plain HTTP too; a client that is set up wrongly sends data readable.",
    remediation="Deny every action to * where aws:SecureTransport is false, on the bucket and its objects.",
)
