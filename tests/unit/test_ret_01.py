"""RET-01: ends of what is kept."""

from pathlib import Path
from typing import Any

import pytest
from attested import assert_attested

import catalogue
from policies.control import Status
from policies.resources import Resource
from policies.testing import UNKNOWN, resource, verdicts

EXPIRE, OLD = "objects_expire", "old_versions_expire"
BUCKET = resource("aws:s3/bucket:Bucket", "bucket")
VERSIONED = resource("aws:s3/bucketVersioning:BucketVersioning", "versions", {"bucket": [BUCKET]}, bucket=UNKNOWN)
WHOLE: dict[str, Any] = {
    "status": "Enabled",
    "filter": {"prefix": ""},
    "expiration": {"days": 30},
    "noncurrentVersionExpiration": {"noncurrentDays": 30},
}


def lifecycle(rules: Any, *buckets: Resource) -> Resource:
    type_ = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
    return resource(type_, "lifecycle", {"bucket": buckets}, bucket=UNKNOWN, rules=rules)


def judged(*others: Resource, bucket: Resource = BUCKET) -> tuple[Status, Status]:
    found = verdicts("RET-01", bucket, *others)
    return found["bucket", EXPIRE], found["bucket", OLD]


def test_objects_and_old_versions_expire() -> None:
    assert judged(VERSIONED, lifecycle([WHOLE], BUCKET)) == (Status.PASS, Status.PASS)
    assert judged(VERSIONED) == (Status.FAIL, Status.FAIL)
    assert judged() == (Status.FAIL, Status.NOT_APPLICABLE)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"expiration": None}, (Status.FAIL, Status.PASS)),
        ({"expiration": {"expiredObjectDeleteMarker": True}}, (Status.FAIL, Status.PASS)),
        ({"noncurrentVersionExpiration": None}, (Status.PASS, Status.FAIL)),
        ({"status": "Disabled"}, (Status.FAIL, Status.FAIL)),
        ({"filter": {"prefix": "tmp/"}}, (Status.FAIL, Status.FAIL)),
        ({"filter": None, "prefix": "tmp/"}, (Status.FAIL, Status.FAIL)),
        ({"filter": None}, (Status.PASS, Status.PASS)),
        ({"expiration": {"days": UNKNOWN}}, (Status.UNDETERMINED, Status.UNDETERMINED)),
        ({"expiration": {"days": 2557}}, (Status.PASS, Status.PASS)),
        ({"expiration": {"days": 2558}}, (Status.PASS, Status.FAIL)),
        ({"expiration": {"days": 2588}}, (Status.FAIL, Status.FAIL)),
        ({"noncurrentVersionExpiration": {"noncurrentDays": 2588}}, (Status.PASS, Status.FAIL)),
        ({"expiration": {"date": "2030-01-01T00:00:00Z"}}, (Status.PASS, Status.PASS)),
    ],
)
def test_a_rule_counts_where_it_is_enabled_for_the_whole_bucket(
    changed: dict[str, Any], expected: tuple[Status, Status]
) -> None:
    assert judged(VERSIONED, lifecycle([{**WHOLE, **changed}], BUCKET)) == expected


def test_of_several_rules_the_shortest_holds_and_classes_have_times_of_their_own() -> None:
    longer = {**WHOLE, "expiration": {"days": 3650}}
    assert judged(VERSIONED, lifecycle([longer, WHOLE], BUCKET)) == (Status.PASS, Status.PASS)
    assert judged(VERSIONED, lifecycle([longer], BUCKET)) == (Status.FAIL, Status.FAIL)
    models = resource("aws:s3/bucket:Bucket", "bucket", tags={"payment-cell:data-class": "confidential"})
    versions = resource("aws:s3/bucketVersioning:BucketVersioning", "v", {"bucket": [models]}, bucket=UNKNOWN)
    assert judged(versions, lifecycle([longer], models), bucket=models) == (Status.PASS, Status.PASS)


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        ({"retentionPeriod": 336}, Status.PASS),
        ({"retentionPeriod": 337}, Status.FAIL),
        ({}, Status.PASS),
        ({"retentionPeriod": 8760, "tags": {"payment-cell:data-class": "internal"}}, Status.NOT_APPLICABLE),
    ],
)
def test_a_stream_forgets_in_time(hours: dict[str, Any], expected: Status) -> None:
    stream = resource("aws:kinesis/stream:Stream", "stream", **hours)
    assert verdicts("RET-01", stream) == {("stream", "stream_forgets"): expected}


