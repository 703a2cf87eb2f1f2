"""The writer's lease of a program: whether its cell may write now, by the record in the pair's epoch store.

    lease = lease_from_environment(client)
    lease.start()
    if lease.held: ...                           before a write begins, before its commit, before its acknowledgement

A thread of its own asks every `RENEW_S`: neither a busy event loop nor calls that hang elsewhere keep it from asking.
What it was told holds for `LEASE_S` from the moment at which it asked (contracts/epoch.py), so a process that was
paused finds its lease run out when it goes on. Whoever has no answer has no lease.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from contracts.epoch import ASK_TIMEOUT_S, KEY, LEASE_S, RENEW_S, WRITER, Writer, writer_of
from workloads import telemetry
from workloads.logs import Log

HELD = telemetry.Gauge("writer_lease_held", "1 where the last answer of the epoch store lets this cell write.")
UNANSWERED = telemetry.Counter("writer_lease_unanswered_total", "Questions to the epoch store without an answer.")

ASKING: Final = Config(
    connect_timeout=ASK_TIMEOUT_S / 2,
    read_timeout=ASK_TIMEOUT_S / 2,
    # The next question is the second try.
    retries={"mode": "standard", "total_max_attempts": 1},
)

log = Log("lease")


def clock() -> float:
    """Seconds, also those in which the machine is suspended: `CLOCK_MONOTONIC` stands still in them, and a lease would
    live on (https://man7.org/linux/man-pages/man2/clock_gettime.2.html). Only Linux has it; nothing suspends a pod
    elsewhere."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


@dataclass(frozen=True, kw_only=True, slots=True)
class EpochStore:
    """Where the record is, and for whom it is read."""

    client: Any
    """DynamoDB, in the region of the cell."""
    table: str
    cell: str
    """Stack of the own cell."""
    primary: str
    """Stack of the pair's primary."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """The last one, as one value: it is read while another thread writes it."""

    writer: Writer | None = None
    """None: there was no answer yet, or no table."""
    until: float = float("-inf")
    """By the clock; in the past where the answer does not let."""
    denied: bool = False


class Lease:
    """Held or not. Safe to read from several threads."""

    def __init__(self, store: EpochStore | None, clock: Callable[[], float] = clock) -> None:
        """`store`: None for a cell without a recovery region, which has nobody to yield to."""
        self._store, self._clock = store, clock
        self._answer = _Answer()
        self._seen = False
        self._ended = Event()

    @property
    def held(self) -> bool:
        """Whether the cell may write at this moment."""
        return self._store is None or self._clock() < self._answer.until

    @property
    def denied(self) -> bool:
        """Whether the store said that another cell writes, or nobody: more than that it does not answer."""
        return self._answer.denied

    @property
    def writer(self) -> Writer | None:
        """The record as it was last read."""
        return self._answer.writer

    @property
    def epoch(self) -> int:
        """That of the record; 0 without one."""
        return self._answer.writer.epoch if self._answer.writer is not None else 0

    def start(self) -> None:
        """Asks once, so that what begins next knows, and then on and on in a thread until `stop`."""
        if self._store is not None:
            self.ask()
            Thread(target=self._run, name="lease", daemon=True).start()

    def stop(self) -> None:
        """Ends the thread; what is held runs out."""
        self._ended.set()

    def _run(self) -> None:
        took_s = 0.0
        while not self._ended.wait(max(RENEW_S - took_s, 0.0)):
            asked = self._clock()
            self.ask()
            took_s = self._clock() - asked

    def ask(self) -> None:
        """One question. Without an answer the last one goes on until it has run out."""
        assert self._store is not None, "a cell without an epoch store asks nobody"
        asked, before = self._clock(), self._answer
        try:
            writer = self._read(self._store)
        except Exception as error:
            # Whatever it was, nobody said that the cell may write, and the thread asks again.
            UNANSWERED.add()
            log.warning("epoch store: no answer", error=type(error).__name__)
            return
        unpaired = writer is None and not self._seen and self._store.cell == self._store.primary
        lets = unpaired if writer is None else writer.lets(self._store.cell)
        self._answer = _Answer(writer, asked + LEASE_S if lets else float("-inf"), denied=not lets)
        HELD.set(float(lets))
        if (before.writer, before.denied) != (writer, not lets):
            log.info("writer", lets=lets, epoch=self.epoch, cell=writer.cell if writer is not None else None)

    def _read(self, store: EpochStore) -> Writer | None:
        """The record; None without a table. A table that this process has seen is not gone because a pair was never
        made: then nobody says who writes, and nobody does."""
        try:
            found = store.client.get_item(TableName=store.table, Key={KEY: {"S": WRITER}}, ConsistentRead=True)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            return None
        self._seen = True
        return writer_of(found.get("Item"), store.primary)


def lease_from_environment() -> Lease:
    """`EPOCH_TABLE` and `EPOCH_PRIMARY` (components/payments.py); without them the cell always writes."""
    if (table := os.environ.get("EPOCH_TABLE")) is None:
        return Lease(None)
    client = boto3.client("dynamodb", region_name=os.environ["AWS_REGION"], config=ASKING)
    store = EpochStore(client=client, table=table, cell=os.environ["CELL"], primary=os.environ["EPOCH_PRIMARY"])
    return Lease(store)
