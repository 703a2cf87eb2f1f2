"""Exceptions: a control fails on one resource, and people with the right to have accepted that for a time.

``exceptions/<stack>.yaml`` has the entries, ``approvers.yaml`` beside it the keys. Packs, ``cell`` and audit read them
here, so that an exception means the same in each: the control still fails, failed but accepted. An entry with anything
wrong in it accepts nothing and is told with its line.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

from policies.approvers import Approver, Role, message, person, read_approvers, read_as, time_of, verifies
from policies.catalogue import controls
from policies.entries import Entry, MalformedError, read_entries

VARIABLE = "PAYMENT_CELL_EXCEPTIONS"
"""Absolute path of a stack's file for the policy packs; ``cell`` sets it. Not set, or no such file: no exceptions."""

APPROVERS = "approvers.yaml"

MAX_DAYS = 90
"""Longest life of an exception."""

MAX_EMERGENCY_HOURS = 72
"""Longest life of an emergency; it is not renewed."""

EMERGENCY_APPROVERS = 2

RENEWAL_OF_HIGHER_ROLE = 3
"""From this renewal on, one approver at least is of role risk or higher."""

PROTECTED = ("RES", "KEY", "TLS", "LOG")
"""Families of residency, encryption and audit trail: only an emergency accepts that one of their controls fails."""

PROTECTED_BESIDE = {"IAM-05": "who may weaken the logs may end the audit trail"}

NOT_PROTECTED = {
    "RES-13": "says who is let in, not where data is",
    "KEY-03": "a key that does not rotate still encrypts",
    "KEY-04": "says who may use a key",
    "KEY-05": "says how long a deletion can be cancelled",
    "KEY-07": "says when an erased subject is gone",
    "LOG-07": "detectors are no audit trail",
    "LOG-08": "notification is no audit trail",
}
"""Controls of these families that an ordinary exception accepts as well. A new control of a family is protected.

The rule asks neither for environment nor for data class. Stores of every environment carry the data classes of
production, and most resources that these controls judge (policies, listeners, settings) have no tags: the strict case.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """What is asked for and approved: all words of an entry but its approvals."""

    stack: str
    id: str
    control: str
    resource: str
    """URN, or the provider's id of a resource in no state. One resource: no patterns."""
    reason: str
    requester: str
    ticket: str
    compensating_control: str
    granted: str
    expires: str
    renewal: int = 0
    emergency: bool = False

    @property
    def canonical(self) -> bytes:
        """RFC 8785: for text, small integers and booleans under ASCII names these settings are its form."""
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.canonical).hexdigest()


WORDS = tuple(name for name in Terms.__dataclass_fields__ if name not in {"stack", "renewal", "emergency"})
"""What every entry has to say; ``renewal`` and ``emergency`` may be left out."""

