"""A probe's plan, its open loop and its report, without a cell."""

import asyncio
import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from contracts import card_numbers
from contracts.fraud import Decision
from contracts.fraud_addresses import bundled
from contracts.fraud_features import Memory, compute, read_request
from contracts.fraud_features import changes as added
from contracts.fraud_rules import load_rules
from contracts.reconciliation import reconcile
from contracts.shard_plan import declared_map
from operations.errors import CellError, ExitCode
from operations.probe import load, report, target
from operations.probe.evidence import Found
from operations.probe.load import Answer, Progress, Try, server_timing
from operations.probe.plan import MAX_PAYMENTS, Plan, plan_probe
from workloads.scorer.models import BASELINE, Model

ROOT = Path(__file__).parents[2]
START_S = 1_796_000_000.0

MARKETS: dict[str, Any] = {
    "eu-sepa": {"currency": "EUR", "banks": {"azul": {}, "verde": {}}},
    "uk": {"currency": "GBP", "banks": {"thames": {}}},
}
MAP = declared_map(4, [])


def planned(**changes: Any) -> Plan:
    asked: dict[str, Any] = {
        "payments": 400, "rate": 100.0, "markets": MARKETS, "only": [], "faults": [], "shard_map": MAP,
    }  # fmt: skip
    return plan_probe("one", **{**asked, **changes})


def test_the_same_seed_makes_the_same_payments() -> None:
    assert planned() == planned()
    assert planned(seed=1).calls != planned().calls


def test_no_run_has_a_key_or_a_body_that_would_pass_for_a_card_number() -> None:
    # The 48 bits of this seed are 170832477429 in hexadecimal: with a digit after them one in ten passes the check.
    for call in planned(seed=2327).calls:
        assert not card_numbers.find(call.idempotency_key)
        assert card_numbers.path_of(call.body) is None


def test_all_markets_banks_and_shards_are_paid_in() -> None:
    calls = planned().calls
    assert Counter(call.body["market"] for call in calls) == {"eu-sepa": 200, "uk": 200}
    assert {call.bank for call in calls} == {"azul", "verde", "thames"}
    assert {MAP.shard_of(call.account) for call in calls} == {"s00", "s01", "s02", "s03"}
    assert len({call.idempotency_key for call in calls}) == 400


def test_payers_are_such_that_the_fraud_decision_lets_most_of_them_pay() -> None:
    rules = load_rules((ROOT / "stacks/fraud_rules.yaml").read_text())
    model, memory, decisions = Model(BASELINE.read_bytes()), Memory(), Counter[Decision]()
    for call in planned(payments=1000, rate=15.0).calls:
        request = read_request(call.account, call.body, b"key", bundled())
        now_s = START_S + call.at_s
        signals = compute(request, now_s, memory.read(request))
        decisions[rules.judge(model.score(signals), signals, request.facts).decision] += 1
        for change in added(request, now_s):
            memory.apply(change)
    assert decisions[Decision.ALLOW] >= 800
    assert decisions[Decision.BLOCK] <= 50


def test_calls_leave_at_the_rate() -> None:
    plan = planned(payments=300, rate=50.0)
    assert [call.at_s for call in plan.calls[:3]] == [0, 0.02, 0.04]
    assert plan.seconds == 6.0


def test_a_fault_lasts_for_the_middle_of_the_run_or_just_happens() -> None:
    hang, restart = planned(payments=1000, rate=10.0, faults=["bank-hang:azul", "shard-restart"]).faults
    assert (hang.start_s, hang.end_s) == (25.0, 60.0)
    assert (restart.start_s, restart.end_s) == (25.0, None)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"payments": 0}, "--payments: 0 is outside 1..100,000"),
        ({"payments": MAX_PAYMENTS + 1}, "--payments: 100001 is outside"),
        ({"rate": 0.0}, "--rate: 0 is outside"),
        ({"payments": 50_000, "rate": 1.0}, "50,000 s is longer than 3,600 s; raise --rate"),
        ({"only": ["mars"]}, "'mars' is not served by one; it serves eu-sepa, uk"),
        ({"markets": {}}, "serves no market: add it to `cells`"),
        ({"faults": ["bank-hang"]}, "None is no bank"),
        ({"faults": ["bank-hang:none"]}, "'none' is no bank of the cell's markets; use azul, thames, verde"),
        ({"faults": ["earthquake"]}, "'earthquake' is unknown; use bank-hang:BANK"),
        ({"faults": ["scorer-dead:azul"]}, "scorer-dead takes no name"),
    ],
)
def test_what_cannot_be_probed_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(CellError, match=re.escape(said)) as refused:
        planned(**changes)
    assert refused.value.code == ExitCode.CONFIGURATION


