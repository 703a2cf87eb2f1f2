"""From the stream to the archive: every shard of the stream, parents before their children, into locked objects.

The only memory is the archive itself: the names of a shard's objects say where to go on. Nothing is written before it
was read from the stream, and nothing is forgotten before it is written: a crash repeats, and loses nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from contracts import archive
from contracts.archive import Line, Range
from contracts.events import EventError, parse
from workloads import telemetry
from workloads.logs import Log
from workloads.relay.lag import LagReport
from workloads.relay.stream import put_aside, put_once

READ_RECORDS = 2_000
"""Records asked for at a time; Kinesis gives 10 MiB at most."""

BEHIND_PAUSE_S = 0.25
IDLE_PAUSE_S = 3.0
"""Seconds between two reads: a shard of the stream answers five a second, all its readers together, and each pipe reads
once a second (https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html)."""

FLUSH_BYTES = 8 * 1024 * 1024
"""Content at which an object is written."""

SHARDS_EVERY_S = 10.0
"""Seconds between looks for new shards of the stream."""

TROUBLE_S = 1.0

ARCHIVED = telemetry.Counter("archive_events_total", "Events in written objects, by shard of the stream.")
OBJECTS = telemetry.Counter("archive_objects_total", "Objects written, by shard of the stream.")
QUARANTINED = telemetry.Counter("archive_records_quarantined_total", "Records of the stream that are no events.")
TROUBLES = telemetry.Counter("archive_troubles_total", "Calls that failed, by error.")
BEHIND = telemetry.Gauge("archive_behind_seconds", "How far the archiver is behind the end of the stream, by shard.")


@dataclass(slots=True)
class Buffer:
    """What was read and not written yet."""

    lines: list[Line] = field(default_factory=list)
    size: int = 0
    day: str = ""
    """That of the first line."""
    since: float = 0.0

    def add(self, line: Line, arrived: datetime) -> None:
        if not self.lines:
            self.day, self.since = archive.day_of(arrived), time.monotonic()
        self.lines.append(line)
        self.size += len(line.text)

    @property
    def age_s(self) -> float:
        """How long its first line waits."""
        return time.monotonic() - self.since if self.lines else 0.0

    def due(self, flush_s: float) -> bool:
        return self.size >= FLUSH_BYTES or self.age_s >= flush_s


@dataclass(frozen=True, kw_only=True, slots=True)
class Places:
    """Where the archiver reads and writes."""

    kinesis: Any
    s3: Any
    stream: str
    bucket: str
    flush_s: float
    """Seconds that an event waits in memory at most."""


def last_archived(s3: Any, bucket: str, folder: str) -> int | None:
    """The last sequence number that the bucket holds of a stream's shard, from the names of its last two days: arrival
    times, which days are made of, may be a little out of order around midnight."""
    days = []
    for year in _folders(s3, bucket, archive.folder_prefix(folder)):
        for month in _folders(s3, bucket, year):
            days += _folders(s3, bucket, month)
            if len(days) >= 2:
                break
        if len(days) >= 2:
            break
    names = [key for day in days[:2] for key in _keys(s3, bucket, day)]
    return archive.last_archived(map(archive.parse_key, names))


def _folders(s3: Any, bucket: str, prefix: str) -> list[str]:
    """The folders right below `prefix`, the latest first."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, Delimiter="/")
    return sorted((one["Prefix"] for page in pages for one in page.get("CommonPrefixes", ())), reverse=True)


def _keys(s3: Any, bucket: str, prefix: str) -> Iterator[str]:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        yield from (one["Key"] for one in page.get("Contents", ()))


