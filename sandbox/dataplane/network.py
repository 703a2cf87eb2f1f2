"""Who reaches whom, and at which address: pairs of a client and a server, judged by network policies."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sandbox.dataplane import policy, translate
from sandbox.dataplane.addresses import Pool, listen_port
from sandbox.dataplane.cluster import Cluster, ClusterKey
from sandbox.dataplane.node_proxy import Address, Listener
from sandbox.dataplane.outside import Outside
from sandbox.dataplane.policy import End, OutsideEnd, PodEnd
from sandbox.kubernetes.client import Manifest
from sandbox.regions import Regions

OPERATOR = "operator"
"""Client that is no pod: whoever sits at the terminal, behind every policy."""

_DATABASE = re.compile(r"\.(?P<region>[a-z0-9-]+)\.rds\.amazonaws\.com$")

POD_ADDRESSES, PAIR_ADDRESSES = (0, 63), (64, 254)
"""Third bytes of the sandbox's block: 16,256 pods, 48,514 pairs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PodPlace:
    """A pod that runs, as the network sees it."""

    cluster: ClusterKey
    name: str
    address: str
    labels: Mapping[str, str]
    named_ports: Mapping[str, int]
    ready: bool

    @property
    def namespace(self) -> str:
        return self.name.partition("/")[0]


@dataclass(frozen=True, order=True, slots=True)
class Pair:
    """`client`: `<namespace>/<pod>` or `OPERATOR`; `server`: a host's name."""

    cluster: ClusterKey
    client: str
    server: str

    @property
    def key(self) -> str:
        cluster = self.cluster
        return f"{cluster.account}/{cluster.region}/{cluster.name} {self.client} {self.server}"


@dataclass(frozen=True, slots=True)
class ServerEnd:
    """Somebody behind an address: who policies say it is, the port in policies, and where it is."""

    end: End
    port: int
    address: Address


@dataclass(frozen=True, kw_only=True, slots=True)
class Connections:
    """How often a pod connected to a server."""

    pair: Pair
    client: PodEnd
    servers: tuple[tuple[End, int], ...]
    """Those behind the address, with the port in policies."""
    count: int


