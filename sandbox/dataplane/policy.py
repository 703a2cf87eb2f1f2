"""Whether NetworkPolicy objects let one end call another. Pure.

https://kubernetes.io/docs/concepts/services-networking/network-policies/: policies only add; a pod that no policy
selects for a direction is open in it; a connection needs the client's egress and the server's ingress.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from typing import Any

Policy = Mapping[str, Any]
"""A NetworkPolicy object as the API server gives it, with its namespace."""

Labels = Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class PodEnd:
    """A pod on one end of a connection. No address block means a pod: its address is of loopback here."""

    namespace: str
    labels: Labels
    namespace_labels: Labels = field(default_factory=dict)
    named_ports: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class OutsideEnd:
    """Whoever is no pod. It may have any address of `networks`: a policy has to let all of them in."""

    networks: tuple[IPv4Network, ...]


End = PodEnd | OutsideEnd


def allowed(client: End, server: End, port: int, policies: Sequence[Policy]) -> bool:
    """Whether `client` may open a TCP connection to `port` of `server`."""
    return _passes(client, server, server, port, "Egress", policies) and _passes(
        server, client, server, port, "Ingress", policies
    )


def _passes(own: End, other: End, server: End, port: int, direction: str, policies: Sequence[Policy]) -> bool:
    if not isinstance(own, PodEnd):
        return True
    selecting = [policy for policy in policies if _selects(policy, own, direction)]
    if not selecting:
        return True
    rules = [
        (policy["metadata"]["namespace"], rule)
        for policy in selecting
        for rule in policy["spec"].get(direction.lower()) or ()
        if _has_port(rule, port, server)
    ]
    key = "to" if direction == "Egress" else "from"
    if isinstance(other, PodEnd):
        return any(_names_pod(space, rule.get(key), other) for space, rule in rules)
    return bool(other.networks) and all(
        any(_names_network(rule.get(key), network) for _, rule in rules) for network in other.networks
    )


def _selects(policy: Policy, pod: PodEnd, direction: str) -> bool:
    spec = policy["spec"]
    types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if "egress" in spec else [])]
    same = policy["metadata"]["namespace"] == pod.namespace
    return same and direction in types and selects(spec.get("podSelector") or {}, pod.labels)


def _has_port(rule: Mapping[str, Any], port: int, server: End) -> bool:
    ports = rule.get("ports")
    return not ports or any(_is_port(entry, port, server) for entry in ports)


def _is_port(entry: Mapping[str, Any], port: int, server: End) -> bool:
    if entry.get("protocol", "TCP") != "TCP":
        return False
    first = entry.get("port")
    if first is None:
        return True
    if isinstance(first, str):
        return isinstance(server, PodEnd) and server.named_ports.get(first) == port
    return bool(first <= port <= entry.get("endPort", first))


def _names_pod(space: str, peers: Iterable[Mapping[str, Any]] | None, pod: PodEnd) -> bool:
    """No peers means everybody. Blocks never mean a pod: pods have no address of the VPC here."""
    if not peers:
        return True
    for peer in peers:
        if "ipBlock" in peer:
            continue
        spaces = peer.get("namespaceSelector")
        in_space = pod.namespace == space if spaces is None else selects(spaces, pod.namespace_labels)
        if in_space and selects(peer.get("podSelector") or {}, pod.labels):
            return True
    return False


def _names_network(peers: Iterable[Mapping[str, Any]] | None, network: IPv4Network) -> bool:
    if not peers:
        return True
    for peer in peers:
        block = peer.get("ipBlock")
        if block is None or ":" in block["cidr"] or not network.subnet_of(IPv4Network(block["cidr"], strict=False)):
            continue
        cuts = [IPv4Network(cut, strict=False) for cut in block.get("except") or () if ":" not in cut]
        if not any(network.overlaps(cut) for cut in cuts):
            return True
    return False


def selects(selector: Mapping[str, Any], labels: Labels) -> bool:
    """Whether a label selector means these labels; an empty one means all."""
    wanted = selector.get("matchLabels") or {}
    return all(labels.get(name) == value for name, value in wanted.items()) and all(
        _matches(expression, labels) for expression in selector.get("matchExpressions") or ()
    )


def _matches(expression: Mapping[str, Any], labels: Labels) -> bool:
    name, values = expression["key"], expression.get("values") or ()
    match expression["operator"]:
        case "In":
            return labels.get(name) in values
        case "NotIn":
            return labels.get(name) not in values
        case "Exists":
            return name in labels
        case "DoesNotExist":
            return name not in labels
        case other:
            raise ValueError(f"matchExpressions.operator: {other!r} is none of In, NotIn, Exists, DoesNotExist")
