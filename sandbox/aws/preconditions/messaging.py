"""SQS, SNS and EventBridge: attributes that exclude each other, and who lets whom in."""

from collections.abc import Iterator

from sandbox.aws.preconditions.account import arn_region, ask, foreign, locked_out, unusable
from sandbox.aws.preconditions.model import DOCS, ON_CHANGE, Precondition, Request
from sandbox.aws.preconditions.policies import Caller, allows

QUEUE = "aws:sqs/queue:Queue"
TARGET = "aws:cloudwatch/eventTarget:EventTarget"
BUS = "aws:cloudwatch/eventBus:EventBus"

SQS = f"{DOCS}/AWSSimpleQueueService/latest"
EVENTS = f"{DOCS}/eventbridge/latest/userguide"

RANGES = {
    "messageRetentionSeconds": (60, 1_209_600),
    "visibilityTimeoutSeconds": (0, 43_200),
    "delaySeconds": (0, 900),
    "receiveWaitTimeSeconds": (0, 20),
    "kmsDataKeyReusePeriodSeconds": (60, 86_400),
}
"""Seconds that CreateQueue takes
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html)."""


def queue_attributes_in_range(request: Request) -> str | None:
    for name, (low, high) in RANGES.items():
        value = request.given(name)
        if value is not None and not low <= value <= high:
            return f"{name} is {value:g}, outside {low}..{high} s"
    return None


def throughput_per_group_needs_scope(request: Request) -> str | None:
    limit, scope = request.given("fifoThroughputLimit"), request.given("deduplicationScope")
    if limit != "perMessageGroupId" or scope == "messageGroup":
        return None
    return f"fifoThroughputLimit is perMessageGroupId and deduplicationScope {scope or 'queue'}"


def queue_key_is_usable(request: Request) -> str | None:
    return unusable(request, request.given("kmsMasterKeyId"))


def bus_key_is_usable(request: Request) -> str | None:
    return unusable(request, request.given("kmsKeyIdentifier"))


def bus_key_lets_events_in(request: Request) -> str | None:
    place = f"arn:aws:events:{request.context.region}:{request.context.account_id}"
    facts = {"aws:SourceArn": f"{place}:event-bus/{request.props['name']}"}
    actions = ("kms:DescribeKey", "kms:GenerateDataKey", "kms:Decrypt")
    return locked_out(request, request.given("kmsKeyIdentifier"), "events.amazonaws.com", actions, facts)


def _queues(request: Request) -> Iterator[str]:
    """The target and its dead-letter queue, where they are queues of this account and Region."""
    for arn in (request.given("arn"), request.given("deadLetterConfig", "arn")):
        here = arn_region(arn or "") == request.context.region
        if arn and ":sqs:" in arn and here and not foreign(request, arn):
            yield arn


def _attributes(request: Request, arn: str) -> dict[str, str] | None:
    found = ask(request, "sqs", "get_queue_url", QueueName=arn.rpartition(":")[2])
    if found is None:
        return None
    answer = ask(request, "sqs", "get_queue_attributes", QueueUrl=found["QueueUrl"], AttributeNames=["All"])
    return dict((answer or {}).get("Attributes") or {})


def _rule_arn(request: Request) -> str:
    bus = str(request.given("eventBusName") or "default").rpartition("/")[2]
    rule = request.props["rule"]
    name = rule if bus == "default" else f"{bus}/{rule}"
    return f"arn:aws:events:{request.context.region}:{request.context.account_id}:rule/{name}"


def target_queues_exist(request: Request) -> str | None:
    for arn in _queues(request):
        if _attributes(request, arn) is None:
            return f"queue {arn} does not exist"
    return None


def target_queue_lets_rule_in(request: Request) -> str | None:
    facts = {"aws:SourceArn": _rule_arn(request), "aws:SourceAccount": request.context.account_id}
    caller = Caller(principal="events.amazonaws.com", facts=facts)
    for arn in _queues(request):
        attributes = _attributes(request, arn)
        if attributes is not None and not allows(attributes.get("Policy"), caller, "sqs:SendMessage", arn):
            what = f"events.amazonaws.com sqs:SendMessage for {_rule_arn(request)}"
            return f"the policy of queue {arn} does not allow {what}"
    return None


