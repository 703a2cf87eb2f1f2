"""Payments against a real PostgreSQL: one effect, one event, one chain, whatever breaks in between."""

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from moto import mock_aws
from opentelemetry import trace
from postgres import MASTER, Server, server
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from contracts import api_keys, events
from contracts.api_keys import KeyKind
from contracts.personal import FieldCipher
from contracts.shard_map import SLOTS, Shard, ShardMap
from contracts.shard_map import parse as parse_map
from operations.probe.load import server_timing
from workloads import logs
from workloads.database import Databases, Login, Place, parse_shards
from workloads.lease import Lease
from workloads.mounted import Mounted
from workloads.payments.api import REFUSALS, Api
from workloads.payments.banks import Banks, Said
from workloads.payments.callers import Callers
from workloads.payments.concurrency import Concurrency, account_limits
from workloads.payments.fraud import fail_modes
from workloads.payments.markets import parse_markets
from workloads.payments.migrate import Migrator, migrate
from workloads.payments.service import Parts, Service
from workloads.payments.settle import Settler
from workloads.payments.store import Store
from workloads.payments.verdicts import REVIEW_H
from workloads.subject_keys import SubjectKeys

SECRET = "s" * 43
ACCOUNT = "acct_test1"
CANARY = "4000056655665556"
MODES = '{"live": "allow", "test": "allow", "platform": "review", "batch": "block"}'
AT_A_TIME = '{"live": 50, "test": 2, "platform": 2, "batch": 2}'
ALLOWED = {
    "x-fraud-decision": "allow",
    "x-fraud-score": "7",
    "x-fraud-reasons": "new_device",
    "x-fraud-decision-id": "d1",
}


class Killed(BaseException):
    """The process is gone: nothing of ours catches it."""


@dataclass
class Bank:
    """A bank behind an egress gateway."""

    booked: dict[str, dict[str, Any]] = field(default_factory=dict)
    effects: list[str] = field(default_factory=list)
    asked: int = 0
    answer: Callable[[], Awaitable[Response | None]] | None = None
    """What it does in place of an answer, after it booked."""
    before: Callable[[], Awaitable[Response | None]] | None = None
    """What happens before it books."""

    def app(self) -> Starlette:
        routes = [Route(f"/{kind}", self._post, methods=["POST"]) for kind in ("payments", "refunds")]
        routes += [Route(f"/{kind}/{{reference}}", self._get) for kind in ("payments", "refunds")]
        return Starlette(routes=routes)

    async def _post(self, request: Request) -> Response:
        self.asked += 1
        assert request.headers["x-bank"] == "eu-sepa/bank-a"
        if self.before and (answer := await self.before()):
            return answer
        asked = await request.json()
        if asked["reference"] not in self.booked:
            status = "declined" if asked["amount"] % 100 == 13 else "accepted"
            self.booked[asked["reference"]] = {"reference": asked["reference"], "status": status}
            self.effects.append(asked["reference"])
        if self.answer and (answer := await self.answer()):
            return answer
        return JSONResponse(self.booked[asked["reference"]], status_code=201)

    async def _get(self, request: Request) -> Response:
        found = self.booked.get(request.path_params["reference"])
        return JSONResponse(found or {}, status_code=200 if found else 404)


class Switch(Lease):
    """A lease that a test takes away."""

    def __init__(self) -> None:
        super().__init__(None)
        self.answers = True

    @property
    def held(self) -> bool:
        return self.answers


@dataclass
class World:
    """A cell of one shard."""

    client: httpx.AsyncClient
    bank: Bank
    service: Service
    settler: Settler
    keys: SubjectKeys
    dynamodb: Any
    database: Server
    lease: Switch

    async def post(self, body: dict[str, Any] | None = None, key: str = "key-1", **headers: str) -> httpx.Response:
        return await self.client.post("/v1/payments", json=body or payment(), headers=headed(key, **headers))

    async def refund(self, id_: str, body: dict[str, Any], key: str) -> httpx.Response:
        return await self.client.post(f"/v1/payments/{id_}/refunds", json=body, headers=headed(key))

    async def confirm(self, id_: str, key: str, result: str = "authenticated", **more: Any) -> httpx.Response:
        body = {"authentication": "auth_abcdefgh", "result": result, **more}
        return await self.client.post(f"/v1/payments/{id_}/confirm", json=body, headers=headed(key))

    async def review(self, decision: str, release: bool, payment: str | None = None) -> httpx.Response:
        """As the scorer tells it: without an API key."""
        body = {"account": ACCOUNT, "decision": decision, "payment": payment, "release": release}
        return await self.client.post("/internal/verdicts", json=body)

    async def held(self, decision: str, key: str = "key-1", id_: str = "dec_1") -> str:
        """The id of a payment that the decision holds."""
        answer = await self.post(key=key, x_fraud_decision=decision, x_fraud_decision_id=id_)
        assert (answer.status_code, answer.json()["status"]) == (201, decision)
        return str(answer.json()["id"])

    async def get(self, id_: str) -> dict[str, Any]:
        return dict((await self.client.get(f"/v1/payments/{id_}", headers=headed("unused"))).json())

    async def rows(self, statement: str, *arguments: object) -> list[Any]:
        async with self.service.parts.connection("s00") as connection:
            return list(await connection.fetch(statement, *arguments))

    async def as_master(self, statement: str) -> None:
        await asyncio.to_thread(self.database.run, "payments", statement)

    async def chain(self, account: str = ACCOUNT) -> list[events.Envelope]:
        """The account's events, parsed, verified as a chain, valid against the registry."""
        rows = await self.rows("SELECT envelope FROM outbox WHERE account_id = $1 ORDER BY position", account)
        found = [events.parse(row["envelope"]) for row in rows]
        events.verify_chain(found)
        for event in found:
            events.validate(event, events.Registry.load())
        return found

    async def later(self, seconds: int = 120) -> None:
        """Lets open rows be this much older, and the settler make a round."""
        for table in ("payments", "refunds"):
            await self.as_master(
                f"UPDATE {table} SET created_at = created_at - interval '{seconds} s', "
                f"submitted_at = submitted_at - interval '{seconds} s', asked_at = NULL"
            )
        await self.settler.round("s00")


