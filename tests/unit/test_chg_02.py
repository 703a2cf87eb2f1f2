"""CHG-02: changes came from approved commits, as somebody attests."""

from pathlib import Path

from attested import assert_attested


def test_it_is_attested_for_92_days_and_no_longer(tmp_path: Path) -> None:
    assert_attested(tmp_path, "CHG-02 changes_were_approved", days=92)
