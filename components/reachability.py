"""Who may talk to whom, computed from NetworkPolicy objects, and compared with what each workload says it needs.

    policies = [policy for workload in workloads for policy in workload.network_policies()]
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

Protocol = Literal["TCP", "UDP"]
Direction = Literal["Egress", "Ingress"]
Policy = Mapping[str, Any]
"""A NetworkPolicy manifest with a known namespace and known rules."""

NAMESPACE_LABEL = "kubernetes.io/metadata.name"
"""Label that every namespace has of itself."""


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

    def __post_init__(self) -> None:
        if not self.cidrs:
            raise ValueError("reachability.blocks: empty; name at least one CIDR")
        for cidr in self.cidrs:
            IPv4Network(cidr)


@dataclass(frozen=True, kw_only=True, slots=True)
class Party:
    """Somebody on the network: a workload, an AWS service, the load balancer."""

    name: str
    """Word that `needs` and `serves` use."""
    place: Pods | Blocks
    ports: tuple[Port, ...] = ()
    """Where it listens; none: it only calls others."""


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Edge:
    """`client` opens connections to `server`."""

    client: str
    server: str

    def __str__(self) -> str:
        return f"{self.client} -> {self.server}"


POD_IDENTITY_AGENT = "169.254.170.23/32"
"""Where pods fetch their role's credentials (https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html)."""

DNS: Final = Party(
    name="dns",
    place=Pods(namespace="kube-system", labels={"k8s-app": "kube-dns"}),
    ports=(Port(number=53, protocol="UDP"), Port(number=53)),
)
IDENTITY: Final = Party(name="pod-identity", place=Blocks(cidrs=(POD_IDENTITY_AGENT,)), ports=(Port(number=80),))
"""These two every pod of a guarded namespace reaches without saying so: without a role the agent gives nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Matrix:
    """Edges that the policies allow beside those that are wanted."""

    clients: tuple[str, ...]
    servers: tuple[str, ...]
    wanted: frozenset[Edge]
    allowed: frozenset[Edge]
    """Both ends let the connection pass, on every port and address of the server."""
    opened: frozenset[Edge]
    """A policy of one end opens some of it, whether or not the other end does: a grant to be accounted for."""
    strays: tuple[str, ...] = ()
    """Rules that let through more than any party: addresses, ports or pods that nobody declared."""

    @property
    def missing(self) -> tuple[Edge, ...]:
        """Wanted and refused, at least in part."""
        return tuple(sorted(self.wanted - self.allowed))

    @property
    def superfluous(self) -> tuple[Edge, ...]:
        """Opened by a policy, and nobody needs it."""
        return tuple(sorted(self.opened - self.wanted))

    def check(self) -> None:
        """Raises `ValueError` with every edge on which policies and needs differ, and every stray rule."""
        problems = [f"{edge}: needed, but no policy allows all of it" for edge in self.missing]
        problems += [f"{edge}: a policy opens it, but {edge.client} does not need it" for edge in self.superfluous]
        problems += self.strays
        if problems:
            raise ValueError(f"workload.needs: {'; '.join(problems)}; correct needs, serves or the policy")

    def table(self) -> str:
        """Clients down, servers across: `yes` allowed, `MISSING` and `EXTRA` differ from the needs, `.` closed."""
        rows = [["", *self.servers]]
        rows += [[client, *(self._cell(client, server) for server in self.servers)] for client in self.clients]
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines = ("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in rows)
        return "\n".join(line.rstrip() for line in lines)

    def _cell(self, client: str, server: str) -> str:
        edge = Edge(client=client, server=server)
        if edge in self.wanted:
            return "yes" if edge in self.allowed else "MISSING"
        return "EXTRA" if edge in self.opened else "."


def reachability(parties: Sequence[Party], policies: Sequence[Policy], wanted: Iterable[Edge]) -> Matrix:
    """The matrix of all `parties` under `policies`.

    Raises `ValueError` when two parties share a name, when a wanted edge names an unknown one or one that does not
    listen, and for policies with named ports, whose number only the cluster knows.
    """
    by_name = {party.name: party for party in parties}
    if len(by_name) < len(parties):
        raise ValueError(f"reachability.parties: a name repeats in {sorted(party.name for party in parties)}")
    edges = frozenset(wanted)
    _check_names(by_name, edges)
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
        strays=tuple(stray for policy in policies for stray in _strays(policy, parties)),
    )


def rule(peers: Sequence[Party], key: Literal["to", "from"], ports: Sequence[Port]) -> dict[str, Any]:
    """An egress (`to`) or ingress (`from`) rule that lets exactly these peers and ports through."""
    return {
        key: [item for peer in peers for item in _peer(peer.place)],
        "ports": [{"port": port.number, "protocol": port.protocol} for port in ports],
    }


def _peer(place: Pods | Blocks) -> list[dict[str, Any]]:
    if isinstance(place, Blocks):
        return [{"ipBlock": {"cidr": cidr}} for cidr in place.cidrs]
    labels = {"matchLabels": dict(place.labels)}
    return [{"namespaceSelector": {"matchLabels": {NAMESPACE_LABEL: place.namespace}}, "podSelector": labels}]


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
        return all(any(_covers(peer, IPv4Network(cidr)) for peer in peers) for cidr in self._peer.place.cidrs)


def _selects(policy: Policy, place: Pods | Blocks, direction: Direction) -> bool:
    if isinstance(place, Blocks) or policy["metadata"]["namespace"] != place.namespace:
        return False
    spec = policy["spec"]
    types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    return direction in types and _matches(spec.get("podSelector") or {}, place.labels)


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
            found += [f"{where}: {text} is wider than any declared party" for text in _too_wide(peers, parties)]
            known = {port for party in (meant if direction == "Egress" else own) for port in party.ports}
            found += [f"{where}: {text} is no port of a declared party" for text in _too_many(ports, known)]
    return found


def _too_wide(peers: Sequence[Mapping[str, Any]], parties: Sequence[Party]) -> list[str]:
    blocks = [IPv4Network(cidr) for party in parties if isinstance(party.place, Blocks) for cidr in party.place.cidrs]
    found = []
    for peer in peers:
        if "ipBlock" in peer:
            cidr = peer["ipBlock"]["cidr"]
            found += [] if any(IPv4Network(cidr).subnet_of(block) for block in blocks) else [cidr]
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
    block = peer.get("ipBlock")
    if isinstance(place, Blocks):
        return block is not None and any(_overlaps(block, IPv4Network(cidr)) for cidr in place.cidrs)
    if block is not None:
        return False
    namespace = peer.get("namespaceSelector")
    in_namespace = namespace is not None and _matches(namespace, {NAMESPACE_LABEL: place.namespace})
    return in_namespace and _matches(peer.get("podSelector") or {}, place.labels)


def _covers(peer: Mapping[str, Any], network: IPv4Network) -> bool:
    block = peer.get("ipBlock")
    if block is None or not network.subnet_of(IPv4Network(block["cidr"])):
        return False
    return not any(network.overlaps(IPv4Network(cut)) for cut in block.get("except") or ())


def _overlaps(block: Mapping[str, Any], network: IPv4Network) -> bool:
    if not network.overlaps(IPv4Network(block["cidr"])):
        return False
    return not any(network.subnet_of(IPv4Network(cut)) for cut in block.get("except") or ())


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
