"""DNS from outside: where names lead on this machine, and the requests of Route 53's health checks.

What a name resolves to the emulator says (`sandbox/aws/dns`); which gateway is behind a load balancer say the
TargetGroupBindings of the clusters.
"""

import threading
import time
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from typing import Any

from sandbox.dataplane.cluster import Cluster
from sandbox.dataplane.endpoint_checks import Address, Checks
from sandbox.kubernetes.errors import ApiError, Unreachable
from sandbox.lifecycle import emulator_client

EVERY_S = 1.0
TIMEOUT_S = 10.0

BINDINGS_EVERY_S = 5.0
BINDINGS = ("/apis/elbv2.k8s.aws/v1beta1/targetgroupbindings", "/apis/eks.amazonaws.com/v1/targetgroupbindings")
"""Of the load balancer controller, and of EKS Auto Mode."""

Hosts = Mapping[str, str]
"""As `hosts.json`."""


class Dns:
    """clusters: those that run. `services`: where the operator reaches Services, as `<cluster>/<host>`."""

    def __init__(
        self, port: int, token: str, clusters: Callable[[], list[Cluster]], tell: Callable[[str], None]
    ) -> None:
        self._port, self._token, self._clusters, self._tell = port, token, clusters, tell
        self.services: Hosts = {}
        self._groups: dict[str, str] = {}
        """Target group -> `<cluster>/<host>`."""
        self._groups_due = 0.0
        self._gateways: dict[str, str] = {}
        """Load balancer -> where its gateway was last; nobody answers there once it is dead."""
        self._serving: dict[str, bool] = {}
        self._names: Hosts = {}
        self._told = ""
        self._checks = Checks(self._address)
        threading.Thread(target=self._run, name="dns", daemon=True).start()

    def hosts(self) -> Hosts:
        """Load balancers, and names that lead to them now, with the address of the gateway behind."""
        named = {name: self._gateways[to] for name, to in self._names.items() if to in self._gateways}
        found = {**self._gateways, **named}
        return {**found, **{f"{name}:443": address for name, address in found.items()}}

    def leads(self, name: str) -> str:
        """Address and port of the gateway that a name leads to now. Raises LookupError for one that leads to none."""
        found = self.hosts().get(name.lower().rstrip("."))
        if found is None:
            raise LookupError(f"{name}: leads to no load balancer of which a gateway is known")
        return found

    def _run(self) -> None:
        while True:
            try:
                self.step()
            except Exception as error:  # the emulator or a cluster may be emptied meanwhile, in any of many ways
                self._say(f"DNS: {type(error).__name__}: {error}")
            else:
                self._say("")
            time.sleep(EVERY_S)

    def step(self) -> None:
        """Tell and hear what is new."""
        told = {"observed": self._checks.observed(), "serving": self._serving}
        heard = emulator_client.dns(self._port, self._token, told, TIMEOUT_S)
        if time.monotonic() >= self._groups_due:
            self._groups_due = time.monotonic() + BINDINGS_EVERY_S
            self._groups = {group: host for cluster in self._clusters() for group, host in bindings(cluster).items()}
        gateways, serving = behind(heard["balancers"], self._groups, self.services)
        known = {one["name"] for one in heard["balancers"]}
        self._gateways = {**{name: at for name, at in self._gateways.items() if name in known}, **gateways}
        self._serving, self._names = serving, heard["names"]
        self._checks.want(heard["checks"])

    def _address(self, check: Mapping[str, Any]) -> Address | None:
        if check["balancer"]:
            host, _, port = self._gateways.get(check["balancer"], "").rpartition(":")
            return (host, int(port)) if host else None
        # A check of the sandbox asks nobody outside of this machine.
        here = check["address"] and ip_address(check["address"]).is_loopback
        return (check["address"], check["port"]) if here else None

    def _say(self, message: str) -> None:
        if message != self._told:
            self._told = message
            if message:
                self._tell(message)


def behind(
    balancers: list[Mapping[str, Any]], groups: Mapping[str, str], hosts: Hosts
) -> tuple[dict[str, str], dict[str, bool]]:
    """(load balancer -> address of the gateway, load balancer -> whether there is one). Load balancers without a
    binding are left out: nobody knows who is behind them."""
    gateways, serving = {}, {}
    for one in balancers:
        bound = [groups[group] for group in one["targetGroups"] if group in groups]
        if bound:
            serving[one["name"]] = any(host in hosts for host in bound)
        for host in bound:
            if host in hosts:
                gateways[one["name"]] = hosts[host]
    return gateways, serving


def bindings(cluster: Cluster) -> dict[str, str]:
    """Target group -> `<cluster>/<host of the Service>`, of a cluster's TargetGroupBindings."""
    found = {}
    for path in BINDINGS:
        try:
            items = cluster.client.get(path)["items"]
        except (ApiError, Unreachable, OSError):
            continue  # it has no such kind, or is just ending
        for item in items:
            service = f"{item['spec']['serviceRef']['name']}.{item['metadata']['namespace']}.svc.cluster.local"
            found[item["spec"]["targetGroupARN"]] = f"{cluster.key.name}/{service}"
    return found
