"""SQS queues and SNS topics with their policies and subscriptions.

``Queue`` is the worked example of an entry: `create` returns the id at once, `read` gives every official output,
`update` sends what changed, tags go through `tag`, defaults are the official plugin's.
"""

from typing import Any

from sandbox.aws.provider.calls import changed, json_text, tag_list, tag_map, tagging, void
from sandbox.aws.provider.model import Autoname, Context, Props, ResourceType

# ---- aws:sqs/queue:Queue

QUEUE_ATTRIBUTES = {
    "contentBasedDeduplication": "ContentBasedDeduplication",
    "deduplicationScope": "DeduplicationScope",
    "delaySeconds": "DelaySeconds",
    "fifoQueue": "FifoQueue",
    "fifoThroughputLimit": "FifoThroughputLimit",
    "kmsDataKeyReusePeriodSeconds": "KmsDataKeyReusePeriodSeconds",
    "kmsMasterKeyId": "KmsMasterKeyId",
    "maxMessageSize": "MaximumMessageSize",
    "messageRetentionSeconds": "MessageRetentionPeriod",
    "policy": "Policy",
    "receiveWaitTimeSeconds": "ReceiveMessageWaitTimeSeconds",
    "redriveAllowPolicy": "RedriveAllowPolicy",
    "redrivePolicy": "RedrivePolicy",
    "sqsManagedSseEnabled": "SqsManagedSseEnabled",
    "visibilityTimeoutSeconds": "VisibilityTimeout",
}
"""Property -> queue attribute (SQS API reference, SetQueueAttributes)."""

NUMBERS = {name for name in QUEUE_ATTRIBUTES if name.endswith("Seconds") or name == "maxMessageSize"}

REUSE_S = 300
"""Seconds that SQS reuses a data key when nothing else is said (SQS API reference, SetQueueAttributes)."""

FLAGS = {"contentBasedDeduplication", "fifoQueue", "sqsManagedSseEnabled"}


def attribute_text(value: Any) -> str:
    """SQS and SNS attributes are strings."""
    return str(int(value)) if isinstance(value, float) else json_text(value)


def queue_attributes(props: Props) -> dict[str, str]:
    """Attributes that the program sets; a standard queue refuses ``FifoQueue=false``."""
    found = {api: attribute_text(props[name]) for name, api in QUEUE_ATTRIBUTES.items() if props.get(name) is not None}
    if found.get("FifoQueue") == "false":
        del found["FifoQueue"]
    if found.get("ContentBasedDeduplication") == "false" and "FifoQueue" not in found:
        del found["ContentBasedDeduplication"]
    return found


def create_queue(ctx: Context, props: Props) -> str:
    made = ctx.client("sqs").create_queue(
        QueueName=props["name"], Attributes=queue_attributes(props), tags=dict(props.get("tags") or {})
    )
    return str(made["QueueUrl"])


def read_queue(ctx: Context, id_: str, _last: Props) -> Props | None:
    sqs = ctx.client("sqs")
    found = sqs.get_queue_attributes(QueueUrl=id_, AttributeNames=["All"])["Attributes"]
    outputs: dict[str, Any] = {name: found.get(api) for name, api in QUEUE_ATTRIBUTES.items()}
    outputs |= {name: int(outputs[name]) for name in NUMBERS if outputs[name] is not None}
    outputs |= {name: outputs[name] == "true" for name in FLAGS}
    outputs["kmsDataKeyReusePeriodSeconds"] = outputs["kmsDataKeyReusePeriodSeconds"] or REUSE_S
    return outputs | {
        "arn": found["QueueArn"],
        "url": id_,
        "name": found["QueueArn"].rpartition(":")[2],
        "tags": sqs.list_queue_tags(QueueUrl=id_).get("Tags", {}),
    }


def update_queue(ctx: Context, id_: str, old: Props, new: Props) -> None:
    attributes = queue_attributes(new)
    # An attribute is removed by setting it to the empty string.
    attributes |= {
        api: ""
        for name, api in QUEUE_ATTRIBUTES.items()
        if old.get(name) and new.get(name) is None and name in CLEARABLE
    }
    ctx.client("sqs").set_queue_attributes(QueueUrl=id_, Attributes=attributes)


CLEARABLE = {"kmsMasterKeyId", "redriveAllowPolicy", "redrivePolicy"}
"""Not the policy: one that the program left out is a QueuePolicy's."""

QUEUE = ResourceType(
    token="aws:sqs/queue:Queue",
    service="sqs",
    create=create_queue,
    read=read_queue,
    update=update_queue,
    delete=lambda ctx, id_, _last: ctx.client("sqs").delete_queue(QueueUrl=id_),
    tag=tagging("sqs", tag="tag_queue", untag="untag_queue", arn="QueueUrl", of="id"),
    force_new=frozenset({"fifoQueue", "name", "namePrefix"}),
    autoname=Autoname(max_length=80, suffix=lambda props: ".fifo" if props.get("fifoQueue") else ""),
    defaults={
        "delaySeconds": 0,
        "fifoQueue": False,
        "contentBasedDeduplication": False,
        "maxMessageSize": 262144,
        "messageRetentionSeconds": 345600,
        "receiveWaitTimeSeconds": 0,
        "visibilityTimeoutSeconds": 30,
    },
)


