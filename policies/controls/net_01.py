"""NET-01: nothing is open to the world but 443 at the edge, and 80 that only redirects."""

from collections.abc import Iterator, Mapping
from ipaddress import ip_network
from typing import Any

from policies.control import (
    SAFEGUARDS,
    SOC2,
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

WIDEST_PREFIX = {4: 8, 6: 16}
"""A public network with a shorter prefix counts as the world: two halves of it, each a /1, are as open as 0.0.0.0/0."""

_GROUPS = ("aws:ec2/securityGroup:SecurityGroup", "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup")
_INGRESS_RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
_LEGACY_RULE = "aws:ec2/securityGroupRule:SecurityGroupRule"
_PREFIX_LIST = "aws:ec2/managedPrefixList:ManagedPrefixList"


def opens_nothing_to_the_world(resource: Resource, stack: Stack) -> Verdict:
    unknown: str | None = None
    for rule in _rules(resource):
        if not (world := _world(resource, rule, stack)):
            unknown = unknown or _unresolved(rule)
            continue
        ports = _ports(rule)
        if ports == (443, 443) and rule.get("protocol", rule.get("ipProtocol")) in {"tcp", "udp"}:
            if _is_edge(resource, stack):
                continue
            return failed(f"port 443 is open to {world} on a group that no internet-facing load balancer uses")
        if ports == (80, 80) and _is_edge(resource, stack) and _only_redirects(stack):
            continue
        return failed(f"ports {ports[0]:g} to {ports[1]:g} are open to {world}")
    return undetermined(unknown) if unknown else passed()


def _rules(resource: Resource) -> Iterator[Mapping[str, Any]]:
    if resource.type == _INGRESS_RULE or (resource.type == _LEGACY_RULE and resource.props["type"] == "ingress"):
        yield resource.props
    elif resource.type in _GROUPS:
        yield from resource.given("ingress") or ()


def _world(resource: Resource, rule: Mapping[str, Any], stack: Stack) -> str | None:
    """The first network of a rule that is as good as the world."""
    networks = [
        rule.get("cidrIpv4"),
        rule.get("cidrIpv6"),
        *(rule.get("cidrBlocks") or ()),
        *(rule.get("ipv6CidrBlocks") or ()),
    ]
    for prefix_list in stack.sources(resource, "prefixListId", "prefixListIds"):
        if prefix_list.type == _PREFIX_LIST:
            networks += [entry["cidr"] for entry in prefix_list.props.get("entries") or ()]
    for text in filter(None, networks):
        network = ip_network(text, strict=False)
        if network.prefixlen < WIDEST_PREFIX[network.version] and not (network.is_private and network.prefixlen):
            return str(text)
    return None


def _unresolved(rule: Mapping[str, Any]) -> str | None:
    lists = [rule.get("prefixListId"), *(rule.get("prefixListIds") or ())]
    return "what the prefix list holds is not known here" if any(lists) and _ports(rule) != (443, 443) else None


def _ports(rule: Mapping[str, Any]) -> tuple[float, float]:
    if rule.get("protocol", rule.get("ipProtocol")) in {"-1", "all"}:
        return (0, 65535)
    return (rule.get("fromPort") or 0, rule.get("toPort") or 0)


def _is_edge(resource: Resource, stack: Stack) -> bool:
    groups = [resource] if resource.type in _GROUPS else stack.sources(resource, "securityGroupId")
    return any(
        not balancer.props.get("internal")
        for group in groups
        for balancer in stack.pointing_at(group, "aws:lb/loadBalancer:LoadBalancer", "securityGroups")
    )


def _only_redirects(stack: Stack) -> bool:
    plain = [listener for listener in stack.of("aws:lb/listener:Listener") if listener.props.get("port") == 80]
    forwards = [
        rule
        for rule in stack.of("aws:lb/listenerRule:ListenerRule")
        for port80 in plain
        if port80 in stack.sources(rule, "listenerArn")
    ]
    actions = [action for owner in plain for action in owner.props["defaultActions"]]
    actions += [action for rule in forwards for action in rule.props["actions"]]
    return bool(plain) and all(action["type"] == "redirect" for action in actions)


NET_01 = Control(
    id="NET-01",
    title="Nothing is open to the world but 443 at the edge, and 80 that only redirects",
    severity=Severity.CRITICAL,
    clauses=(
        StackClause(
            resource_types=frozenset({*_GROUPS, _INGRESS_RULE, _LEGACY_RULE}), check=opens_nothing_to_the_world
        ),
    ),
    maps_to=(SOC2("CC6.6", Strength.DIRECT), *SAFEGUARDS),
    risk="What the whole internet reaches is attacked within minutes.",
    remediation="Name the security group or network that needs access; public traffic enters through the edge.",
)
