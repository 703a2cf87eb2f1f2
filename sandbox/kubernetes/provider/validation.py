"""Whether the API server would take a manifest: a dry run of server-side apply, in its own words.

Nothing is stored by a dry run, but admission runs: unknown fields, wrong types, missing and invalid values, Pod
Security and permissions are all found while previewing.
"""

import re
from collections.abc import Mapping
from typing import Any

from sandbox.aws.provider.codec import has_unknown, unsecret
from sandbox.kubernetes.client import Client
from sandbox.kubernetes.errors import ApiError
from sandbox.kubernetes.provider.cluster import Cluster
from sandbox.kubernetes.provider.manifests import Kind, prune

MANAGER = "pulumi-kubernetes-preview"

Failure = tuple[str, str]
"""(property, reason); the property is empty when the server names none."""

_IMMUTABLE = re.compile(
    r"immutable|may not (?:be )?change|cannot change|updates to .* are forbidden|is forbidden after creation"
)
_UNKNOWN_FIELD = re.compile(r"unknown field|field not declared in schema")
_TYPED = re.compile(r"^failed to create (?:manager for existing fields|typed patch object) ?\(.*?\): ", re.DOTALL)
_DECODING = re.compile(r"strict decoding error: (.*)", re.DOTALL)


def is_immutable(error: ApiError) -> bool:
    """Whether the server refuses only because a field of the existing object cannot change."""
    if error.status != 422:
        return False
    messages = [message for _, message in error.causes] or [error.message]
    return all(_IMMUTABLE.search(message) for message in messages)


def failures(cluster: Cluster, kind: Kind, inputs: Mapping[str, Any], warnings: list[str]) -> list[Failure]:
    """What the server says against the manifest; nothing when there is no server or it does not know the kind yet."""
    client = cluster.state.client
    if client is None:
        return []
    partial = has_unknown(inputs)
    manifest = prune(unsecret(inputs))
    try:
        resource = client.resource(kind.api_version, kind.kind)
    except ApiError as error:
        if error.status != 404:
            return [("", error.message)]
        # The definition may be created by the same program.
        warnings.append(f"{error.message}; the manifest is not validated before the kind exists")
        return []
    found = manifest.get("metadata") or {}
    if not isinstance(found.get("name"), str):
        manifest = {**manifest, "metadata": {**found, "name": "name-is-not-known-yet"}}
    namespace = manifest["metadata"].get("namespace")
    if resource.namespaced and not isinstance(namespace, str):
        namespace = "default"
        manifest["metadata"] = {**manifest["metadata"], "namespace": namespace}
    try:
        _dry_run(client, resource.path(namespace, manifest["metadata"]["name"]), manifest, warnings)
    except ApiError as error:
        if _is_missing_namespace(error, namespace):
            return _in_another_namespace(client, kind, manifest, partial=partial)
        return _relevant(error, partial=partial)
    return []


def _dry_run(client: Client, path: str, manifest: Mapping[str, Any], warnings: list[str]) -> None:
    client.apply(path, manifest, MANAGER, force=True, dry_run=True, warnings=warnings)


def _is_missing_namespace(error: ApiError, namespace: str | None) -> bool:
    return bool(namespace) and error.status == 404 and f'namespaces "{namespace}" not found' in error.message


def _in_another_namespace(client: Client, kind: Kind, manifest: dict[str, Any], *, partial: bool) -> list[Failure]:
    """The namespace will be created by the same program. What does not depend on it is checked in `default`; what does
    (quotas, Pod Security, permissions) is checked when the object is created."""
    moved = {**manifest, "metadata": {**manifest["metadata"], "namespace": "default"}}
    path = client.resource(kind.api_version, kind.kind).path("default", manifest["metadata"]["name"])
    try:
        _dry_run(client, path, moved, [])
    except ApiError as error:
        if error.status not in {400, 422, 500}:
            return []
        return _relevant(error, partial=partial)
    return []


def _relevant(error: ApiError, *, partial: bool) -> list[Failure]:
    if is_immutable(error):
        return []
    if partial and not _UNKNOWN_FIELD.search(error.message):
        # Fields may be missing or invalid only because their values are not known yet.
        return []
    return described(error)


def described(error: ApiError) -> list[Failure]:
    """The server's reason, one failure a field where it names fields."""
    causes = [(field, f"{field}: {message}") for field, message in error.causes if field and field != "<nil>"]
    if error.status == 422 and causes:
        return causes
    message = _TYPED.sub("", error.message)
    decoding = _DECODING.search(message)
    text = decoding.group(1) if decoding else message
    return [(_field(line), line) for line in re.split(r", (?=unknown field)|\n", text.strip()) if line.strip()]


def _field(line: str) -> str:
    quoted = re.match(r'unknown field "([^"]+)"', line) or re.match(r"\s*\.([\w.\[\]=\",-]+): ", line)
    return quoted.group(1) if quoted else ""