def payment(**changes: Any) -> dict[str, Any]:
    body = {
        "amount": 1250,
        "currency": "EUR",
        "market": "eu-sepa",
        "payment_method": "tok_abcdefgh",
        "payer": {"name": "Ada Lovelace", "email": "ada@example.org", "country": "DE"},
        "metadata": {"order": "A-17"},
    }
    return {**body, **changes}


def headed(key: str, **changes: str) -> dict[str, str]:
    own = {"authorization": f"Bearer {api_keys.make(SECRET, KeyKind.LIVE, ACCOUNT)}", "idempotency-key": key}
    return {**own, **ALLOWED, **{name.replace("_", "-"): value for name, value in changes.items()}}


def local_login(_place: Place, user: str) -> Login:
    return Login(user=user)


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    with server() as found:
        yield found


@pytest.fixture
def world(running: Server, tmp_path: Path) -> Callable[[Callable[[World], Awaitable[None]]], None]:
    """Runs a test's body in a fresh cell."""
    running.make("payments")
    place = {"host": "127.0.0.1", "port": running.port}
    shards = {"shards": {"s00": place}, "database": "payments", "region": "eu-west-1"}
    (tmp_path / "shards.json").write_text(json.dumps(shards))
    (tmp_path / "map.json").write_text(shard_map(3))
    banks = {"bank-a": {"rail": "sct-inst", "timeout_s": 0.3}}
    market = {"currency": "EUR", "egress": {"host": "egress-0", "port": 8080}, "banks": banks}
    (tmp_path / "markets.json").write_text(json.dumps({"markets": {"eu-sepa": market}}))

    def run(body: Callable[[World], Awaitable[None]]) -> None:
        async def inner() -> None:
            async with _world(running, tmp_path) as made:
                await body(made)

        with mock_aws():
            asyncio.run(inner())

    return run


def shard_map(version: int) -> str:
    return ShardMap(version=version, shards=(Shard(id="s00"),), owners=("s00",) * SLOTS).to_json()


@asynccontextmanager
async def _world(running: Server, folder: Path) -> AsyncIterator[World]:
    mounted = Mounted(folder / "shards.json", parse_shards, look_s=0)
    mapped = Mounted(folder / "map.json", parse_map, look_s=0)
    await migrate(mounted.get()["s00"], local_login(mounted.get()["s00"], MASTER), "s00", 3)
    databases = Databases(mounted, "payments", local_login)
    dynamodb, kms, manager = (boto3.client(s, region_name="eu-west-1") for s in ("dynamodb", "kms", "secretsmanager"))
    table_of(dynamodb)
    key_arn = kms.create_key()["KeyMetadata"]["Arn"]
    secret = manager.create_secret(Name="keys", SecretString=json.dumps({"current": SECRET, "previous": None}))
    keys = SubjectKeys(dynamodb, kms, table="keys", key_arn=key_arn)
    bank, lease = Bank(), Switch()
    parts = Parts(
        cell="eu-west-1",
        region="eu-west-1",
        shard_map=mapped,
        markets=Mounted(folder / "markets.json", parse_markets),
        connection=databases.connection,
        banks=Banks(httpx.AsyncClient(transport=httpx.ASGITransport(app=bank.app()))),
        lease=lease,
    )
    service = Service(parts, keys)
    callers, at_a_time = Callers(manager, secret["ARN"]), Concurrency(account_limits(AT_A_TIME))
    api = Api(service, callers, fail_modes(MODES), at_a_time, trace.get_tracer("test"))
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app=api.app()), base_url="http://api")
    yield World(client, bank, service, Settler(service, databases.shards), keys, dynamodb, running, lease)
    await client.aclose()
    await parts.banks.close()
    await databases.close()


def table_of(dynamodb: Any) -> None:
    names = ("subject", "HASH"), ("purpose", "RANGE")
    dynamodb.create_table(
        TableName="keys",
        KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in names],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name, _ in names],
        BillingMode="PAY_PER_REQUEST",
    )


Run = Callable[[Callable[[World], Awaitable[None]]], None]


@contextmanager
def written() -> Iterator[io.StringIO]:
    """What all libraries log, as in a pod."""
    root, stream = logging.getLogger(), io.StringIO()
    handler, level = logging.StreamHandler(stream), root.level
    handler.setFormatter(logs.Lines("eu-west-1"))
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield stream
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


def test_the_answer_tells_how_long_each_stage_took(world: Run) -> None:
    async def body(w: World) -> None:
        made = server_timing((await w.post()).headers["server-timing"])
        assert list(made) == ["auth", "keys", "tx1", "bank", "tx2", "api"]
        assert sum(made.values()) - made["api"] <= made["api"] + 0.1
        asked = server_timing((await w.client.get("/v1/payments/pay_x", headers=headed("-"))).headers["server-timing"])
        assert list(asked) == ["auth", "api"]

    world(body)


def test_the_context_of_a_payment_is_kept_beside_its_event_and_not_in_it(world: Run) -> None:
    async def body(w: World) -> None:
        came = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        await w.post(traceparent=came)
        (row,) = await w.rows("SELECT traceparent, envelope FROM outbox")
        assert row["traceparent"].split("-")[1] == came.split("-")[1]
        assert came.split("-")[1] not in row["envelope"]
        await w.chain()

    world(body)


