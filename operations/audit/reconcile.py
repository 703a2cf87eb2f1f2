"""The same clause in every place where it was asked, as one answer. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from operations.audit.result import Answer, Observed, Place, Reconciled, ResourceRef
from policies.control import Status
from policies.resources import LIVE_ONLY

Key = tuple[str, str, str, tuple[object, ...]]
"""Type as it shows live, account, region, identity: what makes two sights of a resource the same resource."""

WORST = (Status.FAIL, Status.NOT_OBSERVED, Status.UNDETERMINED, Status.PASS, Status.NOT_APPLICABLE)
"""What counts of several answers is the first of these."""

CHANGE = "CHG-01"
"""The control that reconciliation itself answers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """One clause's answer about one resource in one place."""

    control: str
    clause: str
    key: Key
    status: Status
    reason: str = ""
    evidence: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Sight:
    """All that one place showed."""

    place: Place
    refs: Mapping[Key, ResourceRef]
    said: Sequence[Said]
    stacks: Mapping[Key, str] = field(default_factory=dict)
    """Whose state has the resource."""
    unobserved: Mapping[str, str] = field(default_factory=dict)
    """Live only: type -> why it could not be listed everywhere."""
    listed: frozenset[str] = frozenset()
    """Live only: types that were asked for."""
    made_by_aws: frozenset[Key] = frozenset()
    expected: frozenset[Key] = frozenset()
    """Live only: what is there beside all stacks: the role that deploys, the records of audits."""
    inline: frozenset[Key] = frozenset()
    """Live only: rules and routes that a state has inside of their group or table."""
    evidence: Mapping[Key, tuple[int, ...]] = field(default_factory=dict)


def reconcile(sights: Sequence[Sight], blind: Mapping[tuple[str, str], frozenset[Place]]) -> Iterator[Answer]:
    """Answers, one for each clause and resource that any place showed.

    ``blind``: (control, clause) -> places where that clause cannot be asked by its nature. Such a place takes no part.
    Failures about what AWS made itself are left out: whoever runs the account cannot mend them.
    """
    said: dict[tuple[str, str, Key], dict[Place, Said]] = {}
    for sight in sights:
        for one in sight.said:
            here = said.setdefault((one.control, one.clause, one.key), {})
            # Two types can declare one resource, a key and its policy: the worse of both counts.
            if sight.place not in here or _rank(one.status) < _rank(here[sight.place].status):
                here[sight.place] = one
    live = next((sight for sight in sights if sight.place is Place.LIVE), None)
    declared = [sight for sight in sights if sight.place is not Place.LIVE]
    for (control, clause, key), by_place in sorted(said.items(), key=lambda item: (*item[0][:2], str(item[0][2]))):
        if live and _nobodys(key, live, declared):
            continue
        places = [s for s in sights if s.place not in blind.get((control, clause), frozenset())]
        in_state = any(key in sight.refs for sight in sights if sight.place is Place.STATE)
        seen = (_observed(sight, by_place.get(sight.place), key, in_state) for sight in places)
        if observed := tuple(one for one in seen if one is not None):
            yield _answer(control, clause, key, sights, observed, live, declared)


def changes(sights: Sequence[Sight], answers: Iterable[Answer]) -> Iterator[Answer]:
    """What CHG-01 says: of each resource that drifted, is missing, or is in no state."""
    by_place = {sight.place: sight for sight in sights}
    live, state = by_place.get(Place.LIVE), by_place.get(Place.STATE)
    if live is None or state is None:
        return
    for key, ref in sorted(live.refs.items(), key=lambda item: str(item[0])):
        if key not in state.refs and key not in live.made_by_aws | live.expected | live.inline:
            reason = "the account has it and no state does"
            yield _change(
                "nothing_is_unmanaged", ref, "", Status.FAIL, reason, Reconciled.UNMANAGED, live.evidence.get(key, ())
            )
    drifted: dict[str, list[Answer]] = {}
    for answer in answers:
        if answer.reconciled is Reconciled.DRIFTED:
            drifted.setdefault(answer.resource.key, []).append(answer)
    seen = set()
    for key, ref in sorted(state.refs.items(), key=lambda item: str(item[0])):
        stack = state.stacks.get(key, "")
        if key[0] in live.unobserved:
            reason = f"{key[0]}: {live.unobserved[key[0]]}"
            yield _change("nothing_is_missing", ref, stack, Status.NOT_OBSERVED, reason, Reconciled.NOT_OBSERVED, ())
        elif key[0] not in live.listed:
            continue  # An object of a cluster that was not asked.
        elif key not in live.refs:
            reason = "a state has it and the account does not"
            yield _change("nothing_is_missing", ref, stack, Status.FAIL, reason, Reconciled.MISSING, ())
        elif ref.key not in seen:
            seen.add(ref.key)
            found = drifted.get(ref.key, ())
            status = Status.FAIL if found else Status.PASS
            reason = ", ".join(f"{one.control} {one.clause}" for one in found)
            reconciled = Reconciled.DRIFTED if found else Reconciled.AGREES
            yield _change("nothing_drifted", ref, stack, status, reason, reconciled, live.evidence.get(key, ()))


