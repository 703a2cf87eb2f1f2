"""What is said of a stack's resources."""

from datetime import date
from typing import Any

import pytest

from components.vocabulary import Environment
from operations.plan import Declared, Kind
from operations.summary import by_component, drift_seen, in_rows, kept, unheard

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


def history(kind: str, result: str = "succeeded", **changes: int) -> dict[str, Any]:
    return {"kind": kind, "result": result, "endTime": "2026-11-20T08:00:00.000Z", "resourceChanges": changes}


def test_drift_was_last_seen_by_the_newest_refresh_that_ended_well() -> None:
    past = [history("update", create=3), history("refresh", "failed"), history("refresh", same=9, update=2, delete=1)]
    assert drift_seen(past) == "2026-11-20T08:00:00.000Z: 1 to delete, 2 to update"
    assert drift_seen([history("refresh", same=9), *past]) == "2026-11-20T08:00:00.000Z: none"
    assert drift_seen([history("update")]) == "never in the last 100 operations"


def test_a_status_at_a_glance_has_a_row_a_part_and_a_version() -> None:
    urn = "urn:pulumi:one::payment-cell::aws:sqs/queue:Queue::one-tax"
    drift = [{"urn": urn, "op": "update", "values": {"delaySeconds": (0, 5)}}]
    found = {"stack": "one", "versions": {"nodes": "1.36"}, "health": {"cluster one": "ACTIVE"}, "drift": drift}
    assert in_rows(found) == {
        "stack": "one",
        "version of nodes": "1.36",
        "health of cluster one": "ACTIVE",
        "drift": ["aws:sqs/queue:Queue one-tax: delaySeconds 0 -> 5"],
    }
    assert in_rows({"health": "not observed: x", "drift": []}) == {"health": "not observed: x", "drift": "none"}


TOPIC = resource("aws:sns/topic:Topic", "t")


def subscription(*, pending: bool) -> dict[str, Any]:
    outputs = {"endpoint": "sec@example.com", "region": "us-east-1", "pendingConfirmation": pending}
    return resource("aws:sns/topicSubscription:TopicSubscription", "s", outputs=outputs)


@pytest.mark.parametrize("kind", [Kind.ACCOUNT, Kind.CELL])
def test_alarms_of_production_without_a_subscriber_are_warned_of(kind: Kind) -> None:
    production = Declared(name="x", kind=kind, environment=Environment.PRODUCTION)
    development = Declared(name="x", kind=kind, environment=Environment.DEVELOPMENT)
    (warning,) = unheard([TOPIC], production)
    assert "alarms of x have no subscriber" in warning
    assert unheard([TOPIC], development) == []
    assert unheard([], production) == [], "nothing that could ring"


def test_a_subscriber_who_has_not_confirmed_is_warned_of_until_a_refresh_sees_it() -> None:
    stack = Declared(name="x", kind=Kind.ACCOUNT, environment=Environment.PRODUCTION)
    (warning,) = unheard([TOPIC, subscription(pending=True)], stack)
    assert "do not reach sec@example.com (us-east-1)" in warning
    assert "cell refresh x" in warning
    assert unheard([TOPIC, subscription(pending=False)], stack) == []
