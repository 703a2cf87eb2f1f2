"""Who may talk to whom, computed from NetworkPolicy objects, and compared with what each workload says it needs.

    matrix = reachability(parties, policies, wanted)
    matrix.check()          ValueError naming each missing and each superfluous edge
    print(matrix.table())   the whole picture

Kubernetes' own rules (https://kubernetes.io/docs/concepts/services-networking/network-policies/): policies only add; a
pod that no policy selects for a direction is open in it; a connection needs the client's egress and the server's
ingress. Pure: nothing here asks a cluster.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Any, Final, Literal

from components.matrix import Edge, Matrix

Protocol = Literal["TCP", "UDP"]
Direction = Literal["Egress", "Ingress"]
Policy = Mapping[str, Any]
"""A NetworkPolicy manifest with a known namespace and known rules."""

NAMESPACE_LABEL = "kubernetes.io/metadata.name"
"""Label that every namespace has of itself."""


def _without(network: IPv4Network, but: Sequence[str]) -> tuple[IPv4Network, ...]:
    """The addresses of `network` outside of `but`, as the fewest blocks, which are the same in any order of `but`."""
    rest = [network]
    for cut in map(IPv4Network, but):
        rest = [
            part
            for block in rest
            if not block.subnet_of(cut)
            for part in (block.address_exclude(cut) if cut.subnet_of(block) else [block])
        ]
    return tuple(sorted(rest))


@dataclass(frozen=True, kw_only=True, slots=True)
class Port:
    """One port of a server."""

    number: int
    protocol: Protocol = "TCP"

    def __post_init__(self) -> None:
        if not 1 <= self.number <= 65_535:
            raise ValueError(f"reachability.port: {self.number} is outside 1..65535")


@dataclass(frozen=True, kw_only=True, slots=True)
class Pods:
    """Pods of one namespace that carry these labels."""

    namespace: str
    labels: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Blocks:
    """Addresses that are no pods: subnets with databases or endpoints, the pod identity agent, the internet."""

    cidrs: tuple[str, ...]
    but: tuple[str, ...] = ()
    """Blocks inside of `cidrs` that do not belong to it."""

    def __post_init__(self) -> None:
        if not self.cidrs:
            raise ValueError("reachability.blocks: empty; name at least one CIDR")
        if not self.networks:
            raise ValueError(f"reachability.blocks: {', '.join(self.but)} leaves nothing of it; exclude less")

    @property
    def networks(self) -> tuple[IPv4Network, ...]:
        """What remains of `cidrs`, in as few blocks as it takes: always the same ones for the same addresses."""
        return tuple(network for cidr in self.cidrs for network in _without(IPv4Network(cidr), self.but))


@dataclass(frozen=True, kw_only=True, slots=True)
class Party:
    """Somebody on the network: a workload, an AWS service, the load balancer."""

    name: str
    """Word that `needs` and `serves` use."""
    place: Pods | Blocks
    ports: tuple[Port, ...] = ()
    """Where it listens; none: it only calls others."""


POD_IDENTITY_AGENT = "169.254.170.23/32"
"""Where pods fetch their role's credentials (https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html)."""

DNS: Final = Party(
    name="dns",
    place=Pods(namespace="kube-system", labels={"k8s-app": "kube-dns"}),
    ports=(Port(number=53, protocol="UDP"), Port(number=53)),
)
IDENTITY: Final = Party(name="pod-identity", place=Blocks(cidrs=(POD_IDENTITY_AGENT,)), ports=(Port(number=80),))
EVERYBODYS: Final = frozenset({DNS.name, IDENTITY.name})
"""These two every pod of a guarded namespace reaches without saying so: without a role the agent gives nothing."""

NOT_INTERNET: Final = ("10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16")
"""Private use (RFC 1918), shared addresses (RFC 6598, which VPCs use as secondary blocks), link-local (RFC 3927: the
metadata service and the pod identity agent)."""

