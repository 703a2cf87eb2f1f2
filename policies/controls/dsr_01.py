"""DSR-01: requests of data subjects are answered in time."""

from policies.control import GDPR, SOC2, Asked, Control, Severity, Source, Strength

DSR_01 = Control(
    id="DSR-01",
    title="Requests of data subjects are answered in time",
    severity=Severity.HIGH,
    asked=(
        Asked(
            name="requests_were_answered",
            statement="the register has each request with received, identity checked, due, outcome and ground, "
            "and none is late",
            source=Source.ATTESTATION,
            max_age_days=92,
        ),
    ),
    maps_to=(
        GDPR("12", Strength.PARTIAL),
        GDPR("15", Strength.PARTIAL),
        GDPR("16", Strength.PARTIAL),
        GDPR("17", Strength.PARTIAL),
        GDPR("18", Strength.PARTIAL),
        GDPR("19", Strength.PARTIAL),
        GDPR("20", Strength.PARTIAL),
        GDPR("21", Strength.PARTIAL),
        GDPR("22", Strength.PARTIAL),
        SOC2("P5.1", Strength.PARTIAL),
        SOC2("P5.2", Strength.PARTIAL),
        SOC2("P8.1", Strength.PARTIAL),
    ),
    risk="A request that is late is an infringement by itself (Article 12(3)).",
    remediation="Work off the register; attest it in attestations/.",
)
