"""BCK-04: a restore succeeded, as somebody attests."""

from pathlib import Path

from attested import assert_attested


def test_it_is_attested_for_90_days_and_no_longer(tmp_path: Path) -> None:
    assert_attested(tmp_path, "BCK-04 a_restore_succeeded", days=90)
