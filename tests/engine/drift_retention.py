"""Data that is kept too long or that nobody answers for, and policies that open what holds it."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from drift import CELL, Change, Hands, Undo

from operations.audit.result import Reconciled

LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
STREAM = "aws:kinesis/stream:Stream"
ARCHIVE, TABLE = "aws:cloudwatch/eventArchive:EventArchive", "aws:dynamodb/table:Table"
FILES, PARAMETER = "aws:efs/fileSystem:FileSystem", "aws:ssm/parameter:Parameter"
QUEUE, QUEUE_POLICY = "aws:sqs/queue:Queue", "aws:sqs/queuePolicy:QueuePolicy"
BUCKET, BUCKET_POLICY = "aws:s3/bucket:Bucket", "aws:s3/bucketPolicy:BucketPolicy"
TOPIC, TOPIC_POLICY = "aws:sns/topic:Topic", "aws:sns/topicPolicy:TopicPolicy"

DoesIt = Callable[[Hands], Undo]
Statements = list[dict[str, Any]]


def _rules_without(name: str) -> DoesIt:
    """Lifecycle rules of the models' bucket without one of their ends."""

    def does(hands: Hands) -> Undo:
        s3, bucket = hands.client("s3"), hands.outputs(BUCKET, f"{CELL}-fraud-models")["bucket"]
        rules = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]

        def put(rules: Statements) -> None:
            s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})

        put([{key: value for key, value in rule.items() if key != name} for rule in rules])
        return lambda: put(rules)

    return does


def _archive_for_ever(hands: Hands) -> Undo:
    events, bus = hands.client("events"), hands.outputs("aws:cloudwatch/eventBus:EventBus", CELL)
    events.create_archive(ArchiveName="by-hand", EventSourceArn=bus["arn"], KmsKeyIdentifier=bus["kmsKeyIdentifier"])
    return lambda: events.delete_archive(ArchiveName="by-hand")


def _stream_of_a_year(hands: Hands) -> Undo:
    kinesis, stream = hands.client("kinesis"), hands.outputs(STREAM, CELL)
    name, before = stream["name"], int(stream["retentionPeriod"])
    kinesis.increase_stream_retention_period(StreamName=name, RetentionPeriodHours=8760)
    return lambda: kinesis.decrease_stream_retention_period(StreamName=name, RetentionPeriodHours=before)


def _items_for_ever(hands: Hands) -> Undo:
    dynamodb, table = hands.client("dynamodb"), hands.outputs(TABLE, f"{CELL}-fraud")

    def expire(on: bool) -> None:
        wanted = {"Enabled": on, "AttributeName": table["ttl"]["attributeName"]}
        dynamodb.update_time_to_live(TableName=table["name"], TimeToLiveSpecification=wanted)

    expire(False)
    return lambda: expire(True)


def _no_subject_keys(hands: Hands) -> Undo:
    """The tag by which the table of subjects' keys is known, taken from it."""
    dynamodb, arn = hands.client("dynamodb"), hands.outputs(TABLE, f"{CELL}-subject-keys")["arn"]
    dynamodb.untag_resource(ResourceArn=arn, TagKeys=["payment-cell:use"])
    tag = {"Key": "payment-cell:use", "Value": "subject-keys"}
    return lambda: dynamodb.tag_resource(ResourceArn=arn, Tags=[tag])


def _files(hands: Hands) -> Undo:
    efs = hands.client("efs")
    made = efs.create_file_system(
        Encrypted=True,
        KmsKeyId=hands.outputs("aws:kms/key:Key", f"{CELL}-payments")["arn"],
        Tags=[{"Key": "payment-cell:cell", "Value": CELL}, {"Key": "payment-cell:jurisdiction", "Value": "eu"}],
    )["FileSystemId"]
    return lambda: efs.delete_file_system(FileSystemId=made)


def _parameter(hands: Hands) -> Undo:
    ssm = hands.client("ssm")
    ssm.put_parameter(Name="/by-hand", Value="a", Type="String")
    return lambda: ssm.delete_parameter(Name="/by-hand")


def _queue(changed: Callable[[Statements], Statements]) -> DoesIt:
    """Other statements in the policy of the queue of tax."""

    def does(hands: Hands) -> Undo:
        sqs, url = hands.client("sqs"), hands.outputs(QUEUE, f"{CELL}-tax")["url"]
        before = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"]
        policy = _with(before, changed)
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
        return lambda: sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": before})

    return does


