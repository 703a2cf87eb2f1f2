"""VEN-01: processors are listed, under contract, and nobody else receives data."""

from policies.control import GDPR, SOC2, Asked, Control, Severity, Source, Strength

VEN_01 = Control(
    id="VEN-01",
    title="Processors are listed, under contract, and nobody else receives data",
    severity=Severity.HIGH,
    asked=(
        Asked(
            name="processors_are_listed",
            statement="every processor is listed with contract, country, transfer mechanism and the period of its "
            "report",
            source=Source.ATTESTATION,
            max_age_days=365,
        ),
        Asked(
            name="egress_is_listed",
            statement="every host that data leaves to, every bank and every sink of logs is one of the listed "
            "processors or controllers",
            source=Source.ATTESTATION,
            max_age_days=92,
        ),
    ),
    maps_to=(
        GDPR("28", Strength.PARTIAL),
        SOC2("CC9.2", Strength.PARTIAL),
    ),
    risk="Whoever processes data without a contract is responsible to nobody.",
    remediation="Compare the cell's egress with the list; attest it in attestations/.",
)
