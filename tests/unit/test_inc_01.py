"""INC-01: incidents and the exercise of the 72 hours, as somebody attests."""

from pathlib import Path

import pytest
from attested import assert_attested


@pytest.mark.parametrize(("question", "days"), [("incidents_are_recorded", 92), ("notification_was_exercised", 365)])
def test_each_question_is_attested_for_its_days_and_no_longer(tmp_path: Path, question: str, days: int) -> None:
    assert_attested(tmp_path, f"INC-01 {question}", days)