@dataclass(kw_only=True)
class Network:
    """Addresses of one sandbox. `outside`: per cluster (AWS differs by VPC) and host."""

    octet: int
    regions: Regions = field(default_factory=Regions)
    outside: dict[tuple[ClusterKey | None, str], Outside] = field(default_factory=dict)
    expected: set[str] = field(default_factory=set)
    """Outside hosts that somebody's configuration names: they get an address before they are there."""
    _pairs: dict[Pair, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.pods = Pool(self.octet, *POD_ADDRESSES)
        self._addresses = Pool(self.octet, *PAIR_ADDRESSES)
        self._planned_of: object = None
        self._planned: tuple[list[Listener], dict[str, list[Address]]] = ([], {})

    def address(self, cluster: ClusterKey, client: str, server: str) -> str:
        """Where this client reaches this server, if it may."""
        pair = Pair(cluster, client, server)
        if pair not in self._pairs:
            self._pairs[pair] = self._addresses.take(pair.key)
        return self._pairs[pair]

    def reach(self, cluster: ClusterKey, client: str, host: str) -> str | None:
        """The same for a host's name; None when no server is called so."""
        known = (None, host) in self.outside or host in self.expected
        if not known and not re.fullmatch(f"{translate.SERVICE}|{translate.DATABASE}", host):
            return None
        return self.address(cluster, client, host)

    def forget(self, cluster: ClusterKey, client: str) -> None:
        """Give the addresses of a client back."""
        for pair in [pair for pair in self._pairs if (pair.cluster, pair.client) == (cluster, client)]:
            self._addresses.release(pair.key)
            del self._pairs[pair]

    def operators(self) -> dict[tuple[ClusterKey, str], str]:
        """Addresses at which the operator reaches Services: (cluster, host) -> address."""
        return {(p.cluster, p.server): address for p, address in self._pairs.items() if p.client == OPERATOR}

    def plan(
        self, clusters: Mapping[ClusterKey, Cluster], pods: Sequence[PodPlace]
    ) -> tuple[list[Listener], dict[str, list[Address]]]:
        """Listeners and endpoints of the node's proxy: the last ones while nothing they follow from has changed."""
        revisions = [cluster.revision("Namespace", "NetworkPolicy", "Service") for cluster in clusters.values()]
        of = (dict(clusters), revisions, list(pods), dict(self._pairs), dict(self.outside), self.regions.faults)
        if of != self._planned_of:
            self._planned_of, self._planned = of, self._plan(clusters, pods)
        return self._planned

    def _plan(
        self, clusters: Mapping[ClusterKey, Cluster], pods: Sequence[PodPlace]
    ) -> tuple[list[Listener], dict[str, list[Address]]]:
        listeners: list[Listener] = []
        endpoints: dict[str, list[Address]] = {}
        by_name = {(pod.cluster, pod.name): pod for pod in pods}
        policies = {key: cluster.policies() for key, cluster in clusters.items()}
        for pair, address in self._pairs.items():
            cluster, client = clusters.get(pair.cluster), by_name.get((pair.cluster, pair.client))
            if cluster is None or (client is None and pair.client != OPERATOR):
                continue
            if client is not None and self._cut(pair):
                continue
            for port, name, ends in self._ends(pair, cluster, pods):
                found = [
                    end.address
                    for end in ends
                    if client is None
                    or policy.allowed(_end(cluster, client), end.end, end.port, policies[pair.cluster])
                ]
                if found:
                    unique = name if len(found) == len(ends) else f"{name} {pair.client}"
                    listeners.append(Listener((address, port), unique))
                    endpoints[unique] = found
        return listeners, endpoints

    def _cut(self, pair: Pair) -> bool:
        """Whether the server is a database of a region that the pod's is cut off from."""
        found = _DATABASE.search(pair.server) if self.regions.faults else None
        return found is not None and self.regions.apart(pair.cluster.region, found["region"])

    def connections(
        self, clusters: Mapping[ClusterKey, Cluster], pods: Sequence[PodPlace], counts: Mapping[Address, int]
    ) -> list[Connections]:
        """What pods that run used of what policies allow. `counts`: connections by the address they came to."""
        by_name = {(pod.cluster, pod.name): pod for pod in pods}
        found = []
        for pair, address in self._pairs.items():
            cluster, client = clusters.get(pair.cluster), by_name.get((pair.cluster, pair.client))
            if cluster is None or client is None:
                continue
            for port, _, ends in self._ends(pair, cluster, pods):
                if count := counts.get((address, port), 0):
                    servers = tuple((end.end, end.port) for end in ends)
                    found.append(Connections(pair=pair, client=_end(cluster, client), servers=servers, count=count))
        return found

    def _ends(
        self, pair: Pair, cluster: Cluster, pods: Sequence[PodPlace]
    ) -> Iterator[tuple[int, str, list[ServerEnd]]]:
        """(port to listen on, name of the cluster, who is behind it) of each port of the server."""
        server = self.outside.get((pair.cluster, pair.server)) or self.outside.get((None, pair.server))
        if server is not None:
            end = ServerEnd(server.pod or OutsideEnd(networks=server.networks), server.port, server.target)
            yield server.listen, f"{pair.cluster.name} {pair.server}", [end]
            return
        service = _service(cluster, pair.server)
        if service is None:
            return
        backends = [pod for pod in pods if pod.cluster == pair.cluster and pod.ready and _serves(service, pod)]
        for entry in service["spec"].get("ports") or ():
            ends = [
                ServerEnd(_end(cluster, pod), port, (pod.address, port))
                for pod in backends
                if (port := _target(entry, pod))
            ]
            name = f"{pair.cluster.name} {pair.cluster.endpoint} {pair.server}:{entry['port']}"
            yield listen_port(entry["port"]), name, ends


def _end(cluster: Cluster, pod: PodPlace) -> PodEnd:
    return PodEnd(
        namespace=pod.namespace,
        labels=pod.labels,
        namespace_labels=cluster.namespace_labels(pod.namespace),
        named_ports=pod.named_ports,
    )


def _service(cluster: Cluster, host: str) -> Manifest | None:
    if not re.fullmatch(translate.SERVICE, host):
        return None
    name, namespace, *_ = host.split(".")
    return cluster.find("Service", namespace, name)


def _serves(service: Manifest, pod: PodPlace) -> bool:
    selector = service["spec"].get("selector")
    same = service["metadata"]["namespace"] == pod.namespace
    return bool(selector) and same and all(pod.labels.get(key) == value for key, value in selector.items())


def _target(entry: Mapping[str, int | str], pod: PodPlace) -> int:
    """The pod's port behind a Service's; 0 when it has none of that name."""
    target = entry.get("targetPort", entry["port"])
    return target if isinstance(target, int) else pod.named_ports.get(target, 0)
