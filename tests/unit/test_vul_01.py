"""VUL-01: findings and versions, as somebody attests."""

from pathlib import Path

import pytest
from attested import assert_attested


@pytest.mark.parametrize(("question", "days"), [("findings_are_mended_in_time", 31), ("versions_are_in_support", 31)])
def test_each_question_is_attested_for_its_days_and_no_longer(tmp_path: Path, question: str, days: int) -> None:
    assert_attested(tmp_path, f"VUL-01 {question}", days)
