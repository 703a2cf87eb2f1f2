"""A shard's tables, as the API and the settler use them.

    begin      the key and the row, before the bank is asked      (first transaction)
    release    both away again: the bank was certainly not asked
    finish     outcome, event, chain and answer, all or nothing   (second transaction)

Each write checks in its own transaction that this is the right shard and that the map that led here is not older than
the shard's epoch. `finish` locks row and account, seals the event onto the account's chain and writes everything in one
statement. Locks leave keys alone (NO KEY UPDATE): new payments refer to an account while its chain is locked.
"""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from contracts import events, idempotency
from contracts.shard_map import canonical
from workloads import telemetry
from workloads.payments.answers import OPEN, Answer, Refused, Status, payment_answer, refund_answer

CHECKED = "WITH epoch AS (SELECT 1 FROM shard_epoch WHERE shard = $1 AND version <= $2)"

CLAIM = f"""{CHECKED}, claimed AS (
  INSERT INTO idempotency_keys (account_id, key, fingerprint)
  SELECT $3::text, $4::text, $5::text FROM epoch
  ON CONFLICT (account_id, key) DO UPDATE
    SET fingerprint = excluded.fingerprint, state = 'in-flight', answer_status = NULL, answer = NULL, created_at = now()
    WHERE idempotency_keys.created_at < now() - interval '{idempotency.KEPT_H} hours'
  RETURNING 1)"""
"""An expired key is taken over. A second request waits here for the first one's transaction, then finds its key."""

BEGIN_PAYMENT = f"""{CLAIM}, account AS (
  INSERT INTO accounts (account_id) SELECT $3::text FROM claimed ON CONFLICT DO NOTHING
), made AS (
  INSERT INTO payments (id, account_id, key, amount, currency, market, bank, livemode, instrument, parties, fraud)
  SELECT $6::text, $3::text, $4::text, $7::bigint, $8::text, $9::text, $10::text, $11::boolean, $12::text, $13::text,
         $14::text
  FROM claimed
  RETURNING created_at)
SELECT (SELECT count(*) FROM epoch) AS epoch, (SELECT count(*) FROM claimed) AS claimed,
       (SELECT created_at FROM made) AS created_at"""

BEGIN_REFUND = f"""{CLAIM}, reserved AS (
  UPDATE payments SET refunded = refunded + coalesce($7::bigint, amount - refunded), updated_at = now() FROM claimed
  WHERE id = $8::text AND account_id = $3::text AND livemode = $9::boolean AND status = 'succeeded'
    AND coalesce($7::bigint, amount - refunded) BETWEEN 1 AND amount - refunded
  RETURNING id, currency, market, bank, livemode),
made AS (
  INSERT INTO refunds (id, payment_id, account_id, key, amount, currency, market, bank, livemode, reason)
  SELECT $6::text, r.id, $3::text, $4::text, coalesce($7::bigint, p.amount - p.refunded), r.currency, r.market, r.bank,
         r.livemode, $10::text
  FROM reserved r JOIN payments p ON p.id = r.id
  RETURNING *)
SELECT (SELECT count(*) FROM epoch) AS epoch, (SELECT count(*) FROM claimed) AS claimed, made.*
FROM (SELECT 1) one LEFT JOIN made ON true"""
"""Every part of the statement sees the payment as it was before: what is left is the same number twice."""

RELEASE_PAYMENT = f"""{CHECKED}, gone AS (
  DELETE FROM payments WHERE id = $3 AND status = 'submitting' AND EXISTS (SELECT FROM epoch) RETURNING account_id, key)
DELETE FROM idempotency_keys k USING gone WHERE k.account_id = gone.account_id AND k.key = gone.key"""

