"""Events of payments: one envelope, one chain an account, schemas with rules for their successors.

    event = seal(account="acct_1234", sequence=1, previous=GENESIS, type="payment.succeeded", schema="payment/1", ...)
    parse(event.to_json())                       an Envelope again, or EventError naming what is broken
    verify_chain(events)                         heads of the accounts, or EventError naming the gap
    validate(event, Registry.load())             its data is what its schema says

The hash is over the canonical JSON of everything else, so over ciphertext where a field is personal: a chain stays
whole when a subject's key is gone (`contracts/personal.py`). Delivery is at least once: readers drop an id they have
seen before they call `verify_chain`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from contracts.identifiers import ACCOUNT, is_id, new_id
from contracts.shard_map import canonical, checksum

API_VERSION = "2026-11-01"
GENESIS = "genesis"
"""`previous` of an account's first event."""

SCHEMAS = Path(__file__).parent / "schemas"

_HASH = re.compile(r"sha256:[0-9a-f]{64}")
_TYPE = re.compile(r"[a-z]+(_[a-z]+)*\.[a-z]+(_[a-z]+)*")
_SCHEMA = re.compile(r"[a-z]+(-[a-z]+)*/[1-9]\d{0,3}")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z")


class EventError(ValueError):
    """An event, or a chain of them, that cannot be used: the message names the event, the field and the rule."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Envelope:
    """One event as it is stored, streamed and archived. Made by `seal` or `parse`, which check it."""

    id: str
    """`evt_<ulid>`: what readers remember to drop a second delivery."""
    account: str
    sequence: int
    """From 1 for each account, without gaps."""
    type: str
    """`payment.succeeded`."""
    api_version: str
    schema: str
    """`<name>/<version>` of `data`."""
    time: str
    """RFC 3339 in UTC with milliseconds."""
    region: str
    cell: str
    shard: str
    previous: str
    """Hash of the account's event before, or `GENESIS`."""
    data: Mapping[str, Any]
    hash: str

    def to_json(self) -> str:
        """Canonical JSON: the same text for the same event, wherever it is written."""
        return canonical({name: getattr(self, name) for name in FIELDS})


FIELDS: Final = tuple(field.name for field in fields(Envelope))


def now() -> str:
    """The time of an event that happens now."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seal(
    *,
    account: str,
    sequence: int,
    previous: str,
    type: str,  # noqa: A002  # the word on the wire
    schema: str,
    region: str,
    cell: str,
    shard: str,
    data: Mapping[str, Any],
    id: str | None = None,  # noqa: A002
    time: str | None = None,
    api_version: str = API_VERSION,
) -> Envelope:
    """A new event with its hash. Raises EventError where a value breaks a rule of the envelope."""
    content: dict[str, Any] = {
        "id": new_id("evt") if id is None else id,
        "account": account,
        "sequence": sequence,
        "type": type,
        "api_version": api_version,
        "schema": schema,
        "time": now() if time is None else time,
        "region": region,
        "cell": cell,
        "shard": shard,
        "previous": previous,
        "data": data,
    }
    _check(content)
    return Envelope(**content, hash=_hash(content))


def parse(text: str | bytes) -> Envelope:
    """An event from its JSON, checked whole, hash included. Raises EventError with the first thing that is wrong."""
    try:
        content = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise EventError(f"event: not JSON ({type(error).__name__})") from error
    if not isinstance(content, dict):
        raise EventError("event: not a JSON object")
    if missing := [name for name in FIELDS if name not in content]:
        raise EventError(f"event: {missing[0]} is missing")
    if unknown := sorted(set(content) - set(FIELDS)):
        raise EventError(f"event: {len(unknown)} unknown fields beside those of the envelope")
    found = content.pop("hash")
    _check(content)
    if found != _hash(content):
        raise EventError(f"event {content['id']}: hash does not fit the content; it was changed after it was sealed")
    return Envelope(**content, hash=found)


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is no JSON")


def _hash(content: Mapping[str, Any]) -> str:
    try:
        return checksum(content)
    except (TypeError, ValueError, RecursionError) as error:
        raise EventError(f"event {content['id']}: data is no JSON ({type(error).__name__})") from error


def _check(content: Mapping[str, Any]) -> None:
    if not is_id(content["id"], "evt"):
        raise EventError("event: id is not evt_ and a ULID in lower case")
    at = f"event {content['id']}"
    forms = {"account": ACCOUNT, "type": _TYPE, "schema": _SCHEMA, "time": _TIME}
    for name, form in forms.items():
        if not isinstance(content[name], str) or not form.fullmatch(content[name]):
            raise EventError(f"{at}: {name} is not {form.pattern}")
    for name in ("api_version", "region", "cell", "shard"):
        if not isinstance(content[name], str) or not content[name]:
            raise EventError(f"{at}: {name} is not a text")
    sequence, previous = content["sequence"], content["previous"]
    if isinstance(sequence, bool) or not isinstance(sequence, int) or sequence < 1:
        raise EventError(f"{at}: sequence is not a whole number from 1")
    first = previous == GENESIS
    if not first and not (isinstance(previous, str) and _HASH.fullmatch(previous)):
        raise EventError(f"{at}: previous is neither {GENESIS} nor sha256:<64 hex digits>")
    if first != (sequence == 1):
        raise EventError(f"{at}: sequence {sequence} with previous {'genesis' if first else 'hash'}; only 1 begins")
    if not isinstance(content["data"], Mapping):
        raise EventError(f"{at}: data is not an object")


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """The last event of an account's chain."""

    sequence: int = 0
    hash: str = GENESIS


