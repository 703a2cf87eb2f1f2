"""What a call of an SDK needs of IAM, read from the request as it goes over the wire."""

import io
from typing import Any
from urllib.parse import unquote, urlsplit

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.config import Config

from sandbox.aws.iam.needs import needs
from sandbox.aws.iam.requests import Asked, credential, read

ACCOUNT = "123456789012"
ENDPOINT = "http://127.0.0.1:5000"


class Sent(Exception):
    """Carries what would have been sent."""


def environ_of(request: AWSPreparedRequest) -> dict[str, Any]:
    """The WSGI environment in which a server gets a request."""
    parts = urlsplit(request.url)
    body = request.body or b""
    data = body.encode() if isinstance(body, str) else body.read() if hasattr(body, "read") else body
    headers = {
        "HTTP_" + name.upper().replace("-", "_"): value.decode() if isinstance(value, bytes) else str(value)
        for name, value in request.headers.items()
    }
    return {
        **headers, "HTTP_HOST": parts.netloc, "REQUEST_METHOD": request.method, "PATH_INFO": unquote(parts.path),
        "QUERY_STRING": parts.query, "CONTENT_TYPE": headers.get("HTTP_CONTENT_TYPE", ""),
        "CONTENT_LENGTH": str(len(data)), "wsgi.input": io.BytesIO(data),
    }  # fmt: skip


def asked(service: str, call: str, **arguments: Any) -> Asked:
    """A call of boto3 as the gate sees it."""
    client = boto3.client(
        service,
        region_name="eu-west-1",
        endpoint_url=ENDPOINT,
        aws_access_key_id="ASIAEXAMPLE",
        aws_secret_access_key="s",
        aws_session_token="t",
        config=Config(parameter_validation=False),
    )

    def stop(request: AWSPreparedRequest, **_: Any) -> None:
        raise Sent(request)

    client.meta.events.register_first("before-send.*.*", stop)
    with pytest.raises(Sent) as sent:
        getattr(client, call)(**arguments)
    environ = environ_of(sent.value.args[0])
    who = credential(environ)
    assert who is not None
    assert (who.access_key_id, who.region, who.token) == ("ASIAEXAMPLE", "eu-west-1", "t")
    return read(environ, who, ACCOUNT)


def needed(service: str, call: str, **arguments: Any) -> list[tuple[str, str]]:
    return [(need.action, need.resource) for need in needs(asked(service, call, **arguments))]


