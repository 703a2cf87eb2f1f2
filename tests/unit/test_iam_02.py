"""IAM-02: credentials without an end."""

from typing import Any

import pytest
from recorded import Refusal, read

from policies.catalogue import control
from policies.control import Status, answers
from policies.resources import ROOT, Stack
from policies.testing import resource, verdicts


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
