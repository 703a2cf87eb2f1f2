"""MON-01: audits run every month."""

import pytest
from asked_audits import asked

from policies.control import Status


@pytest.mark.parametrize(
    ("ended", "status"),
    [
        ("2026-11-01T00:00:00Z", Status.PASS),
        ("2026-10-28T00:00:00Z", Status.FAIL),
        ("", Status.NOT_OBSERVED),
    ],
)
def test_audits_are_due_every_month(ended: str, status: Status) -> None:
    assert asked("MON-01", previous_ended=ended) == {("audits_ran_when_due", "audits"): status}