@pytest.mark.parametrize(
    ("service", "call", "arguments", "expected"),
    [
        (
            "kinesis", "put_records", {"StreamName": "s", "Records": [{"Data": b"x", "PartitionKey": "a"}]},
            ["kinesis:PutRecords arn:aws:kinesis:eu-west-1:123456789012:stream/s"],
        ),
        (
            "kinesis", "get_records", {"ShardIterator": "czpzaGFyZElkLTA6Nw==\n"},
            ["kinesis:GetRecords arn:aws:kinesis:eu-west-1:123456789012:stream/s"],
        ),
        (
            "sqs", "send_message_batch",
            {"QueueUrl": f"{ENDPOINT}/123456789012/q.fifo", "Entries": [{"Id": "1", "MessageBody": "b"}]},
            ["sqs:SendMessage arn:aws:sqs:eu-west-1:123456789012:q.fifo"],
        ),
        (
            "dynamodb", "batch_write_item",
            {"RequestItems": {"t": [{"DeleteRequest": {"Key": {"k": {"S": "1"}}}}], "u": []}},
            [
                "dynamodb:BatchWriteItem arn:aws:dynamodb:eu-west-1:123456789012:table/t",
                "dynamodb:BatchWriteItem arn:aws:dynamodb:eu-west-1:123456789012:table/u",
            ],
        ),
        (
            "dynamodb", "query", {"TableName": "t", "IndexName": "i", "KeyConditionExpression": "k = 1"},
            ["dynamodb:Query arn:aws:dynamodb:eu-west-1:123456789012:table/t/index/i"],
        ),
        (
            "dynamodb", "transact_write_items",
            {"TransactItems": [
                {"Put": {"TableName": "t", "Item": {"k": {"S": "1"}}}},
                {"ConditionCheck": {"TableName": "u", "Key": {"k": {"S": "1"}}, "ConditionExpression": "k = 1"}},
            ]},
            [
                "dynamodb:PutItem arn:aws:dynamodb:eu-west-1:123456789012:table/t",
                "dynamodb:ConditionCheckItem arn:aws:dynamodb:eu-west-1:123456789012:table/u",
            ],
        ),
        ("s3", "list_objects_v2", {"Bucket": "b"}, ["s3:ListBucket arn:aws:s3:::b"]),
        ("s3", "head_object", {"Bucket": "b", "Key": "k/1"}, ["s3:GetObject arn:aws:s3:::b/k/1"]),
        (
            "s3", "get_object", {"Bucket": "b", "Key": "k 1", "VersionId": "v"},
            ["s3:GetObjectVersion arn:aws:s3:::b/k 1"],
        ),
        (
            "s3", "put_object",
            {"Bucket": "b", "Key": "k", "ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": "2030-01-01"},
            ["s3:PutObject arn:aws:s3:::b/k", "s3:PutObjectRetention arn:aws:s3:::b/k"],
        ),
        (
            "s3", "copy_object", {"Bucket": "b", "Key": "k", "CopySource": "c/old key"},
            ["s3:PutObject arn:aws:s3:::b/k", "s3:GetObject arn:aws:s3:::c/old key"],
        ),
        ("s3", "create_multipart_upload", {"Bucket": "b", "Key": "k"}, ["s3:PutObject arn:aws:s3:::b/k"]),
        (
            "s3", "upload_part", {"Bucket": "b", "Key": "k", "PartNumber": 1, "UploadId": "u"},
            ["s3:PutObject arn:aws:s3:::b/k"],
        ),
        (
            "secretsmanager", "get_secret_value", {"SecretId": "cell-api-keys"},
            ["secretsmanager:GetSecretValue arn:aws:secretsmanager:eu-west-1:123456789012:secret:cell-api-keys"],
        ),
        (
            "ssm", "get_parameters", {"Names": ["/cell/map", "other"]},
            [
                "ssm:GetParameters arn:aws:ssm:eu-west-1:123456789012:parameter/cell/map",
                "ssm:GetParameters arn:aws:ssm:eu-west-1:123456789012:parameter/other",
            ],
        ),
        ("cloudwatch", "put_metric_data", {"Namespace": "Cell", "MetricData": []}, ["cloudwatch:PutMetricData *"]),
        (
            "events", "put_events", {"Entries": [{"EventBusName": "cell", "Source": "s", "DetailType": "d"}]},
            ["events:PutEvents arn:aws:events:eu-west-1:123456789012:event-bus/cell"],
        ),
        (
            "kms", "generate_data_key", {"KeyId": "0000", "KeySpec": "AES_256"},
            ["kms:GenerateDataKey arn:aws:kms:eu-west-1:123456789012:key/0000"],
        ),
        ("sts", "get_caller_identity", {}, []),
        (
            "sts", "assume_role",
            {"RoleArn": "arn:aws:iam::1:role/r", "RoleSessionName": "s", "Tags": [{"Key": "a", "Value": "b"}]},
            ["sts:AssumeRole arn:aws:iam::1:role/r", "sts:TagSession arn:aws:iam::1:role/r"],
        ),
        ("eks", "describe_cluster", {"name": "c"}, ["eks:DescribeCluster *"]),
    ],
)  # fmt: skip
def test_a_call_needs_these_actions_on_these_resources(
    service: str, call: str, arguments: dict[str, Any], expected: list[str]
) -> None:
    assert [f"{action} {resource}" for action, resource in needed(service, call, **arguments)] == expected


def test_the_condition_keys_of_a_call_come_from_its_parameters() -> None:
    (metric,) = needs(asked("cloudwatch", "put_metric_data", Namespace="Cell", MetricData=[]))
    assert metric.context == {"cloudwatch:namespace": "Cell"}
    (listed,) = needs(asked("s3", "list_objects_v2", Bucket="b", Prefix="events/"))
    assert listed.context["s3:prefix"] == "events/"
    (event,) = needs(asked("events", "put_events", Entries=[{"Source": "payment-cell.a", "DetailType": "x"}]))
    assert event.context == {"events:source": "payment-cell.a", "events:detail-type": "x"}
    data_key = {"KeyId": "k", "KeySpec": "AES_256", "EncryptionContext": {"subject": "s1", "purpose": "fraud"}}
    (key,) = needs(asked("kms", "generate_data_key", **data_key))
    assert key.context["kms:EncryptionContext:purpose"] == "fraud"
    assert key.context["kms:EncryptionContextKeys"] == ["purpose", "subject"]
    assert key.context["kms:CallerAccount"] == ACCOUNT
    role = {"RoleArn": "arn:aws:iam::1:role/r", "RoleSessionName": "s"}
    assumed = needs(asked("sts", "assume_role", **role, Tags=[{"Key": "kubernetes-namespace", "Value": "fraud"}]))
    assert assumed[0].context["aws:RequestTag/kubernetes-namespace"] == "fraud"


def test_a_presigned_url_is_a_request_of_whoever_signed_it() -> None:
    client = boto3.client(
        "s3", region_name="eu-west-1", endpoint_url=ENDPOINT,
        aws_access_key_id="ASIAEXAMPLE", aws_secret_access_key="s", aws_session_token="t",
        config=Config(signature_version="s3v4"),
    )  # fmt: skip
    url = urlsplit(client.generate_presigned_url("get_object", Params={"Bucket": "b", "Key": "k"}))
    environ = {"QUERY_STRING": url.query, "PATH_INFO": url.path, "REQUEST_METHOD": "GET", "HTTP_HOST": url.netloc}
    who = credential(environ)
    assert who is not None
    assert (who.access_key_id, who.token, who.service) == ("ASIAEXAMPLE", "t", "s3")
    assert [need.action for need in needs(read(environ, who, ACCOUNT))] == ["s3:GetObject"]
