"""RET-01: what is kept ends: objects, old versions, archives of events, backups.

Left out: whether it ends when the register of retention says, rows of databases and items of tables.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from policies.control import (
    GDPR,
    SOC2,
    Clause,
    Control,
    Severity,
    StackClause,
    Strength,
    Verdict,
    failed,
    not_applicable,
    passed,
    undetermined,
)
from policies.relations import may_name, naming
from policies.resources import Resource, Stack
from policies.stores import and_above

_BUCKET = frozenset({"aws:s3/bucket:Bucket"})
_LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
_VERSIONING = "aws:s3/bucketVersioning:BucketVersioning"


def objects_expire(bucket: Resource, stack: Stack) -> Verdict:
    """A rule whose filter is empty holds for all objects of a bucket (S3 API reference, LifecycleRuleFilter)."""
    for rule in _rules(bucket, stack):
        expiration: Mapping[str, Any] = rule.get("expiration") or {}
        if expiration.get("days") or expiration.get("date"):
            return passed()
    return _no_rule(bucket, stack, "expiration")


def old_versions_expire(bucket: Resource, stack: Stack) -> Verdict:
    """In a versioned bucket an expired object stays as an old version
    (https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html)."""
    if not any(naming(bucket, stack, [_VERSIONING], "bucket")):
        return not_applicable("the stack does not version this bucket")
    for rule in _rules(bucket, stack):
        if (rule.get("noncurrentVersionExpiration") or {}).get("noncurrentDays"):
            return passed()
    return _no_rule(bucket, stack, "noncurrentVersionExpiration")


def archive_forgets(archive: Mapping[str, Any]) -> Verdict:
    """Without days, or with 0, EventBridge keeps events for ever (API reference, CreateArchive, RetentionDays)."""
    return passed() if archive.get("retentionDays") else failed("retentionDays is not set: events are kept for ever")


def backups_expire(plan: Mapping[str, Any]) -> Verdict:
    """Without deleteAfter AWS Backup keeps for ever (API reference, Lifecycle, DeleteAfterDays)."""
    for rule in plan["rules"]:
        for kept in (rule, *(rule.get("copyActions") or ())):
            if not (kept.get("lifecycle") or {}).get("deleteAfter"):
                what = "lifecycle" if kept is rule else "copyActions.lifecycle"
                return failed(
                    f"{what}.deleteAfter of rule {rule.get('ruleName')} is not set: backups are kept for ever"
                )
    return passed()


def _rules(bucket: Resource, stack: Stack) -> Iterator[Mapping[str, Any]]:
    """Enabled lifecycle rules for all objects of a bucket."""
    for lifecycle in naming(bucket, stack, [_LIFECYCLE], "bucket"):
        for rule in lifecycle.props["rules"]:
            chosen: Mapping[str, Any] = rule.get("filter") or {}
            if rule.get("status") == "Enabled" and not rule.get("prefix") and not any(chosen.values()):
                yield rule


def _no_rule(bucket: Resource, stack: Stack, name: str) -> Verdict:
    if unknown := may_name(bucket, stack, [_LIFECYCLE], "bucket"):
        return undetermined(unknown)
    return failed(f"no enabled lifecycle rule for the whole bucket has {name}")


RET_01 = Control(
    id="RET-01",
    title="What is kept ends: objects, old versions, archives of events, backups",
    severity=Severity.MEDIUM,
    clauses=(
        StackClause(resource_types=_BUCKET, check=objects_expire, data_classes=and_above("confidential")),
        StackClause(resource_types=_BUCKET, check=old_versions_expire, data_classes=and_above("confidential")),
        Clause(resource_types=frozenset({"aws:cloudwatch/eventArchive:EventArchive"}), check=archive_forgets),
        Clause(resource_types=frozenset({"aws:backup/plan:Plan"}), check=backups_expire),
    ),
    maps_to=(
        GDPR("5(1)(e)", Strength.PARTIAL),
        SOC2("C1.2", Strength.PARTIAL),
        SOC2("P4.2", Strength.PARTIAL),
        SOC2("CC6.5", Strength.SUPPORTS),
    ),
    risk="What nobody needs any more can still leak, and has to be searched for every request of a person.",
    remediation="Declare lifecycle rules for the whole bucket, retentionDays and deleteAfter.",
)