def test_a_payment_is_one_booking_one_row_and_one_event(world: Run) -> None:
    async def body(w: World) -> None:
        answer = await w.post()
        assert (answer.status_code, answer.json()["status"]) == (201, "succeeded")
        assert w.bank.effects == [answer.json()["id"]]
        (event,) = await w.chain()
        assert (event.type, event.data["payment"], event.data["fraud"]["score"]) == (
            "payment.succeeded",
            answer.json()["id"],
            7,
        )
        seen = await w.get(answer.json()["id"])
        assert seen["payer"] == payment()["payer"]
        assert seen["metadata"] == {"order": "A-17"}
        declined = await w.post(payment(amount=1213), key="key-2")
        assert (declined.status_code, declined.json()["status"]) == (201, "declined")
        page = (await w.client.get("/v1/payments?limit=1", headers=headed("-"))).json()
        assert [row["id"] for row in page["data"]] == [declined.json()["id"]]
        assert page["has_more"]
        after = f"/v1/payments?starting_after={declined.json()['id']}"
        rest = (await w.client.get(after, headers=headed("-"))).json()
        assert ([row["id"] for row in rest["data"]], rest["has_more"]) == ([answer.json()["id"]], False)

    world(body)


def test_concurrent_duplicates_have_one_effect(world: Run) -> None:
    async def body(w: World) -> None:
        found = await asyncio.gather(*(w.post() for _ in range(20)))
        statuses = [answer.status_code for answer in found]
        assert statuses.count(201) >= 1
        assert set(statuses) <= {201, 409}
        assert all(a.headers["retry-after"] == "1" for a in found if a.status_code == 409)
        again = await w.post()
        assert again.headers["idempotent-replayed"] == "true"
        assert {a.text for a in found if a.status_code == 201} == {again.text}
        assert len(w.bank.effects) == len(await w.chain()) == len(await w.rows("SELECT id FROM payments")) == 1

    world(body)


def test_an_account_with_as_many_requests_open_as_it_may_is_refused_and_another_is_not(world: Run) -> None:
    async def body(w: World) -> None:
        batch = {"payment-batch": "true"}
        other = {**batch, "authorization": f"Bearer {api_keys.make(SECRET, KeyKind.LIVE, 'acct_other')}"}
        with held(w.service.parts.banks) as (waiting, release):
            open_ = [asyncio.create_task(w.post(key=f"key-{n}", **batch)) for n in range(2)]
            await asyncio.gather(*(waiting.get() for _ in open_))
            refused = await w.post(key="key-2", **batch)
            assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
            assert refused.json()["error"]["reason"] == refused.headers["x-refused"] == "account_concurrency"
            assert REFUSALS.value(route="create", reason="account_concurrency") == 1
            assert (await w.client.get("/v1/payments", headers=headed("-"))).status_code == 200, "live is counted apart"
            assert (await w.client.get("/v1/payments", headers=headed("-", **other))).status_code == 200
            release()
            assert {(await one).status_code for one in open_} == {201}
        assert (await w.post(key="key-2", **batch)).status_code == 201

    world(body)


@contextmanager
def held(banks: Banks) -> Iterator[tuple[asyncio.Queue[str], Callable[[], None]]]:
    """Calls to banks wait: a queue with one entry for each that does, and what lets all go."""
    waiting: asyncio.Queue[str] = asyncio.Queue()
    released, send = asyncio.Event(), banks.send

    async def wait(kind: str, *rest: Any) -> Said:
        waiting.put_nowait(kind)
        await released.wait()
        return await send(kind, *rest)

    banks.send = wait  # type: ignore[method-assign]
    try:
        yield waiting, released.set
    finally:
        banks.send = send  # type: ignore[method-assign]


def test_a_key_with_other_parameters_is_refused(world: Run) -> None:
    async def body(w: World) -> None:
        await w.post()
        other = await w.post(payment(amount=1251))
        assert (other.status_code, other.json()["error"]["reason"]) == (400, "idempotency_key_reused")
        assert len(w.bank.effects) == 1

    world(body)


def test_the_chain_is_whole_under_50_concurrent_payments(world: Run) -> None:
    async def body(w: World) -> None:
        answers = await asyncio.gather(*(w.post(key=f"key-{n}") for n in range(50)))
        assert {answer.status_code for answer in answers} == {201}
        assert [event.sequence for event in await w.chain()] == list(range(1, 51))

    world(body)


@pytest.mark.parametrize(
    "changes",
    [
        {"metadata": {"deep": [{"note": f"pan {CANARY[:4]} {CANARY[4:8]}-{CANARY[8:12]} {CANARY[12:]}"}]}},
        {"metadata": {"number": int(CANARY)}},
        {"metadata": {CANARY: "x"}},
        {"description": f"x{CANARY}y"},
        {"payment_method": CANARY},
        {"payer": {"name": CANARY, "email": "a@b.example", "country": "DE"}},
        {"amount": int(CANARY)},
        {CANARY: 1},
    ],
)
def test_a_card_number_in_any_field_is_refused_and_written_nowhere(world: Run, changes: dict[str, Any]) -> None:
    async def body(w: World) -> None:
        with written() as lines:
            refused = await w.post(payment(**changes))
        assert (refused.status_code, refused.json()["error"]["reason"]) == (400, "card_number")
        assert CANARY not in refused.text
        assert await w.rows("SELECT id FROM payments") == []
        assert await w.rows("SELECT key FROM idempotency_keys") == []
        assert w.bank.asked == 0
        assert "card_number" in lines.getvalue()
        assert CANARY not in lines.getvalue()
        assert CANARY[4:8] + "-" + CANARY[8:12] not in lines.getvalue()

    world(body)