RELEASE_REFUND = f"""{CHECKED}, gone AS (
  DELETE FROM refunds WHERE id = $3 AND status = 'submitting' AND EXISTS (SELECT FROM epoch)
  RETURNING account_id, key, payment_id, amount),
back AS (UPDATE payments p SET refunded = refunded - gone.amount FROM gone WHERE p.id = gone.payment_id)
DELETE FROM idempotency_keys k USING gone WHERE k.account_id = gone.account_id AND k.key = gone.key"""

FINISH = f"""{CHECKED}, chain AS (
  UPDATE accounts SET last_sequence = $5, last_hash = $6 FROM epoch WHERE account_id = $3 RETURNING 1),
event AS (
  INSERT INTO outbox (event_id, account_id, sequence, type, envelope, traceparent)
  SELECT $7::text, $3, $5, $8::text, $9::text, $15::text FROM chain),
done AS (UPDATE {{table}} SET status = $10, reason = $11, updated_at = now() FROM chain WHERE id = $12),
answered AS (
  UPDATE idempotency_keys SET state = 'done', answer_status = $13, answer = $14 FROM chain
  WHERE account_id = $3 AND key = $4 AND state = 'in-flight')
SELECT count(*) FROM chain"""

FINISH_QUIETLY = f"""{CHECKED}, done AS (
  UPDATE refunds SET status = $5, reason = $6, updated_at = now() FROM epoch WHERE id = $7 RETURNING 1),
answered AS (
  UPDATE idempotency_keys SET state = 'done', answer_status = $8, answer = $9 FROM done
  WHERE account_id = $3 AND key = $4 AND state = 'in-flight')
SELECT count(*) FROM done"""
"""A refund that the bank did not answer has no event of its own: it is the refund's last word that others count."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """What differs between payments and refunds."""

    table: str
    """Also the path at the bank."""
    event: str
    answer: Callable[[Mapping[str, Any]], Answer]
    data: Callable[[Mapping[str, Any]], dict[str, Any]]


def _payment_data(row: Mapping[str, Any]) -> dict[str, Any]:
    parties = row["parties"]
    return {
        "payment": row["id"],
        **{name: row[name] for name in ("status", "reason", "amount", "currency", "market", "bank", "livemode")},
        "instrument": row["instrument"],
        **{name: parties[name] for name in ("payer", "payee", "merchant", "device")},
        "fraud": row["fraud"],
    }


def _refund_data(row: Mapping[str, Any]) -> dict[str, Any]:
    names = ("status", "reason", "amount", "currency", "market", "bank", "livemode")
    return {"refund": row["id"], "payment": row["payment_id"], **{name: row[name] for name in names}}


PAYMENT = Kind(table="payments", event="payment", answer=payment_answer, data=_payment_data)
REFUND = Kind(table="refunds", event="refund", answer=refund_answer, data=_refund_data)


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """Whose request it is: account, digest of its key, fingerprint of its parameters."""

    account: str
    key: str
    fingerprint: str


class StaleMap(Refused):
    """The shard has a newer map than the caller: the caller's will arrive with its next mount."""

    def __init__(self, shard: str) -> None:
        super().__init__(503, "stale_map", f"shard {shard} has moved on; try again", retry_after_s=1)


