"""python -m workloads.relay relay | archive | consume"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import threading
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from contracts.events import Registry
from contracts.identifiers import new_id
from workloads import logs, telemetry
from workloads.database import connect_pool
from workloads.relay import health
from workloads.relay.archiver import Archiver, Places
from workloads.relay.consumer import Consumer
from workloads.relay.inspection import Inspector
from workloads.relay.ledger import Ledger
from workloads.relay.outbox import Outbox
from workloads.relay.relay import Quarantine, ShardRelay
from workloads.relay.stream import AWS_CALLS, Stream

SHARDS_FILE = "/etc/payment-cell/shards/shards.json"
CA_FILE = "/etc/ssl/certs/rds.pem"
USER = "relay"


@dataclass(frozen=True, kw_only=True, slots=True)
class Shards:
    """The file of shards."""

    hosts: Mapping[str, tuple[str, int]]
    """Shard -> host and port of its proxy."""
    database: str
    region: str

    @classmethod
    def read(cls, path: str) -> Shards:
        content = json.loads(Path(path).read_text())
        hosts = {shard: (found["host"], found["port"]) for shard, found in content["shards"].items()}
        return cls(hosts=hosts, database=content["database"], region=content["region"])


async def relay(stop: asyncio.Event, log: logs.Log) -> None:
    """One task a shard; all share the stream's client, which is safe between threads."""
    shards = Shards.read(os.environ.get("SHARDS_FILE", SHARDS_FILE))
    stream = Stream(_client("kinesis"), os.environ["EVENT_STREAM"])
    quarantine = Quarantine(client=_client("s3"), bucket=os.environ["ARCHIVE_BUCKET"])
    owner, registry = new_id("rly"), Registry.load()
    relays = []
    for shard, (host, port) in shards.hosts.items():
        ca_file = os.environ.get("DATABASE_CA_FILE", CA_FILE)
        pool = await connect_pool(host, port, USER, shards.database, shards.region, ca_file)
        one = ShardRelay(shard, owner, Outbox(pool), stream, quarantine, Inspector(registry), log)
        relays.append(one.run(stop))
    await asyncio.gather(*relays)


async def archive(stop: asyncio.Event, log: logs.Log) -> None:
    """All shards of the stream."""
    places = Places(
        kinesis=_client("kinesis"),
        s3=_client("s3"),
        stream=os.environ["EVENT_STREAM"],
        bucket=os.environ["ARCHIVE_BUCKET"],
    )
    await Archiver(places, log).run(stop)


async def consume(stop: asyncio.Event, log: logs.Log) -> None:
    """The queue of one consumer. The reference has one handler; a user's image has others."""
    ended = threading.Event()
    consumer = Consumer(_client("sqs"), os.environ["QUEUE_URL"], os.environ["CONSUMER"], Ledger(), log)
    work = asyncio.create_task(asyncio.to_thread(consumer.run, ended))
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait([work, stopped], return_when=asyncio.FIRST_COMPLETED)
    ended.set()
    await work


PROGRAMS: Mapping[str, Callable[[asyncio.Event, logs.Log], Coroutine[Any, Any, None]]] = {
    "relay": relay,
    "archive": archive,
    "consume": consume,
}


def _client(service: str) -> Any:
    # Long polls of SQS need the default time-outs.
    return boto3.client(service, config=None if service == "sqs" else AWS_CALLS)  # type: ignore[call-overload]


async def _main(program: str) -> None:
    log = logs.start(program)
    telemetry.start(program)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await health.serve(os.environ.get("POD_IP", "0.0.0.0"))
    log.info("started", program=program)
    await PROGRAMS[program](stop, log)
    log.info("ended", program=program)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="workloads.relay", description=__doc__)
    parser.add_argument("program", choices=PROGRAMS)
    asyncio.run(_main(parser.parse_args().program))
