"""Diff: which inputs changed, by meaning, and whether the change replaces the resource."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sandbox.aws.provider.check import DEFAULTS, write_only
from sandbox.aws.provider.compare import covers, is_empty, same
from sandbox.aws.provider.model import ResourceType
from sandbox.aws.provider.schema import ResourceSchema


class Change(StrEnum):
    """Kinds of Pulumi's ``PropertyDiff``."""

    ADD = "ADD"
    DELETE = "DELETE"
    UPDATE = "UPDATE"


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """Changed paths with their kind; ``replaces`` are the paths that cannot be changed in place."""

    changes: Mapping[str, Change]
    replaces: frozenset[str] = frozenset()
    delete_first: bool = False


def diff(
    *,
    types: ResourceSchema,
    entry: ResourceType | None,
    outputs: Mapping[str, Any],
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    region: str,
) -> Difference:
    """Compare the last inputs (``old``) with the new ones; ``outputs`` is the last state, ``region`` the provider's."""
    changes: dict[str, Change] = {}
    for name in changed_names(types=types, entry=entry, outputs=outputs, old=old, new=new):
        changes |= dict(_leaves(name, old.get(name, outputs.get(name)), new.get(name))) or {name: Change.UPDATE}
    replaces = {path for path in changes if entry and _forces_new(entry, path)}
    wanted = new.get("region") or region
    if outputs.get("region") and "region" in types.outputs and wanted and wanted != outputs["region"]:
        changes["region"] = Change.UPDATE
        replaces.add("region")
    return Difference(
        changes=changes, replaces=frozenset(replaces), delete_first=bool(replaces) and _delete_first(entry, old, new)
    )


def changed_names(
    *,
    types: ResourceSchema,
    entry: ResourceType | None,
    outputs: Mapping[str, Any],
    old: Mapping[str, Any],
    new: Mapping[str, Any],
) -> list[str]:
    """Top-level inputs that differ in meaning, in order."""
    skip = {DEFAULTS, "region"} | write_only(types)
    return [
        name
        for name in sorted({*old, *new} - skip)
        if name in types.inputs and not _unchanged(name, types, entry, outputs, old, new)
    ]


def _unchanged(
    name: str,
    types: ResourceSchema,
    entry: ResourceType | None,
    outputs: Mapping[str, Any],
    old: Mapping[str, Any],
    new: Mapping[str, Any],
) -> bool:
    after = new.get(name)
    ordered = entry.ordered if entry else frozenset()
    if after is None and name in types.outputs and types.outputs[name].required and name != "tags":
        return True  # AWS decides the value when the program does not; what it is now stays.
    if name not in old and name in outputs:
        # Newly written in the program: no change when AWS has it so already.
        before = outputs[name]
        return _equal(entry, name, before, after) or covers(
            after, before, ordered=ordered, path=name, kind=types.inputs[name].type
        )
    before = old.get(name)
    return _equal(entry, name, before, after) or same(before, after, ordered=ordered, path=name)


def _equal(entry: ResourceType | None, name: str, before: Any, after: Any) -> bool:
    own = entry.equal.get(name) if entry else None
    return bool(own and before is not None and after is not None and own(before, after))


def _leaves(path: str, before: Any, after: Any) -> Iterator[tuple[str, Change]]:
    """The deepest paths that differ, in Pulumi's path syntax."""
    if same(before, after):
        # Only the order differs, in a list whose order counts.
        if not isinstance(before, list):
            return
        yield path, Change.UPDATE
    elif isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted({*before, *after}):
            if not same(before.get(key), after.get(key)):
                yield from _leaves(_member(path, key), before.get(key), after.get(key))
    elif isinstance(before, list) and isinstance(after, list):
        for index in range(max(len(before), len(after))):
            pair = before[index : index + 1], after[index : index + 1]
            if not same(*pair):
                yield from _leaves(f"{path}[{index}]", pair[0][0] if pair[0] else None, pair[1][0] if pair[1] else None)
    else:
        yield path, Change.ADD if is_absent(before) else Change.DELETE if is_absent(after) else Change.UPDATE


def is_absent(value: Any) -> bool:
    """No value, or an empty collection."""
    return value is None or (is_empty(value) and isinstance(value, (list, Mapping)))


def _member(path: str, key: str) -> str:
    return f"{path}.{key}" if re.fullmatch(r"[A-Za-z_]\w*", key) else f'{path}["{key}"]'


def _forces_new(entry: ResourceType, path: str) -> bool:
    top = re.split(r"[.\[]", path, maxsplit=1)[0]
    if top == "tags" and top not in entry.force_new:
        return False
    if entry.update is None:
        return True
    plain = re.sub(r"\[[^\]]*\]", "", path)
    parts = plain.split(".")
    inside = any(".".join(parts[: length + 1]) in entry.force_new for length in range(len(parts)))
    # A whole block that comes or goes replaces when one of its members would.
    return inside or any(member.startswith(f"{plain}.") for member in entry.force_new)


def _delete_first(entry: ResourceType | None, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Two resources cannot share a name that the program chose."""
    if entry is None:
        return False
    if entry.delete_before_replace or entry.autoname is None:
        return entry.delete_before_replace
    name = entry.autoname.prop
    return name not in new.get(DEFAULTS, []) and old.get(name) == new.get(name)
