"""What all programs share: log lines, metrics, spans, mounted files, logins."""

import asyncio
import json
import logging
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import certifi
import httpx
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from workloads import database, telemetry
from workloads.database import Databases, Login, Named, Place, iam_login, parse_shards
from workloads.logs import Lines
from workloads.mounted import Mounted
from workloads.otlp import document
from workloads.payments.banks import Outcome, read
from workloads.payments.concurrency import account_limits
from workloads.payments.fraud import FailMode, fail_modes
from workloads.payments.markets import parse_markets


def line(message: str, fields: dict[str, Any] | None = None, error: BaseException | None = None) -> dict[str, Any]:
    cause = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord("payments", logging.INFO, "x.py", 1, message, (), cause)
    record.fields = fields or {}
    text = Lines("eu-west-1").format(record)
    assert "\n" not in text
    return dict(json.loads(text))


def test_a_line_is_json_with_the_cell_and_its_fields() -> None:
    found = line("finished", {"payment": "pay_1", "ms": 12, "live": True, "reasons": ["a"]})
    assert found["cell"] == "eu-west-1"
    assert found["level"] == "info"
    assert {name: found[name] for name in ("message", "payment", "ms", "live")} == {
        "message": "finished",
        "payment": "pay_1",
        "ms": 12,
        "live": True,
    }


def test_a_card_number_is_masked_wherever_it_got_into_a_line() -> None:
    card = "4000056655665556"
    fields = {"text": f"x {card}", "number": int(card), "deep": {"list": [card]}, card: "key"}
    assert card not in json.dumps(line(f"message {card}", fields))


def test_of_an_exception_type_and_place_are_written_and_not_its_text() -> None:
    try:
        raise ValueError("Ada Lovelace")
    except ValueError as error:
        found = line("broke", error=error)
    assert found["error"] == "ValueError"
    assert found["at"].startswith("test_programs.py:")
    assert "Ada" not in json.dumps(found)


def test_metrics_are_exposed_as_prometheus_reads_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELL", "eu-west-1")
    counter = telemetry.Counter("test_total", "Counts.")
    counter.add(route='a"b')
    counter.add(2, route='a"b')
    histogram = telemetry.Histogram("test_seconds", "Seconds.", (0.1, 1.0))
    for seconds in (0.1, 0.5, 9.0):
        histogram.observe(seconds)
    text = telemetry.exposition().splitlines()
    assert r'test_total{cell="eu-west-1",route="a\"b"} 3' in text
    assert "# TYPE test_seconds histogram" in text
    buckets = [row.rpartition(" ")[2] for row in text if row.startswith("test_seconds_bucket")]
    assert buckets == ["1", "2", "3"]
    assert 'test_seconds_count{cell="eu-west-1"} 3' in text


def test_a_trace_goes_on_through_headers_and_into_otlp() -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    came = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
    with provider.get_tracer("test").start_as_current_span("create", context=telemetry.incoming(came)) as span:
        span.set_attribute("http.response.status_code", 201)
        assert telemetry.outgoing()["traceparent"].startswith("00-0af7651916cd43dd8448eb211c80319c-")
    (found,) = document(exporter.get_finished_spans())["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert (found["traceId"], found["parentSpanId"]) == ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")
    assert {"key": "http.response.status_code", "value": {"intValue": "201"}} in found["attributes"]


def test_a_swapped_file_is_read_again_and_a_broken_one_is_not_taken(tmp_path: Path) -> None:
    """As a kubelet does it: a folder of each version, a link that is exchanged."""

    def swap(number: int, text: str) -> None:
        (tmp_path / f"v{number}").mkdir()
        (tmp_path / f"v{number}" / "x.json").write_text(text)
        (tmp_path / "new").symlink_to(f"v{number}")
        os.replace(tmp_path / "new", tmp_path / "..data")

    swap(1, "1")
    (tmp_path / "x.json").symlink_to("..data/x.json")
    mounted = Mounted(tmp_path / "x.json", json.loads, look_s=0)
    assert mounted.get() == 1
    swap(2, "2")
    assert mounted.get() == 2
    swap(3, "broken")
    assert mounted.get() == 2
    swap(4, "4")
    assert mounted.get() == 4


