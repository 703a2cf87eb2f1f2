"""The scorer as a process, before a real Envoy that asks it: headers, refusals, stores, and death."""

import base64
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from moto_server import moto_server

from contracts.fraud import Decision, Mode, parse_decision

pytestmark = pytest.mark.dataplane

ROOT = Path(__file__).parents[2]
ENVOY = Path(sys.executable).parent / "envoy"
PATIENCE_S = 30.0
"""Until what has to happen is given up: generous, because other tests run beside."""
DEADLINE_S = 3.0
"""Of the gateway here; a cell's is 50 ms, but no test depends on how busy the machine is."""
FILTERS = "type.googleapis.com/envoy.extensions.filters"
REGION = "eu-west-1"
_addresses = (f"127.{140 + os.getpid() // 250 % 60}.{os.getpid() % 250}.{n}" for n in itertools.count(1))

RULES = """
rules:
  - id: blocked-country
    when: [{fact: payer_country, in: blocked}]
    action: block
lists: {blocked: [NG]}
"""


def until(true: Callable[[], Any], what: str) -> Any:
    """The first true value of a question that is asked again and again."""
    end = time.monotonic() + PATIENCE_S
    while not (found := true()):
        assert time.monotonic() < end, f"not within {PATIENCE_S:g} s: {what}"
        time.sleep(0.05)
    return found


class _Upstream(BaseHTTPRequestHandler):
    """Stands for the payments API: answers with the headers that it got."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", "0")))
        body = json.dumps({name.lower(): value for name, value in self.headers.items()}).encode()
        self.send_response(201)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing: stderr is the test's."""


