"""K8S-05: pods are limited, kept in disruptions and spread over zones.

Live: replicas, which an autoscaler decides.
Sources: https://docs.aws.amazon.com/eks/latest/best-practices/data-plane.html and
https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/.
"""

from collections.abc import Mapping
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
    not_applicable,
    passed,
)
from policies.every import every
from policies.pods import WORKLOADS, containers, in_system_namespace, namespace_of, pod_labels, pod_spec, selects
from policies.resources import Resource, Stack

ZONE = "topology.kubernetes.io/zone"
REPLICATED = frozenset({"kubernetes:apps/v1:Deployment", "kubernetes:apps/v1:StatefulSet"})
BUDGET = "kubernetes:policy/v1:PodDisruptionBudget"


def limits_memory(workload: Resource, _stack: Stack) -> Verdict:
    """Memory only: a container above its share of the processor waits, one above its memory takes its neighbours'."""

    def check(container: Mapping[str, Any]) -> Verdict:
        if ((container.get("resources") or {}).get("limits") or {}).get("memory"):
            return passed()
        return failed(f"container {container.get('name')}: resources.limits.memory is not set")

    return every(containers(workload), check)


def has_a_disruption_budget(workload: Resource, stack: Stack) -> Verdict:
    if in_system_namespace(workload):
        return not_applicable("a workload of the system")
    namespace, labels = namespace_of(workload), pod_labels(workload)
    for budget in stack.of(BUDGET):
        if namespace_of(budget) == namespace and selects(budget.props["spec"].get("selector"), labels):
            return passed()
    return failed("no PodDisruptionBudget of the stack selects its pods")


def is_spread_over_zones(workload: Resource, _stack: Stack) -> Verdict:
    if in_system_namespace(workload):
        return not_applicable("a workload of the system")
    labels, spec = pod_labels(workload), pod_spec(workload)
    for constraint in spec.get("topologySpreadConstraints") or ():
        if constraint.get("topologyKey") == ZONE and selects(constraint.get("labelSelector"), labels):
            return passed()
    return failed(f"no topologySpreadConstraint of its own pods over {ZONE}")


K8S_05 = Control(
    id="K8S-05",
    title="Pods are limited, kept in disruptions and spread over zones",
    severity=Severity.MEDIUM,
    clauses=(
        StackClause(resource_types=WORKLOADS, check=limits_memory),
        StackClause(resource_types=REPLICATED, check=has_a_disruption_budget),
        StackClause(resource_types=REPLICATED, check=is_spread_over_zones),
    ),
    maps_to=(SOC2("A1.1", Strength.PARTIAL), SOC2("A1.2", Strength.PARTIAL), *SAFEGUARDS),
    risk="One hungry pod, one drained node or one lost zone stops the payments.",
    remediation="Set a memory limit, a PodDisruptionBudget and a topologySpreadConstraint over zones.",
)
