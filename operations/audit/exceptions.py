"""Exceptions over the answers of an audit: what is accepted still fails, and what accepts nothing is told."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from pathlib import Path

from operations.audit.result import AcceptedException, Answer, Approval, RefusedException
from operations.project import Project
from policies.control import Status
from policies.exceptions import Accepted, Exceptions, Refused, load


def exceptions_of(project: Project, stacks: Iterable[str], now: datetime) -> Exceptions:
    """What the files of these stacks say at a time. An account with no state has none: entries are of a stack."""
    return load([project.exceptions_file(stack) for stack in stacks], now)


def applied(
    answers: Sequence[Answer], exceptions: Exceptions, asked: Collection[str]
) -> tuple[tuple[Answer, ...], tuple[AcceptedException, ...], tuple[RefusedException, ...]]:
    """Answers with the exception that accepts them, exceptions in use, and entries that accept nothing.

    ``asked``: ids of the controls of this audit; it says nothing of exceptions of others. An exception is named
    ``<stack>/<id>``: several stacks may number theirs alike. One for a resource in no state names it by the provider's
    id, which must be that of one resource only.
    """
    holding = {_name(one): one for one in exceptions.accepted if one.terms.control in asked}
    meant = _meant(answers)
    refused = [_refused(one) for one in exceptions.refused]
    for name, one in list(holding.items()):
        resources = meant.get((one.terms.control, one.terms.resource), set())
        if len(resources) != 1:
            problem = "is the id of several resources" if resources else "matches nothing that fails"
            refused.append(_nothing(one, f"resource: {problem}; remove the entry, or name the URN that it is about"))
            del holding[name]
    return (
        tuple(_marked(answer, exceptions, holding) for answer in answers),
        tuple(map(_accepted, holding.values())),
        tuple(refused),
    )


def emergencies(accepted: Iterable[AcceptedException]) -> frozenset[str]:
    """Names of the exceptions that an audit stays red for: an emergency lets ``up`` go on, and nothing else."""
    return frozenset(one.id for one in accepted if one.emergency)


def _marked(answer: Answer, exceptions: Exceptions, holding: Collection[str]) -> Answer:
    found = exceptions.of(answer.control, _subject(answer)) if answer.status is Status.FAIL else None
    if found is None or _name(found) not in holding:
        return answer
    return answer.model_copy(update={"exception": _name(found)})


def _meant(answers: Iterable[Answer]) -> dict[tuple[str, str], set[str]]:
    """(control, what an entry may name) -> the resources behind it that fail, or may: not known is not repaired."""
    found: dict[tuple[str, str], set[str]] = {}
    for answer in answers:
        if answer.status not in (Status.PASS, Status.NOT_APPLICABLE):
            found.setdefault((answer.control, _subject(answer)), set()).add(answer.resource.urn or answer.resource.key)
    return found


def _subject(answer: Answer) -> str:
    return answer.resource.urn or answer.resource.id


def _name(exception: Accepted) -> str:
    return f"{exception.terms.stack}/{exception.terms.id}"


def _nothing(exception: Accepted, problem: str) -> RefusedException:
    return RefusedException(file=exception.file, line=exception.line, id=_name(exception), problem=problem)


def _refused(refused: Refused) -> RefusedException:
    name = f"{Path(refused.file).stem}/{refused.id}" if refused.id else ""
    return RefusedException(file=refused.file, line=refused.line, id=name, problem=refused.problem)


def _accepted(exception: Accepted) -> AcceptedException:
    terms = exception.terms
    return AcceptedException(
        id=_name(exception),
        control=terms.control,
        resource=terms.resource,
        reason=terms.reason,
        requester=terms.requester,
        ticket=terms.ticket,
        compensating_control=terms.compensating_control,
        granted=terms.granted,
        expires=terms.expires,
        renewal=terms.renewal,
        emergency=terms.emergency,
        digest=terms.digest,
        approvals=tuple(
            Approval(approver=one.approver, role=one.role, key=one.key, signed=one.signed)
            for one in exception.approvals
        ),
    )
