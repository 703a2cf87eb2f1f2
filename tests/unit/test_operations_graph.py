"""Pictures of a stack: boxes, arrows, Mermaid, SVG, and where the graph comes from."""

import json
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from rich.console import Console
from test_operations_chain import component, resource, slow

from components.vocabulary import Environment
from operations.deploy import Session
from operations.engine import Engine, Outcome
from operations.errors import CellError, ExitCode
from operations.events import Reading
from operations.graph import Drawing, stack_graph, write_graph
from operations.picture import (
    Box,
    Picture,
    by_component,
    component_picture,
    mermaid,
    resource_picture,
    type_picture,
)
from operations.plan import Declared, Kind
from operations.project import Project
from operations.resources import Resource
from operations.svg import layout, size, svg

COMPONENT = "payment-cell:components:"
CLUSTER, NODES = "aws:eks/cluster:Cluster", "aws:eks/nodeGroup:NodeGroup"


def part(kind: str, name: str, parent: str = "") -> Resource:
    return Resource(urn=name, type=COMPONENT + kind, name=name, parent=parent, custom=False)


GRAPH = [
    part("Whole", "w"),
    part("Network", "n", "w"),
    part("Queue", "q1", "w"),
    part("Queue", "q2", "w"),
    resource("vpc", type_="aws:ec2/vpc:Vpc", parent="n"),
    resource("net", "vpc", type_="aws:ec2/subnet:Subnet", parent="n"),
    resource("one", "net", type_="aws:sqs/queue:Queue", parent="q1"),
    resource("two", "vpc", "net", type_="aws:sqs/queue:Queue", parent="q2"),
    resource("map", "one", type_="kubernetes:core/v1:ConfigMap", parent="w"),
    resource("aws", type_="pulumi:providers:aws"),
]


def boxes(*keys: str) -> tuple[Box, ...]:
    return tuple(Box(key=key, title=key) for key in keys)


def test_a_component_has_one_row_with_its_own_resources_by_type() -> None:
    rows = {row.component: row for row in by_component(GRAPH)}
    assert {name: dict(row.types) for name, row in rows.items()} == {
        "Network": {"ec2.Subnet": 1, "ec2.Vpc": 1},
        "Queue": {"sqs.Queue": 2},
        "Whole": {"ConfigMap": 1},
    }
    assert (rows["Queue"].title, rows["Queue"].waits_on, rows["Whole"].waits_on) == (
        "Queue ×2",
        ("Network",),
        ("Queue",),
    )


def test_arrows_that_others_imply_are_left_out() -> None:
    graph = [slow("a"), slow("b", "a"), slow("c", "a", "b")]
    assert resource_picture(graph).arrows == (("a", "b"), ("b", "c"))


def test_arrows_of_a_circle_of_components_all_stay() -> None:
    graph = [
        part("A", "a"),
        part("B", "b"),
        part("C", "c"),
        slow("first", parent="a"),
        slow("second", "first", parent="b"),
        slow("third", "second", parent="a"),
        slow("last", "third", "second", parent="c"),
    ]
    assert component_picture(by_component(graph)).arrows == (("A", "B"), ("A", "C"), ("B", "A"), ("B", "C"))


def test_types_are_framed_by_their_component() -> None:
    found = {box.key: (box.title, box.frame) for box in type_picture(GRAPH).boxes}
    assert found["Queue sqs.Queue"] == ("sqs.Queue ×2", "Queue ×2")
    assert found["Whole ConfigMap"] == ("ConfigMap", "Whole")


@pytest.mark.parametrize(
    "picture", [component_picture(by_component(GRAPH)), type_picture(GRAPH), resource_picture(GRAPH)]
)
def test_mermaid_declares_each_box_once_and_joins_declared_ones_only(picture: Picture) -> None:
    text = mermaid(picture)
    declared = re.findall(r'^ +(n\d+)\["[^"]*"\]$', text, re.MULTILINE)
    arrows = re.findall(r"^  (n\d+) --> (n\d+)$", text, re.MULTILINE)
    assert len(declared) == len(set(declared)) == len(picture.boxes)
    assert {end for arrow in arrows for end in arrow} <= set(declared)
    assert len(arrows) == len(picture.arrows)
    assert text.count("subgraph") == len(re.findall(r"^  end$", text, re.MULTILINE))
    assert text.startswith("flowchart LR\n")


