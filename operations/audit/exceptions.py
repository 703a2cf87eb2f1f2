"""Exceptions over the answers of an audit: what is accepted still fails, and what accepts nothing is told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from operations.audit.result import AcceptedException, Answer, Approval, RefusedException
from operations.project import Project
from policies.control import Status
from policies.exceptions import Accepted, Exceptions, Refused, load


def exceptions_of(project: Project, stacks: Iterable[str], now: datetime) -> Exceptions:
    """What the files of these stacks say at a time. An account with no state has none: entries are of a stack."""
    return load([project.exceptions_file(stack) for stack in stacks], now)


def applied(
    answers: Sequence[Answer], exceptions: Exceptions
) -> tuple[tuple[Answer, ...], tuple[AcceptedException, ...], tuple[RefusedException, ...]]:
    """Answers with the exception that accepts them, exceptions in use, and entries that accept nothing.

    An exception is named ``<stack>/<id>``: several stacks may number theirs alike. One for a resource in no state names
    it by the provider's id, which must be that of one resource only.
    """
    used: dict[str, Accepted] = {}
    refused = [_refused(one) for one in exceptions.refused]
    by_id = _unmanaged(answers)
    unclear = {
        _name(one): one
        for one in exceptions.accepted
        if len(by_id.get((one.terms.control, one.terms.resource), ())) > 1
    }
    marked: list[Answer] = []
    for answer in answers:
        found = _of(answer, exceptions) if answer.status is Status.FAIL else None
        if found is not None and _name(found) not in unclear:
            used[_name(found)] = found
            answer = answer.model_copy(update={"exception": _name(found)})
        marked.append(answer)
    for one in exceptions.accepted:
        if _name(one) in unclear:
            refused.append(_nothing(one, "resource: is the id of several resources; name its URN"))
        elif _name(one) not in used:
            refused.append(_nothing(one, "resource: matches nothing that fails; remove the entry"))
    return tuple(marked), tuple(map(_accepted, used.values())), tuple(refused)


def emergencies(accepted: Iterable[AcceptedException]) -> frozenset[str]:
    """Names of the exceptions that an audit stays red for: an emergency lets ``up`` go on, and nothing else."""
    return frozenset(one.id for one in accepted if one.emergency)


def _of(answer: Answer, exceptions: Exceptions) -> Accepted | None:
    return exceptions.of(answer.control, answer.resource.urn or answer.resource.id)


def _unmanaged(answers: Iterable[Answer]) -> dict[tuple[str, str], set[str]]:
    """(control, id) -> the resources in no state that fail and have this id."""
    found: dict[tuple[str, str], set[str]] = {}
    for answer in answers:
        if answer.status is Status.FAIL and not answer.resource.urn:
            found.setdefault((answer.control, answer.resource.id), set()).add(answer.resource.key)
    return found


def _name(exception: Accepted) -> str:
    return f"{exception.terms.stack}/{exception.terms.id}"


def _nothing(exception: Accepted, problem: str) -> RefusedException:
    return RefusedException(file=exception.file, line=exception.line, id=_name(exception), problem=problem)


def _refused(refused: Refused) -> RefusedException:
    return RefusedException(file=refused.file, line=refused.line, id=refused.id, problem=refused.problem)


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
