"""Which shard holds an account: fixed virtual slots, assigned to shards by a declared history.

    slot  = slot_of(account_id)          0..4095, never changes for an account
    shard = map.shard_of(account_id)     an override, else the owner of the slot

The map is a pure function of what the configuration declares (how many equal shards at first, then each change in
order): the same configuration gives the same map, byte for byte, wherever and whenever it is computed. Adding a shard
moves slots to it and between no others: from N to N + 1 equal shards at most ceil(4096 / (N + 1)) slots move.

A map says where accounts *are*. Publishing one that moves slots before their rows were copied loses them:
``check_successor`` refuses that.

Only the standard library is used here: reference workloads read a published map with this module alone.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby
from types import MappingProxyType
from typing import Any

SLOTS = 4096
"""Virtual slots, for ever: an account's slot must not change. A power of two, so that equal shards can double; at 40
clusters, a region's default quota, a shard still has 102 slots to give away in steps of 1 %."""

SCHEMA = "payment-cell/shard-map/1"
STANDARD_PARAMETER_BYTES = 4096
"""Largest value of a standard SSM parameter (Systems Manager API reference, PutParameter)."""
ADVANCED_PARAMETER_BYTES = 8192
"""Largest value of an advanced SSM parameter."""

_ACCOUNT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}")
_SHARD_ID = re.compile(r"s[0-9]{2,3}")
_RANGE = re.compile(r"(\d{1,4})(?:-(\d{1,4}))?")


class ShardMapError(ValueError):
    """A map that cannot be used: the message names the value, the rule and the way out."""


class ShardState(StrEnum):
    """What a shard does. Only ``serving`` shards are given slots when shares are computed."""

    PROVISIONING = "provisioning"
    """Exists, holds no slot yet."""
    SERVING = "serving"
    """Holds slots, answers reads and writes."""
    READ_ONLY = "read-only"
    """Holds slots, refuses writes: during a switch or after a fault."""
    DRAINING = "draining"
    """Holds slots until they were copied elsewhere; gets no new ones."""
    RETIRED = "retired"
    """Holds no slot; kept in the map so that its id is not used again."""


EMPTY_STATES = frozenset({ShardState.PROVISIONING, ShardState.RETIRED})
"""States of a shard that holds no slot."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shard:
    """One shard as the map shows it."""

    id: str
    """``s00`` to ``s999``; never used twice in a cell."""
    weight: int = 1
    """Share of the slots, relative to the other serving shards."""
    state: ShardState = ShardState.SERVING

    def __post_init__(self) -> None:
        if not _SHARD_ID.fullmatch(self.id):
            raise ShardMapError(f"shard id {self.id!r}: use s00 to s999")
        if isinstance(self.weight, bool) or not isinstance(self.weight, int) or not 1 <= self.weight <= SLOTS:
            raise ShardMapError(f"{self.id}.weight: {self.weight!r} is outside 1..{SLOTS}")


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardMap:
    """A validated map: every slot has exactly one owner, and the owner may hold it."""

    version: int
    """Only grows: readers keep the highest they have seen, shards refuse requests stamped with an older one."""
    shards: tuple[Shard, ...]
    """In the order of their creation."""
    owners: tuple[str, ...] = field(repr=False)
    """Shard id of each slot, by slot number."""
    overrides: Mapping[str, str] = field(default_factory=dict)
    """account id -> shard id, for test, quarantined and heavy accounts; stronger than the slot."""
    at: str | None = None
    """ISO date of the change that made this version, as declared; None for a first map."""

    def __post_init__(self) -> None:
        _check(self)
        object.__setattr__(self, "overrides", MappingProxyType(dict(sorted(self.overrides.items()))))

    def shard_of(self, account_id: str) -> str:
        """The shard that holds the account. Raises ShardMapError where the id is malformed."""
        slot = slot_of(account_id)
        return self.overrides.get(account_id, self.owners[slot])

    def shard(self, shard_id: str) -> Shard:
        """The shard with this id. Raises ShardMapError where there is none."""
        for shard in self.shards:
            if shard.id == shard_id:
                return shard
        raise ShardMapError(f"shard {shard_id!r} is not in the map; it has {', '.join(s.id for s in self.shards)}")

    def slots_of(self, shard_id: str) -> tuple[int, ...]:
        """Slots of a shard, ascending."""
        return tuple(slot for slot, owner in enumerate(self.owners) if owner == shard_id)

    def ranges(self) -> Iterator[tuple[int, int, str]]:
        """(first slot, last slot, shard id), ascending; neighbours have different owners."""
        start = 0
        for owner, run in groupby(self.owners):
            length = sum(1 for _ in run)
            yield start, start + length - 1, owner
            start += length

    @property
    def checksum(self) -> str:
        """SHA-256 over the canonical JSON of everything else in the map."""
        return checksum(self._content())

    def to_json(self) -> str:
        """Canonical JSON, the same text for the same map: sorted keys, no blanks, ASCII."""
        return canonical({**self._content(), "checksum": self.checksum})

    def _content(self) -> dict[str, Any]:
        spans: dict[str, list[str]] = {shard.id: [] for shard in self.shards}
        for first, last, owner in self.ranges():
            spans[owner].append(str(first) if first == last else f"{first}-{last}")
        content: dict[str, Any] = {
            "schema": SCHEMA,
            "version": self.version,
            "slots": SLOTS,
            "shards": [
                {"id": s.id, "weight": s.weight, "state": s.state.value, "ranges": ",".join(spans[s.id])}
                for s in self.shards
            ],
            "overrides": dict(self.overrides),
        }
        return content if self.at is None else {**content, "at": self.at}


def slot_of(account_id: str) -> int:
    """Slot of an account: the first 12 bits of the SHA-256 of the id's bytes.

    Test vectors: ``acct_1`` -> 1144, ``acct_2`` -> 35, ``merchant:0001`` -> 1323.
    Raises ShardMapError where the id is not 1 to 64 of ``A-Z a-z 0-9 _ . : -``, beginning with a letter or digit: an id
    that two programs could write in two ways (blanks, Unicode forms) would have two slots.
    """
    if not isinstance(account_id, str) or not _ACCOUNT_ID.fullmatch(account_id):
        raise ShardMapError("account id: use 1 to 64 of A-Z a-z 0-9 _ . : -, beginning with a letter or digit")
    return int.from_bytes(hashlib.sha256(account_id.encode("ascii")).digest()[:2], "big") >> 4


def canonical(content: Mapping[str, Any]) -> str:
    """JSON with sorted keys, without blanks, in ASCII: the text that is hashed and published."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def checksum(content: Mapping[str, Any]) -> str:
    """``sha256:<hex>`` of the canonical JSON."""
    return "sha256:" + hashlib.sha256(canonical(content).encode("ascii")).hexdigest()


