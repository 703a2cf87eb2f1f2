"""The scorer in one process: a real gRPC server and client, real models, stores that work, hang or refuse."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import grpc
import httpx
import pytest
from envoy.service.auth.v3 import external_auth_pb2, external_auth_pb2_grpc
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from contracts.epoch import Writer
from contracts.fraud import SIGNALS, Decision, DecisionRecord, Mode, parse_decision
from contracts.fraud_addresses import bundled
from contracts.fraud_features import PROFILE, Memory, changes, read_request
from contracts.fraud_models import Pointer, digest_of, model_key
from contracts.fraud_rules import Rules, load_rules
from contracts.personal import DataKey, FieldCipher, KeyGone, Purpose
from workloads.kept_spans import BY_GATEWAY, KeptSpans
from workloads.lease import EpochStore, Lease
from workloads.payments.store import NOT_THE_WRITER
from workloads.scorer.authorization import PARTIAL, Authorization
from workloads.scorer.decide import Scorer
from workloads.scorer.features import FeatureStore
from workloads.scorer.http import Routes
from workloads.scorer.models import BASELINE, Model, Models
from workloads.scorer.payments import HeldPayments
from workloads.scorer.pseudonyms import pseudonym_key
from workloads.scorer.rescore import Rescorer
from workloads.scorer.settings import read
from workloads.scorer.stream import DecisionStream

KEY = b"k" * 32
Result = TypeVar("Result")
CALM = {signal.name: signal.missing for signal in SIGNALS}
BODY = {
    "amount": 1250,
    "currency": "EUR",
    "market": "eu-sepa",
    "payment_method": "tok_secret1",
    "payer": {"name": "Ann Other", "country": "DE"},
    "device": {"fingerprint": "fp-1", "ip": "2001:db8::7"},
}
RUSH = """
thresholds: {block: 99, review: 99}
rules: [{id: rush, when: [{signal: card_payments_1h, at_least: 2}], action: review}]
"""
BLOCK_ALL = load_rules("rules: [{id: all, when: [{signal: amount_log, at_least: 0}], action: block}]")


def finished(work: Coroutine[Any, Any, Result]) -> Result:
    """In a loop of its own. `asyncio.run` would take the thread's loop away, which Pulumi's mocks need."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(work)
    finally:
        loop.close()


class Missing(Exception):
    """Stands for the exceptions that boto3's clients carry."""


class Table:
    """DynamoDB as the feature store uses it; `hang` blocks every call until it is set, `slow` every transaction."""

    def __init__(self) -> None:
        self.items: dict[tuple[str, str], dict[str, Any]] = {}
        self.hang: threading.Event | None = None
        self.slow: threading.Event | None = None
        self.refuse = False

    def _wait(self) -> None:
        if self.hang is not None:
            self.hang.wait(10)
        if self.refuse:
            raise ConnectionError("throttled")

    def query(self, **request: Any) -> dict[str, Any]:
        self._wait()
        values = request["ExpressionAttributeValues"]
        first = int(values[":first"]["N"])
        return {
            "Items": [
                item for (entity, b), item in self.items.items() if entity == values[":e"]["S"] and int(b) >= first
            ]
        }

    def get_item(self, **request: Any) -> dict[str, Any]:
        self._wait()
        found = self.items.get((request["Key"]["entity"]["S"], request["Key"]["bucket"]["N"]))
        return {"Item": found} if found else {}

    def transact_write_items(self, TransactItems: list[dict[str, Any]]) -> None:
        assert len(TransactItems) <= 100
        if self.slow is not None:
            self.slow.wait(10)
        self._wait()
        for write in TransactItems:
            for kind, request in write.items():
                {"Put": self.put_item, "Update": self.update_item}[kind](**request)

    def put_item(self, **request: Any) -> None:
        self._wait()
        item = request["Item"]
        self.items[item["entity"]["S"], item["bucket"]["N"]] = item

    def update_item(self, **request: Any) -> None:
        self._wait()
        key = (request["Key"]["entity"]["S"], request["Key"]["bucket"]["N"])
        item, values = self.items.setdefault(key, dict(request["Key"])), request["ExpressionAttributeValues"]
        if ":entry" in values:
            item["history"] = {"L": [*item.get("history", {"L": []})["L"], *values[":entry"]["L"]]}
            return
        for part in request["UpdateExpression"].partition(" ADD ")[2].split(", "):
            name = part.split()[0][1:]
            value = values[f":{name}"]
            if "SS" in value:
                item[name] = {"SS": sorted({*item.get(name, {"SS": []})["SS"], *value["SS"]})}
            else:
                item[name] = {"N": str(float(item.get(name, {"N": "0"})["N"]) + float(value["N"]))}
        item["expires"] = values[":expires"]
        if ":first" in values:
            item.setdefault("first_s", values[":first"])