# ---- aws:sqs/queuePolicy:QueuePolicy


def put_queue_policy(ctx: Context, props: Props) -> str:
    ctx.client("sqs").set_queue_attributes(
        QueueUrl=props["queueUrl"], Attributes={"Policy": json_text(props["policy"])}
    )
    return str(props["queueUrl"])


def read_queue_policy(ctx: Context, id_: str, _last: Props) -> Props | None:
    found = ctx.client("sqs").get_queue_attributes(QueueUrl=id_, AttributeNames=["Policy"]).get("Attributes", {})
    return {"policy": found["Policy"], "queueUrl": id_} if found.get("Policy") else None


QUEUE_POLICY = ResourceType(
    token="aws:sqs/queuePolicy:QueuePolicy",
    service="sqs",
    create=put_queue_policy,
    read=read_queue_policy,
    update=lambda ctx, _id, _old, new: void(put_queue_policy(ctx, new)),
    delete=lambda ctx, id_, _last: ctx.client("sqs").set_queue_attributes(QueueUrl=id_, Attributes={"Policy": ""}),
    force_new=frozenset({"queueUrl"}),
)

# ---- aws:sns/topic:Topic

SNS_SPELLING = {"http": "HTTP", "sqs": "SQS", "lambda": "Lambda", "firehose": "Firehose", "application": "Application"}

TOPIC_ATTRIBUTES = {
    "archivePolicy": "ArchivePolicy",
    "contentBasedDeduplication": "ContentBasedDeduplication",
    "deliveryPolicy": "DeliveryPolicy",
    "displayName": "DisplayName",
    "fifoThroughputScope": "FifoThroughputScope",
    "fifoTopic": "FifoTopic",
    "kmsMasterKeyId": "KmsMasterKeyId",
    "policy": "Policy",
    "signatureVersion": "SignatureVersion",
    "tracingConfig": "TracingConfig",
} | {
    f"{prop}{rest}": f"{api}{rest}"
    for prop, api in SNS_SPELLING.items()
    for rest in ("SuccessFeedbackRoleArn", "SuccessFeedbackSampleRate", "FailureFeedbackRoleArn")
}
"""Property -> topic attribute (SNS API reference, SetTopicAttributes)."""

TOPIC_NUMBERS = {"signatureVersion"} | {name for name in TOPIC_ATTRIBUTES if name.endswith("SampleRate")}
TOPIC_FLAGS = {"contentBasedDeduplication", "fifoTopic"}


def create_topic(ctx: Context, props: Props) -> str:
    attributes = {
        api: attribute_text(props[name])
        for name, api in TOPIC_ATTRIBUTES.items()
        if props.get(name) is not None and props[name] is not False
    }
    made = ctx.client("sns").create_topic(Name=props["name"], Attributes=attributes, Tags=tag_list(props.get("tags")))
    return str(made["TopicArn"])


def read_topic(ctx: Context, id_: str, _last: Props) -> Props | None:
    sns = ctx.client("sns")
    found = sns.get_topic_attributes(TopicArn=id_)["Attributes"]
    outputs = {name: found[api] for name, api in TOPIC_ATTRIBUTES.items() if found.get(api) not in (None, "")}
    outputs |= {name: int(outputs[name]) for name in TOPIC_NUMBERS & outputs.keys()}
    outputs |= {name: found.get(TOPIC_ATTRIBUTES[name]) == "true" for name in TOPIC_FLAGS}
    return (
        dict.fromkeys(("displayName", "kmsMasterKeyId", "deliveryPolicy"))
        | outputs
        | {
            "arn": id_,
            "name": id_.rpartition(":")[2],
            "owner": found["Owner"],
            "tags": tag_map(sns.list_tags_for_resource(ResourceArn=id_).get("Tags")),
        }
    )


def update_topic(ctx: Context, id_: str, old: Props, new: Props) -> None:
    for name, api in TOPIC_ATTRIBUTES.items():
        if name != "fifoTopic" and name in {*old, *new} and changed(old, new, name):
            if new.get(name) is None and name in ("policy", "fifoThroughputScope", "signatureVersion", "tracingConfig"):
                continue
            value = "" if new.get(name) is None else attribute_text(new[name])
            ctx.client("sns").set_topic_attributes(TopicArn=id_, AttributeName=api, AttributeValue=value)


TOPIC = ResourceType(
    token="aws:sns/topic:Topic",
    service="sns",
    create=create_topic,
    read=read_topic,
    update=update_topic,
    delete=lambda ctx, id_, _last: ctx.client("sns").delete_topic(TopicArn=id_),
    tag=tagging("sns"),
    force_new=frozenset({"fifoTopic", "name", "namePrefix"}),
    autoname=Autoname(max_length=256, suffix=lambda props: ".fifo" if props.get("fifoTopic") else ""),
    defaults={"contentBasedDeduplication": False, "fifoTopic": False},
    # Every topic has a delivery policy of AWS's own once one is asked for.
    unread=frozenset({"deliveryPolicy"}),
)

