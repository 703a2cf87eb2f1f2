"""PRC-01: reconciliation, as somebody attests."""

from pathlib import Path

from attested import assert_attested


def test_it_is_attested_for_92_days_and_no_longer(tmp_path: Path) -> None:
    assert_attested(tmp_path, "PRC-01 reconciliation_ran", days=92)
