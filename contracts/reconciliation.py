"""The completeness proof: every acknowledged payment once in its shard, its events once in the archive, chains whole.

    reconcile(acknowledged, rows, archived, shard_map).problems()    -> [] or what is lost, doubled, misplaced, broken

Pure: who calls has read the shards and the archive. Delivery is at least once, so an event may be archived twice; that
is counted and no problem. "Exactly once" holds for event ids: one id, one content, one place in its account.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

GENESIS = "genesis"
"""`previous` of an account's first event."""


class Event(Protocol):
    """What is asked of an event: an envelope of `contracts.events`, or a row that says the same."""

    @property
    def id(self) -> str: ...
    @property
    def account(self) -> str: ...
    @property
    def sequence(self) -> int: ...
    @property
    def previous(self) -> str: ...
    @property
    def hash(self) -> str: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Acknowledged:
    """A payment as the caller was told of it."""

    payment_id: str
    account: str
    status: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PaymentRow:
    """A payment as a shard holds it."""

    payment_id: str
    account: str
    shard: str
    """Where the row was found."""
    status: str


@dataclass(frozen=True, kw_only=True, slots=True)
class EventRow:
    """A row of an outbox."""

    id: str
    account: str
    sequence: int
    previous: str
    hash: str
    shard: str
    """Where the row was found."""
    payment_id: str
    """The payment that it tells of."""
    age_s: float
    """Seconds since it was written."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reconciliation:
    """What was found. Each list is sorted; empty lists are good news."""

    payments: int
    """Acknowledged."""
    events: int
    """Different events in the archive."""
    lost_payments: Sequence[str]
    """Acknowledged, and in no shard."""
    doubled_payments: Sequence[str]
    """One id in two rows."""
    misplaced_payments: Sequence[str]
    """In a shard that the map does not name, or under another account."""
    silent_payments: Sequence[str]
    """In a shard without any event that tells of them."""
    differing_payments: Sequence[str]
    """The caller was told a final status that the shard does not have."""
    lost_events: Sequence[str]
    """In an outbox, neither archived nor in quarantine, and older than the wait."""
    doubled_events: Sequence[str]
    """Accounts and sequences that two different events claim, and ids with two contents."""
    misplaced_events: Sequence[str]
    """In the outbox of a shard that the map does not name."""
    broken_chains: Sequence[str]
    """`account at sequence: why`."""
    waiting_events: int
    """Not archived yet, and young enough."""
    lag_s: float
    """Age of the oldest event that is not archived."""
    repeated: int
    """Archived copies of events beyond the first: delivery is at least once."""
    quarantined: int

    def problems(self) -> list[str]:
        """One line for each kind of finding, with the first three."""
        names = (
            *("lost_payments", "doubled_payments", "misplaced_payments", "silent_payments", "differing_payments"),
            *("lost_events", "doubled_events", "misplaced_events", "broken_chains"),
        )
        found: list[tuple[str, Sequence[str]]] = [(name.replace("_", " "), getattr(self, name)) for name in names]
        return [
            f"{len(ids)} {name}: {', '.join(ids[:3])}{', ...' if len(ids) > 3 else ''}" for name, ids in found if ids
        ]


@dataclass(slots=True)
class _Archive:
    """The archived events by id and by place."""

    by_id: dict[str, Event] = field(default_factory=dict)
    by_account: dict[str, dict[int, Event]] = field(default_factory=lambda: defaultdict(dict))
    doubled: set[str] = field(default_factory=set)
    repeated: int = 0

    def add(self, event: Event) -> None:
        if event.id in self.by_id:
            self.repeated += 1
            self.compare(event)
            return
        self.by_id[event.id] = event
        held = self.by_account[event.account].setdefault(event.sequence, event)
        if held is not event:
            self.doubled.add(f"{event.account} at {event.sequence}: {held.id} and {event.id}")

    def compare(self, event: Event) -> None:
        """Notes another content under an archived id."""
        known = self.by_id.get(event.id, event)
        if (known.account, known.sequence, known.hash) != (event.account, event.sequence, event.hash):
            self.doubled.add(f"{event.id} with two contents")


def reconcile(
    acknowledged: Iterable[Acknowledged],
    payment_rows: Iterable[PaymentRow],
    event_rows: Iterable[EventRow],
    archived: Iterable[Event],
    shard_of: Callable[[str], str],
    *,
    quarantined: Collection[str] = (),
    final: Collection[str] = ("succeeded", "declined"),
    wait_s: float = 0.0,
    whole: bool = True,
) -> Reconciliation:
    """`shard_of`: `ShardMap.shard_of`. `quarantined`: ids of events that were set aside. `final`: statuses that may not
    change after they were told. `wait_s`: an unarchived event younger than that is on its way and not lost. `whole`:
    the archive was read from its beginning; else an account's first event may follow what was not read."""
    told = list(acknowledged)
    rows: dict[str, list[PaymentRow]] = defaultdict(list)
    for row in payment_rows:
        rows[row.payment_id].append(row)
    events = list(event_rows)
    archive = _Archive()
    for event in archived:
        archive.add(event)
    for event_row in events:
        archive.compare(event_row)
    missing = [row for row in events if row.id not in archive.by_id and row.id not in quarantined]
    speaking = {row.payment_id for row in events}
    payments = {payment.payment_id: payment for payment in told}
    return Reconciliation(
        payments=len(payments),
        events=len(archive.by_id),
        lost_payments=sorted(id_ for id_ in payments if id_ not in rows),
        doubled_payments=sorted(id_ for id_, found in rows.items() if len(found) > 1),
        misplaced_payments=sorted(_misplaced(rows, payments, shard_of)),
        silent_payments=sorted(id_ for id_ in payments if id_ in rows and id_ not in speaking),
        differing_payments=sorted(
            id_
            for id_, payment in payments.items()
            if payment.status in final and any(row.status != payment.status for row in rows.get(id_, ()))
        ),
        lost_events=sorted(row.id for row in missing if row.age_s >= wait_s),
        doubled_events=sorted(archive.doubled),
        misplaced_events=sorted(row.id for row in events if shard_of(row.account) != row.shard),
        broken_chains=sorted(_broken(archive.by_account, events, missing, quarantined, whole)),
        waiting_events=sum(row.age_s < wait_s for row in missing),
        lag_s=max((row.age_s for row in missing), default=0.0),
        repeated=archive.repeated,
        quarantined=len(quarantined),
    )


