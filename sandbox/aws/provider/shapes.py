"""Between the SDK's camelCase properties and botocore's shapes, nested, both ways.

Names are matched by their letters and digits alone (``kmsKeyId`` = ``KMSKeyId`` = ``KmsKeyId``), singular and plural
alike where the spelling differs only by a final ``s``. What AWS calls differently goes in ``renames`` (dotted
property path -> API member; ``""`` leaves it out). Blocks that the Pulumi bridge flattens (an object where AWS has a
list of one, or the other way round) are wrapped and unwrapped by looking at both types. Tags are a map in the SDK and
a map or a list of key/value pairs in AWS.
"""

import functools
import json
import re
import threading
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import botocore.session
from botocore.model import ServiceModel

from sandbox.aws.provider import schema
from sandbox.aws.provider.schema import Kind, Type

Renames = Mapping[str, str]

Shape = Any
"""A botocore shape; which members it has depends on its ``type_name``, which types cannot say."""

_models = threading.Lock()


@functools.cache
def session() -> botocore.session.Session:
    """The process's one botocore session: its loader keeps the parsed service descriptions."""
    return botocore.session.get_session()


def service_model(service: str) -> ServiceModel:
    """botocore's description of a service, loaded once."""
    with _models:
        return _service_model(service)


@functools.cache
def _service_model(service: str) -> ServiceModel:
    model: ServiceModel = session().get_service_model(service)
    return model


def request(
    service: str,
    operation: str,
    props: Mapping[str, Any],
    *,
    renames: Renames | None = None,
    only: Collection[str] | None = None,
    omit: Collection[str] = (),
    **extra: Any,
) -> dict[str, Any]:
    """Parameters for ``operation`` (``"CreateQueue"``) from the properties that it has members for.

    Properties without a member are left out, since they belong to other calls; ``only`` and ``omit`` choose among the
    rest. ``extra`` is added as it is and wins. None means absent.
    """
    shape = service_model(service).operation_model(operation).input_shape
    chosen = {name: value for name, value in props.items() if name not in omit and (only is None or name in only)}
    return {**(_structure(shape, chosen, renames or {}, "") if shape else {}), **extra}


def to_shape(service: str, shape: str, value: Any, *, renames: Renames | None = None, path: str = "") -> Any:
    """One value in the form of a named botocore shape, e.g. ``to_shape("wafv2", "Rules", props["rules"])``."""
    return _to_api(service_model(service).shape_for(shape), value, renames or {}, path)


def outputs(token: str, data: Mapping[str, Any], *, renames: Renames | None = None) -> dict[str, Any]:
    """A response's members as outputs of a resource type; members that the SDK does not have are dropped.

    ``renames`` has the same direction as in :func:`request`: property path -> API member.
    """
    found = schema.resource(token)
    if found is None:
        raise KeyError(f"{token} is not in the pulumi-aws SDK")
    return _object({name: prop.type for name, prop in found.outputs.items()}, data, renames or {}, "")


