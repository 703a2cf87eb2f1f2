"""MON-01: audits ran when they were due."""

from policies.control import SOC2, Asked, Control, Severity, Source, Strength

MAX_GAP_DAYS = 31
"""Longest time between two audits of the same scope."""

MON_01 = Control(
    id="MON-01",
    title="Audits run every month, and none is missing from their chain",
    severity=Severity.MEDIUM,
    asked=(
        Asked(
            name="audits_ran_when_due",
            statement="the evidence bundle before this one is at most a month old, and this one names its head",
            source=Source.AUDIT,
        ),
    ),
    maps_to=(SOC2("CC4.1", Strength.PARTIAL),),
    risk="A control that nobody looks at fails unseen, and an audit that was left out hides the month it failed in.",
    remediation="Run `cell audit` on a schedule and keep its bundles together.",
)
