"""Pulumi resources as Kubernetes manifests: type tokens, ids, names, annotations, secrets."""

import base64
import binascii
import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.aws.provider.codec import UNKNOWN, Secret

Manifest = dict[str, Any]

AUTONAMED = "pulumi.com/autonamed"
SKIP_AWAIT = "pulumi.com/skipAwait"
WAIT_FOR = "pulumi.com/waitFor"
TIMEOUT = "pulumi.com/timeoutSeconds"
PATCH_FORCE = "pulumi.com/patchForce"
PATCH_MANAGER = "pulumi.com/patchFieldManager"
PROPAGATION = "pulumi.com/deletionPropagationPolicy"
REPLACE_UNREADY = "pulumi.com/replaceUnready"

FIELD_MANAGER = "__fieldManager"
INITIAL_VERSION = "__initialApiVersion"
NOT_EMULATED = "__notEmulated"
"""Marks in state, next to the object's own fields. The first two are the official plugin's."""

MARKS = frozenset({FIELD_MANAGER, INITIAL_VERSION, NOT_EMULATED, "__inputs"})

_SUFFIX = string.ascii_lowercase + string.digits


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """What a type token says. `patch`: the resource owns some fields of an object, not the object."""

    api_version: str
    kind: str
    patch: bool = False

    @property
    def group(self) -> str:
        return self.api_version.rpartition("/")[0]


def kind_of(token: str, declared: Any = None) -> Kind:
    """From a token such as kubernetes:apps/v1:Deployment. `declared`: the `kind` among the inputs, which tells
    kubernetes:core/v1:ConfigMapPatch from a custom resource that is called so."""
    _, module, kind = token.split(":", 2)
    api_version = module.removeprefix("core/")
    patch = kind.endswith("Patch") and declared != kind
    return Kind(api_version=api_version, kind=kind.removesuffix("Patch") if patch else kind, patch=patch)


def is_list(kind: Kind, inputs: Mapping[str, Any]) -> bool:
    return kind.kind.endswith("List") and "items" in inputs


def metadata(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata; empty when it is missing or not known yet."""
    found = manifest.get("metadata")
    return found if isinstance(found, dict) else {}


def annotation(manifest: Mapping[str, Any], name: str) -> str | None:
    annotations = metadata(manifest).get("annotations")
    value = annotations.get(name) if isinstance(annotations, dict) else None
    return value if isinstance(value, str) else None


def is_true(manifest: Mapping[str, Any], name: str) -> bool:
    return (annotation(manifest, name) or "").lower() == "true"


def autonamed(manifest: Mapping[str, Any]) -> bool:
    return is_true(manifest, AUTONAMED)


def object_id(manifest: Mapping[str, Any]) -> str:
    """`namespace/name`, or `name` of what has no namespace."""
    found = metadata(manifest)
    namespace = found.get("namespace")
    return f"{namespace}/{found['name']}" if namespace else str(found["name"])


def split_id(identity: str) -> tuple[str | None, str]:
    """(namespace, name) of an id."""
    namespace, _, name = identity.rpartition("/")
    return namespace or None, name


def random_name(base: str) -> str:
    """`base`-<8 hex>, as the official plugin names."""
    return f"{base}-{secrets.token_hex(4)}"


def generated_name(prefix: str) -> str:
    """A name for metadata.generateName, as the API server would make it."""
    return prefix + "".join(secrets.choice(_SUFFIX) for _ in range(5))


def field_manager(manifest: Mapping[str, Any]) -> str:
    """The chosen field manager, or one of this resource's own, so that two resources never undo each other."""
    return annotation(manifest, PATCH_MANAGER) or f"pulumi-kubernetes-{secrets.token_hex(4)}"


def prune(value: Any) -> Any:
    """The value without nulls, and without what is not known yet (lists lose such items)."""
    if isinstance(value, Mapping):
        kept = {key: prune(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item is not None and item is not UNKNOWN}
    if isinstance(value, list):
        return [item for item in map(prune, value) if item is not None and item is not UNKNOWN]
    return value


def without_nulls(value: Any) -> Any:
    """The value without nulls in objects, which SDKs send for what is not set; unknowns and secrets stay."""
    if isinstance(value, Secret):
        return Secret(without_nulls(value.value))
    if isinstance(value, Mapping):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value


def outputs(live: Mapping[str, Any], inputs: Mapping[str, Any], manager: str, initial_version: str) -> Manifest:
    """What goes into state: the object as the server holds it, secret where the inputs are, and the marks."""
    found = {**live, "metadata": {k: v for k, v in live["metadata"].items() if k != "managedFields"}}
    return {**keep_secret(found, inputs), FIELD_MANAGER: manager, INITIAL_VERSION: initial_version}


def keep_secret(value: Manifest, like: Mapping[str, Any]) -> Manifest:
    """`value` with everything secret that is secret in `like`; the content of a Secret always is."""
    marked: Manifest = _like(value, like)
    if value.get("kind") == "Secret":
        for name in ("data", "stringData"):
            if name in marked and not isinstance(marked[name], Secret):
                marked[name] = Secret(value[name])
    return marked


def _like(value: Any, like: Any) -> Any:
    if isinstance(like, Secret):
        return Secret(value)
    if isinstance(value, dict) and isinstance(like, Mapping):
        return {key: _like(item, like.get(key)) for key, item in value.items()}
    if isinstance(value, list) and isinstance(like, list):
        padded = [*like, *[None] * len(value)]
        return [_like(item, padded[index]) for index, item in enumerate(value)]
    return value


def inputs_from(wanted: Any, live: Any) -> Any:
    """The live object reduced to the fields that `wanted` speaks of: what a program would have to say to get it."""
    if isinstance(wanted, Mapping) and isinstance(live, Mapping):
        reduced = {key: inputs_from(value, live[key]) for key, value in wanted.items() if key in live}
        if isinstance(wanted.get("stringData"), Mapping):
            reduced["stringData"] = _string_data(wanted["stringData"], live.get("data") or {})
        return reduced
    if isinstance(wanted, list) and isinstance(live, list):
        return [inputs_from(_twin(item, index, wanted), item) for index, item in enumerate(live)]
    return live


def _twin(item: Any, index: int, wanted: list[Any]) -> Any:
    """The element of `wanted` that stands for `item`: by name in lists that are keyed so, else by position."""
    if isinstance(item, dict) and "name" in item:
        return next((w for w in wanted if isinstance(w, Mapping) and w.get("name") == item["name"]), None)
    return wanted[index] if index < len(wanted) else None


def _string_data(wanted: Mapping[str, Any], data: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for key in wanted:
        if key in data:
            try:
                found[key] = base64.b64decode(data[key]).decode()
            except (binascii.Error, UnicodeDecodeError):
                found[key] = data[key]
    return found


def imported_inputs(live: Mapping[str, Any]) -> Manifest:
    """The object as a program would declare it: without status and what only the server writes."""
    server_written = {"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink"}
    return {
        **{key: value for key, value in live.items() if key != "status"},
        "metadata": {key: value for key, value in live["metadata"].items() if key not in server_written},
    }
