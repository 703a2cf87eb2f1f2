"""The settler: finishes what a crash or a silent bank left open, and removes what has served its time.

Several may run: a row is taken by one at a time, and whoever finishes second changes nothing.
"""

import asyncio
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any

from contracts import idempotency
from contracts.epoch import OUTBOX_H
from workloads import telemetry
from workloads.logs import Log
from workloads.payments.answers import Answer, Status
from workloads.payments.banks import Outcome
from workloads.payments.markets import MAX_TIMEOUT_S
from workloads.payments.service import RESOLVED, SEND_WITHIN_S, Finisher, held
from workloads.payments.store import PAYMENT, REFUND, Kind, StaleMap, row_of
from workloads.payments.verdicts import HELD, WAITS_H, By, Verdict
from workloads.telemetry import Counter, Gauge

SETTLED = Counter("settler_asked_total", "Banks asked by the settler, by market, bank and outcome.")
OPEN_ROWS = Gauge("settler_open_rows", "Rows that wait for a bank, by kind and shard.")
HELD_ROWS = Gauge("settler_held_rows", "Payments that wait for a person or an authentication, by status and shard.")
PURGED = Counter("settler_purged_total", "Rows removed after their time, by table and shard.")

EVERY_S = 1.0
"""Seconds between two rounds."""

GIVEN_UP_S = SEND_WITHIN_S + MAX_TIMEOUT_S + 5.0
"""Seconds after which no call of the API can still be under way: a bank that has not seen the id will not see it, and a
row that is `submitting` has nobody any more."""

BATCH, AT_A_TIME = 100, 20
"""Rows taken in a round, and banks asked at a time, for each shard."""

TAKE = f"""UPDATE {{table}} SET asked_at = now() WHERE id IN (
  SELECT id FROM {{table}}
  WHERE status IN ('submitting', 'pending')
    AND (status = 'pending' OR submitted_at < now() - interval '{GIVEN_UP_S:.0f} seconds')
    AND (asked_at IS NULL OR asked_at < now() - greatest(interval '2 seconds',
         least(interval '60 seconds', (now() - submitted_at) / 4)))
  ORDER BY created_at LIMIT {BATCH} FOR UPDATE SKIP LOCKED)
RETURNING *, extract(epoch FROM now() - submitted_at) AS age_s"""
"""Asked less often the longer it lasts, at least once a minute."""

OVERDUE = f"""SELECT id FROM payments WHERE status = $1 AND created_at < now() - make_interval(hours => $2)
ORDER BY created_at LIMIT {BATCH}"""
"""Held for longer than their state waits."""

PURGE: Mapping[str, str] = {
    "outbox": f"""DELETE FROM outbox WHERE position IN (
  SELECT position FROM outbox WHERE relayed_at < now() - interval '{OUTBOX_H} hours' LIMIT 1000)""",
    "idempotency_keys": f"""DELETE FROM idempotency_keys k USING (
  SELECT account_id, key FROM idempotency_keys
  WHERE created_at < now() - interval '{idempotency.KEPT_H} hours' AND state = 'done' LIMIT 1000) old
WHERE k.account_id = old.account_id AND k.key = old.key""",
}
"""Table -> what removes its old rows, a thousand at a time: short locks."""

log = Log("settler")


class Settler:
    """Works through the open rows of all shards."""

    def __init__(self, finisher: Finisher, shards: Callable[[], list[str]]) -> None:
        self._finisher, self._shards = finisher, shards
        self.round_at = monotonic()
        """When the last round ended."""

    async def run(self) -> None:
        """For ever, a round a second. One shard's trouble is logged and holds up no other."""
        while True:
            await asyncio.gather(*(self._guarded(shard) for shard in self._shards()))
            self.round_at = monotonic()
            await asyncio.sleep(EVERY_S)

    async def _guarded(self, shard: str) -> None:
        try:
            await self.round(shard)
        except Exception as error:
            log.error("round failed", error, shard=shard)

    async def round(self, shard: str) -> None:
        """Asks for each open row of a shard whose turn it is, ends what was held too long, then purges. Nothing of it
        where another cell writes: its settler does."""
        if not self._finisher.parts.lease.held:
            return
        for kind in (PAYMENT, REFUND):
            async with self._finisher.parts.connection(shard) as connection, connection.transaction():
                rows = [row_of(row) for row in await connection.fetch(TAKE.format(table=kind.table))]
                waiting = f"SELECT count(*) FROM {kind.table} WHERE status IN ('submitting', 'pending')"
                OPEN_ROWS.set(await connection.fetchval(waiting), kind=kind.event, shard=shard)
            gate = asyncio.Semaphore(AT_A_TIME)
            await asyncio.gather(*(self._settle(shard, kind, row, gate) for row in rows))
        for status, hours in WAITS_H.items():
            await self._expire(shard, status, hours)
        for table, statement in PURGE.items():
            async with self._finisher.parts.connection(shard) as connection, connection.transaction():
                removed = int((await connection.execute(statement)).rpartition(" ")[2])
            PURGED.add(removed, table=table, shard=shard)

    async def _expire(self, shard: str, status: Status, hours: int) -> None:
        async with self._finisher.parts.connection(shard) as connection, connection.transaction():
            overdue = [row["id"] for row in await connection.fetch(OVERDUE, status, hours)]
            waiting = await connection.fetchval("SELECT count(*) FROM payments WHERE status = $1", status)
        HELD_ROWS.set(waiting, status=status, shard=shard)
        for payment in overdue:
            try:
                ended = Verdict(by=By.TIME, passed=False, reference=None)
                decided = await self._finisher.shard(shard).decide(payment, ended)
            except StaleMap:
                log.warning("map is older than the shard's epoch", shard=shard)
                return
            if not isinstance(decided, Answer) and decided[1]:
                RESOLVED.add(by=ended.by, passed="false", market=decided[0]["market"])
                log.info("held too long", id=payment, status=status, shard=shard)

    async def _settle(self, shard: str, kind: Kind, row: Mapping[str, Any], gate: asyncio.Semaphore) -> None:
        # A trace of its own: what made the row has ended long ago.
        with telemetry.stage("settle", shard=shard, **{kind.event: row["id"]}):
            async with gate:
                status, reason = await self._found_out(kind, row)
            if status is None:
                return
            try:
                await self._finisher.settle(self._finisher.shard(shard), kind, row["id"], status, reason)
            except StaleMap:
                log.warning("map is older than the shard's epoch", shard=shard)

    async def _found_out(self, kind: Kind, row: Mapping[str, Any]) -> tuple[Status | None, str | None]:
        """What the row becomes; None: still not known."""
        if (status := held(row)) is not None:
            return status, HELD
        if not row["livemode"]:
            return Status.SUCCEEDED, "test"
        market = self._finisher.parts.markets.get().get(row["market"])
        if market is None or row["bank"] not in market.banks:
            log.error("open row of a bank that is not mounted", id=row["id"], market=row["market"], bank=row["bank"])
            return None, None
        said = await self._finisher.parts.banks.ask(kind.table, market, row["bank"], row["id"])
        SETTLED.add(market=market.id, bank=row["bank"], outcome=said.outcome)
        if said.outcome is Outcome.SUCCEEDED:
            return Status.SUCCEEDED, said.reason
        if said.outcome is Outcome.DECLINED:
            return Status.DECLINED, said.reason
        if said.outcome is Outcome.FAILED and row["age_s"] >= GIVEN_UP_S:
            return Status.FAILED, said.reason
        return None, None