def test_a_card_number_in_a_header_or_address_is_refused(world: Run) -> None:
    async def body(w: World) -> None:
        as_key = await w.post(key=CANARY)
        in_path = await w.client.get(f"/v1/payments?starting_after={CANARY}", headers=headed("-"))
        assert {a.json()["error"]["reason"] for a in (as_key, in_path)} == {"card_number"}

    world(body)


def test_no_personal_value_is_in_any_row(world: Run) -> None:
    async def body(w: World) -> None:
        device = {"fingerprint": "fp-secret", "ip": "198.51.100.77"}
        payee = {"name": "Grace Hopper", "email": "grace@example.org", "country": "US"}
        await w.post(payment(device=device, payee=payee, description="for Grace"), key="order of Ada")
        words = ("Ada", "ada@", "Grace", "grace@", "fp-secret", "198.51.100.77", "A-17", "tok_abcdefgh")
        tables = ("payments", "idempotency_keys", "outbox", "accounts")
        text = str([await w.rows(f"SELECT t::text FROM {table} t") for table in tables])
        assert [word for word in words if word in text] == []
        (event,) = await w.chain()
        subjects = {event.data[name]["subject"] for name in ("payer", "payee", "merchant")}
        assert len(subjects) == 3

    world(body)


def test_a_personal_field_is_unreadable_once_its_key_is_gone(world: Run) -> None:
    async def body(w: World) -> None:
        id_ = (await w.post()).json()["id"]
        assert (await w.get(id_))["payer"]["name"] == "Ada Lovelace"
        (event,) = await w.chain()
        subject = event.data["payer"]["subject"]
        w.dynamodb.delete_item(TableName="keys", Key={"subject": {"S": subject}, "purpose": {"S": "payment"}})
        w.keys._cache.clear()
        seen = await w.get(id_)
        assert (seen["payer"], seen["erased"], seen["metadata"]) == (None, ["payer"], {"order": "A-17"})
        assert await w.chain() == [event]

    world(body)


def test_a_stale_map_writes_nothing(world: Run, tmp_path: Path) -> None:
    async def body(w: World) -> None:
        await w.as_master("UPDATE shard_epoch SET version = 4")
        refused = await w.post()
        assert (refused.status_code, refused.headers["x-refused"]) == (503, "stale_map")
        assert await w.rows("SELECT id FROM payments") == []
        assert w.bank.asked == 0
        (tmp_path / "new.json").write_text(shard_map(4))
        (tmp_path / "new.json").replace(tmp_path / "map.json")
        assert (await w.post()).status_code == 201

    world(body)


def test_a_map_that_grows_stale_while_the_bank_is_asked_leaves_the_row_to_the_settler(world: Run) -> None:
    async def body(w: World) -> None:
        async def moved() -> None:
            await w.as_master("UPDATE shard_epoch SET version = 4")

        w.bank.answer = moved
        answer = await w.post()
        assert (answer.status_code, answer.json()["status"]) == (202, "pending")
        assert await w.chain() == []
        await w.as_master("UPDATE shard_epoch SET version = 3")
        await w.later()
        assert [event.type for event in await w.chain()] == ["payment.succeeded"]

    world(body)


def test_what_the_egress_refuses_leaves_nothing_and_frees_the_key(world: Run) -> None:
    async def body(w: World) -> None:
        async def refuse() -> Response:
            return Response(status_code=503, headers={"x-refused": "breaker", "retry-after": "7"})

        w.bank.before = refuse
        refused = await w.post()
        assert (refused.status_code, refused.headers["x-refused"]) == (503, "bank_unavailable")
        assert refused.headers["retry-after"] == "7"
        for table in ("payments", "idempotency_keys", "outbox"):
            assert await w.rows(f"SELECT * FROM {table}") == []
        w.bank.before = None
        assert (await w.post()).status_code == 201

    world(body)


async def _hang() -> None:
    await asyncio.Event().wait()


async def _broken() -> Response:
    return Response(status_code=502)


@pytest.mark.parametrize("fault", [_hang, _broken])
def test_what_a_silent_bank_took_is_pending_until_the_settler_has_asked(
    world: Run, fault: Callable[[], Awaitable[Response | None]]
) -> None:
    async def body(w: World) -> None:
        w.bank.answer = fault
        answer = await w.post()
        assert (answer.status_code, answer.json()["status"]) == (202, "pending")
        await w.later(5)
        assert (await w.get(answer.json()["id"]))["status"] == "succeeded"
        assert [event.type for event in await w.chain()] == ["payment.pending", "payment.succeeded"]
        assert (await w.post()).text == answer.text, "the first answer is repeated"
        assert len(w.bank.effects) == 1

    world(body)


def test_what_the_bank_never_saw_fails_only_when_no_call_can_be_under_way(world: Run) -> None:
    async def body(w: World) -> None:
        w.bank.before = _broken
        id_ = (await w.post()).json()["id"]
        await w.later(5)
        assert (await w.get(id_))["status"] == "pending"
        await w.later(30)
        assert (await w.get(id_))["status"] == "failed"
        assert [event.type for event in await w.chain()] == ["payment.pending", "payment.failed"]

    world(body)


