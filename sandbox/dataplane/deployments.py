"""Deployment -> ReplicaSet -> Pods as objects of the API server, and their status: what kube-controller-manager does.

Done so for Deployments whose images are in the table (`images.py`); others are declared and not run.
"""

import hashlib
import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.dataplane import images, rollout
from sandbox.dataplane.cluster import Cluster, now_text, owned_by
from sandbox.kubernetes.client import Manifest
from sandbox.kubernetes.errors import ApiError

NODE = "sandbox"
"""Name of the node that all pods are on."""

HASH_LABEL = "pod-template-hash"
NOT_RUN = "DeclaredNotRun"
REFUSED_AGAIN_S = (1.0, 30.0)
"""Pause after a pod was refused: the first, and the longest; doubled in between."""


def runs(spec: Mapping[str, Any]) -> bool:
    """Whether all programs of a pod are in the table."""
    return not spec.get("initContainers") and all(images.command(c["image"]) for c in spec["containers"])


def is_ready(pod: Manifest) -> bool:
    conditions = pod.get("status", {}).get("conditions") or ()
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def leaving(manifest: Manifest) -> bool:
    return "deletionTimestamp" in manifest["metadata"]


@dataclass(kw_only=True)
class Deployments:
    """Of one cluster. `step` is called again and again by one thread."""

    cluster: Cluster
    tell: Callable[[str], None]
    _refused: dict[str, tuple[float, float, str]] = field(default_factory=dict)
    """uid of a ReplicaSet -> when to try again, the pause after that, and why a pod was refused."""
    _seen: tuple[int, ...] = ()
    """Revision of the objects with which nothing was left to do."""

    def step(self) -> None:
        seen = self.cluster.revision("Deployment", "HorizontalPodAutoscaler", "Pod", "ReplicaSet")
        due = self.wants_look_at()
        if seen == self._seen and (due is None or time.monotonic() < due):
            return
        if self._reconcile_all():
            self._seen = seen

    def _reconcile_all(self) -> bool:
        """False where something could not be done."""
        done = True
        known = {replica_set["metadata"]["uid"] for replica_set in self.cluster.all("ReplicaSet")}
        self._refused = {uid: refusal for uid, refusal in self._refused.items() if uid in known}
        for deployment in self.cluster.all("Deployment"):
            if leaving(deployment):
                continue
            try:
                if runs(deployment["spec"]["template"]["spec"]):
                    self._reconcile(deployment)
                else:
                    self._status(deployment, {}, {"Available": ("True", NOT_RUN, "the sandbox has no program for it")})
            except ApiError as error:
                # Most often it was changed or deleted meanwhile, and the watch is about to say so.
                done = False
                metadata = deployment["metadata"]
                self.tell(f"deployment {metadata['namespace']}/{metadata['name']}: {error.message}")
        return done

    def wants_look_at(self) -> float | None:
        """When a refused pod is tried again (monotonic seconds)."""
        return min((due for due, _, _ in self._refused.values()), default=None)

    def desired(self, deployment: Manifest) -> int:
        """Pods that it should have: the least number of its autoscaler where it has one."""
        metadata = deployment["metadata"]
        for scaler in self.cluster.all("HorizontalPodAutoscaler"):
            target = scaler["spec"]["scaleTargetRef"]
            same = scaler["metadata"]["namespace"] == metadata["namespace"] and target["name"] == metadata["name"]
            if same and target["kind"] == "Deployment":
                return int(scaler["spec"].get("minReplicas") or 1)
        return int(deployment["spec"].get("replicas", 1))

    def _reconcile(self, deployment: Manifest) -> None:
        current = self._replica_set(deployment)
        sets = list(owned_by(self.cluster.all("ReplicaSet"), deployment))
        pods = {s["metadata"]["name"]: list(owned_by(self.cluster.all("Pod"), s)) for s in sets}
        staying = {name: [pod for pod in found if not leaving(pod)] for name, found in pods.items()}
        revisions = [
            rollout.Revision(name=name, pods=len(found), ready=sum(map(is_ready, found)))
            for name, found in staying.items()
        ]
        name, desired = current["metadata"]["name"], self.desired(deployment)
        new = next(revision for revision in revisions if revision.name == name)
        old = [revision for revision in revisions if revision.name != name]
        wanted = rollout.plan(desired, new, old, rollout.Bounds.of(deployment, desired))
        for replica_set in sets:
            key = replica_set["metadata"]["name"]
            self._scale(replica_set, wanted[key], staying[key])
        self._report(deployment, current, desired, new, old)
        self._forget(deployment, sets, pods, name)

    def _replica_set(self, deployment: Manifest) -> Manifest:
        template = deployment["spec"]["template"]
        text = json.dumps(template, sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:10]
        metadata = deployment["metadata"]
        name = f"{metadata['name']}-{digest}"
        found = self.cluster.find("ReplicaSet", metadata["namespace"], name)
        if found is not None:
            return found
        labels = {**(template["metadata"].get("labels") or {}), HASH_LABEL: digest}
        selector = {**deployment["spec"]["selector"]}
        selector["matchLabels"] = {**(selector.get("matchLabels") or {}), HASH_LABEL: digest}
        return self.cluster.create(
            "ReplicaSet",
            {
                "apiVersion": "apps/v1",
                "kind": "ReplicaSet",
                "metadata": {
                    "name": name,
                    "namespace": metadata["namespace"],
                    "labels": labels,
                    "ownerReferences": [_owner(deployment, "apps/v1", "Deployment")],
                },
                "spec": {
                    "replicas": 0,
                    "selector": selector,
                    "template": {**template, "metadata": {**template["metadata"], "labels": labels}},
                },
            },
        )

    def _scale(self, replica_set: Manifest, wanted: int, pods: list[Manifest]) -> None:
        metadata = replica_set["metadata"]
        if replica_set["spec"].get("replicas") != wanted:
            self.cluster.patch("ReplicaSet", metadata["namespace"], metadata["name"], {"spec": {"replicas": wanted}})
        for _ in range(wanted - len(pods)):
            if not self._create_pod(replica_set):
                break
        # Those that serve nobody go first.
        for pod in sorted(pods, key=is_ready)[: max(0, len(pods) - wanted)]:
            self.cluster.delete("Pod", metadata["namespace"], pod["metadata"]["name"])
        ready = sum(map(is_ready, pods))
        status = {"replicas": len(pods), "readyReplicas": ready, "availableReplicas": ready}
        status["observedGeneration"] = metadata.get("generation", 0)
        shown = replica_set.get("status") or {}
        if any(shown.get(key, 0) != value for key, value in status.items()):
            self.cluster.patch("ReplicaSet", metadata["namespace"], metadata["name"], {"status": status}, "/status")

    def _create_pod(self, replica_set: Manifest) -> bool:
        uid = replica_set["metadata"]["uid"]
        due, pause_s, _ = self._refused.get(uid, (0.0, REFUSED_AGAIN_S[0], ""))
        if time.monotonic() < due:
            return False
        metadata, template = replica_set["metadata"], replica_set["spec"]["template"]
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                **{key: template["metadata"][key] for key in ("labels", "annotations") if key in template["metadata"]},
                "name": f"{metadata['name']}-{secrets.token_hex(3)}",
                "namespace": metadata["namespace"],
                "ownerReferences": [_owner(replica_set, "apps/v1", "ReplicaSet")],
            },
            # There is one node and nobody to choose it.
            "spec": {**template["spec"], "nodeName": NODE},
        }
        try:
            self.cluster.create("Pod", pod)
        except ApiError as error:
            following = min(pause_s * 2, REFUSED_AGAIN_S[1])
            self._refused[uid] = (time.monotonic() + pause_s, following, error.message)
            return False
        self._refused.pop(uid, None)
        return True

    def _report(
        self,
        deployment: Manifest,
        current: Manifest,
        desired: int,
        new: rollout.Revision,
        old: list[rollout.Revision],
    ) -> None:
        ready = new.ready + sum(revision.ready for revision in old)
        numbers = {
            "replicas": new.pods + sum(revision.pods for revision in old),
            "updatedReplicas": new.pods,
            "readyReplicas": ready,
            "availableReplicas": ready,
            "unavailableReplicas": max(0, desired - ready),
        }
        least = desired - rollout.Bounds.of(deployment, desired).unavailable
        enough = ready >= least
        complete = new.ready >= desired and not any(revision.pods for revision in old)
        conditions = {
            "Available": (
                ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
                if enough
                else ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
            ),
            "Progressing": (
                ("True", "NewReplicaSetAvailable", f"ReplicaSet {new.name} has successfully progressed.")
                if complete
                else ("True", "ReplicaSetUpdated", f"ReplicaSet {new.name} is progressing.")
            ),
        }
        if refusal := self._refused.get(current["metadata"]["uid"]):
            conditions["ReplicaFailure"] = ("True", "FailedCreate", refusal[2])
            conditions["Progressing"] = ("False", "FailedCreate", refusal[2])
        self._status(deployment, numbers, conditions)

    def _status(
        self, deployment: Manifest, numbers: Mapping[str, int], wanted: Mapping[str, tuple[str, str, str]]
    ) -> None:
        """Write what is new, with the times at which conditions changed."""
        metadata, shown = deployment["metadata"], deployment.get("status") or {}
        known = {condition["type"]: condition for condition in shown.get("conditions") or ()}
        conditions = [_condition(name, *value, known.get(name)) for name, value in wanted.items()]
        status = {**numbers, "observedGeneration": metadata.get("generation", 0)}
        if all(shown.get(key, 0) == value for key, value in status.items()) and conditions == shown.get("conditions"):
            return
        body = {"status": {**status, "conditions": conditions}}
        self.cluster.patch("Deployment", metadata["namespace"], metadata["name"], body, "/status")

    def _forget(self, deployment: Manifest, sets: list[Manifest], pods: Mapping[str, Any], current: str) -> None:
        """Delete old ReplicaSets beyond revisionHistoryLimit, which have no pods any more."""
        empty = [s for s in sets if s["metadata"]["name"] != current and not pods[s["metadata"]["name"]]]
        empty.sort(key=lambda replica_set: replica_set["metadata"]["creationTimestamp"])
        keep = int(deployment["spec"].get("revisionHistoryLimit", 10))
        for replica_set in empty[: max(0, len(empty) - keep)]:
            metadata = replica_set["metadata"]
            self.cluster.delete("ReplicaSet", metadata["namespace"], metadata["name"], propagationPolicy="Background")
            self._refused.pop(metadata["uid"], None)


def _condition(name: str, status: str, reason: str, message: str, known: Mapping[str, Any] | None) -> dict[str, Any]:
    wanted = {"type": name, "status": status, "reason": reason, "message": message}
    if known is not None and all(known.get(key) == value for key, value in wanted.items()):
        return dict(known)
    now = now_text()
    changed = known["lastTransitionTime"] if known is not None and known["status"] == status else now
    return {**wanted, "lastTransitionTime": changed, "lastUpdateTime": now}


def _owner(manifest: Manifest, api_version: str, kind: str) -> dict[str, Any]:
    metadata = manifest["metadata"]
    return {
        "apiVersion": api_version,
        "kind": kind,
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
