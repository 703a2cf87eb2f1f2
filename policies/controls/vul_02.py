"""VUL-02: somebody else tried to get in, and from one segment into another."""

from policies.control import SOC2, Asked, Control, Severity, Source, Strength

VUL_02 = Control(
    id="VUL-02",
    title="Somebody else tried to get in, and from one segment into another",
    severity=Severity.HIGH,
    asked=(
        Asked(
            name="penetration_was_tested",
            statement="a person who did not build it tested the penetration of the cell, and what was found is "
            "mended or accepted",
            source=Source.ATTESTATION,
            max_age_days=365,
        ),
        Asked(
            name="segmentation_was_tested",
            statement="the separation of the network segments was tested",
            source=Source.ATTESTATION,
            max_age_days=183,
        ),
    ),
    maps_to=(SOC2("CC7.1", Strength.PARTIAL),),
    risk="What nobody attacked on purpose is first attacked by somebody who means it.",
    remediation="Have both tests done; attest the reports in attestations/.",
)
