"""What somebody vouches for: `attestations/*.yaml`, one file an attestation.

    control: BCK-04
    question: a_restore_succeeded            # a name of the control's `asked`
    statement: all eight shards were restored in Frankfurt and their checksums matched
    performer: ada@example.com
    role: site reliability engineer
    period: {from: 2026-10-01, to: 2026-11-15}
    population: 8 shards, 1 archive bucket
    sample: all of them
    exceptions: none
    artefact: artefacts/restore-2026-11.json # beside the file; its digest is below
    artefact_sha256: 5e...
    reviewer: grace@example.com              # another person
    valid_until: 2027-02-13
    signature: ...                           # the reviewer's, over all of the above (`cell attestation sign`)

An attestation that is expired, unsigned, reviewed by its own performer, or without its artefact covers nothing: the
answer is then "not observed", with the reason, and never a pass.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import rfc8785
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from operations.audit.result import Answer, Attestation, Observed, Place, Reconciled, ResourceRef, Sha256
from operations.project import Project
from policies.approvers import person, read_approvers, verifies
from policies.control import Asked, Control, Source, Status
from policies.entries import MalformedError, read_entries
from policies.exceptions import APPROVERS

ATTESTATIONS = "attestations"
"""Folder of the project."""

DOMAIN = b"payment-cell attestation v1\n"
"""Goes before what is signed: a signature over an exception is none over an attestation."""

MAX_BYTES = 256 * 1024
"""Of one attestation file."""

Verify = Callable[[str, bytes, str, date], str]
"""(name of the reviewer, signed bytes, signature, day) -> "" or what is wrong."""


class Period(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    from_: date = Field(alias="from")
    to: date


class Attested(BaseModel):
    """The file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    control: str
    question: str
    statement: str = Field(min_length=10)
    performer: str = Field(min_length=1)
    role: str = Field(min_length=1)
    period: Period
    population: str = Field(min_length=1)
    sample: str = Field(min_length=1)
    exceptions: str = Field(min_length=1)
    artefact: str = Field(min_length=1)
    artefact_sha256: Sha256
    reviewer: str = Field(min_length=1)
    valid_until: date
    signature: str = ""

    @property
    def signed(self) -> bytes:
        """What the reviewer signs: everything but the signature, in canonical form (RFC 8785)."""
        return DOMAIN + rfc8785.dumps(self.model_dump(mode="json", by_alias=True, exclude={"signature"}))


@dataclass(frozen=True, kw_only=True, slots=True)
class Read:
    """One file: what it says, or why it says nothing."""

    file: str
    attested: Attested | None
    problem: str


def load(folder: Path, controls: Iterable[Control], today: date, verify: Verify) -> tuple[Read, ...]:
    """All attestations of a folder with what is wrong with each; a missing folder has none."""
    known = {(control.id, asked.name): asked for control in controls for asked in control.asked}
    return tuple(_read(path, folder, known, today, verify) for path in sorted(folder.glob("*.yaml")))


def answers(controls: Iterable[Control], read: Sequence[Read]) -> Iterator[Answer]:
    """An answer for each question that rests on attestations: the newest that is in order, else what is missing."""
    for control in controls:
        for asked in control.asked:
            if asked.source is Source.ATTESTATION:
                yield _answer(control, asked, _of(control, asked, read))


def records(read: Sequence[Read]) -> tuple[Attestation, ...]:
    """For reports: every file that could be read as one, accepted or not."""
    return tuple(
        Attestation(
            file=one.file,
            control=said.control,
            statement=said.statement,
            performer=said.performer,
            reviewer=said.reviewer,
            period_from=said.period.from_.isoformat(),
            period_to=said.period.to.isoformat(),
            valid_until=said.valid_until.isoformat(),
            population=said.population,
            sample=said.sample,
            artefact=said.artefact,
            artefact_sha256=said.artefact_sha256,
            accepted=not one.problem,
            problem=one.problem,
        )
        for one in read
        if (said := one.attested) is not None
    )


