"""The page of the fraud decision says what the code says."""

from fraud_page import PAGE, drawn, losses

from contracts.fraud import BLOCK_FROM, REVIEW_FROM, SIGNAL_NAMES
from operations.model.evaluation import MARGIN


def test_the_page_has_picture_and_table_as_the_code_has_them() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text == drawn(text), "run python tests/unit/fraud_page.py"


def test_every_signal_says_what_it_is_worth() -> None:
    assert set(losses(PAGE.read_text(encoding="utf-8"))) == set(SIGNAL_NAMES)


def test_thresholds_and_margin_on_the_page_are_those_of_the_code() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert f"From {BLOCK_FROM} block, from {REVIEW_FROM} review" in text
    assert f"AUC at least {MARGIN:.2f} above the rules" in text
