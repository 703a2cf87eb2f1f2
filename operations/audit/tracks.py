"""What one clause said of one resource in one audit after the other."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from operations.audit.compare import OF_ITSELF, not_asked
from operations.audit.exceptions import emergencies
from operations.audit.reconcile import WORST
from operations.audit.result import Answer, Audit
from operations.audit.spans import Seen
from policies.control import Severity, Status

_SEEN = {
    Status.PASS: Seen.HOLDS,
    Status.NOT_APPLICABLE: Seen.HOLDS,
    Status.FAIL: Seen.FAILS,
    Status.NOT_OBSERVED: Seen.UNKNOWN,
    Status.UNDETERMINED: Seen.UNKNOWN,
}

Key = tuple[str, str, str]
"""Control, clause, and the resource's key or URN."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """What one audit saw."""

    at: datetime
    audit: str
    seen: Seen
    severity: Severity
    """Of the control in that audit."""
    reason: str = ""
    exception: str = ""
    """That accepts the failure; an emergency accepts none."""
    emergency: str = ""


@dataclass(kw_only=True, slots=True)
class Track:
    """One clause of one resource."""

    answer: Answer
    """The last one."""
    looks: list[Look] = field(default_factory=list)

    def add(self, look: Look) -> None:
        """One more look. Of several that show the same the first and the last are enough."""
        if len(self.looks) > 1 and _same(self.looks[-2], self.looks[-1]) and _same(self.looks[-1], look):
            self.looks[-1] = look
        else:
            self.looks.append(look)


def _same(one: Look, other: Look) -> bool:
    return (one.seen, one.severity, one.reason, one.exception, one.emergency) == (
        other.seen,
        other.severity,
        other.reason,
        other.exception,
        other.emergency,
    )


class Tracks:
    """Follows answers through audits, which have to come in the order in which they began. A resource is known by what
    AWS calls it, or, when it was replaced, by its URN."""

    def __init__(self, stacks: Collection[str] = ()) -> None:
        """``stacks``: whose resources; with none, of all. What is in no state belongs to each of them."""
        self._stacks = stacks
        self._by_key: dict[Key, Track] = {}
        self._by_urn: dict[Key, Track] = {}
        self._all: list[Track] = []
        self._before: dict[tuple[tuple[str, ...], bool], tuple[datetime, Audit]] = {}
        """The last audit of each scope, by its stacks and whether some controls were left out."""

    def __iter__(self) -> Iterator[Track]:
        return iter(self._all)

    def see(self, audit: Audit, at: datetime) -> None:
        """One more audit."""
        severities = {entry.id: entry.severity for entry in audit.controls}
        red = emergencies(audit.exceptions)
        seen: set[int] = set()
        # What is known by its own name comes first, so that a successor takes nobody's place who is still there; of two
        # answers about one resource the worse counts.
        for answer in sorted(audit.answers, key=lambda one: (_key(one) not in self._by_key, WORST.index(one.status))):
            if self._stacks and answer.stack and answer.stack not in self._stacks:
                continue
            track = self._of(answer, seen)
            if track is None:
                continue
            severity = severities[answer.control]
            if not track.looks:
                self._was_not_there(track, severity)
            if answer.resource.urn or not track.answer.resource.urn:
                # An audit of the account alone knows neither stack nor name.
                track.answer = answer
            track.add(_look(answer, audit.id, at, severity, emergency=answer.exception in red))
        for track in self._all:
            if id(track) not in seen and track.looks[-1].seen is not Seen.HOLDS and not not_asked(audit, track.answer):
                last = track.looks[-1].severity
                track.add(Look(at=at, audit=audit.id, seen=Seen.HOLDS, severity=last, reason="gone"))
        self._before[audit.scope.stacks, audit.scope.partial] = at, audit

    def _was_not_there(self, track: Track, severity: Severity) -> None:
        """What an audit before would have told of a resource, had there been one."""
        for at, audit in sorted(self._before.values(), key=lambda one: one[0], reverse=True):
            if not not_asked(audit, track.answer):
                track.add(Look(at=at, audit=audit.id, seen=Seen.HOLDS, severity=severity, reason="not there"))
                return

    def _of(self, answer: Answer, seen: set[int]) -> Track | None:
        """The track of an answer; None where this audit has already said something of it."""
        key = _key(answer)
        urn = (answer.control, answer.clause, answer.resource.urn)
        track = self._by_key.get(key)
        if track is not None and id(track) in seen:
            return None
        if track is None and answer.resource.urn:
            track = self._by_urn.get(urn)
        if track is None or id(track) in seen:
            track = Track(answer=answer)
            self._all.append(track)
        self._by_key[key] = track
        if answer.resource.urn:
            self._by_urn.setdefault(urn, track)
        seen.add(id(track))
        return track


def _look(answer: Answer, audit: str, at: datetime, severity: Severity, *, emergency: bool) -> Look:
    return Look(
        at=at,
        audit=audit,
        seen=_SEEN[answer.status],
        severity=severity,
        reason=answer.reason,
        exception="" if emergency else answer.exception,
        emergency=answer.exception if emergency else "",
    )


def _key(answer: Answer) -> Key:
    """An attestation is renewed by another file: its question is what stays."""
    resource = answer.resource
    return (answer.control, answer.clause, resource.name if resource.type in OF_ITSELF else resource.key)
