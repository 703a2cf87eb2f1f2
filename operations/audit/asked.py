"""What the audit answers of itself: exceptions, transfers of the register, and whether audits ran when due."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import catalogue
from operations.audit.reconcile import CHANGE
from operations.audit.result import (
    AcceptedException,
    Answer,
    Observed,
    Place,
    Reconciled,
    RefusedException,
    ResourceRef,
)
from policies.control import Control, Source, Status
from policies.controls.mon_01 import MAX_GAP_DAYS


@dataclass(frozen=True, kw_only=True, slots=True)
class Circumstances:
    """What an audit knows beside resources."""

    today: date
    accepted: Sequence[AcceptedException] = ()
    refused: Sequence[RefusedException] = ()
    previous_ended: str = ""
    """When the audit before ended; "" where none was found."""


Row = tuple[str, Status, str]
"""(name of what was asked about, answer, reason)"""


def asked_answers(controls: Iterable[Control], about: Circumstances) -> Iterator[Answer]:
    """Answers to every question of these controls that an audit answers of itself, but those of reconciliation."""
    for control in controls:
        for asked in control.asked:
            answers = _ANSWERS.get((control.id, asked.name))
            if asked.source is Source.AUDIT and answers is not None:
                for name, status, reason in answers(about):
                    yield _answer(control.id, asked.name, name, status, reason)


def _exceptions(about: Circumstances) -> Iterator[Row]:
    for one in about.refused:
        yield f"{one.file}:{one.line} {one.id}".strip(), Status.FAIL, one.problem
    for held in about.accepted:
        yield held.id, Status.PASS, ""
    if not about.refused and not about.accepted:
        yield "exceptions", Status.NOT_APPLICABLE, "nobody has asked for one"


def _transfers(about: Circumstances) -> Iterator[Row]:
    transfers = catalogue.processing().transfers
    for one in transfers:
        overdue = one.review_by < about.today
        reason = f"{one.mechanism}, was to be assessed again by {one.review_by}" if overdue else ""
        yield f"{one.recipient} in {one.country}", Status.FAIL if overdue else Status.PASS, reason
    if not transfers:
        yield "transfers", Status.NOT_APPLICABLE, "the register has no transfer"


def _adequacy(about: Circumstances) -> Iterator[Row]:
    decisions = {one.country: one for one in catalogue.jurisdictions().adequacy}
    transfers = [one for one in catalogue.processing().transfers if one.mechanism == "adequacy"]
    for one in transfers:
        decision = decisions.get(one.country)
        problem = ""
        if decision is None:
            problem = f"the catalogue has no decision about {one.country}"
        elif decision.review_by is not None and decision.review_by < about.today:
            problem = f"decision {decision.decision} was to be looked at again by {decision.review_by}"
        elif not decision.verified:
            problem = f"decision {decision.decision} has not been looked up (verified: false)"
        yield f"{one.recipient} in {one.country}", Status.FAIL if problem else Status.PASS, problem
    if not transfers:
        yield "transfers", Status.NOT_APPLICABLE, "no transfer rests on adequacy"


def _audits(about: Circumstances) -> Iterator[Row]:
    if not about.previous_ended:
        yield "audits", Status.NOT_OBSERVED, "no evidence bundle of an audit before this one was found"
        return
    days = (about.today - datetime.fromisoformat(about.previous_ended).date()).days
    late = days > MAX_GAP_DAYS
    reason = f"the audit before ended {days} days ago, more than {MAX_GAP_DAYS}" if late else ""
    yield "audits", Status.FAIL if late else Status.PASS, reason


_ANSWERS: Mapping[tuple[str, str], Callable[[Circumstances], Iterator[Row]]] = {
    (CHANGE, "no_exception_is_refused"): _exceptions,
    ("RES-12", "transfer_is_assessed"): _transfers,
    ("RES-12", "adequacy_is_in_force"): _adequacy,
    ("MON-01", "audits_ran_when_due"): _audits,
}


def _answer(control: str, clause: str, name: str, status: Status, reason: str) -> Answer:
    return Answer(
        control=control,
        clause=clause,
        resource=ResourceRef(type="audit", name=name, id=name),
        status=status,
        reason=reason,
        reconciled=Reconciled.ONE_PLACE,
        observed=(Observed(place=Place.LIVE, status=status, reason=reason),),
    )
