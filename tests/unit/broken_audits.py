"""Mutations of what no predicate over resources asks: attestations, and what an audit answers of itself.

The healthy one is a project in which every question is attested and whose audit finds nothing; one thing is broken, and
one question is not passed any more.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from unittest.mock import patch

from attested import TODAY, File, questions, vouched
from audit_samples import audit

import catalogue
from catalogue import Processing, Transfer
from operations.audit.asked import Circumstances, asked_answers
from operations.audit.reconcile import Key, Said, Sight, changes, reconcile
from operations.audit.result import Place, ResourceRef
from policies.catalogue import controls
from policies.control import Status

KEY: Key = ("aws:kms/key:Key", "123456789012", "eu-west-1", ("k",))
BRAZIL = Transfer(
    recipient="support",
    country="BR",
    mechanism="adequacy",
    assessed=date(2026, 1, 1),
    review_by=date(2027, 1, 1),
)
"""A decision on it stands in `catalogue/jurisdictions.yaml`."""


ABOUT = Circumstances(today=TODAY, accepted=audit().exceptions, previous_ended="2026-11-01T00:00:00Z")


@dataclass(frozen=True, kw_only=True)
class Audited:
    """What one audit meets."""

    attested: Mapping[str, Callable[[File], object]] = field(default_factory=dict)
    """`CONTROL question` -> what is done to its attestation."""
    about: Circumstances = ABOUT
    transfer: Transfer = BRAZIL
    declared: Status | None = Status.PASS
    """What the state says of the one resource; None: the state has none."""
    live: Status | None = Status.PASS
    """What the account says of it."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """One thing that is broken."""

    sees: str
    what: str
    broken: Audited


def unpassed(root: Path, audited: Audited) -> frozenset[str]:
    """Questions, as `CONTROL question`, that did not pass."""
    found = [(question, status) for question, status in vouched(root, audited.attested).items()]
    return frozenset(question for question, status in [*found, *_itself(audited)] if status is not Status.PASS)


def _itself(audited: Audited) -> Iterator[tuple[str, Status]]:
    register: Processing = catalogue.processing().model_copy(update={"transfers": (audited.transfer,)})
    with patch.object(catalogue, "processing", lambda: register):
        for one in asked_answers(controls(), audited.about):
            yield f"{one.control} {one.clause}", one.status
    places = [_sight(Place.STATE, audited.declared), _sight(Place.LIVE, audited.live)]
    for one in changes(places, reconcile(places, {})):
        yield f"{one.control} {one.clause}", one.status


def _sight(place: Place, said: Status | None) -> Sight:
    there = () if said is None else (KEY,)
    return Sight(
        place=place,
        refs={key: ResourceRef(type=key[0], name=f"{place}", id="k", account=key[1]) for key in there},
        said=[Said(control="KEY-03", clause="rotates_within_a_year", key=KEY, status=said)] if said else [],
        stacks={} if place is Place.LIVE else dict.fromkeys(there, "eu-west-1"),
        listed=frozenset({KEY[0]}),
    )


def _attestations() -> Iterator[Question]:
    """Each question's attestation with one thing wrong, in turn."""
    ways: tuple[tuple[str, Callable[[File], object]], ...] = (
        ("there is none", File.clear),
        ("it has expired", lambda said: said.update(valid_until="2026-11-28")),
        ("its performer reviewed it", lambda said: said.update(reviewer=said["performer"])),
        ("its artefact is another", lambda said: said.update(artefact_sha256="0" * 64)),
        ("its reviewer has no key", lambda said: said.update(reviewer="mallory@example.com")),
    )
    for number, (control, asked) in enumerate(questions()):
        words, change = ways[number % len(ways)]
        name = f"{control.id} {asked.name}"
        yield Question(sees=name, what=f"attestation: {words}", broken=Audited(attested={name: change}))


HEALTHY = Audited()
MUTATIONS = (
    *_attestations(),
    Question(
        sees="CHG-01 nothing_drifted",
        what="audit: the account has other values than the state",
        broken=Audited(live=Status.FAIL),
    ),
    Question(
        sees="CHG-01 nothing_is_missing", what="audit: the account has no such resource", broken=Audited(live=None)
    ),
    Question(
        sees="CHG-01 nothing_is_unmanaged", what="audit: no state has the resource", broken=Audited(declared=None)
    ),
    Question(
        sees="CHG-01 no_exception_is_refused",
        what="audit: an exception that does not hold",
        broken=Audited(about=replace(ABOUT, refused=audit().refused_exceptions)),
    ),
    Question(
        sees="MON-01 audits_ran_when_due",
        what="audit: the one before ended 42 days ago",
        broken=Audited(about=replace(ABOUT, previous_ended="2026-10-18T00:00:00Z")),
    ),
    Question(
        sees="RES-12 transfer_is_assessed",
        what="register: a transfer whose review is overdue",
        broken=Audited(transfer=BRAZIL.model_copy(update={"review_by": date(2026, 11, 28)})),
    ),
    Question(
        sees="RES-12 adequacy_is_in_force",
        what="register: a transfer to a country whose decision was not looked up",
        broken=Audited(transfer=BRAZIL.model_copy(update={"country": "JP"})),
    ),
)
