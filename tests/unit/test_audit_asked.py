"""What an audit answers of itself: each question has an answer, asked in the control's own test file."""

from asked_audits import TODAY

from operations.audit.asked import Circumstances, asked_answers
from operations.audit.reconcile import changes
from policies.catalogue import controls
from policies.control import Source


def test_every_question_that_an_audit_answers_of_itself_has_an_answer() -> None:
    """Reconciliation answers the rest of CHG-01."""
    questions = {(one.id, ask.name) for one in controls() for ask in one.asked if ask.source is Source.AUDIT}
    answered = {(one.control, one.clause) for one in asked_answers(controls(), Circumstances(today=TODAY))}
    assert questions - answered == {
        ("CHG-01", name) for name in ("nothing_drifted", "nothing_is_missing", "nothing_is_unmanaged")
    }
    assert list(changes([], [])) == []
