"""PRC-01: every acknowledged payment is once in shard, archive and ledger."""

from policies.control import SOC2, Asked, Control, Severity, Source, Strength

PRC_01 = Control(
    id="PRC-01",
    title="Every acknowledged payment is once in shard, archive and ledger",
    severity=Severity.HIGH,
    asked=(
        Asked(
            name="reconciliation_ran",
            statement="the reconciliation ran in the period and found every acknowledged payment once in shard, "
            "archive and ledger",
            source=Source.ATTESTATION,
            max_age_days=92,
        ),
    ),
    maps_to=(
        SOC2("PI1.2", Strength.PARTIAL),
        SOC2("PI1.3", Strength.PARTIAL),
        SOC2("PI1.4", Strength.PARTIAL),
        SOC2("PI1.5", Strength.PARTIAL),
    ),
    risk="A payment that is lost or doubled is found by the customer.",
    remediation="`cell probe STACK` reconciles a cell; attest its report in attestations/.",
)
