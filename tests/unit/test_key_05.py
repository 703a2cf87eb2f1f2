"""KEY-05: how long a scheduled deletion of a key can be cancelled."""

from policies.catalogue import control
from policies.control import Finding, Status, answers
from policies.resources import Stack
from policies.testing import UNKNOWN, resource, verdicts


def status(environment: str | None = None, **props: object) -> Status:
    tags = {"payment-cell:environment": environment} if environment else {}
    (only,) = verdicts("KEY-05", resource("aws:kms/key:Key", "k", tags=tags, **props)).values()
    return only


def test_a_window_below_thirty_days_fails_in_production_and_without_an_environment() -> None:
    assert status(deletionWindowInDays=30.0) is Status.PASS
    assert status() is Status.PASS, "KMS waits 30 days where none are given"
    assert status(deletionWindowInDays=29.0) is Status.FAIL
    assert status("production", deletionWindowInDays=7.0) is Status.FAIL
    assert status("development", deletionWindowInDays=7.0) is Status.NOT_APPLICABLE
    assert status(deletionWindowInDays=UNKNOWN) is Status.UNDETERMINED


def test_a_key_out_of_service_fails_in_a_live_account_alone() -> None:
    def live(state: str) -> list[Finding]:
        return list(answers(control("KEY-05"), Stack((resource("aws:kms/key:Key", "k", keyState=state),)), live=True))

    for state, status in (
        ("Enabled", Status.PASS),
        ("PendingImport", Status.PASS),
        ("Disabled", Status.FAIL),
        ("PendingDeletion", Status.FAIL),
        ("PendingReplicaDeletion", Status.FAIL),
    ):
        (finding,) = live(state)
        assert (finding.clause, finding.verdict.status) == ("is_in_service", status)
    assert "is_in_service" not in verdicts("KEY-05", resource("aws:kms/key:Key", "k", keyState="Disabled"))
