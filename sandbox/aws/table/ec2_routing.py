"""Route tables, routes, associations and NAT gateways."""

import zlib
from collections.abc import Mapping
from typing import Any

from sandbox.aws.provider.calls import tag_map
from sandbox.aws.provider.model import Context, Props, ResourceType, WaitTimeout
from sandbox.aws.provider.shapes import outputs, request
from sandbox.aws.table.ec2 import first, retag, tagged

ROUTE_TABLE = "aws:ec2/routeTable:RouteTable"
ROUTE = "aws:ec2/route:Route"
ROUTE_TABLE_ASSOCIATION = "aws:ec2/routeTableAssociation:RouteTableAssociation"
NAT_GATEWAY = "aws:ec2/natGateway:NatGateway"

DESTINATIONS = {
    "destinationCidrBlock": "DestinationCidrBlock",
    "destinationIpv6CidrBlock": "DestinationIpv6CidrBlock",
    "destinationPrefixListId": "DestinationPrefixListId",
}
INLINE_DESTINATIONS = {
    "cidrBlock": "DestinationCidrBlock",
    "ipv6CidrBlock": "DestinationIpv6CidrBlock",
    "destinationPrefixListId": "DestinationPrefixListId",
}
TARGETS = {
    "carrierGatewayId": "CarrierGatewayId",
    "coreNetworkArn": "CoreNetworkArn",
    "egressOnlyGatewayId": "EgressOnlyInternetGatewayId",
    "gatewayId": "GatewayId",
    "localGatewayId": "LocalGatewayId",
    "natGatewayId": "NatGatewayId",
    "networkInterfaceId": "NetworkInterfaceId",
    "odbNetworkArn": "OdbNetworkArn",
    "transitGatewayId": "TransitGatewayId",
    "vpcEndpointId": "VpcEndpointId",
    "vpcPeeringConnectionId": "VpcPeeringConnectionId",
}
"""Property -> parameter of CreateRoute."""

# ---- aws:ec2/routeTable:RouteTable


def create_route_table(ctx: Context, props: Props) -> str:
    made = ctx.client("ec2").create_route_table(VpcId=props["vpcId"], **tagged("route-table", props))
    return str(made["RouteTable"]["RouteTableId"])


def route_table(ctx: Context, id_: str) -> dict[str, Any] | None:
    return first(ctx.client("ec2").describe_route_tables(RouteTableIds=[id_])["RouteTables"])


def settle_route_table(ctx: Context, id_: str, props: Props) -> None:
    """Routes written inside the table are exactly those it has; a table without any leaves them to Route resources."""
    if props.get("routes") is None:
        return
    wanted = {destination_of(route, INLINE_DESTINATIONS): route for route in props["routes"]}
    there = {destination_of(route, INLINE_DESTINATIONS): route for route in inline_routes(route_table(ctx, id_) or {})}
    ec2 = ctx.client("ec2")
    for destination in there.keys() - wanted.keys():
        ec2.delete_route(RouteTableId=id_, **dict([destination]))
    for destination, route in wanted.items():
        call = ec2.replace_route if destination in there else ec2.create_route
        if destination not in there or target_of(there[destination]) != target_of(route):
            call(RouteTableId=id_, **dict([destination]), **target_of(route))


def destination_of(route: Props, names: Mapping[str, str]) -> tuple[str, str]:
    """(parameter, value) of where a route leads."""
    found = next(((api, str(route[name])) for name, api in names.items() if route.get(name)), None)
    if found is None:
        raise ValueError(f"a route needs one of {', '.join(names)}")
    return found


def target_of(route: Props) -> dict[str, str]:
    """Parameters of what a route goes through."""
    return {api: route[name] for name, api in TARGETS.items() if route.get(name)}


