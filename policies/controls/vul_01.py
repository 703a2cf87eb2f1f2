"""VUL-01: findings are mended within their deadlines; versions are in support."""

from policies.control import SOC2, Asked, Control, Severity, Source, Strength

VUL_01 = Control(
    id="VUL-01",
    title="Findings are mended within their deadlines; versions are in support",
    severity=Severity.HIGH,
    asked=(
        Asked(
            name="findings_are_mended_in_time",
            statement="the oldest critical and the oldest high finding are within their deadlines",
            source=Source.ATTESTATION,
            max_age_days=31,
        ),
        Asked(
            name="versions_are_in_support",
            statement="engine and cluster versions are in their vendor's standard support",
            source=Source.ATTESTATION,
            max_age_days=31,
        ),
    ),
    maps_to=(SOC2("CC7.1", Strength.PARTIAL),),
    risk="A known hole that stays open is the one that is used.",
    remediation="Work off the findings, `cell upgrade STACK`; attest the list in attestations/.",
)
