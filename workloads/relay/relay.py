"""From the outbox of each shard to the stream, in the order of each account.

One process at a time holds a shard's lease. Order does not hang on it: whoever sends an event has seen the account's
event before it acknowledged, by itself or by a row that says so, so however many send, the first copies are in order.
Only the cell of a pair that holds the writer's lease (`workloads/lease.py`) leads its shards; after a region was lost
it marks what may have been lost with the other stream to be sent again, all of it before it sends anything.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg
from botocore.exceptions import BotoCoreError, ClientError
from opentelemetry import trace

from contracts.archive import QUARANTINE
from workloads import telemetry
from workloads.lease import Lease
from workloads.logs import Log
from workloads.relay.inspection import Inspector
from workloads.relay.lag import LagReport
from workloads.relay.outbox import Outbox, Row
from workloads.relay.regeneration import Regenerations
from workloads.relay.stream import Stream, put_aside
from workloads.relay.waves import Waves

BATCH_ROWS = 1_000
"""Rows read at a time."""

POLL_S = (0.2, 0.4)
"""Seconds between looks at the outbox: the shorter after events, so that some gather for one call, twice as long each
time until the longer."""

LEASE_S = 5.0
"""Seconds after which another process takes the place of one that died."""

RENEW_S = 1.0
BACKOFF_S = (0.05, 2.0)
"""Seconds of pause after a refused record, doubling; half of it by chance, so that relays do not come back together."""

FAILED_WAVES = 5
"""Refusals in a row after which the outbox is read again, so that other accounts' new events get their turn."""

TROUBLE_S = 1.0
"""Seconds of pause when the database or S3 does not answer."""

TROUBLE = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, BotoCoreError, ClientError)
"""What passes: it is logged and tried again. Anything else ends the process."""

