"""All objects of a cluster as etcd holds them, with the look-ups that the sandbox's controllers need."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from sandbox.kubernetes.etcd import Change

Manifest = dict[str, Any]


def owner_uids(manifest: Manifest) -> set[str]:
    return {owner["uid"] for owner in manifest["metadata"].get("ownerReferences") or ()}


def finalizers(manifest: Manifest) -> list[str]:
    return list(manifest["metadata"].get("finalizers") or ())


def terminating(manifest: Manifest) -> bool:
    return bool(manifest["metadata"].get("deletionTimestamp"))


class Objects:
    """Indexed by etcd key. What is no Kubernetes object (allocators, leases of etcd) and events are left out."""

    def __init__(self) -> None:
        self._by_key: dict[str, Manifest] = {}
        self._by_uid: dict[str, str] = {}
        self._dependents: defaultdict[str, set[str]] = defaultdict(set)
        self._in_namespace: defaultdict[str, set[str]] = defaultdict(set)

    def put(self, change: Change) -> Manifest | None:
        """Take over a change; the result is the object as it was before."""
        before = self._by_key.pop(change.key, None)
        if before is not None:
            self._by_uid.pop(before["metadata"].get("uid", ""), None)
            for uid in owner_uids(before):
                self._dependents[uid].discard(change.key)
            self._in_namespace[before["metadata"].get("namespace", "")].discard(change.key)
        now = change.value
        if now and "metadata" in now and now.get("kind") != "Event":
            self._by_key[change.key] = now
            self._by_uid[now["metadata"].get("uid", "")] = change.key
            for uid in owner_uids(now):
                self._dependents[uid].add(change.key)
            self._in_namespace[now["metadata"].get("namespace", "")].add(change.key)
        return before

    def get(self, key: str) -> Manifest | None:
        return self._by_key.get(key)

    def keys(self) -> list[str]:
        return list(self._by_key)

    def exists(self, uid: str) -> bool:
        return uid in self._by_uid

    def key_of(self, uid: str) -> str | None:
        return self._by_uid.get(uid)

    def dependents(self, uid: str) -> list[str]:
        """Keys of the objects that name `uid` as an owner."""
        return list(self._dependents.get(uid, ()))

    def manifests(self, keys: Iterable[str]) -> Iterator[Manifest]:
        return (self._by_key[key] for key in keys if key in self._by_key)

    def in_namespace(self, namespace: str, kind: str | None = None) -> list[Manifest]:
        found = self.manifests(list(self._in_namespace.get(namespace, ())))
        return [manifest for manifest in found if kind is None or manifest["kind"] == kind]

    def of_kind(self, kind: str, name: str | None = None) -> list[tuple[str, Manifest]]:
        return [
            (key, manifest)
            for key, manifest in self._by_key.items()
            if manifest["kind"] == kind and name in (None, manifest["metadata"]["name"])
        ]
