"""KEY-08: new EBS volumes of the account are encrypted. Live: regions of the account that no stack sets."""

from collections.abc import Mapping
from typing import Any

from policies.control import GDPR, Clause, Control, Severity, Strength, Verdict, failed, passed


def encrypts_new_volumes(setting: Mapping[str, Any]) -> Verdict:
    # True where it is not given (argument `enabled` of the resource).
    return failed("enabled is false") if setting.get("enabled") is False else passed()


KEY_08 = Control(
    id="KEY-08",
    title="New EBS volumes are encrypted",
    severity=Severity.MEDIUM,
    clauses=(
        Clause(
            resource_types=frozenset({"aws:ebs/encryptionByDefault:EncryptionByDefault"}), check=encrypts_new_volumes
        ),
    ),
    maps_to=(GDPR("32", Strength.SUPPORTS),),
    risk="A volume that somebody makes by hand is readable by whoever gets a snapshot of it.",
    remediation="Set enabled of the region's EncryptionByDefault to true.",
)