SENT = telemetry.Counter("relay_events_sent_total", "Events that the stream has acknowledged, by shard.")
RETRIES = telemetry.Counter("relay_retries_total", "Records that the stream refused, by shard and error.")
QUARANTINED = telemetry.Counter("relay_events_quarantined_total", "Events put aside, by shard and reason.")
TROUBLES = telemetry.Counter("relay_troubles_total", "Turns that failed, by shard and error.")
LAG = telemetry.Gauge("relay_lag_seconds", "Age of the oldest event that waits, by shard; of the lease's holder.")
LEADS = telemetry.Gauge("relay_leads", "1 where this process holds the shard's lease.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Quarantine:
    """Where events go that cannot be published."""

    client: Any
    bucket: str

    def put(self, shard: str, row: Row, reason: str, sentence: str) -> None:
        """The same row has the same name: a second try finds it there."""
        key = f"{QUARANTINE}relay/{shard}/{row.day}/{row.position}.json"
        found = {"detail": sentence, "event_id": row.event_id, "account": row.account, "sequence": row.sequence}
        put_aside(self.client, self.bucket, key, reason, {**found, "shard": shard, "envelope": row.envelope})


class ShardRelay:
    """The relay of one shard."""

    def __init__(
        self,
        shard: str,
        owner: str,
        outbox: Outbox,
        stream: Stream,
        quarantine: Quarantine,
        inspector: Inspector,
        writer: Lease,
        regenerations: Regenerations | None,
        log: Log,
    ) -> None:
        """`regenerations`: None for a cell without a pair."""
        self._writer, self._regenerations = writer, regenerations
        self._regenerated = -1
        """The last epoch in which it is known that the shard's events were marked."""
        self._shard, self._owner, self._log = shard, owner, log
        self._outbox, self._stream, self._quarantine, self._inspector = outbox, stream, quarantine, inspector
        self._leased_at = float("-inf")
        self._lag = LagReport(log, shard)

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; then the lease is given back."""
        pause = POLL_S[0]
        while not stop.is_set():
            try:
                leads = await self._leads() and await self._regenerate(stop)
                handled = await self.turn(stop) if leads else 0
                pause = POLL_S[0] if handled else min(pause * 2, POLL_S[1])
                if handled >= BATCH_ROWS:
                    continue
            except TROUBLE as error:
                TROUBLES.add(shard=self._shard, error=type(error).__name__)
                self._log.warning("relay: turn failed", shard=self._shard, error=type(error).__name__)
                pause = TROUBLE_S
            await _sleep(stop, pause)
        with contextlib.suppress(*TROUBLE):
            await self._outbox.release(self._owner)

    async def turn(self, stop: asyncio.Event) -> int:
        """Reads what waits, puts aside what is broken, sends the rest. Returns how many rows there were."""
        rows = await self._outbox.pending(BATCH_ROWS)
        lag_s = max((row.age_s for row in rows), default=0.0)
        LAG.set(lag_s, shard=self._shard)
        self._lag.tell(lag_s)
        if rows:
            await self._send(Waves(await self._sound(rows)), stop)
        return len(rows)

    async def _leads(self) -> bool:
        """Whether this process may send: asks the database once in a while, where the cell writes."""
        if not self._writer.held:
            await self._stand_by()
            return False
        if time.monotonic() - self._leased_at > RENEW_S:
            held = await self._outbox.lease(self._owner, LEASE_S)
            LEADS.set(float(held), shard=self._shard)
            self._leased_at = time.monotonic() if held else float("-inf")
            if not held:
                LAG.set(0, shard=self._shard)
            return held
        return True

    async def _stand_by(self) -> None:
        """Another cell sends. Nothing is late here, and that is said: silence is an alarm."""
        self._lag.tell(0)
        if self._leased_at > float("-inf"):
            self._leased_at = float("-inf")
            LEADS.set(0, shard=self._shard)
            LAG.set(0, shard=self._shard)
            with contextlib.suppress(*TROUBLE):
                await self._outbox.release(self._owner)

    async def _regenerate(self, stop: asyncio.Event) -> bool:
        """Whether nothing, or nothing any more, has to be marked to be sent again in this epoch. Killed in between it
        begins anew: nothing was sent yet."""
        writer = self._writer.writer
        if self._regenerations is None or writer is None or writer.regenerate_since is None:
            return True
        if self._regenerated == writer.epoch:
            return True
        if not await asyncio.to_thread(self._regenerations.done, writer.epoch, self._shard):
            since, events, below = datetime.fromisoformat(writer.regenerate_since), 0, None
            while True:
                if stop.is_set() or not await self._leads():
                    return False
                rows, below = await self._outbox.again(since, below, BATCH_ROWS)
                events += rows
                if below is None:
                    break
            await asyncio.to_thread(self._regenerations.note, writer.epoch, self._shard, events)
            self._log.info("relay: sent again", shard=self._shard, epoch=writer.epoch, events=events)
        self._regenerated = writer.epoch
        return True

    async def _sound(self, rows: list[Row]) -> list[Row]:
        """The rows that may be published; the others are in quarantine afterwards."""
        if strangers := self._inspector.strangers(rows):
            self._inspector.learn(await self._outbox.before(strangers))
        sound: list[Row] = []
        for row in rows:
            found = self._inspector.look(row)
            if found is None:
                sound.append(row)
                continue
            await self._put_aside(row, *found)
        return sound

    async def _put_aside(self, row: Row, reason: str, sentence: str) -> None:
        """Where S3 does not answer the row stays, and is looked at again; nobody waits for it."""
        try:
            await asyncio.to_thread(self._quarantine.put, self._shard, row, reason, sentence)
        except (BotoCoreError, ClientError) as error:
            TROUBLES.add(shard=self._shard, error=type(error).__name__)
            return
        await self._outbox.relayed([row.position])
        QUARANTINED.add(shard=self._shard, reason=reason)
        self._log.error("relay: event put aside", shard=self._shard, event=row.event_id, reason=reason)

    async def _send(self, waves: Waves, stop: asyncio.Event) -> None:
        failed = 0
        while waves and not stop.is_set() and failed < FAILED_WAVES and await self._leads():
            wave = waves.heads()
            records = [(row.account, row.envelope) for row in wave]
            began = time.time_ns()
            errors = await asyncio.to_thread(self._stream.put, records)
            self._trace(wave, errors, began)
            taken = [row for row, error in zip(wave, errors, strict=True) if error is None]
            await self._acknowledged(waves, taken)
            if len(taken) == len(wave):
                failed = 0
                continue
            failed += 1
            for error in filter(None, errors):
                RETRIES.add(shard=self._shard, error=error)
            await _sleep(stop, min(BACKOFF_S[0] * 2**failed, BACKOFF_S[1]) * random.uniform(0.5, 1.0))

    def _trace(self, wave: Sequence[Row], errors: Sequence[str | None], began: int) -> None:
        """A span of each event whose trace is kept, as a part of that trace. `began`: nanoseconds since 1970."""
        tracer = trace.get_tracer(__name__)
        for row, error in zip(wave, errors, strict=True):
            if row.traceparent is None or not telemetry.sampled(row.traceparent):
                continue
            about = {"event": row.event_id, "type": row.type, "shard": self._shard, "error": error or ""}
            context = telemetry.incoming({"traceparent": row.traceparent})
            span = tracer.start_span("relay", context, trace.SpanKind.PRODUCER, about, start_time=began)
            span.end()

    async def _acknowledged(self, waves: Waves, taken: Sequence[Row]) -> None:
        if taken:
            await self._outbox.relayed([row.position for row in taken])
            waves.done(taken)
            SENT.add(len(taken), shard=self._shard)


async def _sleep(stop: asyncio.Event, seconds: float) -> None:
    """Sleeps, or wakes at once when the process is to end."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
