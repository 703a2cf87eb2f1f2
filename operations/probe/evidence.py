"""What shards and archive hold of a probe's payments, asked of PostgreSQL and S3 themselves."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from contracts import archive, events
from contracts.reconciliation import Acknowledged, EventRow, PaymentRow, Reconciliation, reconcile
from contracts.shard_map import ShardMap
from operations.probe import sandbox
from operations.probe.load import Answer
from operations.probe.plan import ACCOUNT_PREFIX

PAYMENTS = "select json_build_object('id', id, 'account', account_id, 'status', status) from payments"
OUTBOX = (
    "select json_build_object('envelope', envelope, 'shard', '{shard}', 'age', "
    "extract(epoch from clock_timestamp() - created_at), 'created', extract(epoch from created_at), "
    "'relayed', extract(epoch from relayed_at)) from outbox"
)
_COPY = "copy ({query} where account_id like '{prefix}%') to stdout (format csv, quote e'\\x01', delimiter e'\\x02')"
"""CSV without the two characters that JSON text never holds: each line is a JSON document as it is."""

FINAL = ("succeeded", "declined")
"""Statuses that a payment keeps once they were told."""

READERS = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What was found."""

    reconciliation: Reconciliation
    lags: Sequence[tuple[float, float]]
    """(when an event was written, seconds since 1970; how long until it was relayed, seconds), in order."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """Where to look."""

    stack: str
    shard_map: ShardMap
    bucket: str
    s3: Any
    """boto3 client of the cell's region."""

    def found(self, answers: Sequence[Answer], *, wait_s: float) -> Found:
        """The acknowledged payments against shards and archive. `wait_s`: age below which an event may be on its
        way."""
        shards = sorted(set(self.shard_map.owners))
        with ThreadPoolExecutor(READERS) as pool:
            payments = [row for rows in pool.map(self._payments, shards) for row in rows]
            written = [row for rows in pool.map(self._outbox, shards) for row in rows]
            # After the rows: an event that was archived meanwhile is no gap.
            archived = [event for found in pool.map(self._object, list(self._keys())) for event in found]
        acknowledged = [
            Acknowledged(payment_id=answer.payment_id, account=answer.call.account, status=answer.status)
            for answer in answers
            if answer.payment_id is not None
        ]
        outbox = [row for row, _ in written]
        return Found(
            reconciliation=reconcile(
                acknowledged, payments, outbox, archived, self.shard_map.shard_of, final=FINAL, wait_s=wait_s
            ),
            lags=sorted(lag for _, lag in written if lag is not None),
        )

    def _rows(self, shard: str, query: str) -> Iterator[dict[str, Any]]:
        text = _COPY.format(query=query, prefix=ACCOUNT_PREFIX)
        said = sandbox.ask(f"{self.stack} {shard}: the shard does not answer", "sql", self.stack, shard, "-c", text)
        return (json.loads(line) for line in said.splitlines() if line)

    def _payments(self, shard: str) -> list[PaymentRow]:
        return [
            PaymentRow(payment_id=row["id"], account=row["account"], shard=shard, status=row["status"])
            for row in self._rows(shard, PAYMENTS)
        ]

    def _outbox(self, shard: str) -> list[tuple[EventRow, tuple[float, float] | None]]:
        """Each event with when it was written and how long it took to be relayed, once it was."""
        found = []
        for row in self._rows(shard, OUTBOX.format(shard=shard)):
            envelope = events.parse(row["envelope"])
            event = EventRow(
                id=envelope.id,
                account=envelope.account,
                sequence=envelope.sequence,
                previous=envelope.previous,
                hash=envelope.hash,
                shard=shard,
                payment_id=str(envelope.data.get("payment") or envelope.data.get("id")),
                age_s=float(row["age"]),
            )
            lag = None if row["relayed"] is None else (row["created"], row["relayed"] - row["created"])
            found.append((event, lag))
        return found

    def _keys(self) -> Iterator[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=archive.PREFIX)
        return (item["Key"] for page in pages for item in page.get("Contents", ()))

    def _object(self, key: str) -> list[events.Envelope]:
        found = self.s3.get_object(Bucket=self.bucket, Key=key)
        texts = archive.decode(found["Body"].read(), found["Metadata"])
        return [event for event in map(events.parse, texts) if event.account.startswith(ACCOUNT_PREFIX)]