def envoy_config(listen: str, upstream: tuple[str, int], scorer: str) -> dict[str, Any]:
    """A listener with ext_authz that allows where nobody answers in time."""

    def cluster(name: str, address: str, port: int, **more: Any) -> dict[str, Any]:
        endpoint = {"address": {"socket_address": {"address": address, "port_value": port}}}
        load = {"cluster_name": name, "endpoints": [{"lb_endpoints": [{"endpoint": endpoint}]}]}
        return {"name": name, "type": "STATIC", "connect_timeout": "1s", "load_assignment": load, **more}

    http2 = {
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        }
    }
    authz = {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz",
        "transport_api_version": "V3",
        "grpc_service": {"envoy_grpc": {"cluster_name": "scorer"}, "timeout": f"{DEADLINE_S}s"},
        "with_request_body": {"max_request_bytes": 16384, "allow_partial_message": True},
        "failure_mode_allow": True,
        "failure_mode_allow_header_add": True,
    }
    router = {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}
    manager = {
        "@type": f"{FILTERS}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "in",
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "payments"}}],
                }
            ]
        },
        "http_filters": [
            {"name": "envoy.filters.http.ext_authz", "typed_config": authz},
            {"name": "envoy.filters.http.router", "typed_config": router},
        ],
    }
    listener = {
        "name": "in",
        "address": {"socket_address": {"address": listen, "port_value": 8080}},
        "filter_chains": [
            {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
        ],
    }
    clusters = [cluster("payments", *upstream), cluster("scorer", scorer, 9001, **http2)]
    return {"static_resources": {"listeners": [listener], "clusters": clusters}}


@dataclass
class Stand:
    """Scorer, Envoy before it, an upstream behind it, and an emulated AWS."""

    folder: Path
    address: str
    gateway: str
    environment: dict[str, str]
    clients: dict[str, Any]
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Until the scorer is ready."""
        self.process = subprocess.Popen([sys.executable, "-m", "workloads.scorer"], cwd=ROOT, env=self.environment)
        until(self._healthy, "the scorer is ready")

    def _healthy(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, "the scorer ended"
        try:
            return httpx.get(f"http://{self.address}:9002/healthz", timeout=1).status_code == 200
        except httpx.HTTPError:
            return False

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ends the scorer; its exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)

    def pay(self, **changes: Any) -> httpx.Response:
        """A payment through Envoy."""
        body = {
            "amount": 1250,
            "currency": "EUR",
            "market": "eu-sepa",
            "payment_method": "tok_1",
            "payer": {"country": "DE"},
            "device": {"fingerprint": "fp-1", "ip": "2001:db8::7"},
        }
        headers = {"x-account-id": "acct_shop1", "x-caller-class": "live", "x-fraud-decision": "forged"}
        return httpx.post(
            f"http://{self.gateway}:8080/v1/payments", json={**body, **changes}, headers=headers, timeout=PATIENCE_S
        )

    def decisions(self) -> list[str]:
        """Records of the decision stream."""
        kinesis = self.clients["kinesis"]
        (shard,) = kinesis.list_shards(StreamName="decisions")["Shards"]
        at = kinesis.get_shard_iterator(
            StreamName="decisions", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )
        answer = kinesis.get_records(ShardIterator=at["ShardIterator"])
        return [record["Data"].decode() for record in answer["Records"]]


def emulated(endpoint: str) -> tuple[dict[str, Any], str]:
    """Clients of an AWS with what FraudScoring declares, and the ARN of its secret."""
    clients: dict[str, Any] = {}
    for service in ("dynamodb", "kinesis", "s3", "secretsmanager"):
        clients[service] = boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=endpoint,
            region_name=REGION,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )
    clients["dynamodb"].create_table(
        TableName="features",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "entity", "KeyType": "HASH"}, {"AttributeName": "bucket", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": "entity", "AttributeType": "S"},
            {"AttributeName": "bucket", "AttributeType": "N"},
        ],
    )
    clients["kinesis"].create_stream(StreamName="decisions", ShardCount=1)
    clients["s3"].create_bucket(Bucket="models", CreateBucketConfiguration={"LocationConstraint": REGION})
    return clients, str(clients["secretsmanager"].create_secret(Name="pseudonyms")["ARN"])


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with moto_server(next(_addresses)) as found:
        yield found


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory, endpoint: str) -> Iterator[Stand]:
    folder, address, gateway = tmp_path_factory.mktemp("scorer"), next(_addresses), next(_addresses)
    clients, secret = emulated(endpoint)
    (folder / "rules.yaml").write_text(RULES)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        "PYTHONPATH": str(ROOT),
        "POD_IP": address,
        "CELL": "test",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_ENDPOINT_URL": endpoint,
        "FEATURE_TABLE": "features",
        "DECISION_STREAM": "decisions",
        "MODEL_BUCKET": "models",
        "PAYMENTS_URL": "http://127.0.0.1:9",
        "PSEUDONYM_SECRET_ARN": secret,
        "SUBJECTS_KEY_ARN": "arn:aws:kms:eu-west-1:123456789012:key/subjects",
        "SUBJECT_KEYS_TABLE": "subject-keys",
        "RULES_FILE": str(folder / "rules.yaml"),
        "BUDGET_MS": "1000",
        "FEATURE_READ_MS": "500",
    }
    upstream = ThreadingHTTPServer((next(_addresses), 0), _Upstream)
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    config = folder / "envoy.json"
    config.write_text(json.dumps(envoy_config(gateway, upstream.server_address[:2], address)))  # type: ignore[arg-type]
    flags = ["-c", str(config), "--concurrency", "1", "--use-dynamic-base-id", "-l", "warning"]
    envoy = subprocess.Popen([ENVOY, *flags])
    found = Stand(folder, address, gateway, environment, clients)
    try:
        found.start()
        until(lambda: _listens(gateway), "Envoy listens")
        yield found
    finally:
        for process in (envoy, found.process):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()
        upstream.shutdown()


def _listens(address: str) -> bool:
    try:
        httpx.get(f"http://{address}:8080/", timeout=1)
    except httpx.TransportError:
        return False
    return True


def test_a_payment_reaches_the_api_with_the_scorers_headers_and_not_the_clients(stand: Stand) -> None:
    answer = stand.pay()
    assert answer.status_code == 201
    seen = answer.json()
    assert seen["x-fraud-decision"] == "allow"
    assert 0 <= int(seen["x-fraud-score"]) <= 99
    assert seen["x-fraud-decision-id"].startswith("dec_")
    assert "x-envoy-auth-failure-mode-allowed" not in seen


def test_a_block_is_answered_by_the_gateway_kept_and_contested(stand: Stand) -> None:
    answer = stand.pay(payer={"country": "NG"})
    assert (answer.status_code, answer.headers["x-refused"]) == (403, "fraud_blocked")
    id_ = answer.json()["error"]["decision"]
    url = f"http://{stand.address}:9002"
    until(lambda: httpx.get(f"{url}/decisions/{id_}").status_code == 200, "the decision is kept")
    contest = httpx.post(f"{url}/contest", json={"decision": id_, "statement": "It was me."})
    assert contest.status_code == 201
    kept = httpx.get(f"{url}/decisions/{id_}").json()
    assert (kept["rules"], kept["history"][0]["type"]) == (["blocked-country"], "fraud.contest")


def test_decisions_reach_the_stream_and_features_the_table_without_personal_values(stand: Stand) -> None:
    stand.pay(payment_method="tok_canary")
    until(lambda: any('"fraud.decision"' in text for text in stand.decisions()), "a decision is in the stream")
    until(lambda: len(stand.clients["dynamodb"].scan(TableName="features")["Items"]) > 5, "features are in the table")
    written = json.dumps([stand.decisions(), stand.clients["dynamodb"].scan(TableName="features")["Items"]])
    for clear in ("tok_canary", "fp-1", "2001:db8"):
        assert clear not in written
    parsed = [parse_decision(text) for text in stand.decisions() if '"fraud.decision"' in text]
    assert {record.mode for record in parsed} == {Mode.SCORED}
    assert Decision.BLOCK in {record.decision for record in parsed}


def test_a_changed_rules_file_holds_without_a_restart(stand: Stand) -> None:
    assert stand.pay(payer={"country": "VN"}).status_code == 201
    (stand.folder / "rules.yaml").write_text(RULES.replace("NG", "NG, VN"))
    until(lambda: stand.pay(payer={"country": "VN"}).status_code == 403, "the new rules hold")
    (stand.folder / "rules.yaml").write_text("rules: nonsense")
    assert stand.pay(payer={"country": "VN"}).status_code == 403, "broken rules change nothing"
    (stand.folder / "rules.yaml").write_text(RULES)


def test_the_key_of_the_pseudonyms_outlives_the_process_that_made_it(stand: Stand) -> None:
    value = stand.clients["secretsmanager"].get_secret_value(SecretId=stand.environment["PSEUDONYM_SECRET_ARN"])
    assert len(base64.b64decode(value["SecretString"])) == 32
    assert stand.stop() == 0
    stand.start()
    again = stand.clients["secretsmanager"].get_secret_value(SecretId=stand.environment["PSEUDONYM_SECRET_ARN"])
    assert again["SecretString"] == value["SecretString"]


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
def test_a_scorer_that_hangs_or_dies_costs_the_deadline_and_the_payment_is_marked(
    stand: Stand, number: signal.Signals
) -> None:
    assert stand.process is not None
    stand.process.send_signal(number)
    try:
        answers = [stand.pay() for _ in range(3)]
    finally:
        stand.process.send_signal(signal.SIGCONT)
        if number is signal.SIGKILL:
            stand.process.wait()
            stand.start()
    for answer in answers:
        assert answer.status_code == 201
        assert answer.json()["x-envoy-auth-failure-mode-allowed"] == "true"
        assert answer.elapsed.total_seconds() < PATIENCE_S, "without a deadline it would wait for ever"
    until(lambda: "x-envoy-auth-failure-mode-allowed" not in stand.pay().json(), "it is asked again")
