"""What the API server of one emulated cluster holds, kept up to date by a list and a watch of each kind."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.dataplane.policy import Policy
from sandbox.kubernetes.client import MERGE_PATCH, Client, Manifest
from sandbox.kubernetes.errors import ApiError, Unreachable
from sandbox.kubernetes.provider import kubeconfig

PATHS = {
    "ConfigMap": "/api/v1/configmaps",
    "Deployment": "/apis/apps/v1/deployments",
    "HorizontalPodAutoscaler": "/apis/autoscaling/v2/horizontalpodautoscalers",
    "Namespace": "/api/v1/namespaces",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/networkpolicies",
    "Pod": "/api/v1/pods",
    "ReplicaSet": "/apis/apps/v1/replicasets",
    "Secret": "/api/v1/secrets",
    "Service": "/api/v1/services",
}
"""Kind -> collection over all namespaces."""

WATCH_S = 240.0
RETRY_S = 0.5


@dataclass(frozen=True, order=True, slots=True)
class ClusterKey:
    """An emulated cluster. `endpoint` is part of it: a new cluster of an old name is another one."""

    account: str
    region: str
    name: str
    endpoint: str

    @property
    def label(self) -> str:
        """For people; with the Region where a name alone could be of two."""
        return self.name

    def folder(self, kubernetes: Path) -> Path:
        return kubernetes / self.account / self.region / self.name


class Cluster:
    """A thread a kind. `changed` is called from these threads after each change."""

    def __init__(self, key: ClusterKey, kubernetes: Path, changed: Callable[[], None]) -> None:
        self.key = key
        target = kubeconfig.load(str(key.folder(kubernetes) / "admin.kubeconfig"))
        self.client = Client(url=target.server, context=kubeconfig.tls(target), timeout_s=10.0)
        self._changed = changed
        self._lock = threading.Lock()
        self._objects: dict[str, dict[tuple[str, str], Manifest]] = {kind: {} for kind in PATHS}
        self._listed: set[str] = set()
        self._stopping = threading.Event()
        self._revision = dict.fromkeys(PATHS, 0)
        for kind in PATHS:
            threading.Thread(target=self._follow, args=(kind,), name=f"{key.name}-{kind}", daemon=True).start()

    def stop(self) -> None:
        self._stopping.set()
        self.client.close()

    @property
    def complete(self) -> bool:
        """Whether every kind was listed once: before that, what is missing may only not be known yet."""
        with self._lock:
            return len(self._listed) == len(PATHS)

    def revision(self, *kinds: str) -> tuple[int, ...]:
        """Grows with each change of an object of the kinds."""
        with self._lock:
            return tuple(self._revision[kind] for kind in kinds)

    def all(self, kind: str) -> list[Manifest]:
        with self._lock:
            return list(self._objects[kind].values())

    def find(self, kind: str, namespace: str, name: str) -> Manifest | None:
        with self._lock:
            return self._objects[kind].get((namespace, name))

    def policies(self) -> list[Policy]:
        return list(self.all("NetworkPolicy"))

    def namespace_labels(self, name: str) -> Mapping[str, str]:
        return ((self.find("Namespace", "", name) or {}).get("metadata") or {}).get("labels") or {}

    def create(self, kind: str, manifest: Manifest) -> Manifest:
        made = self.client.request("POST", self.path(kind, manifest["metadata"]["namespace"]), body=manifest)
        self._put(kind, {**made, "kind": kind})
        return made

    def patch(self, kind: str, namespace: str, name: str, change: Mapping[str, Any], part: str = "") -> None:
        """Merge; `part` is `/status` for that. An object that is gone is none to be told of."""
        path = self.path(kind, namespace, name) + part
        try:
            answer = self.client.request("PATCH", path, body=change, content_type=MERGE_PATCH)
        except ApiError as error:
            if error.status != 404:
                raise
        else:
            self._put(kind, {**answer, "kind": kind})

    def delete(self, kind: str, namespace: str, name: str, **options: Any) -> None:
        self.client.delete(self.path(kind, namespace, name), options)

    @staticmethod
    def path(kind: str, namespace: str, name: str = "") -> str:
        root, _, plural = PATHS[kind].rpartition("/")
        return f"{root}/namespaces/{namespace}/{plural}" + (f"/{name}" if name else "")

    def _follow(self, kind: str) -> None:
        while not self._stopping.is_set():
            try:
                listing = self.client.get(PATHS[kind])
                self._replace(kind, listing["items"])
                version = listing["metadata"]["resourceVersion"]
                for event in self.client.watch(PATHS[kind], version, WATCH_S):
                    if event["type"] == "DELETED":
                        self._drop(kind, event["object"])
                    else:
                        self._put(kind, event["object"])
                    self._changed()
            except (ApiError, Unreachable, OSError, RuntimeError):
                # The server starts, restarts or is gone; a closed client raises RuntimeError.
                self._stopping.wait(RETRY_S)

    def _replace(self, kind: str, items: list[Manifest]) -> None:
        with self._lock:
            self._objects[kind] = {_name(item): {**item, "kind": kind} for item in items}
            self._listed.add(kind)
            self._revision[kind] += 1
        self._changed()

    def _put(self, kind: str, manifest: Manifest) -> None:
        with self._lock:
            known = self._objects[kind].get(_name(manifest))
            # Our own writes are known before the watch tells of them, and it may still tell of older ones.
            if known is None or _version(known) < _version(manifest):
                self._objects[kind][_name(manifest)] = manifest
                self._revision[kind] += 1

    def _drop(self, kind: str, manifest: Manifest) -> None:
        with self._lock:
            self._objects[kind].pop(_name(manifest), None)
            self._revision[kind] += 1


def _name(manifest: Manifest) -> tuple[str, str]:
    return manifest["metadata"].get("namespace", ""), manifest["metadata"]["name"]


def _version(manifest: Manifest) -> int:
    return int(manifest["metadata"].get("resourceVersion") or 0)


def owned_by(objects: list[Manifest], owner: Manifest) -> Iterator[Manifest]:
    """Those that `owner` controls."""
    uid = owner["metadata"]["uid"]
    for manifest in objects:
        if any(o.get("controller") and o["uid"] == uid for o in manifest["metadata"].get("ownerReferences") or ()):
            yield manifest


def now_text() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
