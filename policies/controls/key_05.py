"""KEY-05: a scheduled deletion of a key can be cancelled for 30 days; no key is disabled or pending deletion."""

from collections.abc import Mapping
from typing import Any

from policies.control import (
    GDPR,
    Clause,
    Control,
    Environment,
    Severity,
    Strength,
    Verdict,
    failed,
    passed,
    undetermined,
)

LONGEST_DAYS = 30
"""Days that KMS waits at most, and where none are given
(https://docs.aws.amazon.com/kms/latest/APIReference/API_ScheduleKeyDeletion.html)."""

OUT_OF_SERVICE = ("Disabled", "PendingDeletion", "PendingReplicaDeletion")
"""States in which nothing can be decrypted, by somebody's call
(https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html)."""


def waits_thirty_days_before_deletion(key: Mapping[str, Any]) -> Verdict:
    days = key.get("deletionWindowInDays") or LONGEST_DAYS
    return passed() if days >= LONGEST_DAYS else failed(f"deletionWindowInDays is {days:g}, less than {LONGEST_DAYS}")


def is_in_service(key: Mapping[str, Any]) -> Verdict:
    """A replica or a key without material yet is in other states for a while
    (https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html)."""
    state = key.get("keyState")
    if not state:
        return undetermined("keyState is not known")
    return failed(f"keyState is {state}") if state in OUT_OF_SERVICE else passed()


_KEYS = frozenset(
    f"aws:kms/{kind[0].lower()}{kind[1:]}:{kind}" for kind in ("Key", "ExternalKey", "ReplicaKey", "ReplicaExternalKey")
)

KEY_05 = Control(
    id="KEY-05",
    title="A scheduled deletion of a key can be cancelled for 30 days; no key is out of service",
    severity=Severity.HIGH,
    clauses=(
        Clause(
            resource_types=_KEYS,
            check=waits_thirty_days_before_deletion,
            environments=frozenset({Environment.PRODUCTION}),
            not_live="KMS is told the days when the deletion is scheduled, and keeps none before",
        ),
        Clause(
            resource_types=_KEYS,
            check=is_in_service,
            not_declared="A declaration keeps no state of a key: it is disabled or scheduled for deletion by a call",
        ),
    ),
    maps_to=(GDPR("32(1)(c)", Strength.PARTIAL),),
    risk="A deleted key takes every copy of its data along; a short window ends before anyone notices.",
    remediation="Set deletionWindowInDays to 30; enable the key again, or cancel its deletion.",
)