BANKS: Final = Party(name="banks", place=Blocks(cidrs=("0.0.0.0/0",), but=NOT_INTERNET), ports=(Port(number=443),))
"""Whoever is called over the internet, through the NAT gateways: never an address of a VPC or of a node."""


def reachability(parties: Sequence[Party], policies: Sequence[Policy], wanted: Iterable[Edge]) -> Matrix:
    """The matrix of all `parties` under `policies`.

    Raises `ValueError` when two parties share a name, when a wanted edge names an unknown one or one that does not
    listen, and for policies with named ports, whose number only the cluster knows, or with unknown words.
    """
    by_name = {party.name: party for party in parties}
    if len(by_name) < len(parties):
        raise ValueError(f"reachability.parties: a name repeats in {sorted(party.name for party in parties)}")
    edges = frozenset(wanted)
    _check_names(by_name, edges)
    for policy in policies:
        _check_words(policy)
    allowed, opened = set(), set()
    for client in parties:
        for server in parties:
            if client is server or not server.ports or _both_outside(client, server):
                continue
            edge = Edge(client=client.name, server=server.name)
            ends = [_End(client, server, "Egress", policies), _End(server, client, "Ingress", policies)]
            if all(end.passes_all(server.ports) for end in ends):
                allowed.add(edge)
            if any(end.selected and end.passes_any(server.ports) for end in ends):
                opened.add(edge)
    callers = {edge.client for edge in edges | opened}
    callers |= {party.name for party in parties if any(_selects(p, party.place, "Egress") for p in policies)}
    return Matrix(
        clients=tuple(name for name in by_name if name in callers),
        servers=tuple(party.name for party in parties if party.ports),
        wanted=edges,
        allowed=frozenset(allowed),
        opened=frozenset(opened),
        strays=(
            *(stray for policy in policies for stray in _strays(policy, parties)),
            *(stray for name in sorted({edge.client for edge in edges}) for stray in _open(by_name[name], policies)),
        ),
    )


def rule(peers: Sequence[Party], key: Literal["to", "from"], ports: Sequence[Port]) -> dict[str, Any]:
    """An egress (`to`) or ingress (`from`) rule that lets exactly these peers and ports through."""
    return {
        key: [item for peer in peers for item in _peer(peer.place)],
        "ports": [{"port": port.number, "protocol": port.protocol} for port in ports],
    }


def _peer(place: Pods | Blocks) -> list[dict[str, Any]]:
    if isinstance(place, Blocks):
        return [{"ipBlock": {"cidr": cidr, **_cut(IPv4Network(cidr), place.but)}} for cidr in place.cidrs]
    labels = {"matchLabels": dict(place.labels)}
    return [{"namespaceSelector": {"matchLabels": {NAMESPACE_LABEL: place.namespace}}, "podSelector": labels}]


def _cut(network: IPv4Network, but: Sequence[str]) -> dict[str, list[str]]:
    inside = [cidr for cidr in but if IPv4Network(cidr).subnet_of(network)]
    return {"except": inside} if inside else {}


def baseline(namespace: str, dns: Party = DNS) -> list[Policy]:
    """What guards a namespace before any workload: nothing in, nothing out, but names and credentials."""
    specs: dict[str, dict[str, Any]] = {
        "default-deny": {"policyTypes": ["Ingress", "Egress"]},
        "allow-dns": {"policyTypes": ["Egress"], "egress": [rule([dns], "to", dns.ports)]},
        "allow-pod-identity": {"policyTypes": ["Egress"], "egress": [rule([IDENTITY], "to", IDENTITY.ports)]},
    }
    return [
        {"metadata": {"name": name, "namespace": namespace}, "spec": {"podSelector": {}, **spec}}
        for name, spec in specs.items()
    ]


def _check_names(by_name: Mapping[str, Party], edges: Iterable[Edge]) -> None:
    for edge in sorted(edges):
        for name in (edge.client, edge.server):
            if name not in by_name:
                raise ValueError(f"workload.needs: {edge}: {name!r} is unknown; choose from {', '.join(by_name)}")
        if not by_name[edge.server].ports:
            raise ValueError(f"workload.needs: {edge}: {edge.server!r} listens nowhere; give it ports")


