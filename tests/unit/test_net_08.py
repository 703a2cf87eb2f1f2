"""NET-08: default security groups and instance metadata."""

from typing import Any

import pytest

from policies.control import Status
from policies.resources import Resource
from policies.testing import UNKNOWN, resource, verdicts

VPC = resource("aws:ec2/vpc:Vpc", "net", id="vpc-1")
GOOD: dict[str, Any] = {"httpTokens": "required", "httpPutResponseHopLimit": 1}
TOKEN, HOPS = "metadata_needs_a_token", "metadata_stays_on_the_machine"
MACHINES = ("instance:Instance", "launchConfiguration:LaunchConfiguration", "launchTemplate:LaunchTemplate")


def group(*vpcs: Resource, **props: Any) -> Resource:
    return resource("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", "default", {"vpcId": vpcs}, **props)


def machine(kind: str = MACHINES[0], **props: Any) -> Resource:
    return resource(f"aws:ec2/{kind}", "machine", **props)


@pytest.mark.parametrize("name", ["ingress", "egress"])
def test_a_default_group_holds_no_rule(name: str) -> None:
    def judged(**props: Any) -> Status:
        return verdicts("NET-08", group(**props))["default", "default_group_is_empty"]

    assert judged(**{name: [{"protocol": "-1"}]}) is Status.FAIL
    assert judged(**{name: []}) is Status.PASS
    assert judged() is Status.PASS
    assert judged(**{name: UNKNOWN}) is Status.PASS  # Left to AWS: a DefaultSecurityGroup takes all rules away.


def test_a_vpc_has_its_default_group_emptied() -> None:
    def judged(*others: Resource) -> Status:
        return verdicts("NET-08", VPC, *others)["net", "vpc_empties_its_default_group"]

    assert judged() is Status.FAIL
    assert judged(group(VPC, vpcId=UNKNOWN)) is Status.PASS
    assert judged(group(vpcId="vpc-2")) is Status.FAIL
    assert judged(group(vpcId=UNKNOWN)) is Status.UNDETERMINED


@pytest.mark.parametrize("kind", MACHINES)
def test_metadata_needs_a_token_and_one_hop(kind: str) -> None:
    def judged(**options: Any) -> dict[tuple[str, str], Status]:
        return verdicts("NET-08", machine(kind, metadataOptions=options))

    assert set(judged(**GOOD).values()) == {Status.PASS}
    assert judged(**{**GOOD, "httpTokens": "optional"}) == {
        ("machine", TOKEN): Status.FAIL,
        ("machine", HOPS): Status.PASS,
    }
    assert judged(**{**GOOD, "httpPutResponseHopLimit": 2}) == {
        ("machine", TOKEN): Status.PASS,
        ("machine", HOPS): Status.FAIL,
    }
    assert set(judged(httpEndpoint="disabled").values()) == {Status.NOT_APPLICABLE}
    assert set(verdicts("NET-08", machine(kind)).values()) == {Status.FAIL}


def test_what_aws_decides_is_not_given_and_what_another_resource_decides_is_undetermined() -> None:
    unknown = {"httpTokens": UNKNOWN, "httpPutResponseHopLimit": UNKNOWN}
    assert set(verdicts("NET-08", machine(metadataOptions=unknown)).values()) == {Status.FAIL}
    setting = resource("aws:ssm/parameter:Parameter", "setting")
    given = resource(
        "aws:ec2/launchTemplate:LaunchTemplate", "machine", {"metadataOptions": [setting]}, metadataOptions=unknown
    )
    assert set(verdicts("NET-08", given, setting).values()) == {Status.UNDETERMINED}


def test_the_accounts_default_of_the_region_stands_in() -> None:
    def defaults(region: str) -> Resource:
        return resource("aws:ec2/instanceMetadataDefaults:InstanceMetadataDefaults", "all", region=region, **GOOD)

    here = machine(region="eu-west-1")
    assert set(verdicts("NET-08", here, defaults("eu-west-1")).values()) == {Status.PASS}
    assert set(verdicts("NET-08", here, defaults("us-east-1")).values()) == {Status.FAIL}
    own = machine(region="eu-west-1", metadataOptions={"httpTokens": "optional"})
    assert verdicts("NET-08", own, defaults("eu-west-1"))["machine", TOKEN] is Status.FAIL
