"""Whether a row of the outbox is an event that may be published."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping
from enum import StrEnum

from contracts.events import GENESIS, EventError, Registry, parse, validate
from workloads.relay.outbox import Row

MAX_EVENT_BYTES = 180_000
"""Largest envelope: in base64, as a pipe writes it into a queue, it fits into 256 KiB, which every queue and bus takes.
"""

KNOWN_ACCOUNTS = 50_000
"""Accounts whose last event is remembered; of others the outbox is asked."""


class Reason(StrEnum):
    """Why an event is put aside. Not an error of the stream or the database: those are tried again."""

    UNREADABLE = "unreadable"
    """No envelope, or its hash does not fit."""
    UNKNOWN = "unknown"
    """The registry knows no such type or schema, or the data does not fit it."""
    MISFILED = "misfiled"
    """The row's columns say something else than the envelope."""
    CHAIN = "chain"
    """It does not follow the account's event before it."""
    TOO_LARGE = "too-large"


class Inspector:
    """Remembers the last event of each account, and looks at one row after the other."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._last: OrderedDict[str, tuple[int, str | None]] = OrderedDict()

    def strangers(self, rows: list[Row]) -> list[Row]:
        """Rows of accounts of which the event before is not remembered: `Outbox.before` knows it."""
        first: dict[str, Row] = {}
        for row in rows:
            first.setdefault(row.account, row)
        return [row for row in first.values() if row.sequence > 1 and not self._remembers(row)]

    def learn(self, before: Mapping[tuple[str, int], str]) -> None:
        """Takes in what `Outbox.before` answered."""
        for (account, sequence), envelope in before.items():
            self._remember(account, sequence, envelope)

    def look(self, row: Row) -> tuple[Reason, str] | None:
        """None for an event to be published, else the reason and the sentence. Whatever is said of it, the account's
        next event is measured against this one: one bad event does not condemn those behind it."""
        found = self._judge(row)
        self._remember(row.account, row.sequence, row.envelope)
        return found

    def _judge(self, row: Row) -> tuple[Reason, str] | None:
        if len(row.envelope.encode()) > MAX_EVENT_BYTES:
            return Reason.TOO_LARGE, f"more than {MAX_EVENT_BYTES} bytes"
        try:
            event = parse(row.envelope)
        except EventError as error:
            return Reason.UNREADABLE, str(error)
        if (event.id, event.account, event.sequence, event.type) != (
            row.event_id,
            row.account,
            row.sequence,
            row.type,
        ):
            return Reason.MISFILED, f"the row is of {row.event_id}, the envelope of {event.id}"
        try:
            validate(event, self._registry)
        except EventError as error:
            return Reason.UNKNOWN, str(error)
        expected = GENESIS if row.sequence == 1 else self._hash_before(row)
        if expected is not None and event.previous != expected:
            return Reason.CHAIN, f"it follows {event.previous}, the event before it is {expected}"
        return None

    def _remembers(self, row: Row) -> bool:
        return self._last.get(row.account, (0, None))[0] == row.sequence - 1

    def _hash_before(self, row: Row) -> str | None:
        """None where the event before is gone from the outbox, or has no hash that could be read."""
        return self._last[row.account][1] if self._remembers(row) else None

    def _remember(self, account: str, sequence: int, envelope: str) -> None:
        """Without a hash where the envelope is not readable or is of another place: then the next is not measured."""
        try:
            content = json.loads(envelope)
            own = (content["account"], content["sequence"]) == (account, sequence)
            found = content["hash"] if own else None
        except (ValueError, KeyError, TypeError, RecursionError):
            found = None
        self._last[account] = (sequence, found if isinstance(found, str) else None)
        self._last.move_to_end(account)
        if len(self._last) > KNOWN_ACCOUNTS:
            self._last.popitem(last=False)
