"""Live networks and how they are routed, in the words of the provider."""

from typing import Any

from recorded import Refusal, read, region

from operations.audit.live.collect import collect, linked
from policies.catalogue import control
from policies.control import Status, answers
from policies.resources import Resource, Stack

VPC, DEFAULT_VPC = "aws:ec2/vpc:Vpc", "aws:ec2/defaultVpc:DefaultVpc"
SUBNET, TABLE, ROUTE = "aws:ec2/subnet:Subnet", "aws:ec2/routeTable:RouteTable", "aws:ec2/route:Route"
ASSOCIATION = "aws:ec2/routeTableAssociation:RouteTableAssociation"
MAIN = "aws:ec2/mainRouteTableAssociation:MainRouteTableAssociation"
LOCAL = {"DestinationCidrBlock": "10.0.0.0/16", "GatewayId": "local", "Origin": "CreateRouteTable", "State": "active"}


def table(table_id: str, *routes: dict[str, Any], main: bool = False, subnet: str = "") -> dict[str, Any]:
    association = {
        "RouteTableAssociationId": f"rtbassoc-{table_id}",
        "Main": main,
        "AssociationState": {"State": "associated"},
        **({"SubnetId": subnet} if subnet else {}),
    }
    return {"RouteTableId": table_id, "VpcId": "vpc-1", "Routes": [LOCAL, *routes], "Associations": [association]}


def recorded(*tables: dict[str, Any]) -> dict[str, Any]:
    tags = [{"Key": "Name", "Value": "cell"}]
    return {
        "ec2.describe_vpcs": {
            "Vpcs": [
                {"VpcId": "vpc-1", "CidrBlock": "10.0.0.0/16", "IsDefault": False, "Tags": tags},
                {"VpcId": "vpc-0", "CidrBlock": "172.31.0.0/16", "IsDefault": True},
            ]
        },
        "ec2.describe_subnets": {
            "Subnets": [
                {"SubnetId": "subnet-1", "VpcId": "vpc-1", "CidrBlock": "10.0.1.0/24", "DefaultForAz": False},
                {"SubnetId": "subnet-0", "VpcId": "vpc-0", "DefaultForAz": True, "MapPublicIpOnLaunch": True},
            ]
        },
        "ec2.describe_route_tables": {"RouteTables": list(tables)},
    }


def outward(target: str) -> dict[str, Any]:
    return {"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": target, "Origin": "CreateRoute", "State": "active"}


def test_a_network_is_read_and_the_default_one_is_known_as_made_by_aws() -> None:
    (own,) = read(VPC, recorded()).found
    (default,) = read(DEFAULT_VPC, recorded()).found
    assert (own.identity, own.resource.name, own.made_by_aws) == (("vpc-1",), "cell", "")
    assert own.resource.props["arn"] == "arn:aws:ec2:eu-west-1:123456789012:vpc/vpc-1"
    assert (default.identity, default.made_by_aws) == (("vpc-0",), "default VPC")


def test_subnets_say_whether_they_are_public_and_who_made_them() -> None:
    default, own = read(SUBNET, recorded()).found
    assert (own.made_by_aws, own.resource.props["mapPublicIpOnLaunch"]) == ("", False)
    assert (default.made_by_aws, default.resource.props["mapPublicIpOnLaunch"]) == ("default subnet", True)


def test_a_routes_id_is_the_one_that_the_provider_makes() -> None:
    found = read(ROUTE, recorded(table("rtb-1", outward("igw-1")))).found
    assert {one.made_by_aws: one.identity[0] for one in found}[""] == "r-rtb-11080289494"
    assert sorted(one.made_by_aws for one in found) == ["", "local route"]


def test_a_route_to_an_endpoint_of_a_service_is_no_gateways() -> None:
    to_service = {"DestinationPrefixListId": "pl-1", "GatewayId": "vpce-1", "Origin": "CreateRoute"}
    found = read(ROUTE, recorded(table("rtb-1", to_service))).found
    props = {one.made_by_aws: one.resource.props for one in found}["gateway endpoint route"]
    assert props["vpcEndpointId"] == "vpce-1"
    assert "gatewayId" not in props


def test_the_main_table_is_known_and_a_subnets_own_is_associated_with_it() -> None:
    answers_ = recorded(table("rtb-0", main=True), table("rtb-1", subnet="subnet-1"))
    assert [one.made_by_aws for one in read(TABLE, answers_).found] == ["main route table", ""]
    (main,), (own,) = read(MAIN, answers_).found, read(ASSOCIATION, answers_).found
    assert (main.resource.props["vpcId"], main.resource.props["routeTableId"]) == ("vpc-1", "rtb-0")
    assert (own.resource.props["subnetId"], own.resource.props["routeTableId"]) == ("subnet-1", "rtb-1")


def data_subnets(*tables: dict[str, Any]) -> Status:
    found = collect([region(recorded(*tables))], [VPC, SUBNET, TABLE, ROUTE, ASSOCIATION, MAIN]).found
    stack = Stack(linked(found))
    subnet = next(one for one in stack.of(SUBNET) if one.props["id"] == "subnet-1")
    group = Resource(
        type="aws:rds/subnetGroup:SubnetGroup",
        name="data",
        urn="data",
        props={"subnetIds": ["subnet-1"]},
        references={"subnetIds": (subnet.urn,)},
    )
    (finding,) = answers(control("NET-02"), Stack((*stack.resources, group)), [group], live=True)
    return finding.verdict.status


def test_a_live_route_out_of_a_data_subnet_is_found_by_its_own_table_and_by_the_main_one() -> None:
    assert data_subnets(table("rtb-0", main=True), table("rtb-1", subnet="subnet-1")) is Status.PASS
    assert data_subnets(table("rtb-0", main=True), table("rtb-1", outward("igw-1"), subnet="subnet-1")) is Status.FAIL
    assert data_subnets(table("rtb-0", outward("igw-1"), main=True)) is Status.FAIL


def test_tables_that_cannot_be_listed_are_not_observed() -> None:
    refused = recorded() | {"ec2.describe_route_tables": Refusal("UnauthorizedOperation")}
    assert read(TABLE, refused).unobserved == {TABLE: "eu-west-1: ec2:DescribeRouteTables: UnauthorizedOperation"}
