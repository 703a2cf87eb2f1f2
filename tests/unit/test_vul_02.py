"""VUL-02: tests of penetration and segmentation, as somebody attests."""

from pathlib import Path

import pytest
from attested import assert_attested


@pytest.mark.parametrize(("question", "days"), [("penetration_was_tested", 365), ("segmentation_was_tested", 183)])
def test_each_question_is_attested_for_its_days_and_no_longer(tmp_path: Path, question: str, days: int) -> None:
    assert_attested(tmp_path, f"VUL-02 {question}", days)
