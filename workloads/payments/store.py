"""A shard's tables, as the API and the settler use them.

    begin      the key and the row, before the bank is asked      (first transaction)
    release    both away again: the bank was certainly not asked
    finish     outcome, event, chain and answer, all or nothing   (second transaction)
    decide     a held payment's verdict and its event, before the bank is asked or in its place
    hold       back among the held: the bank took nothing, the verdict stands

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
from contracts.epoch import REFUSED, REFUSED_MESSAGE, RETRY_AFTER_S
from contracts.fraud import rescored_id
from contracts.shard_map import canonical
from workloads import telemetry
from workloads.lease import Lease
from workloads.payments import statements
from workloads.payments.answers import FINAL, OPEN, Answer, Refused, Status, payment_answer, refund_answer
from workloads.payments.verdicts import HELD, Verdict


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """What differs between payments and refunds."""

    table: str
    """Also the path at the bank."""
    event: str
    lock: str
    """Statement that takes row and account."""
    answer: Callable[[Mapping[str, Any]], Answer]
    data: Callable[[Mapping[str, Any]], dict[str, Any]]


def _payment_data(row: Mapping[str, Any]) -> dict[str, Any]:
    parties = row["parties"]
    return {
        "payment": row["id"],
        **{name: row[name] for name in ("status", "reason", "amount", "currency", "market", "bank", "livemode")},
        "instrument": row["instrument"],
        **{name: parties[name] for name in ("payer", "payee", "merchant", "device")},
        **({"signals": parties["signals"]} if "signals" in parties else {}),
        "fraud": row["fraud"],
        **({"verdict": verdict} if (verdict := row.get("verdict")) else {}),
    }


def _refund_data(row: Mapping[str, Any]) -> dict[str, Any]:
    names = ("status", "reason", "amount", "currency", "market", "bank", "livemode")
    found = {"refund": row["id"], "payment": row["payment_id"], **{name: row[name] for name in names}}
    if row["why"] is None:
        return found
    return {**found, "why": row["why"], "decision": row["fraud"]["id"] or rescored_id(row["payment_id"])}


PAYMENT = Kind(
    table="payments", event="payment", lock=statements.LOCK_PAYMENT, answer=payment_answer, data=_payment_data
)
REFUND = Kind(table="refunds", event="refund", lock=statements.LOCK_REFUND, answer=refund_answer, data=_refund_data)
NEWER: Mapping[str, frozenset[str]] = {"payment": frozenset({"verdict", "signals"}), "refund": frozenset({"why"})}
"""Kind -> what only version 2 of its schema has. An event is of the oldest version that describes it, so that older
readers go on while a cell is updated."""


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


NOT_THE_WRITER = Refused(503, REFUSED, REFUSED_MESSAGE, retry_after_s=RETRY_AFTER_S)
"""Whatever was kept, or was not, is found under the key where the cell's pair writes."""


