"""Reads stack files: models, line numbers, and every mistake at once.

    load_stack_file(Path("stacks/Pulumi.eu-west-1.yaml")).settings    the model of its kind (stacks/kinds.py)
    parse_settings("cell", {...})                                     the same from what Pulumi's engine passed on

Both raise ``ConfigError``, which has each problem with file, line, key, value, rule and fix. Nothing here calls AWS.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

import catalogue
from components.vocabulary import Environment
from contracts.shard_plan import ChangeKind
from stacks.kinds import KINDS, AnySettings
from stacks.model_base import Settings
from stacks.models import (
    AccountSettings,
    CellSettings,
    ConsumerSettings,
    EndpointSettings,
    NodeSettings,
    RetentionSettings,
    ShardSettings,
    WorkloadsSettings,
)
from stacks.problems import ConfigError, Problem, listed, nearest
from stacks.source import Path_, Source, read_source
from stacks.values import PATTERN_RULES

__all__ = [
    "AccountSettings",
    "CellSettings",
    "ConfigError",
    "ConsumerSettings",
    "EndpointSettings",
    "NodeSettings",
    "Problem",
    "RetentionSettings",
    "Settings",
    "ShardSettings",
    "StackFile",
    "WorkloadsSettings",
    "load_stack_file",
    "parse_settings",
    "stack_name",
    "validated",
]

NAMESPACE = "payment-cell"
"""Pulumi project, and namespace of its config keys."""

PULUMI_KEYS = frozenset({"config", "secretsprovider", "encryptionsalt", "encryptedkey"})
"""Top-level keys that Pulumi itself writes into a stack file."""

_Model = TypeVar("_Model", bound=Settings)
_STACK_FILE = re.compile(r"Pulumi\.([a-z][a-z0-9-]{0,39})\.yaml")
_OWN_MESSAGE = re.compile(r"(?:(?P<key>[a-zA-Z][\w.\[\]-]*): )?(?P<rule>.*?) -> (?P<fix>.*)", re.DOTALL)


@dataclass(frozen=True, kw_only=True, slots=True)
class StackFile:
    """A stack file that is valid by itself."""

    name: str
    kind: str
    """A key of ``stacks.kinds.KINDS``."""
    settings: AnySettings
    source: Source

    def problem(self, key: str, rule: str, fix: str, *, nearest: str | None = None) -> Problem:
        """A problem with one of the settings; ``key`` is dotted and as in the file (``shards.count``)."""
        place = ("config", f"{NAMESPACE}:{self.kind}", *key.split("."))
        return self.source.problem(place, rule, fix, nearest=nearest)


def stack_name(path: Path) -> str:
    """``Pulumi.eu-west-1.yaml`` -> ``eu-west-1``. Raises ConfigError where the file is not named like that."""
    match = _STACK_FILE.fullmatch(path.name)
    if match:
        return match[1]
    rule = "is not named Pulumi.<stack>.yaml with a stack name of a-z, 0-9 and -, at most 40 long"
    raise ConfigError([Problem(file=str(path), line=None, key="", value="", rule=rule, fix="rename the file")])


def load_stack_file(path: Path) -> StackFile:
    """One stack file. Raises ConfigError with everything that is wrong in it."""
    name = stack_name(path)
    source, problems = read_source(path)
    kind, found = _kind(source)
    problems += found
    if kind is None:
        raise ConfigError(problems)
    place: Path_ = ("config", f"{NAMESPACE}:{kind}")
    settings, found = validated(KINDS[kind], source, place)
    problems += found
    stack = None if settings is None else StackFile(name=name, kind=kind, settings=settings, source=source)
    if stack is None or problems:
        error = ConfigError(_without_repeats(problems))
        error.partial = stack
        raise error
    return stack


def parse_settings(kind: str, data: Mapping[str, Any], file: str = "config") -> Settings:
    """Settings from an object, for example Pulumi's own config of the running stack. Raises ConfigError."""
    place: Path_ = (f"{NAMESPACE}:{kind}",)
    settings, problems = validated(KINDS[kind], Source(path=Path(file), data={place[0]: dict(data)}, lines={}), place)
    if settings is None or problems:
        raise ConfigError(problems)
    return settings


def _without_repeats(problems: list[Problem]) -> list[Problem]:
    """A line that holds a secret is reported as that only."""
    secret = {(p.file, p.line) for p in problems if "in plain text" in p.rule}
    return [p for p in problems if (p.file, p.line) not in secret or "in plain text" in p.rule]


def _kind(source: Source) -> tuple[str | None, list[Problem]]:
    """The stack's kind, and what is wrong around it."""
    config = source.data.get("config") if isinstance(source.data, dict) else None
    if not isinstance(config, dict):
        fix = f"add config: with one of {listed([f'{NAMESPACE}:{kind}' for kind in KINDS])}"
        return None, [source.problem((), "has no config", fix)]
    problems = [
        source.problem((key,), "is not a key of a Pulumi stack file", "remove it", nearest=nearest(key, PULUMI_KEYS))
        for key in source.data
        if key not in PULUMI_KEYS
    ]
    known = {f"{NAMESPACE}:{kind}": kind for kind in KINDS}
    for key in config:
        if key not in known and not key.startswith("pulumi:"):
            fix = f"use one of {listed(list(known))}"
            problems.append(
                source.problem(("config", key), "is not a key of this project", fix, nearest=nearest(key, known))
            )
    kinds = [known[key] for key in config if key in known]
    if len(kinds) > 1:
        rule = f"is the second kind in this file, which is {kinds[0]} already"
        problems.append(
            source.problem(("config", f"{NAMESPACE}:{kinds[1]}"), rule, "move it to a stack file of its own")
        )
    if not kinds:
        problems.append(source.problem(("config",), "names no stack kind", f"add one of {listed(list(known))}"))
    return (kinds[0] if kinds else None), problems


