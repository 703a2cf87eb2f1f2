"""What was answered. One observation holds all resources for which a clause was answered alike in every place: each
answer of the audit is one subject of one observation, so that a reader who counts subjects counts answers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from operations.audit.report.oscal.common import (
    Document,
    clauses,
    filled,
    hostile,
    method,
    prop,
    props,
    stable_uuid,
    task_uuid,
    tool_uuid,
    words,
)
from operations.audit.result import (
    AcceptedException,
    Answer,
    Audit,
    Place,
    Reconciled,
    ResourceRef,
)
from policies.control import Status

ANSWER = "answer"
"""Property of an observation: the answer about each of its subjects."""


@dataclass(frozen=True, slots=True)
class Alike:
    """Answers of one clause that say the same of their resources."""

    control: str
    clause: str
    status: Status
    reconciled: Reconciled
    places: tuple[tuple[Place, Status], ...]
    exception: AcceptedException | None
    answers: tuple[Answer, ...]

    def uuid(self, audit: Audit) -> str:
        said = (f"{place}: {status}" for place, status in self.places)
        accepted = exception_uuid(self.exception) if self.exception else ""
        key = (self.control, self.clause, self.status, self.reconciled, accepted, *said)
        return stable_uuid("observation", audit.id, *key)


_Key = tuple[str, str, Status, Reconciled, tuple[tuple[Place, Status], ...], AcceptedException | None]


def exception_uuid(exception: AcceptedException) -> str:
    """Of the risk that an exception accepts, the same after a renewal. Two stacks may both have an EX-1."""
    return stable_uuid("risk", "exception", exception.id, exception.control, exception.resource)


def _accepting(audit: Audit, answer: Answer) -> AcceptedException | None:
    """The exception that accepts a failure: of several with its id the one that names the resource."""
    if not answer.exception or answer.status is not Status.FAIL:
        return None
    named = [one for one in audit.exceptions if (one.id, one.control) == (answer.exception, answer.control)]
    own = [one for one in named if one.resource in (answer.resource.urn, answer.resource.id)]
    return next(iter(own or named), None)


def alike(audit: Audit) -> tuple[Alike, ...]:
    """Every answer, with those like it. Raises ValueError for an answer to what the catalogue does not ask."""
    known = {entry.id: clauses(entry) for entry in audit.controls}
    found: dict[_Key, list[Answer]] = {}
    for one in audit.answers:
        if one.clause not in known.get(one.control, ()):
            raise ValueError(f"{one.control}: {one.clause}: answered, and no clause of the audit's catalogue")
        said = tuple((observed.place, observed.status) for observed in one.observed)
        key = (one.control, one.clause, one.status, one.reconciled, said, _accepting(audit, one))
        found.setdefault(key, []).append(one)
    return tuple(Alike(*key, answers=tuple(answers)) for key, answers in found.items())


def observation(audit: Audit, group: Alike) -> Document:
    """One observation with its resources, what each place said, and the records it rests on."""
    said = "; ".join(f"{place}: {status}" for place, status in group.places)
    return filled(
        {
            "uuid": group.uuid(audit),
            "title": words(f"{group.control} {group.clause}: {group.status}"),
            "description": words(f"{said or 'asked nowhere'}. Together: {group.status}, {group.reconciled}."),
            "props": props(
                {
                    "control": group.control,
                    "clause": group.clause,
                    ANSWER: group.status,
                    "reconciled": group.reconciled,
                    "exception": group.exception.id if group.exception else "",
                    **{f"answer-{place}": status for place, status in group.places},
                }
            ),
            "methods": sorted({method(place) for place, _ in group.places}) or ["EXAMINE"],
            "types": ["control-objective"],
            "origins": [origin(audit, [place for place, _ in group.places])],
            "subjects": [_subject(answer) for answer in group.answers],
            "relevant-evidence": _evidence(audit, group),
            "collected": audit.ended,
        }
    )


def origin(audit: Audit, places: Iterable[Place] = ()) -> Document:
    """The tool, and the tasks of the plan in which it asked."""
    tasks = [{"task-uuid": task_uuid(audit, place)} for place in places]
    return filled({"actors": [{"type": "tool", "actor-uuid": tool_uuid(audit)}], "related-tasks": tasks})


def resource_uuid(resource: ResourceRef) -> str:
    return stable_uuid("resource", resource.key)


def inventory(answers: Iterable[Answer]) -> list[Document]:
    """The resources that answers are about, each once."""
    first = {answer.resource.key: answer for answer in reversed(tuple(answers))}
    return [_item(answer.stack, answer.resource) for _, answer in sorted(first.items())]


def _subject(answer: Answer) -> Document:
    reasons = [hostile(answer.reason)] if answer.reason else []
    reasons += [
        f"{one.place}: {hostile(one.reason)}" for one in answer.observed if one.reason and one.reason != answer.reason
    ]
    records = sorted({number for one in answer.observed for number in one.evidence})
    return filled(
        {
            "subject-uuid": resource_uuid(answer.resource),
            "type": "inventory-item",
            "title": hostile(answer.resource.name),
            "props": [prop("evidence-records", _ranges(records))] if records else [],
            "remarks": "\n\n".join(reasons),
        }
    )


def _evidence(audit: Audit, group: Alike) -> list[Document]:
    by_place: dict[Place, set[int]] = {}
    for answer in group.answers:
        for one in answer.observed:
            by_place.setdefault(one.place, set()).update(one.evidence)
    return [
        {
            "description": f"Evidence bundle {hostile(audit.id)}, {place}: records {_ranges(sorted(records))}.",
            "props": props({"place": place, "evidence-records": _ranges(sorted(records))}),
        }
        for place, records in by_place.items()
        if records
    ]


def _item(stack: str, resource: ResourceRef) -> Document:
    return {
        "uuid": resource_uuid(resource),
        "description": f"{hostile(resource.type)} {hostile(resource.name)}",
        "props": props(
            {
                "type": resource.type,
                "name": resource.name,
                "id": resource.id,
                "account": resource.account,
                "region": resource.region,
                "urn": resource.urn,
                "stack": stack,
            }
        ),
    }


def _ranges(numbers: Sequence[int]) -> str:
    """``1, 2, 3, 7`` as ``1-3, 7``."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)
