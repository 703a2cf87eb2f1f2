"""LOG-03: the lock on what trails write."""

import pytest

from policies.control import Status
from policies.resources import Resource
from policies.testing import MADE_UP, UNKNOWN, resource, verdicts

LOCKS, MODE = "audit_bucket_locks_its_objects", "audit_lock_is_in_compliance_mode"
LASTS = "audit_lock_lasts"
REAL = {"payment-cell:data-origin": ""}
BUCKET = resource("aws:s3/bucket:Bucket", "audit", bucket="audit-logs")


def trail(*sources: Resource, name: str = UNKNOWN) -> Resource:
    return resource("aws:cloudtrail/trail:Trail", "trail", {"s3BucketName": sources}, s3BucketName=name)


def lock(*sources: Resource, bucket: str = UNKNOWN, **retention: object) -> Resource:
    return resource(
        "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration",
        "lock",
        {"bucket": sources},
        bucket=bucket,
        rule={"defaultRetention": retention} if retention else None,
    )


def judged(*others: Resource, bucket: Resource = BUCKET) -> tuple[Status, Status]:
    found = verdicts("LOG-03", bucket, *others)
    return found["audit", LOCKS], found["audit", MODE]


def test_the_bucket_of_a_trail_is_locked_in_compliance_mode() -> None:
    writes = trail(BUCKET)
    assert judged(writes) == (Status.FAIL, Status.FAIL)
    assert judged(writes, lock(BUCKET)) == (Status.FAIL, Status.FAIL)
    assert judged(writes, lock(BUCKET, mode="GOVERNANCE", days=1)) == (Status.PASS, Status.FAIL)
    assert judged(writes, lock(BUCKET, mode="COMPLIANCE", years=1)) == (Status.PASS, Status.PASS)
    assert judged(writes, lock(BUCKET, mode=UNKNOWN, days=1)) == (Status.PASS, Status.UNDETERMINED)


def test_a_bucket_is_known_by_its_literal_name() -> None:
    assert judged(trail(name="audit-logs")) == (Status.FAIL, Status.FAIL)
    assert judged(trail(name="other")) == (Status.NOT_APPLICABLE, Status.NOT_APPLICABLE)


def test_a_bucket_says_that_trails_of_other_stacks_write_to_it() -> None:
    tagged = resource("aws:s3/bucket:Bucket", "audit", tags={"payment-cell:use": "audit-trail"})
    assert judged(bucket=tagged) == (Status.FAIL, Status.FAIL)
    assert judged(lock(tagged, mode="COMPLIANCE", days=1), bucket=tagged) == (Status.PASS, Status.PASS)


def test_a_lock_of_an_unknown_bucket_may_be_this_ones() -> None:
    assert judged(trail(BUCKET), lock(mode="COMPLIANCE", days=1)) == (Status.UNDETERMINED, Status.UNDETERMINED)
    assert judged(trail(BUCKET), lock(bucket="other", mode="COMPLIANCE", days=1)) == (Status.FAIL, Status.FAIL)


def test_compliance_mode_is_for_production_only() -> None:
    here = resource("aws:s3/bucket:Bucket", "audit", tags=MADE_UP)
    locked = lock(here, mode="GOVERNANCE", days=1)
    assert judged(trail(here), locked, bucket=here) == (Status.PASS, Status.NOT_APPLICABLE)
    assert judged(trail(here), bucket=here) == (Status.FAIL, Status.NOT_APPLICABLE)


@pytest.mark.parametrize(
    ("retention", "expected"),
    [
        ({"days": 365}, Status.PASS),
        ({"days": 364}, Status.FAIL),
        ({"years": 1}, Status.PASS),
        ({"days": UNKNOWN}, Status.UNDETERMINED),
        ({}, Status.FAIL),
    ],
)
def test_the_lock_lasts_as_long_as_the_register_says(retention: dict[str, object], expected: Status) -> None:
    locked = lock(BUCKET, mode="COMPLIANCE", **retention)
    assert verdicts("LOG-03", BUCKET, trail(BUCKET), locked)["audit", LASTS] is expected
    assert verdicts("LOG-03", BUCKET, locked)["audit", LASTS] is Status.NOT_APPLICABLE


def test_only_synthetic_data_is_locked_for_less() -> None:
    for tags, expected in ((MADE_UP, Status.NOT_APPLICABLE), ({**MADE_UP, **REAL}, Status.FAIL)):
        here = resource("aws:s3/bucket:Bucket", "audit", tags=tags)
        assert verdicts("LOG-03", here, trail(here), lock(here, mode="GOVERNANCE", days=1))["audit", LASTS] is expected