def test_names_cannot_break_out_of_a_drawing() -> None:
    picture = Picture(boxes=(Box(key="x", title='a"]; click <b>'),), arrows=())
    assert 'n0["a&quot;]; click &lt;b&gt;"]' in mermaid(picture)
    texts = ElementTree.fromstring(svg(picture)).iter("{http://www.w3.org/2000/svg}text")
    assert [text.text for text in texts] == ['a"]; click <b>']


def test_svg_boxes_do_not_overlap_and_stand_right_of_what_they_wait_for() -> None:
    picture = Picture(
        boxes=(*boxes("a", "b", "c", "d"), Box(key="e", title="wide " * 9, lines=("1", "2", "3"))),
        arrows=(("a", "b"), ("a", "c"), ("b", "e"), ("c", "e"), ("d", "e")),
    )
    places = layout(picture).places
    areas = {box.key: (*places[box.key], *size(box)) for box in picture.boxes}
    for key, (x, y, width, height) in areas.items():
        for other, (x2, y2, width2, height2) in areas.items():
            apart = x + width <= x2 or x2 + width2 <= x or y + height <= y2 or y2 + height2 <= y
            assert key == other or apart, f"{key} and {other} overlap"
    assert all(places[first][0] + areas[first][2] < places[then][0] for first, then in picture.arrows)
    root = ElementTree.fromstring(svg(picture))
    assert all(x + width <= int(root.attrib["width"]) for x, _, width, _ in areas.values())
    assert all(y + height <= int(root.attrib["height"]) for _, y, _, height in areas.values())


def test_an_arrow_runs_around_the_boxes_between_its_ends() -> None:
    picture = Picture(
        boxes=boxes("a", "b", "c", "d"), arrows=(("a", "b"), ("a", "d"), ("b", "c"), ("b", "d"), ("c", "d"))
    )
    found = layout(picture)
    assert len(found.ways["a", "d"]) == 6
    for arrow, way in found.ways.items():
        for (x1, y1), (x2, y2) in pairwise(way):
            for box in picture.boxes:
                (x, y), (width, height) = found.places[box.key], size(box)
                beside = box.key in arrow or x2 <= x or x1 >= x + width
                assert beside or not (y < y1 < y + height or y < y2 < y + height), f"{arrow} runs through {box.key}"


def test_a_circle_can_be_drawn() -> None:
    picture = Picture(boxes=boxes("a", "b", "c"), arrows=(("a", "b"), ("b", "c"), ("c", "a")))
    places = layout(picture).places
    assert places["a"][0] < places["b"][0] < places["c"][0]
    assert svg(picture).count("<rect") == 3


def test_an_empty_stack_can_be_drawn() -> None:
    assert ElementTree.fromstring(svg(Picture(boxes=(), arrows=()))).tag.endswith("svg")


class FakeEngine(Engine):
    """States by stack, and a plan that a preview writes."""

    def __init__(
        self, states: Mapping[str, Sequence[Mapping[str, Any]]], plan: Mapping[str, Any] | None = None
    ) -> None:
        self.states, self.plan = states, plan
        self.made: list[str] = []

    def stacks(self) -> dict[str, dict[str, Any]]:
        return {name: {"resourceCount": len(rows)} for name, rows in self.states.items()}

    def resources(self, stack: str) -> list[dict[str, Any]]:
        return [dict(row) for row in self.states[stack]]

    def ensure_stack(self, stack: str) -> None:
        self.made.append(stack)

    def operate(self, operation: str, stack: str, *options: str, **_: Any) -> Outcome:
        assert (operation, options[0]) == ("preview", "--save-plan")
        Path(options[1]).write_text(json.dumps(self.plan))
        return Outcome(
            stack=stack, operation=operation, exit_code=0 if self.plan else 255, reading=Reading(errors=["no"])
        )


