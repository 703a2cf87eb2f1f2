"""The event path on a real PostgreSQL: outbox, relay, stream, archive, ordered consumer.

Streams, buckets and queues are moto's, in this process, behind its own endpoint.
"""

import asyncio
import base64
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import asyncpg
import boto3
import httpx
import pytest
from botocore.exceptions import EndpointConnectionError
from moto_server import moto_server
from outbox import HOST, Chains, Server, insert

from contracts import archive
from contracts.epoch import Writer
from contracts.events import Envelope, Registry, parse, verify_chain
from workloads.database import Place, iam_login, open_pool
from workloads.lease import EpochStore, Lease
from workloads.logs import Log
from workloads.relay import health
from workloads.relay.archiver import Archiver, Places, last_archived
from workloads.relay.consumer import DUPLICATES, HANDLED, REFUSED, Consumer
from workloads.relay.inspection import Inspector, Reason
from workloads.relay.ledger import Ledger
from workloads.relay.outbox import Outbox
from workloads.relay.regeneration import Regenerations
from workloads.relay.relay import QUARANTINED, Quarantine, ShardRelay
from workloads.relay.stream import Stream, put_once

pytestmark = pytest.mark.dataplane

ROOT = Path(__file__).resolve().parents[2]
REGION, BUCKET, STREAM = "eu-west-1", "archive", "events"
ACCOUNTS = [f"acct_{letter * 4}" for letter in "abcdefgh"]
LOG = Log("test")


@dataclass
class Cloud:
    """moto behind an endpoint, with a stream and a locked bucket."""

    env: dict[str, str]

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=self.env["AWS_ENDPOINT_URL"],
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def streamed(self) -> list[Envelope]:
        """Everything in the stream, shard by shard."""
        kinesis, found = self.client("kinesis"), []
        for shard in kinesis.list_shards(StreamName=STREAM)["Shards"]:
            start = kinesis.get_shard_iterator(
                StreamName=STREAM, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )
            answer = kinesis.get_records(ShardIterator=start["ShardIterator"], Limit=10_000)
            found += [parse(record["Data"]) for record in answer["Records"]]
        return found

    def objects(self, prefix: str) -> dict[str, dict[str, Any]]:
        s3 = self.client("s3")
        listed = s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", ())
        return {one["Key"]: s3.get_object(Bucket=BUCKET, Key=one["Key"]) for one in listed}

    def archived(self) -> list[Envelope]:
        """All events of the archive, stream shard by stream shard, as a reader would."""
        objects = self.objects(archive.PREFIX)
        keys = sorted(objects, key=lambda key: (archive.parse_key(key).folder, archive.parse_key(key).first))
        return [
            parse(line)
            for key in keys
            for line in archive.decode(objects[key]["Body"].read(), objects[key]["Metadata"])
        ]


def first_copies(events: Sequence[Envelope]) -> list[Envelope]:
    """Each event id once, where it came first."""
    return list({event.id: event for event in reversed(events)}.values())[::-1]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    started = Server.start()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "DATABASE_CA_FILE": started.ca_file,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }.items():
            patch.setenv(name, value)
        yield started
    started.stop()


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with moto_server(HOST) as found:
        yield found


@pytest.fixture
def cloud(endpoint: str) -> Cloud:
    httpx.post(f"{endpoint}/moto-api/reset")
    env = {"AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    made = Cloud(env={**env, "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION})
    made.client("kinesis").create_stream(StreamName=STREAM, ShardCount=2)
    location: Any = {"LocationConstraint": REGION}
    s3 = made.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=location, ObjectLockEnabledForBucket=True)
    rule: Any = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}
    s3.put_object_lock_configuration(
        Bucket=BUCKET, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule}
    )
    return made


async def pool_of(server: Server, database: str) -> asyncpg.Pool:
    """One connection, under the relay's own user, with TLS and a token."""
    place = Place(host=HOST, port=server.port, name=HOST, database=database, region=REGION)
    return await open_pool(place, iam_login(place, "relay"), 1)


@asynccontextmanager
async def relay_of(
    server: Server,
    cloud: Cloud,
    database: str,
    kinesis: Any = None,
    s3: Any = None,
    writer: Lease | None = None,
    again: Regenerations | None = None,
) -> AsyncIterator[ShardRelay]:
    """A relay as its program makes it, under its own database user."""
    pool = await pool_of(server, database)
    stream = Stream(kinesis or cloud.client("kinesis"), STREAM)
    quarantine = Quarantine(client=s3 or cloud.client("s3"), bucket=BUCKET)
    yield ShardRelay(
        "s00", "test", Outbox(pool), stream, quarantine, Inspector(Registry.load()), writer or Lease(None), again, LOG
    )
    await pool.close()


