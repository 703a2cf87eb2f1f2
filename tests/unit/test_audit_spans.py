"""Intervals of failure from single looks, and times in which nobody looked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from operations.audit.spans import Seen, Span, gaps, overlap, spans

START = datetime(2026, 11, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Look:
    at: datetime
    seen: Seen


def looks(*seen: Seen) -> list[Look]:
    """One a day."""
    return [Look(START + DAY * number, one) for number, one in enumerate(seen)]


H, F, U = Seen.HOLDS, Seen.FAILS, Seen.UNKNOWN

HISTORIES = st.lists(st.sampled_from(Seen), max_size=30).map(lambda seen: looks(*seen))
HOURS = st.sets(st.integers(-500, 1500), max_size=40).map(lambda hours: {START + timedelta(hours=h) for h in hours})
END = START + timedelta(hours=1000)
LONGEST = st.integers(1, 300).map(lambda hours: timedelta(hours=hours))


def only(found: Sequence[Span[Look]]) -> Span[Look]:
    (span,) = found
    return span


def test_red_on_one_day_and_green_on_another_is_an_interval_between_the_two() -> None:
    span = only(list(spans(looks(H, F, F, F, H), F)))
    assert (span.after, span.first, span.last, span.until) == (START, START + DAY, START + 3 * DAY, START + 4 * DAY)
    assert (span.at_least(), span.at_most(END)) == (2 * DAY, 4 * DAY)


def test_a_failure_that_nobody_can_observe_any_more_goes_on() -> None:
    assert only(list(spans(looks(F, U, U), F))).until is None
    assert len(list(spans(looks(F, U, F), F))) == 1
    assert only(list(spans(looks(F, U, H), F))).until == START + 2 * DAY


def test_what_is_seen_again_is_observed_whatever_it_shows() -> None:
    assert [span.until for span in spans(looks(U, F, U, H, U), U)] == [START + DAY, START + 3 * DAY, None]


def test_of_a_failure_that_was_there_at_the_first_look_nobody_knows_how_long() -> None:
    span = only(list(spans(looks(F, H), F)))
    assert (span.after, span.at_least(), span.at_most(END)) == (None, timedelta(), None)


@given(HISTORIES)
def test_each_failing_look_is_in_one_span_and_no_other_look_is(history: list[Look]) -> None:
    found = list(spans(history, F))
    assert [look for span in found for look in span.members] == [look for look in history if look.seen is F]


@given(HISTORIES, st.sampled_from((F, U)))
def test_spans_are_in_order_apart_and_their_bounds_are_in_order(history: list[Look], so: Seen) -> None:
    found = list(spans(history, so))
    for span in found:
        assert span.after is None or span.after < span.first
        assert span.until is None or span.last < span.until
        most = span.at_most(END)
        assert most is None or span.at_least() < most
    for one, other in pairwise(found):
        assert one.until is not None
        assert other.after is not None
        assert one.until <= other.after
    assert all(span.until is not None for span in found[:-1])


@given(HISTORIES)
def test_between_the_first_and_the_last_look_of_a_span_nothing_holds(history: list[Look]) -> None:
    for span in spans(history, F):
        assert not [look for look in history if span.first <= look.at <= span.last and look.seen is H]


@given(HISTORIES)
def test_looks_without_knowledge_change_no_failure(history: list[Look]) -> None:
    known = [look for look in history if look.seen is not U]
    assert list(spans(history, F)) == list(spans(known, F))


@given(HISTORIES, st.integers(-2, 32), st.integers(1, 32))
def test_a_span_meets_a_period_where_a_part_of_it_is_in_there(history: list[Look], first: int, days: int) -> None:
    start, end = START + DAY * first, START + DAY * (first + days)
    for span in spans(history, F):
        inside = overlap(span.first, span.until or datetime.max.replace(tzinfo=UTC), start, end)
        assert span.meets(start, end) is (inside > timedelta())


@given(HOURS, LONGEST)
def test_a_gap_has_no_look_in_it_is_too_long_and_reaches_into_the_period(
    times: set[datetime], longest: timedelta
) -> None:
    for first, last in gaps(times, START, END, longest):
        assert last - first > longest
        assert overlap(first, last, START, END) > timedelta()
        assert not [one for one in times if first < one < last]


@given(HOURS, LONGEST)
def test_outside_of_the_gaps_somebody_looked_in_time(times: set[datetime], longest: timedelta) -> None:
    found = gaps(times, START, END, longest)
    for hour in range(1000):
        moment = START + timedelta(hours=hour)
        if not any(first <= moment < last for first, last in found):
            before = [one for one in times if one <= moment]
            assert moment - max(before, default=START) <= longest


@given(HOURS, st.integers(0, 999), LONGEST)
def test_one_more_look_makes_no_gap_longer(times: set[datetime], hour: int, longest: timedelta) -> None:
    def missed(looked: set[datetime]) -> timedelta:
        return sum((overlap(*one, START, END) for one in gaps(looked, START, END, longest)), timedelta())

    assert missed(times | {START + timedelta(hours=hour)}) <= missed(times)


@given(LONGEST)
def test_looks_on_schedule_leave_no_gap(longest: timedelta) -> None:
    assert gaps([START + longest * n for n in range(1000)], START, END, longest) == ()
    assert gaps((), START, END, END - START) == ()
    assert gaps((), START, END, longest) == ((START, END),)
