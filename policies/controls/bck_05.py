"""BCK-05: stores are protected against deletion, and a deleted database leaves a final snapshot."""

from collections.abc import Callable, Mapping
from typing import Any

from policies.control import SAFEGUARDS, SOC2, Clause, Control, Environment, Severity, Strength, Verdict, failed, passed

KEPT = frozenset({Environment.PRODUCTION, Environment.STAGING})
"""A development stack leaves nothing behind."""


def _protection(name: str) -> Callable[[Mapping[str, Any]], Verdict]:
    def is_protected_against_deletion(store: Mapping[str, Any]) -> Verdict:
        return passed() if store.get(name) else failed(f"{name} is not true")

    return is_protected_against_deletion


def leaves_a_final_snapshot(database: Mapping[str, Any]) -> Verdict:
    if database.get("skipFinalSnapshot"):
        return failed("skipFinalSnapshot is true")
    if not database.get("finalSnapshotIdentifier"):
        return failed("finalSnapshotIdentifier is not set: deletion without a snapshot is the only one that works")
    return passed()


PROTECTED_BY = {
    "aws:rds/cluster:Cluster": "deletionProtection",
    "aws:rds/globalCluster:GlobalCluster": "deletionProtection",
    "aws:rds/instance:Instance": "deletionProtection",
    "aws:dynamodb/table:Table": "deletionProtectionEnabled",
}

BCK_05 = Control(
    id="BCK-05",
    title="Stores are protected against deletion and leave a final snapshot",
    severity=Severity.HIGH,
    clauses=(
        *(
            Clause(resource_types=frozenset({type_}), check=_protection(name), environments=KEPT)
            for type_, name in PROTECTED_BY.items()
        ),
        Clause(
            resource_types=frozenset({"aws:rds/cluster:Cluster", "aws:rds/instance:Instance"}),
            check=leaves_a_final_snapshot,
            environments=KEPT,
            not_live="AWS keeps no such setting: whoever deletes a database says whether it leaves a snapshot",
        ),
    ),
    maps_to=(SOC2("A1.2", Strength.PARTIAL), *SAFEGUARDS),
    risk="One wrong command, or one stolen role, deletes what took years to collect.",
    remediation="Set deletion protection and finalSnapshotIdentifier; disarm them before a planned removal.",
)
