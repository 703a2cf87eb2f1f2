"""What is said of a stack's resources."""

from datetime import date
from typing import Any

from operations.summary import by_component, kept

CELL = "urn:pulumi:x::payment-cell::payment-cell:components:PaymentCell::x"
LOG = "urn:pulumi:x::payment-cell::payment-cell:components:PaymentCell$payment-cell:components:EventLog::x"


def resource(type_: str, id_: str, parent: str = LOG, **more: Any) -> dict[str, Any]:
    urn = f"urn:pulumi:x::payment-cell::{type_}::{id_}"
    return {"urn": urn, "type": type_, "id": id_, "parent": parent, "outputs": {}, **more}


def test_resources_are_counted_by_their_innermost_component() -> None:
    resources = [
        {"urn": CELL, "type": "payment-cell:components:PaymentCell", "parent": ""},
        {"urn": LOG, "type": "payment-cell:components:EventLog", "parent": CELL},
        resource("aws:kinesis/stream:Stream", "stream"),
        resource("aws:sqs/queue:Queue", "queue"),
        resource("aws:kms/key:Key", "key", parent=CELL),
    ]
    assert by_component(resources) == {"EventLog": 2, "PaymentCell": 1}


def test_what_stays_is_named_with_the_day_that_releases_it() -> None:
    rule = {"defaultRetention": {"mode": "COMPLIANCE", "days": 10}}
    lock = "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration"
    lines = kept(
        [
            resource("aws:s3/bucket:Bucket", "archive", retainOnDelete=True),
            resource(lock, "archive", retainOnDelete=True, outputs={"bucket": "archive", "rule": rule}),
            resource("aws:s3/bucket:Bucket", "logs", retainOnDelete=True),
            resource("aws:kms/key:Key", "k", retainOnDelete=True, outputs={"arn": "arn:aws:kms:eu-west-1:1:key/k"}),
            resource("aws:kms/key:Key", "gone"),
        ],
        date(2026, 11, 23),
    )
    assert [line.split(":")[0] for line in lines] == ["bucket archive", "bucket logs", "key arn"]
    assert "2026-12-03" in lines[0]