def test_killed_before_it_was_held_a_payment_is_held_and_not_sent(world: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def killed(*_: Any) -> None:
        raise Killed

    async def body(w: World) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(Store, "_write", killed)
            with pytest.raises(Killed):
                await w.post(x_fraud_decision="review")
        await w.later()
        assert ((await w.post()).json()["status"], w.bank.asked) == ("review", 0)
        assert [event.type for event in await w.chain()] == ["payment.review"]

    world(body)


KILLS = {
    "after the row": (Banks, "send", False, "failed"),
    "after the bank": (Banks, "send", True, "succeeded"),
    "in the last transaction": (Store, "_write", True, "succeeded"),
}


@pytest.mark.parametrize("step", KILLS)
def test_killed_between_two_steps_nothing_is_lost_or_doubled(
    world: Run, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, name, done, outcome = KILLS[step]
    real = getattr(owner, name)

    async def killed(*arguments: Any, **options: Any) -> None:
        if done:
            await real(*arguments, **options)
        raise Killed

    async def body(w: World) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(owner, name, killed)
            with pytest.raises(Killed):
                await w.post()
        assert (await w.post()).status_code == 409, "the key is in flight until somebody has an answer"
        assert await w.chain() == []
        await w.later()
        again = await w.post()
        assert (again.status_code, again.json()["status"]) == (201, outcome)
        assert [event.type for event in await w.chain()] == [f"payment.{outcome}"]
        assert len(w.bank.effects) == (1 if outcome == "succeeded" else 0)
        assert len(await w.rows("SELECT id FROM payments")) == 1

    world(body)


def test_a_broken_shard_after_the_bank_answers_500_and_the_settler_finishes(
    world: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> None:
        raise ConnectionResetError

    async def body(w: World) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(Store, "_write", broken)
            first = await w.post()
        assert first.status_code == 500
        again = await w.post()
        assert (again.status_code, again.json(), again.headers["idempotent-replayed"]) == (500, first.json(), "true")
        await w.later()
        assert [event.type for event in await w.chain()] == ["payment.succeeded"]
        known = await w.post()
        assert (known.status_code, known.json()["status"]) == (201, "succeeded"), "told to whoever sends it again"

    world(body)


def test_refunds_are_bounded_by_the_payment_and_happen_once(world: Run) -> None:
    async def body(w: World) -> None:
        id_ = (await w.post()).json()["id"]
        found = await asyncio.gather(*(w.refund(id_, {"amount": 600}, f"refund-{n}") for n in range(5)))
        assert sorted(answer.status_code for answer in found) == [201, 201, 400, 400, 400]
        assert {a.json()["error"]["reason"] for a in found if a.status_code == 400} == {"amount_too_large"}
        rest = await w.refund(id_, {}, "rest")
        assert (rest.status_code, rest.json()["amount"]) == (201, 50)
        assert (await w.refund(id_, {}, "rest")).text == rest.text
        assert (await w.get(id_))["amount_refunded"] == 1250
        assert [event.type for event in await w.chain()] == ["payment.succeeded", *["refund.succeeded"] * 3]
        assert len(w.bank.effects) == 4

    world(body)


def test_a_refund_with_a_reason_names_the_decision_on_its_payment(world: Run) -> None:
    async def body(w: World) -> None:
        id_ = (await w.post()).json()["id"]
        unscored = await w.post(key="key-2", x_caller_class="live", x_envoy_auth_failure_mode_allowed="true")
        other = unscored.json()["id"]
        await w.refund(id_, {"amount": 50}, "refund-1")
        await w.refund(id_, {"reason": "fraudulent"}, "refund-2")
        w.bank.answer = _hang
        await w.refund(other, {"reason": "fraudulent"}, "refund-3")
        w.bank.answer = None
        await w.later(5)
        plain, named, later = (event for event in await w.chain() if event.type == "refund.succeeded")
        assert (plain.schema, "why" in plain.data) == ("refund/1", False)
        assert (named.schema, named.data["why"], named.data["decision"]) == ("refund/2", "fraudulent", "d1")
        assert (later.data["why"], later.data["decision"]) == ("fraudulent", f"dec_{other[4:]}")

    world(body)


def test_a_refund_that_the_bank_declines_gives_its_amount_back(world: Run) -> None:
    async def body(w: World) -> None:
        id_ = (await w.post()).json()["id"]
        failed = await w.refund(id_, {"amount": 1213}, "refund")
        assert (failed.status_code, failed.json()["status"]) == (201, "failed")
        assert (await w.get(id_))["amount_refunded"] == 0
        assert (await w.refund(id_, {}, "whole")).json()["amount"] == 1250

    world(body)


def test_a_refund_without_an_answer_is_finished_by_the_settler(world: Run) -> None:
    async def body(w: World) -> None:
        id_ = (await w.post()).json()["id"]
        w.bank.answer = _hang
        pending = await w.refund(id_, {}, "refund")
        assert (pending.status_code, pending.json()["status"]) == (202, "pending")
        w.bank.answer = None
        await w.later(5)
        assert [event.type for event in await w.chain()] == ["payment.succeeded", "refund.succeeded"]

    world(body)


def test_a_payment_that_is_held_asks_no_bank(world: Run) -> None:
    async def body(w: World) -> None:
        for decision in ("review", "authenticate"):
            held = await w.post(key=decision, x_fraud_decision=decision)
            assert (held.status_code, held.json()["status"]) == (201, decision)
        assert w.bank.asked == 0
        assert {event.type for event in await w.chain()} == {"payment.review"}

    world(body)


def test_a_person_releases_a_held_payment_once_and_the_bank_is_asked(world: Run) -> None:
    async def body(w: World) -> None:
        id_ = await w.held("review")
        answers = await asyncio.gather(*(w.review("dec_1", release=True) for _ in range(5)))
        assert {answer.status_code for answer in answers} <= {201, 202}
        assert (await w.get(id_))["status"] == "succeeded"
        assert (await w.review("dec_1", release=False)).json()["status"] == "succeeded", "what is finished stays so"
        assert w.bank.effects == [id_]
        _, released, succeeded = await w.chain()
        assert (released.type, released.data["status"], succeeded.type) == (
            "payment.released",
            "pending",
            "payment.succeeded",
        )
        verdict = {"by": "person", "passed": True, "reference": "dec_1"}
        assert (released.schema, released.data["verdict"], succeeded.data["verdict"]) == ("payment/2", verdict, verdict)

    world(body)


def test_who_decides_sees_what_waits_the_oldest_first_and_until_when(world: Run) -> None:
    async def test(w: World) -> None:
        older, newer = await w.held("review"), await w.held("authenticate", "key-2", "dec_2")
        assert (await w.post(key="key-3")).json()["status"] == "succeeded"
        all_ = (await w.client.get("/internal/waiting")).json()
        assert [(one["id"], one["status"]) for one in all_["data"]] == [(older, "review"), (newer, "authenticate")]
        assert (all_["has_more"], all_["silent_shards"]) == (False, [])
        first = all_["data"][0]
        waits = datetime.fromisoformat(first["ends"]) - datetime.fromisoformat(first["created"])
        assert (first["account"], first["fraud"]["id"], waits) == (ACCOUNT, "dec_1", timedelta(hours=REVIEW_H))
        assert "payer" not in first
        page = (await w.client.get("/internal/waiting", params={"limit": 1})).json()
        assert ([one["id"] for one in page["data"]], page["has_more"]) == ([older], True)
        some = (await w.client.get("/internal/waiting", params={"status": "authenticate"})).json()
        assert [one["id"] for one in some["data"]] == [newer]
        for wrong in ({"status": "succeeded"}, {"limit": "0"}, {"account": ACCOUNT}):
            assert (await w.client.get("/internal/waiting", params=wrong)).status_code == 400
        await w.review("dec_1", release=False)
        assert [one["id"] for one in (await w.client.get("/internal/waiting")).json()["data"]] == [newer]

    world(test)


def test_a_person_declines_a_held_payment_and_no_bank_hears_of_it(world: Run) -> None:
    async def body(w: World) -> None:
        id_ = await w.held("authenticate")
        for _ in range(2):
            answer = await w.review("dec_1", release=False)
            assert (answer.json()["status"], answer.json()["reason"]) == ("declined", "review_declined")
        assert (await w.confirm(id_, "late")).json()["error"]["reason"] == "not_waiting"
        assert [event.type for event in await w.chain()] == ["payment.review", "payment.declined"]
        assert w.bank.asked == 0
        assert (await w.review("dec_2", release=True)).status_code == 404
        unscored = await w.post(key="key-2", x_caller_class="platform", x_envoy_auth_failure_mode_allowed="true")
        assert unscored.json()["status"] == "review"
        assert (await w.review("dec_3", True, unscored.json()["id"])).json()["status"] == "succeeded"

    world(body)


def test_an_authenticated_payment_goes_to_the_bank_once_however_often_it_is_confirmed(world: Run) -> None:
    async def body(w: World) -> None:
        id_ = await w.held("authenticate")
        answers = await asyncio.gather(*(w.confirm(id_, f"confirm-{number % 3}") for number in range(9)))
        (done,) = {answer.text for answer in answers if answer.status_code == 201}
        assert json.loads(done)["status"] == "succeeded"
        assert {answer.status_code for answer in answers} <= {201, 409}
        ours = next(a.request.headers["idempotency-key"] for a in answers if a.status_code == 201)
        again = await w.confirm(id_, ours)
        assert (again.text, again.headers["idempotent-replayed"]) == (done, "true")
        assert w.bank.effects == [id_]
        types = [event.type for event in await w.chain()]
        assert types == ["payment.review", "payment.authenticated", "payment.succeeded"]
        assert "auth_abcdefgh" not in str(await w.rows("SELECT p::text, o::text FROM payments p, outbox o"))

    world(body)


def test_a_failed_authentication_declines_and_a_review_is_not_the_accounts_to_confirm(world: Run) -> None:
    async def body(w: World) -> None:
        failed, waits = await w.held("authenticate"), await w.held("review", "key-2", "dec_2")
        answer = await w.confirm(failed, "confirm-1", "failed")
        assert (answer.json()["status"], answer.json()["reason"]) == ("declined", "authentication_failed")
        refused = await w.confirm(waits, "confirm-2")
        assert (refused.status_code, refused.json()["error"]["reason"]) == (409, "not_waiting")
        assert (await w.confirm(waits, "confirm-2", "failed")).status_code == 409, "a refused key is free again"
        assert (await w.confirm(waits, "confirm-3", "perhaps")).json()["error"]["field"] == "result"
        assert (await w.confirm("pay_" + "0" * 26, "confirm-4")).status_code == 404
        assert w.bank.asked == 0

    world(body)


def test_what_the_bank_does_not_take_after_a_release_waits_for_another_and_has_one_event(world: Run) -> None:
    async def body(w: World) -> None:
        async def refuse() -> Response:
            return Response(status_code=503, headers={"x-refused": "breaker", "retry-after": "7"})

        released, confirmed = await w.held("review"), await w.held("authenticate", "key-2", "dec_2")
        w.bank.before = refuse
        assert (await w.review("dec_1", release=True)).headers["x-refused"] == "bank_unavailable"
        assert (await w.confirm(confirmed, "confirm")).headers["retry-after"] == "7"
        assert [(await w.get(id_))["status"] for id_ in (released, confirmed)] == ["review", "authenticate"]
        w.bank.before = None
        assert (await w.review("dec_1", release=True)).json()["status"] == "succeeded"
        assert (await w.confirm(confirmed, "confirm")).json()["status"] == "succeeded"
        types = sorted(event.type for event in await w.chain())
        assert types == sorted(
            ["payment.review", "payment.succeeded"] * 2 + ["payment.released", "payment.authenticated"]
        )

    world(body)


def test_a_held_payment_fails_when_its_time_is_over_and_not_before(world: Run) -> None:
    async def body(w: World) -> None:
        ids = [await w.held("authenticate"), await w.held("review", "key-2", "dec_2")]
        await w.later(3_500)
        assert [(await w.get(id_))["status"] for id_ in ids] == ["authenticate", "review"]
        await w.later(101)
        assert [(await w.get(id_))["status"] for id_ in ids] == ["failed", "review"]
        await w.later(168 * 3_600)
        await w.settler.round("s00")
        assert {(await w.get(id_))["reason"] for id_ in ids} == {"held_too_long"}
        assert [event.type for event in await w.chain()] == ["payment.review"] * 2 + ["payment.failed"] * 2
        assert await w.rows("SELECT id FROM payments WHERE token IS NOT NULL") == []
        assert w.bank.asked == 0

    world(body)


@pytest.mark.parametrize(("asked", "outcome"), [(False, "failed"), (True, "succeeded")])
def test_killed_while_a_released_payment_is_sent_the_settler_finishes_it_in_its_own_time(
    world: Run, asked: bool, outcome: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Banks.send

    async def killed(*arguments: Any) -> None:
        if asked:
            await real(*arguments)
        raise Killed

    async def body(w: World) -> None:
        id_ = await w.held("review")
        await w.later(600)
        with monkeypatch.context() as patched:
            patched.setattr(Banks, "send", killed)
            with pytest.raises(Killed):
                await w.review("dec_1", release=True)
        await w.settler.round("s00")
        assert (await w.get(id_))["status"] == "pending", "its time counts from the release"
        await w.later()
        assert (await w.get(id_))["status"] == outcome
        types = [event.type for event in await w.chain()]
        assert types == ["payment.review", "payment.released", f"payment.{outcome}"]

    world(body)


def test_a_held_payment_whose_payer_was_erased_is_not_sent(world: Run) -> None:
    async def body(w: World) -> None:
        id_ = await w.held("authenticate")
        (event,) = await w.chain()
        subject = event.data["payer"]["subject"]
        w.dynamodb.delete_item(TableName="keys", Key={"subject": {"S": subject}, "purpose": {"S": "payment"}})
        w.keys._cache.clear()
        assert (await w.confirm(id_, "confirm")).json()["error"]["reason"] == "not_payable"
        assert (await w.get(id_))["status"] == "authenticate"

    world(body)


def test_without_a_decision_the_fail_mode_of_the_class_counts_and_is_recorded(world: Run) -> None:
    async def body(w: World) -> None:
        failed = {"x_envoy_auth_failure_mode_allowed": "true"}
        live = await w.post(key="1", x_caller_class="live", **failed)
        assert (live.json()["status"], live.json()["fraud"]["mode"]) == ("succeeded", "failed-open")
        platform = await w.post(key="2", x_caller_class="platform", **failed)
        assert platform.json()["status"] == "review"
        batch = await w.post(key="3", x_caller_class="batch", **failed)
        assert (batch.status_code, batch.headers["x-refused"]) == (503, "fraud_unavailable")
        assert [event.data["fraud"]["mode"] for event in await w.chain()] == ["failed-open"] * 2

    world(body)


def test_a_payment_that_passed_unscored_keeps_its_signals_sealed_for_fraud_alone(world: Run) -> None:
    async def body(w: World) -> None:
        device = {"fingerprint": "fp-secret", "ip": "198.51.100.77"}
        await w.post(payment(device=device), key="1", x_envoy_auth_failure_mode_allowed="true")
        await w.post(payment(device=device), key="2")
        unscored, decided = await w.chain()
        sealed = unscored.data["signals"]
        assert (unscored.schema, sealed["$enc"]["purpose"]) == ("payment/2", "fraud")
        opened = FieldCipher(w.keys).open(unscored.data["payment"], "signals", sealed)
        assert opened == {"payment_method": "tok_abcdefgh", "payer": {"country": "DE"}, "device": device}
        assert (decided.schema, "signals" in decided.data) == ("payment/1", False)

    world(body)


def test_a_test_key_moves_no_money(world: Run) -> None:
    async def body(w: World) -> None:
        key = f"Bearer {api_keys.make(SECRET, KeyKind.TEST, ACCOUNT)}"
        answer = await w.post(authorization=key)
        assert (answer.json()["status"], answer.json()["livemode"]) == ("succeeded", False)
        assert w.bank.asked == 0
        assert (await w.get(answer.json()["id"]))["error"]["reason"] == "no_such_payment"

    world(body)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"amount": 0}, "amount"),
        ({"amount": True}, "amount"),
        ({"currency": "USD"}, "currency"),
        ({"market": "mars"}, "market"),
        ({"bank": "bank-z"}, "bank"),
        ({"payer": {"name": "A", "email": "nobody", "country": "DE"}}, "payer.email"),
        ({"device": {"ip": "300.1.1.1"}}, "device.ip"),
        ({"metadata": []}, "metadata"),
    ],
)
def test_a_wrong_field_is_named(world: Run, changes: dict[str, Any], named: str) -> None:
    async def body(w: World) -> None:
        refused = await w.post(payment(**changes))
        assert (refused.status_code, refused.json()["error"]["field"]) == (400, named)
        assert named in refused.json()["error"]["message"]

    world(body)