def test_load_goes_nowhere_but_to_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    names = tmp_path / "hosts.json"
    names.write_text(
        json.dumps({f"one/{target.GATEWAY}": "127.9.0.1:8443", f"far/{target.GATEWAY}": "203.0.113.9:443"})
    )
    monkeypatch.setenv(target.RESOLVE, str(names))
    assert target.gateway("one", "one.example.com").url == "https://127.9.0.1:8443"
    with pytest.raises(CellError, match="is not on this machine"):
        target.gateway("far", "far.example.com")
    with pytest.raises(CellError, match="no gateway runs on this machine"):
        target.gateway("two", "two.example.com")
    monkeypatch.delenv(target.RESOLVE)
    with pytest.raises(CellError, match="no gateway runs on this machine"):
        target.gateway("one", "one.example.com")


Handler = Callable[[httpx.Request], httpx.Response]


def loaded(monkeypatch: pytest.MonkeyPatch, handler: Handler, plan: Plan) -> tuple[list[Answer], list[Any]]:
    """A run against a handler in place of a gateway, and the faults that were switched."""
    whole, switched = httpx.AsyncClient, []

    def client(**settings: Any) -> httpx.AsyncClient:
        settings.pop("verify"), settings.pop("limits")
        return whole(**settings, transport=httpx.MockTransport(handler))

    async def switch(name: str, on: bool) -> None:
        switched.append((name, on))

    monkeypatch.setattr(load.httpx, "AsyncClient", client)
    where = target.Target(domain="one.example.com", address="127.0.0.1", port=1, stack="one")
    answers = asyncio.run(load.run(plan, lambda: where, lambda call: f"sk_{call.key_class}", switch, Progress()))
    return answers, switched


