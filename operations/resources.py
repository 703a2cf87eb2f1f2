"""The resource graph of a stack: what it declares and what waits for what, from its state or from a planned update."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from operations.events import COMPONENT_TYPE_PREFIX

ENGINE_TYPE_PREFIX = "pulumi:"
"""Stacks, providers and stack references: the engine's own, nothing that a cloud holds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Resource:
    """One resource, with what its program said that it waits for."""

    urn: str
    type: str
    name: str
    parent: str = ""
    """URN; "" for none."""
    custom: bool = True
    """False: a component or the stack. It is there at once and only groups others."""
    dependencies: frozenset[str] = frozenset()
    """URNs from `depends_on`, from inputs, and of the provider."""

    @property
    def cloud(self) -> bool:
        """Whether a cloud or a cluster holds it."""
        return self.custom and not self.type.startswith(ENGINE_TYPE_PREFIX)

    @property
    def short_type(self) -> str:
        """As `short_type` has it."""
        return short_type(self.type)


def short_type(type_: str) -> str:
    """``aws:eks/cluster:Cluster`` -> ``eks.Cluster``; of Kubernetes the kind alone."""
    provider, _, rest = type_.partition(":")
    kind = rest.rpartition(":")[2]
    return kind if provider == "kubernetes" else f"{rest.partition('/')[0]}.{kind}"


def from_state(rows: Iterable[Mapping[str, Any]]) -> list[Resource]:
    """Resources of ``pulumi stack export``; what waits for its deletion is left out."""
    return [_resource(row["urn"], row) for row in rows if not row.get("delete")]


def from_plan(plan: Mapping[str, Any]) -> list[Resource]:
    """Resources of ``pulumi preview --save-plan``; what the update would delete is left out."""
    rows = plan["resourcePlans"].items()
    return [_resource(urn, row["goal"]) for urn, row in rows if row.get("goal")]


def waits_for(resources: Sequence[Resource]) -> dict[str, frozenset[str]]:
    """URN of each resource that is no component -> those that have to be there before it.

    As the engine does it: to depend on a component is to depend on all that it holds, to be a component's child is to
    wait for what the component depends on. A child does not wait for its own component. What is not in ``resources``
    (another stack's) is there already.
    """
    known = {resource.urn: resource for resource in resources}
    held = _held(known)
    waits = {}
    for resource in resources:
        if not resource.custom:
            continue
        line = _ancestors(resource, known)
        wanted = {urn for one in (resource, *line) if one is resource or not one.custom for urn in one.dependencies}
        wanted |= {one.urn for one in line[:1] if one.custom}
        own = {one.urn for one in line if not one.custom} | {resource.urn}
        waits[resource.urn] = frozenset(
            leaf for urn in wanted - own if urn in known for leaf in held[urn] if leaf != resource.urn
        )
    return waits


def component_of(resource: Resource, known: Mapping[str, Resource]) -> str:
    """Name of the innermost component of this package that holds a resource; ``Stack`` for none."""
    for one in _ancestors(resource, known):
        if one.type.startswith(COMPONENT_TYPE_PREFIX):
            return one.type.removeprefix(COMPONENT_TYPE_PREFIX)
    return "Stack"


def _ancestors(resource: Resource, known: Mapping[str, Resource]) -> list[Resource]:
    """Parent, its parent and so on, as far as they are known."""
    line: list[Resource] = []
    while (parent := known.get(resource.parent)) is not None:
        line.append(parent)
        resource = parent
    return line


def _held(known: Mapping[str, Resource]) -> dict[str, set[str]]:
    """URN -> what is there once it is: a component's resources at any depth; any other resource is itself."""
    held: dict[str, set[str]] = {urn: {urn} if resource.custom else set() for urn, resource in known.items()}
    for urn, resource in known.items():
        if resource.custom:
            for ancestor in _ancestors(resource, known):
                if not ancestor.custom:
                    held[ancestor.urn].add(urn)
    return held


def _resource(urn: str, row: Mapping[str, Any]) -> Resource:
    dependencies = set(row.get("dependencies") or ())
    for urns in (row.get("propertyDependencies") or {}).values():
        dependencies.update(urns or ())
    if provider := row.get("provider"):
        # "<urn>::<id>"
        dependencies.add(provider.rpartition("::")[0])
    return Resource(
        urn=urn,
        type=row["type"],
        name=urn.rpartition("::")[2],
        parent=row.get("parent") or "",
        custom=bool(row.get("custom")),
        dependencies=frozenset(dependencies),
    )
