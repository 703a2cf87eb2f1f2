"""python -m workloads.relay relay | archive | consume"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from contracts.events import Registry
from contracts.identifiers import new_id
from workloads import logs, telemetry
from workloads.database import Place, iam_login, open_pool, parse_shards
from workloads.lease import Lease, lease_from_environment
from workloads.mounted import Mounted
from workloads.relay import health
from workloads.relay.archiver import Archiver, Places
from workloads.relay.consumer import WAIT_S, Consumer
from workloads.relay.inspection import Inspector
from workloads.relay.ledger import Ledger
from workloads.relay.outbox import Outbox
from workloads.relay.regeneration import Regenerations
from workloads.relay.relay import Quarantine, ShardRelay
from workloads.relay.stream import AWS_CALLS, Stream

SHARDS = Path("/etc/payment-cell/shards/shards.json")
USER = "relay"

POOL_SIZE = 2
"""Connections to one shard: the relay's statements come one after the other; one more where one is lost."""

THREADS = 32
"""For calls of AWS, which block: one a shard of the stream or of the cell."""

LOOK_S = 1.0
"""Seconds between looks at the file of the shards."""


async def relay(stop: asyncio.Event, arguments: argparse.Namespace, log: logs.Log) -> None:
    """One task a shard, begun anew when the places of the shards change."""
    shards, writer = Mounted(arguments.shards, parse_shards), lease_from_environment()
    writer.start()
    while not stop.is_set():
        places, ended = shards.get(), asyncio.Event()
        work = asyncio.gather(*await _relays(places, ended, writer, log))
        while not (stop.is_set() or work.done() or shards.get() != places):
            await _wait(stop, LOOK_S)
        ended.set()
        await work


async def _relays(
    places: Mapping[str, Place], ended: asyncio.Event, writer: Lease, log: logs.Log
) -> list[Coroutine[Any, Any, None]]:
    """All share the clients, which are safe between threads."""
    stream = Stream(_client("kinesis"), os.environ["EVENT_STREAM"])
    quarantine = Quarantine(client=_client("s3"), bucket=os.environ["ARCHIVE_BUCKET"])
    table = os.environ.get("EPOCH_TABLE")
    regenerations = Regenerations(client=_client("dynamodb"), table=table) if table else None
    owner, registry = new_id("rly"), Registry.load()

    async def one(shard: str, place: Place) -> None:
        async with await open_pool(place, iam_login(place, USER), POOL_SIZE) as pool:
            inspector = Inspector(registry)
            leading = ShardRelay(shard, owner, Outbox(pool), stream, quarantine, inspector, writer, regenerations, log)
            await leading.run(ended)

    return [one(shard, place) for shard, place in places.items()]


async def archive(stop: asyncio.Event, arguments: argparse.Namespace, log: logs.Log) -> None:
    """All shards of the stream."""
    places = Places(
        kinesis=_client("kinesis"),
        s3=_client("s3"),
        stream=os.environ["EVENT_STREAM"],
        bucket=os.environ["ARCHIVE_BUCKET"],
        flush_s=arguments.flush_s,
    )
    await Archiver(places, log).run(stop)


async def consume(stop: asyncio.Event, _: argparse.Namespace, log: logs.Log) -> None:
    """The queue of one consumer. The reference has one handler; a user's image has others."""
    ended = threading.Event()
    consumer = Consumer(_client("sqs"), os.environ["QUEUE_URL"], os.environ["CONSUMER"], Ledger(), log)
    work = asyncio.create_task(asyncio.to_thread(consumer.run, ended))
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait([work, stopped], return_when=asyncio.FIRST_COMPLETED)
    ended.set()
    await work


PROGRAMS: Mapping[str, Callable[[asyncio.Event, argparse.Namespace, logs.Log], Coroutine[Any, Any, None]]] = {
    "relay": relay,
    "archive": archive,
    "consume": consume,
}


def _client(service: str) -> Any:
    # Long polls of SQS outlast the time-outs of the others.
    config = Config(read_timeout=2 * WAIT_S) if service == "sqs" else AWS_CALLS
    return boto3.client(service, region_name=os.environ["AWS_REGION"], config=config)  # type: ignore[call-overload]


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()


async def main(arguments: argparse.Namespace) -> None:
    """Runs one program until it is told to stop."""
    log = logs.start(arguments.program)
    telemetry.start(arguments.program)
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(THREADS))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await health.serve(os.environ.get("POD_IP", "0.0.0.0"))
    log.info("started")
    await PROGRAMS[arguments.program](stop, arguments, log)
    log.info("ended")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="workloads.relay", description=__doc__)
    parser.add_argument("program", choices=PROGRAMS)
    parser.add_argument("--shards", type=Path, default=SHARDS, help="file of the shards' places, for relay")
    parser.add_argument("--flush-s", type=float, default=5.0, help="seconds until archive writes an object")
    asyncio.run(main(parser.parse_args()))