ROWS = [
    {"urn": "urn:pulumi:one::p::x::cluster", "type": CLUSTER, "custom": True},
    {
        "urn": "urn:pulumi:one::p::x::nodes",
        "type": NODES,
        "custom": True,
        "dependencies": ["urn:pulumi:one::p::x::cluster"],
    },
]
PLAN = {"resourcePlans": {row["urn"]: {"goal": row} for row in ROWS}}


def session(engine: FakeEngine) -> Session:
    declared = {
        "account": Declared(name="account", kind=Kind.ACCOUNT, environment=Environment.PRODUCTION),
        "one": Declared(name="one", kind=Kind.CELL, environment=Environment.PRODUCTION, needs="account"),
        "one-workloads": Declared(
            name="one-workloads", kind=Kind.WORKLOADS, environment=Environment.PRODUCTION, needs="one"
        ),
    }
    return Session(project=Project(Path()), engine=engine, console=Console(), declared=declared)


def test_what_is_deployed_is_drawn_from_its_state() -> None:
    engine = FakeEngine({"account": ROWS[:1], "one": ROWS})
    graph = stack_graph(session(engine), "one")
    assert graph.deployed
    assert graph.region == {"account": 600, "one": 780}
    assert graph.unknown == ("one-workloads",)
    assert graph.data(every_resource=False)["from"] == "state"
    assert engine.made == []


def test_what_is_not_deployed_is_drawn_from_a_preview() -> None:
    engine = FakeEngine({"account": ROWS[:1], "one": []}, PLAN)
    graph = stack_graph(session(engine), "one")
    assert not graph.deployed
    assert [step.name for step in graph.timing.longest.steps] == ["cluster", "nodes"]
    assert graph.data(every_resource=True)["from"] == "preview"


def test_a_preview_that_cannot_be_made_says_what_to_do_first() -> None:
    with pytest.raises(CellError, match="reads outputs of account, which is not up: run `cell up account`") as caught:
        stack_graph(session(FakeEngine({"account": []}, PLAN)), "one")
    assert caught.value.code is ExitCode.CONFIGURATION


def test_a_preview_that_fails_is_told_with_the_engines_words() -> None:
    with pytest.raises(CellError, match="preview account failed\nno"):
        stack_graph(session(FakeEngine({})), "account")


def test_a_stack_without_a_file_is_not_found() -> None:
    with pytest.raises(CellError, match="nowhere: no such stack") as caught:
        stack_graph(session(FakeEngine({})), "nowhere")
    assert caught.value.code is ExitCode.STACK_NOT_FOUND


@pytest.mark.parametrize("drawing", list(Drawing))
def test_a_file_gets_what_standard_output_would(
    drawing: Drawing, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    graph = stack_graph(session(FakeEngine({"one": ROWS})), "one")
    write_graph(graph, drawing, False, None)
    printed = capsys.readouterr().out
    write_graph(graph, drawing, False, tmp_path / "graph")
    assert capsys.readouterr().out == ""
    assert (tmp_path / "graph").read_text() == printed != ""


def test_the_table_names_both_chains_their_ratio_and_that_nothing_was_measured(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    write_graph(stack_graph(session(FakeEngine({"one": ROWS})), "one"), Drawing.TABLE, True, None)
    printed = capsys.readouterr().out
    assert "longest chain: 780 s (13 min), computed from published creation times, not measured" in printed
    assert "unavoidable chain: 815 s" in printed
    assert "ratio of both: 0.96" in printed
    assert "without account, which is not deployed" in printed
    assert "https://docs.aws.amazon.com/eks/latest/userguide/create-cluster.html" in printed


def test_a_file_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    graph = stack_graph(session(FakeEngine({"one": ROWS})), "one")
    with pytest.raises(CellError, match="name a file that can be written") as caught:
        write_graph(graph, Drawing.SVG, False, tmp_path / "missing" / "graph.svg")
    assert caught.value.code is ExitCode.CONFIGURATION


def test_components_of_other_packages_do_not_own_what_is_in_them() -> None:
    foreign = Resource(urn="f", type="other:index:Thing", name="f", parent="n", custom=False)
    rows = by_component([part("Network", "n"), foreign, resource("vpc", type_="aws:ec2/vpc:Vpc", parent="f")])
    assert [row.component for row in rows] == ["Network"]
    assert component("x").cloud is False
