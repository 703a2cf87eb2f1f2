"""Usage of ResourceQuotas, as the quota controller writes it into their status; admission enforces it from there."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from sandbox.kubernetes.client import MERGE_PATCH, Client
from sandbox.kubernetes.objects import Manifest, Objects

_COUNTED = {
    "pods": "Pod",
    "services": "Service",
    "configmaps": "ConfigMap",
    "secrets": "Secret",
    "resourcequotas": "ResourceQuota",
    "replicationcontrollers": "ReplicationController",
    "persistentvolumeclaims": "PersistentVolumeClaim",
}

_SUFFIXES = {
    **{
        unit: Decimal(1000) ** power for power, unit in enumerate(("n", "u", "m", "", "k", "M", "G", "T", "P", "E"), -3)
    },
    **{unit: Decimal(1024) ** power for power, unit in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), 1)},
}


def quantity(text: str | int) -> Decimal:
    """Value of a Kubernetes quantity: "250m" is 0.25, "1Gi" is 1073741824."""
    text = str(text)
    number = text.rstrip("numkMGTPEi")
    return Decimal(number) * _SUFFIXES[text[len(number) :]]


def keys(objects: Objects, namespace: str) -> Iterable[str]:
    """Keys of the quotas of a namespace."""
    return (key for key, found in objects.of_kind("ResourceQuota") if found["metadata"]["namespace"] == namespace)


def is_in_force(manifest: Manifest) -> bool:
    """Whether this is a quota whose limits admission knows; its usage is then admission's to raise."""
    if manifest["kind"] != "ResourceQuota" or manifest["metadata"].get("deletionTimestamp"):
        return False
    status = manifest.get("status") or {}
    return (status.get("hard") or {}) == (manifest.get("spec", {}).get("hard") or {})


def account(client: Client, objects: Objects, quota: Manifest) -> None:
    """Write limits and usage into the quota's status when they differ from it."""
    hard = quota.get("spec", {}).get("hard") or {}
    metadata = quota["metadata"]
    used = {name: _text(_used(objects, metadata["namespace"], name, quota["spec"])) for name in hard}
    status = quota.get("status") or {}
    same = {name: quantity(value) for name, value in (status.get("used") or {}).items()} == {
        name: quantity(value) for name, value in used.items()
    }
    if same and status.get("hard") == hard:
        return
    path = client.resource("v1", "ResourceQuota").path(metadata["namespace"], metadata["name"])
    current = client.find(path)
    if current is None:
        return
    # A null removes what the quota no longer limits.
    gone = dict.fromkeys(set(status.get("hard") or ()) - set(hard))
    body = {
        # A conflict, and so a new count, when admission wrote meanwhile.
        "metadata": {"resourceVersion": current["metadata"]["resourceVersion"]},
        "status": {"hard": {**gone, **hard}, "used": {**gone, **used}},
    }
    client.request("PATCH", f"{path}/status", body=body, content_type=MERGE_PATCH)


def _text(value: Decimal) -> str:
    return str(int(value)) if value == int(value) else f"{int(value * 1000)}m"


def _used(objects: Objects, namespace: str, name: str, spec: Manifest) -> Decimal:
    if name in _COUNTED and not (name == "pods" and (spec.get("scopes") or spec.get("scopeSelector"))):
        found = objects.in_namespace(namespace, _COUNTED[name])
        return Decimal(len(found) if name != "pods" else sum(_counts(pod) for pod in found))
    if name.startswith("count/"):
        plural, _, group = name.removeprefix("count/").partition(".")
        return Decimal(
            sum(
                found["apiVersion"].rpartition("/")[0] == group and _is_plural(plural, found["kind"])
                for found in objects.in_namespace(namespace)
            )
        )
    if name in {"services.loadbalancers", "services.nodeports"}:
        services = [service["spec"] for service in objects.in_namespace(namespace, "Service")]
        if name == "services.loadbalancers":
            return Decimal(sum(service.get("type") == "LoadBalancer" for service in services))
        return Decimal(sum("nodePort" in port for service in services for port in service.get("ports") or ()))
    if name.endswith("requests.storage"):
        claims = objects.in_namespace(namespace, "PersistentVolumeClaim")
        return sum((quantity(_requested(claim["spec"], "requests", "storage")) for claim in claims), Decimal(0))
    pods = [pod for pod in objects.in_namespace(namespace, "Pod") if _counts(pod) and _in_scope(pod, spec)]
    if name == "pods":
        return Decimal(len(pods))
    section, _, resource = name.partition(".") if name.startswith(("requests.", "limits.")) else ("requests", "", name)
    return sum((_pod_total(pod, section, resource) for pod in pods), Decimal(0))


def _is_plural(plural: str, kind: str) -> bool:
    lower = kind.lower()
    return plural in {f"{lower}s", f"{lower}es", f"{lower[:-1]}ies"}


def _counts(pod: Manifest) -> bool:
    return pod.get("status", {}).get("phase") not in {"Succeeded", "Failed"}


def _in_scope(pod: Manifest, spec: Manifest) -> bool:
    """Scopes by priority class are understood; the others are not used by a cell and count every pod."""
    for expression in (spec.get("scopeSelector") or {}).get("matchExpressions") or ():
        if expression["scopeName"] != "PriorityClass":
            continue
        chosen = pod["spec"].get("priorityClassName") in (expression.get("values") or [])
        if {"In": chosen, "NotIn": not chosen}.get(expression["operator"], True) is False:
            return False
    return True


def _requested(holder: dict[str, Any], section: str, resource: str) -> str:
    value = ((holder.get("resources") or {}).get(section) or {}).get(resource, "0")
    return str(value)


def _pod_total(pod: Manifest, section: str, resource: str) -> Decimal:
    spec = pod["spec"]
    running = sum((quantity(_requested(c, section, resource)) for c in spec.get("containers") or ()), Decimal(0))
    starting = [quantity(_requested(c, section, resource)) for c in spec.get("initContainers") or ()]
    return max([running, *starting])
