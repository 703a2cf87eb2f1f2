"""Garbage collection: owners and dependents, and the finalizers that kube-controller-manager would remove."""

from collections.abc import Callable

from sandbox.kubernetes.client import MERGE_PATCH, Client
from sandbox.kubernetes.errors import ApiError
from sandbox.kubernetes.objects import Manifest, Objects, finalizers, owner_uids, terminating

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"
CLAIM_PROTECTION = "kubernetes.io/pvc-protection"
VOLUME_PROTECTION = "kubernetes.io/pv-protection"


def abandoned(objects: Objects, manifest: Manifest) -> bool:
    """Whether the object has owners and none of them exists."""
    uids = owner_uids(manifest)
    return bool(uids) and not any(objects.exists(uid) for uid in uids)


def collect(client: Client, manifest: Manifest) -> bool:
    """Delete an abandoned object, unless it was replaced by a namesake meanwhile."""
    preconditions = {"uid": manifest["metadata"]["uid"]}
    try:
        client.delete(_path(client, manifest), {"propagationPolicy": "Background", "preconditions": preconditions})
    except ApiError as error:
        if error.status != 409:
            raise
    return True


def finalize(client: Client, objects: Objects, manifest: Manifest) -> bool:
    """Remove each finalizer of ours whose condition holds. False while one of them waits for something."""
    settled = True
    for finalizer in finalizers(manifest):
        condition = _CONDITIONS.get(finalizer)
        if condition is None:
            continue
        if condition(client, objects, manifest):
            _remove_finalizer(client, manifest, finalizer)
        else:
            settled = False
    return settled


def _path(client: Client, manifest: Manifest) -> str:
    metadata = manifest["metadata"]
    return client.resource(manifest["apiVersion"], manifest["kind"]).path(metadata.get("namespace"), metadata["name"])


def _remove_finalizer(client: Client, manifest: Manifest, finalizer: str) -> None:
    path = _path(client, manifest)
    current = client.find(path)
    if current is None or current["metadata"]["uid"] != manifest["metadata"]["uid"]:
        return
    metadata = current["metadata"]
    left = [name for name in metadata.get("finalizers", []) if name != finalizer]
    patch = {"metadata": {"finalizers": left, "resourceVersion": metadata["resourceVersion"]}}
    client.request("PATCH", path, body=patch, content_type=MERGE_PATCH)


def _dependents_are_gone(client: Client, objects: Objects, manifest: Manifest) -> bool:
    uid = manifest["metadata"]["uid"]
    blocked = False
    for dependent in objects.manifests(objects.dependents(uid)):
        references = dependent["metadata"]["ownerReferences"]
        if any(objects.exists(owner["uid"]) for owner in references if owner["uid"] != uid):
            continue
        blocked |= any(owner["uid"] == uid and owner.get("blockOwnerDeletion") for owner in references)
        if not terminating(dependent):
            nested = objects.dependents(dependent["metadata"]["uid"])
            client.delete(_path(client, dependent), {"propagationPolicy": "Foreground" if nested else "Background"})
    return not blocked


def _dependents_are_released(client: Client, objects: Objects, manifest: Manifest) -> bool:
    uid = manifest["metadata"]["uid"]
    for dependent in objects.manifests(objects.dependents(uid)):
        kept = [owner for owner in dependent["metadata"]["ownerReferences"] if owner["uid"] != uid]
        patch = {"metadata": {"uid": dependent["metadata"]["uid"], "ownerReferences": kept}}
        client.request("PATCH", _path(client, dependent), body=patch, content_type=MERGE_PATCH)
    return True


def _no_pod_uses_claim(_client: Client, objects: Objects, claim: Manifest) -> bool:
    name = claim["metadata"]["name"]
    return not any(
        volume.get("persistentVolumeClaim", {}).get("claimName") == name
        for pod in objects.in_namespace(claim["metadata"]["namespace"], "Pod")
        for volume in pod["spec"].get("volumes") or ()
    )


def _is_unbound(_client: Client, _objects: Objects, volume: Manifest) -> bool:
    return bool(volume.get("status", {}).get("phase") != "Bound")


_CONDITIONS: dict[str, Callable[[Client, Objects, Manifest], bool]] = {
    FOREGROUND: _dependents_are_gone,
    ORPHAN: _dependents_are_released,
    CLAIM_PROTECTION: _no_pod_uses_claim,
    VOLUME_PROTECTION: _is_unbound,
}
