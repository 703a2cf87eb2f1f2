"""CHG-02: every change of the period came from the deployment of an approved commit, or from break-glass."""

from policies.control import SOC2, Asked, Control, Severity, Source, Strength

CHG_02 = Control(
    id="CHG-02",
    title="Every change of the period came from the deployment of an approved commit, or from break-glass",
    severity=Severity.HIGH,
    asked=(
        Asked(
            name="changes_were_approved",
            statement="every mutating call of the period was made by the deploy role from a commit that another "
            "person approved, or by break-glass",
            source=Source.ATTESTATION,
            max_age_days=92,
        ),
    ),
    maps_to=(SOC2("CC8.1", Strength.DIRECT),),
    risk="Who can change production without a second person can also hide that.",
    remediation="Sample the trail's mutating calls against commits and their approvals; attest it in attestations/.",
)
