"""Names of others in a terminal, a spreadsheet, XML, Markdown and SARIF."""

import re
import unicodedata
import xml.etree.ElementTree as ET
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from operations.audit.report.escape import FORMULA, csv_cell, markdown, sarif, terminal, xml_text

ANY = st.text(st.characters(codec=None, exclude_categories=()), max_size=40)
"""Surrogates too: no audit holds them, and an escape that met one would still have to write it."""

ACTING = {"Cc", "Cf", "Cs", "Zl", "Zp"}


@pytest.mark.parametrize("escape", [terminal, csv_cell, xml_text, markdown, sarif])
@given(text=ANY)
@example(text="\x1b[2J\x1b]0;title\x07")
@example(text="\u202egnp.exe")
@example(text="a\r\nb\tc")
@example(text="\ufffe\uffff\U0001ffff")
def test_nothing_that_acts_survives(escape: Callable[[str], str], text: str) -> None:
    written = escape(text)
    assert not ACTING & {unicodedata.category(character) for character in written}
    written.encode()


@given(ANY)
@example('=HYPERLINK("http://evil","x")')
@example("\t=1+1")
@example("  =1+1")
@example("\u00a0\t=1+1")
@example("\tan indented name")
@example("\u200b=1+1")
@example("\uff1d1+1")
def test_no_cell_starts_a_formula(text: str) -> None:
    cell = csv_cell(text)
    assert cell.lstrip()[:1] not in FORMULA


def test_an_ordinary_cell_is_left_as_it_is() -> None:
    for text in ("", "eu-west-1-payments", "arn:aws:kms:eu-west-1:123456789012:key/a-b", "is 400, more than 365"):
        assert csv_cell(text) == terminal(text) == xml_text(text) == text


@given(ANY)
@example("]]>&amp;<!--")
def test_xml_parses_back_to_what_a_terminal_shows(text: str) -> None:
    element = ET.Element("a", {"name": xml_text(text)})
    element.text = xml_text(text)
    back = ET.fromstring(ET.tostring(element))
    assert (back.text or "") == back.get("name") == terminal(text)


@given(ANY)
def test_markdown_has_no_punctuation_that_is_not_escaped(text: str) -> None:
    written = markdown(text)
    assert re.fullmatch(r"(\\[!-/:-@\[-`{-~]|[^!-/:-@\[-`{-~])*", written)
    assert re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", written) == terminal(text)


@given(ANY)
@example("[click](javascript:alert(1)) {0} {{")
def test_a_sarif_message_has_neither_placeholder_nor_link(text: str) -> None:
    written = sarif(text)
    assert "](" not in written
    assert "{" not in written.replace("{{", "")
    assert "}" not in written.replace("}}", "")


def test_what_was_there_can_still_be_read() -> None:
    assert terminal("\x1b[2J") == "\\x1b[2J"
    assert terminal("a\r\nb\tc") == "a\\r\\nb\\tc"
    assert terminal("\u202egnp.exe") == "\\u202egnp.exe"
    assert terminal("\U000e0001") == "\\U000e0001"
    assert csv_cell("=1+1") == "'=1+1"
    assert csv_cell("\tone") == "'\\tone"
    assert markdown("a|b") == "a\\|b"
