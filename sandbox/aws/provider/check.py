"""Check: a program's arguments become the inputs of a resource: validated, named, with defaults and tags."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.aws.provider.codec import UNKNOWN, Secret, has_unknown, keep_secret, unsecret
from sandbox.aws.provider.config import ProviderConfig
from sandbox.aws.provider.model import Autoname, ResourceType
from sandbox.aws.provider.schema import Kind, ResourceSchema
from sandbox.aws.provider.validate import Problem, problems

DEFAULTS = "__defaults"
"""Input that lists what was filled in here; the official plugin writes the same one, and the engine hides it."""

RANDOM_DIGITS = 7
"""Hex digits after an autoname, as in the official plugin."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Naming:
    """What the engine says about autonames: the seed of the random part, and ``pulumi:autonaming`` of the stack."""

    seed: bytes = b""
    proposed: str = ""
    mode: str = "PROPOSE"


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """Inputs to use, or what is wrong with them."""

    inputs: Mapping[str, Any]
    problems: list[Problem] = field(default_factory=list)


def check(
    *,
    types: ResourceSchema,
    entry: ResourceType | None,
    name: str,
    news: Mapping[str, Any],
    olds: Mapping[str, Any],
    config: ProviderConfig,
    naming: Naming,
) -> Checked:
    """The checked inputs of one resource; ``olds`` are its last inputs, empty when it is new."""
    inputs = {prop: _document(types, prop, value) for prop, value in news.items() if value is not None}
    found = problems(types.inputs, inputs)
    filled: dict[str, Any] = {}
    if entry:
        filled = _defaults(entry, inputs)
        if entry.autoname and inputs.get(entry.autoname.prop) is None:
            named = _autoname(entry.autoname, name, {**filled, **inputs}, olds, naming)
            found += [named] if isinstance(named, Problem) else []
            filled |= {} if isinstance(named, Problem) else {entry.autoname.prop: named}
        # A required argument that has a default (S3's bucket name) is not missing.
        found = [problem for problem in found if problem.path not in filled]
    inputs |= filled
    if "tagsAll" in types.outputs:
        inputs |= _tags(inputs, config)
    if filled:
        inputs[DEFAULTS] = sorted(filled)
    return Checked(inputs=keep_secret(inputs, secret_inputs(types)), problems=found)


def write_only(types: ResourceSchema) -> frozenset[str]:
    """Arguments that are sent to AWS and never come back: ``passwordWo`` with its ``passwordWoVersion``."""
    return frozenset(name for name in types.inputs if name.endswith("Wo") and f"{name}Version" in types.inputs)


def secret_inputs(types: ResourceSchema) -> frozenset[str]:
    """Arguments that are secret whether or not the program marks them."""
    return write_only(types) | types.secrets


def _document(types: ResourceSchema, prop: str, value: Any) -> Any:
    """Policies given as objects travel as JSON text, as the official plugin sends them."""
    known = types.inputs.get(prop)
    if known is None or known.type.kind is not Kind.DOCUMENT or not isinstance(unsecret(value), Mapping):
        return value
    if has_unknown(value):
        return UNKNOWN
    text = json.dumps(unsecret(value))
    return Secret(text) if isinstance(value, Secret) else text


def _defaults(entry: ResourceType, inputs: Mapping[str, Any]) -> dict[str, Any]:
    plain = unsecret(inputs)
    filled: dict[str, Any] = {}
    for prop, default in entry.defaults.items():
        if plain.get(prop) is None:
            value = default(plain) if callable(default) else default
            filled |= {} if value is None else {prop: value}
    return filled


def _autoname(
    how: Autoname, name: str, inputs: Mapping[str, Any], olds: Mapping[str, Any], naming: Naming
) -> str | Problem | Any:
    prefix = unsecret(inputs.get(f"{how.prop}Prefix"))
    if how.prop in olds.get(DEFAULTS, []) and olds.get(f"{how.prop}Prefix") == inputs.get(f"{how.prop}Prefix"):
        return olds[how.prop]
    if prefix is UNKNOWN:
        return UNKNOWN
    if naming.mode == "DISABLE" and not prefix:
        return Problem(how.prop, "required because automatic naming is disabled (pulumi:autonaming)")
    suffix = how.suffix(unsecret(inputs))
    if naming.proposed and not prefix:
        return how.transform(naming.proposed) + suffix
    digits = hashlib.sha256(naming.seed or os.urandom(16)).hexdigest()[:RANDOM_DIGITS]
    stem = prefix or how.transform(name) + "-"
    return stem[: how.max_length - len(digits) - len(suffix)] + digits + suffix


def _tags(inputs: Mapping[str, Any], config: ProviderConfig) -> dict[str, Any]:
    """``tags`` merged with the default ones, as the official plugin stores them; nothing when there are none."""
    given = inputs.get("tags")
    if isinstance(given, Secret):
        return {"tags": Secret(config.tags_for(given.value))} if isinstance(given.value, Mapping) else {}
    if given is not None and not isinstance(given, Mapping):
        return {}
    merged = config.tags_for(given)
    return {"tags": merged} if merged else {}