def canonical(name: str) -> str:
    """``KMSKeyId`` and ``kmsKeyId`` -> ``kmskeyid``."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _match(name: str, candidates: Mapping[str, str]) -> str | None:
    """Find a name among canonical candidates, tolerating a plural on either side."""
    wanted = canonical(name)
    for form in (
        wanted,
        wanted + "s",
        wanted.removesuffix("s"),
        re.sub("ies$", "y", wanted),
        wanted.removesuffix("es"),
    ):
        if form in candidates:
            return candidates[form]
    return None


def tag_list(tags: Mapping[str, str] | None, key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    """``{"a": "b"}`` -> ``[{"Key": "a", "Value": "b"}]``."""
    return [{key: name, value: text} for name, text in (tags or {}).items()]


def tag_map(tags: Any) -> dict[str, str]:
    """Tags as AWS returns them (map, or list of pairs in any spelling of key and value) as a map."""
    if isinstance(tags, Mapping):
        return {str(key): str(value) for key, value in tags.items()}
    found = {}
    for pair in tags or []:
        lowered = {name.lower().removeprefix("tag"): value for name, value in pair.items()}
        found[str(lowered["key"])] = str(lowered.get("value", ""))
    return found


# ---- properties -> API


@functools.lru_cache(maxsize=4096)
def _members(shape: Shape) -> Mapping[str, str]:
    return {canonical(member): member for member in shape.members}


def _structure(shape: Shape, props: Mapping[str, Any], renames: Renames, path: str) -> dict[str, Any]:
    found = {}
    for name, value in props.items():
        here = f"{path}.{name}" if path else name
        member = renames.get(here) if here in renames else _match(name, _members(shape))
        if value is None or not member:
            continue
        found[member] = _to_api(shape.members[member], value, renames, here)
    return found


def _to_api(shape: Shape, value: Any, renames: Renames, path: str) -> Any:
    kind = shape.type_name
    if kind == "structure":
        block = value[0] if isinstance(value, list) and value else value
        return _structure(shape, block or {}, renames, path) if isinstance(block or {}, Mapping) else block
    if kind == "list":
        return _to_list(shape, value, renames, path)
    if kind == "map" and isinstance(value, Mapping):
        return {key: _to_api(shape.value, item, renames, path) for key, item in value.items()}
    return _scalar(kind, value)


def _to_list(shape: Shape, value: Any, renames: Renames, path: str) -> list[Any]:
    if isinstance(value, Mapping):
        pair = _pair_names(shape.member)
        if pair and path.rpartition(".")[2] in ("tags", "tagsAll"):
            return tag_list(value, *pair)
        value = [value]
    items = value if isinstance(value, (list, tuple)) else [value]
    return [_to_api(shape.member, item, renames, path) for item in items]


def _pair_names(shape: Shape) -> tuple[str, str] | None:
    """(key, value) member names when a structure is a tag."""
    if shape.type_name != "structure":
        return None
    names = _members(shape)
    key = names.get("key") or names.get("tagkey")
    value = names.get("value") or names.get("tagvalue")
    return (key, value) if key and value else None


def _scalar(kind: str, value: Any) -> Any:
    if kind == "string" and isinstance(value, bool):
        return "true" if value else "false"
    if kind == "string" and isinstance(value, (Mapping, list)):
        return json.dumps(value)
    if kind == "string" and not isinstance(value, str):
        return f"{value:g}" if isinstance(value, float) else str(value)
    if kind in ("integer", "long"):
        return int(value)
    if kind in ("float", "double"):
        return float(value)
    if kind == "boolean" and isinstance(value, str):
        return value.lower() == "true"
    if kind == "blob" and isinstance(value, str):
        return value.encode()
    return value


# ---- API -> properties


def _object(types: Mapping[str, Type], data: Mapping[str, Any], renames: Renames, path: str) -> dict[str, Any]:
    names = {canonical(name): name for name in data}
    found = {}
    for name, wanted in types.items():
        here = f"{path}.{name}" if path else name
        member = renames.get(here) if here in renames else _match(name, names)
        if member and member in data:
            found[name] = from_api(wanted, data[member], renames or {}, here)
    return found


def from_api(wanted: Type, value: Any, renames: Renames, path: str) -> Any:
    """One response value in the form of an SDK output type."""
    if value is None:
        return None
    if wanted.kind is Kind.OBJECT:
        block = value[0] if isinstance(value, list) and value else value
        types = {name: prop.type for name, prop in wanted.properties().items()}
        return _object(types, block, renames, path) if isinstance(block, Mapping) else None
    if wanted.kind is Kind.LIST:
        items = value if isinstance(value, (list, tuple)) else [value]
        return [from_api(wanted.item or wanted, item, renames, path) for item in items]
    if wanted.kind is Kind.MAP:
        if isinstance(value, list):
            return tag_map(value)
        return {key: from_api(wanted.item or wanted, item, renames, path) for key, item in value.items()}
    return _plain(wanted.kind, value)


def _plain(kind: Kind, value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if kind is Kind.STRING and isinstance(value, bool):
        return "true" if value else "false"
    if kind is Kind.STRING and isinstance(value, (Mapping, list)):
        return json.dumps(value)
    if kind is Kind.STRING and not isinstance(value, str):
        return f"{value:g}" if isinstance(value, float) else str(value)
    if kind is Kind.INTEGER:
        return int(value)
    if kind is Kind.NUMBER:
        return float(value)
    if kind is Kind.BOOLEAN and isinstance(value, str):
        return value.lower() == "true"
    return value
