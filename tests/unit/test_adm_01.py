"""ADM-01: who the fraud model blocks is told why and reaches a person, as somebody attests."""

from pathlib import Path

from attested import assert_attested


def test_it_is_attested_for_365_days_and_no_longer(tmp_path: Path) -> None:
    assert_attested(tmp_path, "ADM-01 automated_decisions_are_contestable", days=365)
