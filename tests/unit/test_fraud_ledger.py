"""The ledger of fail-open decisions, and the pointer that says which model scores."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_fraud_rules import record

from contracts.fraud import Contest, Decision, FraudError, HumanReview, Mode, Outcome
from contracts.fraud_failures import FailOpenBudget, ledger
from contracts.fraud_models import Pointer, parse_pointer

A, B, C = (f"sha256:{letter * 64}" for letter in "abc")


def test_each_unscored_payment_is_counted_once_and_stays_open_until_it_is_rescored() -> None:
    records = [record(id=f"dec_{number:026}") for number in range(998)]
    unscored = [record(mode=Mode.FAILED_OPEN, payment=f"pay_{number}") for number in range(2)]
    late = record(mode=Mode.RESCORED, payment="pay_0", decision=Decision.BLOCK)
    found = ledger([*records, *unscored, *unscored, late, late], FailOpenBudget(share=0.004))
    assert (found.decided, found.failed_open, found.rescored, found.regretted) == (1000, 2, 1, 1)
    assert found.open == ("pay_1",)
    assert found.left == pytest.approx(0.5)


def test_an_overspent_budget_shows_below_zero() -> None:
    found = ledger([record(mode=Mode.FAILED_OPEN, payment="pay_1")], FailOpenBudget(share=0.5))
    assert found.left == pytest.approx(-1.0)


def test_a_review_names_a_person_and_a_reason_and_a_contest_says_something() -> None:
    id_ = record().id
    done = HumanReview(decision=id_, reviewer="ann", outcome=Outcome.REVERSED, reason="known customer", time="t")
    assert done.data()["outcome"] == "reversed"
    with pytest.raises(FraudError, match=r"review\.reason"):
        HumanReview(decision=id_, reviewer="ann", outcome=Outcome.UPHELD, reason=" ", time="t")
    with pytest.raises(FraudError, match=r"contest\.statement"):
        Contest(decision=id_, statement="", time="t")


@given(st.integers(1, 98))
def test_a_larger_canary_keeps_the_accounts_of_a_smaller_one(percent: int) -> None:
    small = Pointer(version=1, serving=A, canary=B, canary_percent=percent)
    large = Pointer(version=2, serving=A, canary=B, canary_percent=percent + 1)
    accounts = [f"acct_{number:04}" for number in range(300)]
    assert {a for a in accounts if small.model_for(a) == B} <= {a for a in accounts if large.model_for(a) == B}


def test_a_canary_takes_about_its_share() -> None:
    pointer = Pointer(version=1, serving=A, canary=B, canary_percent=20)
    hit = sum(pointer.model_for(f"acct_{number:05}") == B for number in range(5_000))
    assert 0.17 < hit / 5_000 < 0.23


def test_a_pointer_survives_its_json_form_and_a_broken_one_is_refused() -> None:
    pointer = Pointer(version=3, serving=A, previous=B, shadow=C)
    assert parse_pointer(pointer.to_json()) == pointer
    for broken in ("no", "{}", pointer.to_json().replace("sha256:c", "md5:c")):
        with pytest.raises(FraudError, match="pointer"):
            parse_pointer(broken)
    with pytest.raises(FraudError, match="canary_percent"):
        Pointer(version=1, serving=A, canary=B)