def test_keys_of_others_and_missing_ones_are_refused(world: Run) -> None:
    async def body(w: World) -> None:
        forged = api_keys.make("t" * 43, KeyKind.LIVE, ACCOUNT)
        assert (await w.post(authorization=f"Bearer {forged}")).status_code == 401
        assert (await w.post(authorization="")).status_code == 401
        platform = f"Bearer {api_keys.make(SECRET, KeyKind.PLATFORM, 'acct_platform')}"
        assert (await w.post(authorization=platform)).status_code == 400
        acting = await w.post(authorization=platform, payment_account="acct_merchant", x_caller_class="platform")
        assert acting.status_code == 201
        assert [event.account for event in await w.chain("acct_merchant")] == ["acct_merchant"]

    world(body)


def test_the_outbox_keeps_72_hours_of_what_was_relayed_and_all_that_was_not(world: Run) -> None:
    async def body(w: World) -> None:
        for number in range(3):
            await w.post(key=f"key-{number}")
        for position, hours in ((1, 73), (2, 71)):
            await w.as_master(
                f"UPDATE outbox SET relayed_at = now() - interval '{hours} hours' WHERE position = {position}"
            )
        await w.settler.round("s00")
        assert [row["position"] for row in await w.rows("SELECT position FROM outbox ORDER BY position")] == [2, 3]

    world(body)


