"""Card numbers: found so that they can be refused and are never logged (PCI-01). Tokens only enter a cell.

find("card 4111 1111-1111 1111")   -> True
path_of({"metadata": {"note": ["4111111111111111"]}})   -> "metadata.note[0]"
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

LENGTHS = range(13, 20)
"""Digits of a card number in use (ISO/IEC 7812-1 allows up to 19; the shortest that was issued had 13)."""

MASK = "[card number]"

_GROUPS = re.compile(r"[0-9]+(?:[\s\-_\u2010-\u2015\u2212]{1,3}[0-9]+)*")
"""Digits, in groups that blanks or dashes part."""
_DIGITS = re.compile(r"[0-9]+")
_HEXADECIMAL = re.compile(
    r"(?<![0-9a-z])(?:[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
    r"|(?=(?:[0-9]*[a-f]){4})[0-9a-f]{20,})(?![0-9a-z])",
    re.IGNORECASE,
)
"""UUIDs and hexadecimal words with at least 20 digits, four of them letters. One hash of 64 digits in 240 would pass
for a card number by chance, and no card number is written so."""


def luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of the others (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def find(text: str) -> bool:
    """Whether a Luhn-valid number of 13 to 19 digits stands in `text`, alone or among others, in any digits of Unicode,
    with blanks or dashes between. A longer run of digits without a break is no card number."""
    return any(True for _ in _spans(text))


def mask(text: str) -> str:
    """`text` with `MASK` in place of each run of digits that holds a card number."""
    plain = _plain(text)
    if not any(True for _ in _spans(plain)):
        return text
    result, end = [], 0
    for first, last in _spans(plain):
        if first >= end:
            result.append(plain[end:first] + MASK)
        end = max(end, last)
    return "".join(result) + plain[end:]


def path_of(value: Any, at: str = "") -> str | None:
    """Where the first card number stands in a JSON value, keys and numbers included; None where there is none.

    A key that is one itself is not named: the path of what holds it is.
    """
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if find(str(key)):
                return f"{at} (a key)" if at else "(a key)"
            if found := path_of(inner, f"{at}.{key}" if at else str(key)):
                return found
        return None
    if isinstance(value, list | tuple):
        return next((found for i, inner in enumerate(value) if (found := path_of(inner, f"{at}[{i}]"))), None)
    return (at or "(body)") if not isinstance(value, bool) and value is not None and find(_text(value)) else None


def _text(value: object) -> str:
    # 4.111111111111111e+15 is a card number as well.
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _plain(text: str) -> str:
    """Every digit of any script as 0 to 9, at the same place."""
    if text.isascii():
        return text
    return "".join(str(unicodedata.digit(c)) if unicodedata.digit(c, None) is not None else c for c in text)


def _spans(text: str) -> Iterator[tuple[int, int]]:
    """(start, end) of the groups that make a card number together."""
    plain = _HEXADECIMAL.sub(lambda match: "x" * len(match[0]), _plain(text))
    for run in _GROUPS.finditer(plain):
        groups = [(run.start() + m.start(), run.start() + m.end()) for m in _DIGITS.finditer(run[0])]
        for first in range(len(groups)):
            digits = ""
            for start, end in groups[first:]:
                digits += plain[start:end]
                if len(digits) > LENGTHS[-1]:
                    break
                if len(digits) in LENGTHS and luhn(digits):
                    yield groups[first][0], end
                    break
