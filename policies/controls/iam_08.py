"""IAM-08: access is reviewed twice a year; who joins, moves or leaves gets and loses rights in time."""

from policies.control import SOC2, Asked, Control, Severity, Source, Strength

IAM_08 = Control(
    id="IAM-08",
    title="Access is reviewed twice a year; who joins, moves or leaves gets and loses rights in time",
    severity=Severity.HIGH,
    asked=(
        Asked(
            name="access_was_reviewed",
            statement="somebody reviewed unused access, role assignments, cluster access entries and database roles",
            source=Source.ATTESTATION,
            max_age_days=183,
        ),
        Asked(
            name="joiners_movers_and_leavers_were_followed",
            statement="rights of people who joined, moved or left in the period were given, changed and taken in time",
            source=Source.ATTESTATION,
            max_age_days=183,
        ),
    ),
    maps_to=(
        SOC2("CC6.2", Strength.PARTIAL),
        SOC2("CC6.3", Strength.PARTIAL),
    ),
    risk="Rights that nobody needs any more are found by whoever steals the account that still has them.",
    remediation="Review access with IAM's last-accessed data, the cluster's access entries and pg_roles; "
    "attest it in attestations/.",
)
