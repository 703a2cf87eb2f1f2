"""KEY-08: encryption of new volumes."""

from policies.control import Status
from policies.testing import UNKNOWN, resource, verdicts


def status(**props: object) -> Status:
    found = resource("aws:ebs/encryptionByDefault:EncryptionByDefault", "e", **props)
    return verdicts("KEY-08", found)["e", "encrypts_new_volumes"]


def test_new_volumes_are_encrypted() -> None:
    assert status(enabled=True) is Status.PASS
    assert status() is Status.PASS, "true is what the setting is where it is not given"
    assert status(enabled=False) is Status.FAIL
    assert status(enabled=UNKNOWN) is Status.UNDETERMINED
    assert verdicts("KEY-08", resource("aws:ebs/volume:Volume", "v")) == {}
