"""PCI-01: card numbers, as somebody attests."""

from pathlib import Path

import pytest
from attested import assert_attested


@pytest.mark.parametrize(("question", "days"), [("no_card_number_is_found", 92), ("scope_is_stated", 365)])
def test_each_question_is_attested_for_its_days_and_no_longer(tmp_path: Path, question: str, days: int) -> None:
    assert_attested(tmp_path, f"PCI-01 {question}", days)
