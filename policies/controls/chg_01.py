"""CHG-01: what is declared, what is in state and what is live are the same."""

from policies.control import SOC2, Asked, Control, Severity, Source, Strength

CHG_01 = Control(
    id="CHG-01",
    title="Nothing changes but through the deployment, and nothing is there that it does not know",
    severity=Severity.HIGH,
    asked=(
        Asked(
            name="nothing_drifted",
            statement="what the account answers holds wherever what is declared does",
            source=Source.AUDIT,
        ),
        Asked(name="nothing_is_missing", statement="every resource in state is in the account", source=Source.AUDIT),
        Asked(
            name="nothing_is_unmanaged",
            statement="every resource in the account is in a state, or AWS made it itself",
            source=Source.AUDIT,
        ),
        Asked(
            name="no_exception_is_refused",
            statement="every entry of the exceptions is valid, approved, in its time, and matches a failure",
            source=Source.AUDIT,
        ),
    ),
    maps_to=(SOC2("CC8.1", Strength.PARTIAL),),
    risk="A change behind the deployment's back was reviewed by nobody, and the next deployment may undo or keep it.",
    remediation="`cell refresh` shows the change: take it into the program or let `cell up` undo it; import or delete "
    "what no state has; remove exceptions that accept nothing.",
)
