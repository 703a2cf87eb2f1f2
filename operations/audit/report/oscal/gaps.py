"""What nobody answered: clauses without a resource, questions without an answer, lists that did not come."""

from collections.abc import Iterable

from operations.audit.report.oscal.common import (
    Document,
    asked,
    clauses,
    filled,
    hostile,
    may_be_asked,
    method,
    props,
    stable_uuid,
    words,
)
from operations.audit.report.oscal.observations import Alike, origin
from operations.audit.result import Audit, ControlEntry, Population
from policies.control import Source

Gap = tuple[ControlEntry, str]
"""A control and the name of one of its clauses."""


def unanswered(audit: Audit) -> tuple[Gap, ...]:
    """Clauses without a single answer."""
    answered = {(answer.control, answer.clause) for answer in audit.answers}
    return tuple(
        (entry, name) for entry in asked(audit) for name in sorted(clauses(entry)) if (entry.id, name) not in answered
    )


def unseen(audit: Audit) -> tuple[Gap, ...]:
    """Of these the ones that would have an answer if anybody had looked: zero resources do not explain them."""
    return tuple(gap for gap in unanswered(audit) if _unseen(audit, *gap))


def unanswered_uuid(audit: Audit, gap: Gap) -> str:
    return stable_uuid("unanswered", audit.id, gap[0].id, gap[1])


def without_answer(audit: Audit) -> list[Document]:
    """An observation without subjects for each clause that nothing answered."""
    return [_observation(audit, gap) for gap in unanswered(audit)]


def _unseen(audit: Audit, entry: ControlEntry, name: str) -> str:
    """Why nobody could have answered; "" where there was only no resource."""
    named = [clause for clause in entry.clauses if clause.name == name]
    if any(clause.not_declared in set(Source) for clause in named):
        return "Not observed: an attestation or the audit itself answers this, and neither did."
    if not any(may_be_asked(entry, place, name) for place in audit.scope.places):
        return f"Not observed: none of {', '.join(audit.scope.places)} can show it."
    return ""


def _observation(audit: Audit, gap: Gap) -> Document:
    entry, name = gap
    where = [place for place in audit.scope.places if may_be_asked(entry, place, name)]
    silent = len(unlisted(audit))
    rows = f"Resources may exist: lists that did not answer: {silent}."
    none = "Not applicable: every list answered, and none holds such a resource."
    return filled(
        {
            "uuid": unanswered_uuid(audit, gap),
            "title": words(f"{entry.id} {name}: no answer"),
            "description": "Zero rows: the audit has no resource that this was asked of. No finding is drawn from it.",
            "props": props({"control": entry.id, "clause": name, "rows": "0"}),
            "methods": sorted({method(place) for place in where}) or ["EXAMINE"],
            "types": ["control-objective"],
            "origins": [origin(audit, where)],
            "collected": audit.ended,
            "remarks": _unseen(audit, entry, name) or (rows if silent else none),
        }
    )


def unlisted(audit: Audit) -> tuple[Population, ...]:
    """Populations that could not be listed: nobody knows what is in them."""
    return tuple(population for population in audit.populations if population.listed is None)


def unlisted_of(audit: Audit, groups: Iterable[Alike]) -> tuple[Population, ...]:
    """Those of the types that answers are about."""
    types = {answer.resource.type for group in groups for answer in group.answers}
    return tuple(population for population in unlisted(audit) if population.type in types)


def unlisted_uuid(audit: Audit, population: Population) -> str:
    return stable_uuid("population", audit.id, population.type, population.account, population.region)


def populations(audit: Audit) -> list[Document]:
    """An observation with every list that answered, and one for each that did not."""
    listed = [population for population in audit.populations if population.listed is not None]
    lines = "\n".join(f"- {_counted(population)}" for population in listed)
    common = {"methods": ["TEST"], "origins": [origin(audit)], "collected": audit.ended}
    known = {
        "uuid": stable_uuid("populations", audit.id),
        "title": "Populations",
        "description": f"Resources by type, account and region, as the list call of the type counted them.\n\n{lines}",
        **common,
    }
    missing = [
        {
            "uuid": unlisted_uuid(audit, population),
            "title": f"Not listed: {hostile(population.type)} in {hostile(population.region or 'no region')}",
            "description": f"{hostile(population.source)}: {hostile(population.reason)}",
            "props": props({"type": population.type, "account": population.account, "region": population.region}),
            "types": ["discovery"],
            **common,
        }
        for population in unlisted(audit)
    ]
    return ([known] if listed else []) + missing


def _counted(population: Population) -> str:
    second = f"; {hostile(population.second_source)} counted {population.second}" if population.second_source else ""
    where = " ".join(hostile(part) for part in (population.type, population.account, population.region) if part)
    owned = f" ({population.owned_by_aws} of AWS itself)" if population.owned_by_aws else ""
    return f"{where}: {population.listed}{owned} by {hostile(population.source)}{second}"
