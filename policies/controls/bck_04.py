"""BCK-04: a restore succeeded within 90 days, with checksums, within the objective."""

from policies.control import GDPR, SOC2, Asked, Control, Severity, Source, Strength

BCK_04 = Control(
    id="BCK-04",
    title="A restore succeeded within 90 days, with checksums, within the objective",
    severity=Severity.HIGH,
    asked=(
        Asked(
            name="a_restore_succeeded",
            statement="backups of each store were restored, their checksums matched, and the time was within the "
            "objective",
            source=Source.ATTESTATION,
            max_age_days=90,
        ),
    ),
    maps_to=(
        GDPR("32(1)(d)", Strength.PARTIAL),
        SOC2("A1.3", Strength.DIRECT),
        SOC2("CC7.5", Strength.PARTIAL),
    ),
    risk="A backup that nobody has restored is a hope.",
    remediation="Run a restore drill and attest its record in attestations/.",
)
