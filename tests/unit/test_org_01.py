"""ORG-01: guardrails of the organisation, as somebody attests."""

from pathlib import Path

from attested import assert_attested


def test_it_is_attested_for_183_days_and_no_longer(tmp_path: Path) -> None:
    assert_attested(tmp_path, "ORG-01 guardrails_are_in_force", days=183)
