"""Declares the resources of a stack's state without any component: same types, names, inputs and dependencies.

The state (``pulumi stack export``, secrets masked) is the file named by ``BENCH_STATE``.
"""

import gc
import importlib
import json
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import pulumi

SECRET = "4dabf18193072939515e22adb298388d"
"""Key that marks a special value in a state, a secret for one (sdk/go/common/resource/sig)."""

READ_ONLY = ("pulumi:pulumi:StackReference", "pulumi:providers:pulumi")
"""What reads other stacks: the flat program has the values themselves."""

MINIMUM_LENGTH = 6
"""Shorter outputs ("1", "true") stand in inputs by chance, not as references."""


def resource_class(token: str) -> type[pulumi.CustomResource]:
    """`aws:ec2/vpc:Vpc` -> `pulumi_aws.ec2.Vpc`: what a person would have written."""
    package, module, name = token.split(":")
    found: type[pulumi.CustomResource] = getattr(
        importlib.import_module(f"pulumi_{package}.{module.partition('/')[0]}"), name
    )
    return found


@cache
def python_names(token: str) -> Mapping[str, str]:
    """Wire name in lower case -> attribute or argument: the SDK's generator only puts underscores between words."""
    return {name.replace("_", ""): name for name in dir(resource_class(token)) if not name.startswith("_")}


def strings(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], str]]:
    """Every string of a nested value with its path."""
    match value:
        case str():
            yield path, value
        case Mapping():
            for key, inner in value.items():
                yield from strings(inner, (*path, key))
        case list():
            for index, inner in enumerate(value):
                yield from strings(inner, (*path, index))


def value_at(value: Any, path: Sequence[Any]) -> Any:
    """The part of an output at `path`; the SDK's output types have keys of its own spelling."""
    for step in path:
        if isinstance(value, Mapping):
            step = next(key for key in value if key.replace("_", "").lower() == str(step).lower())
        value = value[step]
    return value


def replaced(value: Any, names: Mapping[str, str]) -> Any:
    """`value` with each string of `names` exchanged, the longest first: an ARN before the name in it."""
    match value:
        case str():
            for old in sorted(names, key=len, reverse=True):
                value = value.replace(old, names[old])
            return value
        case Mapping():
            return {key: replaced(inner, names) for key, inner in value.items()}
        case list():
            return [replaced(inner, names) for inner in value]
        case _:
            return value


def unsealed(value: Any) -> Any:
    """Inputs without what the engine adds; a secret becomes a new random one, since the state holds only its cipher."""
    match value:
        case Mapping() if SECRET in value:
            return pulumi.Output.secret(secrets.token_urlsafe(24))
        case Mapping():
            return {key: unsealed(inner) for key, inner in value.items() if not str(key).startswith("__")}
        case list():
            return [unsealed(inner) for inner in value]
        case _:
            return value


class Program:
    """Registers the resources of one state in its order, which is one in which they can be created."""

    def __init__(self, resources: Sequence[Mapping[str, Any]]) -> None:
        self.rows = {row["urn"]: row for row in resources if row.get("custom")}
        self.made: dict[str, pulumi.Resource] = {}

    def run(self) -> None:
        for urn, row in self.rows.items():
            name = urn.rpartition("::")[2]
            if row["type"] in READ_ONLY:
                continue
            if row["type"].startswith("pulumi:providers:"):
                package = row["type"].rpartition(":")[2]
                self.made[urn] = pulumi.ProviderResource(package, name, unsealed(row.get("inputs") or {}))
            else:
                self.made[urn] = self.resource(name, row)

    def resource(self, name: str, row: Mapping[str, Any]) -> pulumi.CustomResource:
        needed = row.get("propertyDependencies") or {}
        inputs = {
            python_names(row["type"])[key.lower()]: self.referring(
                unsealed(value), [urn for urn in needed.get(key) or [] if urn in self.made]
            )
            for key, value in row["inputs"].items()
            if not key.startswith("__")
        }
        provider = self.made.get(str(row.get("provider", "")).rpartition("::")[0])
        opts = pulumi.ResourceOptions(
            provider=provider if isinstance(provider, pulumi.ProviderResource) else None,
            depends_on=[self.made[other] for other in row.get("dependencies") or [] if other in self.made],
        )
        return resource_class(row["type"])(name, opts=opts, **inputs)

    def referring(self, value: Any, dependencies: Sequence[str]) -> Any:
        """`value` with what came from `dependencies` in the old stack taken from the new one."""
        found: dict[str, pulumi.Output[Any]] = {}
        written = [text for _path, text in strings(value)]
        for urn in dependencies:
            row, resource = self.rows[urn], self.made[urn]
            referring = row.get("propertyDependencies") or {}
            given = {key: value for key, value in row["inputs"].items() if not referring.get(key)}
            known = {text for _path, text in strings(given)}
            for path, text in strings({"id": row["id"], **row["outputs"]}):
                if len(text) < MINIMUM_LENGTH or text in known or text in found:
                    continue
                if any(text in other for other in written):
                    output = getattr(resource, python_names(row["type"])[path[0].lower()])
                    found[text] = output.apply(partial(value_at, path=path[1:]))
        if not found:
            return value
        return pulumi.Output.all(**found).apply(lambda names: replaced(value, names))


if __name__ == "__main__":
    gc.disable()  # as the cell's own program does
    state = json.loads(Path(os.environ["BENCH_STATE"]).read_text())
    Program(state["deployment"]["resources"]).run()
