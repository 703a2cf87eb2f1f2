"""VEN-01: processors and egress, as somebody attests."""

from pathlib import Path

import pytest
from attested import assert_attested


@pytest.mark.parametrize(("question", "days"), [("processors_are_listed", 365), ("egress_is_listed", 92)])
def test_each_question_is_attested_for_its_days_and_no_longer(tmp_path: Path, question: str, days: int) -> None:
    assert_attested(tmp_path, f"VEN-01 {question}", days)
