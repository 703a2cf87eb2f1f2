"""INC-01: incidents are recorded with their times, and the 72 hours are exercised."""

from policies.control import GDPR, SOC2, Asked, Control, Severity, Source, Strength

INC_01 = Control(
    id="INC-01",
    title="Incidents are recorded with their times, and the 72 hours are exercised",
    severity=Severity.HIGH,
    asked=(
        Asked(
            name="incidents_are_recorded",
            statement="the incident register has each incident of the period with the times: detected, aware, "
            "assessed, authority told, subjects told, controller told",
            source=Source.ATTESTATION,
            max_age_days=92,
        ),
        Asked(
            name="notification_was_exercised",
            statement="an exercise went from detection to the notice for the authority within 72 hours",
            source=Source.ATTESTATION,
            max_age_days=365,
        ),
    ),
    maps_to=(
        GDPR("33", Strength.PARTIAL),
        GDPR("34", Strength.PARTIAL),
        SOC2("CC7.3", Strength.PARTIAL),
        SOC2("CC7.4", Strength.PARTIAL),
        SOC2("CC7.5", Strength.PARTIAL),
    ),
    risk="The 72 hours of Article 33 begin while nobody is looking at a clock.",
    remediation="Keep the register, exercise the notice, attest both in attestations/.",
)
