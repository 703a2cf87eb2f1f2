"""ORG-01: the organisation keeps its accounts inside: regions and logs cannot be left or switched off."""

from policies.control import SOC2, Asked, Control, Severity, Source, Strength

ORG_01 = Control(
    id="ORG-01",
    title="The organisation keeps its accounts inside: regions and logs cannot be left or switched off",
    severity=Severity.HIGH,
    asked=(
        Asked(
            name="guardrails_are_in_force",
            statement="service control policies deny what is outside of the region list and what switches off or "
            "weakens logs, keys, detectors and retention",
            source=Source.ATTESTATION,
            max_age_days=183,
        ),
    ),
    maps_to=(SOC2("CC5.2", Strength.PARTIAL),),
    risk="An administrator of one account can otherwise undo all that this catalogue asks.",
    remediation="Attach the policies to the organisational unit of the cells; attest their text in attestations/.",
)
