"""NET-09: a namespace denies what no policy allows, and the cluster enforces it.

Live: add-ons of a cluster whose stack declares none, and what the cluster's own node agents report.
Sources: https://kubernetes.io/docs/concepts/services-networking/network-policies/#default-policies and
https://docs.aws.amazon.com/eks/latest/userguide/cni-network-policy-configure.html (off unless switched on).
"""

from collections.abc import Mapping
from typing import Any

import yaml

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
    not_applicable,
    passed,
    undetermined,
)
from policies.pods import (
    NAMESPACE,
    SYSTEM_NAMESPACES,
    WORKLOADS,
    in_system_namespace,
    limits,
    network_policies,
    pod_spec,
)
from policies.resources import Resource, Stack

ADD_ON = "aws:eks/addon:Addon"


def denies_by_default(namespace: Resource, stack: Stack) -> Verdict:
    name = str((namespace.props.get("metadata") or {}).get("name"))
    if name in SYSTEM_NAMESPACES:
        return not_applicable("a namespace of the system")
    default = [one for one in network_policies(name, stack) if _denies_all(one)]
    for direction in ("Ingress", "Egress"):
        if not any(limits(one, direction) for one in default):
            return failed(f"no NetworkPolicy of {name} denies {direction} of all its pods")
    return passed()


def cni_enforces_policies(add_on: Mapping[str, Any]) -> Verdict:
    if add_on["addonName"] != "vpc-cni":
        return not_applicable("not the network's add-on")
    # EKS takes YAML as well as JSON, which is YAML too.
    settings = yaml.safe_load(add_on.get("configurationValues") or "{}") or {}
    if str(settings.get("enableNetworkPolicy", "")).lower() == "true":
        return passed()
    return failed("configurationValues: enableNetworkPolicy is not true")


def cni_is_active(add_on: Mapping[str, Any]) -> Verdict:
    """Statuses: EKS API reference, Addon."""
    if add_on["addonName"] != "vpc-cni":
        return not_applicable("not the network's add-on")
    status = add_on.get("status")
    if status in ("CREATING", "UPDATING"):
        return undetermined(f"status is {status}")
    return passed() if status == "ACTIVE" else failed(f"status is {status}")


def keeps_off_the_nodes_network(workload: Resource, _stack: Stack) -> Verdict:
    if in_system_namespace(workload):
        return not_applicable("a workload of the system")
    return failed("hostNetwork is true") if pod_spec(workload).get("hostNetwork") else passed()


def _denies_all(policy: Resource) -> bool:
    spec = policy.props["spec"]
    selector = spec.get("podSelector") or {}
    selects_all = not selector.get("matchLabels") and not selector.get("matchExpressions")
    return selects_all and not spec.get("ingress") and not spec.get("egress")


NET_09 = Control(
    id="NET-09",
    title="A namespace denies what no policy allows, and the cluster enforces it",
    severity=Severity.HIGH,
    clauses=(
        StackClause(resource_types=frozenset({NAMESPACE}), check=denies_by_default),
        Clause(resource_types=frozenset({ADD_ON}), check=cni_enforces_policies),
        Clause(
            resource_types=frozenset({ADD_ON}),
            check=cni_is_active,
            not_declared="whether an add-on runs is seen after it was made",
        ),
        StackClause(resource_types=WORKLOADS, check=keeps_off_the_nodes_network),
    ),
    maps_to=(SOC2("CC6.6", Strength.DIRECT), *SAFEGUARDS),
    risk="Any pod that is taken over reaches every other one; policies that nobody enforces only look like a wall.",
    remediation="Add a policy that selects all pods and allows nothing, set enableNetworkPolicy; no hostNetwork.",
)