def test_a_refused_payment_is_sent_again_under_the_same_key(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: Counter[str] = Counter()

    def refuse_once(request: httpx.Request) -> httpx.Response:
        key = request.headers["idempotency-key"]
        seen[key] += 1
        if seen[key] == 1:
            return httpx.Response(503, headers={"retry-after": "0", "x-refused": "breaker"}, json={})
        timing = {"server-timing": "db;dur=1.5, bank;dur=20"}
        return httpx.Response(201, headers=timing, json={"id": f"pay_{key}", "status": "succeeded"})

    answers, _ = loaded(monkeypatch, refuse_once, planned(payments=5, rate=1000.0))
    assert [answer.payment_id for answer in answers] == [f"pay_{a.call.idempotency_key}" for a in answers]
    assert {(len(a.tries), a.tries[0].reason, a.tries[1].stages_ms["bank"]) for a in answers} == {(2, "breaker", 20.0)}


def test_a_final_answer_is_not_argued_with(monkeypatch: pytest.MonkeyPatch) -> None:
    body = {"error": {"type": "invalid_request", "reason": "card-number", "message": ""}}
    answers, _ = loaded(monkeypatch, lambda _: httpx.Response(400, json=body), planned(payments=1, rate=1000.0))
    assert (answers[0].payment_id, answers[0].status, len(answers[0].tries)) == (None, "card-number", 1)


def test_faults_end_with_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def accept(_: httpx.Request) -> httpx.Response:
        return httpx.Response(201, json={"id": "pay_1", "status": "succeeded"})

    plan = planned(payments=20, rate=1000.0, faults=["scorer-dead", "shard-restart"])
    _, switched = loaded(monkeypatch, accept, plan)
    assert sorted(switched) == [("scorer-dead", False), ("scorer-dead", True), ("shard-restart", True)]


def test_server_timing_is_read_and_what_has_no_duration_left_out() -> None:
    assert server_timing("db;dur=1.5, cache;desc=hit, bank;desc=x;dur=2") == {"db": 1.5, "bank": 2.0}
    assert server_timing("fraud;dur=2400e-3, late;dur=-e-3") == {"fraud": 2.4}
    assert server_timing("") == {}


def answered(plan: Plan, lost: int = 0) -> tuple[list[Answer], Found]:
    answers = [
        Answer(
            call=call,
            tries=[Try(at_s=call.at_s, seconds=0.01 * (number % 10 + 1), status=201)],
            payment_id=f"pay_{number}",
            status="succeeded",
            fraud="allow",
        )
        for number, call in enumerate(plan.calls)
    ]
    acknowledged = [load_acknowledged(answer) for answer in answers[:lost]]
    return answers, Found(reconciliation=reconcile(acknowledged, [], [], [], MAP.shard_of), lags=[])


def load_acknowledged(answer: Answer) -> Any:
    from contracts.reconciliation import Acknowledged

    return Acknowledged(payment_id=str(answer.payment_id), account=answer.call.account, status=answer.status)


FRAUD = "fraud;dur=2400e-3"
"""As an Envoy writes it: microseconds, and what makes them milliseconds."""

BEGAN = datetime(2026, 11, 28, tzinfo=UTC)


def test_the_document_counts_what_customers_saw() -> None:
    plan = planned(payments=100)
    numbers = report.document(plan, *answered(plan), BEGAN)
    assert (numbers["acknowledged"], numbers["statuses"], numbers["problems"]) == (100, {"succeeded": 100}, [])
    assert numbers["latencyMs"]["total"] == {"p50": 50.0, "p90": 90.0, "p99": 100.0}
    assert sum(row["payments"] for row in numbers["banks"].values()) == 100
    assert json.loads(json.dumps(numbers)) == numbers


def test_the_report_shows_the_stages_that_gateway_and_api_tell_in_the_order_of_the_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = [("server-timing", "auth;dur=0.2, tx1;dur=3, bank;dur=20, tx2;dur=4, api;dur=28"), ("server-timing", FRAUD)]

    def accept(_: httpx.Request) -> httpx.Response:
        return httpx.Response(201, headers=told, json={"id": "pay_1", "status": "succeeded"})

    plan = planned(payments=3, rate=1000.0)
    answers, _ = loaded(monkeypatch, accept, plan)
    found = Found(reconciliation=reconcile([], [], [], [], MAP.shard_of), lags=[])
    numbers = report.document(plan, answers, found, BEGAN)
    assert list(numbers["latencyMs"]) == ["total", "fraud", "api", "auth", "tx1", "bank", "tx2"]
    assert numbers["latencyMs"]["fraud"] == {"p50": 2.4, "p90": 2.4, "p99": 2.4}
    assert f"<td>{report.STAGES['bank'].split(',')[0]}" in report.page(numbers).replace("&#39;", "'")


def test_a_lost_payment_leads_the_page() -> None:
    plan = planned(payments=10)
    numbers = report.document(plan, *answered(plan, lost=1), BEGAN)
    assert numbers["problems"] == ["1 lost payments: pay_0"]
    assert "1 findings." in report.page(numbers)
    assert "Every acknowledged payment" not in report.page(numbers)


def test_a_probe_of_which_no_payment_was_taken_is_a_finding() -> None:
    plan = planned(payments=10)
    answers, found = answered(plan)
    refused = [replace(answer, payment_id=None, status="shard_unavailable") for answer in answers]
    assert report.document(plan, refused, found, BEGAN)["problems"] == [report.NONE_TAKEN.format(10)]


def test_the_page_needs_nothing_but_itself_and_escapes_names() -> None:
    plan = replace(planned(payments=10), stack="<script>alert(1)</script>")
    text = report.page(report.document(plan, *answered(plan), BEGAN))
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert not re.search(r'(src|href)="http', text)
    assert text.count("<svg") == 3
