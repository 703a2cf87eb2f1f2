"""An audit as somebody reads it: grouped, counted and ordered, without any layout."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from botocore import xform_name

from operations.audit.result import (
    Answer,
    Attestation,
    Audit,
    ClauseEntry,
    ControlEntry,
    Mapped,
    Observed,
    Place,
    Population,
    Time,
)
from policies.control import Framework, Severity, Source, Status, Strength
from policies.criteria import CRITERIA, category

MAX_CLOCK_SKEW_S = 5.0
"""Largest difference of clocks that is no finding, in seconds."""

OPERATION = frozenset({Place.LIVE})
"""Places that speak for operation; the others speak for design."""

MOST_RANGES = 6
"""Of record numbers beside one answer; `audit.json` has them all."""

_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})

CARVED_OUT: Final = (
    ("Data centres, hardware, media and their disposal", "CC6.4, and the physical part of CC6.5 and A1.2"),
    ("Hypervisor, host systems and the physical network", "parts of CC6.1, CC6.6, CC6.8 and CC7.1"),
    (
        "Inside of managed services: engines of databases, the control plane of clusters, the hardware of keys",
        "parts of CC6.1, CC7.1, CC8.1 and A1.2",
    ),
)
"""What AWS answers for in its own reports, and the criteria that it touches. Nothing of it was tested here."""

USER_ENTITY: Final = (
    "who may sign in, with which rights, and when that was last reviewed",
    "the choice of regions, of key policies, of retention and of who may change them",
    "patching and scanning of what runs in the containers, and of node and engine versions",
    "answering findings and alarms, and telling authorities and subjects of a breach in time",
    "reading AWS's reports of the period, its exceptions and the controls that it expects of its users",
    "the contract with AWS as processor (GDPR Article 28), and with every other processor",
)
"""What stays with whoever runs the account. AWS's reports expect it too."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Deviations:
    """Failures of one clause."""

    control: ControlEntry
    clause: ClauseEntry
    answers: tuple[Answer, ...]
    command: str
    """Asks again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    """Answers that share a control and a reason for not being an answer."""

    control: str
    reason: str
    answers: tuple[Answer, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class CriterionRow:
    """What an audit says about one criterion."""

    framework: Framework
    criterion: str
    category: str
    controls: tuple[tuple[str, Strength], ...]
    """Id and strength, the strongest first; none: nothing speaks about the criterion."""
    design: Mapping[Status, int]
    operation: Mapping[Status, int]
    attestations: int = 0
    """Accepted ones of these controls."""
    recoveries: int = 0
    """Movements and drills that support it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrendRow:
    """One audit among others, by number of answers. New and fixed compare failures with the audit before it."""

    id: str
    started: Time
    failing: int
    accepted: int
    not_observed: int
    undetermined: int
    new: int | None
    """None for the first."""
    fixed: int | None
    same_scope: bool
    """Stacks, accounts, regions, places and controls are those of the audit before it: the numbers compare."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PopulationRow:
    """The resources of one type in one account, over all regions."""

    type: str
    account: str
    listed: int
    owned_by_aws: int
    second: int | None
    """By the second source; None where there is none."""
    regions: tuple[tuple[str, int], ...]
    """Those with members, and how many."""
    unlisted: tuple[tuple[str, str], ...]
    """Region and why the list call did not answer."""
    differences: tuple[tuple[str, int], ...]
    """Region and how many more (+) or fewer (-) the second source shows than the list call; equal ones are left out."""
    sources: tuple[str, ...]
    evidence: tuple[int, ...]


def visible(text: str) -> str:
    r"""Text with control, bidirectional and other invisible characters as escapes: ``\x1b``, ``\u202e``."""
    return "".join(_escaped(letter) if unicodedata.category(letter) in _INVISIBLE else letter for letter in text)


def _escaped(letter: str) -> str:
    code = ord(letter)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def command(audit: Audit, control: str) -> str:
    """The command that asks one control again, in the same stacks and places."""
    stacks = " ".join(audit.scope.stacks) or "--account"
    return f"cell audit {stacks} --control {control} --observe {','.join(audit.scope.places)}"


def deviations(audit: Audit) -> tuple[Deviations, ...]:
    """Failures by control and clause, worst severity first; those that nobody accepted before those somebody did."""
    grouped: dict[tuple[str, str], list[Answer]] = defaultdict(list)
    for answer in audit.deviations:
        grouped[answer.control, answer.clause].append(answer)
    return tuple(
        Deviations(
            control=audit.control(control),
            clause=_clause(audit.control(control), clause),
            answers=tuple(sorted(answers, key=lambda one: bool(one.exception))),
            command=command(audit, control),
        )
        for (control, clause), answers in grouped.items()
    )


def _clause(control: ControlEntry, name: str) -> ClauseEntry:
    """The entry of a clause; one that the catalogue no longer has is named by itself."""
    return next((one for one in control.clauses if one.name == name), ClauseEntry(name=name, question=name))


def by_severity(audit: Audit) -> Mapping[Severity, int]:
    """Failures by severity, the worst first, none left out."""
    counted = Counter(audit.control(answer.control).severity for answer in audit.deviations)
    return {severity: counted[severity] for severity in reversed(Severity)}


def reasons(audit: Audit, status: Status) -> tuple[Reason, ...]:
    """Answers of a status by reason and control, the most frequent first."""
    grouped: dict[tuple[str, str], list[Answer]] = defaultdict(list)
    for answer in audit.of(status):
        grouped[answer.reason or answer.reconciled.value, answer.control].append(answer)
    found = (Reason(control=control, reason=why, answers=tuple(said)) for (why, control), said in grouped.items())
    return tuple(sorted(found, key=lambda one: (-len(one.answers), one.control, one.reason)))


def overdue(audit: Audit) -> tuple[Attestation, ...]:
    """Attestations that cover nothing: refused, expired, unsigned or without artefact."""
    return tuple(one for one in audit.attestations if not one.accepted)


def criteria(audit: Audit) -> tuple[CriterionRow, ...]:
    """Every SOC 2 criterion, whether anything speaks about it or not, then the GDPR articles that a control names."""
    articles = sorted(
        {one.criterion for entry in audit.controls for one in entry.maps_to if one.framework is Framework.GDPR},
        key=_article,
    )
    rows = [(Framework.SOC2, one, category(one)) for one in CRITERIA]
    rows += [(Framework.GDPR, one, "GDPR articles") for one in articles]
    tallies = _tallies(audit)
    return tuple(_row(audit, tallies, *row) for row in rows)


def _row(
    audit: Audit,
    tallies: Mapping[str, tuple[Counter[Status], Counter[Status]]],
    framework: Framework,
    criterion: str,
    category_: str,
) -> CriterionRow:
    mapped = {entry.id: one for entry in audit.controls if (one := _mapping(entry, framework, criterion))}
    design: Counter[Status] = Counter()
    operation: Counter[Status] = Counter()
    for control in mapped:
        design.update(tallies[control][0])
        operation.update(tallies[control][1])
    order = list(Strength)
    return CriterionRow(
        framework=framework,
        criterion=criterion,
        category=category_,
        controls=tuple(
            sorted(((id_, one.strength) for id_, one in mapped.items()), key=lambda one: (order.index(one[1]), one[0]))
        ),
        design=design,
        operation=operation,
        attestations=sum(one.accepted and one.control in mapped for one in audit.attestations),
        recoveries=sum(
            (framework, criterion) in {(of.framework, of.criterion) for of in one.maps_to} for one in audit.recoveries
        ),
    )


def _mapping(entry: ControlEntry, framework: Framework, criterion: str) -> Mapped | None:
    return next((one for one in entry.maps_to if (one.framework, one.criterion) == (framework, criterion)), None)


def _tallies(audit: Audit) -> Mapping[str, tuple[Counter[Status], Counter[Status]]]:
    """Control -> answers by status, of design and of operation."""
    counted: dict[str, tuple[Counter[Status], Counter[Status]]] = {
        entry.id: (Counter(), Counter()) for entry in audit.controls
    }
    for answer in audit.answers:
        for said in answer.observed:
            counted[answer.control][said.place in OPERATION][said.status] += 1
    return counted


def _article(article: str) -> tuple[int, str]:
    number = article.partition("(")[0]
    return (int(number) if number.isdigit() else 0), article


def passes(audit: Audit) -> Mapping[str, int]:
    """Answers that hold, by control in the catalogue's order; controls without one are left out."""
    counted = Counter(answer.control for answer in audit.of(Status.PASS))
    return {entry.id: counted[entry.id] for entry in audit.controls if counted[entry.id]}