def inline_routes(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Routes of a table as ``routes`` blocks, without those that AWS makes (local, propagated, gateway endpoints)."""
    rows = [
        row
        for row in found.get("Routes", [])
        if row.get("GatewayId") != "local"
        and row.get("Origin", "CreateRoute") == "CreateRoute"
        and not str(row.get("GatewayId", "")).startswith("vpce-")
        and "DestinationPrefixListId" not in row
    ]
    return [
        {
            "cidrBlock": row.get("DestinationCidrBlock") or None,
            "ipv6CidrBlock": row.get("DestinationIpv6CidrBlock") or None,
            **{name: row[api] for name, api in TARGETS.items() if row.get(api)},
        }
        for row in rows
    ]


def read_route_table(ctx: Context, id_: str, _last: Props) -> Props | None:
    found = route_table(ctx, id_)
    if found is None:
        return None
    owner = found.get("OwnerId") or ctx.account_id
    return {
        "arn": ctx.arn("ec2", f"route-table/{id_}", account_id=owner),
        "ownerId": owner,
        "propagatingVgws": [row["GatewayId"] for row in found.get("PropagatingVgws", [])],
        "routes": inline_routes(found),
        "tags": tag_map(found.get("Tags")),
        "vpcId": found["VpcId"],
    }


ROUTE_TABLE_TYPE = ResourceType(
    token=ROUTE_TABLE,
    service="ec2",
    create=create_route_table,
    settle=settle_route_table,
    read=read_route_table,
    update=lambda _ctx, _id, _old, _new: None,
    delete=lambda ctx, id_, _last: ctx.client("ec2").delete_route_table(RouteTableId=id_),
    tag=retag,
    force_new=frozenset({"vpcId"}),
)

# ---- aws:ec2/route:Route


def create_route(ctx: Context, props: Props) -> str:
    destination = destination_of(props, DESTINATIONS)
    ctx.client("ec2").create_route(RouteTableId=props["routeTableId"], **dict([destination]), **target_of(props))
    return f"r-{props['routeTableId']}{zlib.crc32(destination[1].encode())}"


def route_address(id_: str, last: Props) -> tuple[str, str]:
    """(route table, destination); an import is given ``<route table>_<destination>``."""
    if last.get("routeTableId"):
        return str(last["routeTableId"]), destination_of(last, DESTINATIONS)[1]
    table, _, destination = id_.partition("_")
    if not destination:
        raise ValueError(f"import id {id_!r}: expected <route table id>_<destination>")
    return table, destination


def read_route(ctx: Context, id_: str, last: Props) -> Props | None:
    table, destination = route_address(id_, last)
    rows = (route_table(ctx, table) or {}).get("Routes", [])
    found = next((row for row in rows if destination in [row.get(api) for api in DESTINATIONS.values()]), None)
    if found is None:
        return None
    renames = {"egressOnlyGatewayId": "EgressOnlyInternetGatewayId"}
    gateway = found.get("GatewayId")
    endpoint = gateway if str(gateway).startswith("vpce-") else None
    return outputs(ROUTE, found, renames=renames) | {
        **{name: found.get(api) or None for name, api in TARGETS.items() if name != "vpcEndpointId"},
        "gatewayId": None if endpoint else gateway,
        "routeTableId": table,
        "vpcEndpointId": endpoint,
    }


def replace_route(ctx: Context, _id: str, _old: Props, new: Props) -> None:
    destination = dict([destination_of(new, DESTINATIONS)])
    ctx.client("ec2").replace_route(RouteTableId=new["routeTableId"], **destination, **target_of(new))


def delete_route(ctx: Context, _id: str, last: Props) -> None:
    destination = dict([destination_of(last, DESTINATIONS)])
    ctx.client("ec2").delete_route(RouteTableId=last["routeTableId"], **destination)


ROUTE_TYPE = ResourceType(
    token=ROUTE,
    service="ec2",
    create=create_route,
    read=read_route,
    update=replace_route,
    delete=delete_route,
    force_new=frozenset({"routeTableId", *DESTINATIONS}),
    delete_before_replace=True,
)

# ---- aws:ec2/routeTableAssociation:RouteTableAssociation


def associate(ctx: Context, props: Props) -> str:
    target = {"SubnetId": props.get("subnetId"), "GatewayId": props.get("gatewayId")}
    made = ctx.client("ec2").associate_route_table(
        RouteTableId=props["routeTableId"], **{name: value for name, value in target.items() if value}
    )
    return str(made["AssociationId"])


def read_association(ctx: Context, id_: str, _last: Props) -> Props | None:
    where = [{"Name": "association.route-table-association-id", "Values": [id_]}]
    for table in ctx.client("ec2").describe_route_tables(Filters=where)["RouteTables"]:
        for row in table.get("Associations", []):
            if row.get("RouteTableAssociationId") == id_:
                return {
                    "gatewayId": row.get("GatewayId"),
                    "routeTableId": table["RouteTableId"],
                    "subnetId": row.get("SubnetId"),
                }
    return None


# ReplaceRouteTableAssociation gives the association another id, which no Pulumi update can carry: so it is replaced,
# the old one first
# because a subnet has one association.
ROUTE_TABLE_ASSOCIATION_TYPE = ResourceType(
    token=ROUTE_TABLE_ASSOCIATION,
    service="ec2",
    create=associate,
    read=read_association,
    delete=lambda ctx, id_, _last: ctx.client("ec2").disassociate_route_table(AssociationId=id_),
    force_new=frozenset({"gatewayId", "routeTableId", "subnetId"}),
    delete_before_replace=True,
)

# ---- aws:ec2/natGateway:NatGateway


def create_nat_gateway(ctx: Context, props: Props) -> str:
    renames = {"privateIp": "PrivateIpAddress", "secondaryPrivateIpAddresses": "SecondaryPrivateIpAddresses"}
    parameters = request("ec2", "CreateNatGateway", props, renames=renames, omit={"tags"})
    made = ctx.client("ec2").create_nat_gateway(**parameters, **tagged("natgateway", props))
    return str(made["NatGateway"]["NatGatewayId"])


def nat_gateway(ctx: Context, id_: str) -> dict[str, Any] | None:
    return first(ctx.client("ec2").describe_nat_gateways(NatGatewayIds=[id_])["NatGateways"])


def settle_nat_gateway(ctx: Context, id_: str, _props: Props) -> None:
    def ready() -> bool:
        found = nat_gateway(ctx, id_) or {}
        if found.get("State") == "failed":
            raise WaitTimeout(f"{found.get('FailureCode')}: {found.get('FailureMessage')}")
        return found.get("State") == "available"

    ctx.wait(ready, f"NAT gateway {id_} to be available")


def read_nat_gateway(ctx: Context, id_: str, last: Props) -> Props | None:
    found = nat_gateway(ctx, id_)
    if found is None or found["State"] in ("deleting", "deleted"):
        return None
    rows = found.get("NatGatewayAddresses") or []
    main = next((row for row in rows if row.get("IsPrimary")), first(rows)) or {}
    others = [row for row in rows if row is not main]
    secondary = [row["AllocationId"] for row in others if row.get("AllocationId")]
    return {
        "allocationId": main.get("AllocationId"),
        "associationId": main.get("AssociationId"),
        "availabilityMode": found.get("AvailabilityMode") or last.get("availabilityMode") or "zonal",
        "connectivityType": found.get("ConnectivityType") or "public",
        "networkInterfaceId": main.get("NetworkInterfaceId"),
        "privateIp": main.get("PrivateIp"),
        "publicIp": main.get("PublicIp"),
        "secondaryAllocationIds": secondary,
        "secondaryPrivateIpAddresses": [row["PrivateIp"] for row in others if row.get("PrivateIp")],
        "secondaryPrivateIpAddressCount": len(others),
        "subnetId": found.get("SubnetId"),
        "tags": tag_map(found.get("Tags")),
        "vpcId": found.get("VpcId"),
    }


NAT_GATEWAY_TYPE = ResourceType(
    token=NAT_GATEWAY,
    service="ec2",
    create=create_nat_gateway,
    settle=settle_nat_gateway,
    read=read_nat_gateway,
    delete=lambda ctx, id_, _last: ctx.client("ec2").delete_nat_gateway(NatGatewayId=id_),
    tag=retag,
    defaults={"connectivityType": "public"},
    settles_gone=True,
)

TYPES = [ROUTE_TABLE_TYPE, ROUTE_TYPE, ROUTE_TABLE_ASSOCIATION_TYPE, NAT_GATEWAY_TYPE]
