"""The options of `cell audit` and its exit code."""

import pytest
from audit_samples import answer, audit

from operations.audit.command import chosen, exit_code, listing, places
from operations.audit.result import Place, Population
from operations.errors import CellError, ExitCode
from policies.catalogue import controls
from policies.control import Framework, Severity, Status

GREEN = (answer(Status.PASS),)


def test_a_failure_at_or_above_the_limit_is_a_violation() -> None:
    failing = audit(answers=(answer(Status.FAIL),))
    assert exit_code(failing, Severity.LOW, strict=False) is ExitCode.POLICY_VIOLATION
    assert exit_code(failing, Severity.MEDIUM, strict=False) is ExitCode.POLICY_VIOLATION
    assert exit_code(failing, Severity.HIGH, strict=False) is ExitCode.OK


def test_an_accepted_failure_is_none_and_an_emergency_stays_one() -> None:
    accepted = audit(answers=(answer(Status.FAIL, "accepted", exception="EX-1"),))
    assert exit_code(accepted, Severity.LOW, strict=True) is ExitCode.POLICY_VIOLATION, "a population is not listed"
    accepted = audit(answers=accepted.answers, populations=())
    assert exit_code(accepted, Severity.LOW, strict=True) is ExitCode.OK
    (exception,) = accepted.exceptions
    emergency = audit(
        answers=accepted.answers, populations=(), exceptions=(exception.model_copy(update={"emergency": True}),)
    )
    assert exit_code(emergency, Severity.LOW, strict=False) is ExitCode.POLICY_VIOLATION


@pytest.mark.parametrize("status", [Status.NOT_OBSERVED, Status.UNDETERMINED])
def test_what_was_not_seen_fails_a_strict_audit_only(status: Status) -> None:
    blind = audit(answers=(answer(status),), populations=())
    assert exit_code(blind, Severity.LOW, strict=False) is ExitCode.OK
    assert exit_code(blind, Severity.LOW, strict=True) is ExitCode.POLICY_VIOLATION


def test_a_type_that_could_not_be_listed_fails_a_strict_audit() -> None:
    unlisted = Population(type="t", account="a", region="r", listed=None, source="s", reason="AccessDenied")
    found = audit(answers=GREEN, populations=(unlisted,))
    assert exit_code(found, Severity.LOW, strict=True) is ExitCode.POLICY_VIOLATION


def test_controls_are_chosen_by_id_framework_and_severity() -> None:
    assert chosen() == controls()
    assert [one.id for one in chosen(["key-03", "NET-01"])] == ["KEY-03", "NET-01"]
    assert [one.id for one in chosen(["KEY-03", "NET-01"], severity=Severity.CRITICAL)] == ["NET-01"]
    assert {one.id for one in chosen(framework=Framework.GDPR)} < {one.id for one in controls()}
    with pytest.raises(CellError, match=r"KEY-99: no such control; `cell audit --list` has all"):
        chosen(["KEY-99"])


def test_places_are_words_with_commas() -> None:
    assert places("state, live") == {Place.STATE, Place.LIVE}
    for words in ("", "stat", "state,,moon"):
        with pytest.raises(CellError, match="give one or more of preview, state, live"):
            places(words)


def test_the_list_has_every_question_and_where_it_is_asked() -> None:
    rows = listing(controls())
    questions = {(row["control"], row["question"]) for row in rows}
    assert questions == {
        (one.id, name)
        for one in controls()
        for name in (*(clause.check.__name__ for clause in one.clauses), *(asked.name for asked in one.asked))
    }
    applies = {row["question"]: row["applies"] for row in rows}
    assert applies["can_forget_a_person"] == "personal, payments"
    assert applies["rotates_within_a_year"] == applies["a_restore_succeeded"] == ""
    elsewhere = [row for row in rows if row["asked"] != "preview, state, live"]
    assert elsewhere
    assert all(row["why"] for row in elsewhere)
