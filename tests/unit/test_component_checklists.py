"""Every line of a component's checklist names a test that exists; every component has a checklist."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CHECKLISTS = sorted((ROOT / "docs" / "components").glob("*.md"))
_ROW = re.compile(r"^\|(?P<what>[^|]+)\|(?P<how>.+)\|(?P<tests>[^|]+)\|$")
_CLASS = re.compile(r"^class (\w+)\(pulumi\.ComponentResource\)", re.MULTILINE)
_TEST = re.compile(r"`(?P<file>test_\w+\.py)::(?P<name>test_\w+)`")


def rows(checklist: Path) -> list[tuple[str, str]]:
    """(what is looked for, cell with its tests) of each row of a checklist's tables."""
    lines = checklist.read_text(encoding="utf-8").splitlines()
    matches = [match for line in lines if (match := _ROW.match(line))]
    return [
        (match["what"].strip(), match["tests"])
        for match in matches
        if match["tests"].strip() != "test" and not set(match["what"].strip()) <= set("-: ")
    ]


def functions(path: Path) -> set[str]:
    """Names of the test functions of a module, read without importing it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def components() -> dict[str, str]:
    """Class -> module of each ComponentResource of `components/`."""
    found = ((path.stem, path.read_text(encoding="utf-8")) for path in (ROOT / "components").glob("*.py"))
    return {name: module for module, text in found for name in _CLASS.findall(text)}


@pytest.mark.parametrize("checklist", CHECKLISTS, ids=lambda path: path.stem)
def test_every_line_of_a_checklist_names_a_test_that_exists(checklist: Path) -> None:
    known = {path.name: functions(path) for path in (ROOT / "tests").rglob("test_*.py")}
    assert len(rows(checklist)) >= 5, f"{checklist.name}: too short to be a checklist"
    for what, cell in rows(checklist):
        named = _TEST.findall(cell)
        assert named, f"{checklist.name}: {what!r} names no test"
        for file, name in named:
            assert name in known.get(file, set()), (
                f"{checklist.name}: {what!r} names {file}::{name}, which is not there"
            )


def test_every_component_is_looked_at_in_a_row_of_a_checklist() -> None:
    named = {name for path in CHECKLISTS for what, _ in rows(path) for name in re.findall(r"^`(\w+)`: ", what)}
    assert named == set(components()), "each component has a row, and each row is of a component that is there"


def test_every_checklist_is_of_a_component() -> None:
    assert {path.stem.replace("-", "_") for path in CHECKLISTS} <= set(components().values())
