"""Operation over time: what the evidence bundles of a period say together.

An audit shows a moment. Of two of them that follow each other nobody knows what was between: a failure is told with the
looks that bound it, never as an exact time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from operations.audit.bundles import Bundle, Head, bundles
from operations.audit.evidence.history import gaps as chain_gaps
from operations.audit.period_result import Changed, Coverage, Gap, InForce, Interval, Period, Run
from operations.audit.result import AcceptedException, Audit
from operations.audit.spans import Between, Seen, Span, gaps, overlap, spans
from operations.audit.tracks import Look, Track, Tracks
from operations.errors import CellError, ExitCode
from policies.control import Severity
from policies.controls.mon_01 import MAX_GAP_DAYS, MON_01

EVERY = timedelta(days=MAX_GAP_DAYS)
"""Longest time between two audits, unless another is asked for: that of MON-01."""

LATE = timedelta(hours=1)
"""By which a scheduled run may begin late without being one that was left out."""

NO_STACK = "(no stack)"
"""Stands for audits of an account alone (`cell audit --account`)."""


def period(
    folder: Path,
    keys: Sequence[bytes],
    between: Between,
    every: timedelta = EVERY,
    stacks: Sequence[str] = (),
    tell: Callable[[int, int], None] = lambda _done, _all: None,
) -> Period:
    """What the bundles of a folder say about a period. ``keys``: as ``verify`` takes them. ``stacks``: of all without
    one. ``tell``: of how many bundles are verified. Raises CellError (configuration) where no bundle is of them."""
    found = bundles(folder, keys, tell)
    intact = [(one, one.head) for one in found if one.head is not None]
    mine = _chosen(intact, stacks, folder)
    tracks, exceptions, unreadable = _followed(mine, between, stacks)
    readable = [(one, head) for one, head in mine if one.folder.name not in unreadable]
    within = [(one, head) for one, head in readable if between.start <= head.started < between.end]
    heads = [head for _, head in readable]
    runs = (*(_run(one, head) for one, head in within), *_broken(found, unreadable))
    names = _names(stacks, [head for _, head in mine])
    return Period(
        start=_time(between.start),
        end=_time(between.end),
        every_s=_seconds(every),
        stacks=tuple(names),
        emulated=any(run.emulated for run in runs),
        unproven=any(not one.verified.proven for one, _ in within),
        runs=runs,
        elsewhere=len(found) - len(runs),
        coverage=tuple(_coverage(name, heads, between, every) for name in names),
        chain=(*chain_gaps(folder, [head.audit for _, head in within]), *_disorder(intact, within)),
        failures=tuple(sorted(_intervals(tracks, between, Seen.FAILS), key=_worst_first)),
        unknown=tuple(sorted(_intervals(tracks, between, Seen.UNKNOWN), key=_worst_first)),
        exceptions=tuple(exceptions.in_force(between)),
        changed=tuple(_changes(heads, between)),
    )


def exit_code(found: Period, fail_on: Severity, *, strict: bool) -> ExitCode:
    """5 where a bundle is broken, an audit was left out (MON-01) or a control failed at or above ``fail_on`` that
    nobody had accepted; with ``strict`` also where something was not observed or an author is unproven."""
    rank = list(Severity).index
    missing = (found.gaps or found.chain) and rank(MON_01.severity) >= rank(fail_on)
    failed = any(rank(one.severity) >= rank(fail_on) for one in found.deviations)
    blind = strict and (found.unknown or found.unproven)
    return ExitCode.POLICY_VIOLATION if found.broken or missing or failed or blind else ExitCode.OK


def _chosen(
    intact: Sequence[tuple[Bundle, Head]], stacks: Sequence[str], folder: Path
) -> Sequence[tuple[Bundle, Head]]:
    mine = [(one, head) for one, head in intact if not stacks or set(stacks) & set(head.scope.stacks)]
    if stacks and not mine:
        there = sorted({name for _, head in intact for name in head.scope.stacks})
        raise CellError(
            f"{folder}: no intact bundle is of {', '.join(stacks)}; there are bundles of {', '.join(there) or 'none'}",
            ExitCode.CONFIGURATION,
        )
    return mine


def _followed(
    mine: Iterable[tuple[Bundle, Head]], between: Between, stacks: Sequence[str]
) -> tuple[Tracks, _Exceptions, Mapping[str, str]]:
    """What the audits up to the period's end say, one after the other; and why some cannot be read, by folder."""
    tracks, exceptions, unreadable = Tracks(stacks), _Exceptions(stacks), dict[str, str]()
    for one, head in mine:
        if head.started >= between.end:
            continue
        try:
            audit = one.audit()
        except CellError as error:
            unreadable[one.folder.name] = str(error)
            continue
        exceptions.see(audit, head.started)
        if head.live:
            tracks.see(audit, head.started)
    return tracks, exceptions, unreadable


def _names(stacks: Sequence[str], heads: Iterable[Head]) -> list[str]:
    if stacks:
        return list(dict.fromkeys(stacks))
    return sorted({name for head in heads for name in head.scope.stacks or (NO_STACK,)})


def _run(one: Bundle, head: Head) -> Run:
    return Run(
        name=one.folder.name,
        audit=head.audit,
        started=_time(head.started),
        ended=_time(head.ended),
        stacks=head.scope.stacks,
        verdict=one.verified.verdict,
        counts=head.whole,
        emulated=one.verified.emulated,
        findings=one.verified.findings,
    )