def target_key_lets_events_in(request: Request) -> str | None:
    for arn in _queues(request):
        reference = (_attributes(request, arn) or {}).get("KmsMasterKeyId")
        actions, facts = ("kms:GenerateDataKey", "kms:Decrypt"), {"aws:SourceArn": _rule_arn(request)}
        if wrong := locked_out(request, reference, "events.amazonaws.com", actions, facts):
            return wrong
    return None


ROWS = (
    Precondition(
        id="sqs-attributes-in-range",
        token=QUEUE,
        on=ON_CHANGE,
        rule="Each time of a queue has a range, such as 60 s to 14 days for retention and up to 12 h for visibility.",
        source=f"{SQS}/APIReference/API_CreateQueue.html",
        code="InvalidAttributeValue",
        check=queue_attributes_in_range,
    ),
    Precondition(
        id="sqs-throughput-per-group-needs-scope",
        token=QUEUE,
        on=ON_CHANGE,
        rule="perMessageGroupId is allowed only when deduplicationScope is messageGroup.",
        source=f"{SQS}/APIReference/API_CreateQueue.html",
        code="InvalidAttributeValue",
        check=throughput_per_group_needs_scope,
    ),
    Precondition(
        id="sqs-key-is-usable",
        token=QUEUE,
        on=ON_CHANGE,
        rule="The key of a queue must be an enabled symmetric key in its Region when a message is sent.",
        source=f"{SQS}/APIReference/API_SendMessage.html",
        code="KmsNotFound",
        check=queue_key_is_usable,
        later=True,
    ),
    Precondition(
        id="sns-key-is-usable",
        token="aws:sns/topic:Topic",
        on=ON_CHANGE,
        rule="The key of a topic must be an enabled symmetric key in its Region when a message is published.",
        source=f"{DOCS}/sns/latest/api/API_Publish.html",
        code="KMSNotFound",
        check=queue_key_is_usable,
        later=True,
    ),
    Precondition(
        id="events-bus-key-is-usable",
        token=BUS,
        on=ON_CHANGE,
        rule="The key of an event bus must be an enabled symmetric key in its Region.",
        source=f"{EVENTS}/eb-encryption-event-bus-dlq.html",
        code="AccessDeniedException",
        check=bus_key_is_usable,
        later=True,
    ),
    Precondition(
        id="events-bus-key-lets-events-in",
        token=BUS,
        on=ON_CHANGE,
        rule="The key policy must let events.amazonaws.com describe, generate data keys and decrypt.",
        source=f"{EVENTS}/eb-encryption-key-policy.html",
        code="AccessDeniedException",
        check=bus_key_lets_events_in,
        later=True,
    ),
    Precondition(
        id="events-target-queues-exist",
        token=TARGET,
        on=ON_CHANGE,
        rule="A target queue and its dead-letter queue must exist, or events are dropped.",
        source=f"{EVENTS}/eb-rule-dlq.html",
        code="NO_RESOURCE",
        check=target_queues_exist,
        later=True,
    ),
    Precondition(
        id="events-target-queue-lets-rule-in",
        token=TARGET,
        on=ON_CHANGE,
        rule="A target queue and its dead-letter queue must let events.amazonaws.com send for the rule.",
        source=f"{EVENTS}/eb-use-resource-based.html",
        code="NO_PERMISSIONS",
        check=target_queue_lets_rule_in,
        later=True,
    ),
    Precondition(
        id="events-target-key-lets-events-in",
        token=TARGET,
        on=ON_CHANGE,
        rule="The key of an encrypted target queue must let events.amazonaws.com generate data keys and decrypt.",
        source=f"{SQS}/SQSDeveloperGuide/sqs-key-management.html",
        code="NO_PERMISSIONS",
        check=target_key_lets_events_in,
        later=True,
    ),
)
