"""KEY-05: a scheduled deletion of a key can be cancelled for 30 days. Live: no key is disabled or pending deletion."""

from collections.abc import Mapping
from typing import Any

from policies.control import GDPR, Clause, Control, Environment, Severity, Strength, Verdict, failed, passed

LONGEST_DAYS = 30
"""Days that KMS waits at most, and where none are given
(https://docs.aws.amazon.com/kms/latest/APIReference/API_ScheduleKeyDeletion.html)."""


def waits_thirty_days_before_deletion(key: Mapping[str, Any]) -> Verdict:
    days = key.get("deletionWindowInDays") or LONGEST_DAYS
    return passed() if days >= LONGEST_DAYS else failed(f"deletionWindowInDays is {days:g}, less than {LONGEST_DAYS}")


KEY_05 = Control(
    id="KEY-05",
    title="A scheduled deletion of a key can be cancelled for 30 days",
    severity=Severity.HIGH,
    clauses=(
        Clause(
            resource_types=frozenset(
                f"aws:kms/{kind[0].lower()}{kind[1:]}:{kind}"
                for kind in ("Key", "ExternalKey", "ReplicaKey", "ReplicaExternalKey")
            ),
            check=waits_thirty_days_before_deletion,
            environments=frozenset({Environment.PRODUCTION}),
        ),
    ),
    maps_to=(GDPR("32(1)(c)", Strength.PARTIAL),),
    risk="A deleted key takes every copy of its data along; a short window ends before anyone notices.",
    remediation="Set deletionWindowInDays to 30.",
)
