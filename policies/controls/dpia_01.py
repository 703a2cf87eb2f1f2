"""DPIA-01: the impact of each risky processing is assessed, and again when it changes."""

from policies.control import GDPR, Asked, Control, Severity, Source, Strength

DPIA_01 = Control(
    id="DPIA-01",
    title="The impact of each risky processing is assessed, and again when it changes",
    severity=Severity.HIGH,
    asked=(
        Asked(
            name="impact_is_assessed",
            statement="each processing activity that needs one has an assessment, made after the last change of "
            "data classes, recipients or the fraud model",
            source=Source.ATTESTATION,
            max_age_days=365,
        ),
    ),
    maps_to=(GDPR("35", Strength.PARTIAL),),
    risk="A model or a recipient that changed after the assessment was assessed by nobody.",
    remediation="Assess again after such a change; attest the assessment in attestations/.",
)