async def empty(connection: asyncpg.Connection, relay: ShardRelay, turns: int = 500) -> None:
    """Turns until nothing waits."""
    stop = asyncio.Event()
    for _ in range(turns):
        await relay.turn(stop)
        if not await waiting(connection):
            return
    raise AssertionError(f"{await waiting(connection)} events wait after {turns} turns")


async def waiting(connection: asyncpg.Connection) -> int:
    return int(await connection.fetchval("SELECT count(*) FROM outbox WHERE relayed_at IS NULL"))


async def until(true: Callable[[], Awaitable[bool]], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not await true():
            await asyncio.sleep(0.005)


def test_the_relay_sends_every_event_once_in_order_under_its_own_user(server: Server, cloud: Cloud) -> None:
    async def scenario() -> list[Envelope]:
        connection, chains = await server.shard("plain"), Chains()
        sent = [chains.next(account) for _ in range(20) for account in ACCOUNTS]
        for event in sent:
            await insert(connection, event)
        async with relay_of(server, cloud, "plain") as relay:
            await empty(connection, relay)
        return sent

    sent = asyncio.run(scenario())
    streamed = cloud.streamed()
    assert sorted(event.id for event in streamed) == sorted(event.id for event in sent)
    assert {account: head.sequence for account, head in verify_chain(streamed).items()} == dict.fromkeys(ACCOUNTS, 20)


class Failing:
    """A Kinesis client whose records fail by chance, and whose answers get lost."""

    def __init__(self, client: Any, chance: random.Random) -> None:
        self._client, self._chance = client, chance
        self.largest_wave = 0

    def put_records(self, StreamName: str, Records: list[dict[str, Any]]) -> dict[str, Any]:
        keys = [record["PartitionKey"] for record in Records]
        assert len(set(keys)) == len(keys)
        self.largest_wave = max(self.largest_wave, len(keys))
        passed = [self._chance.random() < 0.6 for _ in Records]
        taken = [record for record, passes in zip(Records, passed, strict=True) if passes]
        if taken:
            self._client.put_records(StreamName=StreamName, Records=taken)
        lost = self._chance.random() < 0.2
        refused = {"ErrorCode": "ProvisionedThroughputExceededException"}
        return {"Records": [{} if passes and not lost else refused for passes in passed]}


def test_partial_failures_and_lost_answers_lose_and_reorder_nothing(
    server: Server, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workloads.relay.relay.BACKOFF_S", (0.0, 0.0))
    failing = Failing(cloud.client("kinesis"), random.Random(6))

    async def scenario() -> list[Envelope]:
        connection, chains = await server.shard("failing"), Chains()
        sent = [chains.next(account) for _ in range(15) for account in ACCOUNTS]
        for event in sent:
            await insert(connection, event)
        async with relay_of(server, cloud, "failing", kinesis=failing) as relay:
            await empty(connection, relay)
        return sent

    sent = asyncio.run(scenario())
    streamed = cloud.streamed()
    assert len(streamed) > len(sent), "the lost answers should have made duplicates"
    firsts = first_copies(streamed)
    assert sorted(event.id for event in firsts) == sorted(event.id for event in sent)
    verify_chain(firsts)
    assert failing.largest_wave == len(ACCOUNTS)


def test_a_transaction_in_flight_is_not_skipped_and_holds_nobody_up(server: Server, cloud: Cloud) -> None:
    """The earlier position commits later. And a transaction that had its number before it waited for the account has
    the lower one, with the later event: a filter on transaction numbers would send that first."""

    async def scenario() -> None:
        connection, chains = await server.shard("flight"), Chains()
        other = await server.connect("flight")
        early = other.transaction()
        await early.start()
        late = chains.next(ACCOUNTS[0])
        await insert(other, late)
        await insert(connection, chains.next(ACCOUNTS[1]))
        async with relay_of(server, cloud, "flight") as relay:
            await relay.turn(asyncio.Event())
            assert [event.account for event in cloud.streamed()] == [ACCOUNTS[1]]
            await early.commit()
            await empty(connection, relay)
            assert late.id in {event.id for event in cloud.streamed()}

            holder, lower = await server.connect("flight"), other.transaction()
            await lower.start()
            await other.fetchval("SELECT pg_current_xact_id()::text")
            await insert(connection, chains.next(ACCOUNTS[0]))
            blocker = holder.transaction()
            await blocker.start()
            await holder.fetchval("SELECT pg_current_xact_id()::text")
            await insert(other, chains.next(ACCOUNTS[0]))
            await lower.commit()
            await relay.turn(asyncio.Event())
            await blocker.rollback()
        verify_chain(cloud.streamed())

    asyncio.run(scenario())
    assert len(cloud.streamed()) == 4


@pytest.mark.parametrize("kind", list(Reason))
def test_a_broken_event_goes_to_quarantine_and_those_behind_it_go_on(
    server: Server, cloud: Cloud, kind: Reason
) -> None:
    account, database = ACCOUNTS[0], f"broken_{kind.replace('-', '_')}"
    counted = QUARANTINED.value(shard="s00", reason=kind)

    async def scenario() -> Envelope:
        connection, chains = await server.shard(database), Chains()
        await insert(connection, chains.next(account))
        changes: dict[Reason, dict[str, Any]] = {
            Reason.UNKNOWN: {"type": "payment.vanished"},
            Reason.CHAIN: {"previous": "sha256:" + "0" * 64},
            Reason.TOO_LARGE: {"data": {"text": "x" * 200_000}},
        }
        broken = chains.next(account, **changes.get(kind, {}))
        texts = {
            Reason.UNREADABLE: broken.to_json().replace("1250", "1251"),
            Reason.MISFILED: Chains().next(account).to_json(),
        }
        await insert(connection, broken, texts.get(kind))
        for _ in range(3):
            await insert(connection, chains.next(account))
        async with relay_of(server, cloud, database) as relay:
            await empty(connection, relay)
        return broken

    broken = asyncio.run(scenario())
    assert [event.sequence for event in cloud.streamed()] == [1, 3, 4, 5]
    (found,) = [json.loads(one["Body"].read()) for one in cloud.objects(archive.QUARANTINE).values()]
    assert (found["reason"], found["event_id"], found["shard"]) == (kind, broken.id, "s00")
    assert QUARANTINED.value(shard="s00", reason=kind) == counted + 1


def test_a_quarantine_that_does_not_answer_holds_up_only_the_broken_event(server: Server, cloud: Cloud) -> None:
    class Down:
        def put_object(self, **_: Any) -> None:
            raise EndpointConnectionError(endpoint_url="https://s3")

    async def scenario() -> None:
        connection, chains = await server.shard("down"), Chains()
        for text in (None, "no event", None):
            await insert(connection, chains.next(ACCOUNTS[0]), text)
        async with relay_of(server, cloud, "down", s3=Down()) as relay:
            await relay.turn(asyncio.Event())
            assert [event.sequence for event in cloud.streamed()] == [1, 3]
            assert await waiting(connection) == 1
        async with relay_of(server, cloud, "down") as relay:
            await empty(connection, relay)

    asyncio.run(scenario())
    assert len(cloud.objects(archive.QUARANTINE)) == 1


def test_one_process_leads_and_another_takes_over_when_the_lease_ends(server: Server) -> None:
    async def scenario() -> None:
        connection = await server.shard("lease")
        pool = await pool_of(server, "lease")
        outbox = Outbox(pool)
        assert await outbox.lease("one", 30)
        assert await outbox.lease("one", 30)
        assert not await outbox.lease("two", 30)
        await connection.execute("UPDATE relay_lease SET expires_at = now() - interval '1 second'")
        assert await outbox.lease("two", 30)
        assert not await outbox.lease("one", 30)
        await outbox.release("two")
        assert await outbox.lease("one", 30)
        await pool.close()

    asyncio.run(scenario())


def test_the_relay_leaves_nothing_in_its_session(server: Server, cloud: Cloud) -> None:
    """What RDS Proxy pins for: settings, named statements, advisory locks, listening, temporary tables."""

    async def scenario() -> None:
        connection, chains = await server.shard("session"), Chains()
        await insert(connection, chains.next(ACCOUNTS[0]))
        await insert(connection, chains.next(ACCOUNTS[0]), "broken")
        pool = await pool_of(server, "session")
        async with pool.acquire() as session:
            before = await session.fetch("SELECT name, setting FROM pg_settings WHERE source = 'session'")
        quarantine = Quarantine(client=cloud.client("s3"), bucket=BUCKET)
        stream, inspector = Stream(cloud.client("kinesis"), STREAM), Inspector(Registry.load())
        relay, outbox = (
            ShardRelay("s00", "x", Outbox(pool), stream, quarantine, inspector, Lease(None), None, LOG),
            Outbox(pool),
        )
        await outbox.lease("x", 5)
        await relay.turn(asyncio.Event())
        await outbox.release("x")
        async with pool.acquire() as session:
            assert await session.fetch("SELECT name, setting FROM pg_settings WHERE source = 'session'") == before
            assert await session.fetch("SELECT name FROM pg_prepared_statements WHERE name <> ''") == []
            assert await session.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0
            assert await session.fetch("SELECT pg_listening_channels()") == []
        await pool.close()

    asyncio.run(scenario())


class Process:
    """A program of workloads.relay, as a pod runs it."""

    def __init__(self, env: dict[str, str], *words: str) -> None:
        self.address = f"127.77.{random.randrange(256)}.{random.randrange(1, 255)}"
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "workloads.relay", *words],
            cwd=ROOT,
            env={**os.environ, **env, "PYTHONPATH": str(ROOT), "POD_IP": self.address},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def ask(self, path: str) -> str:
        """What the health port answers."""
        return httpx.get(f"http://{self.address}:{health.PORT}{path}").raise_for_status().text

    async def up(self) -> bool:
        """Whether it is ready: from then on SIGTERM is heard."""
        try:
            return await asyncio.to_thread(self.ask, "/healthz") == "ok\n"
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        self.popen.kill()
        self.popen.wait(10)

    def end(self) -> str:
        """SIGTERM, and what it said."""
        self.popen.terminate()
        output, _ = self.popen.communicate(timeout=30)
        assert self.popen.returncode == 0, output.decode()
        return output.decode()


def test_a_relay_killed_again_and_again_loses_and_reorders_nothing(
    server: Server, cloud: Cloud, tmp_path: Path
) -> None:
    """SIGKILL at many points of its work, while events go on coming."""
    shards = {"shards": {"s00": {"host": HOST, "port": server.port}}, "database": "killed", "region": REGION}
    (tmp_path / "shards.json").write_text(json.dumps(shards))
    env = {
        **cloud.env,
        "DATABASE_CA_FILE": server.ca_file,
        "EVENT_STREAM": STREAM,
        "ARCHIVE_BUCKET": BUCKET,
        "CELL": "test",
    }
    chance, kills = random.Random(20261128), 10

    async def scenario() -> list[Envelope]:
        connection, chains, sent = await server.shard("killed"), Chains(), []

        async def write(count: int) -> None:
            for event in [chains.next(chance.choice(ACCOUNTS)) for _ in range(count)]:
                await insert(connection, event)
                sent.append(event)

        for _ in range(kills):
            await write(60)
            target = await waiting(connection) - chance.randrange(1, 60)
            process = Process(env, "relay", "--shards", str(tmp_path / "shards.json"))

            async def far_enough(target: int = target) -> bool:
                return await waiting(connection) <= target

            await until(far_enough)
            process.kill()
            # The dead process's lease, as if its seconds had gone by.
            await connection.execute("UPDATE relay_lease SET expires_at = now() - interval '1 second'")
        process = Process(env, "relay", "--shards", str(tmp_path / "shards.json"))
        await until(process.up)
        await write(1)

        async def all_sent() -> bool:
            return not await waiting(connection)

        await until(all_sent)
        metrics = await asyncio.to_thread(process.ask, "/metrics")
        assert 'relay_leads{cell="test",shard="s00"} 1' in metrics
        assert 'relay_events_sent_total{cell="test",shard="s00"}' in metrics
        assert '"message": "ended"' in await asyncio.to_thread(process.end)
        assert await connection.fetchval("SELECT count(*) FROM relay_lease") == 0
        return sent

    sent = asyncio.run(scenario())
    firsts = first_copies(cloud.streamed())
    assert sorted(event.id for event in firsts) == sorted(event.id for event in sent)
    verify_chain(firsts)


def publish(cloud: Cloud, events: Sequence[Envelope]) -> None:
    kinesis = cloud.client("kinesis")
    for event in events:
        kinesis.put_record(StreamName=STREAM, PartitionKey=event.account, Data=event.to_json().encode())


async def archive_until(cloud: Cloud, true: Callable[[], bool], flush_s: float = 0.0) -> None:
    """Runs an archiver until something holds, then ends it as SIGTERM does."""
    places = Places(
        kinesis=cloud.client("kinesis"), s3=cloud.client("s3"), stream=STREAM, bucket=BUCKET, flush_s=flush_s
    )
    stop = asyncio.Event()
    running = asyncio.create_task(Archiver(places, LOG).run(stop))

    async def holds() -> bool:
        assert not running.done()
        return await asyncio.to_thread(true)

    await until(holds)
    stop.set()
    await running


def test_the_archive_holds_each_event_in_locked_objects_that_say_what_is_in_them(cloud: Cloud) -> None:
    chains = Chains()
    sent = [chains.next(account) for _ in range(5) for account in ACCOUNTS]
    publish(cloud, sent)
    asyncio.run(archive_until(cloud, lambda: len(cloud.archived()) == len(sent)))
    assert sorted(event.id for event in cloud.archived()) == sorted(event.id for event in sent)
    verify_chain(cloud.archived())
    for key, found in cloud.objects(archive.PREFIX).items():
        name, metadata = archive.parse_key(key), found["Metadata"]
        assert (int(metadata["first"]), int(metadata["last"])) == (name.first, name.last)
        assert found["ObjectLockMode"] == "GOVERNANCE"
        assert int(metadata["count"]) == len(archive.decode(found["Body"].read(), metadata))


def test_an_archiver_that_starts_again_goes_on_where_the_names_end(cloud: Cloud) -> None:
    chains = Chains()
    for count in (8, 16, 24):
        publish(cloud, [chains.next(account) for account in ACCOUNTS])
        asyncio.run(archive_until(cloud, lambda count=count: len(cloud.archived()) >= count))
    archived = cloud.archived()
    assert len(archived) == 24, "nothing twice, because no archiver was killed"
    verify_chain(archived)


def test_an_archiver_that_dies_between_writing_and_reading_on_repeats_nothing(cloud: Cloud) -> None:
    """The write whose answer was lost: the next archiver sees its name and begins behind it."""
    chains = Chains()
    sent = [chains.next(ACCOUNTS[0]) for _ in range(6)]
    publish(cloud, sent[:3])
    asyncio.run(archive_until(cloud, lambda: len(cloud.archived()) == 3))
    before = set(cloud.objects(archive.PREFIX))
    folder = archive.parse_key(next(iter(before))).folder
    assert last_archived(cloud.client("s3"), BUCKET, folder) == max(archive.parse_key(key).last for key in before)
    publish(cloud, sent[3:])
    asyncio.run(archive_until(cloud, lambda: len(cloud.archived()) == 6))
    assert [event.id for event in cloud.archived()] == [event.id for event in sent]
    assert before < set(cloud.objects(archive.PREFIX))


def test_an_archiver_does_not_take_what_was_replicated_from_another_cells_stream_for_its_own(cloud: Cloud) -> None:
    """Its shards have the same names, and it may be far ahead."""
    chains = Chains()
    publish(cloud, [chains.next(ACCOUNTS[0]) for _ in range(3)])
    asyncio.run(archive_until(cloud, lambda: len(cloud.archived()) == 3))
    (own,) = cloud.objects(archive.PREFIX)
    found = archive.parse_key(own)
    ahead = replace(found, folder=found.folder.replace(STREAM, "other", 1), first=10**60, last=10**61)
    copied = cloud.objects(archive.PREFIX)[own]
    cloud.client("s3").put_object(Bucket=BUCKET, Key=ahead.key, Body=copied["Body"].read(), Metadata=copied["Metadata"])
    publish(cloud, [chains.next(ACCOUNTS[0]) for _ in range(3)])
    asyncio.run(archive_until(cloud, lambda: len(cloud.objects(archive.PREFIX)) == 3))
    assert len({event.id for event in cloud.archived()}) == 6


def test_an_archiver_killed_again_and_again_archives_every_event_in_order(cloud: Cloud) -> None:
    env = {**cloud.env, "EVENT_STREAM": STREAM, "ARCHIVE_BUCKET": BUCKET, "CELL": "test"}
    chains, chance, sent = Chains(), random.Random(6), []

    def archived_at_least(count: int) -> Callable[[], Awaitable[bool]]:
        async def true() -> bool:
            return len(first_copies(await asyncio.to_thread(cloud.archived))) >= count

        return true

    for _ in range(5):
        events = [chains.next(account) for _ in range(4) for account in ACCOUNTS]
        publish(cloud, events[:8])
        sent += events
        process = Process(env, "archive", "--flush-s=0.1")
        asyncio.run(until(archived_at_least(len(sent) - 24)))
        publish(cloud, events[8:])
        asyncio.run(until(archived_at_least(len(sent) - chance.randrange(24))))
        process.kill()
    process = Process(env, "archive", "--flush-s=0.1")
    asyncio.run(until(process.up))
    asyncio.run(until(archived_at_least(len(sent))))
    assert '"message": "ended"' in process.end()
    firsts = first_copies(cloud.archived())
    assert sorted(event.id for event in firsts) == sorted(event.id for event in sent)
    verify_chain(firsts)


def test_the_same_records_written_twice_are_one_object(cloud: Cloud) -> None:
    line = archive.Line(sequence_number=7, text="{}", account="acct_aaaa", sequence=1)
    made = archive.encode([line])
    s3, key = cloud.client("s3"), archive.Range(folder="s", day="2026/11/28", first=7, last=7).key
    for _ in range(2):
        put_once(s3, BUCKET, key, made.body, made.metadata, "application/gzip")
    assert len(s3.list_object_versions(Bucket=BUCKET, Prefix=key)["Versions"]) == 1


def test_a_split_stream_is_archived_whole_and_its_chains_with_it(cloud: Cloud) -> None:
    chains = Chains()
    first = [chains.next(account) for _ in range(3) for account in ACCOUNTS]
    publish(cloud, first)
    asyncio.run(archive_until(cloud, lambda: len(cloud.archived()) == len(first)))
    kinesis = cloud.client("kinesis")
    parent = kinesis.list_shards(StreamName=STREAM)["Shards"][0]
    low, high = (int(parent["HashKeyRange"][key]) for key in ("StartingHashKey", "EndingHashKey"))
    kinesis.split_shard(StreamName=STREAM, ShardToSplit=parent["ShardId"], NewStartingHashKey=str((low + high) // 2))
    second = [chains.next(account) for _ in range(3) for account in ACCOUNTS]
    publish(cloud, second)
    ids = {event.id for event in (*first, *second)}
    asyncio.run(archive_until(cloud, lambda: {event.id for event in cloud.archived()} == ids))
    verify_chain(sorted(first_copies(cloud.archived()), key=lambda event: event.sequence))


def test_a_child_of_a_split_waits_for_its_parent() -> None:
    """What a closed shard still holds goes into the archive before its children's first record."""
    order: list[str] = []

    class Kinesis:
        """A parent with two reads left, and a child."""

        def __init__(self) -> None:
            self.left = 2

        def get_paginator(self, _: str) -> Any:
            ended = {"StartingSequenceNumber": "1", "EndingSequenceNumber": "9"}
            parent = {"ShardId": "parent", "SequenceNumberRange": ended}
            child = {"ShardId": "child", "ParentShardId": "parent", "SequenceNumberRange": {}}
            return type("Pages", (), {"paginate": lambda *_, **__: [{"Shards": [child, parent]}]})()

        def get_shard_iterator(self, ShardId: str, **_: Any) -> dict[str, str]:
            return {"ShardIterator": ShardId}

        def get_records(self, ShardIterator: str, **_: Any) -> dict[str, Any]:
            order.append(ShardIterator)
            if ShardIterator == "child":
                stop.set()
                return {"Records": [], "NextShardIterator": "child", "MillisBehindLatest": 0}
            self.left -= 1
            more = {"NextShardIterator": "parent", "MillisBehindLatest": 1}
            return {"Records": [], **(more if self.left else {"MillisBehindLatest": 0})}

    class Empty:
        def get_paginator(self, _: str) -> Any:
            return type("Pages", (), {"paginate": lambda *_, **__: [{}]})()

    places = Places(kinesis=Kinesis(), s3=Empty(), stream=STREAM, bucket=BUCKET, flush_s=0.0)
    stop = asyncio.Event()
    asyncio.run(asyncio.wait_for(Archiver(places, LOG).run(stop), 30))
    assert order == ["parent", "parent", "child"]


def test_a_record_that_is_no_event_goes_to_quarantine_and_the_archive_goes_on(cloud: Cloud) -> None:
    chains = Chains()
    publish(cloud, [chains.next(ACCOUNTS[0])])
    cloud.client("kinesis").put_record(StreamName=STREAM, PartitionKey=ACCOUNTS[0], Data=b"\xff no event")
    publish(cloud, [chains.next(ACCOUNTS[0])])
    asyncio.run(archive_until(cloud, lambda: len(cloud.archived()) == 2))
    (found,) = cloud.objects(f"{archive.QUARANTINE}archive/").values()
    assert bytes.fromhex(json.loads(found["Body"].read())["data"]) == b"\xff no event"


class Queue:
    """A FIFO queue with a dead-letter queue, filled as a pipe fills it."""

    def __init__(self, cloud: Cloud, visibility_s: int = 0) -> None:
        self.sqs = cloud.client("sqs")
        fifo = {"FifoQueue": "true"}
        dead = self.sqs.create_queue(QueueName="ledger-dlq.fifo", Attributes=fifo)["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 3})
        settings = {**fifo, "RedrivePolicy": redrive, "VisibilityTimeout": str(visibility_s)}
        self.url = self.sqs.create_queue(QueueName="ledger.fifo", Attributes=settings)["QueueUrl"]
        self.dead, self.sent = dead, 0

    def send(self, event: Envelope, data: bytes | None = None) -> None:
        self.sent += 1
        record = {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": event.account,
            "sequenceNumber": str(self.sent),
            "data": base64.b64encode(event.to_json().encode() if data is None else data).decode(),
            "approximateArrivalTimestamp": time.time(),
            "eventSource": "aws:kinesis",
            "eventID": f"shardId-000000000000:{self.sent}",
        }
        self.sqs.send_message(
            QueueUrl=self.url,
            MessageBody=json.dumps(record),
            MessageGroupId=event.account,
            MessageDeduplicationId=record["eventID"],
        )

    def dead_letters(self) -> list[Envelope]:
        found = self.sqs.receive_message(QueueUrl=self.dead, MaxNumberOfMessages=10).get("Messages", ())
        return [parse(base64.b64decode(json.loads(message["Body"])["data"])) for message in found]


def drain(consumer: Consumer) -> None:
    while consumer.turn(0):
        pass


def test_an_ordered_consumer_handles_each_event_once_and_counts_the_repeated(cloud: Cloud) -> None:
    queue, chains, ledger = Queue(cloud), Chains(), Ledger()
    sent = [chains.next(account) for _ in range(4) for account in ACCOUNTS[:2]]
    for event in [*sent, *sent[:3], chains.next(ACCOUNTS[0])]:
        queue.send(event)
    consumer = Consumer(queue.sqs, queue.url, "once", ledger, LOG)
    drain(consumer)
    assert ledger.totals == {ACCOUNTS[0]: {"EUR": 5 * 1250}, ACCOUNTS[1]: {"EUR": 4 * 1250}}
    assert (HANDLED.value(consumer="once"), DUPLICATES.value(consumer="once")) == (9, 3)
    assert {account: found.last for account, found in consumer.ordered.accounts.items()} == {
        ACCOUNTS[0]: 5,
        ACCOUNTS[1]: 4,
    }


def test_a_gap_stops_its_account_alone_until_the_missing_event_is_redriven(cloud: Cloud) -> None:
    queue, chains, ledger = Queue(cloud), Chains(), Ledger()
    first, missing, third = (chains.next(ACCOUNTS[0]) for _ in range(3))
    for event in (first, third, chains.next(ACCOUNTS[1])):
        queue.send(event)
    consumer = Consumer(queue.sqs, queue.url, "gap", ledger, LOG)
    drain(consumer)
    assert [event.id for event in queue.dead_letters()] == [third.id]
    assert ledger.totals == {ACCOUNTS[0]: {"EUR": 1250}, ACCOUNTS[1]: {"EUR": 1250}}
    assert REFUSED.value(consumer="gap", reason="out-of-order") == 3
    for event in (missing, third):
        queue.send(event)
    drain(consumer)
    assert ledger.totals[ACCOUNTS[0]] == {"EUR": 3 * 1250}


def test_a_poisoned_message_reaches_the_dead_letter_queue_and_other_accounts_pass(cloud: Cloud) -> None:
    queue, chains, ledger = Queue(cloud), Chains(), Ledger()
    poisoned = chains.next(ACCOUNTS[0])
    queue.send(poisoned, data=b"no event")
    queue.send(chains.next(ACCOUNTS[1]))
    consumer = Consumer(queue.sqs, queue.url, "poison", ledger, LOG)
    drain(consumer)
    assert ledger.totals == {ACCOUNTS[1]: {"EUR": 1250}}
    assert REFUSED.value(consumer="poison", reason="unreadable") == 3
    attributes = queue.sqs.get_queue_attributes(QueueUrl=queue.dead, AttributeNames=["ApproximateNumberOfMessages"])
    assert attributes["Attributes"]["ApproximateNumberOfMessages"] == "1"


def test_another_event_at_a_place_that_was_handled_is_refused(cloud: Cloud) -> None:
    queue, ledger = Queue(cloud), Ledger()
    queue.send(Chains().next(ACCOUNTS[0]))
    queue.send(Chains().next(ACCOUNTS[0]))
    consumer = Consumer(queue.sqs, queue.url, "conflict", ledger, LOG)
    drain(consumer)
    assert ledger.totals == {ACCOUNTS[0]: {"EUR": 1250}}
    assert REFUSED.value(consumer="conflict", reason="conflict") == 3


def test_a_consumer_ends_after_what_it_received(cloud: Cloud) -> None:
    queue, ledger, stop = Queue(cloud), Ledger(), threading.Event()
    queue.send(Chains().next(ACCOUNTS[0]))

    class Once:
        def handle(self, event: Envelope) -> None:
            ledger.handle(event)
            stop.set()

    Consumer(queue.sqs, queue.url, "ends", Once(), LOG).run(stop)
    assert ledger.totals == {ACCOUNTS[0]: {"EUR": 1250}}


class Pair:
    """An epoch store with a record, read by the cell that took over."""

    def __init__(self, cloud: Cloud) -> None:
        self.dynamodb = cloud.client("dynamodb")
        self.dynamodb.create_table(
            TableName="epoch",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        self.lease = Lease(EpochStore(client=self.dynamodb, table="epoch", cell="replica", primary="primary"))
        self.regenerations = Regenerations(client=self.dynamodb, table="epoch")

    def grant(self, epoch: int, cell: str, since: str | None = None) -> None:
        self.dynamodb.put_item(TableName="epoch", Item=Writer(epoch=epoch, cell=cell, regenerate_since=since).to_item())
        self.lease.ask()


async def led_until(relay: ShardRelay, true: Callable[[], Awaitable[bool]]) -> None:
    stop = asyncio.Event()
    running = asyncio.create_task(relay.run(stop))
    await until(true, 20)
    stop.set()
    await running


def test_a_relay_sends_nothing_while_another_cell_writes(server: Server, cloud: Cloud) -> None:
    async def scenario() -> None:
        connection, chains, pair = await server.shard("standby"), Chains(), Pair(cloud)
        await insert(connection, chains.next(ACCOUNTS[0]))
        pair.grant(0, "primary")
        async with relay_of(server, cloud, "standby", writer=pair.lease, again=pair.regenerations) as relay:
            stop = asyncio.Event()
            running = asyncio.create_task(relay.run(stop))
            await asyncio.sleep(0)
            assert await waiting(connection) == 1
            assert await connection.fetchval("SELECT count(*) FROM relay_lease") == 0
            pair.grant(2, "replica")
            await until(lambda: _none_waits(connection), 20)
            stop.set()
            await running

    asyncio.run(scenario())
    assert len(cloud.streamed()) == 1


async def _none_waits(connection: asyncpg.Connection) -> bool:
    return await waiting(connection) == 0


def test_after_a_loss_what_was_sent_since_is_sent_again_in_order_and_once_an_epoch(
    server: Server, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workloads.relay.relay.BATCH_ROWS", 8)

    async def scenario() -> list[Envelope]:
        connection, chains, pair = await server.shard("again"), Chains(), Pair(cloud)
        sent = [chains.next(account) for _ in range(6) for account in ACCOUNTS]
        for event in sent:
            await insert(connection, event)
        await connection.execute("UPDATE outbox SET relayed_at = now()")
        await connection.execute("UPDATE outbox SET created_at = now() - interval '2 days' WHERE position <= 24")
        since = await connection.fetchval("SELECT (now() - interval '1 hour')::text")
        pair.grant(2, "replica", since.replace(" ", "T"))

        async def noted() -> bool:
            return pair.regenerations.done(2, "s00") and await waiting(connection) == 0

        for _ in range(2):
            async with relay_of(server, cloud, "again", writer=pair.lease, again=pair.regenerations) as relay:
                await led_until(relay, noted)
        return sent[24:]

    expected = asyncio.run(scenario())
    assert sorted(event.id for event in cloud.streamed()) == sorted(event.id for event in expected)
    for account in ACCOUNTS:
        found = [event.sequence for event in cloud.streamed() if event.account == account]
        assert found == [4, 5, 6]
