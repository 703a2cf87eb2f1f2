"""VPC: networks, subnets and how they are routed."""

import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from operations.audit.live.question import Question
from operations.audit.live.reader import Live, Reader
from operations.audit.live.region import Region
from operations.audit.live.tags import tags
from operations.audit.live.words import arn, given

VPCS = Question(service="ec2", operation="describe_vpcs", keep=("Vpcs",), items="Vpcs")
SUBNETS = Question(service="ec2", operation="describe_subnets", keep=("Subnets",), items="Subnets")
TABLES = Question(service="ec2", operation="describe_route_tables", keep=("RouteTables",), items="RouteTables")

_TARGETS: Mapping[str, str] = {
    "GatewayId": "gatewayId",
    "NatGatewayId": "natGatewayId",
    "EgressOnlyInternetGatewayId": "egressOnlyGatewayId",
    "TransitGatewayId": "transitGatewayId",
    "VpcPeeringConnectionId": "vpcPeeringConnectionId",
    "CoreNetworkArn": "coreNetworkArn",
    "LocalGatewayId": "localGatewayId",
    "CarrierGatewayId": "carrierGatewayId",
    "NetworkInterfaceId": "networkInterfaceId",
}
"""AWS's name of a route's target -> the provider's."""

_NOT_DECLARED = {
    "CreateRouteTable": "local route",
    "EnableVgwRoutePropagation": "propagated route",
}
"""Origin of a route (EC2 API reference, Route) -> what AWS makes of itself."""


def vpcs(region: Region) -> Iterator[Live]:
    """Networks that somebody made."""
    yield from (_vpc(region, vpc) for vpc in region.pages(VPCS) if not vpc.get("IsDefault"))


def default_vpcs(region: Region) -> Iterator[Live]:
    """The network that AWS makes in each region of a new account."""
    yield from (_vpc(region, vpc, "default VPC") for vpc in region.pages(VPCS) if vpc.get("IsDefault"))


def _vpc(region: Region, vpc: Mapping[str, Any], made_by_aws: str = "") -> Live:
    tagged = tags(vpc.get("Tags"))
    return Live(
        id=vpc["VpcId"],
        name=tagged.get("Name", ""),
        made_by_aws=made_by_aws,
        props={
            **given(cidrBlock=vpc.get("CidrBlock"), instanceTenancy=vpc.get("InstanceTenancy")),
            "arn": arn(region, "ec2", f"vpc/{vpc['VpcId']}"),
            "ownerId": vpc.get("OwnerId", region.account),
            "tags": tagged,
        },
    )


def subnets(region: Region) -> Iterator[Live]:
    """Subnets; those of a zone's default are AWS's own."""
    for subnet in region.pages(SUBNETS):
        tagged = tags(subnet.get("Tags"))
        yield Live(
            id=subnet["SubnetId"],
            name=tagged.get("Name", ""),
            made_by_aws="default subnet" if subnet.get("DefaultForAz") else "",
            props={
                **given(
                    cidrBlock=subnet.get("CidrBlock"),
                    availabilityZone=subnet.get("AvailabilityZone"),
                    availabilityZoneId=subnet.get("AvailabilityZoneId"),
                ),
                "arn": subnet.get("SubnetArn") or arn(region, "ec2", f"subnet/{subnet['SubnetId']}"),
                "vpcId": subnet["VpcId"],
                "mapPublicIpOnLaunch": subnet.get("MapPublicIpOnLaunch", False),
                "assignIpv6AddressOnCreation": subnet.get("AssignIpv6AddressOnCreation", False),
                "tags": tagged,
            },
        )


def route_tables(region: Region) -> Iterator[Live]:
    """Route tables with what is in them; each VPC has got its main one from AWS."""
    for table in region.pages(TABLES):
        tagged = tags(table.get("Tags"))
        main = any(one.get("Main") for one in table.get("Associations") or ())
        yield Live(
            id=table["RouteTableId"],
            name=tagged.get("Name", ""),
            made_by_aws="main route table" if main else "",
            props={
                "arn": arn(region, "ec2", f"route-table/{table['RouteTableId']}"),
                "vpcId": table["VpcId"],
                "routes": [_route(route) for route in table.get("Routes") or () if not _owner(route)],
                "tags": tagged,
            },
        )