# ---- aws:sns/topicPolicy:TopicPolicy


def put_topic_policy(ctx: Context, props: Props) -> str:
    ctx.client("sns").set_topic_attributes(
        TopicArn=props["arn"], AttributeName="Policy", AttributeValue=json_text(props["policy"])
    )
    return str(props["arn"])


def read_topic_policy(ctx: Context, id_: str, _last: Props) -> Props | None:
    found = ctx.client("sns").get_topic_attributes(TopicArn=id_)["Attributes"]
    return {"arn": id_, "owner": found["Owner"], "policy": found.get("Policy")}


def reset_topic_policy(ctx: Context, id_: str, _last: Props) -> None:
    """A topic cannot be without a policy: the one it was born with comes back (as the official plugin does)."""
    put_topic_policy(ctx, {"arn": id_, "policy": default_topic_policy(id_)})


def default_topic_policy(arn: str) -> str:
    """The policy SNS gives a new topic: only the owner's account (SNS developer guide, "Default access policy")."""
    actions = (
        "GetTopicAttributes SetTopicAttributes AddPermission RemovePermission DeleteTopic Subscribe "
        "ListSubscriptionsByTopic Publish"
    )
    statement = {
        "Sid": "__default_statement_ID",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": [f"SNS:{action}" for action in actions.split()],
        "Resource": arn,
        "Condition": {"StringEquals": {"AWS:SourceOwner": arn.split(":")[4]}},
    }
    return json_text({"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]})


TOPIC_POLICY = ResourceType(
    token="aws:sns/topicPolicy:TopicPolicy",
    service="sns",
    create=put_topic_policy,
    read=read_topic_policy,
    update=lambda ctx, _id, _old, new: void(put_topic_policy(ctx, new)),
    delete=reset_topic_policy,
    force_new=frozenset({"arn"}),
)

# ---- aws:sns/topicSubscription:TopicSubscription

SUBSCRIPTION_ATTRIBUTES = {
    "deliveryPolicy": "DeliveryPolicy",
    "filterPolicy": "FilterPolicy",
    "filterPolicyScope": "FilterPolicyScope",
    "rawMessageDelivery": "RawMessageDelivery",
    "redrivePolicy": "RedrivePolicy",
    "replayPolicy": "ReplayPolicy",
    "subscriptionRoleArn": "SubscriptionRoleArn",
}
"""Property -> subscription attribute (SNS API reference, SetSubscriptionAttributes)."""


def subscribe(ctx: Context, props: Props) -> str:
    attributes = {
        api: attribute_text(props[name])
        for name, api in SUBSCRIPTION_ATTRIBUTES.items()
        if props.get(name) is not None and props[name] is not False
    }
    made = ctx.client("sns").subscribe(
        TopicArn=props["topic"],
        Protocol=props["protocol"],
        Endpoint=props["endpoint"],
        Attributes=attributes,
        ReturnSubscriptionArn=True,
    )
    return str(made["SubscriptionArn"])


def read_subscription(ctx: Context, id_: str, _last: Props) -> Props | None:
    found = ctx.client("sns").get_subscription_attributes(SubscriptionArn=id_)["Attributes"]
    outputs = {name: found.get(api) or None for name, api in SUBSCRIPTION_ATTRIBUTES.items()}
    return outputs | {
        "arn": id_,
        "confirmationWasAuthenticated": found.get("ConfirmationWasAuthenticated") == "true",
        "endpoint": found["Endpoint"],
        "filterPolicyScope": found.get("FilterPolicyScope") or "MessageAttributes",
        "ownerId": found["Owner"],
        "pendingConfirmation": found.get("PendingConfirmation") == "true",
        "protocol": found["Protocol"],
        "rawMessageDelivery": found.get("RawMessageDelivery") == "true",
        "topic": found["TopicArn"],
    }


def update_subscription(ctx: Context, id_: str, old: Props, new: Props) -> None:
    for name, api in SUBSCRIPTION_ATTRIBUTES.items():
        if name in {*old, *new} and changed(old, new, name) and not (name == "filterPolicyScope" and not new.get(name)):
            value = "" if new.get(name) is None else attribute_text(new[name])
            ctx.client("sns").set_subscription_attributes(SubscriptionArn=id_, AttributeName=api, AttributeValue=value)


TOPIC_SUBSCRIPTION = ResourceType(
    token="aws:sns/topicSubscription:TopicSubscription",
    service="sns",
    create=subscribe,
    read=read_subscription,
    update=update_subscription,
    delete=lambda ctx, id_, _last: ctx.client("sns").unsubscribe(SubscriptionArn=id_),
    force_new=frozenset({"endpoint", "protocol", "topic"}),
    defaults={"confirmationTimeoutInMinutes": 1, "endpointAutoConfirms": False, "rawMessageDelivery": False},
)

TYPES = [QUEUE, QUEUE_POLICY, TOPIC, TOPIC_POLICY, TOPIC_SUBSCRIPTION]
