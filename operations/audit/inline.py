"""Rules of security groups and routes that a program writes inside of their group or table. Live each is a resource of
its own, and it is no stranger where a state has it like this."""

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from operations.audit.live.collect import Found
from operations.audit.state import Row, plain, resources

Part = tuple[str, str, str, tuple[str, ...]]
"""Type as it shows live, account, region, and what makes two of them the same."""

INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
ROUTE = "aws:ec2/route:Route"

GROUPS = frozenset({"aws:ec2/securityGroup:SecurityGroup", "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"})
TABLES = frozenset({"aws:ec2/routeTable:RouteTable", "aws:ec2/defaultRouteTable:DefaultRouteTable"})
RULE = "aws:ec2/securityGroupRule:SecurityGroupRule"
"""One resource for several rules of one direction, which AWS keeps one by one."""

_PROTOCOLS = {"all": "-1", "1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6"}
"""Numbers for which AWS answers a name (EC2 API reference, IpPermission)."""

_TARGETS = (
    *("carrierGatewayId", "coreNetworkArn", "egressOnlyGatewayId", "gatewayId", "localGatewayId", "natGatewayId"),
    *("networkInterfaceId", "transitGatewayId", "vpcEndpointId", "vpcPeeringConnectionId"),
)


def written_inside(rows: Iterable[Row], account: str) -> Iterator[Part]:
    """What the groups and tables of a state hold, by what the program gave: a refresh adds to the outputs what it
    finds, whoever made it."""
    for row in resources(rows):
        given, where = plain(row.get("inputs") or {}), str((row.get("outputs") or {}).get("region") or "")
        if row["type"] in GROUPS:
            for type_, name in ((INGRESS, "ingress"), (EGRESS, "egress")):
                for rule in given.get(name) or ():
                    yield from ((type_, account, where, part) for part in _rules(rule, row["id"]))
        elif row["type"] == RULE:
            type_ = EGRESS if given.get("type") == "egress" else INGRESS
            parts = _rules(given, str(given.get("securityGroupId")))
            yield from ((type_, account, where, part) for part in parts)
        elif row["type"] in TABLES:
            for route in given.get("routes") or ():
                yield (ROUTE, account, where, _route(route, row["id"]))


def part(found: Found) -> Part | None:
    """What a live rule or route is; None for every other resource."""
    props, type_ = found.resource.props, found.resource.type
    if type_ in (INGRESS, EGRESS):
        names = ("cidrIpv4", "cidrIpv6", "prefixListId", "referencedSecurityGroupId")
        peer = next((str(props[name]) for name in names if props.get(name)), "")
        what = _rule(props["ipProtocol"], props.get("fromPort"), props.get("toPort"), peer, props["securityGroupId"])
    elif type_ == ROUTE:
        what = _route(props, props["routeTableId"])
    else:
        return None
    _, account, where, *_ = found.key.split("|")
    return (type_, account, where, what)


def _rules(rule: Mapping[str, Any], group: str) -> Iterator[tuple[str, ...]]:
    names = ("cidrBlocks", "ipv6CidrBlocks", "prefixListIds", "securityGroups")
    peers = [str(peer) for name in names for peer in rule.get(name) or ()]
    # A group of another account is written with it: 123456789012/sg-1.
    peers += [str(one).rpartition("/")[2] for one in (rule.get("sourceSecurityGroupId"),) if one]
    peers += [group] if rule.get("self") else []
    for peer in peers:
        yield _rule(rule.get("protocol"), rule.get("fromPort"), rule.get("toPort"), peer, group)


def _rule(protocol: Any, first: Any, last: Any, peer: str, group: str) -> tuple[str, ...]:
    word = str(protocol).lower()
    word = _PROTOCOLS.get(word, word)
    ports = () if word == "-1" else (first, last)
    # A state has numbers as JSON does: 443.0.
    return (group, word, *(f"{one:g}" if isinstance(one, int | float) else str(one) for one in ports), _network(peer))


def _route(route: Mapping[str, Any], table: str) -> tuple[str, ...]:
    names = (
        "cidrBlock",
        "ipv6CidrBlock",
        "destinationCidrBlock",
        "destinationIpv6CidrBlock",
        "destinationPrefixListId",
    )
    destination = next((str(route[name]) for name in names if route.get(name)), "")
    return (table, _network(destination), *(str(route[name]) for name in _TARGETS if route.get(name)))


def _network(word: str) -> str:
    """A block of addresses as AWS writes it, without bits of a host; everything else as it stands."""
    try:
        return str(ipaddress.ip_network(word, strict=False))
    except ValueError:
        return word