def trend(audit: Audit, earlier: Iterable[Audit]) -> tuple[TrendRow, ...]:
    """Audits in order of their start, this one last."""
    ordered: Sequence[Audit] = [*sorted(earlier, key=lambda one: one.started), audit]
    return tuple(_trend_row(one, before) for before, one in zip([None, *ordered[:-1]], ordered, strict=True))


def _trend_row(audit: Audit, before: Audit | None) -> TrendRow:
    now, then = _failures(audit), _failures(before) if before else frozenset()
    return TrendRow(
        id=audit.id,
        started=audit.started,
        failing=len(audit.deviations),
        accepted=sum(bool(one.exception) for one in audit.deviations),
        not_observed=audit.counts[Status.NOT_OBSERVED],
        undetermined=audit.counts[Status.UNDETERMINED],
        new=len(now - then) if before else None,
        fixed=len(then - now) if before else None,
        same_scope=before is None or _asked(before) == _asked(audit),
    )


def _failures(audit: Audit) -> frozenset[tuple[str, str, str]]:
    return frozenset((one.control, one.clause, one.resource.key) for one in audit.deviations)


def _asked(audit: Audit) -> tuple[frozenset[str], ...]:
    scope = audit.scope
    return tuple(
        frozenset(part) for part in (scope.stacks, scope.accounts, scope.regions, scope.places, scope.controls)
    )


