"""Pulumi's property values on the wire: Struct <-> plain Python, keeping secrets and unknowns.

Decoded values are plain Python except :class:`Secret`, wrapped around what is secret, and :data:`UNKNOWN`, a value
that a preview does not know yet. Output values become those two; assets, archives and resource references stay the
objects they are on the wire. Whole numbers become ``int``.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf import struct_pb2

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
RESOURCE = "5cf8f73096256a8f31e491e813e4eb8e"
"""Signatures of special objects (Pulumi's ``sdk/go/common/resource/sig``)."""

UNKNOWN_WIRE = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
UNKNOWNS = frozenset(
    {
        UNKNOWN_WIRE,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)
"""Sentinels for unknown strings, booleans, numbers, arrays, assets, archives and objects
(``sdk/go/common/resource/plugin``).
"""


class Unknown:
    """The type of :data:`UNKNOWN`."""

    _only: "Unknown | None" = None

    def __new__(cls) -> "Unknown":
        cls._only = cls._only or super().__new__(cls)
        return cls._only

    def __repr__(self) -> str:
        return "UNKNOWN"

    def __bool__(self) -> bool:
        return True


UNKNOWN = Unknown()


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that the engine encrypts in state and never shows."""

    value: Any

    def __repr__(self) -> str:
        return "Secret(...)"


def decode(struct: struct_pb2.Struct) -> dict[str, Any]:
    """A Struct as a dict of values (see the module)."""
    return {name: decode_value(value) for name, value in struct.fields.items()}


def decode_value(value: struct_pb2.Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        return UNKNOWN if value.string_value in UNKNOWNS else value.string_value
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    if kind == "bool_value":
        return value.bool_value
    if kind == "list_value":
        return [decode_value(item) for item in value.list_value.values]
    if kind == "struct_value":
        return _special(decode(value.struct_value))
    return None


def _special(fields: dict[str, Any]) -> Any:
    signature = fields.get(SIGNATURE)
    if signature == SECRET:
        return Secret(unsecret(fields.get("value")))
    if signature == OUTPUT:
        value = fields.get("value", UNKNOWN)
        return Secret(unsecret(value)) if fields.get("secret") else value
    if signature == RESOURCE:
        return fields.get("id") or fields.get("urn")
    return fields


def encode(values: Mapping[str, Any]) -> struct_pb2.Struct:
    """A dict of values as a Struct; the inverse of :func:`decode`."""
    return struct_pb2.Struct(fields={name: encode_value(value) for name, value in values.items()})


def encode_value(value: Any) -> struct_pb2.Value:
    if value is None:
        return struct_pb2.Value(null_value=struct_pb2.NULL_VALUE)
    if value is UNKNOWN:
        return struct_pb2.Value(string_value=UNKNOWN_WIRE)
    if isinstance(value, Secret):
        return encode_value({SIGNATURE: SECRET, "value": value.value})
    if isinstance(value, bool):
        return struct_pb2.Value(bool_value=value)
    if isinstance(value, (int, float)):
        return struct_pb2.Value(number_value=value)
    if isinstance(value, str):
        return struct_pb2.Value(string_value=value)
    if isinstance(value, Mapping):
        return struct_pb2.Value(struct_value=encode({str(name): item for name, item in value.items()}))
    if isinstance(value, Iterable):
        return struct_pb2.Value(list_value=struct_pb2.ListValue(values=[encode_value(item) for item in value]))
    raise TypeError(f"a {type(value).__name__} cannot be sent to the engine")


def unsecret(value: Any) -> Any:
    """The value without any :class:`Secret` around or inside it."""
    if isinstance(value, Secret):
        return unsecret(value.value)
    if isinstance(value, Mapping):
        return {name: unsecret(item) for name, item in value.items()}
    if isinstance(value, list):
        return [unsecret(item) for item in value]
    return value


def has_secret(value: Any) -> bool:
    """Whether the value is or holds a secret."""
    return isinstance(value, Secret) or any(has_secret(item) for item in _items(value))


def has_unknown(value: Any) -> bool:
    """Whether the value is or holds an unknown."""
    if isinstance(value, Secret):
        return has_unknown(value.value)
    return value is UNKNOWN or any(has_unknown(item) for item in _items(value))


def secret_names(values: Mapping[str, Any]) -> frozenset[str]:
    """Top-level properties that are or hold a secret."""
    return frozenset(name for name, value in values.items() if has_secret(value))


def keep_secret(values: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """The values with the named ones marked secret."""
    wanted = frozenset(names)
    return {
        name: Secret(value) if name in wanted and value is not None and not isinstance(value, Secret) else value
        for name, value in values.items()
    }


def _items(value: Any) -> Iterable[Any]:
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, list) else ()