class Store:
    """One shard as seen with one version of the map."""

    def __init__(
        self,
        shard: str,
        version: int,
        connection: Callable[[str], AbstractAsyncContextManager[Any]],
        *,
        region: str,
        cell: str,
    ) -> None:
        self.shard, self._version, self._connection = shard, version, connection
        self._region, self._cell = region, cell

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Any]:
        """A connection in a transaction, for single statements too: between two transactions a proxy may change the
        server behind the connection, and with it what was just parsed."""
        async with self._connection(self.shard) as connection, connection.transaction():
            yield connection

    async def begin_payment(self, claim: Claim, row: Mapping[str, Any]) -> dict[str, Any] | Answer:
        """The new row, or the answer that the key has already. Raises Refused for a key in use or misused."""
        values = [row[name] for name in ("amount", "currency", "market", "bank", "livemode", "instrument")]
        documents = [canonical(row["parties"]), canonical(row["fraud"])]
        async with self._transaction() as connection:
            found = await connection.fetchrow(
                BEGIN_PAYMENT, *self._stamp, *_claimed(claim), row["id"], *values, *documents
            )
            if not found["claimed"]:
                return await self._known(connection, claim, found["epoch"])
        made = {"account_id": claim.account, "key": claim.key, "status": Status.SUBMITTING, "reason": None}
        return {**row, **made, "refunded": 0, "created_at": found["created_at"]}

    async def begin_refund(
        self, claim: Claim, refund: str, payment: str, livemode: bool, amount: int | None, reason: str | None
    ) -> dict[str, Any] | Answer:
        """The new row with its amount reserved, or the answer that the key has already."""
        async with self._transaction() as connection:
            # The row first: two refunds of one payment would both see the same rest in one statement's snapshot.
            await connection.fetchval("SELECT 1 FROM payments WHERE id = $1 FOR NO KEY UPDATE", payment)
            found = await connection.fetchrow(
                BEGIN_REFUND, *self._stamp, *_claimed(claim), refund, amount, payment, livemode, reason
            )
            if not found["claimed"]:
                return await self._known(connection, claim, found["epoch"])
            if found["id"] is None:
                raise await self._not_refundable(connection, claim.account, payment, livemode)
        return dict(found)

    async def _not_refundable(self, connection: Any, account: str, payment: str, livemode: bool) -> Refused:
        row = await connection.fetchrow(
            "SELECT status, amount - refunded AS rest FROM payments "
            "WHERE id = $1 AND account_id = $2 AND livemode = $3",
            payment,
            account,
            livemode,
        )
        if row is None:
            return Refused(404, "no_such_payment", "the account has no such payment")
        if row["status"] != Status.SUCCEEDED:
            return Refused(400, "not_refundable", f"the payment is {row['status']}; only succeeded ones are refunded")
        return Refused(400, "amount_too_large", f"amount: {row['rest']} is left to refund", fieldname="amount")

    async def _known(self, connection: Any, claim: Claim, epoch: int) -> Answer:
        if not epoch:
            raise StaleMap(self.shard)
        row = await connection.fetchrow(
            "SELECT fingerprint, state, answer_status, answer FROM idempotency_keys WHERE account_id = $1 AND key = $2",
            claim.account,
            claim.key,
        )
        if row is None:
            # Released between two statements: the first request was not done, and neither is this one.
            raise Refused(409, "idempotency_key_in_use", "the key was in use; try again", retry_after_s=1)
        record = idempotency.Record(fingerprint=row["fingerprint"], state=idempotency.State(row["state"]))
        verdict = idempotency.decide(record, claim.fingerprint)
        if verdict is idempotency.Verdict.MISMATCH:
            raise Refused(400, "idempotency_key_reused", "Idempotency-Key: it was used with other parameters")
        if verdict is idempotency.Verdict.WAIT:
            raise Refused(
                409,
                "idempotency_key_in_use",
                "the first request with this key is still running",
                retry_after_s=idempotency.RETRY_AFTER_S,
            )
        return Answer(
            status=row["answer_status"], body=json.loads(row["answer"]), headers={idempotency.REPLAYED: "true"}
        )

    async def release(self, kind: Kind, row_id: str) -> None:
        """Row and key away: nothing was sent, so nothing happened."""
        async with self._transaction() as connection:
            await connection.execute(RELEASE_PAYMENT if kind is PAYMENT else RELEASE_REFUND, *self._stamp, row_id)

    async def finish(self, kind: Kind, row_id: str, status: Status, reason: str | None) -> tuple[dict[str, Any], bool]:
        """The row as it stands then, and whether this call changed it: whoever comes second changes nothing.

        Raises StaleMap; then nothing is written and the row stays open.
        """
        async with self._transaction() as connection:
            row = row_of(
                await connection.fetchrow(
                    f"SELECT r.*, a.last_sequence, a.last_hash FROM {kind.table} r JOIN accounts a USING (account_id) "
                    "WHERE r.id = $1 FOR NO KEY UPDATE",
                    row_id,
                )
            )
            if row["status"] not in OPEN or row["status"] == status:
                return row, False
            row |= {"status": status, "reason": reason}
            await self._write(connection, kind, row)
        return row, True

    async def _write(self, connection: Any, kind: Kind, row: Mapping[str, Any]) -> None:
        answer, status = kind.answer(row), row["status"]
        kept = (answer.status, canonical(answer.body))
        if kind is REFUND and status == Status.FAILED:
            await connection.execute(
                "UPDATE payments SET refunded = refunded - $2, updated_at = now() WHERE id = $1",
                row["payment_id"],
                row["amount"],
            )
        if kind is REFUND and status == Status.PENDING:
            about = (row["account_id"], row["key"], status, row["reason"], row["id"])
            written = await connection.fetchval(FINISH_QUIETLY, *self._stamp, *about, *kept)
        else:
            event = self._event(kind, row)
            written = await connection.fetchval(
                FINISH.format(table=kind.table),
                *self._stamp,
                row["account_id"],
                row["key"],
                event.sequence,
                event.hash,
                event.id,
                event.type,
                event.to_json(),
                status,
                row["reason"],
                row["id"],
                *kept,
                telemetry.outgoing().get("traceparent"),
            )
        if not written:
            raise StaleMap(self.shard)

    def _event(self, kind: Kind, row: Mapping[str, Any]) -> events.Envelope:
        held = row["status"] in (Status.REVIEW, Status.AUTHENTICATE)
        return events.seal(
            account=row["account_id"],
            sequence=row["last_sequence"] + 1,
            previous=row["last_hash"],
            type=f"{kind.event}.{Status.REVIEW if held else row['status']}",
            schema=f"{kind.event}/1",
            region=self._region,
            cell=self._cell,
            shard=self.shard,
            data=kind.data(row),
        )

    async def answer_failed(self, claim: Claim, answer: Answer) -> None:
        """Keeps the answer of a request that broke down, so that it is repeated; the row stays open for the settler."""
        async with self._transaction() as connection:
            await connection.execute(
                f"{CHECKED} UPDATE idempotency_keys SET state = 'done', answer_status = $5, answer = $6 FROM epoch "
                "WHERE account_id = $3 AND key = $4 AND state = 'in-flight'",
                *self._stamp,
                claim.account,
                claim.key,
                answer.status,
                canonical(answer.body),
            )

    async def payment(self, account: str, livemode: bool, payment: str) -> dict[str, Any] | None:
        """One payment of the account."""
        async with self._transaction() as connection:
            row = await connection.fetchrow(
                "SELECT * FROM payments WHERE id = $1 AND account_id = $2 AND livemode = $3", payment, account, livemode
            )
        return None if row is None else row_of(row)

    async def payments(self, account: str, livemode: bool, limit: int, after: str | None) -> list[dict[str, Any]]:
        """Payments of the account, newest first, from the one after `after`."""
        async with self._transaction() as connection:
            rows = await connection.fetch(
                "SELECT * FROM payments WHERE account_id = $1 AND livemode = $2 AND ($3::text IS NULL OR id < $3) "
                "ORDER BY id DESC LIMIT $4",
                account,
                livemode,
                after,
                limit,
            )
        return [row_of(row) for row in rows]

    @property
    def _stamp(self) -> tuple[str, int]:
        return self.shard, self._version


def row_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """A row with its JSON columns parsed."""
    row = dict(record)
    return row | {name: json.loads(row[name]) for name in ("parties", "fraud") if name in row}


def _claimed(claim: Claim) -> tuple[str, str, str]:
    return claim.account, claim.key, claim.fingerprint