def _check_words(policy: Policy) -> None:
    """A misspelt word, such as `pod_selector`, would be read as one that is absent: as everything."""
    spec = policy["spec"]
    rules = [rule_ for key in ("egress", "ingress") for rule_ in spec.get(key) or ()]
    peers = [peer for rule_ in rules for key in ("to", "from") for peer in rule_.get(key) or ()]
    for known, parts in (
        ({"podSelector", "policyTypes", "egress", "ingress"}, [spec]),
        ({"to", "from", "ports"}, rules),
        ({"ipBlock", "namespaceSelector", "podSelector"}, peers),
        ({"port", "protocol", "endPort"}, [port for rule_ in rules for port in rule_.get("ports") or ()]),
    ):
        if wrong := sorted({word for part in parts for word in part} - known):
            name = policy["metadata"]["name"]
            raise ValueError(f"reachability.policies: {name}: {wrong[0]!r} is none of {', '.join(sorted(known))}")


def _both_outside(client: Party, server: Party) -> bool:
    """Neither end is a pod: no NetworkPolicy has a say."""
    return isinstance(client.place, Blocks) and isinstance(server.place, Blocks)


class _End:
    """What the policies of one end (`own`) let through to or from the other (`peer`)."""

    def __init__(self, own: Party, peer: Party, direction: Direction, policies: Sequence[Policy]) -> None:
        self._peer = peer
        selecting = [policy for policy in policies if _selects(policy, own.place, direction)]
        self.selected = bool(selecting)
        """Whether any policy applies; without one this end is open."""
        self._rules = [parts for policy in selecting for parts in _rules(policy, direction)]

    def passes_all(self, ports: Sequence[Port]) -> bool:
        if not self.selected:
            return True
        return all(self._covered([peers for peers, open_ in self._rules if _opens(open_, port)]) for port in ports)

    def passes_any(self, ports: Sequence[Port]) -> bool:
        return any(
            _opens(open_, port) and (not peers or any(_touches(peer, self._peer.place) for peer in peers))
            for peers, open_ in self._rules
            for port in ports
        )

    def _covered(self, rules: Sequence[Sequence[Mapping[str, Any]]]) -> bool:
        """Whether these rules together let all of the peer's place through."""
        if any(not peers for peers in rules):
            return True
        peers = [peer for rule_ in rules for peer in rule_]
        if isinstance(self._peer.place, Pods):
            return any(_touches(peer, self._peer.place) for peer in peers)
        open_ = [network for peer in peers for network in _block(peer)]
        return all(any(network.subnet_of(block) for block in open_) for network in self._peer.place.networks)


def _selects(policy: Policy, place: Pods | Blocks, direction: Direction) -> bool:
    if isinstance(place, Blocks) or policy["metadata"]["namespace"] != place.namespace:
        return False
    spec = policy["spec"]
    types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    return direction in types and _matches(spec.get("podSelector") or {}, place.labels)


def _open(workload: Party, policies: Sequence[Policy]) -> list[str]:
    """A workload that no policy selects is open, and no edge would show it."""
    if isinstance(workload.place, Blocks):
        return []
    directions: tuple[Direction, Direction] = ("Egress", "Ingress")
    return [
        f"{workload.name}: no policy selects it for {direction}, so everything is open"
        for direction in directions
        if not any(_selects(policy, workload.place, direction) for policy in policies)
    ]


def _rules(policy: Policy, direction: Direction) -> list[tuple[list[dict[str, Any]], list[Mapping[str, Any]]]]:
    """(peers, ports) of each rule. A peer without a namespaceSelector means the policy's own namespace."""
    key = "to" if direction == "Egress" else "from"
    own = {"namespaceSelector": {"matchLabels": {NAMESPACE_LABEL: policy["metadata"]["namespace"]}}}
    return [
        ([peer if "ipBlock" in peer else {**own, **peer} for peer in rule_.get(key) or ()], rule_.get("ports") or [])
        for rule_ in policy["spec"].get(direction.lower()) or ()
    ]


