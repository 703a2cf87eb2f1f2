"""PCI-01: no card number enters the cell."""

from policies.control import SOC2, Asked, Control, Severity, Source, Strength

PCI_01 = Control(
    id="PCI-01",
    title="No card number enters the cell",
    severity=Severity.CRITICAL,
    asked=(
        Asked(
            name="no_card_number_is_found",
            statement="canary card numbers that were sent in the period are found in no store, queue, log or "
            "trace; the gateway refused them",
            source=Source.ATTESTATION,
            max_age_days=92,
        ),
        Asked(
            name="scope_is_stated",
            statement="a dated statement says which systems are in scope of PCI DSS and why the cell is not (PCI "
            "DSS 4.0.1, 12.5.2)",
            source=Source.ATTESTATION,
            max_age_days=365,
        ),
    ),
    maps_to=(SOC2("CC6.1", Strength.SUPPORTS),),
    risk="One stored card number takes the whole cell into the scope of PCI DSS.",
    remediation="Tokens only; send canaries, search for them, attest both in attestations/.",
)
