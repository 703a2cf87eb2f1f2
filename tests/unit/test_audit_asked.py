"""What an audit answers of itself."""

from datetime import date
from typing import Any

import pytest
from audit_samples import audit

import catalogue
from catalogue import Processing, Transfer
from operations.audit.asked import Circumstances, asked_answers
from operations.audit.reconcile import changes
from policies.catalogue import control, controls
from policies.control import Source, Status

TODAY = date(2026, 11, 29)


def asked(control_id: str, **about: Any) -> dict[tuple[str, str], Status]:
    found = asked_answers([control(control_id)], Circumstances(today=TODAY, **about))
    return {(one.clause, one.resource.name): one.status for one in found}


def test_a_refused_exception_fails_and_one_that_holds_passes() -> None:
    sample = audit()
    found = asked("CHG-01", accepted=sample.exceptions, refused=sample.refused_exceptions)
    assert found == {
        ("no_exception_is_refused", "EX-1"): Status.PASS,
        ("no_exception_is_refused", "exceptions/eu-west-1.yaml:12 EX-2"): Status.FAIL,
    }
    assert set(asked("CHG-01").values()) == {Status.NOT_APPLICABLE}


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


def register(monkeypatch: pytest.MonkeyPatch, **changed: Any) -> None:
    given = {
        "recipient": "support",
        "country": "BR",
        "mechanism": "adequacy",
        "assessed": date(2026, 1, 1),
        "review_by": date(2027, 1, 1),
    }
    found: Processing = catalogue.processing()
    transfers = (Transfer.model_validate(given | changed),)
    monkeypatch.setattr(catalogue, "processing", lambda: found.model_copy(update={"transfers": transfers}))


@pytest.mark.parametrize(
    ("changed", "assessed", "adequate"),
    [
        ({}, Status.PASS, Status.PASS),
        ({"review_by": date(2026, 11, 28)}, Status.FAIL, Status.PASS),
        ({"country": "JP"}, Status.PASS, Status.FAIL),
        ({"country": "CN"}, Status.PASS, Status.FAIL),
    ],
)
def test_a_transfer_needs_its_dates_and_a_decision_that_was_looked_up(
    monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any], assessed: Status, adequate: Status
) -> None:
    register(monkeypatch, **changed)
    found = {clause: status for (clause, _), status in asked("RES-12").items()}
    assert found == {"transfer_is_assessed": assessed, "adequacy_is_in_force": adequate}


def test_other_mechanisms_ask_for_no_decision(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, country="CN", mechanism="standard-contractual-clauses")
    assert ("adequacy_is_in_force", "transfers") in asked("RES-12")


def test_every_question_that_an_audit_answers_of_itself_has_an_answer() -> None:
    """Reconciliation answers the rest of CHG-01."""
    questions = {(one.id, ask.name) for one in controls() for ask in one.asked if ask.source is Source.AUDIT}
    answered = {(one.control, one.clause) for one in asked_answers(controls(), Circumstances(today=TODAY))}
    assert questions - answered == {
        ("CHG-01", name) for name in ("nothing_drifted", "nothing_is_missing", "nothing_is_unmanaged")
    }
    assert list(changes([], [])) == []