def verify_chain(events: Iterable[Envelope], heads: Mapping[str, Head] | None = None) -> dict[str, Head]:
    """Follows the chain of every account in `events`, in the order given for each, and returns where each ends.

    `heads`: where they ended before; an account that is not in it begins at 1. Raises EventError at the first event
    that is repeated, missing, out of order or linked to another than its predecessor.
    """
    found = dict(heads or {})
    for event in events:
        head = found.get(event.account, Head())
        at = f"event {event.id} of {event.account}"
        if event.sequence != head.sequence + 1:
            raise EventError(f"{at}: sequence {event.sequence} follows {head.sequence}")
        if event.previous != head.hash:
            raise EventError(f"{at}: previous is not the hash of sequence {head.sequence}")
        found[event.account] = Head(sequence=event.sequence, hash=event.hash)
    return found


KINDS: Final[Mapping[str, type | tuple[type, ...]]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "object": Mapping,
    "array": (list, tuple),
    "null": type(None),
}
"""`type` of JSON Schema -> Python types."""

WORDS: Final = frozenset(
    {"type", "enum", "properties", "required", "additionalProperties", "items", "maxLength", "personal", "description"}
)
"""What a schema may say: words of JSON Schema, and `personal`: true where only ciphertext may stand."""

_ENCRYPTED: Final = frozenset({"subject", "purpose", "key", "nonce", "ciphertext"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Schema:
    """One version of what events of some types carry in `data`."""

    name: str
    version: int
    types: tuple[str, ...]
    data: Mapping[str, Any]

    @property
    def id(self) -> str:
        return f"{self.name}/{self.version}"


class Registry:
    """The known schemas, each version a file `<name>-<version>.json`."""

    def __init__(self, schemas: Iterable[Schema]) -> None:
        """Raises EventError where two schemas share a type or id, or a version breaks the rules of a successor."""
        self.schemas = {schema.id: schema for schema in sorted(schemas, key=lambda s: (s.name, s.version))}
        owner: dict[str, str] = {}
        for schema in self.schemas.values():
            _check_schema(schema.data, schema.id)
            for event_type in schema.types:
                if owner.setdefault(event_type, schema.name) != schema.name:
                    raise EventError(f"schema {schema.id}: type {event_type} belongs to {owner[event_type]}")
            if schema.version > 1:
                if (before := self.schemas.get(f"{schema.name}/{schema.version - 1}")) is None:
                    raise EventError(
                        f"schema {schema.id}: the version before it is missing; versions are never removed"
                    )
                self.check_successor(before, schema)

    @classmethod
    def load(cls, folder: Path = SCHEMAS) -> Registry:
        """All schemas of a folder."""
        return cls([_schema(file) for file in sorted(folder.glob("*.json"))])

    @staticmethod
    def check_successor(old: Schema, new: Schema) -> None:
        """Raises EventError unless readers of either version can read events of the other.

        A successor may add optional properties and event types. It may not remove, rename or retype a property, change
        what is required, change an enum (an old reader knows no new word, a new one meets the old in the archive), or
        make a personal field clear. Whatever needs more is a schema with another name.
        """
        if missing := sorted(set(old.types) - set(new.types)):
            raise EventError(f"schema {new.id}: type {missing[0]} of {old.id} is missing")
        _compare(old.data, new.data, f"schema {new.id}: data")


def _schema(file: Path) -> Schema:
    try:
        content = json.loads(file.read_text())
        found = Schema(
            name=content["name"], version=content["version"], types=tuple(content["types"]), data=content["data"]
        )
    except (ValueError, KeyError, TypeError) as error:
        raise EventError(f"schema {file.name}: {type(error).__name__} at {error}") from error
    if file.stem != f"{found.name}-{found.version}":
        raise EventError(f"schema {file.name}: it is {found.id}; name the file {found.name}-{found.version}.json")
    return found


def _check_schema(schema: Mapping[str, Any], at: str) -> None:
    if unknown := sorted(set(schema) - WORDS):
        raise EventError(f"schema {at}: {unknown[0]} is unknown; use {', '.join(sorted(WORDS))}")
    if schema.get("personal"):
        return
    if not _typed(schema):
        raise EventError(f"schema {at}: type {schema.get('type')!r} is unknown; use {', '.join(KINDS)}")
    properties = schema.get("properties", {})
    if stray := sorted(set(schema.get("required", ())) - set(properties)):
        raise EventError(f"schema {at}: {stray[0]} is required and not described")
    for name, inner in properties.items():
        _check_schema(inner, f"{at}.{name}")
    if "items" in schema:
        _check_schema(schema["items"], f"{at}[]")


def _typed(schema: Mapping[str, Any]) -> bool:
    """Whether `type` is a kind, or a kind and null."""
    kinds = schema.get("type")
    if isinstance(kinds, list):
        return len(kinds) == 2 and kinds[1] == "null" and kinds[0] in KINDS
    return isinstance(kinds, str) and kinds in KINDS


def _compare(old: Mapping[str, Any], new: Mapping[str, Any], at: str) -> None:
    for word in sorted(WORDS - {"properties", "items", "description"}):
        before, after = old.get(word), new.get(word)
        if (sorted(before) if isinstance(before, list) else before) != (
            sorted(after) if isinstance(after, list) else after
        ):
            raise EventError(f"{at}: {word} differs from the version before; readers of either would fail")
    known: Mapping[str, Any] = new.get("properties", {})
    for name, inner in old.get("properties", {}).items():
        if name not in known:
            raise EventError(f"{at}.{name}: removed; old events and old readers have it")
        _compare(inner, known[name], f"{at}.{name}")
    if "items" in old or "items" in new:
        _compare(old.get("items", {}), new.get("items", {}), f"{at}[]")


def validate(event: Envelope, registry: Registry) -> None:
    """Raises EventError where the registry does not know the event's schema or type, or its data does not fit.

    Properties that a schema does not describe are refused: a reader that meets them has an older registry, or somebody
    wrote what nobody agreed on. Both wait in quarantine.
    """
    schema = registry.schemas.get(event.schema)
    if schema is None:
        raise EventError(f"event {event.id}: schema {event.schema} is unknown")
    if event.type not in schema.types:
        raise EventError(f"event {event.id}: type {event.type} is not one of schema {event.schema}")
    _fits(event.data, schema.data, f"event {event.id}: data")


def _fits(value: Any, schema: Mapping[str, Any], at: str) -> None:
    if schema.get("personal"):
        _encrypted(value, at)
        return
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if not any(_is(value, kind) for kind in kinds):
        raise EventError(f"{at}: not of type {' or '.join(kinds)}")
    if "enum" in schema and value not in schema["enum"]:
        raise EventError(f"{at}: not one of {', '.join(map(str, schema['enum']))}")
    if isinstance(value, str) and len(value) > schema.get("maxLength", len(value)):
        raise EventError(f"{at}: longer than {schema['maxLength']} characters")
    if isinstance(value, Mapping):
        _properties(value, schema, at)
    if isinstance(value, list | tuple) and "items" in schema:
        for number, item in enumerate(value):
            _fits(item, schema["items"], f"{at}[{number}]")


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, KINDS[kind])


def _properties(value: Mapping[str, Any], schema: Mapping[str, Any], at: str) -> None:
    properties = schema.get("properties", {})
    if missing := [name for name in schema.get("required", ()) if name not in value]:
        raise EventError(f"{at}.{missing[0]}: missing")
    if set(value) - set(properties) and not schema.get("additionalProperties"):
        raise EventError(f"{at}: has properties that {', '.join(properties) or 'nothing'} does not name")
    for name, inner in properties.items():
        if name in value:
            _fits(value[name], inner, f"{at}.{name}")


def _encrypted(value: Any, at: str) -> None:
    """A personal field is ciphertext or null; in clear it must not travel."""
    if value is None:
        return
    inner = value.get("$enc") if isinstance(value, Mapping) and len(value) == 1 else None
    if (
        not isinstance(inner, Mapping)
        or set(inner) != _ENCRYPTED
        or not all(isinstance(v, str) for v in inner.values())
    ):
        raise EventError(f"{at}: personal, and not encrypted (contracts/personal.py)")
