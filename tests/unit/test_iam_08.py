"""IAM-08: access reviews, as somebody attests."""

from pathlib import Path

import pytest
from attested import assert_attested


@pytest.mark.parametrize(
    ("question", "days"), [("access_was_reviewed", 183), ("joiners_movers_and_leavers_were_followed", 183)]
)
def test_each_question_is_attested_for_its_days_and_no_longer(tmp_path: Path, question: str, days: int) -> None:
    assert_attested(tmp_path, f"IAM-08 {question}", days)
