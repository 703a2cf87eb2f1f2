"""NET-04: VPC endpoints and their policies."""

import json
from typing import Any

import pytest

from policies.control import Status
from policies.resources import Resource
from policies.testing import UNKNOWN, resource, verdicts

POLICY, ENDPOINTS = "endpoint_has_a_policy_of_its_own", "vpc_has_endpoints_for_its_data"
ALL = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}
OWN = {**ALL, "Condition": {"StringEquals": {"aws:PrincipalAccount": "123456789012"}}}
VPC = resource("aws:ec2/vpc:Vpc", "net", region="eu-west-1")
SUBNET = resource("aws:ec2/subnet:Subnet", "subnet", {"vpcId": [VPC]})
CLUSTER = resource("aws:eks/cluster:Cluster", "cluster", {"vpcConfig": [SUBNET]})
QUEUE = resource("aws:sqs/queue:Queue", "queue", region="eu-west-1")


def endpoint(service: str = "com.amazonaws.eu-west-1.sqs", **props: Any) -> Resource:
    return resource("aws:ec2/vpcEndpoint:VpcEndpoint", "end", {"vpcId": [VPC]}, serviceName=service, **props)


def policy(*statements: object) -> str:
    return json.dumps({"Statement": statements})


@pytest.mark.parametrize(
    ("props", "expected"),
    [
        ({}, Status.FAIL),
        ({"policy": UNKNOWN}, Status.FAIL),  # Comes from no other resource: AWS's default.
        ({"policy": policy(ALL)}, Status.FAIL),
        ({"policy": policy(OWN, {**ALL, "Principal": {"AWS": "*"}})}, Status.FAIL),
        ({"policy": policy(OWN)}, Status.PASS),
        ({"policy": policy({**ALL, "Action": "sqs:*"})}, Status.PASS),
    ],
)
def test_an_endpoint_has_a_policy_that_is_not_the_default(props: dict[str, Any], expected: Status) -> None:
    assert verdicts("NET-04", endpoint(**props))["end", POLICY] is expected


def test_a_policy_in_a_resource_of_its_own_counts() -> None:
    end = endpoint()
    own = resource("aws:ec2/vpcEndpointPolicy:VpcEndpointPolicy", "own", {"vpcEndpointId": [end]}, policy=policy(OWN))
    assert verdicts("NET-04", end, own)["end", POLICY] is Status.PASS


def test_a_policy_from_another_resource_that_is_not_known_yet_is_undetermined() -> None:
    role = resource("aws:iam/role:Role", "role")
    end = resource(
        "aws:ec2/vpcEndpoint:VpcEndpoint",
        "end",
        {"policy": [role]},
        serviceName="com.amazonaws.eu-west-1.sqs",
        policy=UNKNOWN,
    )
    assert verdicts("NET-04", end, role)["end", POLICY] is Status.UNDETERMINED


def test_only_services_of_aws_that_take_a_policy_are_held_to_have_one() -> None:
    assert verdicts("NET-04", endpoint("com.amazonaws.eu-west-1.rare"))["end", POLICY] is Status.UNDETERMINED
    partner = endpoint("com.amazonaws.vpce.eu-west-1.vpce-svc-1")
    assert verdicts("NET-04", partner)["end", POLICY] is Status.NOT_APPLICABLE
    assert verdicts("NET-04", endpoint(UNKNOWN))["end", POLICY] is Status.UNDETERMINED


def network(*others: Resource) -> Status:
    return verdicts("NET-04", VPC, SUBNET, *others)["net", ENDPOINTS]


def test_a_network_has_endpoints_for_the_stores_of_personal_data() -> None:
    assert network(CLUSTER, QUEUE) is Status.FAIL
    assert network(CLUSTER, QUEUE, endpoint()) is Status.PASS
    assert network(CLUSTER, QUEUE, endpoint("com.amazonaws.eu-west-1.s3")) is Status.FAIL
    assert network(CLUSTER, QUEUE, endpoint(UNKNOWN)) is Status.UNDETERMINED


def test_a_network_without_compute_or_data_needs_none() -> None:
    assert network(QUEUE) is Status.NOT_APPLICABLE
    elsewhere = resource("aws:sqs/queue:Queue", "queue", region="us-east-1")
    internal = resource(
        "aws:sqs/queue:Queue", "queue", region="eu-west-1", tags={"payment-cell:data-class": "internal"}
    )
    assert network(CLUSTER, elsewhere, internal) is Status.NOT_APPLICABLE
