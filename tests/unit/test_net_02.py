"""NET-02: data subnets without a way out, stores without a public address."""

from judged import status

from policies.control import Status
from policies.resources import Resource
from policies.testing import UNKNOWN, resource


def data_subnet(*routes: dict[str, object], main: bool = False) -> list[Resource]:
    vpc = resource("aws:ec2/vpc:Vpc", "vpc", id="vpc-1")
    subnet = resource("aws:ec2/subnet:Subnet", "subnet", {"vpcId": [vpc]})
    table = resource("aws:ec2/routeTable:RouteTable", "table")
    if main:
        link = resource(
            "aws:ec2/mainRouteTableAssociation:MainRouteTableAssociation",
            "link",
            {"vpcId": [vpc], "routeTableId": [table]},
        )
    else:
        link = resource(
            "aws:ec2/routeTableAssociation:RouteTableAssociation",
            "link",
            {"subnetId": [subnet], "routeTableId": [table]},
        )
    found = [
        resource("aws:ec2/route:Route", f"route-{number}", {"routeTableId": [table]}, **props)
        for number, props in enumerate(routes)
    ]
    group = resource("aws:rds/subnetGroup:SubnetGroup", "group", {"subnetIds": [subnet]}, subnetIds=[UNKNOWN])
    return [group, vpc, subnet, table, link, *found]


def test_follows_the_route_table_of_a_data_subnet() -> None:
    assert status("NET-02", *data_subnet()) is Status.PASS
    assert status("NET-02", *data_subnet({"gatewayId": "vpce-1"})) is Status.PASS
    assert status("NET-02", *data_subnet({"natGatewayId": "nat-1"})) is Status.FAIL
    assert status("NET-02", *data_subnet({"gatewayId": "igw-1"}, main=True)) is Status.FAIL
    assert status("NET-02", *data_subnet({"transitGatewayId": UNKNOWN})) is Status.UNDETERMINED
    assert (
        status("NET-02", resource("aws:rds/subnetGroup:SubnetGroup", "g", subnetIds=["subnet-1"]))
        is Status.UNDETERMINED
    )


def test_refuses_a_public_database() -> None:
    instance = "aws:rds/clusterInstance:ClusterInstance"
    assert status("NET-02", resource(instance, "i", publiclyAccessible=True)) is Status.FAIL
    assert status("NET-02", resource(instance, "i")) is Status.PASS
    assert status("NET-02", resource(instance, "i", publiclyAccessible=UNKNOWN)) is Status.UNDETERMINED
