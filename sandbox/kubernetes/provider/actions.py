"""Check, create, read, update and delete of one object. What the wire looks like is `service`'s business."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.aws.provider.codec import UNKNOWN, unsecret
from sandbox.kubernetes.errors import ApiError, Unreachable
from sandbox.kubernetes.provider import awaits, schema_only, validation
from sandbox.kubernetes.provider.cluster import Cluster
from sandbox.kubernetes.provider.manifests import (
    AUTONAMED,
    FIELD_MANAGER,
    INITIAL_VERSION,
    NOT_EMULATED,
    PATCH_FORCE,
    PROPAGATION,
    Kind,
    Manifest,
    annotation,
    autonamed,
    field_manager,
    generated_name,
    imported_inputs,
    inputs_from,
    is_list,
    is_true,
    keep_secret,
    metadata,
    object_id,
    outputs,
    prune,
    split_id,
    without_nulls,
)

KIND_APPEARS_S = 15.0
"""Seconds for which a kind may be missing: its definition was created a moment ago."""

POLICIES = {"foreground": "Foreground", "background": "Background", "orphan": "Orphan"}

Say = Callable[[str, str], None]
"""(severity: info, warning or status; text)"""


class Rejected(Exception):
    """The operation did not happen; the message names the object and carries the server's reason."""


class NotReady(Exception):
    """The object exists, but is not what was asked for. `outputs` is what exists."""

    def __init__(self, identity: str, state: Manifest, reason: str) -> None:
        super().__init__(reason)
        self.identity = identity
        self.outputs = state


@dataclass(frozen=True, kw_only=True, slots=True)
class Read:
    """`inputs`: what a program would have to say to get this object."""

    outputs: Manifest
    inputs: Manifest


