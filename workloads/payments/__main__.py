"""python -m workloads.payments serve | migrate | settle"""

import argparse
import asyncio
import os
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic
from typing import Any

import boto3
import uvicorn
from botocore.config import Config
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from contracts import shard_map
from workloads import logs, telemetry
from workloads.database import Databases, iam_login, parse_shards
from workloads.lease import lease_from_environment
from workloads.mounted import Mounted
from workloads.payments.api import Api, metrics
from workloads.payments.banks import Banks
from workloads.payments.callers import Callers
from workloads.payments.concurrency import Concurrency, account_limits
from workloads.payments.fraud import fail_modes
from workloads.payments.markets import parse_markets
from workloads.payments.migrate import Migrator
from workloads.payments.service import Finisher, Parts, Service
from workloads.payments.settle import Settler
from workloads.subject_keys import SubjectKeys

SHARDS = Path("/etc/payment-cell/shards/shards.json")
SHARD_MAP = Path("/etc/payment-cell/shard-map/shard-map.json")
MARKETS = Path("/etc/payment-cell/markets/markets.json")

API_PORT, HEALTH_PORT = 8080, 8081
DRAIN_S = 25
"""Seconds for requests that are under way when the program is told to stop: longer than any bank may take."""

STUCK_S = 60.0
"""Seconds without a round after which the settler calls itself ill."""

THREADS = 32
"""For calls of KMS and DynamoDB, which block."""

CALLS = Config(
    connect_timeout=2,
    read_timeout=3,
    retries={"max_attempts": 3, "mode": "standard"},
    max_pool_connections=THREADS,
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="workloads.payments", description=__doc__)
    parser.add_argument("program", choices=("serve", "migrate", "settle"))
    parser.add_argument("--shards", type=Path, default=SHARDS, help="file of the shards' places")
    parser.add_argument("--shard-map", type=Path, default=SHARD_MAP, help="file of the shard map")
    parser.add_argument("--markets", type=Path, default=MARKETS, help="file of the markets")
    arguments = parser.parse_args()
    asyncio.run({"serve": serve, "migrate": migrate, "settle": settle}[arguments.program](arguments))


async def serve(arguments: argparse.Namespace) -> None:
    """The API until it is told to stop."""
    logs.start("payments")
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS))
    databases, parts = _parts(arguments)
    keys = SubjectKeys(
        _client("dynamodb"),
        _client("kms"),
        table=os.environ["SUBJECT_KEYS_TABLE"],
        key_arn=os.environ["SUBJECTS_KEY_ARN"],
    )
    callers = Callers(_client("secretsmanager"), os.environ["API_KEYS_SECRET_ARN"])
    modes = fail_modes(os.environ["FRAUD_FAIL_MODE"])
    concurrency = Concurrency(account_limits(os.environ["ACCOUNT_CONCURRENCY"]))
    await databases.warm()
    await _listen(Api(Service(parts, keys), callers, modes, concurrency, telemetry.start("payments")).app(), API_PORT)
    await databases.close()


async def settle(arguments: argparse.Namespace) -> None:
    """The settler until it is told to stop."""
    logs.start("settler")
    telemetry.start("settler")
    databases, parts = _parts(arguments)
    settler = Settler(Finisher(parts), databases.shards)
    await _beside(settler.run(), lambda: monotonic() - settler.round_at < STUCK_S)
    await databases.close()


async def migrate(arguments: argparse.Namespace) -> None:
    """The migrator until it is told to stop; healthy once every shard has its tables."""
    logs.start("migrator")
    lease = lease_from_environment()
    lease.start()
    migrator = Migrator(
        Mounted(arguments.shards, parse_shards), Mounted(arguments.shard_map, shard_map.parse), iam_login, lease
    )
    await _beside(migrator.run(), lambda: migrator.ready)


def _parts(arguments: argparse.Namespace) -> tuple[Databases, Parts]:
    databases = Databases(Mounted(arguments.shards, parse_shards), "payments")
    parts = Parts(
        cell=os.environ["CELL"],
        region=os.environ["AWS_REGION"],
        shard_map=Mounted(arguments.shard_map, shard_map.parse),
        markets=Mounted(arguments.markets, parse_markets),
        connection=databases.connection,
        banks=Banks(),
        lease=lease_from_environment(),
    )
    parts.lease.start()
    return databases, parts


def _client(service: str) -> Any:
    return boto3.client(service, region_name=os.environ["AWS_REGION"], config=CALLS)  # type: ignore[call-overload]


async def _beside(work: Coroutine[Any, Any, None], well: Callable[[], bool]) -> None:
    """Work, and beside it the health port until the program is told to stop."""

    async def healthy(_request: Request) -> Response:
        ok = well() and not task.done()
        return JSONResponse({"status": "ok" if ok else "waiting"}, status_code=200 if ok else 503)

    task = asyncio.create_task(work)
    await _listen(Starlette(routes=[Route("/healthz", healthy), Route("/metrics", metrics)]), HEALTH_PORT)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _listen(app: Starlette, port: int) -> None:
    """Until SIGTERM, then until what is under way has its answer."""
    config = uvicorn.Config(
        app,
        host=os.environ.get("POD_IP", "0.0.0.0"),
        port=port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=DRAIN_S,
        timeout_keep_alive=75,  # longer than the gateway keeps an idle connection: it closes, we do not
        server_header=False,
    )
    await uvicorn.Server(config).serve()


if __name__ == "__main__":
    main()
