"""Card numbers are found wherever they stand, and what is none is left alone."""

import hashlib
import uuid
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from contracts import card_numbers
from contracts.card_numbers import LENGTHS, MASK, luhn

VISA = "4111111111111111"
DIGITS = st.integers(min(LENGTHS) - 1, max(LENGTHS) - 1).flatmap(
    lambda n: st.text("0123456789", min_size=n, max_size=n)
)
AROUND = st.text(
    st.characters(exclude_categories=("Nd", "No", "Pd", "Zs", "Cc", "Cs"), exclude_characters="_"), max_size=8
)


def completed(digits: str) -> str:
    """The digits with their check digit."""
    return next(digits + check for check in "0123456789" if luhn(digits + check))


@given(DIGITS, AROUND, AROUND)
def test_every_luhn_valid_number_is_found_in_any_words(digits: str, before: str, after: str) -> None:
    text = before + completed(digits) + after
    # Only what is hexadecimal as a whole word may hide one: no card number is written so.
    assume(not card_numbers._HEXADECIMAL.search(text))
    assert card_numbers.find(text)
    assert completed(digits) not in card_numbers.mask(text)
    assert MASK in card_numbers.mask(text)


@given(DIGITS, st.sampled_from([" ", "-", " - ", "\u00a0", "\u2013", "_"]), st.integers(1, 6))
def test_blanks_and_dashes_hide_nothing(digits: str, between: str, size: int) -> None:
    number = completed(digits)
    groups = [number[start : start + size] for start in range(0, len(number), size)]
    assert card_numbers.find(f"no. {between.join(groups)}, thanks")


@given(DIGITS)
def test_the_wrong_check_digit_makes_it_an_ordinary_number(digits: str) -> None:
    number = completed(digits)
    wrong = str((int(number[-1]) + 1) % 10)
    assert not card_numbers.find(number[:-1] + wrong)


def test_digits_of_other_scripts_are_digits() -> None:
    arabic = "".join(chr(ord("\u0660") + int(digit)) for digit in VISA)
    wide = "".join(chr(ord("\uff10") + int(digit)) for digit in VISA)
    assert card_numbers.find(arabic)
    assert card_numbers.find(f"x {wide} y")
    assert card_numbers.mask(f"x {wide} y") == f"x {MASK} y"


def test_a_number_among_other_numbers_is_found() -> None:
    assert card_numbers.find("2026-11-28 4111 1111 1111 1111 12")
    assert card_numbers.mask("order 17: 4111-1111-1111-1111!") == f"order 17: {MASK}!"


@pytest.mark.parametrize(
    "text", ["", "411111111111", "41111111111111111111111", "2026-11-28T18:57:43.123Z", "10.0.0.1"]
)
def test_what_is_too_short_too_long_or_a_time_is_no_card_number(text: str) -> None:
    assert not card_numbers.find(text)


def test_hashes_and_uuids_are_no_card_numbers() -> None:
    hashes = (hashlib.sha256(str(number).encode()).hexdigest() for number in range(5_000))
    uuids = (str(uuid.UUID(bytes=hashlib.md5(str(number).encode()).digest(), version=4)) for number in range(5_000))
    assert not any(card_numbers.find(text) for text in (*hashes, *uuids))


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"a": [{"b": f"card {VISA}"}]}, "a[0].b"),
        ({"a": int(VISA)}, "a"),
        ({"a": float(VISA)}, "a"),
        ({"a": {VISA: 1}}, "a (a key)"),
        ({VISA: 1}, "(a key)"),
        ([VISA], "[0]"),
        (VISA, "(body)"),
        ({"a": [1, None, True, "x", 2.5]}, None),
    ],
)
def test_the_place_is_named_and_the_number_is_not(value: Any, path: str | None) -> None:
    assert card_numbers.path_of(value) == path
