"""Every command of a runbook is one that exists, with its options: read by the parser of `cell` itself, never run."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from operations.cli import app

RUNBOOKS = Path(__file__).parents[2] / "docs" / "runbooks"
_BLOCK = re.compile(r"^(?P<indent> *)```console\n(?P<body>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)


def commands(text: str) -> list[str]:
    """Lines of the fenced `console` blocks."""
    return [line.strip() for block in _BLOCK.finditer(text) for line in block["body"].splitlines() if line.strip()]


def all_commands() -> Iterator[tuple[str, str]]:
    for page in sorted(RUNBOOKS.glob("*.md")):
        yield from ((page.name, command) for command in commands(page.read_text(encoding="utf-8")))


def parse(command: str) -> None:
    """Raises what `cell` itself would print where it would refuse the line (operations/cli.py, main).

    What stands for a value (`RUN`) is taken as text; where an option wants a number or a date, a page has to give one.
    """
    name, *arguments = shlex.split(command)
    entry = typer.main.get_command(app)
    context = entry.make_context(name, list(arguments))
    while isinstance(entry, TyperGroup):
        found, inner, arguments = entry.resolve_command(context, list(arguments))
        assert found is not None
        assert inner is not None
        entry, context = inner, inner.make_context(found, list(arguments), parent=context)


@pytest.mark.parametrize(("page", "command"), list(all_commands()), ids=lambda value: value)
def test_every_command_of_a_runbook_exists(page: str, command: str) -> None:
    assert command.split()[0] in {"cell", "aws"}, f"{page}: a step is a command of ours or of AWS"
    if command.startswith("cell "):
        parse(command)


def test_a_runbook_for_each_thing_that_can_be_lost() -> None:
    pages = {page.stem for page in RUNBOOKS.glob("*.md")}
    assert pages >= {"region-loss", "shard-loss", "bank-outage", "key-compromise", "failback", "restore"}


@pytest.mark.parametrize("page", sorted(RUNBOOKS.glob("*.md")), ids=lambda page: page.stem)
def test_a_runbook_is_one_page_with_what_can_go_wrong_and_how_to_know_that_it_is_done(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert {"Steps", "What can go wrong", "Done when"} <= set(headings)
    assert re.search(r"^\*\*(Symptoms|When)\*\*", text, re.MULTILINE)
    assert len(commands(text)) >= 3
    assert len(text.splitlines()) <= 110


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("cell nothing eu-west-1", "No such command 'nothing'"),
        ("cell status", "Missing (argument|parameter)"),
        ("cell status eu-west-1 --frobnicate", "No such option: --frobnicate"),
        ("cell status a b", "unexpected extra argument"),
        ("cell config nothing", "No such command 'nothing'"),
        ("cell probe dev --rate fast", "a valid (number|float)"),
    ],
)
def test_a_command_that_does_not_exist_would_be_found(command: str, message: str) -> None:
    with pytest.raises(Exception, match=message):
        parse(command)


def test_links_between_pages_lead_somewhere() -> None:
    for page in RUNBOOKS.glob("*.md"):
        for link in re.findall(r"\]\(([^)#:]+\.md)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).resolve().is_file(), f"{page.name}: {link}"
