"""The pictures on the components' pages, made from the components as their unit tests run them.

python tests/unit/component_pictures.py

A page `docs/components/<name>.md` shows what `made()` of `test_component_<name>.py` registers, and that of controllers
also what they need in AWS and in the cluster. `make docs` runs this.
"""

from collections import Counter
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from mocks import Registered, run

from components.auto_nodes import AutoNodes
from components.controller_roles import NAMESPACE, ControllerRoles
from components.controllers import Controllers
from components.custom_types import CustomTypes
from components.gateway_binding import GatewayBinding
from components.image_replication import ImageReplication, ImageReplicationArgs
from components.registry import Registry
from components.vocabulary import Compute
from operations.events import COMPONENT_TYPE_PREFIX
from operations.picture import Box, Picture, by_component, component_picture, mermaid, type_picture
from operations.resources import Resource

FOLDER = Path(__file__).parents[2] / "docs" / "components"
BEGIN, END = "<!-- graph:begin -->", "<!-- graph:end -->"
NOTE = "Arrows point from what is there first to what waits for it; `make docs` draws this from the code."


def graph_of(registered: Registered) -> list[Resource]:
    """The resource graph of a run under mocks."""
    return [
        Resource(
            urn=one.urn,
            type=one.type,
            name=one.name,
            parent=one.parent,
            custom=not one.type.startswith(COMPONENT_TYPE_PREFIX),
            dependencies=one.dependencies,
        )
        for one in registered
    ]


def picture_of(resources: list[Resource]) -> Picture:
    """A component's resources by type; of one that only composes others, the others."""
    rows = by_component(resources)
    outermost = {one.type.removeprefix(COMPONENT_TYPE_PREFIX) for one in resources if not one.parent}
    own = {row.component for row in rows}
    if not outermost & own:
        return component_picture(rows)
    picture = type_picture(resources)
    # Beside others, one that only composes has no frame of its own: it gets a box that names its parts.
    return replace(picture, boxes=(*picture.boxes, *(_composed(name, resources) for name in sorted(outermost - own))))


def _composed(name: str, resources: list[Resource]) -> Box:
    root = next(one for one in resources if one.type == f"{COMPONENT_TYPE_PREFIX}{name}")
    parts = Counter(one.type.removeprefix(COMPONENT_TYPE_PREFIX) for one in resources if one.parent == root.urn)
    return Box(key=name, title=name, lines=tuple(f"{part} ×{count}" for part, count in sorted(parts.items())))


def controllers_and_their_parts() -> Registered:
    """Controllers with roles, types, the gateway's binding, and Auto Mode's nodes: each is made beside the others."""
    tested = import_module("test_component_controllers")

    def program() -> None:
        CustomTypes("test", Compute.MANAGED)
        ControllerRoles("test", tested.ROLES)
        Controllers("test", tested.ARGS, NAMESPACE)
        GatewayBinding("test", tested.BINDING)
        AutoNodes("test", tested.NODES)

    return run(program)


def registry_and_its_copies() -> Registered:
    """A cell's registry, and what copies its images to a replica's region."""
    tested = import_module("test_component_registry")
    args = ImageReplicationArgs(region="eu-west-1", account_id="123456789012", targets={"eu-central-1": ["test"]})

    def program() -> None:
        Registry("test", tested.ARGS)
        ImageReplication("test", args)

    return run(program)


def drawn_on(page: Path) -> Registered:
    """What a page's picture shows."""
    if page.stem == "controllers":
        return controllers_and_their_parts()
    if page.stem == "registry":
        return registry_and_its_copies()
    if page.stem == "cell-pair":
        return import_module("test_component_cell_pair").scheduled()  # type: ignore[no-any-return]
    if page.stem == "account":
        tested = import_module("test_component_account")
        return tested.made(replace(tested.ARGS, break_glass=tested.BREAK_GLASS))  # type: ignore[no-any-return]
    made: Registered = import_module(f"test_component_{page.stem.replace('-', '_')}").made()
    return made


def page_with_picture(page: Path) -> str:
    """The whole text of a page, its picture drawn anew. A page without markers gets them before its first section."""
    text = page.read_text(encoding="utf-8")
    if BEGIN not in text:
        text = text.replace("\n## ", f"\n{BEGIN}\n{END}\n\n## ", 1)
    drawn = mermaid(picture_of(graph_of(drawn_on(page))))
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n{NOTE}\n\n```mermaid\n{drawn}```\n{END}{rest.partition(END)[2]}"


def main() -> None:
    """Draws all pages anew."""
    for page in sorted(FOLDER.glob("*.md")):
        page.write_text(page_with_picture(page), encoding="utf-8")


if __name__ == "__main__":
    main()