class Actions:
    """The verbs, for one cluster; thread-safe."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def check(
        self, kind: Kind, olds: Manifest, news: Manifest, name: Callable[[], str], say: Say
    ) -> tuple[Manifest, list[validation.Failure]]:
        """The inputs completed (apiVersion, kind, namespace, name), and what is wrong with them."""
        inputs: Manifest = without_nulls(news)
        wrong = _identity_failures(kind, inputs)
        if wrong:
            return inputs, wrong
        inputs = {"apiVersion": kind.api_version, "kind": kind.kind, **inputs}
        inputs["metadata"] = self._placed(kind, inputs, unsecret(olds), name)
        if kind.patch and not metadata(inputs).get("name"):
            return inputs, [("metadata.name", "a patch needs metadata.name of the object that it changes")]
        warnings: list[str] = []
        if self._cluster.state.schema_only:
            failures = schema_only.failures(kind, inputs, warnings)
        else:
            failures = validation.failures(self._cluster, kind, inputs, warnings)
        for warning in warnings:
            say("warning", warning)
        return inputs, failures

    def _placed(self, kind: Kind, inputs: Manifest, olds: Manifest, name: Callable[[], str]) -> Any:
        """The metadata with a name and, for a namespaced kind, a namespace."""
        found = inputs.get("metadata", {})
        if not isinstance(found, dict):
            return found
        found = dict(found)
        if "namespace" not in found and self._namespaced(kind):
            found["namespace"] = self._cluster.state.namespace
        if "name" in found or kind.patch:
            return found
        annotations = found.get("annotations", {})
        if isinstance(annotations, dict):
            found["annotations"] = {**annotations, AUTONAMED: "true"}
        prefix = found.get("generateName")
        kept = autonamed(olds) and metadata(olds).get("generateName") == prefix
        if kept:
            found["name"] = metadata(olds)["name"]
        elif prefix is UNKNOWN:
            found["name"] = UNKNOWN
        else:
            found["name"] = generated_name(str(prefix)) if prefix else name()
        return found

    def _namespaced(self, kind: Kind) -> bool:
        state = self._cluster.state
        if state.client is not None:
            try:
                return state.client.resource(kind.api_version, kind.kind).namespaced
            except ApiError:
                return False
        # Without a server: the published kinds without a namespace are known, custom resources are taken as they come.
        return kind.kind not in CLUSTER_SCOPED and "." not in kind.group.replace(".k8s.io", "")

    def create(self, kind: Kind, inputs: Manifest, limit_s: float, say: Say) -> tuple[str, Manifest]:
        """(id, outputs) of the new object. Rejected, or NotReady when it exists but does not become ready."""
        manifest = prune(unsecret(inputs))
        if self._cluster.state.schema_only:
            state = {**inputs, NOT_EMULATED: schema_only.REASON, FIELD_MANAGER: "", INITIAL_VERSION: kind.api_version}
            return object_id(manifest), keep_secret(state, inputs)
        self._await_kind(kind)
        exists = self._cluster.live(kind, manifest) is not None
        if kind.patch and not exists:
            raise Rejected(f"{_shown(kind, manifest)} not found: a patch changes an object that exists")
        if exists and not kind.patch and not self._cluster.settings.upsert:
            raise Rejected(
                f"{_shown(kind, manifest)} already exists; import it, or set the provider's upsertExistingObjects"
            )
        return self._applied(kind, inputs, field_manager(manifest), kind.api_version, limit_s, say)

    def update(self, kind: Kind, inputs: Manifest, state: Manifest, limit_s: float, say: Say) -> Manifest:
        """Outputs after the change; `state` holds those before it."""
        if self._cluster.state.schema_only:
            return {**keep_secret(dict(inputs), inputs), **{mark: state[mark] for mark in _MARKS if mark in state}}
        if self._cluster.state.client is None and self._cluster.settings.skip_update_unreachable:
            say("warning", f"not updated, since the cluster is unreachable: {self._cluster.state.reason}")
            return state
        manager = str(state.get(FIELD_MANAGER) or field_manager(prune(unsecret(inputs))))
        version = str(state.get(INITIAL_VERSION) or kind.api_version)
        return self._applied(kind, inputs, manager, version, limit_s, say)[1]

    def _applied(
        self, kind: Kind, inputs: Manifest, manager: str, version: str, limit_s: float, say: Say
    ) -> tuple[str, Manifest]:
        manifest = prune(unsecret(inputs))
        force = is_true(manifest, PATCH_FORCE) or self._cluster.settings.patch_force
        warnings: list[str] = []
        try:
            path = self._cluster.path(kind, manifest)
            live = self._cluster.client().apply(path, manifest, manager, force=force, warnings=warnings)
        except ApiError as error:
            raise Rejected(f"{_shown(kind, manifest)}: {_reason(error)}") from None
        for warning in warnings:
            say("warning", warning)
        if what := awaits.not_awaited(kind, manifest):
            say("status", f"not waiting for {what}: no kubelet and no kube-controller-manager run in the sandbox")
        try:
            live = awaits.until_ready(self._cluster, kind, live, awaits.timeout_s(manifest, limit_s))
        except TimeoutError as error:
            state = outputs(live, inputs, manager, version)
            raise NotReady(object_id(live), state, f"{_shown(kind, manifest)}: {error}") from None
        return object_id(live), outputs(live, inputs, manager, version)

    def _await_kind(self, kind: Kind) -> None:
        deadline = time.monotonic() + KIND_APPEARS_S
        while True:
            try:
                self._cluster.resource(kind)
                return
            except ApiError as error:
                if error.status != 404 or time.monotonic() > deadline:
                    raise Rejected(f"{kind.api_version} {kind.kind}: {error.message}") from None
            time.sleep(awaits.LONGEST_POLL_S / 4)

    def read(self, kind: Kind, identity: str, inputs: Manifest, state: Manifest) -> Read | None:
        """The object as it is; None when it is gone. Without state it is an import."""
        if self._cluster.state.schema_only:
            return Read(outputs=state, inputs=inputs) if state else None
        namespace, name = split_id(identity)
        try:
            resource = self._cluster.resource(kind)
        except ApiError as error:
            if error.status != 404:
                raise Rejected(f"{kind.kind} {identity}: {_reason(error)}") from None
            return None
        if resource.namespaced and namespace is None:
            namespace = self._cluster.state.namespace
        try:
            live = self._cluster.client().find(resource.path(namespace, name))
        except ApiError as error:
            raise Rejected(f"{kind.kind} {identity}: {_reason(error)}") from None
        if live is None:
            return None
        known = unsecret(inputs)
        found = inputs_from(known, live) if known else imported_inputs(live)
        manager = str(state.get(FIELD_MANAGER) or field_manager(live))
        version = str(state.get(INITIAL_VERSION) or kind.api_version)
        return Read(outputs=outputs(live, inputs, manager, version), inputs=keep_secret(found, inputs))

    def delete(self, kind: Kind, identity: str, state: Manifest, limit_s: float, say: Say) -> None:
        """Return once the object is gone; a patch only gives up its fields."""
        if state.get(NOT_EMULATED):
            return
        plain = unsecret(state)
        try:
            self._cluster.client()
        except Unreachable as error:
            if not self._cluster.settings.delete_unreachable:
                raise Rejected(
                    f"{kind.kind} {identity}: {error}; if the cluster is gone, set PULUMI_K8S_DELETE_UNREACHABLE=true "
                    "to drop its objects from state"
                ) from None
            say("warning", f"dropped from state only, since the cluster is unreachable: {error}")
            return
        try:
            self._deleted(kind, identity, plain, limit_s)
        except (ApiError, TimeoutError) as error:
            reason = _reason(error) if isinstance(error, ApiError) else str(error)
            raise Rejected(f"{kind.kind} {identity}: {reason}") from None

    def _deleted(self, kind: Kind, identity: str, state: Manifest, limit_s: float) -> None:
        namespace, name = split_id(identity)
        try:
            path = self._cluster.resource(kind).path(namespace, name)
        except ApiError as error:
            if error.status == 404:
                return  # the definition is gone, and all objects of the kind with it
            raise
        client = self._cluster.client()
        if kind.patch:
            bare = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {"name": name}}
            if client.find(path) is not None:
                client.apply(path, bare, str(state.get(FIELD_MANAGER) or validation.MANAGER))
            return
        chosen = (annotation(state, PROPAGATION) or "foreground").lower()
        if chosen not in POLICIES:
            raise Rejected(f"{kind.kind} {identity}: {PROPAGATION}: {chosen!r} is not one of {', '.join(POLICIES)}")
        options: Manifest = {"propagationPolicy": POLICIES[chosen]}
        uid = metadata(state).get("uid")
        if uid:
            # A namesake made since is somebody else's.
            options["preconditions"] = {"uid": uid}
        try:
            if not client.delete(path, options):
                return
        except ApiError as error:
            if error.status == 409 and uid:
                return
            raise
        manifest = {"metadata": {"name": name, "namespace": namespace, "uid": uid}}
        awaits.until_gone(self._cluster, kind, manifest, awaits.timeout_s(state, limit_s))


_MARKS = (FIELD_MANAGER, INITIAL_VERSION, NOT_EMULATED)

CLUSTER_SCOPED = frozenset(
    {
        "APIService",
        "CertificateSigningRequest",
        "ClusterRole",
        "ClusterRoleBinding",
        "CSIDriver",
        "CSINode",
        "CustomResourceDefinition",
        "FlowSchema",
        "IngressClass",
        "MutatingWebhookConfiguration",
        "Namespace",
        "Node",
        "PersistentVolume",
        "PriorityClass",
        "PriorityLevelConfiguration",
        "RuntimeClass",
        "StorageClass",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
        "VolumeAttachment",
    }
)


def _identity_failures(kind: Kind, inputs: Mapping[str, Any]) -> list[validation.Failure]:
    if is_list(kind, inputs):
        return [("kind", f"{kind.kind}: a list is not an object of the cluster; declare each of its items")]
    wrong = []
    for name, expected in (("apiVersion", kind.api_version), ("kind", kind.kind)):
        given = unsecret(inputs.get(name, expected))
        if given != expected and given is not UNKNOWN:
            wrong.append((name, f"{name}: {given!r} contradicts the resource type, which says {expected!r}"))
    found = unsecret(inputs.get("metadata", {}))
    if found is not UNKNOWN and not isinstance(found, dict):
        wrong.append(("metadata", f"metadata: has to be an object, not {found!r}"))
    return wrong


def _shown(kind: Kind, manifest: Manifest) -> str:
    return f"{kind.api_version} {kind.kind} {object_id(manifest)}"


def _reason(error: ApiError) -> str:
    if error.status == 409 and error.reason == "Conflict" and "conflict with" in error.message:
        return (
            f"{error.message}. Another manager owns these fields: set the annotation {PATCH_FORCE} to take them over, "
            "or remove them from the program"
        )
    described = [text for _, text in validation.described(error)]
    return f"{'; '.join(described)} ({error.reason or f'HTTP {error.status}'})"