def _change(
    clause: str,
    ref: ResourceRef,
    stack: str,
    status: Status,
    reason: str,
    reconciled: Reconciled,
    evidence: tuple[int, ...],
) -> Answer:
    observed = (Observed(place=Place.LIVE, status=status, reason=reason, evidence=evidence),)
    return Answer(
        control=CHANGE, clause=clause, stack=stack, resource=ref, status=status, reason=reason,
        reconciled=reconciled, observed=observed,
    )  # fmt: skip


def _observed(sight: Sight, said: Said | None, key: Key, in_state: bool) -> Observed | None:
    if said is not None:
        return Observed(place=sight.place, status=said.status, reason=said.reason, evidence=said.evidence)
    if sight.place is not Place.LIVE or key in sight.refs or not in_state:
        # Nobody expects it there, or it is there as another type that this clause does not speak about.
        return None
    why = sight.unobserved.get(key[0]) or "the account does not have it"
    return Observed(place=sight.place, status=Status.NOT_OBSERVED, reason=why)


def _answer(
    control: str,
    clause: str,
    key: Key,
    sights: Sequence[Sight],
    observed: tuple[Observed, ...],
    live: Sight | None,
    declared: Sequence[Sight],
) -> Answer:
    owner = next((sight for sight in declared if key in sight.refs), live)
    assert owner is not None
    worst = min(_counting(observed), key=lambda one: _rank(one.status))
    return Answer(
        control=control,
        clause=clause,
        stack=next((sight.stacks[key] for sight in sights if key in sight.stacks), ""),
        resource=owner.refs[key],
        status=worst.status,
        reason=worst.reason,
        reconciled=_together(key, observed, live, declared),
        observed=observed,
    )


def _counting(observed: Sequence[Observed]) -> Sequence[Observed]:
    """What no declaration says, a live account answers."""
    settled = any(one.place is Place.LIVE and one.status is not Status.NOT_OBSERVED for one in observed)
    return [one for one in observed if not settled or one.status is not Status.NOT_OBSERVED]


def _nobodys(key: Key, live: Sight, declared: Sequence[Sight]) -> bool:
    """Whether AWS made it and no state has it. What only an account has, its root user, is judged all the same."""
    declarable = not key[0].startswith(LIVE_ONLY)
    return declarable and key in live.made_by_aws and not any(key in sight.refs for sight in declared)


def _rank(status: Status) -> int:
    return WORST.index(status)


def _together(key: Key, observed: Sequence[Observed], live: Sight | None, declared: Sequence[Sight]) -> Reconciled:
    statuses = {one.place: one.status for one in _counting(observed)}
    if live is not None and declared:
        if key not in live.inline and not any(key in sight.refs for sight in declared):
            return Reconciled.UNMANAGED
        if Place.LIVE in statuses and key not in live.refs and key[0] not in live.unobserved:
            return Reconciled.MISSING
    if Status.NOT_OBSERVED in statuses.values():
        return Reconciled.NOT_OBSERVED
    if Status.UNDETERMINED in statuses.values():
        return Reconciled.UNDETERMINED
    if len(statuses) == 1:
        return Reconciled.ONE_PLACE
    if len(set(statuses.values())) == 1:
        return Reconciled.AGREES
    said = [status for place, status in statuses.items() if place is not Place.LIVE]
    if statuses.get(Place.LIVE) is Status.FAIL and Status.FAIL not in said:
        return Reconciled.DRIFTED
    return Reconciled.DIFFERS
