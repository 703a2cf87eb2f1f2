"""Text that others wrote, made harmless for one kind of reader each. Only reports that go through here print names,
tags and reasons.
"""

import re
import unicodedata

FORMULA = frozenset("=+-@＝＋－＠")
"""What starts a formula in a spreadsheet (OWASP, CSV Injection); the last four are read as their ASCII forms. OWASP's
tab, carriage return and line feed are among what acts and does not show."""

_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode's general categories of what acts and does not show: control codes, formats (bidirectional overrides,
zero width), surrogates, separators of lines and paragraphs."""

_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}

_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")
"""ASCII punctuation: CommonMark 0.31, section 2.4, lets each be escaped with a backslash."""


def terminal(text: str) -> str:
    """One line: each character that acts instead of showing is written as its escape, ESC as ``\\x1b``."""
    # What Python calls printable has no such character; nearly all texts are that.
    return text if text.isprintable() else "".join(_shown(character) for character in text)


def csv_cell(text: str) -> str:
    """A cell that a spreadsheet shows and never computes, in one line. Quoting it is the CSV writer's part."""
    starts_formula = text.lstrip()[:1] in FORMULA or terminal(text[:1]) != text[:1]
    return f"'{terminal(text)}" if starts_formula else terminal(text)


def xml_text(text: str) -> str:
    """Text of characters that XML 1.0 allows (section 2.2, Char). Markup is escaped by what serialises the tree."""
    return terminal(text)


def markdown(text: str) -> str:
    """Text of one line that Markdown shows as it stands: in a paragraph, in a cell of a table, in a heading."""
    return _PUNCTUATION.sub(r"\\\g<0>", terminal(text))


def sarif(text: str) -> str:
    """Part of a SARIF message without placeholders and links (SARIF 2.1.0, sections 3.11.5 and 3.11.6)."""
    return terminal(text).replace("{", "{{").replace("}", "}}").replace("](", "] (")


def _shown(character: str) -> str:
    code = ord(character)
    # U+FFFE and its like are no characters at all, and XML refuses two of them.
    if unicodedata.category(character) not in _INVISIBLE and code & 0xFFFE != 0xFFFE:
        return character
    if character in _SHORT:
        return _SHORT[character]
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