def routes(region: Region) -> Iterator[Live]:
    """Routes by themselves. The provider makes their id of the table and a checksum of the destination."""
    default = {vpc["VpcId"] for vpc in region.pages(VPCS) if vpc.get("IsDefault")}
    for table in region.pages(TABLES):
        for route in table.get("Routes") or ():
            made_by_aws = _owner(route)
            if table["VpcId"] in default and str(route.get("GatewayId")).startswith("igw-"):
                made_by_aws = made_by_aws or "default VPC"
            destination = _destination(route)
            yield Live(
                id=f"r-{table['RouteTableId']}{zlib.crc32(destination.encode())}",
                name=f"{table['RouteTableId']} {destination}",
                made_by_aws=made_by_aws,
                props={
                    **_route(route, cidr="destinationCidrBlock", cidr6="destinationIpv6CidrBlock"),
                    **given(origin=route.get("Origin"), state=route.get("State")),
                    "routeTableId": table["RouteTableId"],
                },
            )


def _owner(route: Mapping[str, Any]) -> str:
    if str(route.get("GatewayId")).startswith("vpce-") and route.get("DestinationPrefixListId"):
        return "gateway endpoint route"
    return _NOT_DECLARED.get(route.get("Origin", ""), "")


def _destination(route: Mapping[str, Any]) -> str:
    names = ("DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId")
    return str(next((route[name] for name in names if route.get(name)), ""))


def _route(route: Mapping[str, Any], cidr: str = "cidrBlock", cidr6: str = "ipv6CidrBlock") -> dict[str, Any]:
    """A route as the provider has it, which tells an endpoint from a gateway by its id."""
    targets = {ours: route.get(theirs) for theirs, ours in _TARGETS.items()}
    if str(targets["gatewayId"]).startswith("vpce-"):
        targets["vpcEndpointId"] = targets.pop("gatewayId")
    return given(
        **{cidr: route.get("DestinationCidrBlock"), cidr6: route.get("DestinationIpv6CidrBlock")},
        destinationPrefixListId=route.get("DestinationPrefixListId"),
        **targets,
    )


def associations(region: Region) -> Iterator[Live]:
    """Which subnet or gateway is routed by which table."""
    for table, one in _associations(region):
        if not one.get("Main"):
            yield Live(
                id=one["RouteTableAssociationId"],
                props={
                    **given(subnetId=one.get("SubnetId"), gatewayId=one.get("GatewayId")),
                    "routeTableId": table["RouteTableId"],
                },
            )


def main_associations(region: Region) -> Iterator[Live]:
    """Which table routes the subnets of a VPC that have none of their own; AWS makes one with the VPC."""
    for table, one in _associations(region):
        if one.get("Main"):
            yield Live(
                id=one["RouteTableAssociationId"],
                made_by_aws="main route table",
                props={"vpcId": table["VpcId"], "routeTableId": table["RouteTableId"]},
            )


def _associations(region: Region) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    for table in region.pages(TABLES):
        for one in table.get("Associations") or ():
            if one.get("AssociationState", {}).get("State", "associated") in ("associating", "associated"):
                yield table, one


Reader(type="aws:ec2/vpc:Vpc", read=vpcs, source=VPCS)
Reader(type="aws:ec2/defaultVpc:DefaultVpc", read=default_vpcs, source=VPCS)
Reader(type="aws:ec2/subnet:Subnet", read=subnets, source=SUBNETS)
Reader(type="aws:ec2/routeTable:RouteTable", read=route_tables, source=TABLES)
Reader(type="aws:ec2/route:Route", read=routes, source=TABLES)
Reader(type="aws:ec2/routeTableAssociation:RouteTableAssociation", read=associations, source=TABLES)
Reader(type="aws:ec2/mainRouteTableAssociation:MainRouteTableAssociation", read=main_associations, source=TABLES)
