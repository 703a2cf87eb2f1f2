"""KEY-03: keys rotate within a year."""

from judged import status

from policies.control import Status
from policies.testing import UNKNOWN, resource

KEY = "aws:kms/key:Key"


def test_wants_a_rotation_within_a_year() -> None:
    assert status("KEY-03", resource(KEY, "k", enableKeyRotation=True)) is Status.PASS
    assert status("KEY-03", resource(KEY, "k", enableKeyRotation=True, rotationPeriodInDays=90.0)) is Status.PASS
    assert status("KEY-03", resource(KEY, "k", enableKeyRotation=True, rotationPeriodInDays=366.0)) is Status.FAIL
    assert status("KEY-03", resource(KEY, "k")) is Status.FAIL
    assert status("KEY-03", resource(KEY, "k", enableKeyRotation=UNKNOWN)) is Status.UNDETERMINED
    assert status("KEY-03", resource(KEY, "k", customerMasterKeySpec="ECC_NIST_P384")) is Status.NOT_APPLICABLE