def test_a_token_is_for_the_proxys_name_and_user(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("DATABASE_CA_FILE", certifi.where())
    place = Place(host="127.0.0.9", port=5432, name="proxy.example", database="payments", region="eu-west-1")
    login = iam_login(place, "payments")
    assert login.password is not None
    token = urlsplit(f"https://{asyncio.run(login.password())}")
    assert token.netloc == "proxy.example:5432"
    query = parse_qs(token.query)
    assert (query["DBUser"], query["Action"], query["X-Amz-Expires"]) == (["payments"], ["connect"], ["900"])
    assert isinstance(login.tls, Named)
    assert (login.tls.name, login.tls.verify_mode, login.tls.check_hostname) == (
        "proxy.example",
        ssl.CERT_REQUIRED,
        True,
    )


class Pool:
    @asynccontextmanager
    async def acquire(self, **_options: float) -> AsyncIterator[str]:
        yield "connected"


def test_a_shard_that_does_not_answer_keeps_nobody_from_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does it keep a program from beginning."""
    places = {shard: {"host": shard, "port": 1} for shard in ("s00", "s01", "s02")}
    (tmp_path / "shards.json").write_text(json.dumps({"database": "d", "region": "r", "shards": places}))
    hangs, opened = asyncio.Event(), []

    async def opens(place: Place, _login: Login) -> Pool:
        if place.host == "s00":
            await hangs.wait()
            raise OSError("no route")
        opened.append(place.host)
        return Pool()

    monkeypatch.setattr(database, "open_pool", opens)

    async def work() -> None:
        databases = Databases(
            Mounted(tmp_path / "shards.json", parse_shards), "payments", lambda _place, user: Login(user=user)
        )
        warming = asyncio.create_task(databases.warm())
        async with databases.connection("s01") as connection:
            assert connection == "connected"
        assert not warming.done()
        hangs.set()
        await warming
        with pytest.raises(OSError, match="no route"):
            async with databases.connection("s00"):
                pass

    asyncio.run(work())
    assert sorted(opened) == ["s01", "s02"]


def test_shards_without_a_name_are_checked_for_their_host() -> None:
    text = '{"database": "d", "region": "r", "shards": {"s00": {"host": "h", "port": 1}}}'
    assert parse_shards(text)["s00"].name == "h"
    with pytest.raises(ValueError, match="KeyError at 'port'"):
        parse_shards('{"database": "d", "region": "r", "shards": {"s00": {"host": "h"}}}')


@pytest.mark.parametrize(
    ("method", "status", "headers", "body", "outcome"),
    [
        ("POST", 201, {}, '{"status": "accepted"}', Outcome.SUCCEEDED),
        ("POST", 200, {}, '{"status": "declined"}', Outcome.DECLINED),
        ("POST", 201, {}, '{"status": "new word"}', Outcome.UNKNOWN),
        ("POST", 201, {}, "<html>", Outcome.UNKNOWN),
        ("POST", 402, {}, "", Outcome.DECLINED),
        ("POST", 422, {}, "", Outcome.FAILED),
        ("POST", 409, {}, "", Outcome.UNKNOWN),
        ("POST", 503, {}, "", Outcome.UNKNOWN),
        ("POST", 503, {"x-refused": "breaker"}, "", Outcome.NOT_SENT),
        ("GET", 404, {}, "", Outcome.FAILED),
        ("GET", 400, {}, "", Outcome.UNKNOWN),
        ("GET", 404, {"x-refused": "no_route"}, "", Outcome.NOT_SENT),
    ],
)
def test_only_what_is_certain_is_taken_from_a_banks_answer(
    method: str, status: int, headers: dict[str, str], body: str, outcome: Outcome
) -> None:
    assert read(method, status, httpx.Headers(headers), body.encode()).outcome is outcome


@pytest.mark.parametrize(
    "text", ["", "{}", '{"live": "allow"}', '{"live": "x", "test": "x", "platform": "x", "batch": "x"}']
)
def test_a_fail_mode_is_needed_for_each_class(text: str) -> None:
    with pytest.raises(ValueError, match="FRAUD_FAIL_MODE"):
        fail_modes(text)


@pytest.mark.parametrize(
    "text",
    ["{}", "5", '{"live": 1}', '{"live": 0, "test": 1, "platform": 1, "batch": 1}'],
)
def test_a_number_of_requests_at_a_time_is_needed_for_each_class(text: str) -> None:
    with pytest.raises(ValueError, match="ACCOUNT_CONCURRENCY"):
        account_limits(text)


def test_fail_modes_are_read_by_class() -> None:
    found = fail_modes('{"live": "allow", "test": "allow", "platform": "review", "batch": "block"}')
    assert found["batch"] is FailMode.BLOCK


@pytest.mark.parametrize(("timeout", "problem"), [(0, "outside"), (16, "outside"), ("x", "could not convert")])
def test_a_banks_timeout_that_the_settler_would_overtake_is_refused(timeout: object, problem: str) -> None:
    market = {
        "currency": "EUR",
        "egress": {"host": "e", "port": 1},
        "banks": {"b": {"rail": "r", "timeout_s": timeout}},
    }
    with pytest.raises(ValueError, match=problem):
        parse_markets(json.dumps({"markets": {"m": market}}))