def listings(audit: Audit, answer: Answer) -> tuple[str, ...]:
    """AWS CLI commands that list what an answer is about: where its live population comes from."""
    about = answer.resource
    return tuple(
        dict.fromkeys(
            f"aws {service} {xform_name(operation, '-')}" + (f" --region {one.region}" if one.region else "")
            for one in audit.populations
            if (one.type, one.account, one.region) == (about.type, about.account, about.region)
            for service, colon, operation in (one.source.partition(":"),)
            if colon
        )
    )


def unseen(audit: Audit) -> tuple[tuple[ControlEntry, ClauseEntry, str, str], ...]:
    """Clauses that one of the places cannot show: control, clause, where they are asked instead, and why."""
    found = [
        (entry, clause, *((why, "no predicate over resources") if why in set(Source) else (where, why)))
        for entry in audit.controls
        for clause in entry.clauses
        for where, why in (("declared", clause.not_live), ("live", clause.not_declared))
        if why
    ]
    return tuple(found)


def said(answer: Answer) -> tuple[tuple[str, Observed], ...]:
    """What places answered, those that said the same as one: "state, live", and the answer with all its records."""
    grouped: dict[tuple[Status, str], list[Observed]] = defaultdict(list)
    for one in answer.observed:
        grouped[one.status, one.reason].append(one)
    return tuple(
        (
            ", ".join(one.place for one in same),
            same[0].model_copy(update={"evidence": _together(one.evidence for one in same)}),
        )
        for same in grouped.values()
    )


def _together(evidence: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    return tuple(sorted({number for numbers in evidence for number in numbers}))


def ranges(numbers: Iterable[int], most: int = MOST_RANGES) -> str:
    """Numbers in order, neighbours joined: "1-3, 7"; after ``most`` ranges how many numbers there are in all."""
    joined: list[list[int]] = []
    for number in (ordered := sorted({*numbers})):
        if joined and joined[-1][-1] == number - 1:
            joined[-1][1:] = [number]
        else:
            joined.append([number])
    text = ", ".join("-".join(map(str, one)) for one in joined[:most])
    return f"{text} and others, {len(ordered)} in all" if len(joined) > most else text


def populations(audit: Audit) -> tuple[PopulationRow, ...]:
    """Types that have members, could not be listed somewhere, or differ between their sources, an account each."""
    grouped: dict[tuple[str, str], list[Population]] = defaultdict(list)
    for one in audit.populations:
        grouped[one.type, one.account].append(one)
    rows = (_population_row(type_, account, found) for (type_, account), found in grouped.items())
    return tuple(row for row in rows if row.regions or row.unlisted or row.differences)


def _population_row(type_: str, account: str, found: Sequence[Population]) -> PopulationRow:
    twice = [one.second for one in found if one.second is not None]
    return PopulationRow(
        type=type_,
        account=account,
        listed=sum(one.listed or 0 for one in found),
        owned_by_aws=sum(one.owned_by_aws for one in found),
        second=sum(twice) if twice else None,
        regions=tuple((one.region, one.listed) for one in found if one.listed),
        unlisted=tuple((one.region, one.reason) for one in found if one.listed is None),
        differences=tuple(
            (one.region, one.second - one.listed)
            for one in found
            if one.listed is not None and one.second is not None and one.second != one.listed
        ),
        sources=tuple(dict.fromkeys(name for one in found for name in (one.source, one.second_source) if name)),
        evidence=_together(one.evidence for one in found),
    )


def by_number(regions: Iterable[tuple[str, int]]) -> tuple[tuple[int, tuple[str, ...]], ...]:
    """Number -> regions that have it, the number that most of them have first."""
    grouped: dict[int, list[str]] = defaultdict(list)
    for region, number in regions:
        grouped[number].append(region)
    return tuple(sorted(((number, tuple(named)) for number, named in grouped.items()), key=lambda one: -len(one[1])))


def empty(audit: Audit) -> Mapping[str, int]:
    """Type -> in how many regions its list was empty, of types without a member anywhere."""
    there = {one.type for one in populations(audit)}
    return Counter(one.type for one in audit.populations if one.type not in there)
