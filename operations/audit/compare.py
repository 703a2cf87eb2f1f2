"""``cell audit diff``: what two audits answer differently, by control, clause and resource; and what else differs that
could be the reason. The two may be of one cell at two times, or of two cells.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum

from operations.audit.live.reader import shown_as
from operations.audit.result import Answer, Audit, Place, Record, ResourceRef, Time
from operations.audit.sights import KUBERNETES
from policies.control import Severity, Status
from stacks.fleet import WORKLOADS_SUFFIX

_ZONE_ID = re.compile(r"\b[a-z]+\d+-az\d+\b")

_SETTLED = frozenset({Status.PASS, Status.NOT_APPLICABLE})

OF_ITSELF = frozenset({"audit", "attestation"})
"""Types of what an audit answers without any account: exceptions, transfers, attestations."""

Key = tuple[str, ...]


class Kind(StrEnum):
    """What became of an answer."""

    NEW = "new"
    """It fails, and did not before or was not asked."""
    FIXED = "fixed"
    """It failed, and holds or its resource is gone."""
    OPEN = "still open"
    """It failed and fails; an exception does not change that."""
    CHANGED = "changed"
    """Another answer in another way: above all a failure of which nothing is known any more."""


class Change(Record):
    """One clause of one resource in both audits."""

    kind: Kind
    control: str
    clause: str
    severity: Severity
    resource: ResourceRef
    """As the second audit has it, else the first."""
    before: Status | None
    """None where the first audit has no such answer."""
    after: Status | None
    reason: str
    """Of the second answer; why there is none where there is none."""
    exception_before: str = ""
    exception_after: str = ""


class Difference(Record):
    """Something else than an answer."""

    about: str
    before: str
    after: str


class Side(Record):
    """One of the two."""

    id: str
    started: Time
    stacks: tuple[str, ...]
    emulated: bool


class Comparison(Record):
    """What became of the first audit's answers in the second."""

    before: Side
    after: Side
    cells: tuple[str, str] | None
    """The two cells where resources were matched by name with the cell's taken out; None for one and the same."""
    changes: tuple[Change, ...]
    """Worst severity first, then by control and resource."""
    differences: tuple[Difference, ...]

    def of(self, kind: Kind) -> tuple[Change, ...]:
        """Changes of a kind."""
        return tuple(change for change in self.changes if change.kind is kind)


def compare(before: Audit, after: Audit) -> Comparison:
    """What differs from ``before`` to ``after``."""
    cells = _two_cells(before, after)
    changes = [
        change
        for first, second in _pairs(before, after, cells)
        if (change := _change(before, after, first, second, between_cells=cells is not None)) is not None
    ]
    worst_first = list(reversed(Severity))
    changes.sort(key=lambda one: (worst_first.index(one.severity), one.control, one.clause, one.resource.key))
    return Comparison(
        before=_side(before),
        after=_side(after),
        cells=cells,
        changes=tuple(changes),
        differences=tuple(_differences(before, after, between_cells=cells is not None)),
    )


def _side(audit: Audit) -> Side:
    scope = audit.scope
    return Side(id=audit.id, started=audit.started, stacks=scope.stacks, emulated=scope.emulated)


def _two_cells(before: Audit, after: Audit) -> tuple[str, str] | None:
    """The cell that only the first has and the one that only the second has."""
    mine, theirs = (
        {stack.removesuffix(WORKLOADS_SUFFIX) for stack in set(one.scope.stacks) - set(other.scope.stacks)}
        for one, other in ((before, after), (after, before))
    )
    return (mine.pop(), theirs.pop()) if len(mine) == len(theirs) == 1 and mine != theirs else None


def _pairs(before: Audit, after: Audit, cells: tuple[str, str] | None) -> Iterator[tuple[Answer | None, Answer | None]]:
    """Each answer with the one about the same resource in the other audit, by what AWS calls it, then by URN (the
    resource was replaced), then, of two cells, by name."""
    mine, theirs = list(before.answers), list(after.answers)
    matchers: list[tuple[Callable[[Answer], Key], Callable[[Answer], Key]]] = [(_by_key, _by_key), (_by_urn, _by_urn)]
    if cells is not None:
        matchers.append((_by_name(before, cells[0]), _by_name(after, cells[1])))
    for key_of_mine, key_of_theirs in matchers:
        waiting: dict[Key, list[Answer]] = defaultdict(list)
        for answer in theirs:
            waiting[key_of_theirs(answer)].append(answer)
        left = []
        for answer in mine:
            key = key_of_mine(answer)
            if key and waiting.get(key):
                yield answer, waiting[key].pop(0)
            else:
                left.append(answer)
        mine, theirs = left, [answer for answers in waiting.values() for answer in answers]
    yield from ((answer, None) for answer in mine)
    yield from ((None, answer) for answer in theirs)


def _by_key(answer: Answer) -> Key:
    return (answer.control, answer.clause, answer.resource.key)


def _by_urn(answer: Answer) -> Key:
    return (answer.control, answer.clause, answer.resource.urn) if answer.resource.urn else ()


def _by_name(audit: Audit, cell: str) -> Callable[[Answer], Key]:
    """Names with "{cell}" for the cell's and "{zone 1}" for its first zone: no two regions have the same zone ids."""
    zones = sorted({zone for answer in audit.answers for zone in _ZONE_ID.findall(answer.resource.name)})
    spelled = re.compile(rf"(?<![A-Za-z0-9]){re.escape(cell)}(?![A-Za-z0-9])")

    def key(answer: Answer) -> Key:
        name = _ZONE_ID.sub(lambda found: f"{{zone {zones.index(found[0]) + 1}}}", answer.resource.name)
        return (answer.control, answer.clause, answer.resource.type, spelled.sub("{cell}", name))

    return key


