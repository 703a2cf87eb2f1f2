"""NET-03: the cluster's endpoint is private, or public to listed addresses only."""

from collections.abc import Mapping
from ipaddress import ip_network
from typing import Any

from policies.control import SAFEGUARDS, SOC2, Clause, Control, Severity, Strength, Verdict, failed, passed


def endpoint_is_private_or_listed(cluster: Mapping[str, Any]) -> Verdict:
    network: Mapping[str, Any] = cluster["vpcConfig"]
    if network.get("endpointPublicAccess", True):  # EKS opens the endpoint unless told not to
        listed = network.get("publicAccessCidrs") or ["0.0.0.0/0"]
        for text in listed:
            if not ip_network(text, strict=False).prefixlen:
                return failed(f"vpcConfig.publicAccessCidrs holds {text}")
    elif not network.get("endpointPrivateAccess"):
        return failed("vpcConfig has neither private nor public endpoint access")
    return passed()


NET_03 = Control(
    id="NET-03",
    title="The cluster's endpoint is private, or public to listed addresses only",
    severity=Severity.HIGH,
    clauses=(Clause(resource_types=frozenset({"aws:eks/cluster:Cluster"}), check=endpoint_is_private_or_listed),),
    maps_to=(SOC2("CC6.6", Strength.DIRECT), *SAFEGUARDS),
    risk="A control plane that the internet reaches is one leaked credential away from everything it runs.",
    remediation="Set vpcConfig.endpointPublicAccess to false, or list the addresses in publicAccessCidrs.",
)
