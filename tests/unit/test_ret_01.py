"""RET-01: ends of what is kept."""

from typing import Any

import pytest

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
        ({"expiration": {"days": UNKNOWN}}, (Status.UNDETERMINED, Status.PASS)),
    ],
)
def test_a_rule_counts_where_it_is_enabled_for_the_whole_bucket(
    changed: dict[str, Any], expected: tuple[Status, Status]
) -> None:
    assert judged(VERSIONED, lifecycle([{**WHOLE, **changed}], BUCKET)) == expected


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