def _strays(policy: Policy, parties: Sequence[Party]) -> list[str]:
    """What the rules of a policy let through beyond the declared parties and their ports."""
    found = []
    where = f"policy {policy['metadata']['namespace']}/{policy['metadata']['name']}"
    own = [
        party
        for party in parties
        if _selects(policy, party.place, "Egress") or _selects(policy, party.place, "Ingress")
    ]
    directions: tuple[Direction, Direction] = ("Egress", "Ingress")
    for direction in directions:
        for peers, ports in _rules(policy, direction):
            if not peers:
                found.append(f"{where}: a rule of {direction} names nobody, so it means everybody")
            meant = [party for party in parties if any(_touches(peer, party.place) for peer in peers)]
            if not own and any(party.name not in EVERYBODYS for party in meant):
                found.append(f"{where}: a rule of {direction} is for pods of no declared workload")
            found += [f"{where}: {text} is wider than any declared party" for text in _too_wide(peers, parties)]
            known = {port for party in (meant if direction == "Egress" else own) for port in party.ports}
            found += [f"{where}: {text} is no port of a declared party" for text in _too_many(ports, known)]
    return found


def _too_wide(peers: Sequence[Mapping[str, Any]], parties: Sequence[Party]) -> list[str]:
    blocks = [network for party in parties if isinstance(party.place, Blocks) for network in party.place.networks]
    found = []
    for peer in peers:
        if "ipBlock" in peer:
            wide = any(not any(network.subnet_of(block) for block in blocks) for network in _block(peer))
            found += [peer["ipBlock"]["cidr"]] if wide else []
        elif not any(_touches(peer, party.place) for party in parties):
            found.append(f"the selector {peer}")
    return found


def _too_many(ports: Sequence[Mapping[str, Any]], known: set[Port]) -> list[str]:
    if not ports:
        return ["every port"]
    single = {(port.number, port.protocol) for port in known}
    return [
        f"{entry.get('protocol', 'TCP')} {entry.get('port', 'any')}"
        + (f" to {entry['endPort']}" if "endPort" in entry else "")
        for entry in ports
        if "endPort" in entry or (entry.get("port"), entry.get("protocol", "TCP")) not in single
    ]


def _opens(ports: Sequence[Mapping[str, Any]], port: Port) -> bool:
    """Whether a rule's ports include this one; none listed: all of them."""
    if not ports:
        return True
    for entry in ports:
        number = entry.get("port")
        if isinstance(number, str):
            raise ValueError(f"reachability.policies: port {number!r} is a name; write its number")
        if entry.get("protocol", "TCP") != port.protocol:
            continue
        if number is None or number <= port.number <= entry.get("endPort", number):
            return True
    return False


def _touches(peer: Mapping[str, Any], place: Pods | Blocks) -> bool:
    """Whether a peer of a rule means any of this place. An ipBlock means no pods, as Kubernetes says of it."""
    if isinstance(place, Blocks):
        return any(block.overlaps(network) for block in _block(peer) for network in place.networks)
    if "ipBlock" in peer:
        return False
    namespace = peer.get("namespaceSelector")
    in_namespace = namespace is not None and _matches(namespace, {NAMESPACE_LABEL: place.namespace})
    return in_namespace and _matches(peer.get("podSelector") or {}, place.labels)


def _block(peer: Mapping[str, Any]) -> tuple[IPv4Network, ...]:
    """The addresses that a peer means; none where it selects pods."""
    block = peer.get("ipBlock")
    return _without(IPv4Network(block["cidr"]), block.get("except") or ()) if block else ()


def _matches(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """A label selector; the empty one matches everything."""
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_holds(expression, labels) for expression in selector.get("matchExpressions") or ())


def _holds(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, values = expression["key"], expression.get("values") or ()
    match expression["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
        case other:
            raise ValueError(f"reachability.policies: operator {other!r} is not one of Kubernetes' selectors")
