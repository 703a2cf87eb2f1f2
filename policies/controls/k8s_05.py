"""K8S-05: pods are limited, several, kept in disruptions and spread over zones.

Sources: https://docs.aws.amazon.com/eks/latest/best-practices/data-plane.html and
https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/.
"""

from collections.abc import Mapping
from typing import Any

from policies.control import (
    SAFEGUARDS,
    SOC2,
    Control,
    Environment,
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
    NAMESPACE,
    WORKLOADS,
    containers,
    in_system_namespace,
    namespace_of,
    pod_labels,
    pod_spec,
    selects,
)
from policies.resources import Resource, Stack

ZONE = "topology.kubernetes.io/zone"
REPLICATED = frozenset({"kubernetes:apps/v1:Deployment", "kubernetes:apps/v1:StatefulSet"})
AUTOSCALER = "kubernetes:autoscaling/v2:HorizontalPodAutoscaler"
BUDGET = "kubernetes:policy/v1:PodDisruptionBudget"
SERVICE = "kubernetes:core/v1:Service"

REPLICAS = 3
"""Pods: two are left when one is lost, or the zone that one is in."""


def limits_memory(workload: Resource, _stack: Stack) -> Verdict:
    """Memory only: a container above its share of the processor waits, one above its memory takes its neighbours'."""

    def check(container: Mapping[str, Any]) -> Verdict:
        if ((container.get("resources") or {}).get("limits") or {}).get("memory"):
            return passed()
        return failed(f"container {container.get('name')}: resources.limits.memory is not set")

    return every(containers(workload), check)


def requests_processor_time(workload: Resource, _stack: Stack) -> Verdict:
    """A share and no limit: a pod at its limit is stopped in the middle of a payment while the processor idles, and
    where there are shares nobody takes a neighbour's. A limit alone is a request as well
    (https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/)."""

    def check(container: Mapping[str, Any]) -> Verdict:
        resources = container.get("resources") or {}
        if any((resources.get(kind) or {}).get("cpu") for kind in ("requests", "limits")):
            return passed()
        return failed(f"container {container.get('name')}: resources.requests.cpu is not set")

    return every(containers(workload), check)


def has_three_replicas(workload: Resource, stack: Stack) -> Verdict:
    """Of production, what a Service sends requests to. Others take their work from where it waits for their next pod:
    a queue, a stream, the cluster's own objects."""
    if in_system_namespace(workload):
        return not_applicable("a workload of the system")
    if (environment := _environment(workload, stack)) in (Environment.STAGING, Environment.DEVELOPMENT):
        return not_applicable(f"does not apply to environment {environment}")
    if not any(_sends_to(service, workload) for service in stack.of(SERVICE)):
        return not_applicable("no Service of the stack sends it requests")
    scaled = [one.props["spec"].get("minReplicas") or 1 for one in stack.of(AUTOSCALER) if _scales(one, workload)]
    least = scaled[0] if scaled else workload.props["spec"].get("replicas") or 1
    if least >= REPLICAS:
        return passed()
    name = "minReplicas of its HorizontalPodAutoscaler" if scaled else "replicas"
    return failed(f"{name} is {least:g}, fewer than {REPLICAS}")


def _environment(workload: Resource, stack: Stack) -> str:
    """The label of its namespace; Kubernetes has no default tags."""
    for one in stack.of(NAMESPACE):
        metadata = one.props.get("metadata") or {}
        if metadata.get("name") == namespace_of(workload):
            return str((metadata.get("labels") or {}).get("payment-cell/environment") or "")
    return ""


def _sends_to(service: Resource, workload: Resource) -> bool:
    """A Service without a selector has its endpoints from somebody else."""
    selector = service.props["spec"].get("selector")
    return (
        bool(selector)
        and namespace_of(service) == namespace_of(workload)
        and selects({"matchLabels": selector}, pod_labels(workload))
    )


def _scales(scaler: Resource, workload: Resource) -> bool:
    target = scaler.props["spec"]["scaleTargetRef"]
    return (
        namespace_of(scaler) == namespace_of(workload)
        and workload.type.endswith(f":{target['kind']}")
        and target["name"] == (workload.props.get("metadata") or {}).get("name")
    )


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
    title="Pods are limited, several, kept in disruptions and spread over zones",
    severity=Severity.MEDIUM,
    clauses=(
        StackClause(resource_types=WORKLOADS, check=limits_memory),
        StackClause(resource_types=WORKLOADS, check=requests_processor_time),
        StackClause(resource_types=REPLICATED, check=has_three_replicas),
        StackClause(resource_types=REPLICATED, check=has_a_disruption_budget),
        StackClause(resource_types=REPLICATED, check=is_spread_over_zones),
    ),
    maps_to=(SOC2("A1.1", Strength.PARTIAL), SOC2("A1.2", Strength.PARTIAL), *SAFEGUARDS),
    risk="One hungry pod, one drained node or one lost zone stops the payments.",
    remediation="Set a memory limit, a CPU request, three replicas (or as many at least in the autoscaler), a "
    "PodDisruptionBudget and a topologySpreadConstraint over zones.",
)
