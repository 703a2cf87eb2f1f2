"""RES-12: who receives personal data in another country does so under a named mechanism that is looked at again.

The transfers are in catalogue/processing.yaml; its shape refuses Article 49, and a transfer without dates.
"""

from policies.control import GDPR, Asked, Control, Severity, Source, Strength

RES_12 = Control(
    id="RES-12",
    title="Every transfer to another country has a mechanism, an assessment and a date for the next",
    severity=Severity.CRITICAL,
    asked=(
        Asked(
            name="transfer_is_assessed",
            statement="each registered transfer has a mechanism of Articles 45 to 47, was assessed, and is not overdue",
            source=Source.AUDIT,
        ),
        Asked(
            name="adequacy_is_in_force",
            statement="each transfer that rests on adequacy names a country with a decision that was looked up",
            source=Source.AUDIT,
        ),
    ),
    maps_to=(
        GDPR("45", Strength.PARTIAL),
        GDPR("46", Strength.PARTIAL),
        GDPR("47", Strength.PARTIAL),
    ),
    risk="A transfer whose mechanism has fallen is unlawful from that day on.",
    remediation="Enter mechanism and dates in catalogue/processing.yaml; assess again, or end the transfer.",
)
