"""Each component's page has a picture of it, and the picture is what the code says."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from component_pictures import BEGIN, END, FOLDER, graph_of, page_with_picture, picture_of
from test_component_checklists import components
from test_component_keys import ARGS, made

from components.vocabulary import KeyUse
from operations.picture import mermaid

PAGES = sorted(FOLDER.glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_component_page_shows_the_component_as_it_is(page: Path) -> None:
    assert page.read_text(encoding="utf-8") == page_with_picture(page), f"{page.name} has an old picture; run make docs"


def test_every_component_is_in_a_picture() -> None:
    drawn = "\n".join(page.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0] for page in PAGES)
    missing = {name for name in components() if not re.search(rf'"(<b>)?{name}( ×\d+)?(</b>|"\])', drawn)}
    composing = {"CellPair", "PaymentCell", "PaymentPath", "EventPath"}
    assert missing == composing, "a picture of these is of their parts, everything else is in one"


def test_a_change_of_the_component_changes_the_picture() -> None:
    fewer = replace(ARGS, uses=frozenset(KeyUse) - {KeyUse.AUDIT, KeyUse.BACKUP})
    assert mermaid(picture_of(graph_of(made(fewer)))) != mermaid(picture_of(graph_of(made())))


def test_a_page_without_markers_gets_its_picture_before_its_first_section(tmp_path: Path) -> None:
    page = tmp_path / "keys.md"
    page.write_text("# Keys\n\nOne a use.\n\n## What\n\ntext\n")
    text = page_with_picture(page)
    assert (
        text.index("One a use.") < text.index(BEGIN) < text.index("kms.Key") < text.index(END) < text.index("## What")
    )
    page.write_text(text)
    assert page_with_picture(page) == text
