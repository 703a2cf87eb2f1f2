"""NET-02: data subnets have no way to the internet, and stores have no public address."""

from collections.abc import Iterator, Mapping
from typing import Any

from policies.control import (
    SAFEGUARDS,
    SOC2,
    Clause,
    Control,
    Severity,
    StackClause,
    Strength,
    Verdict,
    failed,
    passed,
    undetermined,
)
from policies.resources import Resource, Stack

WAYS_OUT = (
    "gatewayId",
    "natGatewayId",
    "egressOnlyGatewayId",
    "transitGatewayId",
    "vpcPeeringConnectionId",
    "coreNetworkArn",
)
"""Route targets that leave the VPC. ``gatewayId`` also names ``local`` and gateway endpoints, which stay inside."""

_INSIDE = ("local", "vpce-")
_ASSOCIATION = "aws:ec2/routeTableAssociation:RouteTableAssociation"
_MAIN_ASSOCIATION = "aws:ec2/mainRouteTableAssociation:MainRouteTableAssociation"


def data_subnets_have_no_way_out(group: Resource, stack: Stack) -> Verdict:
    subnets = [source for source in stack.sources(group, "subnetIds") if source.type == "aws:ec2/subnet:Subnet"]
    if not subnets:
        return undetermined("the subnets of this group are not in the stack")
    for subnet in subnets:
        tables = list(_route_tables(subnet, stack))
        if not tables:
            return undetermined(f"{subnet.name} has no route table in the stack")
        for table in tables:
            if target := _way_out(table, stack):
                return failed(f"{subnet.name} is routed by {table.name}, which has a route to {target}")
    return passed()


def _route_tables(subnet: Resource, stack: Stack) -> Iterator[Resource]:
    """The tables that route a subnet: its own, else the main one of its VPC."""
    own = [
        table
        for association in stack.pointing_at(subnet, _ASSOCIATION, "subnetId")
        for table in stack.sources(association, "routeTableId")
    ]
    if own:
        yield from own
        return
    for vpc in stack.sources(subnet, "vpcId"):
        for association in stack.pointing_at(vpc, _MAIN_ASSOCIATION, "vpcId"):
            yield from stack.sources(association, "routeTableId")
        yield from stack.pointing_at(vpc, "aws:ec2/defaultRouteTable:DefaultRouteTable", "vpcId")


def _way_out(table: Resource, stack: Stack) -> str | None:
    for route in stack.pointing_at(table, "aws:ec2/route:Route", "routeTableId"):
        for name in WAYS_OUT:
            if stack.sources(route, name) or _leaves(route.props, name):
                return name
    for inline in table.given("routes") or ():
        for name in WAYS_OUT:
            if _leaves(inline, name):
                return name
    return None


def _leaves(route: Mapping[str, Any], name: str) -> bool:
    return bool(route.get(name)) and not str(route[name]).startswith(_INSIDE)


def has_no_public_address(store: Mapping[str, Any]) -> Verdict:
    return failed("publiclyAccessible is true") if store.get("publiclyAccessible") else passed()


NET_02 = Control(
    id="NET-02",
    title="Data subnets have no route to the internet, and stores are not public",
    severity=Severity.CRITICAL,
    clauses=(
        StackClause(resource_types=frozenset({"aws:rds/subnetGroup:SubnetGroup"}), check=data_subnets_have_no_way_out),
        Clause(
            resource_types=frozenset({"aws:rds/clusterInstance:ClusterInstance", "aws:rds/instance:Instance"}),
            check=has_no_public_address,
        ),
    ),
    maps_to=(SOC2("CC6.6", Strength.DIRECT), *SAFEGUARDS),
    risk="A route out of the data subnets is a way to carry the data off.",
    remediation="Keep only local routes and gateway endpoints for data subnets; set publiclyAccessible to false.",
)
