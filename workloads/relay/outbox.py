"""The outbox of one shard, as the relay sees it: what waits, who may send it, what was sent.

No statement here leaves anything in the session: no SET, no LISTEN, no advisory lock. The lease is a row. Numbers go in
as text[]: of other arrays the driver asks the catalogue, and sets `jit` in the session to do so.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

PENDING = """
    SELECT position, event_id, account_id, sequence, type, envelope::text AS envelope,
           traceparent, extract(epoch FROM clock_timestamp() - created_at)::float8 AS age_s,
           to_char(created_at AT TIME ZONE 'UTC', 'YYYY/MM/DD') AS day
      FROM outbox WHERE relayed_at IS NULL ORDER BY position LIMIT $1
"""
"""Not by a cursor over positions: a row that commits late would lie behind it for ever. What is unrelayed is found
whenever it becomes visible. Within an account this cannot show an event without the one before it: writers hold the
account's row until they commit, so the one before was committed, and inserted at a lower position, first.

A filter on `pg_snapshot_xmin` is left out on purpose. It would let one long transaction anywhere in the cluster stop
every event, and it breaks order where a transaction has its number before it waits for the account: the later event
then has the lower number and passes the filter alone."""

BEFORE = """
    SELECT o.account_id, o.sequence, o.envelope::text AS envelope
      FROM unnest($1::text[], ($2::text[])::bigint[]) AS wanted(account_id, sequence)
      JOIN outbox o ON o.account_id = wanted.account_id AND o.sequence = wanted.sequence - 1
"""

LEASE = """
    INSERT INTO relay_lease AS held (name, owner, expires_at) VALUES ($1, $2, now() + make_interval(secs => $3))
    ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, expires_at = excluded.expires_at
     WHERE held.owner = excluded.owner OR held.expires_at < now()
    RETURNING owner
"""

AGAIN = """
    WITH batch AS (
        SELECT position, created_at FROM outbox
         WHERE $1::bigint IS NULL OR position < $1::bigint ORDER BY position DESC LIMIT $3
    ), again AS (
        UPDATE outbox SET relayed_at = NULL FROM batch
         WHERE outbox.position = batch.position AND outbox.relayed_at IS NOT NULL
           AND (SELECT max(created_at) FROM batch) >= $2::timestamptz
    )
    SELECT count(*) AS rows, min(position) AS first, max(created_at) >= $2::timestamptz AS due FROM batch
"""
"""One batch, the newest first: short locks, and no search for where the time began, which has no index. A batch goes
whole, so that within an account nothing is left out between two that are sent again. It ends at a batch that is older
as a whole: a younger event below it would have been written while more transactions than a batch has rows were open."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """An event that waits."""

    position: int
    event_id: str
    account: str
    sequence: int
    type: str
    envelope: str
    age_s: float
    """Seconds since it was written."""
    day: str
    """`yyyy/mm/dd` on which it was written, UTC."""
    traceparent: str | None = None
    """W3C context of whoever wrote it."""


class Outbox:
    """The tables `outbox` and `relay_lease` of one shard."""

    def __init__(self, pool: asyncpg.Pool, lease: str = "relay") -> None:
        self._pool, self._lease = pool, lease

    async def lease(self, owner: str, seconds: float) -> bool:
        """Whether `owner` holds the lease from now on for `seconds`."""
        return await self._pool.fetchval(LEASE, self._lease, owner, seconds) is not None

    async def release(self, owner: str) -> None:
        """Gives the lease back, so that the next one need not wait."""
        await self._pool.execute("DELETE FROM relay_lease WHERE name = $1 AND owner = $2", self._lease, owner)

    async def pending(self, limit: int) -> list[Row]:
        """The oldest events that wait."""
        return [
            Row(account=found["account_id"], **{key: found[key] for key in found.keys() if key != "account_id"})  # noqa: SIM118
            for found in await self._pool.fetch(PENDING, limit)
        ]

    async def before(self, rows: Sequence[Row]) -> Mapping[tuple[str, int], str]:
        """(account, sequence) -> envelope of the events right before `rows`, where the outbox still has them."""
        accounts, sequences = [row.account for row in rows], [str(row.sequence) for row in rows]
        found = await self._pool.fetch(BEFORE, accounts, sequences)
        return {(one["account_id"], one["sequence"]): one["envelope"] for one in found}

    async def again(self, since: datetime, below: int | None, limit: int) -> tuple[int, int | None]:
        """Lets the last `limit` events below a position wait anew, unless all are older than `since`. How many those
        are, and the position below which to go on; None at the end."""
        (found,) = await self._pool.fetch(AGAIN, below, since, limit)
        return (found["rows"], found["first"]) if found["due"] else (0, None)

    async def relayed(self, positions: Collection[int]) -> None:
        """Notes that the stream, or the quarantine, has them."""
        await self._pool.execute(
            "UPDATE outbox SET relayed_at = now() WHERE position = ANY(($1::text[])::bigint[])",
            [str(position) for position in positions],
        )
