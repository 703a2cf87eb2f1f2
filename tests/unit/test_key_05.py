"""KEY-05: how long a scheduled deletion of a key can be cancelled."""

from collections.abc import Mapping
from types import MappingProxyType

from judged import status as judged
from judged import unasked

from policies.catalogue import control
from policies.control import Finding, Status, answers
from policies.resources import Stack
from policies.testing import MADE_UP, UNKNOWN, resource, verdicts


def status(tags: Mapping[str, str] = MappingProxyType({}), **props: object) -> Status:
    (only,) = verdicts("KEY-05", resource("aws:kms/key:Key", "k", tags=dict(tags), **props)).values()
    return only


def test_a_window_below_thirty_days_fails_in_production_and_without_an_environment() -> None:
    assert status(deletionWindowInDays=30.0) is Status.PASS
    assert status() is Status.PASS, "KMS waits 30 days where none are given"
    assert status(deletionWindowInDays=29.0) is Status.FAIL
    for environment in ("production", "development"):
        assert status({"payment-cell:environment": environment}, deletionWindowInDays=7.0) is Status.FAIL
    assert status(MADE_UP, deletionWindowInDays=7.0) is Status.NOT_APPLICABLE
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
    declared = verdicts("KEY-05", resource("aws:kms/key:Key", "k", keyState="Disabled"))
    assert ("k", "is_in_service") not in declared


def test_a_state_that_nobody_told_is_undetermined_and_an_alias_has_none() -> None:
    for props in ({}, {"keyState": ""}, {"keyState": UNKNOWN}):
        assert judged("KEY-05", resource("aws:kms/key:Key", "k", **props), live=True) is Status.UNDETERMINED
    assert unasked("KEY-05", resource("aws:kms/alias:Alias", "a"), live=True)
