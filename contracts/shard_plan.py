"""How a shard map comes to be and how it may change: a first map, then declared changes, each the next version.

    first_map(4)                        four equal shards s00..s03, each one contiguous range
    apply(map, Change(ADD, "s04"))      the shard exists, without slots
    apply(map, Change(SERVE, "s04"))    it takes its share: the slots' rows have to be copied before this is published

Every function is pure. A change moves slots to the shard it names, or away from it, and between no others.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction

from contracts.shard_map import SLOTS, Shard, ShardMap, ShardMapError, ShardState


class ChangeKind(StrEnum):
    """A step in the life of a shard."""

    ADD = "add"
    """A new shard, provisioning: it holds no slot."""
    SERVE = "serve"
    """provisioning -> serving: takes its share of slots; read-only or draining -> serving: keeps what it holds."""
    WEIGH = "weigh"
    """A serving shard's share grows or shrinks."""
    READ_ONLY = "read-only"
    """serving -> read-only: keeps its slots, refuses writes."""
    DRAIN = "drain"
    """serving or read-only -> draining: keeps its slots, gets no new ones."""
    RETIRE = "retire"
    """provisioning or draining -> retired: its slots go to the serving shards."""


_FROM_STATES: Mapping[ChangeKind, frozenset[ShardState]] = {
    ChangeKind.SERVE: frozenset({ShardState.PROVISIONING, ShardState.READ_ONLY, ShardState.DRAINING}),
    ChangeKind.WEIGH: frozenset({ShardState.SERVING, ShardState.PROVISIONING}),
    ChangeKind.READ_ONLY: frozenset({ShardState.SERVING}),
    ChangeKind.DRAIN: frozenset({ShardState.SERVING, ShardState.READ_ONLY}),
    ChangeKind.RETIRE: frozenset({ShardState.PROVISIONING, ShardState.DRAINING}),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One declared change. Changes are only ever appended: their number is part of the map's version."""

    kind: ChangeKind
    shard: str
    weight: int | None = None
    """For ``add`` (1 where it is None) and ``weigh``."""
    at: str | None = None
    """ISO date on which it was declared."""


def shard_id(number: int) -> str:
    """``s00``, ``s01``, ... in order of creation."""
    return f"s{number:02d}"


def equal_counts() -> list[int]:
    """Numbers of shards whose equal shares leave no slot over: the divisors of 4,096."""
    return [1 << power for power in range(SLOTS.bit_length())]


def first_map(count: int, overrides: Mapping[str, str] | None = None) -> ShardMap:
    """The map of ``count`` equal shards, each one contiguous range.

    Doubling the count splits each range in half and gives the upper halves to the new shards: exactly half of the slots
    move, all of them to new shards. The version is one more than the number of doublings.
    Raises ShardMapError where the count does not divide the slots.
    """
    if count not in equal_counts():
        raise ShardMapError(
            f"{count} does not divide {SLOTS:,} slots; use {' or '.join(map(str, nearest_counts(count)))}"
        )
    doublings = count.bit_length() - 1
    per_shard = SLOTS // count
    numbers = [_reversed_bits(block, doublings) for block in range(count)]
    return ShardMap(
        version=doublings + 1,
        shards=tuple(Shard(id=shard_id(number)) for number in range(count)),
        owners=tuple(shard_id(numbers[slot // per_shard]) for slot in range(SLOTS)),
        overrides=overrides or {},
    )


def nearest_counts(count: int) -> list[int]:
    """The divisors of the slots next to ``count``: the one below and the one above, where they exist."""
    below = [divisor for divisor in equal_counts() if divisor < count][-1:]
    above = [divisor for divisor in equal_counts() if divisor > count][:1]
    return below + above


def declared_map(count: int, changes: Iterable[Change] = (), overrides: Mapping[str, str] | None = None) -> ShardMap:
    """The map that a configuration declares: ``count`` equal shards, then each change in order.

    Raises ShardMapError with the number of the change that cannot follow the ones before it.
    """
    shard_map = first_map(count)
    for number, change in enumerate(changes):
        try:
            shard_map = apply(shard_map, change)
        except ShardMapError as error:
            raise ShardMapError(f"changes[{number}]: {error}") from error
    return replace(shard_map, overrides=overrides or {})


def add_shard(shard_map: ShardMap, weight: int = 1) -> ShardMap:
    """``add`` and ``serve`` of the next free id: from N to N + 1 equal shards at most ceil(slots / (N + 1)) move."""
    new = shard_id(len(shard_map.shards))
    grown = apply(shard_map, Change(kind=ChangeKind.ADD, shard=new, weight=weight))
    return apply(grown, Change(kind=ChangeKind.SERVE, shard=new))


def apply(shard_map: ShardMap, change: Change) -> ShardMap:
    """The next version of the map. Raises ShardMapError where the change cannot follow."""
    if change.kind is ChangeKind.ADD:
        expected = shard_id(len(shard_map.shards))
        if change.shard != expected:
            raise ShardMapError(f"add {change.shard!r}: ids are given in order and never again; use {expected}")
        shards = (*shard_map.shards, Shard(id=change.shard, weight=_weight(change), state=ShardState.PROVISIONING))
        return replace(shard_map, version=shard_map.version + 1, shards=shards, at=change.at)
    before = shard_map.shard(change.shard)
    if before.state not in _FROM_STATES[change.kind]:
        allowed = ", ".join(sorted(_FROM_STATES[change.kind]))
        raise ShardMapError(f"{change.kind} {change.shard}: it is {before.state}; this step starts from {allowed}")
    if (change.weight is not None) != (change.kind is ChangeKind.WEIGH):
        raise ShardMapError(f"{change.kind} {change.shard}: a weight belongs to add and weigh, where weigh needs it")
    after = _changed(before, change)
    shards = tuple(after if shard.id == after.id else shard for shard in shard_map.shards)
    return ShardMap(
        version=shard_map.version + 1,
        shards=shards,
        owners=_reassigned(shard_map, shards, before, after),
        overrides=shard_map.overrides,
        at=change.at,
    )


def moved_slots(before: ShardMap, after: ShardMap) -> Sequence[int]:
    """Slots whose shard differs."""
    return [slot for slot in range(SLOTS) if before.owners[slot] != after.owners[slot]]


def check_successor(published: ShardMap, declared: ShardMap, *, slots_may_move: bool = False) -> None:
    """Raises ShardMapError where publishing ``declared`` after ``published`` would lose accounts or confuse readers.

    ``slots_may_move``: the rows of the slots that move were copied, or there are none.
    """
    if declared.version < published.version:
        raise ShardMapError(
            f"shards: version {declared.version} is below the published {published.version}; retire shards by a change "
            "appended to shards.changes, not by lowering shards.count or deleting a change"
        )
    if declared.version == published.version and declared.owners != published.owners:
        raise ShardMapError(
            f"shards: another map was published as version {published.version}; append a change instead"
        )
    present = {shard.id: shard for shard in declared.shards}
    for shard in published.shards:
        if shard.id not in present:
            raise ShardMapError(f"shards: {shard.id} was published and is gone; append drain and retire instead")
        if shard.state is ShardState.RETIRED and present[shard.id].state is not ShardState.RETIRED:
            raise ShardMapError(f"shards: {shard.id} was retired; an id is never used again")
    moved = moved_slots(published, declared)
    if moved and not slots_may_move:
        sources = ", ".join(sorted({published.owners[slot] for slot in moved}))
        raise ShardMapError(
            f"shards: {len(moved):,} of {SLOTS:,} slots would leave {sources} while their accounts' rows are there; "
            "copy them first, or keep shards.count as published and add a shard without slots (shards.changes: add)"
        )


def _changed(shard: Shard, change: Change) -> Shard:
    if change.kind is ChangeKind.WEIGH:
        return replace(shard, weight=_weight(change))
    state = {
        ChangeKind.SERVE: ShardState.SERVING,
        ChangeKind.READ_ONLY: ShardState.READ_ONLY,
        ChangeKind.DRAIN: ShardState.DRAINING,
        ChangeKind.RETIRE: ShardState.RETIRED,
    }[change.kind]
    return replace(shard, state=state)


def _weight(change: Change) -> int:
    return 1 if change.weight is None else change.weight


def _reassigned(shard_map: ShardMap, shards: Sequence[Shard], before: Shard, after: Shard) -> tuple[str, ...]:
    """Owners after the change: slots go to ``after`` from the fullest shards, or from it to the emptiest."""
    owned = Counter(shard_map.owners)
    held = {shard.id: owned[shard.id] for shard in shards}
    others = [shard for shard in shards if shard.id != after.id and shard.state is ShardState.SERVING]
    if after.state is ShardState.RETIRED:
        if held[after.id] and not others:
            raise ShardMapError(f"retire {after.id}: no serving shard is left to take its slots")
        return _given(shard_map.owners, after.id, _shares_in(others, held, held[after.id]))
    takes_share = after.state is ShardState.SERVING and (
        before.state is ShardState.PROVISIONING or before.weight != after.weight
    )
    if not takes_share or not others:
        return shard_map.owners
    in_service = sum(held[shard.id] for shard in (*others, after))
    exact = Fraction(in_service * after.weight, after.weight + sum(shard.weight for shard in others))
    if held[after.id] < int(exact):
        return _taken(shard_map.owners, after.id, _shares_out(others, held, int(exact) - held[after.id]))
    surplus = held[after.id] + int(-exact // 1)
    return _given(shard_map.owners, after.id, _shares_in(others, held, surplus)) if surplus > 0 else shard_map.owners


def _shares_out(donors: Sequence[Shard], held: Mapping[str, int], count: int) -> dict[str, int]:
    """How many slots each donor gives, one at a time from the one fullest for its weight."""
    heap = [(-Fraction(held[shard.id], shard.weight), place, 0) for place, shard in enumerate(donors)]
    heapq.heapify(heap)
    for _ in range(count):
        _, place, given = heap[0]
        shard = donors[place]
        heapq.heapreplace(heap, (-Fraction(held[shard.id] - given - 1, shard.weight), place, given + 1))
    return {donors[place].id: given for _, place, given in sorted(heap, key=lambda entry: entry[1])}


def _shares_in(receivers: Sequence[Shard], held: Mapping[str, int], count: int) -> dict[str, int]:
    """How many slots each receiver gets, one at a time to the one that would then be emptiest for its weight."""
    heap = [(Fraction(held[shard.id] + 1, shard.weight), place, 0) for place, shard in enumerate(receivers)]
    heapq.heapify(heap)
    for _ in range(count):
        _, place, got = heap[0]
        shard = receivers[place]
        heapq.heapreplace(heap, (Fraction(held[shard.id] + got + 2, shard.weight), place, got + 1))
    return {receivers[place].id: got for _, place, got in sorted(heap, key=lambda entry: entry[1])}


def _taken(owners: Sequence[str], receiver: str, shares: Mapping[str, int]) -> tuple[str, ...]:
    result = list(owners)
    for donor, count in shares.items():
        for slot in _chosen(owners, donor, count):
            result[slot] = receiver
    return tuple(result)


def _given(owners: Sequence[str], donor: str, shares: Mapping[str, int]) -> tuple[str, ...]:
    result = list(owners)
    leaving = iter(sorted(_chosen(owners, donor, sum(shares.values()))))
    for receiver, count in shares.items():
        for _ in range(count):
            result[next(leaving)] = receiver
    return tuple(result)


def _chosen(owners: Sequence[str], donor: str, count: int) -> list[int]:
    """``count`` slots of a donor: its shortest ranges whole, then the end of the next, so that the map stays short."""
    ranges: list[list[int]] = []
    for slot, owner in enumerate(owners):
        if owner == donor:
            if ranges and ranges[-1][-1] == slot - 1:
                ranges[-1].append(slot)
            else:
                ranges.append([slot])
    chosen: list[int] = []
    for run in sorted(ranges, key=lambda run: (len(run), run[0])):
        wanted = count - len(chosen)
        if wanted <= 0:
            break
        chosen += run[-wanted:]
    return chosen


def _reversed_bits(number: int, bits: int) -> int:
    return int(f"{number:0{bits}b}"[::-1], 2) if bits else 0
