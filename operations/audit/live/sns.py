"""SNS: topics, their policies, and who subscribes."""

from collections.abc import Iterator
from typing import Any

from operations.audit.live.question import Question
from operations.audit.live.reader import Live, Reader
from operations.audit.live.region import Region
from operations.audit.live.tags import tags_of
from operations.audit.live.words import picked
from policies.documents import statements

TOPICS = Question(service="sns", operation="list_topics", keep=("Topics",), items="Topics")
TOPIC = Question(
    service="sns",
    operation="get_topic_attributes",
    keep=tuple(
        f"Attributes.{name}"
        for name in (
            *("TopicArn", "Owner", "Policy", "DisplayName", "KmsMasterKeyId", "FifoTopic"),
            *("ContentBasedDeduplication", "SignatureVersion", "ArchivePolicy"),
        )
    ),
)
TAGS = Question(service="sns", operation="list_tags_for_resource", keep=("Tags",), items="Tags")
SUBSCRIPTIONS = Question(service="sns", operation="list_subscriptions", keep=("Subscriptions",), items="Subscriptions")
SUBSCRIPTION = Question(
    service="sns",
    operation="get_subscription_attributes",
    keep=tuple(
        f"Attributes.{name}"
        for name in ("PendingConfirmation", "ConfirmationWasAuthenticated", "RawMessageDelivery", "RedrivePolicy")
    ),
    absent=frozenset({"NotFound", "NotFoundException"}),
)

PENDING = "PendingConfirmation"
"""In place of the ARN of a subscription that nobody has confirmed (SNS API reference, ListSubscriptions)."""


def _attributes(region: Region) -> Iterator[tuple[str, dict[str, Any]]]:
    for topic in region.pages(TOPICS):
        answer = region.ask(TOPIC, TopicArn=topic["TopicArn"])
        if answer is not None:
            yield topic["TopicArn"], answer["Attributes"]


def topics(region: Region) -> Iterator[Live]:
    """Topics; SNS writes every attribute as a text."""
    for arn, raw in _attributes(region):
        props: dict[str, Any] = picked(
            raw,
            owner="Owner",
            policy="Policy",
            displayName="DisplayName",
            kmsMasterKeyId="KmsMasterKeyId",
            archivePolicy="ArchivePolicy",
        )
        if "SignatureVersion" in raw:
            props["signatureVersion"] = int(raw["SignatureVersion"])
        yield Live(
            id=arn,
            name=arn.rpartition(":")[2],
            props={
                **props,
                "arn": arn,
                "name": arn.rpartition(":")[2],
                "fifoTopic": raw.get("FifoTopic") == "true",
                "contentBasedDeduplication": raw.get("ContentBasedDeduplication") == "true",
                "tags": tags_of(region, TAGS, ResourceArn=arn),
            },
        )


def topic_policies(region: Region) -> Iterator[Live]:
    """Who may publish and subscribe: SNS gives each topic a policy, for its own account, until somebody sets one."""
    for arn, raw in _attributes(region):
        if raw.get("Policy"):
            yield Live(
                id=arn,
                name=arn.rpartition(":")[2],
                made_by_aws="default topic policy" if _is_as_made(raw["Policy"], region.account) else "",
                props={"arn": arn, **picked(raw, owner="Owner", policy="Policy")},
            )


def _is_as_made(policy: str, account: str) -> bool:
    """Whoever opens a topic may keep the names of AWS's statement, but not its condition."""
    return [(one.sid, one.conditions) for one in statements(policy)] == [
        ("__default_statement_ID", {"StringEquals": {"AWS:SourceOwner": (account,)}})
    ]


def subscriptions(region: Region) -> Iterator[Live]:
    """Subscriptions, those that wait for an answer too: these have no ARN yet."""
    for raw in region.pages(SUBSCRIPTIONS):
        props = picked(raw, topic="TopicArn", protocol="Protocol", endpoint="Endpoint", ownerId="Owner")
        arn = raw["SubscriptionArn"]
        if not arn.startswith("arn:"):
            yield Live(
                id="|".join((raw["TopicArn"], raw["Protocol"], raw.get("Endpoint", ""))),
                props={**props, "pendingConfirmation": True},
            )
            continue

        def true(name: str, arn: str = arn) -> Any:
            return region.field(SUBSCRIPTION, lambda a: a["Attributes"].get(name) == "true", SubscriptionArn=arn)

        yield Live(
            id=arn,
            props={
                **props,
                "arn": arn,
                "pendingConfirmation": true("PendingConfirmation"),
                "confirmationWasAuthenticated": true("ConfirmationWasAuthenticated"),
                "rawMessageDelivery": true("RawMessageDelivery"),
                "redrivePolicy": region.field(
                    SUBSCRIPTION, lambda a: a["Attributes"].get("RedrivePolicy"), SubscriptionArn=arn
                ),
            },
        )


Reader(type="aws:sns/topic:Topic", read=topics, source=TOPICS)
Reader(type="aws:sns/topicPolicy:TopicPolicy", read=topic_policies, source=TOPICS)
Reader(
    type="aws:sns/topicSubscription:TopicSubscription",
    read=subscriptions,
    source=SUBSCRIPTIONS,
    identity=("topic", "protocol", "endpoint"),
)