class ShardArchiver:
    """Archives one shard of the stream from where its objects end."""

    def __init__(self, places: Places, stream_shard: str, closed: Callable[[], bool], log: Log) -> None:
        """`closed`: whether the shard takes no more records."""
        self._places, self._shard, self._closed, self._log = places, stream_shard, closed, log
        self._folder = archive.folder_of(places.stream, stream_shard)
        self._buffer = Buffer()
        self._read_to: int | None = None
        self._iterator: str | None = None
        self._lag = LagReport(log, stream_shard)

    async def run(self, stop: asyncio.Event) -> bool:
        """Until `stop`, or until a closed shard is archived whole: then True."""
        self._read_to = await self._patiently(stop, last_archived, self._places.s3, self._places.bucket, self._folder)
        while not stop.is_set():
            answer = await self._patiently(stop, self._read)
            if answer is None:
                continue
            await self._patiently(stop, self._take, answer)
            ended = self._ended(answer)
            if self._buffer.lines and (ended or self._buffer.due(self._places.flush_s)):
                await self._patiently(stop, self._flush)
            if ended:
                return not self._buffer.lines
            behind = answer.get("MillisBehindLatest", 0)
            BEHIND.set(behind / 1000, shard=self._shard)
            self._lag.tell(behind / 1000 + self._buffer.age_s)
            await _sleep(stop, min(BEHIND_PAUSE_S if behind else IDLE_PAUSE_S, self._places.flush_s))
        if self._buffer.lines:
            await asyncio.to_thread(self._flush)
        return False

    async def _patiently(self, stop: asyncio.Event, call: Callable[..., Any], *arguments: Any) -> Any:
        """The call's answer, after as many tries as it takes; None when the process is to end before."""
        while not stop.is_set():
            try:
                return await asyncio.to_thread(call, *arguments)
            except (BotoCoreError, ClientError) as error:
                name = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
                TROUBLES.add(error=name)
                self._iterator = None
                self._log.warning("archive: call failed", shard=self._shard, error=name)
                await _sleep(stop, TROUBLE_S)
        return None

    def _read(self) -> Mapping[str, Any]:
        kinesis, stream = self._places.kinesis, self._places.stream
        if self._iterator is None:
            start: dict[str, str] = {"ShardIteratorType": "TRIM_HORIZON"}
            if self._read_to is not None:
                start = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": str(self._read_to)}
            found = kinesis.get_shard_iterator(StreamName=stream, ShardId=self._shard, **start)
            self._iterator = found["ShardIterator"]
        answer: Mapping[str, Any] = kinesis.get_records(ShardIterator=self._iterator, Limit=READ_RECORDS)
        return answer

    def _take(self, answer: Mapping[str, Any]) -> None:
        """Puts records into the buffer, and what is no event into quarantine. A second try goes on where one failed."""
        for record in answer["Records"]:
            number = int(record["SequenceNumber"])
            if self._read_to is not None and number <= self._read_to:
                continue
            text = record["Data"].decode("utf-8", "replace")
            try:
                event = parse(text)
                line = Line(sequence_number=number, text=text, account=event.account, sequence=event.sequence)
                if "\n" in text or "\r" in text:
                    raise EventError(f"event {event.id}: not in canonical form")
            except EventError as error:
                self._put_aside(record, str(error))
            else:
                self._buffer.add(line, record["ApproximateArrivalTimestamp"])
            self._read_to = number
        self._iterator = answer.get("NextShardIterator")

    def _put_aside(self, record: Mapping[str, Any], sentence: str) -> None:
        day = archive.day_of(record["ApproximateArrivalTimestamp"])
        key = f"{archive.QUARANTINE}archive/{self._shard}/{day}/{record['SequenceNumber']}.json"
        found = {"detail": sentence, "account": record["PartitionKey"], "data": record["Data"].hex()}
        put_aside(self._places.s3, self._places.bucket, key, "unreadable", found)
        QUARANTINED.add()
        self._log.error("archive: record put aside", shard=self._shard, number=record["SequenceNumber"])

    def _ended(self, answer: Mapping[str, Any]) -> bool:
        """Whether nothing will ever follow: Kinesis gives no next iterator at the end of a closed shard."""
        if answer.get("NextShardIterator") is None:
            return True
        return self._closed() and not answer["Records"] and not answer.get("MillisBehindLatest", 0)

    def _flush(self) -> None:
        buffer = self._buffer
        first, last = buffer.lines[0].sequence_number, buffer.lines[-1].sequence_number
        made = archive.encode(buffer.lines)
        key = Range(folder=self._folder, day=buffer.day, first=first, last=last).key
        put_once(self._places.s3, self._places.bucket, key, made.body, made.metadata, "application/gzip")
        self._buffer = Buffer()
        ARCHIVED.add(len(buffer.lines), shard=self._shard)
        OBJECTS.add(shard=self._shard)


class Archiver:
    """All shards of the stream, each once its parents are archived whole."""

    def __init__(self, places: Places, log: Log) -> None:
        self._places, self._log = places, log
        self._known: dict[str, Mapping[str, Any]] = {}
        self._running: dict[str, asyncio.Task[bool]] = {}
        self._done: set[str] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`."""
        while not stop.is_set():
            try:
                self._known = await asyncio.to_thread(self._shards)
            except (BotoCoreError, ClientError) as error:
                TROUBLES.add(error=type(error).__name__)
                self._log.warning("archive: shards not listed", error=type(error).__name__)
            self._begin(stop)
            waiting = [*self._running.values(), asyncio.create_task(_sleep(stop, SHARDS_EVERY_S))]
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            waiting[-1].cancel()
            self._collect()
        await asyncio.gather(*self._running.values())

    def _shards(self) -> dict[str, Mapping[str, Any]]:
        pages = self._places.kinesis.get_paginator("list_shards").paginate(StreamName=self._places.stream)
        return {shard["ShardId"]: shard for page in pages for shard in page["Shards"]}

    def _begin(self, stop: asyncio.Event) -> None:
        for id_, shard in self._known.items():
            parents = {shard.get("ParentShardId"), shard.get("AdjacentParentShardId")} & self._known.keys()
            if id_ not in self._running and id_ not in self._done and parents <= self._done:
                one = ShardArchiver(self._places, id_, lambda id_=id_: self._is_closed(id_), self._log)  # type: ignore[misc]
                self._running[id_] = asyncio.create_task(one.run(stop))

    def _is_closed(self, id_: str) -> bool:
        return "EndingSequenceNumber" in self._known.get(id_, {}).get("SequenceNumberRange", {})

    def _collect(self) -> None:
        for id_, task in list(self._running.items()):
            if task.done():
                del self._running[id_]
                if task.result():
                    self._done.add(id_)


async def _sleep(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