def validated(model: type[_Model], source: Source, place: Path_) -> tuple[_Model | None, list[Problem]]:
    """Settings without what is wrong, if anything valid is left, and all problems.

    What is wrong is taken out and the rest checked again, so that one mistake hides no other.
    """
    data = source.at(place)
    if not isinstance(data, dict):
        return None, [source.problem(place, "is not a mapping", "write its settings below it, indented")]
    problems: dict[tuple[Path_, str], Problem] = {}
    removed: set[Path_] = set()
    while True:
        try:
            settings = model.model_validate(_copy(data, (), removed))
        except ValidationError as error:
            before = len(removed)
            for detail in error.errors():
                key, rule, fix = _explained(detail, source, place)
                if detail["type"] in ("missing", "too_short") and any(gone[: len(key)] == key for gone in removed):
                    continue
                near = _nearest(model, detail, key, source.at((*place, *key)))
                problem = source.problem((*place, *key), rule, fix, nearest=near)
                problems.setdefault((key, rule), problem)
                removed.add(key)
            if len(removed) == before:
                return None, list(problems.values())
        else:
            return settings, list(problems.values())


def _copy(value: Any, here: Path_, removed: set[Path_]) -> Any:
    """The value without the places in ``removed``."""
    if isinstance(value, dict):
        return {k: _copy(v, (*here, k), removed) for k, v in value.items() if (*here, k) not in removed}
    if isinstance(value, list):
        return [_copy(v, (*here, i), removed) for i, v in enumerate(value) if (*here, i) not in removed]
    return value


def _explained(detail: ErrorDetails, source: Source, place: Path_) -> tuple[Path_, str, str]:
    """Place below the kind's key, rule and fix of one of pydantic's errors."""
    key = _place_in_file(detail["loc"], source, place)
    message = detail["msg"].removeprefix("Value error, ")
    own = _OWN_MESSAGE.fullmatch(message)
    if detail["type"] == "value_error" and own:
        below = re.findall(r"[^.\[\]]+", own["key"] or "")
        return (*key, *(int(part) if part.isdigit() else part for part in below)), own["rule"], own["fix"]
    context = detail.get("ctx", {})
    match detail["type"]:
        case "extra_forbidden":
            return key, "is not a setting", "remove it or correct its name"
        case "missing":
            return key, "is missing", "add it"
        case "string_pattern_mismatch":
            return key, *PATTERN_RULES.get(context["pattern"], (f"does not match {context['pattern']}", "correct it"))
        case "enum" | "literal_error":
            return key, f"is not {str(context['expected']).replace(chr(39), '')}", "use one of these words"
        case "greater_than_equal" | "greater_than":
            least = context["ge"] if "ge" in context else context["gt"] + 1
            return key, f"is less than {least:,}", f"use {least:,} or more"
        case "less_than_equal":
            return key, f"is more than {context['le']:,}", f"use {context['le']:,} or less"
        case _:
            return key, message[:1].lower() + message[1:], "correct the value"


def _place_in_file(loc: tuple[int | str, ...], source: Source, place: Path_) -> Path_:
    """Pydantic's location without the steps that are not in the file (names of validators, ``[key]``)."""
    key: Path_ = ()
    for number, part in enumerate(loc):
        parent = source.at((*place, *key))
        last = number == len(loc) - 1
        if (isinstance(parent, dict) and (part in parent or (last and part != "[key]"))) or isinstance(parent, list):
            key = (*key, part)
    return key


def _nearest(model: type[Settings], detail: ErrorDetails, key: Path_, value: Any) -> str | None:
    """The valid choice closest to what stands in the file."""
    last = str(key[-1]) if key else ""
    if detail["type"] == "extra_forbidden":
        return nearest(last, _names(model, key[:-1]))
    if len(key) > 1 and key[0] == "quotas":
        return nearest(last, catalogue.quotas())
    found = nearest(str(value), _choices(last))
    return found if found != str(value) else None


def _names(annotation: Any, place: Path_) -> list[str]:
    """Names of the settings at a place below a model, or below a container of models."""
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        fields = {field.alias or name: field for name, field in annotation.model_fields.items()}
        if not place:
            return list(fields)
        return _names(fields[str(place[0])].annotation, place[1:]) if place[0] in fields else []
    parts = get_args(annotation)
    if get_origin(annotation) in (dict, tuple):
        value = parts[1] if get_origin(annotation) is dict else parts[0]
        return _names(value, place[1:]) if place else []
    return next((names for part in parts if (names := _names(part, place))), [])


def _choices(setting: str) -> list[str]:
    """Valid words of a setting that takes one of a list."""
    match setting:
        case "region" | "recoveryRegion" | "homeRegion":
            return list(catalogue.regions())
        case "jurisdiction":
            return list(catalogue.jurisdictions().jurisdictions)
        case "environment":
            return [environment.value for environment in Environment]
        case "instanceClass":
            return list(catalogue.instances().databases.types)
        case "rail":
            return list(catalogue.rails())
        case "kind":
            return [kind.value for kind in ChangeKind]
        case "guardrails":
            return ["create", "adopt"]
        case "kubernetes" | "addons" | "nodes":
            return list(catalogue.versions().kubernetes.versions)
        case "aurora":
            return list(catalogue.versions().aurora_postgresql.versions)
        case _ if setting.isdigit():
            return list(catalogue.instances().nodes.types)
        case _:
            return []
