"""How long something was so, of sightings at single times; and how long nobody looked. Pure."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Generic, NamedTuple, Protocol, TypeVar


class Seen(StrEnum):
    """What one look at something shows."""

    HOLDS = "holds"
    """It passes, does not apply, or is gone."""
    FAILS = "fails"
    UNKNOWN = "not known"
    """It was not observed, or the value is not known: it may hold or fail."""


SETTLES = {Seen.FAILS: frozenset({Seen.HOLDS}), Seen.UNKNOWN: frozenset({Seen.HOLDS, Seen.FAILS})}
"""What ends a span: a failure that nobody can observe any more goes on."""


class Sighting(Protocol):
    """One look."""

    @property
    def at(self) -> datetime: ...
    @property
    def seen(self) -> Seen: ...


S = TypeVar("S", bound=Sighting)


class Between(NamedTuple):
    """A period; its end is not in it."""

    start: datetime
    end: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Span(Generic[S]):
    """One time in which something was so, seen at its beginning and, for what is over, at its end. It began after
    ``after`` and at ``first`` at the latest; it ended after ``last`` and at ``until`` at the latest."""

    after: datetime | None
    """The look before, which showed otherwise; None without one."""
    members: tuple[S, ...]
    """The looks that showed it, in order; at least one."""
    until: datetime | None
    """The first look that showed otherwise again; None where it is still so."""

    @property
    def first(self) -> datetime:
        return self.members[0].at

    @property
    def last(self) -> datetime:
        return self.members[-1].at

    def at_least(self) -> timedelta:
        """What the looks prove."""
        return self.last - self.first

    def at_most(self, end: datetime) -> timedelta | None:
        """What they leave possible up to ``end``; None where nobody saw it otherwise before."""
        return None if self.after is None else (self.until or end) - self.after

    def meets(self, start: datetime, end: datetime) -> bool:
        """Whether it was so in a part of a period, whose end is not in it."""
        return self.first < end and (self.until is None or self.until > start)


def spans(sightings: Sequence[S], so: Seen) -> Iterator[Span[S]]:
    """The times in which something was so, of looks in the order of their times."""
    settles = SETTLES[so]
    after: datetime | None = None
    members: list[S] = []
    for one in sightings:
        if one.seen is so:
            members.append(one)
        elif one.seen in settles:
            if members:
                yield Span(after=after, members=tuple(members), until=one.at)
                members = []
            after = one.at
    if members:
        yield Span(after=after, members=tuple(members), until=None)


def gaps(
    times: Collection[datetime], start: datetime, end: datetime, longest: timedelta
) -> tuple[tuple[datetime, datetime], ...]:
    """Times without a look that are longer than ``longest`` and reach into a period. The last look before the period
    counts; without one the first time begins with the period."""
    before = [one for one in times if one <= start]
    within = sorted(one for one in times if start < one < end)
    points = [max(before, default=start), *within, end]
    return tuple((one, other) for one, other in pairwise(points) if other - one > longest)


def overlap(first: datetime, last: datetime, start: datetime, end: datetime) -> timedelta:
    """How much of one time lies in another; none where they do not meet."""
    return max(min(last, end) - max(first, start), timedelta())
