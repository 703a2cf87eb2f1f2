"""IAM-02: credentials without an end."""

from typing import Any

import pytest
from judged import status, unasked
from recorded import Refusal, read

from policies.catalogue import control
from policies.control import Status, answers
from policies.resources import ROOT, Stack
from policies.testing import UNKNOWN, resource, verdicts


def test_a_user_and_an_access_key_are_violations_by_being_there() -> None:
    user, key = resource("aws:iam/user:User", "user"), resource("aws:iam/accessKey:AccessKey", "key")
    assert verdicts("IAM-02", user, key) == {
        ("user", "is_no_user"): Status.FAIL,
        ("key", "is_no_access_key"): Status.FAIL,
    }


def test_a_role_is_not_asked() -> None:
    assert verdicts("IAM-02", resource("aws:iam/role:Role", "role")) == {}


def root(**counts: int) -> dict[str, Status]:
    account = read(ROOT, {"iam.get_account_summary": {"SummaryMap": counts}})
    found = answers(control("IAM-02"), Stack(tuple(one.resource for one in account.found)), live=True)
    return {one.clause: one.verdict.status for one in found}


@pytest.mark.parametrize(
    ("counts", "keys", "mfa"),
    [
        ({"AccountMFAEnabled": 1, "AccountAccessKeysPresent": 0}, Status.PASS, Status.PASS),
        ({"AccountMFAEnabled": 0, "AccountAccessKeysPresent": 1}, Status.FAIL, Status.FAIL),
        ({"AccountMFAEnabled": 0, "AccountPasswordPresent": 1}, Status.PASS, Status.FAIL),
        ({"AccountMFAEnabled": 0, "AccountPasswordPresent": 0}, Status.PASS, Status.PASS),
        ({}, Status.PASS, Status.FAIL),
    ],
)
def test_root_is_judged_by_what_iam_counts(counts: dict[str, int], keys: Status, mfa: Status) -> None:
    assert root(**counts) == {"root_has_no_access_keys": keys, "root_has_mfa_or_no_password": mfa}


def test_a_summary_that_is_refused_leaves_root_not_observed() -> None:
    account = read(ROOT, {"iam.get_account_summary": Refusal("AccessDenied")})
    assert account.unobserved == {ROOT: "eu-west-1: iam:GetAccountSummary: AccessDenied"}


def test_no_program_is_asked_about_root() -> None:
    props: dict[str, Any] = {"mfaEnabled": False}
    assert verdicts("IAM-02", resource(ROOT, "root", **props)) == {}


@pytest.mark.parametrize("clause", ["root_has_no_access_keys", "root_has_mfa_or_no_password"])
def test_what_is_not_known_of_root_is_undetermined(clause: str) -> None:
    unknown = resource(ROOT, "root", accessKeysPresent=UNKNOWN, mfaEnabled=UNKNOWN)
    assert status("IAM-02", unknown, clause=clause, live=True) is Status.UNDETERMINED


def test_a_summary_without_a_word_on_root_is_read_strictly() -> None:
    assert status("IAM-02", resource(ROOT, "root"), clause="root_has_mfa_or_no_password", live=True) is Status.FAIL
    assert unasked("IAM-02", resource("aws:iam/role:Role", "role"), live=True)


@pytest.mark.parametrize("type_", ["aws:iam/user:User", "aws:iam/accessKey:AccessKey"])
def test_nothing_that_is_absent_or_unknown_excuses_a_user_or_a_key(type_: str) -> None:
    for props in ({}, {"user": UNKNOWN, "status": UNKNOWN}, {"status": "Inactive"}):
        assert status("IAM-02", resource(type_, "x", **props)) is Status.FAIL
