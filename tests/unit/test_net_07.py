"""NET-07: flow logs."""

from typing import Any

import pytest
from judged import status, unasked

from policies.control import Status
from policies.resources import Resource
from policies.testing import UNKNOWN, resource, verdicts

VPC = resource("aws:ec2/vpc:Vpc", "net", id="vpc-1")


def flow_log(*sources: Resource, **props: Any) -> Resource:
    return resource("aws:ec2/flowLog:FlowLog", "log", {"vpcId": sources}, **props)


def judged(*others: Resource) -> Status:
    return verdicts("NET-07", VPC, *others)["net", "vpc_has_a_flow_log"]


def test_a_vpc_needs_a_flow_log_of_its_own() -> None:
    assert judged() is Status.FAIL
    assert judged(flow_log(VPC, vpcId=UNKNOWN)) is Status.PASS
    assert judged(flow_log(vpcId="vpc-1")) is Status.PASS
    assert judged(flow_log(vpcId="vpc-2")) is Status.FAIL
    other = resource("aws:ec2/vpc:Vpc", "other")
    assert judged(flow_log(other, vpcId=UNKNOWN), other) is Status.FAIL


def test_a_flow_log_of_a_subnet_is_none_of_the_vpc() -> None:
    assert judged(flow_log(subnetId="subnet-1")) is Status.FAIL


def test_a_flow_log_of_an_unknown_vpc_may_be_this_ones() -> None:
    assert judged(flow_log(vpcId=UNKNOWN)) is Status.UNDETERMINED
    assert judged(flow_log(vpcId=UNKNOWN), flow_log(VPC, vpcId=UNKNOWN)) is Status.PASS


@pytest.mark.parametrize(
    ("props", "expected"),
    [
        ({"deliverLogsStatus": "SUCCESS"}, Status.PASS),
        ({"deliverLogsStatus": "FAILED"}, Status.FAIL),
        ({}, Status.UNDETERMINED),
        ({"deliverLogsStatus": UNKNOWN}, Status.UNDETERMINED),
    ],
)
def test_a_live_flow_log_is_delivered(props: dict[str, Any], expected: Status) -> None:
    assert status("NET-07", flow_log(**props), live=True) is expected
    assert unasked("NET-07", flow_log(**props)), "a declaration does not say"


@pytest.mark.parametrize("live", [False, True])
def test_a_subnet_needs_no_flow_log_of_its_own(live: bool) -> None:
    assert unasked("NET-07", resource("aws:ec2/subnet:Subnet", "s"), live=live)