def _bucket(changed: Callable[[Statements], Statements]) -> DoesIt:
    """Other statements in the policy of the models' bucket."""

    def does(hands: Hands) -> Undo:
        s3, bucket = hands.client("s3"), hands.outputs(BUCKET, f"{CELL}-fraud-models")["bucket"]
        before = s3.get_bucket_policy(Bucket=bucket)["Policy"]
        s3.put_bucket_policy(Bucket=bucket, Policy=_with(before, changed))
        return lambda: s3.put_bucket_policy(Bucket=bucket, Policy=before)

    return does


def _topic(changed: Callable[[Statements], Statements]) -> DoesIt:
    """Other statements in the policy of the topic of tickets."""

    def does(hands: Hands) -> Undo:
        sns, arn = hands.client("sns"), hands.outputs(TOPIC, f"{CELL}-tickets")["arn"]
        before = sns.get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"]

        def put(policy: str) -> None:
            sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=policy)

        put(_with(before, changed))
        return lambda: put(before)

    return does


def _with(policy: str, changed: Callable[[Statements], Statements]) -> str:
    document = json.loads(policy)
    return json.dumps({**document, "Statement": changed(document["Statement"])})


def _without_denials(statements: Statements) -> Statements:
    kept = [one for one in statements if one["Effect"] != "Deny"]
    # A policy without a statement is none: what the account may do already says nothing new.
    return kept or [{**statements[0], "Effect": "Deny", "Condition": {"Bool": {"aws:ViaAWSService": "true"}}}]


def _allowing(principal: Mapping[str, str], action: str) -> Callable[[Statements], Statements]:
    def changed(statements: Statements) -> Statements:
        resource = next(one["Resource"] for one in statements)
        more = {"Sid": "ByHand", "Effect": "Allow", "Principal": principal, "Action": action, "Resource": resource}
        return [*statements, more]

    return changed


OWNER, ACTIVITY = "ROPA-01 has_an_accountable_owner", "ROPA-01 belongs_to_an_activity"
INSECURE = "TLS-03 denies_insecure_transport"
STRANGERS, SERVICES = "RES-13 everyone_is_held_to_an_account", "RES-13 services_act_for_a_known_source"
STRANGER = "RES-13 lets_no_stranger_in"

CHANGES = (
    Change(sees="RET-01 objects_expire", does=_rules_without("Expiration"), reads=(LIFECYCLE,)),
    Change(sees="RET-01 old_versions_expire", does=_rules_without("NoncurrentVersionExpiration"), reads=(LIFECYCLE,)),
    Change(sees="RET-01 archive_forgets", does=_archive_for_ever, reads=(ARCHIVE,), reconciled=Reconciled.UNMANAGED),
    Change(sees="RET-01 stream_forgets", does=_stream_of_a_year, reads=(STREAM,)),
    Change(sees="RET-01 items_expire", does=_items_for_ever, reads=(TABLE,)),
    Change(
        sees="RET-02 can_forget_a_person",
        does=_no_subject_keys,
        reads=(TABLE,),
        also=frozenset({"RET-01 items_expire"}),
    ),
    Change(sees=ACTIVITY, does=_files, reads=(FILES,), also=frozenset({OWNER}), reconciled=Reconciled.UNMANAGED),
    Change(
        sees=OWNER, does=_parameter, reads=(PARAMETER,), also=frozenset({ACTIVITY}), reconciled=Reconciled.UNMANAGED
    ),
    Change(sees=STRANGERS, does=_queue(_allowing({"AWS": "*"}, "sqs:SendMessage")), reads=(QUEUE, QUEUE_POLICY)),
    Change(
        sees=SERVICES,
        does=_queue(_allowing({"Service": "sns.amazonaws.com"}, "sqs:SendMessage")),
        reads=(QUEUE, QUEUE_POLICY),
    ),
    Change(
        sees=STRANGER, does=_queue(_allowing({"AWS": "999999999999"}, "sqs:SendMessage")), reads=(QUEUE, QUEUE_POLICY)
    ),
    Change(sees=INSECURE, does=_queue(_without_denials), reads=(QUEUE, QUEUE_POLICY)),
    Change(sees=INSECURE, does=_bucket(_without_denials), reads=(BUCKET_POLICY,)),
    Change(sees=INSECURE, does=_topic(_without_denials), reads=(TOPIC, TOPIC_POLICY)),
)