APPROVAL_WORDS = frozenset({"approver", "signed", "signature"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Signed:
    """An approval whose signature is good."""

    approver: str
    role: Role
    key: str
    """Fingerprint, SHA-256 of the public key."""
    signed: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Accepted:
    """An exception that holds."""

    terms: Terms
    approvals: tuple[Signed, ...]
    file: str
    line: int

    def __str__(self) -> str:
        words = f"failed, accepted by exception {self.terms.id} until {self.terms.expires}"
        return f"EMERGENCY: {words}, not to be renewed" if self.terms.emergency else words


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    """An entry, or a file, that accepts nothing."""

    file: str
    line: int
    id: str
    problem: str
    """Word, value, rule and what to do."""
    control: str = ""
    resource: str = ""

    def __str__(self) -> str:
        name = f"exception {self.id} " if self.id else ""
        return f"{name}accepts nothing: {self.problem} ({self.file}:{self.line})"


@dataclass(frozen=True, kw_only=True)
class Exceptions:
    """What files of exceptions say at one time."""

    accepted: tuple[Accepted, ...] = ()
    refused: tuple[Refused, ...] = ()

    @cached_property
    def _accepted(self) -> dict[tuple[str, str], Accepted]:
        return {(one.terms.control, one.terms.resource): one for one in self.accepted}

    def of(self, control: str, resource: str) -> Accepted | None:
        """The exception for a control that fails on a resource; None where none holds."""
        return self._accepted.get((control, resource))

    def refused_of(self, control: str, resource: str) -> tuple[Refused, ...]:
        """Entries that were meant for it and do not hold."""
        return tuple(one for one in self.refused if (one.control, one.resource) == (control, resource))


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """An entry as it stands in a file: well-formed, approved or not."""

    terms: Terms
    entry: Entry
    file: str


@dataclass(kw_only=True)
class _File:
    drafts: list[Draft] = field(default_factory=list)
    approvers: list[Approver] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)


def protected(control: str) -> bool:
    """Whether only an emergency accepts that this control fails."""
    if control in PROTECTED_BESIDE:
        return True
    return control.partition("-")[0] in PROTECTED and control not in NOT_PROTECTED


def from_environment(now: datetime) -> Exceptions:
    """What the file that ``VARIABLE`` names says; for a policy pack, which is told nothing else."""
    path = os.environ.get(VARIABLE)
    return load([Path(path)], now) if path else Exceptions()


def load(files: Iterable[Path], now: datetime) -> Exceptions:
    """The exceptions of stacks at a time. The name of a file, without its ending, is the stack's."""
    accepted: list[Accepted] = []
    refused: list[Refused] = []
    for path in files:
        read = _read(path)
        refused += read.refused
        ids = Counter(draft.terms.id for draft in read.drafts)
        subjects = Counter((draft.terms.control, draft.terms.resource) for draft in read.drafts)
        for draft in read.drafts:
            problems = list(_problems(draft, now))
            if ids[draft.terms.id] > 1:
                problems.append(("id", "stands twice; keep one"))
            if subjects[draft.terms.control, draft.terms.resource] > 1:
                problems.append(("resource", "has two exceptions of this control; keep one, and renew that"))
            approvals, wrong = _approvals(draft, read.approvers, now)
            if problems := [*problems, *wrong]:
                refused.append(refusal(draft, problems))
            else:
                line = draft.entry.line
                accepted.append(Accepted(terms=draft.terms, approvals=approvals, file=draft.file, line=line))
    return Exceptions(accepted=tuple(accepted), refused=tuple(refused))


def drafts(path: Path) -> tuple[list[Draft], list[Approver], list[Refused]]:
    """What stands in a stack's file and in that of the approvers, for those who write and sign entries."""
    read = _read(path)
    return read.drafts, read.approvers, read.refused


def refusal(draft: Draft, problems: Iterable[tuple[str, str]]) -> Refused:
    """All that is wrong with an entry, at the line of the first."""
    problems = list(problems)
    return Refused(
        file=draft.file,
        line=draft.entry.line_of(problems[0][0]),
        id=draft.terms.id,
        problem="; ".join(f"{word}: {problem}" for word, problem in problems),
        control=draft.terms.control,
        resource=draft.terms.resource,
    )


def _read(path: Path) -> _File:
    read = _File()
    beside = path.with_name(APPROVERS)
    try:
        entries = read_entries(path)
    except MalformedError as error:
        read.refused.append(Refused(file=_shown(path), line=error.line, id="", problem=f"{error}; correct the file"))
        return read
    for entry in entries:
        try:
            read.drafts.append(Draft(terms=_terms(path.stem, entry), entry=entry, file=_shown(path)))
        except ValueError as problem:
            line = entry.line_of(str(problem).partition(":")[0])
            name = entry.texts.get("id", "")
            read.refused.append(Refused(file=_shown(path), line=line, id=name, problem=f"{problem}; correct the entry"))
    if not entries:
        return read
    try:
        read.approvers, wrong = read_approvers(read_entries(beside))
    except MalformedError as error:
        read.refused.append(Refused(file=_shown(beside), line=error.line, id="", problem=f"{error}; correct the file"))
    else:
        read.refused += [
            Refused(file=_shown(beside), line=entry.line, id="", problem=f"{problem}; correct the approver")
            for entry, problem in wrong
        ]
    return read


def _terms(stack: str, entry: Entry) -> Terms:
    """Raises ValueError, beginning with the word that is wrong."""
    for word in WORDS:
        if not entry.texts.get(word, "").strip():
            raise ValueError(f"{word}: is missing or empty")
    if unknown := entry.lines.keys() - {*WORDS, "renewal", "emergency", "approvals"}:
        raise ValueError(f"{min(unknown)}: is no word of an exception")
    if set(entry.lists) - {"approvals"} or "approvals" in entry.texts:
        raise ValueError(f"{min({*entry.lists, 'approvals'})}: only approvals is a list, of one approval or more")
    renewal, emergency = entry.texts.get("renewal", "0"), entry.texts.get("emergency", "false")
    if not (renewal.isascii() and renewal.isdigit() and len(renewal) < 4):
        raise ValueError(f"renewal: {renewal} is no count of renewals")
    if emergency not in {"true", "false"}:
        raise ValueError(f"emergency: {emergency} is neither true nor false")
    words = {word: entry.texts[word] for word in WORDS}
    for word in ("granted", "expires"):
        read_as(word, time_of, words[word])
    read_as("requester", person, words["requester"])
    return Terms(stack=stack, **words, renewal=int(renewal), emergency=emergency == "true")


def _problems(draft: Draft, now: datetime) -> Iterator[tuple[str, str]]:
    """(word, rule and fix) of all that is wrong with the terms."""
    terms = draft.terms
    granted, expires = time_of(terms.granted), time_of(terms.expires)
    if terms.control not in {control.id for control in controls()}:
        yield "control", f"{terms.control} is no control; `cell audit --list` has all"
    if "*" in terms.resource:
        yield "resource", "is a pattern; name one resource"
    if terms.resource.startswith("urn:pulumi:") and terms.resource.split("::")[0] != f"urn:pulumi:{terms.stack}":
        yield "resource", f"is of another stack than {terms.stack}; move the entry to that stack's file"
    if expires <= granted:
        yield "expires", f"{terms.expires} is not after granted"
    if now < granted:
        yield "granted", f"{terms.granted} is still to come; wait for it"
    if now >= expires:
        yield "expires", f"{terms.expires} is past; remove the entry, or renew it: dates, renewal, new approvals"
    if expires - granted > timedelta(days=MAX_DAYS):
        yield "expires", f"is more than {MAX_DAYS} days after granted; shorten it"
    if terms.emergency and expires - granted > timedelta(hours=MAX_EMERGENCY_HOURS):
        yield "expires", f"is more than {MAX_EMERGENCY_HOURS} hours after granted, the most of an emergency; shorten it"
    if terms.emergency and terms.renewal:
        yield "renewal", "an emergency is not renewed; repair what fails"
    if protected(terms.control) and not terms.emergency:
        rule = "residency, encryption and audit trail are waived in an emergency only"
        yield "control", f"{terms.control}: {rule}; repair what fails, or see docs/exceptions.md"


def _approvals(
    draft: Draft, approvers: Iterable[Approver], now: datetime
) -> tuple[tuple[Signed, ...], list[tuple[str, str]]]:
    good: list[Signed] = []
    wrong: list[tuple[str, str]] = []
    for entry in draft.entry.lists.get("approvals", ()):
        try:
            good.append(_approval(draft.terms, entry, list(approvers), now))
        except ValueError as problem:
            wrong.append(("approvals", f"line {entry.line}: {problem}"))
    people = {one.approver for one in good}
    if len(people) < len(good):
        wrong.append(("approvals", "one person has approved twice; keep one"))
    needed = EMERGENCY_APPROVERS if draft.terms.emergency else 1
    if not wrong and len(people) < needed:
        wrong.append(
            ("approvals", f"{len(people)} of {needed} needed; `cell exception sign {draft.terms.stack}` adds one")
        )
    if (
        not wrong
        and draft.terms.renewal >= RENEWAL_OF_HIGHER_ROLE
        and not any(one.role.rank >= Role.RISK.rank for one in good)
    ):
        rule = f"renewal {draft.terms.renewal} needs an approver of role {Role.RISK} or higher"
        wrong.append(("approvals", f"{rule}; ask one, or repair what fails"))
    return tuple(good), wrong


def _approval(terms: Terms, entry: Entry, approvers: list[Approver], now: datetime) -> Signed:
    """Raises ValueError with what is wrong."""
    if set(entry.texts) != APPROVAL_WORDS or entry.lists:
        raise ValueError(f"an approval has {', '.join(sorted(APPROVAL_WORDS))} and no other word")
    who, signed = person(entry.texts["approver"]), time_of(entry.texts["signed"])
    if who == person(terms.requester):
        raise ValueError(f"{who} asked for it; somebody else has to approve")
    keys = [one for one in approvers if one.person == who]
    if not keys:
        raise ValueError(f"{who} is not in {APPROVERS}")
    said = message(terms.digest, who, entry.texts["signed"])
    keys = [one for one in keys if verifies(one, entry.texts["signature"], said)]
    if not keys:
        raise ValueError(f"the signature is not {who}'s over this entry; something was changed, or sign again")
    if signed > now:
        raise ValueError(f"signed {entry.texts['signed']}, which is still to come")
    key = next((one for one in keys if one.valid_from <= signed < one.valid_until and now < one.valid_until), None)
    if key is None:
        raise ValueError(f"the key of {who} was or is not valid: retired, or not yet in force; sign with the new one")
    return Signed(approver=who, role=key.role, key=key.fingerprint, signed=entry.texts["signed"])


def _shown(path: Path) -> str:
    """``exceptions/<stack>.yaml``, wherever the project is."""
    return f"{path.parent.name}/{path.name}" if path.parent.name else path.name
