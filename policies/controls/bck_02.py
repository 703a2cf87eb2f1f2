"""BCK-02: databases, tables and buckets with personal data have a recovery source: vault, archive or replica.

Left out: streams, queues and archives of events, which pass on what a database has. Live: selections of other stacks.
"""

from collections.abc import Mapping
from typing import Any

from policies.control import (
    SAFEGUARDS,
    SOC2,
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
from policies.relations import given_at, may_name, naming
from policies.resources import Resource, Stack
from policies.selections import selected
from policies.stores import and_above

_DATABASES = frozenset({"aws:rds/cluster:Cluster", "aws:rds/instance:Instance"})
_BUCKET, _TABLE = "aws:s3/bucket:Bucket", "aws:dynamodb/table:Table"
_VERSIONING = "aws:s3/bucketVersioning:BucketVersioning"
_LOCK = "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration"
_REPLICATION = "aws:s3/bucketReplicationConfig:BucketReplicationConfig"
_REPLICA = "aws:dynamodb/tableReplica:TableReplica"


def database_is_in_a_backup_selection(database: Resource, stack: Stack) -> Verdict:
    """A vault, beside the snapshots of its own, which go with it."""
    if database.given("replicationSourceIdentifier") or database.given("replicateSourceDb"):
        return not_applicable("a read replica is restored from its source")
    return _in_a_vault(database, stack) or failed("no backup Selection holds this database")


def bucket_can_be_recovered(bucket: Resource, stack: Stack) -> Verdict:
    """From old versions under a lock, from a replica, or from a vault
    (https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html: versions under a lock are not deleted)."""
    versioned = any(
        given_at(one, "versioningConfiguration.status") == "Enabled"
        for one in naming(bucket, stack, [_VERSIONING], "bucket")
    )
    locked = any(given_at(one, "rule.defaultRetention.mode") for one in naming(bucket, stack, [_LOCK], "bucket"))
    if (versioned and locked) or any(
        rule.get("status") == "Enabled"
        for one in naming(bucket, stack, [_REPLICATION], "bucket")
        for rule in one.props["rules"]
    ):
        return passed()
    if unknown := may_name(bucket, stack, [_VERSIONING, _LOCK, _REPLICATION], "bucket"):
        return undetermined(unknown)
    return _in_a_vault(bucket, stack) or failed("has neither locked versions nor a replica, and no Selection holds it")


def table_can_be_recovered(table: Resource, stack: Stack) -> Verdict:
    """To a point in time, from a replica, or from a vault."""
    if table.tag("payment-cell:use") == "subject-keys":
        return not_applicable("a copy of an erased key would bring it back: KEY-07")
    recovery: Mapping[str, Any] = table.props.get("pointInTimeRecovery") or {}
    if recovery.get("enabled") or table.given("replicas") or any(naming(table, stack, [_REPLICA], "globalTableArn")):
        return passed()
    if unknown := may_name(table, stack, [_REPLICA], "globalTableArn"):
        return undetermined(unknown)
    return _in_a_vault(table, stack) or failed(
        "has no point-in-time recovery and no replica, and no Selection holds it"
    )


def _in_a_vault(store: Resource, stack: Stack) -> Verdict | None:
    """The answer where a backup plan holds the store or may; None where none does."""
    answer = selected(store, stack)
    if answer is None:
        return undetermined("whether a backup Selection holds it is not known here")
    return passed() if answer else None


BCK_02 = Control(
    id="BCK-02",
    title="Databases, tables and buckets with personal data have a source to recover from",
    severity=Severity.HIGH,
    clauses=(
        StackClause(
            resource_types=_DATABASES,
            check=database_is_in_a_backup_selection,
            data_classes=and_above("personal"),
        ),
        StackClause(
            resource_types=frozenset({_BUCKET}),
            check=bucket_can_be_recovered,
            data_classes=and_above("personal"),
        ),
        StackClause(
            resource_types=frozenset({_TABLE}),
            check=table_can_be_recovered,
            data_classes=and_above("personal"),
        ),
    ),
    maps_to=(SOC2("A1.2", Strength.PARTIAL), *SAFEGUARDS),
    risk="A database's own snapshots go with it, or with whoever may delete it.",
    remediation="Give the store the tags, or the name, that a backup Selection of its region asks for; or a table "
    "pointInTimeRecovery or replicas, a bucket versioning and Object Lock, or replication.",
)
