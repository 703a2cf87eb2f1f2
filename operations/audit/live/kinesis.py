"""Kinesis: data streams, and the delivery streams of Firehose."""

from collections.abc import Iterator, Mapping
from typing import Any

from operations.audit.live.question import Question
from operations.audit.live.reader import Live, Reader
from operations.audit.live.region import MAX_PAGES, Region
from operations.audit.live.tags import tags_of
from operations.audit.live.words import camel
from policies.resources import NotObservedError

STREAMS = Question(service="kinesis", operation="list_streams", keep=("StreamNames",), items="StreamNames")
SUMMARY = Question(
    service="kinesis",
    operation="describe_stream_summary",
    keep=tuple(
        f"StreamDescriptionSummary.{name}"
        for name in (
            *("StreamARN", "EncryptionType", "KeyId", "RetentionPeriodHours", "OpenShardCount"),
            "StreamModeDetails.StreamMode",
        )
    ),
)
STREAM_TAGS = Question(service="kinesis", operation="list_tags_for_stream", keep=("Tags",), items="Tags")

DELIVERY_STREAMS = Question(
    service="firehose", operation="list_delivery_streams", keep=("DeliveryStreamNames", "HasMoreDeliveryStreams")
)
_BUCKET = tuple(
    f"ExtendedS3DestinationDescription.{name}"
    for name in ("BucketARN", "RoleARN", "Prefix", "EncryptionConfiguration.KMSEncryptionConfig.AWSKMSKeyARN")
)
_ENDPOINT = tuple(
    f"HttpEndpointDestinationDescription.{name}"
    for name in ("EndpointConfiguration.Name", "EndpointConfiguration.Url", "S3DestinationDescription.BucketARN")
)
DELIVERY_STREAM = Question(
    service="firehose",
    operation="describe_delivery_stream",
    keep=(
        "DeliveryStreamDescription.DeliveryStreamARN",
        "DeliveryStreamDescription.DeliveryStreamEncryptionConfiguration",
        *(f"DeliveryStreamDescription.Destinations.{name}" for name in (*_BUCKET, *_ENDPOINT)),
    ),
    urls=frozenset({"Url"}),
)
DELIVERY_TAGS = Question(service="firehose", operation="list_tags_for_delivery_stream", keep=("Tags",), items="Tags")
MAX_TAGS = 50
"""Of one resource, and of one answer
(https://docs.aws.amazon.com/firehose/latest/APIReference/API_ListTagsForDeliveryStream.html)."""


def streams(region: Region) -> Iterator[Live]:
    """Data streams."""
    for name in region.pages(STREAMS):
        stream = (region.ask(SUMMARY, StreamName=name) or {})["StreamDescriptionSummary"]
        yield Live(
            id=stream["StreamARN"],
            name=name,
            props={
                "arn": stream["StreamARN"],
                "name": name,
                "encryptionType": stream.get("EncryptionType", "NONE"),
                "kmsKeyId": stream.get("KeyId", ""),
                "retentionPeriod": stream.get("RetentionPeriodHours"),
                "shardCount": stream.get("OpenShardCount"),
                "streamModeDetails": camel(stream.get("StreamModeDetails") or {}),
                "tags": tags_of(region, STREAM_TAGS, StreamName=name, Limit=MAX_TAGS),
            },
        )


def delivery_streams(region: Region) -> Iterator[Live]:
    """Delivery streams and where they deliver."""
    for name in _delivery_names(region):
        stream = (region.ask(DELIVERY_STREAM, DeliveryStreamName=name) or {})["DeliveryStreamDescription"]
        destination = (stream.get("Destinations") or [{}])[0]
        bucket = destination.get("ExtendedS3DestinationDescription")
        endpoint = destination.get("HttpEndpointDestinationDescription")
        encryption = stream.get("DeliveryStreamEncryptionConfiguration") or {}
        props = {
            "extendedS3Configuration": _bucket(bucket) if bucket else None,
            "httpEndpointConfiguration": _http(endpoint) if endpoint else None,
        }
        yield Live(
            id=stream["DeliveryStreamARN"],
            name=name,
            props={
                "arn": stream["DeliveryStreamARN"],
                "name": name,
                **{key: value for key, value in props.items() if value},
                "serverSideEncryption": {
                    "enabled": encryption.get("Status") == "ENABLED",
                    "keyArn": encryption.get("KeyARN", ""),
                    "keyType": encryption.get("KeyType", ""),
                },
                "tags": tags_of(region, DELIVERY_TAGS, DeliveryStreamName=name, Limit=MAX_TAGS),
            },
        )


def _delivery_names(region: Region) -> Iterator[str]:
    """boto3 has no paginator for this list: each page begins after the last name."""
    after: dict[str, str] = {}
    for _ in range(MAX_PAGES):
        answer = region.ask(DELIVERY_STREAMS, **after) or {}
        names = answer.get("DeliveryStreamNames") or []
        yield from names
        if not names or not answer.get("HasMoreDeliveryStreams"):
            return
        after = {"ExclusiveStartDeliveryStreamName": names[-1]}
    raise NotObservedError(f"{DELIVERY_STREAMS.name}: more than {MAX_PAGES:,} pages")


def _bucket(found: Mapping[str, Any]) -> dict[str, Any]:
    key = ((found.get("EncryptionConfiguration") or {}).get("KMSEncryptionConfig") or {}).get("AWSKMSKeyARN", "")
    return {
        "bucketArn": found["BucketARN"],
        "roleArn": found.get("RoleARN", ""),
        "prefix": found.get("Prefix", ""),
        "kmsKeyArn": key,
    }


def _http(found: Mapping[str, Any]) -> dict[str, Any]:
    bucket = (found.get("S3DestinationDescription") or {}).get("BucketARN")
    backup = {"s3Configuration": {"bucketArn": bucket}} if bucket else {}
    return {**camel(found["EndpointConfiguration"]), **backup}


Reader(type="aws:kinesis/stream:Stream", read=streams, source=STREAMS)
Reader(type="aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream", read=delivery_streams, source=DELIVERY_STREAMS)