def _broken(found: Iterable[Bundle], unreadable: Mapping[str, str]) -> Iterator[Run]:
    for one in found:
        name = one.folder.name
        if one.broken:
            yield Run(name=name, verdict=one.verified.verdict, problem=one.broken)
        elif name in unreadable:
            yield Run(name=name, verdict=one.verified.verdict, problem=unreadable[name])


def _coverage(stack: str, heads: Sequence[Head], between: Between, every: timedelta) -> Coverage:
    of_stack = [one for one in heads if stack in (one.scope.stacks or (NO_STACK,))]
    whole = [one for one in of_stack if one.whole]
    within = [one for one in whole if between.start <= one.started < between.end]
    others = [one for one in of_stack if not one.whole and between.start <= one.started < between.end]
    ids = {one.started: one.audit for one in whole}
    return Coverage(
        stack=stack,
        expected=(between.end - between.start) // every,
        held=len(within),
        partial=len(others),
        first=_time(within[0].started) if within else None,
        last=_time(within[-1].started) if within else None,
        gaps=tuple(
            Gap(
                stack=stack,
                after=ids.get(start, ""),
                start=_time(start),
                end=_time(end),
                seconds=_seconds(end - start),
            )
            for start, end in gaps(ids, *between, every + LATE)
        ),
    )


def _disorder(found: Sequence[tuple[Bundle, Head]], within: Sequence[tuple[Bundle, Head]]) -> Iterator[str]:
    """Audits whose order nobody can trust: one that names a later one as the one before it; two of one stack at one
    time."""
    by_digest = {one.verified.head: head for one, head in found}
    for _, head in within:
        before = by_digest.get(head.previous)
        if before is not None and before.started > head.started:
            yield f"{head.audit}: names {before.audit} as the audit before it, which began later"
    for (_, head), (_, other) in pairwise(within):
        if other.started < head.ended and set(head.scope.stacks) & set(other.scope.stacks):
            yield f"{other.audit}: began before {head.audit} had ended, of the same stacks"


def _intervals(tracks: Iterable[Track], between: Between, so: Seen) -> Iterator[Interval]:
    for track in tracks:
        for span in spans(track.looks, so):
            if span.meets(*between):
                yield _interval(track, span, between)


def _interval(track: Track, span: Span[Look], between: Between) -> Interval:
    answer, looks = track.answer, span.members
    at_most = span.at_most(between.end)
    return Interval(
        control=answer.control,
        clause=answer.clause,
        severity=max((look.severity for look in looks), key=list(Severity).index),
        stack=answer.stack,
        resource=answer.resource,
        after=_time(span.after) if span.after else None,
        first=_time(span.first),
        last=_time(span.last),
        until=_time(span.until) if span.until else None,
        at_least_s=_seconds(span.at_least()),
        at_most_s=None if at_most is None else _seconds(at_most),
        reason=looks[-1].reason,
        exceptions=tuple(sorted({look.exception or look.emergency for look in looks} - {""})),
        accepted=all(look.exception for look in looks),
    )


def _worst_first(one: Interval) -> tuple[Any, ...]:
    return one.accepted, -list(Severity).index(one.severity), one.control, one.clause, one.resource.key, one.first


class _Exceptions:
    """Exceptions in use, by id and digest of their terms."""

    def __init__(self, stacks: Sequence[str]) -> None:
        self._stacks = stacks
        self._seen: dict[tuple[str, str], tuple[AcceptedException, datetime, datetime]] = {}

    def see(self, audit: Audit, at: datetime) -> None:
        for one in audit.exceptions:
            if not self._stacks or one.id.partition("/")[0] in self._stacks:
                _, first, _ = self._seen.get((one.id, one.digest), (one, at, at))
                self._seen[one.id, one.digest] = one, first, at

    def in_force(self, between: Between) -> Iterator[InForce]:
        for _, (one, first, last) in sorted(self._seen.items()):
            time = overlap(datetime.fromisoformat(one.granted), datetime.fromisoformat(one.expires), *between)
            if time:
                yield InForce(
                    id=one.id,
                    control=one.control,
                    resource=one.resource,
                    granted=one.granted,
                    expires=one.expires,
                    in_force_s=_seconds(time),
                    renewal=one.renewal,
                    emergency=one.emergency,
                    approvers=tuple(approval.approver for approval in one.approvals),
                    seen_first=_time(first),
                    seen_last=_time(last),
                )


def _changes(heads: Sequence[Head], between: Between) -> Iterator[Changed]:
    """What could have changed answers: catalogue, packs, thresholds."""
    for one, other in pairwise(heads):
        if not between.start <= other.started < between.end:
            continue
        before, after = (
            {"catalogue": head.tool.catalogue, "packs": head.tool.packs, **head.thresholds} for head in (one, other)
        )
        for about in sorted({*before, *after}):
            was, is_ = str(before.get(about, "none")), str(after.get(about, "none"))
            if was != is_:
                yield Changed(audit=other.audit, about=about, before=was, after=is_)


def _seconds(time: timedelta) -> int:
    return int(time.total_seconds())


def _time(time: datetime) -> str:
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")