def _misplaced(
    rows: Mapping[str, Sequence[PaymentRow]], payments: Mapping[str, Acknowledged], shard_of: Callable[[str], str]
) -> Iterator[str]:
    for id_, found in rows.items():
        owner = payments[id_].account if id_ in payments else found[0].account
        if any(row.account != owner or row.shard != shard_of(row.account) for row in found):
            yield id_


def _broken(
    by_account: Mapping[str, Mapping[int, Event]],
    rows: Sequence[EventRow],
    missing: Sequence[EventRow],
    quarantined: Collection[str],
    whole: bool,
) -> Iterator[str]:
    """Breaks of the chains in the archive. A hole that is explained (an event on its way or in quarantine) is none, and
    the outbox's row then says what the next event has to follow."""
    explained = {(row.account, row.sequence): row for row in missing}
    explained |= {(row.account, row.sequence): row for row in rows if row.id in quarantined}
    for account, events in by_account.items():
        first = min(events)
        for sequence in sorted(events):
            event = events[sequence]
            before: Event | None = events.get(sequence - 1) or explained.get((account, sequence - 1))
            if sequence == 1:
                if event.previous != GENESIS:
                    yield f"{account} at 1: the first event follows {event.previous}"
            elif before is None:
                if whole or sequence != first:
                    yield f"{account} at {sequence}: the event before it is missing"
            elif event.previous != before.hash:
                yield f"{account} at {sequence}: it does not follow the event before it"
