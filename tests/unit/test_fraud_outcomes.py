"""What becomes of payments, and what a model may learn from it."""

from typing import Any

import pytest

from contracts.events import GENESIS, Envelope, seal
from contracts.fraud import FraudError, HumanReview, Outcome
from contracts.fraud_outcomes import Fate, PaymentOutcome, labels
from workloads.scorer.outcomes import outcome_of

DECISION, PAYMENT, NOW = "dec_" + "1" * 26, "pay_" + "2" * 26, "2026-11-28T00:00:00.000Z"
FRAUD = {"mode": "decided", "decision": "allow", "id": DECISION}


def event(event_type: str, **changes: Any) -> Envelope:
    data = {"payment": PAYMENT, "livemode": True, "fraud": FRAUD, **changes}
    place = {"region": "eu-west-1", "cell": "eu-west-1", "shard": "s00"}
    kind = event_type.partition(".")[0]
    return seal(
        account="acct_shop1",
        sequence=1,
        previous=GENESIS,
        type=event_type,
        schema=f"{kind}/2",
        data={name: value for name, value in data.items() if value is not None},
        **place,
    )


def verdict(by: str, passed: bool) -> dict[str, Any]:
    return {"by": by, "passed": passed, "reference": None}


@pytest.mark.parametrize(
    ("found", "fate"),
    [
        (event("payment.succeeded"), Fate.PAID),
        (event("payment.succeeded", verdict=verdict("person", True)), Fate.PAID),
        (event("payment.declined"), Fate.DECLINED),
        (event("payment.declined", verdict=verdict("payer", True)), Fate.DECLINED),
        (
            event("payment.declined", verdict=verdict("payer", False), fraud={**FRAUD, "decision": "authenticate"}),
            Fate.UNAUTHENTICATED,
        ),
        (event("payment.failed", verdict=verdict("time", False), fraud={**FRAUD, "decision": "review"}), Fate.FAILED),
        (event("refund.succeeded", fraud=None, decision=DECISION, why="duplicate"), Fate.REFUNDED),
        (event("refund.succeeded", fraud=None, decision=DECISION, why="fraudulent"), Fate.REFUNDED_AS_FRAUD),
        (event("payment.review"), None),
        (event("payment.released", verdict=verdict("person", True)), None),
        (event("payment.declined", verdict=verdict("person", False)), None),
        (event("payment.succeeded", livemode=False), None),
        (event("refund.succeeded", fraud=None), None),
    ],
)
def test_an_event_says_what_became_of_its_decisions_payment(found: Envelope, fate: Fate | None) -> None:
    outcome = outcome_of(found)
    assert (outcome and outcome.fate) == fate
    assert outcome is None or (outcome.decision, outcome.payment, outcome.source) == (DECISION, PAYMENT, found.id)


def test_a_payment_that_passed_unscored_is_joined_with_the_decision_made_afterwards() -> None:
    outcome = outcome_of(event("payment.succeeded", fraud={"mode": "failed-open", "decision": "allow", "id": None}))
    assert outcome is not None
    assert outcome.decision == "dec_" + "2" * 26


def test_one_word_of_fraud_outweighs_that_it_was_paid_and_a_person_outweighs_both() -> None:
    def fate(fate: Fate) -> dict[str, Any]:
        return PaymentOutcome(decision=DECISION, fate=fate, source="x", time=NOW).data()

    def review(outcome: Outcome) -> dict[str, Any]:
        return dict(HumanReview(decision=DECISION, reviewer="ann", outcome=outcome, reason="x", time=NOW).data())

    assert labels([fate(Fate.DECLINED), fate(Fate.DISPUTED)]) == {}
    assert labels([fate(Fate.PAID)]) == {DECISION: False}
    assert labels([fate(Fate.CHARGEBACK), fate(Fate.PAID)]) == {DECISION: True}
    assert labels([fate(Fate.PAID), fate(Fate.REFUNDED_AS_FRAUD)]) == {DECISION: True}
    assert labels([review(Outcome.UPHELD), review(Outcome.REVERSED), fate(Fate.CHARGEBACK)]) == {DECISION: False}


def test_an_outcome_names_its_decision_and_its_case() -> None:
    with pytest.raises(FraudError, match=r"outcome\.decision"):
        PaymentOutcome(decision="d1", fate=Fate.PAID, source="x", time=NOW)
    with pytest.raises(FraudError, match=r"outcome\.reference"):
        PaymentOutcome(decision=DECISION, fate=Fate.CHARGEBACK, source=" ", time=NOW)
