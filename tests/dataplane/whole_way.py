"""The whole way of a payment as processes: gateway, scorer, payments API, egress gateway, bank, shard, relay, with a
collector of spans. AWS is moto's, in this process; everything else is what runs in a cell."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import httpx
from gateway_stand import addresses, listens, prepared, start_envoy, until
from market_texts import market_file, market_text
from moto_server import moto_server
from outbox import HOST, Server

from bench.egress import Egress
from components.envoy.bank_clusters import egress_files
from components.gateway_settings import limits_for
from components.payments import ACCOUNT_CONCURRENCY
from contracts import api_keys
from contracts.api_keys import KeyKind
from contracts.deadlines import Deadlines
from contracts.shard_map import SLOTS, Shard, ShardMap
from sandbox.dataplane.banks import Banks
from sandbox.dataplane.traces import Collector, Span, found
from workloads.relay import health

ROOT = Path(__file__).resolve().parents[2]
REGION, SECRET, ACCOUNT, MARKET, BANK = "eu-west-1", "s" * 43, "acct_traced1", "one", "alpha"
MODES = json.dumps(dict.fromkeys(("live", "test", "platform", "batch"), "allow"))
START_S = 60.0
"""Seconds until a program answers for the first time: generous, because other tests run beside."""


@dataclass
class Way:
    """What a customer sees, and what the collector got."""

    url: str
    folder: Path

    def post(self, key: str, body: Mapping[str, Any], **headers: str) -> httpx.Response:
        caller = api_keys.make(SECRET, KeyKind.LIVE, ACCOUNT)
        own = {"authorization": f"Bearer {caller}", "idempotency-key": key, **headers}
        return httpx.post(f"{self.url}/v1/payments", json=dict(body), headers=own, verify=False, timeout=START_S)

    def spans(self, id_: str, enough: Callable[[list[Span]], bool]) -> list[Span]:
        """Of the one trace with this id, as soon as they are enough: senders wait some seconds for each other's."""

        def look() -> list[Span]:
            (spans,) = found(self.folder, id_).values() or ([],)
            return spans if enough(spans) else []

        return list(until(look, f"the trace of {id_}", START_S))


def payment(**changes: Any) -> dict[str, Any]:
    body = {"amount": 1250, "currency": "EUR", "market": MARKET, "bank": BANK, "payment_method": "tok_abcdefgh"}
    return {**body, "payer": {"name": "Ada Lovelace", "email": "ada@example.org", "country": "DE"}, **changes}


@contextmanager
def way(folder: Path) -> Iterator[Way]:
    """All of it, ready."""
    with ExitStack() as stack:
        collector = Collector(folder / "traces", next(addresses))
        stack.callback(collector.stop)
        otlp = "http://{}:{}".format(*collector.address)
        database = Server.start()
        stack.callback(database.stop)
        asyncio.run(_shard(database))
        told = {**_aws(stack), "DATABASE_CA_FILE": database.ca_file, "OTEL_EXPORTER_OTLP_ENDPOINT": otlp}
        egress = _egress(stack, folder, otlp)
        settings = prepared(
            folder,
            next(addresses),
            limits_for(100),
            otlp_endpoint=otlp,
            deadlines=Deadlines(client_timeout_s=30, fraud_s=1.0),
            fraud={"connect_timeout_s": 0.5},
        )
        files = _files(folder, database.port, egress)
        api, scorer, relay = settings.payments_host, settings.fraud.host, next(addresses)
        times = {"BUDGET_MS": "900", "FEATURE_READ_MS": "500"}
        ports = {scorer: settings.fraud.port, api: settings.payments_port, relay: health.PORT}
        running = [
            _run(stack, ["workloads.scorer"], scorer, {**told, **times, "PAYMENTS_URL": f"http://{api}:8080"}),
            _run(stack, ["workloads.payments", "serve", *files], api, told),
            _run(stack, ["workloads.relay", "relay", files[0]], relay, told),
        ]
        for process, (address, port) in zip(running, ports.items(), strict=True):
            until(partial(_answers, process, address, port), f"{address}:{port}", START_S)
        envoy = start_envoy(folder)
        stack.callback(_end, envoy)
        url = json.loads((folder / "envoy" / "lds.json").read_text())["resources"][0]["address"]["socket_address"]
        until(lambda: listens(url["address"], url["port_value"]), "the gateway", START_S)
        yield Way(f"https://{url['address']}:{url['port_value']}", folder / "traces")