class Stream:
    def __init__(self) -> None:
        self.records: list[str] = []
        self.refuse = 0

    def put_records(self, **request: Any) -> dict[str, Any]:
        results = []
        for record in request["Records"]:
            if self.refuse:
                self.refuse -= 1
                results.append({"ErrorCode": "ProvisionedThroughputExceededException"})
            else:
                self.records.append(record["Data"].decode())
                results.append({})
        return {"Records": results}


class Bucket:
    class exceptions:
        NoSuchKey = Missing

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def get_object(self, **request: Any) -> dict[str, Any]:
        if request["Key"] not in self.objects:
            raise Missing

        class Body:
            def read(self) -> bytes:
                return content

        content = self.objects[request["Key"]]
        return {"Body": Body()}


class Parts:
    """A scorer with everything that it stands on."""

    def __init__(self, rules: Rules | None = None, read_s: float = 0.5) -> None:
        self.table, self.kinesis, self.bucket = Table(), Stream(), Bucket()
        self.features = FeatureStore(self.table, "features")
        self.stream = DecisionStream(self.kinesis, "decisions")
        self.models = Models(self.bucket, "models")
        self.rules = rules or Rules()
        self.lease = Lease(None)
        self.scorer = Scorer(
            key=KEY,
            addresses=bundled(),
            rules=lambda: self.rules,
            features=self.features,
            models=self.models,
            stream=self.stream,
            read_s=read_s,
        )

    @asynccontextmanager
    async def client(self, budget_s: float = 5.0) -> AsyncIterator[Any]:
        server = grpc.aio.server()
        judge = Authorization(self.scorer, budget_s, self.lease)
        external_auth_pb2_grpc.add_AuthorizationServicer_to_server(judge, server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield external_auth_pb2_grpc.AuthorizationStub(channel)
        await server.stop(None)


def check(body: Any = BODY, *, method: str = "POST", path: str = "/v1/payments", **headers: str) -> Any:
    request = external_auth_pb2.CheckRequest()
    http = request.attributes.request.http
    http.method, http.path, http.body = method, path, body if isinstance(body, str) else json.dumps(body)
    http.headers.update({"x-account-id": "acct_shop1", "x-caller-class": "live", **headers})
    return request


def headers_of(response: Any) -> dict[str, str]:
    return {option.header.key: option.header.value for option in response.ok_response.headers}


def asked(parts: Parts, *requests: Any, budget_s: float = 5.0) -> list[Any]:
    async def ask() -> list[Any]:
        async with parts.client(budget_s) as client:
            return [await client.Check(request) for request in requests]

    return finished(ask())


def test_a_payment_that_passes_gets_decision_score_reasons_and_id() -> None:
    (response,) = asked(Parts(), check())
    headers = headers_of(response)
    assert response.status.code == 0
    assert headers["x-fraud-decision"] == "allow"
    assert 0 <= int(headers["x-fraud-score"]) <= 99
    assert headers["x-fraud-decision-id"].startswith("dec_")
    assert "x-fraud-reasons" in headers


def test_headers_that_a_client_sent_are_overwritten() -> None:
    (response,) = asked(Parts(), check(**{"x-fraud-decision": "allow"}))
    actions = {option.append_action for option in response.ok_response.headers}
    assert actions == {2}, "OVERWRITE_IF_EXISTS_OR_ADD"


def test_a_block_is_a_403_in_json_with_the_id_to_contest_and_without_the_reasons() -> None:
    (response,) = asked(Parts(BLOCK_ALL), check())
    denied = response.denied_response
    error = json.loads(denied.body)["error"]
    assert (denied.status.code, error["reason"]) == (403, "fraud_blocked")
    assert error["decision"].startswith("dec_")
    assert "all" not in error
    assert {option.header.key: option.header.value for option in denied.headers}["x-refused"] == "fraud_blocked"


@pytest.mark.parametrize(
    "request_",
    [check("{"), check({"amount": 1}), check(**{PARTIAL: "true"}), check([]), check(**{"x-account-id": ""})],
)
def test_what_cannot_be_read_is_refused_and_not_let_through(request_: Any) -> None:
    (response,) = asked(Parts(), request_)
    assert response.denied_response.status.code == 400


class Epochs:
    """The epoch store of a pair."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer

    def get_item(self, **_: Any) -> dict[str, Any]:
        return {"Item": self.writer.to_item()}


def test_a_cell_that_does_not_write_refuses_as_its_api_does_and_remembers_nothing_of_it() -> None:
    parts, epochs = Parts(load_rules(RUSH)), Epochs(Writer(epoch=1, cell="b"))
    parts.lease = Lease(EpochStore(client=epochs, table="a-epoch", cell="a", primary="a"))
    parts.lease.ask()
    for response in asked(parts, check(), check(), check(**{"x-caller-class": "test"})):
        denied, said = response.denied_response, NOT_THE_WRITER.answer
        headers = {option.header.key: option.header.value for option in denied.headers}
        assert (denied.status.code, json.loads(denied.body)) == (said.status, said.body)
        assert headers == {"content-type": "application/json", **said.headers}
    epochs.writer = Writer(epoch=2, cell="a")
    parts.lease.ask()
    answers = asked(parts, *[check()] * 3)
    assert [headers_of(a)["x-fraud-decision"] for a in answers] == ["allow", "allow", "review"]


TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.mark.parametrize(
    ("rules", "request_", "flag", "sent"),
    [
        (BLOCK_ALL, check(), "00", True),
        (None, check("{"), "00", True),
        (None, check(), "00", False),
        (None, check(), "01", True),
    ],
)
def test_what_is_refused_leaves_a_span_below_the_gateways_call_and_the_rest_by_its_flag(
    monkeypatch: pytest.MonkeyPatch, rules: Rules | None, request_: Any, flag: str, *, sent: bool
) -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider(sampler=BY_GATEWAY)
    provider.add_span_processor(KeptSpans(SimpleSpanProcessor(exporter)))
    monkeypatch.setattr(trace, "get_tracer", lambda name: provider.get_tracer(name))
    context = (("traceparent", f"00-{TRACE}-b7ad6b7169203331-{flag}"),)

    async def ask() -> None:
        async with Parts(rules).client() as client:
            await client.Check(request_, metadata=context)

    finished(ask())
    spans = {span.name: span for span in exporter.get_finished_spans()}
    assert ("decide" in spans) is sent
    for span in spans.values():
        assert f"{span.context.trace_id:032x}" == TRACE


def test_only_new_payments_are_judged() -> None:
    parts = Parts(BLOCK_ALL)
    others = [check(method="GET"), check(path="/v1/payments/pay_1/refunds"), check(path="/healthz")]
    assert [response.status.code for response in asked(parts, *others)] == [0, 0, 0]
    (query,) = asked(parts, check(path="/v1/payments?x=1"))
    assert query.denied_response.status.code == 403


def test_velocity_grows_from_payment_to_payment_and_test_mode_leaves_no_trace() -> None:
    parts = Parts(load_rules(RUSH))
    test = {"x-caller-class": "test"}
    answers = asked(parts, *(check(**test) for _ in range(4)), check(), check(), check())
    assert [headers_of(a)["x-fraud-decision"] for a in answers] == ["allow"] * 6 + ["review"]


def test_a_hanging_feature_table_costs_the_read_time_and_no_more() -> None:
    parts = Parts(read_s=0.02)
    parts.table.hang = threading.Event()

    async def ask() -> tuple[Any, float]:
        async with parts.client(budget_s=1.0) as client:
            start = asyncio.get_running_loop().time()
            response = await client.Check(check())
            took = asyncio.get_running_loop().time() - start
            assert parts.table.hang is not None
            parts.table.hang.set()
            return response, took

    response, took = finished(ask())
    reasons = headers_of(response)["x-fraud-reasons"].split(",")
    assert {"unread-account", "unread-card", "unread-device", "unread-address"} <= set(reasons)
    assert took < 1.0, "the call hangs for ten seconds"


def test_a_decision_that_is_late_is_an_error_so_that_the_gateway_applies_its_fail_mode() -> None:
    parts = Parts(read_s=5.0)
    parts.table.hang = threading.Event()

    async def ask() -> grpc.StatusCode:
        async with parts.client(budget_s=0.02) as client:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await client.Check(check())
            assert parts.table.hang is not None
            parts.table.hang.set()
            return caught.value.code()

    assert finished(ask()) is grpc.StatusCode.DEADLINE_EXCEEDED


def test_a_table_and_a_stream_that_refuse_lose_nothing() -> None:
    async def both() -> Parts:
        parts = Parts()
        parts.table.refuse, parts.kinesis.refuse = True, 1
        for _ in range(3):
            await parts.scorer.decide("acct_shop1", "live", BODY)
        await parts.features.flush()
        await parts.stream.flush()
        parts.table.refuse = False
        for _ in range(2):
            await parts.features.flush()
            await parts.stream.flush()
        return parts

    parts = finished(both())
    card = read_request("acct_shop1", BODY, KEY, bundled()).card
    profile = parts.table.items[f"card:{card}", str(PROFILE)]
    assert float(profile["count"]["N"]) == 3
    assert len(parts.kinesis.records) == len({parse_decision(text).id for text in parts.kinesis.records}) == 3


def test_a_decision_that_is_being_written_is_found_and_contested() -> None:
    async def contested() -> tuple[Any, Any]:
        parts = Parts(BLOCK_ALL)
        record = await parts.scorer.decide("acct_shop1", "live", BODY)
        parts.table.slow = threading.Event()
        writing = asyncio.create_task(parts.features.flush())
        await asyncio.sleep(0)
        found = await parts.features.decision(record.id)
        adding = asyncio.create_task(parts.features.append(record.id, {"type": "fraud.contest"}))
        await asyncio.sleep(0)
        parts.table.slow.set()
        await asyncio.gather(writing, adding)
        return found, await parts.features.decision(record.id)

    found, after = finished(contested())
    assert found["history"] == []
    assert [entry["type"] for entry in after["history"]] == ["fraud.contest"]


def test_what_is_read_from_the_table_is_what_another_scorer_wrote() -> None:
    async def two() -> tuple[dict[str, float], dict[str, float]]:
        first, second = Parts(), Parts()
        second.features = FeatureStore(first.table, "features")
        second.scorer = Scorer(
            key=KEY,
            addresses=bundled(),
            rules=Rules,
            features=second.features,
            models=second.models,
            stream=second.stream,
            read_s=5,
        )
        for _ in range(3):
            await first.scorer.decide("acct_shop1", "live", BODY)
        await first.features.flush()
        request, memory = read_request("acct_shop1", BODY, KEY, bundled()), Memory()
        for _ in range(3):
            for change in changes(request, 1.0):
                memory.apply(change)
        found = await second.scorer.decide("acct_shop1", "live", BODY)
        return dict(found.signals), {"card_payments_1h": 3.0, "card_payments_24h": 3.0, "device_cards_24h": 1.0}

    signals, expected = finished(two())
    assert {name: signals[name] for name in expected} == expected


def test_nothing_personal_reaches_table_or_stream_and_every_item_expires() -> None:
    async def decided() -> Parts:
        parts = Parts()
        await parts.scorer.decide("acct_shop1", "live", BODY)
        await parts.features.flush()
        await parts.stream.flush()
        return parts

    parts = finished(decided())
    written = json.dumps([list(map(str, parts.table.items)), list(parts.table.items.values()), parts.kinesis.records])
    for clear in ("tok_secret1", "fp-1", "2001:db8", "Ann"):
        assert clear not in written
    assert all("expires" in item for item in parts.table.items.values())
    assert parse_decision(parts.kinesis.records[0]).mode is Mode.SCORED


def other_model() -> bytes:
    """The baseline with another scale: other bytes, other scores."""
    import onnx

    model = onnx.load_model_from_string(BASELINE.read_bytes())
    for entry in model.metadata_props:
        if entry.key == "score":
            entry.value = '{"review": -9.5, "block": -9.4}'
    return bytes(model.SerializeToString())


def refreshed(parts: Parts, pointer: Pointer, *contents: bytes) -> Parts:
    parts.bucket.objects |= {model_key(digest_of(content)): content for content in contents}
    parts.bucket.objects["pointer.json"] = pointer.to_json().encode()
    finished(parts.models.refresh())
    return parts


def test_without_a_pointer_the_model_of_the_image_serves() -> None:
    parts = Parts()
    finished(parts.models.refresh())
    found = parts.models.score("acct_shop1", CALM)
    assert found.model == digest_of(BASELINE.read_bytes())
    assert BASELINE.stat().st_size < 200_000


def test_canary_and_shadow_score_as_the_pointer_says() -> None:
    parts, other = Parts(), other_model()
    base, digest = parts.models.pointer.serving, digest_of(other)
    refreshed(parts, Pointer(version=1, serving=base, shadow=digest), other)
    found = parts.models.score("acct_shop1", CALM)
    assert (found.model, list(found.shadow)) == (base, [digest])
    assert found.shadow[digest] != found.score
    refreshed(parts, Pointer(version=2, serving=base, canary=digest, canary_percent=50), other)
    chosen = {parts.models.score(f"acct_{number:04}", CALM).model for number in range(50)}
    assert chosen == {base, digest}


def test_a_model_that_is_not_what_its_name_says_is_not_used() -> None:
    parts, other = Parts(), other_model()
    before = parts.models.pointer
    parts.bucket.objects[model_key(digest_of(other))] = BASELINE.read_bytes()
    parts.bucket.objects["pointer.json"] = Pointer(version=1, serving=digest_of(other)).to_json().encode()
    finished(parts.models.refresh())
    assert parts.models.pointer == before


def test_a_model_of_other_signals_is_refused() -> None:
    content = BASELINE.read_bytes().replace(b"payer_country_new", b"payer_country_old")
    with pytest.raises(ValueError, match=r"model\.signals"):
        Model(content)


PAID = "pay_" + "1" * 26


class SealingKeys:
    """Data keys in memory; `erase` takes them all away."""

    def __init__(self) -> None:
        self.key: DataKey | None = DataKey(id="key_1", key=b"x" * 32)

    def current(self, _subject: str, _purpose: Purpose) -> DataKey:
        assert self.key is not None
        return self.key

    def find(self, _subject: str, purpose: Purpose, _key_id: str) -> DataKey:
        assert purpose is Purpose.FRAUD
        if self.key is None:
            raise KeyGone("erased")
        return self.key


SEALING = SealingKeys()


def event(mode: str = "failed-open", payment: str = PAID, signals: Any = None) -> str:
    from contracts.events import GENESIS, seal

    data = {
        "payment": payment,
        "livemode": True,
        "amount": 1250,
        "currency": "EUR",
        "market": "eu-sepa",
        "instrument": "card_x",
        "fraud": {"mode": mode, "decision": "allow", "class": "live"},
        "signals": signals,
    }
    envelope = seal(
        account="acct_shop1",
        sequence=1,
        previous=GENESIS,
        type="payment.succeeded",
        schema="payment/1",
        region="eu-west-1",
        cell="eu-west-1",
        shard="s00",
        data=data,
    )
    return json.dumps({"detail": {"event": json.loads(envelope.to_json())}})


def test_a_payment_let_through_unscored_is_rescored_once_and_counted() -> None:
    async def handled() -> tuple[Parts, list[Any]]:
        parts = Parts(BLOCK_ALL)
        rescorer = Rescorer(None, "", parts.scorer, parts.features, FieldCipher(SEALING))
        found = [await rescorer.handle(body) for body in (event(), event(), event("decided", "pay_2"))]
        await parts.stream.flush()
        return parts, found

    parts, found = finished(handled())
    assert [record is not None for record in found] == [True, False, False]
    paid, *decisions, again_paid = (json.loads(text) for text in parts.kinesis.records)
    assert (paid["type"], paid["fate"], paid["decision"]) == ("fraud.outcome", "paid", "dec_" + "1" * 26)
    assert again_paid == {**paid, "source": again_paid["source"], "time": again_paid["time"]}
    let_through, again = (parse_decision(json.dumps(data)) for data in decisions)
    assert (let_through.mode, let_through.decision, let_through.model) == (Mode.FAILED_OPEN, Decision.ALLOW, "none")
    assert (again.mode, again.decision, again.payment) == (Mode.RESCORED, Decision.BLOCK, PAID)
    assert again.id == paid["decision"]


def test_rescoring_sees_what_the_decision_would_have_seen_and_without_the_key_what_is_left() -> None:
    signals = {name: BODY[name] for name in ("payment_method", "payer", "device")}
    keys = SealingKeys()
    sealed = FieldCipher(keys).seal(PAID, "signals", "person_1", Purpose.FRAUD, signals)

    async def handled(*, erased: bool) -> tuple[DecisionRecord, DecisionRecord]:
        parts = Parts()
        keys.key = None if erased else DataKey(id="key_1", key=b"x" * 32)
        rescorer = Rescorer(None, "", parts.scorer, parts.features, FieldCipher(keys))
        again = await rescorer.handle(event(signals=sealed))
        assert again is not None
        return again, await parts.scorer.decide("acct_shop1", "live", BODY)

    again, in_time = finished(handled(erased=False))
    assert (again.signals, again.facts) == (in_time.signals, in_time.facts)
    again, in_time = finished(handled(erased=True))
    assert set(in_time.facts) - set(again.facts) >= {"device", "payer_country"}
    assert again.signals["device_missing"] == 1


class Queue:
    def __init__(self, *bodies: str) -> None:
        self.bodies, self.deleted = list(bodies), list[str]()

    def receive_message(self, **_: Any) -> dict[str, Any]:
        return {"Messages": [{"Body": body, "ReceiptHandle": str(n)} for n, body in enumerate(self.bodies)]}

    def delete_message(self, **request: Any) -> None:
        self.deleted.append(request["ReceiptHandle"])


def test_a_message_that_cannot_be_read_stays_in_the_queue() -> None:
    async def polled() -> list[str]:
        parts, queue = Parts(), Queue("nonsense", event())
        await Rescorer(queue, "", parts.scorer, parts.features, FieldCipher(SEALING)).poll()
        return queue.deleted

    assert finished(polled()) == ["1"]


class PaymentsApi:
    """Stands for the payments API's route: refuses while `down`, knows no payment without `status`."""

    def __init__(self, status: str | None = None) -> None:
        self.status, self.down, self.told = status, False, list[dict[str, Any]]()

    def client(self) -> HeldPayments:
        return HeldPayments("http://payments", httpx.AsyncClient(transport=httpx.MockTransport(self._answer)))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if self.down:
            raise httpx.ConnectError("refused")
        if request.method == "GET":
            assert (request.url.path, dict(request.url.params)) == ("/internal/waiting", {"status": "review"})
            return httpx.Response(200, json={"data": [{"id": "pay_1"}]})
        assert request.url.path == "/internal/verdicts"
        self.told.append(json.loads(request.content))
        if self.status is None:
            return httpx.Response(404, json={})
        return httpx.Response(201, json={"id": "pay_1", "status": self.status})


def over_http(parts: Parts, use: Callable[[httpx.AsyncClient, str], Any], payments: PaymentsApi | None = None) -> Any:
    held = payments or PaymentsApi()

    async def run() -> Any:
        record = await parts.scorer.decide("acct_shop1", "live", BODY)
        await parts.features.flush()
        transport = httpx.ASGITransport(Routes(parts.features, parts.stream, held.client()).app())
        async with httpx.AsyncClient(transport=transport, base_url="http://scorer") as client:
            return await use(client, record.id)

    return finished(run())


def test_a_block_is_contested_and_reviewed_by_a_person_and_both_are_kept() -> None:
    parts = Parts(BLOCK_ALL)

    async def use(client: httpx.AsyncClient, id_: str) -> Any:
        contest = await client.post("/contest", json={"decision": id_, "statement": "It was me."})
        answer = {"decision": id_, "reviewer": "ann", "outcome": "reversed", "reason": "known customer"}
        review = await client.post("/review", json=answer)
        kept = await client.get(f"/decisions/{id_}")
        await parts.stream.flush()
        return contest.status_code, review.status_code, kept.json()

    contest, review, kept = over_http(parts, use)
    assert (contest, review) == (201, 201)
    assert [entry["type"] for entry in kept["history"]] == ["fraud.contest", "fraud.review"]
    assert kept["reasons"] == ["all"]
    assert [json.loads(text)["type"] for text in parts.kinesis.records][1:] == ["fraud.contest", "fraud.review"]


def test_who_decides_is_shown_what_waits_or_told_that_nobody_answers() -> None:
    payments = PaymentsApi()

    async def use(client: httpx.AsyncClient, _: str) -> Any:
        found = await client.get("/review", params={"status": "review"})
        payments.down = True
        return found, await client.get("/review", params={"status": "review"})

    found, away = over_http(Parts(), use, payments)
    assert (found.status_code, found.json()) == (200, {"data": [{"id": "pay_1"}]})
    assert (away.status_code, away.json()["error"]["reason"]) == (503, "payments_unreachable")


REVIEW_ALL = load_rules("rules: [{id: all, when: [{signal: amount_log, at_least: 0}], action: review}]")


@pytest.mark.parametrize(("outcome", "release"), [("reversed", True), ("upheld", False)])
def test_a_review_of_a_held_payment_reaches_the_payments_api(outcome: str, release: bool) -> None:
    payments = PaymentsApi("succeeded")

    async def use(client: httpx.AsyncClient, id_: str) -> Any:
        said = {"decision": id_, "reviewer": "ann", "outcome": outcome, "reason": "called them"}
        return id_, (await client.post("/review", json=said)).json()

    id_, answer = over_http(Parts(REVIEW_ALL), use, payments)
    assert payments.told == [{"account": "acct_shop1", "decision": id_, "payment": None, "release": release}]
    assert answer["payment"] == {"id": "pay_1", "status": "succeeded"}


def test_a_review_that_did_not_reach_the_payment_is_kept_once_and_said_again() -> None:
    parts, payments = Parts(REVIEW_ALL), PaymentsApi("succeeded")
    payments.down = True

    async def use(client: httpx.AsyncClient, id_: str) -> Any:
        said = {"decision": id_, "reviewer": "ann", "outcome": "reversed", "reason": "called them"}
        first = await client.post("/review", json=said)
        payments.down = False
        again = await client.post("/review", json=said)
        return first, again, (await client.get(f"/decisions/{id_}")).json()

    first, again, kept = over_http(parts, use, payments)
    assert (first.status_code, first.json()["error"]["reason"], again.status_code) == (503, "payment_waits", 201)
    assert len(kept["history"]) == 1


def test_a_block_has_no_payment_that_anybody_is_told_of() -> None:
    payments = PaymentsApi("succeeded")

    async def use(client: httpx.AsyncClient, id_: str) -> int:
        said = {"decision": id_, "reviewer": "ann", "outcome": "upheld", "reason": "stolen"}
        return (await client.post("/review", json=said)).status_code

    assert over_http(Parts(BLOCK_ALL), use, payments) == 201
    assert payments.told == []


def test_a_charge_back_is_reported_once_and_reaches_stream_and_decision() -> None:
    parts = Parts()

    async def use(client: httpx.AsyncClient, id_: str) -> Any:
        said = {"decision": id_, "fate": "chargeback", "reference": "case-1"}
        codes = [(await client.post("/outcome", json=one)).status_code for one in (said, said)]
        for wrong in ({**said, "fate": "paid"}, {**said, "fate": "x"}, {**said, "reference": ""}):
            codes.append((await client.post("/outcome", json=wrong)).status_code)
        unknown = {**said, "decision": "dec_" + "0" * 26}
        codes.append((await client.post("/outcome", json=unknown)).status_code)
        await parts.stream.flush()
        return codes, (await client.get(f"/decisions/{id_}")).json()

    codes, kept = over_http(parts, use)
    assert codes == [201, 201, 400, 400, 400, 404]
    (entry,) = kept["history"]
    assert (entry["fate"], entry["fraud"], entry["source"]) == ("chargeback", True, "case-1")
    assert [json.loads(text)["type"] for text in parts.kinesis.records] == ["fraud.decision", "fraud.outcome"]


def test_only_blocks_are_contested_and_a_review_needs_a_person_and_a_reason() -> None:
    async def use(client: httpx.AsyncClient, id_: str) -> list[int]:
        answers = [
            await client.post("/contest", json={"decision": id_, "statement": "It was me."}),
            await client.post("/contest", json={"decision": "dec_x", "statement": "It was me."}),
            await client.post("/review", json={"decision": id_, "reviewer": "", "outcome": "upheld", "reason": "x"}),
            await client.post("/review", content=b"["),
            await client.get("/decisions/dec_00000000000000000000000000"),
        ]
        return [answer.status_code for answer in answers]

    assert over_http(Parts(), use) == [409, 400, 400, 400, 404]


def test_health_and_metrics_answer() -> None:
    async def use(client: httpx.AsyncClient, _: str) -> Any:
        return (await client.get("/healthz")).status_code, (await client.get("/metrics")).text

    health, text = over_http(Parts(), use)
    assert health == 200
    assert "fraud_decisions_total" in text
    assert "acct_shop1" not in text


class Secret:
    class exceptions:
        class ResourceNotFoundException(Exception):
            pass

        class ResourceExistsException(Exception):
            pass

    def __init__(self, meanwhile: str | None = None) -> None:
        self.value: str | None = None
        self.meanwhile = meanwhile

    def get_secret_value(self, **_: Any) -> dict[str, str]:
        if self.value is None:
            raise self.exceptions.ResourceNotFoundException
        return {"SecretString": self.value}

    def put_secret_value(self, **request: Any) -> None:
        if self.meanwhile:
            self.value = self.meanwhile
            raise self.exceptions.ResourceExistsException
        self.value = request["SecretString"]


def test_the_first_scorer_makes_the_key_and_one_that_comes_second_uses_it() -> None:
    first = Secret()
    assert pseudonym_key(first, "arn") == pseudonym_key(first, "arn")
    assert len(pseudonym_key(first, "arn")) == 32
    second = Secret(meanwhile=first.value)
    assert pseudonym_key(second, "arn") == pseudonym_key(first, "arn")


ENVIRONMENT = dict.fromkeys(
    (
        *("FEATURE_TABLE", "DECISION_STREAM", "MODEL_BUCKET", "PAYMENTS_URL"),
        *("PSEUDONYM_SECRET_ARN", "SUBJECTS_KEY_ARN", "SUBJECT_KEYS_TABLE"),
    ),
    "x",
)


def test_the_environment_is_checked_at_the_start() -> None:
    assert read(ENVIRONMENT).budget_ms == 40
    with pytest.raises(ValueError, match="FEATURE_TABLE"):
        read({})
    with pytest.raises(ValueError, match="FEATURE_READ_MS"):
        read({**ENVIRONMENT, "FEATURE_READ_MS": "60"})
    assert replace(read(ENVIRONMENT), rules=Path("x")).rescore_queue is None