def _of(control: Control, asked: Asked, read: Sequence[Read]) -> list[tuple[Read, Attested]]:
    found = [(one, one.attested) for one in read if one.attested is not None]
    mine = [(one, said) for one, said in found if (said.control, said.question) == (control.id, asked.name)]
    return sorted(mine, key=lambda pair: (not pair[0].problem, pair[1].period.to), reverse=True)


def _answer(control: Control, asked: Asked, found: Sequence[tuple[Read, Attested]]) -> Answer:
    if not found:
        status, reason, file = Status.NOT_OBSERVED, "nobody has attested it", ""
    else:
        one, said = found[0]
        file = one.file
        status = Status.NOT_OBSERVED if one.problem else Status.PASS
        reason = one.problem or f"attested by {said.performer}, reviewed by {said.reviewer}"
    return Answer(
        control=control.id,
        clause=asked.name,
        resource=ResourceRef(type="attestation", name=asked.name, id=file or f"{control.id} {asked.name}"),
        status=status,
        reason=reason,
        reconciled=Reconciled.ONE_PLACE,
        observed=(Observed(place=Place.LIVE, status=status, reason=reason),),
    )


def _read(path: Path, folder: Path, known: Mapping[tuple[str, str], Asked], today: date, verify: Verify) -> Read:
    file = str(path.relative_to(folder.parent))
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"larger than {MAX_BYTES:,} bytes")
        attested = Attested.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "file"
        return Read(file=file, attested=None, problem=f"{place}: {first['msg']}")
    except (OSError, ValueError, yaml.YAMLError) as error:
        return Read(file=file, attested=None, problem=f"cannot be read: {error}")
    return Read(file=file, attested=attested, problem=_problem(attested, folder, known, today, verify))


def _problem(said: Attested, folder: Path, known: Mapping[tuple[str, str], Asked], today: date, verify: Verify) -> str:
    """The first thing that is wrong, "" where nothing is."""
    asked = known.get((said.control, said.question))
    if asked is None or asked.source is not Source.ATTESTATION:
        return f"{said.control} asks no {said.question}; `cell audit --list` has the questions"
    if said.period.to < said.period.from_ or said.period.to > today:
        return f"period {said.period.from_} to {said.period.to} does not lie in the past"
    if (said.valid_until - said.period.to).days > asked.max_age_days:
        return (
            f"valid_until is more than {asked.max_age_days} days after the period's end: {said.control} allows no more"
        )
    if today > said.valid_until:
        return f"expired on {said.valid_until}"
    try:
        if person(said.performer) == person(said.reviewer):
            return "performer and reviewer are the same person"
    except ValueError as problem:
        return f"performer or reviewer {problem}"
    return _artefact_problem(said, folder) or verify(said.reviewer, said.signed, said.signature, today)


def _artefact_problem(said: Attested, folder: Path) -> str:
    path = (folder / said.artefact).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        return f"artefact {said.artefact} is not below {folder.name}/"
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return "" if digest.hexdigest() == said.artefact_sha256 else f"artefact {said.artefact} has another digest"


def verifier(project: Project) -> Verify:
    """Checks a reviewer's signature with the keys of the approvers."""
    path = project.exceptions_folder / APPROVERS
    try:
        approvers, _ = read_approvers(read_entries(path))
    except (MalformedError, OSError):
        approvers = []

    def verify(reviewer: str, signed: bytes, signature: str, day: date) -> str:
        try:
            name = person(reviewer)
        except ValueError as problem:
            return f"reviewer {problem}"
        theirs = [one for one in approvers if one.person == name]
        if not theirs:
            return f"reviewer {reviewer} has no key in {path.name}"
        if not signature:
            return "is not signed"
        in_time = [one for one in theirs if one.valid_from.date() <= day <= one.valid_until.date()]
        if not any(verifies(one, signature, signed) for one in in_time):
            return f"the signature is none of {reviewer}'s keys of today over this text"
        return ""

    return verify
