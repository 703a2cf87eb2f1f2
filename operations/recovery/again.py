"""`cell recovery missing`: the archive read again after a movement. Replication goes on where the lost region comes
back, and so does what relays send again: a payment that was named may have turned up, others may have to be named.

    missing      the old cell archived it, and no event of the new writer tells of it
    sent again   the new writer archived an event that the old cell had archived: it was in the promoted shard's outbox
    gone on      the new writer archived another event of it

A payment that a customer sent again has a new id: it is not told from others here (`cell drill` compares keys).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from operations.recovery.archive import FLUSH_S, Archive, UnreadableError, milliseconds, payment_of
from operations.recovery.run import Run


class State(StrEnum):
    """What is known of a payment now."""

    MISSING = "missing"
    SENT_AGAIN = "sent again"
    GONE_ON = "gone on"


@dataclass(kw_only=True, slots=True)
class Trail:
    """Events of one payment that one of both cells archived."""

    ids: set[str] = field(default_factory=set)
    last: tuple[str, str] = ("", "")
    """Time and type of the newest."""


def look_again(run: Run, of: Archive, hours: float) -> Mapping[str, Any]:
    """What the target's archive tells now of the payments that a run named, and of those that it could not name yet.

    `run` has come to its report. `hours`: how long after it events of the new writer are read. Where the archive cannot
    be read: the run's own report, with the reason.
    """
    report = run.facts("missing")
    named = {str(one["id"]): str(one["last_event"]) for one in report.get("payments", ())}
    told = {"run": run.id, "reported_at": run.steps["missing"].ended_at, "not_read": list(report["not_read"])}
    since, granted = datetime.fromisoformat(str(report["since"])), _ended(run, "grant")
    until = _ended(run, "missing") + timedelta(hours=hours)
    try:
        old, new = _trails(of, since, granted, until)
    except UnreadableError as reason:
        rows = [{"id": one, "last_event": last, "state": "not read", "named": "then"} for one, last in named.items()]
        return {**told, "unreadable": str(reason), "payments": rows, "counts": {"not read": len(rows)}}
    lost = {payment for payment in old if payment not in new}
    rows = [
        {
            "id": payment,
            "last_event": old[payment].last[1] if payment in old else named[payment],
            "state": _state(old.get(payment), new.get(payment)).value,
            "named": "then" if payment in named else "since",
        }
        for payment in sorted({*named, *lost})
    ]
    return {
        **told,
        "read_until": until.isoformat(timespec="seconds"),
        "compared": {"then": report.get("compared"), "now": len(old)},
        "counts": dict(Counter(row["state"] for row in rows)),
        "payments": rows,
    }


def _state(old: Trail | None, new: Trail | None) -> State:
    if new is None:
        return State.MISSING
    return State.SENT_AGAIN if old is not None and old.ids & new.ids else State.GONE_ON


def _trails(
    of: Archive, since: datetime, granted: datetime, until: datetime
) -> tuple[Mapping[str, Trail], Mapping[str, Trail]]:
    """Of the old cell, until it was fenced: what it writes after a failback is of another movement. Of the new one."""
    bucket, old, new = of.bucket(), dict[str, Trail](), dict[str, Trail]()
    first, last_old = milliseconds(since), milliseconds(granted)
    for version in of.versions(bucket, since):
        if version.at > until:
            continue
        replica = of.is_replica(bucket, version)
        if replica and version.at > granted + timedelta(seconds=FLUSH_S):
            continue
        for event in of.events(bucket, version):
            payment = payment_of(event.data)
            if payment is None or event.time < first or (replica and event.time > last_old):
                continue
            trail = (old if replica else new).setdefault(payment, Trail())
            trail.ids.add(event.id)
            trail.last = max(trail.last, (event.time, event.type))
    return old, new


def _ended(run: Run, step: str) -> datetime:
    return datetime.fromisoformat(run.steps[step].ended_at)
