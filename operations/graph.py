"""``cell graph``: what a stack holds and what waits for what, drawn, and how long a region takes at least."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import catalogue
from operations.chain import COMPUTED, NOT_TIMED, Chain, Timing, timing
from operations.deploy import Session
from operations.errors import CellError, ExitCode
from operations.output import Format, show
from operations.picture import ComponentRow, by_component, component_picture, mermaid, resource_picture
from operations.plan import known_stack, plan_up
from operations.resources import Resource, component_of, from_plan, from_state, short_type, waits_for
from operations.svg import svg


class Drawing(StrEnum):
    """Value of ``-o`` of ``cell graph``."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"
    MERMAID = "mermaid"
    SVG = "svg"


@dataclass(frozen=True, kw_only=True, slots=True)
class StackGraph:
    """A stack's resources and what they say about time."""

    stack: str
    deployed: bool
    """False: from a preview."""
    resources: Sequence[Resource]
    rows: Sequence[ComponentRow]
    timing: Timing
    region: Mapping[str, int]
    """Stack -> seconds of its longest chain, in the order in which they come up, as far as they are known."""
    unknown: tuple[str, ...] = ()
    """Stacks of the region that are not deployed."""

    def picture(self, drawing: Drawing, every_resource: bool) -> str:
        """Text of the drawing."""
        picture = resource_picture(self.resources) if every_resource else component_picture(self.rows)
        return svg(picture) if drawing is Drawing.SVG else mermaid(picture)

    def data(self, every_resource: bool) -> dict[str, Any]:
        """Everything as plain data."""
        components = [{**asdict(row), "waits_on": list(row.waits_on), "resources": row.resources} for row in self.rows]
        data: dict[str, Any] = {
            "stack": self.stack,
            "from": "state" if self.deployed else "preview",
            "components": [{_camel(key): value for key, value in row.items()} for row in components],
            "longestChain": _chain(self.timing.longest),
            "unavoidableChain": _chain(self.timing.unavoidable),
            "ratio": None if self.timing.ratio is None else round(self.timing.ratio, 3),
            "regionSeconds": {
                "how": COMPUTED,
                "seconds": sum(self.region.values()),
                "stacks": dict(self.region),
                "notDeployed": list(self.unknown),
            },
            "notTimed": dict(self.timing.not_timed),
        }
        if every_resource:
            picture = resource_picture(self.resources)
            data["resources"] = [box.key for box in picture.boxes]
            data["arrows"] = [{"first": first, "then": then} for first, then in picture.arrows]
        return data


def stack_graph(session: Session, stack: str) -> StackGraph:
    """The graph of a stack: of its state, or where nothing is deployed of what the engine would make.

    Raises CellError where neither can be had.
    """
    known_stack(stack, session.declared)
    order = plan_up(stack, session.declared)
    existing = session.engine.stacks()
    found = {name: from_state(session.engine.resources(name)) for name in order if name in existing}
    deployed = any(resource.cloud for resource in found.get(stack, ()))
    if not deployed:
        found[stack] = _planned(session, stack)
    times = catalogue.creation_times()
    timings = {name: timing(found[name], times) for name in order if name in found}
    return StackGraph(
        stack=stack,
        deployed=deployed,
        resources=found[stack],
        rows=by_component(found[stack]),
        timing=timings[stack],
        region={name: one.longest.seconds for name, one in timings.items()},
        unknown=tuple(name for name in order if name not in timings),
    )


def write_graph(graph: StackGraph, drawing: Drawing, every_resource: bool, file: Path | None) -> None:
    """The graph on standard output or in a file. Raises CellError where the file cannot be written."""
    if file is None:
        return _write(graph, drawing, every_resource)
    try:
        with file.open("w", encoding="utf-8") as target, redirect_stdout(target):
            return _write(graph, drawing, every_resource)
    except OSError as error:
        raise CellError(
            f"--file {file}: {error.strerror}; name a file that can be written", ExitCode.CONFIGURATION
        ) from error