class Store:
    """One shard as seen with one version of the map."""

    def __init__(
        self,
        shard: str,
        version: int,
        connection: Callable[[str], AbstractAsyncContextManager[Any]],
        *,
        lease: Lease,
        region: str,
        cell: str,
    ) -> None:
        self.shard, self._version, self._connection = shard, version, connection
        self._lease, self._region, self._cell = lease, region, cell

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Any]:
        """A connection in a transaction, for single statements too: between two transactions a proxy may change the
        server behind the connection, and with it what was just parsed."""
        async with self._connection(self.shard) as connection, connection.transaction():
            yield connection

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[Any]:
        """A transaction that is committed only where the cell still writes. Raises Refused."""
        async with self._transaction() as connection:
            yield connection
            if not self._lease.held:
                raise NOT_THE_WRITER

    async def begin_payment(self, claim: Claim, row: Mapping[str, Any]) -> dict[str, Any] | Answer:
        """The new row, or the answer that the key has already. Raises Refused for a key in use or misused."""
        values = [row[name] for name in ("amount", "currency", "market", "bank", "livemode", "instrument")]
        documents = [canonical(row["parties"]), canonical(row["fraud"]), _text(row["token"])]
        async with self._writing() as connection:
            found = await connection.fetchrow(
                statements.BEGIN_PAYMENT, *self._stamp, *_claimed(claim), row["id"], *values, *documents
            )
            if not found["claimed"]:
                return await self._known(connection, claim, found["epoch"])
        made = {"account_id": claim.account, "key": claim.key, "status": Status.SUBMITTING, "reason": None}
        return {**row, **made, "verdict": None, "refunded": 0, "created_at": found["created_at"]}

    async def begin_refund(
        self, claim: Claim, refund: str, payment: str, livemode: bool, amount: int | None, reason: str | None
    ) -> dict[str, Any] | Answer:
        """The new row with its amount reserved, or the answer that the key has already."""
        async with self._writing() as connection:
            # The row first: two refunds of one payment would both see the same rest in one statement's snapshot.
            await connection.fetchval("SELECT 1 FROM payments WHERE id = $1 FOR NO KEY UPDATE", payment)
            found = await connection.fetchrow(
                statements.BEGIN_REFUND, *self._stamp, *_claimed(claim), refund, amount, payment, livemode, reason
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
        async with self._writing() as connection:
            statement = statements.RELEASE_PAYMENT if kind is PAYMENT else statements.RELEASE_REFUND
            await connection.execute(statement, *self._stamp, row_id)

    async def finish(self, kind: Kind, row_id: str, status: Status, reason: str | None) -> tuple[dict[str, Any], bool]:
        """The row as it stands then, and whether this call changed it: whoever comes second changes nothing.

        Raises StaleMap; then nothing is written and the row stays open.
        """
        async with self._writing() as connection:
            row = row_of(await connection.fetchrow(kind.lock, row_id))
            if row["status"] not in OPEN or row["status"] == status:
                return row, False
            row |= {"status": status, "reason": reason}
            await self._write(connection, kind, row)
        return row, True

    async def decide(
        self, payment: str, verdict: Verdict, claim: Claim | None = None
    ) -> tuple[dict[str, Any], bool] | Answer:
        """A held payment's verdict: event, and the way to the bank or the end of it, in one transaction.

        The row, and whether it is this call that moved it; the answer where `claim` has one already. Raises Refused
        where the payment does not wait for such a verdict and a key was claimed, StaleMap as `finish` does.
        """
        async with self._writing() as connection:
            if claim is not None:
                found = await connection.fetchrow(statements.CLAIM_KEY, *self._stamp, *_claimed(claim))
                if not found["claimed"]:
                    return await self._known(connection, claim, found["epoch"])
            row = row_of(await connection.fetchrow(statements.LOCK_PAYMENT, payment))
            if row["status"] not in verdict.ends:
                if claim is not None:
                    raise Refused(409, "not_waiting", "the payment does not wait for this; GET shows how it stands")
                return row, False
            again = row["verdict"] == verdict.to_dict()
            row |= {"key": claim.key if claim else row["key"], "verdict": verdict.to_dict()}
            kept = (payment, canonical(row["verdict"]), row["key"])
            if not await connection.fetchval(statements.DECIDE, *self._stamp, *kept):
                raise StaleMap(self.shard)
            row |= {"status": verdict.status, "reason": verdict.reason}
            if not verdict.passed:
                await self._write(connection, PAYMENT, row)
            elif not again:
                await self._append(connection, row, verdict.event)
        return row, True

    async def _append(self, connection: Any, row: Mapping[str, Any], event_type: str) -> None:
        """The event of a payment that goes on: shown as every payment whose bank has not answered."""
        event = self._event(PAYMENT, {**row, "status": Status.PENDING}, event_type)
        if not await connection.fetchval(statements.APPEND, *self._stamp, row["account_id"], *_columns(event)):
            raise StaleMap(self.shard)

    async def hold(self, row: Mapping[str, Any]) -> None:
        """The bank was certainly not asked: whoever gave the verdict asks again."""
        async with self._writing() as connection:
            again = (row["id"], row["fraud"]["decision"], HELD)
            await connection.execute(statements.HOLD_AGAIN, *self._stamp, *again)

    async def of_decision(self, account: str, decision: str, payment: str | None) -> dict[str, Any] | None:
        """The account's payment that a fraud decision held; `payment`: its id, where the decision knows it."""
        async with self._transaction() as connection:
            row = await connection.fetchrow(statements.OF_DECISION, account, decision, payment)
        return None if row is None else row_of(row)

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
            written = await connection.fetchval(statements.FINISH_QUIETLY, *self._stamp, *about, *kept)
        else:
            event = self._event(kind, row)
            # Nobody asks a bank for it any more.
            also = ", token = NULL" if kind is PAYMENT and status in FINAL else ""
            written = await connection.fetchval(
                statements.FINISH.format(table=kind.table, also=also),
                *self._stamp,
                row["account_id"],
                *_columns(event),
                status,
                row["reason"],
                row["id"],
                row["key"],
                *kept,
            )
        if not written:
            raise StaleMap(self.shard)

    def _event(self, kind: Kind, row: Mapping[str, Any], event_type: str | None = None) -> events.Envelope:
        held, data = row["status"] in (Status.REVIEW, Status.AUTHENTICATE), kind.data(row)
        return events.seal(
            account=row["account_id"],
            sequence=row["last_sequence"] + 1,
            previous=row["last_hash"],
            type=event_type or f"{kind.event}.{Status.REVIEW if held else row['status']}",
            schema=f"{kind.event}/{2 if NEWER[kind.event] & data.keys() else 1}",
            region=self._region,
            cell=self._cell,
            shard=self.shard,
            data=data,
        )

    async def answer_failed(self, claim: Claim, answer: Answer) -> None:
        """Keeps the answer of a request that broke down, so that it is repeated; the row stays open for the settler."""
        async with self._writing() as connection:
            await connection.execute(
                statements.ANSWER_FAILED,
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

    async def waiting(self, status: Status | None, limit: int) -> list[dict[str, Any]]:
        """Held payments of all accounts of the shard, the oldest first; `status`: of those in it only."""
        async with self._transaction() as connection:
            return [row_of(row) for row in await connection.fetch(statements.HELD_FIRST, status, limit)]

    @property
    def _stamp(self) -> tuple[str, int]:
        return self.shard, self._version


DOCUMENTS = ("parties", "fraud", "token", "verdict")
"""Columns that hold JSON."""


def row_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """A row with its JSON columns parsed."""
    row = dict(record)
    return row | {name: json.loads(row[name]) for name in DOCUMENTS if row.get(name) is not None}


def _claimed(claim: Claim) -> tuple[str, str, str]:
    return claim.account, claim.key, claim.fingerprint


def _columns(event: events.Envelope) -> tuple[int, str, str, str, str, str | None]:
    """What account and outbox have of an event, and the trace that it is part of."""
    return event.sequence, event.hash, event.id, event.type, event.to_json(), telemetry.outgoing().get("traceparent")


def _text(document: Any) -> str | None:
    return None if document is None else canonical(document)
