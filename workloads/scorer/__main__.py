"""`python -m workloads.scorer`: starts, serves, and on SIGTERM finishes what it has begun."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import grpc
import uvicorn
from botocore.config import Config
from envoy.service.auth.v3 import external_auth_pb2_grpc

from contracts.fraud_addresses import AddressTable, bundled
from contracts.fraud_rules import load_rules
from contracts.personal import FieldCipher
from workloads import logs, telemetry
from workloads.lease import lease_from_environment
from workloads.mounted import Mounted
from workloads.scorer import models as models_module
from workloads.scorer.authorization import Authorization
from workloads.scorer.background import FLUSH_S, every
from workloads.scorer.decide import Scorer
from workloads.scorer.features import FeatureStore
from workloads.scorer.http import Routes
from workloads.scorer.models import Models
from workloads.scorer.payments import HeldPayments
from workloads.scorer.pseudonyms import pseudonym_key
from workloads.scorer.rescore import WAIT_S, Rescorer
from workloads.scorer.settings import GRPC_PORT, HTTP_PORT, Settings, read
from workloads.scorer.stream import DecisionStream
from workloads.subject_keys import SubjectKeys

DRAIN_S = 5
"""Seconds for what is under way when the process is told to stop; the pod's own grace is longer."""


class _Http(uvicorn.Server):
    """Leaves signals to the program."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _client(session: Any, service: str, read_s: float = 2) -> Any:
    config = Config(connect_timeout=1, read_timeout=read_s, retries={"mode": "standard", "total_max_attempts": 2})
    return session.client(service, config=config)


async def serve(settings: Settings, log: logs.Log) -> None:
    """Until SIGTERM or SIGINT."""
    stopped, loop = asyncio.Event(), asyncio.get_running_loop()
    aws: Any = boto3.Session(region_name=os.environ["AWS_REGION"])
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    features = FeatureStore(_client(aws, "dynamodb", 5), settings.feature_table)
    stream = DecisionStream(_client(aws, "kinesis"), settings.decision_stream)
    models = Models(_client(aws, "s3", 10), settings.model_bucket)
    rules = Mounted(settings.rules, lambda text: load_rules(text, settings.rules.name))
    scorer = Scorer(
        key=pseudonym_key(_client(aws, "secretsmanager"), settings.pseudonym_secret),
        addresses=AddressTable.parse(settings.addresses.read_text()) if settings.addresses else bundled(),
        rules=rules.get,
        features=features,
        models=models,
        stream=stream,
        read_s=settings.read_ms / 1000,
    )
    lease = lease_from_environment()
    await asyncio.to_thread(lease.start)
    work = [
        every(FLUSH_S, features.flush, stopped),
        every(FLUSH_S, stream.flush, stopped),
        every(models_module.REFRESH_S, models.refresh, stopped),
    ]
    if settings.rescore_queue:
        keys = SubjectKeys(
            _client(aws, "dynamodb"),
            _client(aws, "kms"),
            table=settings.subject_keys_table,
            key_arn=settings.subjects_key,
        )
        queue = _client(aws, "sqs", WAIT_S + 5)
        rescorer = Rescorer(queue, settings.rescore_queue, scorer, features, FieldCipher(keys))
        work.append(every(0, rescorer.poll, stopped))
    server = grpc.aio.server()
    judge = Authorization(scorer, settings.budget_ms / 1000, lease)
    external_auth_pb2_grpc.add_AuthorizationServicer_to_server(judge, server)
    server.add_insecure_port(f"{settings.host}:{GRPC_PORT}")
    config = uvicorn.Config(
        Routes(features, stream, HeldPayments(settings.payments_url)).app(),
        host=settings.host,
        port=HTTP_PORT,
        log_config=None,
        access_log=False,
    )
    http = _Http(config)
    await server.start()
    tasks = [asyncio.create_task(one) for one in (*work, http.serve())]
    log.info("serving", host=settings.host, model=models.pointer.serving)
    await stopped.wait()
    await server.stop(DRAIN_S)
    http.should_exit = True
    await asyncio.wait(tasks, timeout=DRAIN_S)
    for flush in (features.flush, stream.flush):
        await asyncio.wait([asyncio.create_task(flush())], timeout=DRAIN_S)
    log.info("stopped")


def main() -> None:
    """Entry point."""
    log = logs.start("scorer")
    # Two lines a client: where its credentials and endpoint come from.
    logging.getLogger("botocore").setLevel(logging.WARNING)
    telemetry.start("scorer")
    asyncio.run(serve(read(os.environ), log))


if __name__ == "__main__":
    main()
