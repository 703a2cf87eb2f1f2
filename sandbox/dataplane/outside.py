"""Servers that are no pods: databases, banks, the AWS API, the pod identity agent. Where they are, and which addresses
network policies know them by."""

import functools
import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Any

import boto3

from sandbox.dataplane.addresses import listen_port
from sandbox.dataplane.cluster import ClusterKey
from sandbox.dataplane.node_proxy import Address
from sandbox.dataplane.policy import PodEnd
from sandbox.regions import OWN_HEADER

PUBLIC = (IPv4Network("198.51.100.0/24"),)
"""What banks, and AWS where a VPC has no endpoints, look like to a policy: public addresses (RFC 5737)."""

AGENT = "pod-identity-agent"
AGENT_NETWORK = (IPv4Network("169.254.170.23/32"),)
AGENT_PORT = 80
"""https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html"""

AWS = "aws"
AWS_PORT = 443
"""Port of the AWS API in policies; here it has the emulator's."""

OBSERVABILITY, OBSERVABILITY_NAMESPACE = "amazon-cloudwatch-observability", "amazon-cloudwatch"
TRACE_AGENT = f"cloudwatch-agent.{OBSERVABILITY_NAMESPACE}.svc.cluster.local"
TRACE_PORT = 4318
"""Where the add-on's agent takes spans over OTLP/HTTP
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/eks-observability-addon-otlp-endpoint.html)."""

REFRESH_S = 3.0
"""Seconds between two looks at the VPC endpoints and the add-on of a cluster."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outside:
    """A server: `networks` and `port` are what policies say of it, `listen` is the port at which pods reach it,
    `target` where it is. `pod`: what policies know one as that EKS would run as pods, in place of `networks`."""

    networks: tuple[IPv4Network, ...] = ()
    pod: PodEnd | None = None
    port: int
    listen: int
    target: Address


def agent(target: Address) -> Outside:
    return Outside(networks=AGENT_NETWORK, port=AGENT_PORT, listen=listen_port(AGENT_PORT), target=target)


def database(target: Address, subnets: Sequence[str]) -> Outside:
    """The port is the target's: what applications are told."""
    networks = tuple(IPv4Network(cidr, strict=False) for cidr in subnets)
    return Outside(networks=networks, port=target[1], listen=listen_port(target[1]), target=target)


def bank(target: Address, port: int) -> Outside:
    return Outside(networks=PUBLIC, port=port, listen=listen_port(port), target=target)


def trace_agent(target: Address) -> Outside:
    """By the labels that the add-on's operator gives the agent's pods."""
    pod = PodEnd(
        namespace=OBSERVABILITY_NAMESPACE,
        labels={"app.kubernetes.io/instance": f"{OBSERVABILITY_NAMESPACE}.cloudwatch-agent"},
        namespace_labels={"kubernetes.io/metadata.name": OBSERVABILITY_NAMESPACE},
    )
    return Outside(pod=pod, port=TRACE_PORT, listen=TRACE_PORT, target=target)


@functools.cache
def client(service: str, account: str, region: str, endpoint_url: str) -> Any:
    """boto3 as the sandbox itself, in whichever account: the emulator takes the header of the sandbox's key. Kept:
    making one reads megabytes of the service's description."""
    session: Any = boto3.Session(region_name=region)
    made = session.client(service, endpoint_url=endpoint_url)

    def name_account(request: Any, **_: Any) -> None:
        request.headers["x-moto-account-id"] = account
        request.headers[OWN_HEADER] = "1"

    made.meta.events.register("before-sign", name_account)
    return made


class AwsNetworks:
    """Subnets of the interface endpoints in each cluster's VPC, and whether it has the add-on that takes spans; looked
    up in the background."""

    def __init__(self, endpoint_url: str, changed: Callable[[], None], tell: Callable[[str], None]) -> None:
        self._url, self._changed, self._tell = endpoint_url, changed, tell
        self._known: dict[ClusterKey, tuple[IPv4Network, ...]] = {}
        self._traced: dict[ClusterKey, bool] = {}
        self._wanted: list[ClusterKey] = []
        threading.Thread(target=self._run, name="aws-networks", daemon=True).start()

    def want(self, clusters: list[ClusterKey]) -> None:
        self._wanted = clusters

    def of(self, cluster: ClusterKey) -> tuple[IPv4Network, ...]:
        """Empty until they are known: then nobody reaches AWS yet."""
        return self._known.get(cluster, ())

    def traced(self, cluster: ClusterKey) -> bool:
        """Whether somebody takes spans there."""
        return self._traced.get(cluster, False)

    def _run(self) -> None:
        while True:
            for key in self._wanted:
                try:
                    found, traced = self._networks(key), self._has_agent(key)
                except Exception as error:  # the account may be emptied meanwhile, in any of many ways
                    self._tell(f"endpoints of {key.name}: {error}")
                    continue
                if (self._known.get(key), self._traced.get(key)) != (found, traced):
                    self._known[key], self._traced[key] = found, traced
                    self._changed()
            time.sleep(REFRESH_S)

    def _has_agent(self, key: ClusterKey) -> bool:
        """Whether the add-on is there and its agent is told to take spans."""
        eks = client("eks", key.account, key.region, self._url)
        try:
            add_on = eks.describe_addon(clusterName=key.name, addonName=OBSERVABILITY)["addon"]
        except eks.exceptions.ResourceNotFoundException:
            return False
        told = json.loads(add_on.get("configurationValues") or "{}").get("agent", {}).get("config", {})
        return "otlp" in told.get("traces", {}).get("traces_collected", {})

    def _networks(self, key: ClusterKey) -> tuple[IPv4Network, ...]:
        eks, ec2 = (client(service, key.account, key.region, self._url) for service in ("eks", "ec2"))
        vpc = eks.describe_cluster(name=key.name)["cluster"]["resourcesVpcConfig"]["vpcId"]
        filters = [{"Name": "vpc-id", "Values": [vpc]}]
        endpoints: list[Mapping[str, Any]] = ec2.describe_vpc_endpoints(Filters=filters)["VpcEndpoints"]
        subnets = {s for e in endpoints if e["VpcEndpointType"] == "Interface" for s in e.get("SubnetIds") or ()}
        if not subnets:
            return PUBLIC
        described = ec2.describe_subnets(SubnetIds=sorted(subnets))["Subnets"]
        return tuple(sorted(IPv4Network(subnet["CidrBlock"]) for subnet in described))
