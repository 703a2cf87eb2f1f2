"""RES-12: transfers of the register, as an audit answers of itself."""

from datetime import date
from typing import Any

import pytest
from asked_audits import asked

import catalogue
from catalogue import Processing, Transfer
from policies.control import Status


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


def test_without_a_transfer_there_is_nothing_to_assess() -> None:
    assert set(asked("RES-12").values()) == {Status.NOT_APPLICABLE}
