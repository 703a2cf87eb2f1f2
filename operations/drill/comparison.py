"""Whether a restored shard holds what the shard held: rows and checksums of what never changes once it is written.

Compared are rows that were written at least `SETTLED_S` before the point in time, by the columns that stay as they are.
Nothing is written: neither side is asked for more than a SELECT.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from operations.probe import sandbox

SETTLED_S = 60
"""Seconds: a row is stamped when its transaction begins, and is there once that ends; programs' statements and idle
transactions end after ten seconds (`workloads/payments/schema.sql`)."""

OUTBOX_H = 48
"""Hours of the outbox that are compared: events leave it after 72 hours, some between the two questions."""

TABLES: Mapping[str, tuple[str, Sequence[str]]] = {
    "accounts": ("account_id", ("account_id",)),
    "payments": ("id", ("id", "account_id", "amount", "currency", "market", "bank", "livemode", "instrument", "key")),
    "refunds": ("id", ("id", "payment_id", "account_id", "amount", "currency", "market", "bank", "livemode", "key")),
    "outbox": ("position", ("position", "event_id", "account_id", "sequence", "type", "envelope")),
}
"""Table -> its key and the columns that nobody changes. Not: idempotency keys, which expire, and leases."""

Ask = Callable[[str, str, str], str]
"""(cell, shard, query) -> what the shard answers, a row a line. Raises CellError."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """One table of one side."""

    rows: int
    checksum: str
    """MD5 over the rows' own, in the order of the key."""
    later: int
    """Rows that began after the point in time: of a restored shard none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """One table of both."""

    table: str
    source: Side
    copy: Side

    @property
    def same(self) -> bool:
        agree = (self.source.rows, self.source.checksum) == (self.copy.rows, self.copy.checksum)
        return agree and self.copy.later == 0


def in_sandbox(cell: str, shard: str, query: str) -> str:
    """Asks as `cell sandbox sql` does: the master user at the writer's endpoint."""
    return sandbox.ask(f"{cell} {shard}: the shard does not answer", "sql", cell, shard, "-c", copied(query))


def copied(query: str) -> str:
    """COPY writes bare lines whatever psql's own settings are."""
    return f"copy ({query}) to stdout (format csv, quote e'\\x01', delimiter e'\\x02')"


def query(table: str, at: datetime) -> str:
    """One row of JSON about one table as of `at`."""
    key, columns = TABLES[table]
    until = at - timedelta(seconds=SETTLED_S)
    chosen = f"created_at <= '{until.isoformat()}'"
    if table == "outbox":
        chosen += f" and created_at > '{(at - timedelta(hours=OUTBOX_H)).isoformat()}'"
    row = ", ".join((*columns, "extract(epoch from created_at)"))
    return (
        f"select json_build_object('rows', count(*) filter (where {chosen}), 'checksum', md5(coalesce(string_agg("
        f"md5(row({row})::text), '' order by {key}) filter (where {chosen}), '')), 'later', "
        f"count(*) filter (where created_at > '{at.isoformat()}')) from {table}"
    )


def compare(ask: Ask, cell: str, shard: str, copy: str, at: datetime) -> list[Compared]:
    """Every table of the shard `shard` and of its copy. `at`: in UTC."""

    def side(where: str, table: str) -> Side:
        found = json.loads(ask(cell, where, query(table, at)))
        return Side(rows=int(found["rows"]), checksum=str(found["checksum"]), later=int(found["later"]))

    return [Compared(table=table, source=side(shard, table), copy=side(copy, table)) for table in TABLES]


def same(compared: Sequence[Compared]) -> bool:
    """Whether every table is; nothing compared is not the same."""
    return bool(compared) and all(one.same for one in compared)
