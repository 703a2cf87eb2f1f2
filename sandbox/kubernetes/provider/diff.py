"""What changed between two manifests, and which changes Kubernetes makes only by replacing the object.

The properties that force a replacement are those of the official plugin; what else the server refuses to change is
found by a dry run.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.aws.provider.codec import has_unknown, unsecret
from sandbox.kubernetes.errors import ApiError
from sandbox.kubernetes.provider import validation
from sandbox.kubernetes.provider.cluster import Cluster
from sandbox.kubernetes.provider.manifests import FIELD_MANAGER, Kind, Manifest, autonamed, metadata, prune
from sandbox.kubernetes.provider.settings import Settings

_SELECTOR = ("spec.selector",)
_POD = tuple(
    f"spec.{name}"
    for name in [
        "affinity",
        "automountServiceAccountToken",
        "containers[*].args",
        "containers[*].command",
        "containers[*].env",
        "containers[*].imagePullPolicy",
        "containers[*].lifecycle",
        "containers[*].livenessProbe",
        "containers[*].ports",
        "containers[*].readinessProbe",
        "containers[*].resources",
        "containers[*].securityContext",
        "containers[*].stdin",
        "containers[*].tty",
        "containers[*].volumeDevices",
        "containers[*].volumeMounts",
        "containers[*].workingDir",
        "dnsConfig",
        "dnsPolicy",
        "enableServiceLinks",
        "hostAliases",
        "hostIPC",
        "hostNetwork",
        "hostPID",
        "hostname",
        "imagePullSecrets",
        "nodeName",
        "nodeSelector",
        "preemptionPolicy",
        "priority",
        "priorityClassName",
        "readinessGates",
        "restartPolicy",
        "runtimeClassName",
        "schedulerName",
        "securityContext",
        "serviceAccount",
        "serviceAccountName",
        "shareProcessNamespace",
        "subdomain",
        "terminationGracePeriodSeconds",
        "volumes",
    ]
)
_VOLUME_SOURCES = [
    "awsElasticBlockStore",
    "azureDisk",
    "azureFile",
    "cephfs",
    "cinder",
    "csi",
    "fc",
    "flexVolume",
    "flocker",
    "gcePersistentDisk",
    "glusterfs",
    "hostPath",
    "iscsi",
    "local",
    "nfs",
    "photonPersistentDisk",
    "portworxVolume",
    "quobyte",
    "rbd",
    "scaleIO",
    "storageos",
    "vsphereVolume",
]

FORCE_NEW: dict[tuple[str, str], tuple[str, ...]] = {
    ("apps", "Deployment"): _SELECTOR,
    ("apps", "DaemonSet"): _SELECTOR,
    ("apps", "StatefulSet"): (
        "spec.podManagementPolicy",
        "spec.selector",
        "spec.serviceName",
        "spec.volumeClaimTemplates",
    ),
    ("batch", "Job"): ("spec.completions", "spec.parallelism", "spec.selector", "spec.template"),
    ("", "ConfigMap"): ("binaryData", "data"),
    ("", "Secret"): ("type", "stringData", "data"),
    ("", "Service"): ("spec.clusterIP",),
    ("", "ResourceQuota"): ("spec.scopes",),
    ("", "Pod"): _POD,
    ("", "PersistentVolume"): tuple(f"spec.{name}" for name in _VOLUME_SOURCES),
    ("", "PersistentVolumeClaim"): ("spec",),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): ("roleRef",),
    ("rbac.authorization.k8s.io", "RoleBinding"): ("roleRef",),
    ("storage.k8s.io", "StorageClass"): ("parameters", "provisioner"),
}
"""(API group, kind) -> properties whose change replaces the object."""

_SERVER_WRITTEN = frozenset({"managedFields", "resourceVersion", "generation"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """`path` as Pulumi writes it, such as spec.containers[0].image; `operation`: ADD, DELETE or UPDATE."""

    path: str
    operation: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """All changes, and the paths among them that need a replacement."""

    changes: tuple[Change, ...] = ()
    replaces: frozenset[str] = frozenset()
    delete_first: bool = False


def changes(old: Any, new: Any, path: str = "") -> Iterator[Change]:
    """The leaves that differ."""
    if old == new:
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in [*old, *(key for key in new if key not in old)]:
            below = _join(path, key)
            if key not in new:
                yield Change(path=below, operation="DELETE")
            elif key not in old:
                yield Change(path=below, operation="ADD")
            else:
                yield from changes(old[key], new[key], below)
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            below = f"{path}[{index}]"
            if index >= len(new):
                yield Change(path=below, operation="DELETE")
            elif index >= len(old):
                yield Change(path=below, operation="ADD")
            else:
                yield from changes(old[index], new[index], below)
    else:
        yield Change(path=path, operation="UPDATE")


def _join(path: str, key: str) -> str:
    if any(character in key for character in '.["]'):
        quoted = key.replace("\\", "\\\\").replace('"', '\\"')
        return f'{path}["{quoted}"]'
    return f"{path}.{key}" if path else key


def difference(
    cluster: Cluster, kind: Kind, olds: Manifest, news: Manifest, state: Manifest, ignored: tuple[str, ...] = ()
) -> Difference:
    """From the inputs of the last operation to the new ones. `state`: outputs of the last operation."""
    before, now = unsecret(olds), unsecret(news)
    found = tuple(change for change in changes(before, now) if change.path not in ignored)
    if not found:
        return Difference()
    replaces = {change.path for change in found if _forces_new(change.path, kind, before, now, cluster.settings)}
    if not replaces and cluster.state.client is not None and not has_unknown(now):
        answer = _asked(cluster, kind, now, unsecret(state), found)
        if answer is None:
            return Difference()
        replaces = answer
    same_place = all(metadata(before).get(name) == metadata(now).get(name) for name in ("name", "namespace"))
    return Difference(
        changes=found,
        replaces=frozenset(replaces),
        delete_first=bool(replaces) and same_place and not autonamed(now),
    )


def _forces_new(path: str, kind: Kind, before: Manifest, now: Manifest, settings: Settings) -> bool:
    if path in {"metadata", "metadata.name", "metadata.namespace", "kind"}:
        return True
    if kind.patch:
        return False
    mutable = {"ConfigMap": settings.config_map_mutable, "Secret": settings.secret_mutable}.get(kind.kind, False)
    if kind.group == "" and mutable and not before.get("immutable"):
        return False
    if kind.group == "" and kind.kind in {"ConfigMap", "Secret"} and before.get("immutable") and path == "immutable":
        return not now.get("immutable")
    return any(_within(path, prefix) for prefix in FORCE_NEW.get((kind.group, kind.kind), ()))


def _within(path: str, prefix: str) -> bool:
    if "[*]" in prefix:
        head, tail = prefix.split("[*]")
        index, closed, rest = path.removeprefix(f"{head}[").partition("]")
        return path.startswith(f"{head}[") and bool(closed) and index.isdigit() and _within(rest, tail)
    return path == prefix or path.startswith((f"{prefix}.", f"{prefix}["))


def _asked(cluster: Cluster, kind: Kind, now: Manifest, state: Manifest, found: tuple[Change, ...]) -> set[str] | None:
    """What the server says to the change: None when it means nothing to it, else the paths that it cannot change."""
    manager = str(state.get(FIELD_MANAGER) or validation.MANAGER)
    client = cluster.client()
    try:
        live = cluster.live(kind, now)
        if live is None:
            return set()
        planned = client.apply(cluster.path(kind, now), prune(now), manager, force=True, dry_run=True)
    except ApiError as error:
        if not validation.is_immutable(error):
            # Check has reported what is wrong with the manifest itself; the rest is said when it is applied.
            return set()
        named = [field for field, _ in error.causes if field]
        blamed = {change.path for change in found if any(_within(change.path, field) for field in named)}
        return blamed or {change.path for change in found}
    return None if _substance(planned) == _substance(live) else set()


def _substance(manifest: Manifest) -> Manifest:
    kept = {key: value for key, value in manifest["metadata"].items() if key not in _SERVER_WRITTEN}
    return {**manifest, "metadata": kept}
