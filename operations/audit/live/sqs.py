"""SQS: queues and their policies. No message is read."""

from collections.abc import Iterator
from typing import Any

from operations.audit.live.question import Question
from operations.audit.live.reader import Live, Reader
from operations.audit.live.region import Region
from operations.audit.live.words import picked

_GONE = frozenset({"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"})

LIST = Question(service="sqs", operation="list_queues", keep=("QueueUrls",), items="QueueUrls")
ATTRIBUTES = Question(service="sqs", operation="get_queue_attributes", keep=("Attributes",), absent=_GONE)
TAGS = Question(service="sqs", operation="list_queue_tags", keep=("Tags",), absent=_GONE)

NUMBERS = {
    "delaySeconds": "DelaySeconds",
    "kmsDataKeyReusePeriodSeconds": "KmsDataKeyReusePeriodSeconds",
    "maxMessageSize": "MaximumMessageSize",
    "messageRetentionSeconds": "MessageRetentionPeriod",
    "receiveWaitTimeSeconds": "ReceiveMessageWaitTimeSeconds",
    "visibilityTimeoutSeconds": "VisibilityTimeout",
}
SWITCHES = {
    "contentBasedDeduplication": "ContentBasedDeduplication",
    "fifoQueue": "FifoQueue",
    "sqsManagedSseEnabled": "SqsManagedSseEnabled",
}
"""SQS writes every attribute as a text (SQS API reference, GetQueueAttributes)."""


def _queues(region: Region) -> Iterator[tuple[str, dict[str, Any]]]:
    for url in region.pages(LIST):
        answer = region.ask(ATTRIBUTES, QueueUrl=url, AttributeNames=["All"])
        if answer is not None:
            yield url, answer["Attributes"]


def queues(region: Region) -> Iterator[Live]:
    """Queues."""
    for url, raw in _queues(region):
        name = url.rpartition("/")[2]
        yield Live(
            id=url,
            name=name,
            props={
                **picked(
                    raw,
                    arn="QueueArn",
                    deduplicationScope="DeduplicationScope",
                    fifoThroughputLimit="FifoThroughputLimit",
                    kmsMasterKeyId="KmsMasterKeyId",
                    policy="Policy",
                    redriveAllowPolicy="RedriveAllowPolicy",
                    redrivePolicy="RedrivePolicy",
                ),
                **{ours: int(raw[theirs]) for ours, theirs in NUMBERS.items() if theirs in raw},
                **{ours: raw[theirs] == "true" for ours, theirs in SWITCHES.items() if theirs in raw},
                "name": name,
                "url": url,
                "tags": region.field(TAGS, lambda answer: dict(answer.get("Tags") or {}), QueueUrl=url),
            },
        )


def queue_policies(region: Region) -> Iterator[Live]:
    """Who may send to and receive from a queue, where somebody said so."""
    for url, raw in _queues(region):
        if raw.get("Policy"):
            yield Live(id=url, name=url.rpartition("/")[2], props={"queueUrl": url, "policy": raw["Policy"]})


Reader(type="aws:sqs/queue:Queue", read=queues, source=LIST)
Reader(type="aws:sqs/queuePolicy:QueuePolicy", read=queue_policies, source=LIST)