def _change(
    before: Audit, after: Audit, first: Answer | None, second: Answer | None, *, between_cells: bool
) -> Change | None:
    was, is_ = first.status if first else None, second.status if second else None
    reason = second.reason if second else ""
    if is_ is Status.FAIL:
        kind = Kind.OPEN if was is Status.FAIL else Kind.NEW
    elif was is Status.FAIL and first and second is None:
        unasked = not_asked(after, first, between_cells=between_cells)
        kind, reason = (Kind.CHANGED, unasked) if unasked else (Kind.FIXED, "the resource is gone")
    elif was is Status.FAIL and is_ in _SETTLED:
        kind = Kind.FIXED
    elif was and is_ and was is not is_:
        kind = Kind.CHANGED
    else:
        return None
    known = second or first
    assert known is not None, "a pair has one of the two at least"
    return Change(
        kind=kind,
        control=known.control,
        clause=known.clause,
        severity=(after if second else before).control(known.control).severity,
        resource=known.resource,
        before=was,
        after=is_,
        reason=reason,
        exception_before=first.exception if first else "",
        exception_after=second.exception if second else "",
    )


def not_asked(audit: Audit, answer: Answer, *, between_cells: bool = False) -> str:
    """Why the audit has no answer though the resource may be there; "" where it would have one."""
    scope, resource = audit.scope, answer.resource
    entry = next((one for one in audit.controls if one.id == answer.control), None)
    if entry is None or entry.id not in scope.controls:
        return f"{answer.control} was not asked"
    clause = next((one for one in entry.clauses if one.name == answer.clause), None)
    if clause is None:
        return f"{answer.control} has no clause {answer.clause} any more"
    if resource.type in OF_ITSELF:
        return ""
    if not between_cells:
        if answer.stack and answer.stack not in scope.stacks:
            return f"stack {answer.stack} was not audited"
        if resource.account and resource.account not in scope.accounts:
            return f"account {resource.account} was not audited"
        if _of_a_region(resource) and resource.region not in scope.regions:
            return f"region {resource.region} was not audited"
    if Place.LIVE not in scope.places:
        unread = f"{answer.clause} is asked of a live account only" if clause.not_declared else ""
        return unread if between_cells or answer.stack else "its account was not read"
    if clause.not_live and set(scope.places) == {Place.LIVE}:
        return f"{answer.clause} is asked of a declaration only"
    listed = _listed(audit, resource, between_cells=between_cells)
    return f"{resource.type} was not listed" if not listed or None in listed else ""


def _of_a_region(resource: ResourceRef) -> bool:
    """Objects of a cluster have its name there."""
    return bool(resource.region) and not resource.type.startswith(KUBERNETES)


def _listed(audit: Audit, resource: ResourceRef, *, between_cells: bool) -> list[int | None]:
    """What the lists say in which the resource would be: those of its region, or of all where its type is listed once
    for an account, or in its cluster."""
    of_type = [one for one in audit.populations if one.type == shown_as(resource.type)]
    if not between_cells:
        of_type = [one for one in of_type if one.account == resource.account]
        here = [one for one in of_type if one.region == resource.region]
        of_type = here or (of_type if len(of_type) == 1 or not _of_a_region(resource) else [])
    return [one.listed for one in of_type]


def _differences(before: Audit, after: Audit, *, between_cells: bool) -> Iterator[Difference]:
    """Tool, thresholds, scope and populations."""
    tools = before.tool, after.tool
    for field in ("version", "commit", "dirty", "catalogue", "lock", "packs"):
        yield from _differs(f"tool {field}", *(str(getattr(tool, field)) for tool in tools))
    for name in sorted({*before.thresholds, *after.thresholds}):
        yield from _differs(f"threshold {name}", *(str(one.thresholds.get(name, "none")) for one in (before, after)))
    for field in ("endpoint", "emulated", "caller"):
        yield from _differs(f"scope {field}", *(str(getattr(one.scope, field)) for one in (before, after)))
    for field in ("stacks", "accounts", "regions", "places", "controls"):
        mine, theirs = (tuple(getattr(one.scope, field)) for one in (before, after))
        yield from _differs(f"scope {field}", _only(mine, theirs), _only(theirs, mine))
    sides = [_populations(one, between_cells=between_cells) for one in (before, after)]
    for key in sorted({key for side in sides for key in side}):
        words = (side.get(key, "no entry") for side in sides)
        yield from _differs(f"population {' '.join(key)}".rstrip(), *words)


def _differs(about: str, before: str, after: str) -> Iterator[Difference]:
    if before != after:
        yield Difference(about=about, before=before, after=after)


def _only(mine: Sequence[str], theirs: Sequence[str]) -> str:
    """What is on one side only."""
    return ", ".join(str(one) for one in mine if one not in theirs) or "none"


def _populations(audit: Audit, *, between_cells: bool) -> dict[Key, str]:
    """Listed resources by type, account and region; of two cells by type alone, all regions together."""
    listed: dict[Key, list[int | None]] = defaultdict(list)
    for one in audit.populations:
        listed[(one.type,) if between_cells else (one.type, one.account, one.region)].append(one.listed)
    return {key: _sum(counts) for key, counts in listed.items()}


def _sum(counts: Sequence[int | None]) -> str:
    known = [count for count in counts if count is not None]
    if not known:
        return "not listed"
    return f"{sum(known)}" + (" or more" if len(known) < len(counts) else "")
