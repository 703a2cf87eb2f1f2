"""LOG-03: what a trail writes cannot be changed or deleted.

For how long is in the register of retention (catalogue/processing.yaml). Live: whether it is in a log account.
"""

from collections.abc import Mapping
from typing import Any

import catalogue
from policies.control import (
    GDPR,
    SOC2,
    Control,
    Environment,
    Severity,
    StackClause,
    Strength,
    Verdict,
    failed,
    not_applicable,
    passed,
    undetermined,
)
from policies.relations import given_at, may_name, naming
from policies.resources import Resource, Stack
from policies.trails import is_audit_bucket

DAYS_OF_A_YEAR = 365
"""S3 says no more of a year; a leap day is not counted."""

_LOCK = "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration"


def audit_bucket_locks_its_objects(bucket: Resource, stack: Stack) -> Verdict:
    """Object Lock holds what has a retention; the default one is what CloudTrail's objects get
    (https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html)."""
    if not is_audit_bucket(bucket, stack):
        return not_applicable("no trail is known to write to it")
    return passed() if _retention(bucket, stack) else _no_retention(bucket, stack)


def audit_lock_is_in_compliance_mode(bucket: Resource, stack: Stack) -> Verdict:
    """In governance mode whoever has s3:BypassGovernanceRetention deletes (same page)."""
    if not is_audit_bucket(bucket, stack):
        return not_applicable("no trail is known to write to it")
    retention = _retention(bucket, stack)
    if not retention:
        return _no_retention(bucket, stack)
    mode = retention.get("mode")
    return passed() if mode == "COMPLIANCE" else failed(f"rule.defaultRetention.mode is {mode}, not COMPLIANCE")


def audit_lock_lasts(bucket: Resource, stack: Stack) -> Verdict:
    """As long as the register says, at least."""
    if not is_audit_bucket(bucket, stack):
        return not_applicable("no trail is known to write to it")
    retention = _retention(bucket, stack)
    if not retention:
        return _no_retention(bucket, stack)
    days = retention.get("days") or retention["years"] * DAYS_OF_A_YEAR
    shortest = catalogue.processing().audit_archive.shortest_days
    if days >= shortest:
        return passed()
    return failed(f"rule.defaultRetention is {days:g} days, below the {shortest} of the register")


def _retention(bucket: Resource, stack: Stack) -> Mapping[str, Any] | None:
    for lock in naming(bucket, stack, [_LOCK], "bucket"):
        found: Mapping[str, Any] = given_at(lock, "rule.defaultRetention") or {}
        if found.get("days") or found.get("years"):
            return found
    return None


def _no_retention(bucket: Resource, stack: Stack) -> Verdict:
    if unknown := may_name(bucket, stack, [_LOCK], "bucket"):
        return undetermined(unknown)
    return failed("no BucketObjectLockConfiguration of this bucket has a default retention")


_BUCKET = frozenset({"aws:s3/bucket:Bucket"})

LOG_03 = Control(
    id="LOG-03",
    title="What a trail writes cannot be changed or deleted",
    severity=Severity.HIGH,
    clauses=(
        StackClause(resource_types=_BUCKET, check=audit_bucket_locks_its_objects),
        StackClause(
            resource_types=_BUCKET,
            check=audit_lock_is_in_compliance_mode,
            environments=frozenset({Environment.PRODUCTION}),
        ),
        StackClause(
            resource_types=_BUCKET,
            check=audit_lock_lasts,
            environments=frozenset({Environment.PRODUCTION, Environment.STAGING}),
        ),
    ),
    maps_to=(GDPR("5(2)", Strength.SUPPORTS), SOC2("CC7.3", Strength.PARTIAL)),
    risk="Whoever breaks in deletes the record of it first.",
    remediation="Declare a BucketObjectLockConfiguration with a default retention of the days of audit_archive in "
    "catalogue/processing.yaml or more, in compliance mode in production.",
)
