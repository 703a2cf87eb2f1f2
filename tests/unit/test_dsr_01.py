"""DSR-01: requests of data subjects were answered, as somebody attests."""

from pathlib import Path

from attested import assert_attested


def test_it_is_attested_for_92_days_and_no_longer(tmp_path: Path) -> None:
    assert_attested(tmp_path, "DSR-01 requests_were_answered", days=92)
