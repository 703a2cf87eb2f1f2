"""Which objects of a cluster Kubernetes, its controllers and EKS make themselves: rules of the ownership table.

Names, labels and references alone are no proof, since who makes an object writes them: a binding is the cluster's own
only while it gives its role to parts of the cluster, a pod its controller's only while it is what the template says.
"""

from collections.abc import Callable, Mapping
from typing import Any

RBAC = "rbac.authorization.k8s.io"

_NAMESPACES = frozenset({"default", "kube-node-lease", "kube-public", "kube-system"})
_CONFIG_MAPS = frozenset({"extension-apiserver-authentication", "kube-apiserver-legacy-service-account-token-tracking"})
_DEFAULT_ROLES = frozenset({"admin", "cluster-admin", "edit", "extension-apiserver-authentication-reader", "view"})
_OWN_NAMES = ("system:", "eks:")


def owner(type_: str, item: Mapping[str, Any], by_uid: Mapping[str, Mapping[str, Any]]) -> str:
    """Name in the ownership table of what made an object; "" where that is somebody else. ``by_uid``: all that was read
    of the cluster."""
    if _by_controller(item, by_uid):
        return CONTROLLED
    return next((name for name, made in MADE.items() if made(type_, item)), "")


def _by_controller(item: Mapping[str, Any], by_uid: Mapping[str, Mapping[str, Any]]) -> bool:
    for reference in item["metadata"].get("ownerReferences") or ():
        if reference.get("controller") and (controller := by_uid.get(str(reference.get("uid")))):
            return "containers" not in (item.get("spec") or {}) or _is_templated(item["spec"], controller)
    return False


def _is_templated(pod: Mapping[str, Any], controller: Mapping[str, Any]) -> bool:
    """Whether a pod runs what its controller's template says, with those rights. A debug container is not in it."""
    template: Mapping[str, Any] = ((controller.get("spec") or {}).get("template") or {}).get("spec") or {}
    wanted = _programs(template)
    return _rights(pod) == _rights(template) and all(wanted.get(name) == its for name, its in _programs(pod).items())


def _programs(pod: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    kinds = ("initContainers", "containers", "ephemeralContainers")
    found = [container for kind in kinds for container in pod.get(kind) or ()]
    return {str(one.get("name")): (one.get("image"), one.get("securityContext")) for one in found}


def _rights(pod: Mapping[str, Any]) -> tuple[Any, ...]:
    names = ("hostIPC", "hostNetwork", "hostPID", "securityContext")
    return (pod.get("serviceAccountName") or "default", *(pod.get(name) or None for name in names))


def _by_kubernetes(type_: str, item: Mapping[str, Any]) -> bool:
    metadata = item["metadata"]
    name, namespace = metadata["name"], metadata.get("namespace")
    match type_.rpartition(":")[2]:
        case "Namespace":
            return name in _NAMESPACES
        case "ConfigMap":
            return name == "kube-root-ca.crt" or (name in _CONFIG_MAPS and namespace == "kube-system")
        case "Service":
            return (namespace, name) == ("default", "kubernetes")
        case "ServiceAccount":
            parts = bool(item["managers"]) and all(one.startswith("kube-") for one in item["managers"])
            return name == "default" or (namespace == "kube-system" and parts)
        case "PriorityClass":
            # The API server takes names that begin so for its own classes only.
            return bool(name.startswith("system-"))
    if (metadata.get("labels") or {}).get("kubernetes.io/bootstrapping") != "rbac-defaults":
        return False
    return (name in _DEFAULT_ROLES or name.startswith("system:")) and _binds_own(item)


def _by_eks(type_: str, item: Mapping[str, Any]) -> bool:
    if RBAC in type_ and item["metadata"]["name"].startswith("eks:"):
        return _binds_own(item)
    others = [name for name in item["managers"] if name != "eks" and not name.startswith("kube-")]
    return "eks" in item["managers"] and not others and _binds_own(item)


def _binds_own(item: Mapping[str, Any]) -> bool:
    """Whether a binding gives its role to the cluster's own parts only; anything else is none of theirs any more."""
    return all(
        str(one.get("name", "")).startswith(_OWN_NAMES)
        or (one.get("kind") == "ServiceAccount" and one.get("namespace") in ("kube-system", "amazon-cloudwatch"))
        for one in item.get("subjects") or ()
    )


CONTROLLED = "object of a controller"

MADE: Mapping[str, Callable[[str, Mapping[str, Any]], bool]] = {
    "object of Kubernetes": _by_kubernetes,
    "object of EKS": _by_eks,
}
"""Name in the ownership table -> whether an object is one."""