def test_an_idempotency_key_starts_anew_after_24_hours(world: Run) -> None:
    async def body(w: World) -> None:
        first = (await w.post()).json()["id"]
        await w.as_master("UPDATE idempotency_keys SET created_at = created_at - interval '24 hours 1 minute'")
        assert (await w.post()).json()["id"] != first

    world(body)


def test_migrating_twice_changes_nothing_and_another_shards_database_is_refused(world: Run) -> None:
    async def body(w: World) -> None:
        await w.post()
        place = Place(host="127.0.0.1", port=w.database.port, name="-", database="payments", region="eu-west-1")
        login = local_login(place, MASTER)
        await migrate(place, login, "s00", 9)
        assert [tuple(row) for row in await w.rows("SELECT shard, version FROM shard_epoch")] == [("s00", 3)]
        assert len(await w.chain()) == 1
        with pytest.raises(ValueError, match="it is s00"):
            await migrate(place, login, "s01", 3)

    world(body)


def test_a_cell_that_does_not_write_refuses_every_write_and_still_reads(world: Run) -> None:
    async def body(w: World) -> None:
        made = (await w.post()).json()["id"]
        held = await w.held("review", key="key-2")
        w.lease.answers = False
        answers = [
            await w.post(key="key-3"),
            await w.refund(made, {}, "key-4"),
            await w.confirm(held, "key-5"),
            await w.review("dec_1", True),
        ]
        assert {answer.status_code for answer in answers} == {503}
        assert {answer.json()["error"]["reason"] for answer in answers} == {"not_the_writer"}
        assert {answer.headers["retry-after"] for answer in answers} == {"5"}
        assert w.bank.effects == [made]
        assert (await w.get(made))["status"] == "succeeded"

    world(body)


