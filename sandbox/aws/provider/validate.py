"""Arguments against the SDK's types: unknown names, wrong types and missing values, each with the path where it is."""

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.aws.provider.codec import UNKNOWN, Secret
from sandbox.aws.provider.schema import Kind, Property, Type

INTERNAL = frozenset({"__defaults", "__internal", "version", "pluginDownloadURL"})
"""Names that engine or bridge add."""

HIDDEN = re.compile(r"(?<=got )(boolean|number) .*")


@dataclass(frozen=True, slots=True)
class Problem:
    """One refused argument: ``path`` as a program writes it (``vpcConfig.subnetIds[0]``), ``reason`` a sentence."""

    path: str
    reason: str


def problems(types: Mapping[str, Property], values: Mapping[str, Any], path: str = "") -> list[Problem]:
    """Everything wrong with the arguments of one resource or block."""
    return list(_block(types, values, path))


def _block(types: Mapping[str, Property], values: Mapping[str, Any], path: str) -> Iterator[Problem]:
    for name, value in values.items():
        here = f"{path}.{name}" if path else name
        if name in types:
            yield from _value(types[name].type, value, here)
        elif name not in INTERNAL:
            yield Problem(here, f"unknown argument{_nearest(name, types)}")
    for name, prop in types.items():
        if prop.required and values.get(name) is None:
            yield Problem(f"{path}.{name}" if path else name, "required argument is missing")


def _nearest(name: str, types: Mapping[str, Property]) -> str:
    close = difflib.get_close_matches(name, types, 1, 0.6)
    return f"; did you mean {close[0]}?" if close else f"; the SDK knows {', '.join(sorted(types))}"


def _value(wanted: Type, value: Any, path: str) -> Iterator[Problem]:
    if isinstance(value, Secret):
        # Only where it is wrong may be said, never what it is.
        yield from (Problem(found.path, HIDDEN.sub(r"\1", found.reason)) for found in _value(wanted, value.value, path))
        return
    if value is None or value is UNKNOWN or wanted.kind in (Kind.ANY, Kind.ENUM):
        return
    if wanted.kind is Kind.LIST:
        yield from _list(wanted, value, path)
    elif wanted.kind is Kind.MAP:
        yield from _map(wanted, value, path)
    elif wanted.kind is Kind.OBJECT or (wanted.kind is Kind.DOCUMENT and isinstance(value, Mapping)):
        yield from _object(wanted, value, path)
    elif not _fits(wanted.kind, value):
        yield Problem(path, f"expected {wanted.kind}, got {_describe(value)}")


def _list(wanted: Type, value: Any, path: str) -> Iterator[Problem]:
    if not isinstance(value, list):
        yield Problem(path, f"expected a list, got {_describe(value)}")
        return
    for index, item in enumerate(value):
        if wanted.item:
            yield from _value(wanted.item, item, f"{path}[{index}]")


def _map(wanted: Type, value: Any, path: str) -> Iterator[Problem]:
    if not isinstance(value, Mapping):
        yield Problem(path, f"expected a map, got {_describe(value)}")
        return
    for key, item in value.items():
        if wanted.item:
            yield from _value(wanted.item, item, f"{path}[{key!r}]")


def _object(wanted: Type, value: Any, path: str) -> Iterator[Problem]:
    if not isinstance(value, Mapping):
        yield Problem(path, f"expected an object, got {_describe(value)}")
        return
    yield from _block(wanted.properties(), value, path)


def _fits(kind: Kind, value: Any) -> bool:
    if kind is Kind.BOOLEAN:
        return isinstance(value, bool)
    if kind is Kind.INTEGER:
        return isinstance(value, int) and not isinstance(value, bool)
    if kind is Kind.NUMBER:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, str)


def _describe(value: Any) -> str:
    """A value in an error: its type, and itself when it is short."""
    names = {bool: "boolean", int: "number", float: "number", str: "string", list: "list", dict: "object"}
    kind = names.get(type(value), type(value).__name__)
    return f"{kind} {value!r}" if isinstance(value, (bool, int, float)) else kind