def parse(text: str) -> ShardMap:
    """A published map, checked whole. Raises ShardMapError with the first thing that is wrong."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ShardMapError(
            f"shard map: not JSON ({error}); read the parameter again or restore its last version"
        ) from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise ShardMapError(f"shard map: schema is not {SCHEMA!r}; a newer program wrote it, or it is something else")
    content = {key: value for key, value in document.items() if key != "checksum"}
    try:
        found = checksum(content)
    except ValueError as error:
        raise ShardMapError(f"shard map: {error}") from error
    if document.get("checksum") != found:
        raise ShardMapError("shard map: the checksum does not fit the content; restore the parameter's last version")
    try:
        return _from_document(content)
    except (KeyError, TypeError, AttributeError) as error:
        raise ShardMapError(
            f"shard map: {type(error).__name__} at {error}; the document lacks what its schema needs"
        ) from error


def _from_document(content: Mapping[str, Any]) -> ShardMap:
    unknown = set(content) - {"schema", "version", "slots", "shards", "overrides", "at"}
    if unknown:
        raise ShardMapError(f"shard map: unknown keys {', '.join(sorted(unknown))}")
    if content["slots"] != SLOTS:
        raise ShardMapError(f"shard map: {content['slots']} slots; this program knows {SLOTS} only")
    owners: list[str | None] = [None] * SLOTS
    for entry in content["shards"]:
        for first, last in _spans(entry["id"], entry["ranges"]):
            for slot in range(first, last + 1):
                if owners[slot] is not None:
                    raise ShardMapError(f"shard map: slot {slot} belongs to {owners[slot]} and {entry['id']}")
                owners[slot] = entry["id"]
    missing = [slot for slot, owner in enumerate(owners) if owner is None]
    if missing:
        raise ShardMapError(f"shard map: {len(missing)} slots without a shard, the first is {missing[0]}")
    return ShardMap(
        version=content["version"],
        shards=tuple(Shard(id=s["id"], weight=s["weight"], state=_state(s["state"])) for s in content["shards"]),
        owners=tuple(owner for owner in owners if owner is not None),
        overrides=content["overrides"],
        at=content.get("at"),
    )


def _spans(shard_id: str, text: str) -> Iterator[tuple[int, int]]:
    for part in text.split(",") if text else ():
        match = _RANGE.fullmatch(part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, -1)
        if not 0 <= first <= last < SLOTS:
            raise ShardMapError(f"shard map: {shard_id} has the range {part!r}; use first-last within 0..{SLOTS - 1}")
        yield first, last


def _state(word: str) -> ShardState:
    try:
        return ShardState(word)
    except ValueError:
        raise ShardMapError(f"shard map: state {word!r} is not one of {', '.join(ShardState)}") from None


def _check(shard_map: ShardMap) -> None:
    """Raises ShardMapError where the map breaks a rule that all maps keep."""
    if isinstance(shard_map.version, bool) or not isinstance(shard_map.version, int) or shard_map.version < 1:
        raise ShardMapError(f"shard map: version {shard_map.version!r} is not a whole number from 1")
    by_id = {shard.id: shard for shard in shard_map.shards}
    if len(by_id) != len(shard_map.shards):
        raise ShardMapError("shard map: a shard id appears twice")
    if len(shard_map.owners) != SLOTS:
        raise ShardMapError(f"shard map: {len(shard_map.owners)} slots have a shard; all {SLOTS} need one")
    for owner in dict.fromkeys(shard_map.owners):
        if owner not in by_id:
            raise ShardMapError(f"shard map: slots belong to {owner!r}, which is not a shard of the map")
        if by_id[owner].state in EMPTY_STATES:
            raise ShardMapError(f"shard map: {owner} is {by_id[owner].state} and holds slots")
    if not isinstance(shard_map.overrides, Mapping):
        raise ShardMapError("shard map: overrides is not a mapping of account id to shard id")
    for account_id, shard_id in shard_map.overrides.items():
        slot_of(account_id)
        if shard_id not in by_id:
            raise ShardMapError(f"overrides.{account_id}: {shard_id!r} is not a shard; use {', '.join(by_id)}")
        if by_id[shard_id].state in EMPTY_STATES:
            raise ShardMapError(f"overrides.{account_id}: {shard_id} is {by_id[shard_id].state}; use a serving shard")