def test_a_payment_whose_lease_ended_at_the_bank_is_not_acknowledged_and_its_key_has_the_answer(world: Run) -> None:
    async def body(w: World) -> None:
        async def fenced() -> None:
            w.lease.answers = False

        w.bank.answer = fenced
        answer = await w.post()
        assert (answer.status_code, answer.json()["error"]["reason"]) == (503, "not_the_writer")
        (row,) = await w.rows("SELECT status FROM payments")
        assert row["status"] == "submitting"
        w.bank.answer, w.lease.answers = None, True
        await w.later()
        again = await w.post()
        assert (again.status_code, again.json()["status"]) == (201, "succeeded")
        assert len(w.bank.effects) == 1
        assert len(await w.chain()) == 1

    world(body)


def test_the_settler_of_a_cell_that_does_not_write_leaves_everything_as_it_is(world: Run) -> None:
    async def body(w: World) -> None:
        async def fenced() -> None:
            w.lease.answers = False

        w.bank.answer = fenced
        await w.post()
        await w.later()
        (row,) = await w.rows("SELECT status, asked_at FROM payments")
        assert (row["status"], row["asked_at"]) == ("submitting", None)

    world(body)


def test_who_asks_whether_the_cell_writes_needs_no_key(world: Run) -> None:
    async def body(w: World) -> None:
        assert (await w.client.get("/writer")).status_code == 200
        w.lease.answers = False
        answer = await w.client.get("/writer")
        assert (answer.status_code, answer.json()) == (503, {"cell": "eu-west-1", "epoch": 0, "writes": False})

    world(body)


def test_the_migrator_of_a_cell_that_stands_by_writes_nothing_and_migrates_once_it_writes(
    running: Server, tmp_path: Path
) -> None:
    running.make("standby")
    place = {"host": "127.0.0.1", "port": running.port}
    shards = {"shards": {"s00": place}, "database": "standby", "region": "eu-west-1"}
    (tmp_path / "shards.json").write_text(json.dumps(shards))
    (tmp_path / "map.json").write_text(shard_map(3))
    mounted, mapped = Mounted(tmp_path / "shards.json", parse_shards), Mounted(tmp_path / "map.json", parse_map)

    async def body() -> None:
        lease = Switch()
        lease.answers = False
        migrator = Migrator(mounted, mapped, local_login, lease)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("workloads.payments.migrate.EVERY_S", 0.01)
            task = asyncio.create_task(migrator.run())
            await asyncio.sleep(0)
            assert not migrator.ready
            lease.answers = True
            async with asyncio.timeout(20):
                while not migrator.ready:
                    await asyncio.sleep(0.01)
            task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(body())
    assert running.run("standby", "SELECT shard FROM shard_epoch")[0]["shard"] == "s00"
