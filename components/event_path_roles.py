"""What the programs of the event path may do in AWS: each its own calls, on the cell's own stream, bucket and queues.

bind = PodIdentityArgs(..., namespace=PAYMENTS, service_account=RELAY, policy=policy(*relay_statements(args)))
"""

from dataclasses import dataclass

import pulumi

from components.iam import Statement, allow, via_service


@dataclass(frozen=True, kw_only=True, slots=True)
class EventPathRoleArgs:
    """What the programs act on."""

    region: str
    account_id: str
    stream_arn: pulumi.Input[str]
    events_key_arn: pulumi.Input[str]
    archive_bucket: pulumi.Input[str]
    """Name of the bucket."""
    archive_key_arn: pulumi.Input[str]


def relay_statements(args: EventPathRoleArgs) -> list[Statement]:
    """Writes to the stream, and puts aside what cannot be published. It signs in to the shards as `relay` beside
    (`ShardedDatabase.connect_statement`)."""
    encrypt = via_service(["kinesis"], args.region, args.account_id)
    return [
        allow("WriteStream", ["kinesis:PutRecords"], [args.stream_arn]),
        allow("EncryptRecords", ["kms:GenerateDataKey"], [args.events_key_arn], when=encrypt),
        *_put(args, "quarantine/relay/*"),
    ]


def archiver_statements(args: EventPathRoleArgs) -> list[Statement]:
    """Reads the stream, lists what is archived, and adds to it. It can neither read nor delete nor unlock an object."""
    decrypt = via_service(["kinesis"], args.region, args.account_id)
    return [
        allow(
            "ReadStream", ["kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards"], [args.stream_arn]
        ),
        allow("DecryptRecords", ["kms:Decrypt"], [args.events_key_arn], when=decrypt),
        allow("ListArchive", ["s3:ListBucket"], [_bucket(args)]),
        *_put(args, "events/*", "quarantine/archive/*"),
    ]


def consumer_statements(args: EventPathRoleArgs, queue_arn: pulumi.Input[str]) -> list[Statement]:
    """Empties one queue."""
    decrypt = via_service(["sqs"], args.region, args.account_id)
    return [
        allow("EmptyQueue", ["sqs:DeleteMessage", "sqs:ReceiveMessage"], [queue_arn]),
        allow("DecryptMessages", ["kms:Decrypt"], [args.events_key_arn], when=decrypt),
    ]


def _put(args: EventPathRoleArgs, *names: str) -> list[Statement]:
    """PutObject into a bucket with a default retention needs no right over retention: the bucket sets it."""
    objects = [pulumi.Output.concat(_bucket(args), "/", name) for name in names]
    encrypt = via_service(["s3"], args.region, args.account_id)
    return [
        allow("PutObjects", ["s3:PutObject"], objects),
        allow("EncryptObjects", ["kms:GenerateDataKey"], [args.archive_key_arn], when=encrypt),
    ]


def _bucket(args: EventPathRoleArgs) -> pulumi.Output[str]:
    return pulumi.Output.concat("arn:aws:s3:::", args.archive_bucket)
