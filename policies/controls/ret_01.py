"""RET-01: what is kept ends: objects, old versions, archives of events, streams, items, backups.

By when is in the register of retention (catalogue/processing.yaml); BCK-03 asks it of backups, LOG-06 of log groups.
Left out: when items expire, which each says itself, and queues, which keep nothing for more than 14 days. What is
deleted of a database's rows no declaration shows: somebody attests it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from policies.control import (
    GDPR,
    SOC2,
    Asked,
    Clause,
    Control,
    Severity,
    Source,
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
from policies.retention import within_register
from policies.stores import and_above, data_class

_BUCKET = frozenset({"aws:s3/bucket:Bucket"})
_LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
_VERSIONING = "aws:s3/bucketVersioning:BucketVersioning"


def objects_expire(bucket: Resource, stack: Stack) -> Verdict:
    """A rule whose filter is empty holds for all objects of a bucket (S3 API reference, LifecycleRuleFilter); of
    several the shortest."""
    if any((rule.get("expiration") or {}).get("date") for rule in _rules(bucket, stack)):
        return passed()
    if days := _days(bucket, stack, "expiration", "days"):
        return _within(min(days), "expiration.days", bucket)
    return _no_rule(bucket, stack, "expiration")


def old_versions_expire(bucket: Resource, stack: Stack) -> Verdict:
    """In a versioned bucket an expired object stays as an old version, so that its time is both together
    (https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html)."""
    if not any(naming(bucket, stack, [_VERSIONING], "bucket")):
        return not_applicable("the stack does not version this bucket")
    if old := _days(bucket, stack, "noncurrentVersionExpiration", "noncurrentDays"):
        days = min(_days(bucket, stack, "expiration", "days"), default=0)
        return _within(days + min(old), "expiration.days with noncurrentDays", bucket)
    return _no_rule(bucket, stack, "noncurrentVersionExpiration")


def archive_forgets(archive: Resource, _: Stack) -> Verdict:
    """Without days, or with 0, EventBridge keeps events for ever (API reference, CreateArchive, RetentionDays)."""
    if days := archive.props.get("retentionDays"):
        return _within(days, "retentionDays", archive)
    return failed("retentionDays is not set: events are kept for ever")


def stream_forgets(stream: Resource, _: Stack) -> Verdict:
    """Without hours Kinesis keeps records for a day (API reference, CreateStream)."""
    hours = stream.given("retentionPeriod") or 24
    return _within(hours / 24, "retentionPeriod", stream)


def items_expire(table: Resource, _: Stack) -> Verdict:
    """Each item says itself when: DynamoDB deletes it some days after the time in its attribute
    (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html)."""
    if table.tag("payment-cell:use") == "subject-keys":
        return not_applicable("a key goes when its subject is erased: KEY-07")
    return passed() if (table.props.get("ttl") or {}).get("enabled") else failed("ttl.enabled is not true")


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


def _days(bucket: Resource, stack: Stack, part: str, name: str) -> list[float]:
    """Days that a part of these rules gives."""
    return [days for rule in _rules(bucket, stack) if (days := (rule.get(part) or {}).get(name))]


def _within(days: float, name: str, store: Resource) -> Verdict:
    return within_register(days, name, store.type, data_class(store))


def _no_rule(bucket: Resource, stack: Stack, name: str) -> Verdict:
    if unknown := may_name(bucket, stack, [_LIFECYCLE], "bucket"):
        return undetermined(unknown)
    return failed(f"no enabled lifecycle rule for the whole bucket has {name}")


RET_01 = Control(
    id="RET-01",
    title="What is kept ends in time: objects, old versions, archives of events, streams, items, backups",
    severity=Severity.MEDIUM,
    clauses=(
        StackClause(resource_types=_BUCKET, check=objects_expire, data_classes=and_above("confidential")),
        StackClause(resource_types=_BUCKET, check=old_versions_expire, data_classes=and_above("confidential")),
        StackClause(resource_types=frozenset({"aws:cloudwatch/eventArchive:EventArchive"}), check=archive_forgets),
        StackClause(
            resource_types=frozenset({"aws:kinesis/stream:Stream"}),
            check=stream_forgets,
            data_classes=and_above("confidential"),
        ),
        StackClause(
            resource_types=frozenset({"aws:dynamodb/table:Table"}),
            check=items_expire,
            data_classes=and_above("personal"),
        ),
        Clause(resource_types=frozenset({"aws:backup/plan:Plan"}), check=backups_expire),
    ),
    asked=(
        Asked(
            name="rows_were_purged",
            statement="rows of databases that are older than the register of retention allows were deleted in the "
            "period, table by table; where a legal duty keeps one for longer, the duty and its end are named",
            source=Source.ATTESTATION,
            max_age_days=92,
        ),
    ),
    maps_to=(
        GDPR("5(1)(e)", Strength.PARTIAL),
        SOC2("C1.2", Strength.PARTIAL),
        SOC2("P4.2", Strength.PARTIAL),
        SOC2("CC6.5", Strength.SUPPORTS),
    ),
    risk="What nobody needs any more can still leak, and has to be searched for every request of a person.",
    remediation="Declare lifecycle rules for the whole bucket, retentionDays, retentionPeriod, ttl and deleteAfter, "
    "none longer than retention in catalogue/processing.yaml; where the longer time has a reason, enter it there. "
    "Attest the purge of rows in attestations/.",
)
