"""KEY-03: symmetric keys with material made by KMS rotate at least once a year."""

from collections.abc import Mapping
from typing import Any

from policies.control import GDPR, SOC2, Clause, Control, Severity, Strength, Verdict, failed, not_applicable, passed

MAX_ROTATION_DAYS = 365
"""KMS accepts 90 to 2560 days and rotates every 365 unless told otherwise (KMS API reference, EnableKeyRotation)."""


def rotates_within_a_year(key: Mapping[str, Any]) -> Verdict:
    if key.get("customerMasterKeySpec", "SYMMETRIC_DEFAULT") != "SYMMETRIC_DEFAULT":
        return not_applicable("KMS rotates symmetric keys only")
    if key.get("customKeyStoreId") or key.get("xksKeyId"):
        return not_applicable("KMS does not rotate keys of a custom key store")
    if not key.get("enableKeyRotation"):
        return failed("enableKeyRotation is not true")
    period_days = key.get("rotationPeriodInDays") or MAX_ROTATION_DAYS
    if period_days > MAX_ROTATION_DAYS:
        return failed(f"rotationPeriodInDays is {period_days:g}, more than {MAX_ROTATION_DAYS}")
    return passed()


KEY_03 = Control(
    id="KEY-03",
    title="Symmetric customer-managed keys rotate at least once a year",
    severity=Severity.MEDIUM,
    clauses=(Clause(resource_types=frozenset({"aws:kms/key:Key"}), check=rotates_within_a_year),),
    maps_to=(SOC2("CC6.1", Strength.PARTIAL), GDPR("32(1)(a)", Strength.SUPPORTS)),
    risk="A leaked key generation stays useful for as long as it is current.",
    remediation="Set enableKeyRotation and rotationPeriodInDays 90..365.",
)
