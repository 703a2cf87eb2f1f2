"""What kube-controller-manager does and the sandbox needs, since none runs here.

Done here, because objects could otherwise not be created or deleted as on EKS:
  - a namespace gets its `default` ServiceAccount and the `kube-root-ca.crt` ConfigMap, without which no pod is
    admitted;
  - a deleted namespace is emptied and then finalized;
  - garbage collection: background, foreground and orphaning deletion, protection of volumes in use;
  - the rules of aggregated ClusterRoles (`view`, `edit`, `admin` have none of their own);
  - usage in ResourceQuota status, without which the quota admission refuses every pod;
  - the roles behind EKS access policies;
  - the types that AWS installs in a cluster (`aws_types.py`).

Not done, so what depends on it stays as it was declared: no ReplicaSets or Pods appear for Deployments, StatefulSets,
DaemonSets, Jobs and CronJobs; no endpoints for Services; no horizontal scaling; no volume binding; no node lifecycle;
no certificate signing; no ServiceAccount token Secrets.

Everything follows from one watch of etcd: a kind needs no informer of its own, and custom resources are included.
"""

import http.client
import queue
import threading
import time
from collections.abc import Iterable

from sandbox.kubernetes import access, aws_types, garbage, namespaces, quota
from sandbox.kubernetes.aws_types import Part
from sandbox.kubernetes.client import Client
from sandbox.kubernetes.errors import ApiError, Unreachable
from sandbox.kubernetes.etcd import Change, Etcd, Watch
from sandbox.kubernetes.objects import Manifest, Objects, owner_uids, terminating
from sandbox.kubernetes.server import ApiServer

RETRY_S = 0.3
QUOTA_SETTLE_S = 0.5
"""Seconds between a change in a namespace and the count of its objects. Admission raises a quota's usage before the
object is stored: a count in between would take that back."""

POLL_S = 0.1

_FAILURES = (ApiError, Unreachable, OSError, http.client.HTTPException)


class Controllers:
    """A thread a cluster. `bootstrapped` is set once the roles of access policies and the default objects exist."""

    def __init__(self, *, server: ApiServer, etcd: Etcd, prefix: str) -> None:
        self.bootstrapped = threading.Event()
        self._parts = [Part.CLUSTER]
        self._server = server
        self._etcd = etcd
        self._prefix = prefix
        self._stopping = threading.Event()
        self._watch: Watch | None = None
        self._client = Client(url=server.url, context=server.context())
        self._ca_pem = server.authority.pem.decode()
        self._thread = threading.Thread(target=self._run, name=f"controllers-{server.port}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def enable(self, part: Part) -> None:
        """Install the types of a part, now or once the server answers. Harmless when repeated."""
        if part not in self._parts:
            self._parts.append(part)
        if self.bootstrapped.is_set():
            aws_types.install(self._client, part)

    def stop(self) -> None:
        self._stopping.set()
        if self._watch is not None:
            self._watch.close()
        if self._thread.is_alive():
            self._thread.join()
        self._client.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            if not self._server.answers():
                self._stopping.wait(POLL_S)
                continue
            try:
                access.bootstrap(self._client)
                for part in list(self._parts):
                    aws_types.install(self._client, part)
                self._follow()
            except _FAILURES as error:
                if not self._stopping.is_set():
                    self._server.note(f"controllers: {error}; starting again")
                    self._stopping.wait(RETRY_S)

    def _follow(self) -> None:
        """Reconcile all objects, then whatever changes, until the watch breaks."""
        changes, revision = self._etcd.list_prefix(self._prefix)
        objects = Objects()
        for change in changes:
            objects.put(change)
        self._watch = self._etcd.watch_prefix(self._prefix, revision + 1)
        inbox: queue.Queue[Change | Exception] = queue.Queue()
        threading.Thread(target=_pump, args=(self._watch, inbox), daemon=True).start()
        due = dict.fromkeys(objects.keys(), 0.0)
        while not self._stopping.is_set():
            self._reconcile_due(objects, due)
            if inbox.empty() and not any(time_due == 0 for time_due in due.values()):
                self.bootstrapped.set()
            wait_s = max(0.0, min(due.values()) - time.monotonic()) if due else None
            try:
                item = inbox.get(timeout=wait_s)
            except queue.Empty:
                continue
            if isinstance(item, Exception):
                raise item
            before = objects.put(item)
            due.update(dict.fromkeys(_affected(objects, item, before), 0.0))
            due.update(dict.fromkeys(_quotas(objects, item, before), time.monotonic() + QUOTA_SETTLE_S))

    def _reconcile_due(self, objects: Objects, due: dict[str, float]) -> None:
        now = time.monotonic()
        for key in [key for key, time_due in due.items() if time_due <= now]:
            del due[key]
            manifest = objects.get(key)
            if manifest is None:
                continue
            try:
                settled = self._reconcile(objects, manifest)
            except ApiError:
                # Most often a conflict with a newer version whose change is on its way.
                settled = False
            if not settled:
                due[key] = now + RETRY_S

    def _reconcile(self, objects: Objects, manifest: Manifest) -> bool:
        """False when the object has to be looked at again without a change of its own."""
        kind = manifest["kind"]
        if terminating(manifest):
            settled = garbage.finalize(self._client, objects, manifest)
            if kind == "Namespace":
                settled &= namespaces.terminate(self._client, objects, manifest)
            return settled
        if garbage.abandoned(objects, manifest):
            return garbage.collect(self._client, manifest)
        if kind == "Namespace":
            namespaces.furnish(self._client, objects, manifest, self._ca_pem)
        elif kind == "ClusterRole":
            access.aggregate(self._client, objects, manifest)
        elif kind == "ResourceQuota":
            quota.account(self._client, objects, manifest)
        return True


def _pump(watch: Watch, inbox: "queue.Queue[Change | Exception]") -> None:
    try:
        for change in watch:
            inbox.put(change)
    except (OSError, ValueError, http.client.HTTPException) as error:
        inbox.put(error if isinstance(error, OSError | http.client.HTTPException) else OSError(str(error)))


def _affected(objects: Objects, change: Change, before: Manifest | None) -> Iterable[str]:
    """Keys of the objects whose state may depend on this change; quotas apart."""
    now = change.value
    manifest = now or before
    if not manifest or "metadata" not in manifest:
        return
    if not quota.is_in_force(manifest):
        yield change.key
    if manifest["kind"] == "ClusterRole":
        yield from (key for key, role in objects.of_kind("ClusterRole") if role.get("aggregationRule"))
    namespace = manifest["metadata"].get("namespace")
    if before is not None and now is None:
        uid = before["metadata"].get("uid", "")
        yield from objects.dependents(uid)
        yield from filter(None, (objects.key_of(owner) for owner in owner_uids(before)))
        if namespace:
            yield from (key for key, _ in objects.of_kind("Namespace", namespace))
            if before["kind"] == "Pod":
                yield from (key for key, _ in objects.of_kind("PersistentVolumeClaim"))


def _quotas(objects: Objects, change: Change, before: Manifest | None) -> Iterable[str]:
    """Keys of the quotas that count an object which has come or gone."""
    manifest = change.value or before
    if not manifest or "metadata" not in manifest or (before is None) == (change.value is None):
        return ()
    return quota.keys(objects, manifest["metadata"].get("namespace", ""))