def test_hours_that_come_from_elsewhere_and_are_not_known_yet_are_undetermined() -> None:
    setting = resource("aws:ssm/parameter:Parameter", "hours")
    stream = resource("aws:kinesis/stream:Stream", "stream", {"retentionPeriod": [setting]}, retentionPeriod=UNKNOWN)
    assert verdicts("RET-01", stream, setting)["stream", "stream_forgets"] is Status.UNDETERMINED


@pytest.mark.parametrize(
    ("props", "expected"),
    [
        ({"ttl": {"enabled": True, "attributeName": "expires"}}, Status.PASS),
        ({"ttl": {"enabled": False}}, Status.FAIL),
        ({}, Status.FAIL),
        ({"ttl": UNKNOWN}, Status.UNDETERMINED),
        ({"tags": {"payment-cell:use": "subject-keys"}}, Status.NOT_APPLICABLE),
        ({"tags": {"payment-cell:data-class": "confidential"}}, Status.NOT_APPLICABLE),
    ],
)
def test_items_with_personal_data_expire(props: dict[str, Any], expected: Status) -> None:
    table = resource("aws:dynamodb/table:Table", "table", **props)
    assert verdicts("RET-01", table) == {("table", "items_expire"): expected}


def test_unknown_rules_and_buckets_are_undetermined() -> None:
    assert judged(VERSIONED, lifecycle(UNKNOWN, BUCKET)) == (Status.UNDETERMINED, Status.UNDETERMINED)
    assert judged(VERSIONED, lifecycle([WHOLE])) == (Status.UNDETERMINED, Status.UNDETERMINED)


def test_a_bucket_below_confidential_is_not_asked() -> None:
    internal = resource("aws:s3/bucket:Bucket", "bucket", tags={"payment-cell:data-class": "internal"})
    assert judged(bucket=internal) == (Status.NOT_APPLICABLE, Status.NOT_APPLICABLE)


@pytest.mark.parametrize(
    ("days", "expected"),
    [(30, Status.PASS), (0, Status.FAIL), (None, Status.FAIL), (UNKNOWN, Status.UNDETERMINED)],
)
def test_archives_and_backups_end(days: Any, expected: Status) -> None:
    archive = resource("aws:cloudwatch/eventArchive:EventArchive", "archive", retentionDays=days)
    assert verdicts("RET-01", archive) == {("archive", "archive_forgets"): expected}
    longer = resource("aws:cloudwatch/eventArchive:EventArchive", "archive", retentionDays=31)
    assert verdicts("RET-01", longer) == {("archive", "archive_forgets"): Status.FAIL}
    own = resource("aws:backup/plan:Plan", "plan", rules=[{"ruleName": "a", "lifecycle": {"deleteAfter": days}}])
    assert verdicts("RET-01", own) == {("plan", "backups_expire"): expected}
    copied = {
        "ruleName": "a",
        "lifecycle": {"deleteAfter": 1},
        "copyActions": [{"lifecycle": {"deleteAfter": days}}],
    }
    assert verdicts("RET-01", resource("aws:backup/plan:Plan", "plan", rules=[copied])) == {
        ("plan", "backups_expire"): expected
    }


def test_a_rule_without_any_lifecycle_keeps_for_ever() -> None:
    plan = resource("aws:backup/plan:Plan", "plan", rules=[{"ruleName": "a"}])
    assert verdicts("RET-01", plan) == {("plan", "backups_expire"): Status.FAIL}


def test_the_purge_of_rows_is_attested_for_92_days_against_a_time_of_the_register(tmp_path: Path) -> None:
    assert_attested(tmp_path, "RET-01 rows_were_purged", days=92)
    assert catalogue.processing().longest_days("aws:rds/cluster:Cluster", "payments") == 2557