async def _shard(database: Server) -> None:
    connection = await database.shard("payments")
    await connection.execute("INSERT INTO shard_epoch (shard, version) VALUES ('s00', 1)")
    await connection.close()


def _aws(stack: ExitStack) -> dict[str, str]:
    """The environment of programs whose AWS has what a cell declares."""
    endpoint = stack.enter_context(moto_server(next(addresses)))
    keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}

    def client(service: str) -> Any:
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=endpoint,
            region_name=REGION,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )

    for table, names in {"keys": ("subject:S", "purpose:S"), "features": ("entity:S", "bucket:N")}.items():
        pairs = [
            (name.partition(":")[0], name.partition(":")[2], kind)
            for name, kind in zip(names, ("HASH", "RANGE"), strict=True)
        ]
        client("dynamodb").create_table(
            TableName=table,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": name, "KeyType": kind} for name, _, kind in pairs],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": of} for name, of, _ in pairs],
        )
    for stream in ("decisions", "events"):
        client("kinesis").create_stream(StreamName=stream, ShardCount=1)
    for bucket in ("models", "archive"):
        client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    secrets = client("secretsmanager")
    caller_keys = json.dumps({"current": SECRET, "previous": None})
    return {
        **keys,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "CELL": "here",
        "FEATURE_TABLE": "features",
        "DECISION_STREAM": "decisions",
        "MODEL_BUCKET": "models",
        "RULES_FILE": str(ROOT / "stacks" / "fraud_rules.yaml"),
        "PSEUDONYM_SECRET_ARN": secrets.create_secret(Name="pseudonyms")["ARN"],
        "API_KEYS_SECRET_ARN": secrets.create_secret(Name="api-keys", SecretString=caller_keys)["ARN"],
        "SUBJECT_KEYS_TABLE": "keys",
        "SUBJECTS_KEY_ARN": client("kms").create_key()["KeyMetadata"]["Arn"],
        "FRAUD_FAIL_MODE": MODES,
        "ACCOUNT_CONCURRENCY": json.dumps(dict(ACCOUNT_CONCURRENCY)),
        "EVENT_STREAM": "events",
        "ARCHIVE_BUCKET": "archive",
    }


def _egress(stack: ExitStack, folder: Path, otlp: str) -> Egress:
    banks = Banks(folder / "banks", print)
    banks.reconcile([f"{BANK}.example.com"])
    stack.callback(banks.stop)
    host, port = httpx.URL(otlp).host, httpx.URL(otlp).port or 0
    found = Egress(folder / "egress", {**banks.endpoints(), host: (host, port)}, banks.ca_file)
    market = market_file(folder, MARKET, market_text(BANK)).settings.as_market(MARKET)
    found.write([], egress_files([market], "egress", otlp))
    found.start()
    stack.callback(found.stop)
    return found


def _files(folder: Path, port: int, egress: Egress) -> list[str]:
    """What is mounted into pods, as arguments."""
    shards = {"shards": {"s00": {"host": HOST, "port": port}}, "database": "payments", "region": REGION}
    banks = {BANK: {"rail": "sct-inst", "timeout_s": 5}}
    place = dict(zip(("host", "port"), egress.place, strict=True))
    shard_map = ShardMap(version=1, shards=(Shard(id="s00"),), owners=("s00",) * SLOTS)
    contents = {
        "shards": json.dumps(shards),
        "shard-map": shard_map.to_json(),
        "markets": json.dumps({"markets": {MARKET: {"currency": "EUR", "egress": place, "banks": banks}}}),
    }
    for name, text in contents.items():
        (folder / f"{name}.json").write_text(text)
    return [f"--{name}={folder / name}.json" for name in contents]


def _run(stack: ExitStack, words: list[str], address: str, told: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    process = subprocess.Popen(
        [sys.executable, "-m", *words], cwd=ROOT, env={**own, **told, "PYTHONPATH": str(ROOT), "POD_IP": address}
    )
    stack.callback(_end, process)
    return process


def _answers(process: "subprocess.Popen[bytes]", address: str, port: int) -> bool:
    assert process.poll() is None, f"{process.args} ended"
    return listens(address, port)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait(START_S)
