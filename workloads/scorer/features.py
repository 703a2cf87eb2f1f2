"""Feature state: what is remembered, in memory, with the table of the cell behind it.

A decision reads memory. What is not there is read from the table, for as long as the decision can wait and no longer;
what comes later is there for the next one. What a payment adds is written in the background: writes are sums, so that
scorers beside each other lose nothing. The table may be slow, throttled or gone: decisions go on with what is in
memory.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from contracts.fraud import PROFILE_TTL_S, DecisionRecord
from contracts.fraud_features import LINKS_KEPT, PROFILE, Buckets, Change, Counters, Request
from workloads.logs import Log
from workloads.scorer import metrics

FRESH_S: Final = 30.0
"""Seconds until an entity is read again: another scorer may have seen it since."""
ENTITIES: Final = 50_000
"""In memory; the longest unused goes first. About 1 KiB each."""
PENDING: Final = 20_000
"""Changes that wait for the table; beyond it the oldest are given up and counted."""
TRANSACTION = 50
"""Writes of one call, of 100 that it takes (https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html)."""

_log = Log("features")
Item = TypeVar("Item")


class FeatureStore:
    """One process's memory, and the table behind it."""

    def __init__(self, client: Any, table: str, clock: Callable[[], float] = time.time) -> None:
        """`client`: boto3's dynamodb client, which blocks: it is used in threads."""
        self._client, self._table, self._clock = client, table, clock
        self._entities: OrderedDict[str, tuple[float, Buckets]] = OrderedDict()
        self._reading: dict[str, asyncio.Task[None]] = {}
        self._pending: OrderedDict[tuple[str, int], tuple[Counters, int]] = OrderedDict()
        self._decisions: list[DecisionRecord] = []
        self._in_flight: list[DecisionRecord] = []
        self._flushing = asyncio.Lock()
        # Apart, so that a hanging read holds up no write and the other way round.
        self._readers = ThreadPoolExecutor(8, "features-read")
        self._writers = ThreadPoolExecutor(4, "features-write")

    async def memory(self, request: Request, wait_s: float) -> dict[str, Buckets | None]:
        """What is remembered of the request's entities; None for what could not be read in `wait_s` seconds."""
        now = self._clock()
        stale = [e for e in request.entities if e not in self._entities or now - self._entities[e][0] > FRESH_S]
        reads = [self._read(entity) for entity in stale]
        # A stale entity is good enough; only one that was never read is worth waiting for.
        new = [read for entity, read in zip(stale, reads, strict=True) if entity not in self._entities]
        if new:
            await asyncio.wait(new, timeout=wait_s)
        found: dict[str, Buckets | None] = {}
        for entity in request.entities:
            known = self._entities.get(entity)
            found[entity] = known[1] if known else None
            if known:
                self._entities.move_to_end(entity)
            else:
                metrics.SIGNALS_MISSING.add(entity=entity.partition(":")[0])
        return found

    def _read(self, entity: str) -> asyncio.Task[None]:
        task = self._reading.get(entity)
        if task is None:
            task = self._reading[entity] = asyncio.ensure_future(self._load(entity))
            task.add_done_callback(lambda _: self._reading.pop(entity, None))
        return task

    async def _load(self, entity: str) -> None:
        loop = asyncio.get_running_loop()
        try:
            answer = await loop.run_in_executor(self._readers, self._query, entity)
        except Exception as error:  # whatever the table does, decisions go on
            _log.warning("features not read", error=type(error).__name__)
            return
        buckets = {int(item["bucket"]["N"]): _counters(item) for item in answer}
        # What a flush has in flight is in the answer or not: the next reading, FRESH_S later, has it for certain.
        for (waiting, bucket), (counters, _) in self._pending.items():
            if waiting == entity:
                buckets.setdefault(bucket, Counters()).add(counters)
        self._entities[entity] = (self._clock(), buckets)
        while len(self._entities) > ENTITIES:
            self._entities.popitem(last=False)

    def _query(self, entity: str) -> list[dict[str, Any]]:
        first = int(self._clock() // 3600) - 24
        found: list[dict[str, Any]] = self._client.query(
            TableName=self._table,
            KeyConditionExpression="#entity = :e AND #bucket >= :first",
            ExpressionAttributeNames={"#entity": "entity", "#bucket": "bucket"},
            ExpressionAttributeValues={":e": {"S": entity}, ":first": {"N": str(first)}},
        )["Items"]
        return found

    def add(self, changes: Iterable[Change]) -> None:
        """Remembers at once, and writes later."""
        for change in changes:
            known = self._entities.get(change.entity)
            if known is not None:
                kept = known[1].setdefault(change.bucket, Counters())
                if len(kept.links) >= LINKS_KEPT:
                    change.add.links.clear()
                kept.add(change.add)
            key = (change.entity, change.bucket)
            waiting = self._pending.setdefault(key, (Counters(), change.ttl_s))
            waiting[0].add(change.add)
        while len(self._pending) > PENDING:
            self._pending.popitem(last=False)
            metrics.WRITES_LOST.add(destination="features")

    def keep(self, record: DecisionRecord) -> None:
        """Keeps a decision for human review and contest."""
        self._decisions.append(record)
        if len(self._decisions) > PENDING:
            del self._decisions[0]
            metrics.WRITES_LOST.add(destination="decisions")

    async def flush(self) -> None:
        """Writes what waits, after what is being written. What the table refuses waits for the next time."""
        async with self._flushing:
            await self._flush()

    async def _flush(self) -> None:
        pending, self._pending = self._pending, OrderedDict()
        decisions, self._decisions = self._decisions, []
        self._in_flight = decisions
        waiting = [
            Change(entity=entity, bucket=bucket, add=counters, ttl_s=ttl_s)
            for (entity, bucket), (counters, ttl_s) in pending.items()
        ]
        refused = await self._write(self._update, waiting)
        for change in refused:
            self._wait_again(change)
        put_off = await self._write(self._put, decisions)
        self._in_flight = []
        for record in put_off:
            self.keep(record)
        metrics.WRITES.add(len(waiting) - len(refused), destination="features")
        metrics.WRITES.add(len(decisions) - len(put_off), destination="decisions")

    async def _write(self, write: Callable[[Item], dict[str, Any]], items: Sequence[Item]) -> list[Item]:
        """Those that could not be written. In transactions: one call for many, and a call that is repeated after a lost
        answer counts nothing twice, because its token is the same."""
        loop = asyncio.get_running_loop()
        parts = [items[start : start + TRANSACTION] for start in range(0, len(items), TRANSACTION)]
        done = (loop.run_in_executor(self._writers, self._transact, [write(item) for item in part]) for part in parts)
        results = await asyncio.gather(*done, return_exceptions=True)
        failed = [result for result in results if isinstance(result, BaseException)]
        if failed:
            _log.warning("writes put off", count=len(failed), error=type(failed[0]).__name__)
        broken = (part for part, result in zip(parts, results, strict=True) if isinstance(result, BaseException))
        return [item for part in broken for item in part]

    def _transact(self, writes: list[dict[str, Any]]) -> None:
        # The token is the SDK's own, the same for its retries (API_TransactWriteItems, ClientRequestToken).
        self._client.transact_write_items(TransactItems=writes)

    def _wait_again(self, change: Change) -> None:
        waiting = self._pending.setdefault((change.entity, change.bucket), (Counters(), change.ttl_s))
        waiting[0].add(change.add)

    def _update(self, change: Change) -> dict[str, Any]:
        add, expires = change.add, int(self._clock()) + change.ttl_s
        values: dict[str, Any] = {":expires": {"N": str(expires)}}
        sums = {"count": add.count, "small": add.small, "sum_log": add.sum_log, "sum_log2": add.sum_log2}
        parts = []
        for name, value in sums.items():
            if value:
                parts.append(f"#{name} :{name}")
                values[f":{name}"] = {"N": f"{value:.9g}"}
        if add.links:
            parts.append("#links :links")
            values[":links"] = {"SS": sorted(add.links)}
        setting, names = "SET #expires = :expires", ["expires", *(part.split()[0][1:] for part in parts)]
        if change.bucket == PROFILE:
            setting += ", #first_s = if_not_exists(#first_s, :first)"
            names.append("first_s")
            values[":first"] = {"N": f"{add.first_s:.3f}"}
        return {
            "Update": {
                "TableName": self._table,
                "Key": {"entity": {"S": change.entity}, "bucket": {"N": str(change.bucket)}},
                "UpdateExpression": f"{setting} ADD {', '.join(parts)}",
                "ExpressionAttributeNames": {f"#{name}": name for name in names},
                "ExpressionAttributeValues": values,
            }
        }

    def _put(self, record: DecisionRecord) -> dict[str, Any]:
        item = {
            "entity": {"S": f"decision:{record.id}"},
            "bucket": {"N": str(PROFILE)},
            "record": {"S": record.to_json()},
            "expires": {"N": str(int(self._clock()) + PROFILE_TTL_S)},
        }
        return {"Put": {"TableName": self._table, "Item": item}}

    async def decision(self, id_: str) -> dict[str, Any] | None:
        """A kept decision with its reviews and contests; None where there is none, or none any more."""
        key = {"entity": {"S": f"decision:{id_}"}, "bucket": {"N": str(PROFILE)}}

        def get() -> Mapping[str, Any] | None:
            item: Mapping[str, Any] | None = self._client.get_item(
                TableName=self._table, Key=key, ConsistentRead=True
            ).get("Item")
            return item

        waiting = self._waiting(id_)  # before the read: what is written meanwhile is in one of the two
        item = await asyncio.get_running_loop().run_in_executor(self._readers, get)
        if item is None:
            return {**waiting.data(), "history": []} if waiting else None
        history = [json.loads(entry["S"]) for entry in item.get("history", {"L": []})["L"]]
        return {**json.loads(item["record"]["S"]), "history": history}

    def _waiting(self, id_: str) -> DecisionRecord | None:
        """A decision that is not in the table, or perhaps not yet."""
        return next((record for record in (*self._in_flight, *self._decisions) if record.id == id_), None)

    async def append(self, id_: str, entry: Mapping[str, Any]) -> None:
        """Adds a review or a contest to a kept decision. Nothing is ever taken away from the list."""
        if self._waiting(id_):
            await self.flush()

        def update() -> None:
            self._client.update_item(
                TableName=self._table,
                Key={"entity": {"S": f"decision:{id_}"}, "bucket": {"N": str(PROFILE)}},
                UpdateExpression="SET #history = list_append(if_not_exists(#history, :none), :entry)",
                ConditionExpression="attribute_exists(#entity)",
                ExpressionAttributeNames={"#history": "history", "#entity": "entity"},
                ExpressionAttributeValues={":none": {"L": []}, ":entry": {"L": [{"S": json.dumps(entry)}]}},
            )

        await asyncio.get_running_loop().run_in_executor(self._writers, update)


def _counters(item: Mapping[str, Any]) -> Counters:
    def number(name: str, otherwise: float = 0.0) -> float:
        return float(item[name]["N"]) if name in item else otherwise

    return Counters(
        count=number("count"),
        small=number("small"),
        sum_log=number("sum_log"),
        sum_log2=number("sum_log2"),
        first_s=number("first_s", float("inf")),
        links=set(item["links"]["SS"]) if "links" in item else set(),
    )
