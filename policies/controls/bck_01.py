"""BCK-01: databases can be restored to a point in time."""

from collections.abc import Mapping
from typing import Any

from policies.control import (
    GDPR,
    SAFEGUARDS,
    SOC2,
    Clause,
    Control,
    Severity,
    Strength,
    Verdict,
    failed,
    not_applicable,
    passed,
)

RETENTION_DAYS = (7, 35)
"""The longest that RDS keeps is 35 days (RDS API reference, BackupRetentionPeriod); 7 outlast an error of a weekend."""


def keeps_seven_to_thirty_five_days(database: Mapping[str, Any]) -> Verdict:
    if database.get("replicationSourceIdentifier") or database.get("replicateSourceDb"):
        return not_applicable("a read replica is restored from its source")
    days = database.get("backupRetentionPeriod") or 1  # RDS keeps one day unless told otherwise
    least, most = RETENTION_DAYS
    return (
        passed()
        if least <= days <= most
        else failed(f"backupRetentionPeriod is {days:g} days, outside {least}..{most}")
    )


def table_has_point_in_time_recovery(table: Mapping[str, Any]) -> Verdict:
    recovery: Mapping[str, Any] = table.get("pointInTimeRecovery") or {}
    return passed() if recovery.get("enabled") else failed("pointInTimeRecovery.enabled is not true")


BCK_01 = Control(
    id="BCK-01",
    title="Databases can be restored to a point in time",
    severity=Severity.HIGH,
    clauses=(
        Clause(
            resource_types=frozenset({"aws:rds/cluster:Cluster", "aws:rds/instance:Instance"}),
            check=keeps_seven_to_thirty_five_days,
        ),
        Clause(resource_types=frozenset({"aws:dynamodb/table:Table"}), check=table_has_point_in_time_recovery),
    ),
    maps_to=(SOC2("A1.2", Strength.PARTIAL), GDPR("32(1)(c)", Strength.PARTIAL), *SAFEGUARDS),
    risk="Without it an error or an attack is undone only as far as the last full backup.",
    remediation="Set backupRetentionPeriod 7..35 (RDS) or pointInTimeRecovery.enabled (DynamoDB).",
)