def _write(graph: StackGraph, drawing: Drawing, every_resource: bool) -> None:
    if drawing in (Drawing.SVG, Drawing.MERMAID):
        print(graph.picture(drawing, every_resource), end="")
    elif drawing is Drawing.TABLE:
        show(_resource_rows(graph.resources) if every_resource else _component_rows(graph.rows), Format.TABLE)
        _write_chains(graph)
    else:
        show(graph.data(every_resource), Format(drawing.value))


def _component_rows(rows: Sequence[ComponentRow]) -> list[dict[str, Any]]:
    return [
        {
            "component": row.title,
            "resources": row.resources,
            "types": ", ".join(f"{kind} {count}" for kind, count in row.types.items()),
            "waits for": ", ".join(row.waits_on),
        }
        for row in rows
    ]


def _resource_rows(resources: Sequence[Resource]) -> list[dict[str, Any]]:
    known = {resource.urn: resource for resource in resources}
    waits = waits_for(resources)
    return [
        {
            "component": component_of(resource, known),
            "type": resource.short_type,
            "name": resource.name,
            "waits for": ", ".join(
                sorted(f"{known[urn].short_type} {known[urn].name}" for urn in waits[resource.urn] if known[urn].cloud)
            ),
        }
        for resource in sorted(resources, key=lambda one: (component_of(one, known), one.type, one.name))
        if resource.cloud
    ]


def _write_chains(graph: StackGraph) -> None:
    for title, chain in (("longest chain", graph.timing.longest), ("unavoidable chain", graph.timing.unavoidable)):
        if chain.steps:
            rows = [{**step.row(), "verified": _yes(step.row()["verified"])} for step in chain.steps]
            named = [key for key in rows[0] if key != "name" or rows[0]["name"]]
            print(f"\n{title}: {_minutes(chain.seconds)}, {COMPUTED}")
            show(rows, Format.TABLE, columns=named)
    print(f"\n{_summary(graph)}")


def _summary(graph: StackGraph) -> str:
    ratio = graph.timing.ratio
    parts = [f"{name} {seconds} s" for name, seconds in graph.region.items()]
    parts += [f"without {name}, which is not deployed" for name in graph.unknown]
    types = ", ".join(f"{short_type(kind)} {count}" for kind, count in graph.timing.not_timed.items())
    lines = [
        f"ratio of both: {ratio:.2f}" if ratio is not None else "no unavoidable chain: this stack has no cluster",
        f"the region takes at least {_minutes(sum(graph.region.values()))} ({', '.join(parts)}), {COMPUTED}",
        f"{NOT_TIMED}, counted as 0 s: {types or 'nothing'}",
    ]
    return "\n".join(lines)


def _planned(session: Session, stack: str) -> list[Resource]:
    """What a preview would make. The plan file holds inputs, so it is read and gone; secrets in it are encrypted."""
    needs = session.declared[stack].needs
    if needs is not None and not session.engine.stacks().get(needs, {}).get("resourceCount"):
        raise CellError(
            f"{stack} is not deployed, and a preview of it reads outputs of {needs}, which is not up: "
            f"run `cell up {needs}` or `cell up {stack}` first",
            ExitCode.CONFIGURATION,
        )
    session.engine.ensure_stack(stack)
    with tempfile.TemporaryDirectory(prefix="cell-") as folder:
        path = Path(folder, "plan.json")
        outcome = session.engine.operate("preview", stack, "--save-plan", str(path))
        if outcome.exit_code:
            raise CellError("\n".join([f"preview {stack} failed", *outcome.reading.errors]), outcome.code)
        return from_plan(json.loads(path.read_text()))


def _chain(chain: Chain) -> dict[str, Any]:
    return {"how": COMPUTED, "seconds": chain.seconds, "steps": [step.row() for step in chain.steps]}


def _minutes(seconds: int) -> str:
    return f"{seconds} s ({seconds / 60:.0f} min)"


def _yes(verified: bool | None) -> str:
    return "" if verified is None else "yes" if verified else "no"


def _camel(key: str) -> str:
    first, *rest = key.split("_")
    return first + "".join(part.capitalize() for part in rest)
