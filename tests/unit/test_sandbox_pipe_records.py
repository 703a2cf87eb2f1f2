"""What a pipe makes of a Kinesis record."""

import base64
import json
from typing import Any

import pytest
from moto.kinesis.models import Record

from sandbox.aws.extensions.pipes.records import event, message, parsed, resolved

STREAM = "arn:aws:kinesis:eu-west-1:123456789012:stream/dev"
ROLE = "arn:aws:iam::123456789012:role/pipe"


def given(data: bytes) -> dict[str, Any]:
    record = Record("acct_1", base64.b64encode(data).decode(), 4966, "")
    return event(record, "shardId-000000000001", STREAM, ROLE)


def test_a_record_has_the_fields_that_aws_documents() -> None:
    made = given(b"x")
    # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-kinesis.html
    assert made.keys() == {
        "kinesisSchemaVersion", "partitionKey", "sequenceNumber", "data", "approximateArrivalTimestamp", "eventSource",
        "eventVersion", "eventID", "eventName", "invokeIdentityArn", "awsRegion", "eventSourceARN",
    }  # fmt: skip
    assert made["eventID"] == "shardId-000000000001:4966"
    assert made["sequenceNumber"] == "4966"
    assert base64.b64decode(made["data"]) == b"x"
    assert json.loads(message(None, made, parsed(made))) == made


def test_the_template_of_the_event_log_gives_json_with_the_decoded_data() -> None:
    made = given(b'{"type": "payment.succeeded", "amount": 1, "name": "a \\"b\\""}')
    template = '{"account": <$.partitionKey>, "sequence": <$.sequenceNumber>, "event": <$.data>}'
    assert json.loads(message(template, made, parsed(made))) == {
        "account": "acct_1",
        "sequence": "4966",
        "event": {"type": "payment.succeeded", "amount": 1, "name": 'a "b"'},
    }


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ('{"a": "<$.data.amount>"}', {"a": "7"}),
        ('{"a": "of <$.partitionKey>: <$.data.amount>"}', {"a": "of acct_1: 7"}),
        ('{"a": "<$.data.name>"}', {"a": 'x"y'}),
        ('{"a": <$.data.nothing>}', {"a": ""}),
    ],
)
def test_places_in_quotes_are_text(template: str, text: Any) -> None:
    made = given(b'{"amount": 7, "name": "x\\"y"}')
    assert json.loads(message(template, made, parsed(made))) == text


def test_a_target_parameter_is_a_path_or_itself() -> None:
    body = parsed(given(b'{"type": "payment.succeeded"}'))
    assert resolved("$.data.type", body) == "payment.succeeded"
    assert resolved("$.eventID", body) == "shardId-000000000001:4966"
    assert resolved("payment-cell.dev", body) == "payment-cell.dev"
    assert resolved(None, body) is None


def test_data_that_is_no_json_stays_base64() -> None:
    made = given(b"\xff\x00")
    assert parsed(made)["data"] == made["data"]
