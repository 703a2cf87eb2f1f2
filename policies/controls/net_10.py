"""NET-10: a policy selects every workload, and none leaves the way out open.

A way to the whole internet on named ports is a forward proxy's: which hosts it serves is its own list.
Source: https://kubernetes.io/docs/concepts/services-networking/network-policies/ (an egress rule without ``to`` allows
every destination, one without ``ports`` every port).
"""

from collections.abc import Mapping
from typing import Any

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
)
from policies.every import every
from policies.pods import (
    NETWORK_POLICY,
    WORKLOADS,
    in_system_namespace,
    limits,
    namespace_of,
    network_policies,
    pod_labels,
    selects,
)
from policies.resources import Resource, Stack

WORLD = frozenset({"0.0.0.0/0", "::/0"})


def is_selected_by_a_policy(workload: Resource, stack: Stack) -> Verdict:
    if in_system_namespace(workload):
        return not_applicable("a workload of the system")
    labels = pod_labels(workload)
    selecting = [
        one
        for one in network_policies(namespace_of(workload), stack)
        if selects(one.props["spec"].get("podSelector"), labels)
    ]
    for direction in ("Ingress", "Egress"):
        if not any(limits(one, direction) for one in selecting):
            return failed(f"no NetworkPolicy of the stack selects its pods for {direction}")
    return passed()


def leaves_no_way_out_open(policy: Mapping[str, Any]) -> Verdict:
    return every(policy["spec"].get("egress") or (), _is_narrow)


def _is_narrow(rule: Mapping[str, Any]) -> Verdict:
    if not rule.get("to"):
        return failed("an egress rule has no to: it allows every destination")
    if rule.get("ports"):
        return passed()
    return every(rule["to"], _is_not_the_world)


def _is_not_the_world(peer: Mapping[str, Any]) -> Verdict:
    cidr = (peer.get("ipBlock") or {}).get("cidr")
    return failed(f"an egress rule allows {cidr} on every port") if cidr in WORLD else passed()


NET_10 = Control(
    id="NET-10",
    title="A network policy selects every workload, and none leaves the way out open",
    severity=Severity.HIGH,
    clauses=(
        StackClause(resource_types=WORKLOADS, check=is_selected_by_a_policy),
        Clause(resource_types=frozenset({NETWORK_POLICY}), check=leaves_no_way_out_open),
    ),
    maps_to=(SOC2("CC6.6", Strength.PARTIAL), *SAFEGUARDS),
    risk="A pod that may talk to anybody carries data off, and nobody decided that it may.",
    remediation="Select each workload by a policy whose egress rules name destinations and ports.",
)
