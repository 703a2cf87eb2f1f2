"""ADM-01: who is blocked by the fraud model is told why and can reach a person."""

from policies.control import GDPR, Asked, Control, Severity, Source, Strength

ADM_01 = Control(
    id="ADM-01",
    title="Who is blocked by the fraud model is told why and can reach a person",
    severity=Severity.HIGH,
    asked=(
        Asked(
            name="automated_decisions_are_contestable",
            statement="blocks by the fraud model have a legal basis, their reasons are kept, and a person "
            "reviewed each that was contested",
            source=Source.ATTESTATION,
            max_age_days=365,
        ),
    ),
    maps_to=(GDPR("22", Strength.PARTIAL),),
    risk="A decision that only a machine made, and that nobody can contest, is unlawful where it has legal effect.",
    remediation="Keep reasons (they are in the fraud ledger), review contested ones, attest it in attestations/.",
)
