"""RES-10: private links between networks."""

import pytest

from policies.control import Status
from policies.testing import UNKNOWN, resource, verdicts


@pytest.mark.parametrize(
    ("type_", "name"),
    [
        ("aws:ec2/vpcPeeringConnection:VpcPeeringConnection", "peerRegion"),
        ("aws:ec2transitgateway/peeringAttachment:PeeringAttachment", "peerRegion"),
        ("aws:ec2/vpcEndpoint:VpcEndpoint", "serviceRegion"),
    ],
)
def test_a_link_stays_in_the_jurisdiction(type_: str, name: str) -> None:
    def status(region: object, source: bool = False) -> Status:
        elsewhere = resource("aws:ssm/parameter:Parameter", "p")
        references = {name: [elsewhere]} if source else None
        (only,) = verdicts("RES-10", resource(type_, "l", references, region="eu-west-1", **{name: region})).values()
        return only

    assert status("eu-central-1") is Status.PASS
    assert status("us-east-1") is Status.FAIL
    assert status(None) is Status.PASS
    assert status(UNKNOWN) is Status.PASS, "AWS decides: the own region"
    assert status(UNKNOWN, source=True) is Status.UNDETERMINED
