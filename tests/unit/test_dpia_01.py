"""DPIA-01: impact is assessed, as somebody attests."""

from pathlib import Path

from attested import assert_attested


def test_it_is_attested_for_365_days_and_no_longer(tmp_path: Path) -> None:
    assert_attested(tmp_path, "DPIA-01 impact_is_assessed", days=365)
