"""Boxes and arrows of a resource graph: by component, by type or by resource, and the same as Mermaid.

An arrow points from what is there first to what waits for it. An arrow that others imply is left out, so that a picture
stays readable; `waits_on` of `by_component` has them all.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from operations.events import COMPONENT_TYPE_PREFIX
from operations.resources import Resource, component_of, waits_for


@dataclass(frozen=True, kw_only=True, slots=True)
class Box:
    """A box: a title, lines below it, and the frame that it stands in."""

    key: str
    title: str
    lines: tuple[str, ...] = ()
    frame: str = ""
    """Title of the frame; "" for none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """Boxes in a stable order, and arrows between their keys."""

    boxes: tuple[Box, ...]
    arrows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ComponentRow:
    """One kind of component in a graph."""

    component: str
    instances: int
    types: Mapping[str, int]
    """Short type -> resources."""
    waits_on: tuple[str, ...]
    """Components whose resources its own wait for, all of them."""

    @property
    def resources(self) -> int:
        """Resources that are its own, without those of components in it."""
        return sum(self.types.values())

    @property
    def title(self) -> str:
        """``Shard ×8``"""
        return _titled(self.component, self.instances)


def by_component(resources: Sequence[Resource]) -> list[ComponentRow]:
    """A row a component that has resources of its own; a resource belongs to the innermost one."""
    owner = _owners(resources)
    types: dict[str, Counter[str]] = defaultdict(Counter)
    for resource in resources:
        if resource.cloud:
            types[owner[resource.urn]][resource.short_type] += 1
    before: dict[str, set[str]] = defaultdict(set)
    for first, then in _arrows(resources, lambda resource: owner[resource.urn]):
        before[then].add(first)
    instances = _instances(resources)
    return [
        ComponentRow(
            component=name,
            instances=instances.get(name, 1),
            types=dict(sorted(types[name].items())),
            waits_on=tuple(sorted(before[name])),
        )
        for name in sorted(types)
    ]


def component_picture(rows: Sequence[ComponentRow]) -> Picture:
    """One box a component, with its resources by type."""
    boxes = [
        Box(key=row.component, title=row.title, lines=tuple(_titled(kind, count) for kind, count in row.types.items()))
        for row in rows
    ]
    return Picture(
        boxes=tuple(boxes), arrows=_reduced((first, row.component) for row in rows for first in row.waits_on)
    )


def type_picture(resources: Sequence[Resource]) -> Picture:
    """One box a type within each component, framed by it."""
    owner, instances = _owners(resources), _instances(resources)

    def key(resource: Resource) -> str:
        return f"{owner[resource.urn]} {resource.short_type}"

    counts = Counter(key(resource) for resource in resources if resource.cloud)
    frames = {key(resource): owner[resource.urn] for resource in resources if resource.cloud}
    boxes = [
        Box(
            key=one,
            title=_titled(one.partition(" ")[2], counts[one]),
            frame=_titled(frames[one], instances.get(frames[one], 1)),
        )
        for one in sorted(counts)
    ]
    return Picture(boxes=tuple(boxes), arrows=_reduced(_arrows(resources, key)))


def resource_picture(resources: Sequence[Resource]) -> Picture:
    """One box a resource, framed by its component."""
    owner = _owners(resources)
    cloud = sorted((one for one in resources if one.cloud), key=lambda one: (owner[one.urn], one.type, one.name))
    boxes = [Box(key=one.urn, title=one.short_type, lines=(one.name,), frame=owner[one.urn]) for one in cloud]
    return Picture(boxes=tuple(boxes), arrows=_reduced(_arrows(resources, lambda resource: resource.urn)))


def mermaid(picture: Picture) -> str:
    """A Mermaid flowchart. Ids are numbers in the order of the boxes, so that names need no escaping."""
    ids = {box.key: f"n{number}" for number, box in enumerate(picture.boxes)}
    frames: dict[str, list[Box]] = defaultdict(list)
    for box in picture.boxes:
        frames[box.frame].append(box)
    lines = ["flowchart LR"]
    for number, (frame, boxes) in enumerate(sorted(frames.items())):
        nodes = [f'{ids[box.key]}["{_label(box)}"]' for box in boxes]
        if frame:
            lines += [f'  subgraph f{number}["{_escaped(frame)}"]', *(f"    {node}" for node in nodes), "  end"]
        else:
            lines += [f"  {node}" for node in nodes]
    lines += [f"  {ids[first]} --> {ids[then]}" for first, then in picture.arrows]
    return "\n".join(lines) + "\n"


def _label(box: Box) -> str:
    title = f"<b>{_escaped(box.title)}</b>" if box.lines else _escaped(box.title)
    return "<br/>".join([title, *map(_escaped, box.lines)])


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")


def _titled(name: str, count: int) -> str:
    return name if count == 1 else f"{name} ×{count}"


def _owners(resources: Sequence[Resource]) -> dict[str, str]:
    known = {resource.urn: resource for resource in resources}
    return {resource.urn: component_of(resource, known) for resource in resources}


def _instances(resources: Iterable[Resource]) -> Counter[str]:
    return Counter(
        resource.type.removeprefix(COMPONENT_TYPE_PREFIX)
        for resource in resources
        if resource.type.startswith(COMPONENT_TYPE_PREFIX)
    )


def _arrows(resources: Sequence[Resource], key: Callable[[Resource], str]) -> set[tuple[str, str]]:
    """(what is first, what waits), by the key of a box; nothing within a box."""
    known = {resource.urn: resource for resource in resources}
    found = set()
    for urn, before in waits_for(resources).items():
        for first in before:
            if known[urn].cloud and known[first].cloud and key(known[first]) != key(known[urn]):
                found.add((key(known[first]), key(known[urn])))
    return found


def _reduced(arrows: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Without the arrows that a longer way implies; arrows of a circle stay, because they imply each other."""
    after: dict[str, set[str]] = defaultdict(set)
    for first, then in arrows:
        after[first].add(then)
    reach = {key: _reachable(after, key) for key in {*after, *(then for of in after.values() for then in of)}}

    def implied(start: str, goal: str) -> bool:
        between = (one for one in after[start] if goal in reach[one] and one not in reach[goal])
        return any(start not in reach[one] for one in between)

    kept = ((start, goal) for start in list(after) for goal in after[start] if not implied(start, goal))
    return tuple(sorted(kept))


def _reachable(after: Mapping[str, set[str]], start: str) -> set[str]:
    seen: set[str] = set()
    rest = [start]
    while rest:
        more = after.get(rest.pop(), set()) - seen
        seen |= more
        rest += more
    return seen
