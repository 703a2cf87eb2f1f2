"""Pods as controls see them, whatever resource declares them, and the namespaces that are the system's own."""

from collections.abc import Iterator, Mapping
from typing import Any

from policies.resources import Resource, Stack

_TEMPLATES: Mapping[str, tuple[str, ...]] = {
    "kubernetes:apps/v1:DaemonSet": ("spec", "template"),
    "kubernetes:apps/v1:Deployment": ("spec", "template"),
    "kubernetes:apps/v1:ReplicaSet": ("spec", "template"),
    "kubernetes:apps/v1:StatefulSet": ("spec", "template"),
    "kubernetes:batch/v1:CronJob": ("spec", "jobTemplate", "spec", "template"),
    "kubernetes:batch/v1:Job": ("spec", "template"),
    "kubernetes:core/v1:Pod": (),
}
"""Resource type -> where its pods' metadata and spec stand."""

WORKLOADS = frozenset(_TEMPLATES)
NAMESPACE = "kubernetes:core/v1:Namespace"
NETWORK_POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"

SYSTEM_NAMESPACES = frozenset({"amazon-cloudwatch", "kube-node-lease", "kube-public", "kube-system"})
"""Made by Kubernetes and by add-ons of EKS, whose agents need the node
(https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/,
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/install-CloudWatch-Observability-EKS-addon.html)."""


def template(workload: Resource) -> Mapping[str, Any]:
    """Metadata and spec of a workload's pods."""
    found: Any = workload.props
    for name in _TEMPLATES[workload.type]:
        found = found[name]
    assert isinstance(found, Mapping)
    return found


def pod_spec(workload: Resource) -> Mapping[str, Any]:
    """Spec of a workload's pods."""
    found = template(workload)["spec"]
    assert isinstance(found, Mapping)
    return found


def pod_labels(workload: Resource) -> Mapping[str, str]:
    """Labels of a workload's pods."""
    return (template(workload).get("metadata") or {}).get("labels") or {}


def containers(workload: Resource) -> Iterator[Mapping[str, Any]]:
    """All containers of a workload's pods, those that run before and beside included."""
    spec = pod_spec(workload)
    for kind in ("initContainers", "containers", "ephemeralContainers"):
        yield from spec.get(kind) or ()


def namespace_of(resource: Resource) -> str:
    """Namespace of a resource; ``default`` where it names none."""
    return str((resource.props.get("metadata") or {}).get("namespace") or "default")


def in_system_namespace(resource: Resource) -> bool:
    """Whether a resource belongs to the cluster itself."""
    return namespace_of(resource) in SYSTEM_NAMESPACES


def selects(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Whether a label selector matches; the empty one matches everything
    (https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/)."""
    wanted = selector or {}
    for key, value in (wanted.get("matchLabels") or {}).items():
        if labels.get(key) != value:
            return False
    return all(_holds(one, labels) for one in wanted.get("matchExpressions") or ())


def network_policies(namespace: str, stack: Stack) -> Iterator[Resource]:
    """Network policies of a namespace."""
    yield from (one for one in stack.of(NETWORK_POLICY) if namespace_of(one) == namespace)


def limits(policy: Resource, direction: str) -> bool:
    """Whether a network policy has a say in ``Ingress`` or ``Egress``
    (https://kubernetes.io/docs/concepts/services-networking/network-policies/: without ``policyTypes`` always in the
    first, in the second where it has such rules)."""
    spec = policy.props["spec"]
    types = spec.get("policyTypes") or (("Ingress", "Egress") if spec.get("egress") else ("Ingress",))
    return direction in tuple(types)


def _holds(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, values = expression["key"], tuple(expression.get("values") or ())
    match expression["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case _:
            return key not in labels
