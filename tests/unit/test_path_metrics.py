"""Lines that programs really write become the metrics that the contract names, each counted once."""

import asyncio
import json
import logging
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pulumi
import pytest
from mocks import run
from opentelemetry import trace

from components import bank_egress, event_path, gateway, path_metrics, payments
from components.envoy.bank_listener import ACCESS_FIELDS
from components.gateway_replies import REPLIES
from components.gateway_tracing import FIELDS
from components.path_metrics import ARCHIVE_LATE_S, MAX_FILTERS, RELAY_LATE_S, SLOW_MS, filters
from contracts.metrics import PATH_NAMESPACE, WORKLOADS, Subject
from sandbox.aws.extensions.log_metrics import Datum, data, matcher
from sandbox.dataplane.log_lines import Source, shaped
from stacks.telemetry import REFUSALS
from workloads import logs, telemetry
from workloads.payments.answers import Answer, Refused
from workloads.payments.api import Api
from workloads.payments.callers import Caller
from workloads.payments.concurrency import Concurrency
from workloads.payments.facts import begin, note
from workloads.payments.fraud import FAILURE_HEADER, FailMode, Fraud
from workloads.relay.lag import EVERY_S, LagReport

FILTER = "aws:cloudwatch/logMetricFilter:LogMetricFilter"
ROOT = Path(__file__).parents[2]
SHARES = ("ChargesFailed", "ChargesSlow", "FailedOpen", "EventsLate")


@pytest.fixture(scope="module")
def declared() -> list[dict[str, Any]]:
    """The filters as CloudWatch Logs has them."""
    made = run(lambda: path_metrics.declare("one", "eu-west-1", "/payment-cell/one/programs", pulumi.ResourceOptions()))
    result = []
    for one in made.of(FILTER).values():
        into = one.inputs["metricTransformation"]
        transformation = {
            "metricNamespace": into["namespace"],
            "metricName": into["name"],
            "metricValue": into["value"],
            "unit": into["unit"],
            "dimensions": into.get("dimensions", {}),
        }
        result.append({"filterPattern": one.inputs["pattern"], "metricTransformations": [transformation]})
    return result


def counted(line: str, container: str, declared: list[dict[str, Any]]) -> list[Datum]:
    """What a container's line adds."""
    source = Source(namespace="n", pod="p", uid="u", container=container, image="i", node="sandbox")
    (event,) = shaped([line], source, 0)
    return list(data(event["message"], declared))


def values(found: list[Datum], **dimensions: str) -> dict[str, float]:
    """Metric -> value, of those with exactly these dimensions; each once."""
    chosen = [datum for datum in found if datum.dimensions == dimensions]
    assert len({datum.name for datum in chosen}) == len(chosen), "a line adds once to a metric"
    return {datum.name: datum.value for datum in chosen}


class Lines(logging.Handler):
    """Log lines as they go to stdout."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logs.Lines("one"))
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def written() -> Iterator[list[str]]:
    """What the programs log."""
    handler, root = Lines(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield handler.lines
    root.removeHandler(handler)
    root.setLevel(level)


class Service:
    """Answers as it is told, and notes what the real one notes."""

    def __init__(self, outcome: Answer | Exception, bank_s: float = 0.0) -> None:
        self.outcome, self.bank_s = outcome, bank_s
        self.parts = self
        self.markets = self

    def get(self) -> Mapping[str, Any]:
        return {}

    def require_writer(self) -> None:
        """It always is."""

    async def create(self, _caller: Caller, _key: str, _body: Any, _wanted: Any, _fraud: Fraud) -> Answer:
        note(shard="s01")
        with telemetry.stage("bank"):
            await asyncio.sleep(self.bank_s)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


class Callers:
    async def of(self, headers: Mapping[str, str]) -> Caller:
        return Caller(account="acct_test0", livemode=True, caller_class=headers["x-caller-class"])


MADE = Answer(status=201, body={"id": "pay_1"})


def charge(
    monkeypatch: pytest.MonkeyPatch,
    written: list[str],
    outcome: Answer | Exception = MADE,
    *,
    caller: str = "live",
    bank_s: float = 0.0,
    failed_open: bool = False,
) -> str:
    """The line of a payment that the real API answered over a made-up service."""

    class Wanted:
        market = "eu-sepa"

    monkeypatch.setattr("workloads.payments.requests.new_payment", lambda _body, _markets: Wanted)
    modes = dict.fromkeys(("live", "test", "platform", "batch"), FailMode.ALLOW)
    at_a_time = Concurrency(dict.fromkeys(modes, 1))
    api = Api(Service(outcome, bank_s), Callers(), modes, at_a_time, trace.NoOpTracer())  # type: ignore[arg-type]
    decided = {FAILURE_HEADER: "true"} if failed_open else {"x-fraud-decision": "allow"}

    async def ask() -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=api.app()), base_url="http://api") as client:
            headers = {"x-caller-class": caller, "idempotency-key": "a-key-of-its-own", **decided}
            await client.post("/v1/payments", json={"amount": 1}, headers=headers)

    asyncio.run(ask())
    (line,) = [line for line in written if json.loads(line)["message"] == "answered"]
    return line


def test_every_metric_of_the_path_has_a_filter_with_its_dimensions(declared: list[dict[str, Any]]) -> None:
    made = [one["metricTransformations"][0] for one in declared]
    assert {(t["metricName"], tuple(t["dimensions"])) for t in made} == {
        (metric.name, metric.dimensions) for metric in WORKLOADS
    }
    assert {t["metricNamespace"] for t in made} == {f"{PATH_NAMESPACE}/one"}, "each series carries the cell's id"


def test_filters_are_ones_that_cloudwatch_takes(declared: list[dict[str, Any]]) -> None:
    assert len(declared) <= MAX_FILTERS
    for one in declared:
        assert len(one["filterPattern"]) <= path_metrics.MAX_PATTERN
        assert matcher(one["filterPattern"])(None) is False
        (into,) = one["metricTransformations"]
        assert len(into["dimensions"]) <= 3, "of a metric filter"
    assert len({one.key for one in filters()}) == len(filters())


def test_patterns_name_fields_that_envoys_write_and_containers_that_there_are() -> None:
    containers = {payments.PAYMENTS, event_path.RELAY, event_path.ARCHIVER, gateway.NAME, f"{bank_egress.NAMESPACE}-*"}
    for each in filters():
        (container,) = set(re.findall(r'container_name = "([^"]+)"', each.pattern))
        assert container in containers
        used = set(re.findall(r"\$\.log_processed\.(\w+)", each.pattern + each.value))
        if container == gateway.NAME:
            assert used <= FIELDS.keys()
        if container.startswith(bank_egress.NAMESPACE):
            assert used <= ACCESS_FIELDS.keys()


def test_a_charge_counts_by_class_market_and_shard(
    declared: list[dict[str, Any]], written: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = counted(charge(monkeypatch, written), "payments", declared)
    for dimension in ({"Class": "live"}, {"Market": "eu-sepa"}, {"Shard": "s01"}):
        assert values(found, **dimension).keys() == {"Requests", "Duration"}
    assert values(found) == {"ChargesFailed": 0, "ChargesSlow": 0, "FailedOpen": 0}


def test_a_charge_that_breaks_down_counts_against_the_objective(
    declared: list[dict[str, Any]], written: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = counted(charge(monkeypatch, written, RuntimeError("x")), "payments", declared)
    assert values(found) == {"ChargesFailed": 100, "FailedOpen": 0}
    assert values(found, Market="eu-sepa").keys() == {"Requests", "Errors", "Duration"}


def test_a_bank_that_takes_nothing_is_no_failure_of_the_cell(
    declared: list[dict[str, Any]], written: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    away = Refused(503, "bank_unavailable", "nothing was sent", retry_after_s=1)
    found = counted(charge(monkeypatch, written, away), "payments", declared)
    assert values(found)["ChargesFailed"] == 0
    assert values(found, Market="eu-sepa")["Errors"] == 1


def test_the_time_of_the_bank_is_not_the_cells(
    declared: list[dict[str, Any]], written: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    line = json.loads(charge(monkeypatch, written, bank_s=0.05))
    assert line["duration_ms"] >= 50 > line["own_ms"]
    slow = json.dumps({**line, "own_ms": SLOW_MS + 1})
    assert values(counted(slow, "payments", declared))["ChargesSlow"] == 100


def test_every_decision_that_failed_open_counts(
    declared: list[dict[str, Any]], written: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = counted(charge(monkeypatch, written, caller="batch", failed_open=True), "payments", declared)
    assert values(found) == {"FailedOpen": 100}
    assert values(found, Class="batch")["FailOpenDecisions"] == 1


def test_what_may_be_shed_does_not_count_against_the_objective(
    declared: list[dict[str, Any]], written: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = counted(charge(monkeypatch, written, RuntimeError("x"), caller="test"), "payments", declared)
    assert "ChargesFailed" not in values(found)


def edge(**fields: Any) -> str:
    """A line of the gateway; Envoy leaves out what is not there."""
    return json.dumps({"endpoint": "create", "class": "live", "status": 503, "duration_ms": 1, **fields})


def test_a_charge_that_the_gateway_fails_itself_counts_and_one_that_payments_failed_counts_there(
    declared: list[dict[str, Any]],
) -> None:
    assert values(counted(edge(refused="shed"), "gateway", declared)) == {"ChargesFailed": 100}
    assert values(counted(edge(upstream_ms="12", status=500), "gateway", declared)) == {}
    assert values(counted(edge(refused="account-rate", status=429), "gateway", declared)) == {}


def test_each_refusal_counts_by_its_reason_whatever_was_asked_for(declared: list[dict[str, Any]]) -> None:
    for line in (edge(refused="shed"), json.dumps({"status": 401, "refused": "no-key"})):
        reason = json.loads(line)["refused"]
        assert values(counted(line, "gateway", declared), Reason=reason) == {"Refusals": 1}


def test_the_budget_of_series_has_room_for_every_reason_there_is() -> None:
    found = {reply.reason for reply in REPLIES if reply.refused}
    found |= set(re.findall(r'refuse\(handle, "\d+", "([\w-]+)"', (ROOT / "components/envoy/caller.lua").read_text()))
    for path in (ROOT / "workloads/payments").glob("*.py"):
        found |= set(re.findall(r'Refused\(\s*\d+, "(\w+)"', path.read_text()))
    found |= set(re.findall(r'refusal\(\s*\d+, "([\w-]+)"', (ROOT / "workloads/scorer/authorization.py").read_text()))
    assert {"shed", "no-key", "bank_unavailable"} <= found
    assert len(found) <= REFUSALS


def test_a_call_of_a_bank_counts_by_bank(declared: list[dict[str, Any]]) -> None:
    line = {"bank": "uk/aldgate", "status": 504, "duration_ms": 2500, "unknown": "timeout"}
    found = values(counted(json.dumps(line), "egress-0", declared), Bank="uk/aldgate")
    assert found == {"Requests": 1, "Errors": 1, "Duration": 2500}


@pytest.mark.parametrize(
    ("container", "lag", "late_s"), [("relay", "RelayLag", RELAY_LATE_S), ("archiver", "ArchiveLag", ARCHIVE_LATE_S)]
)
def test_lag_is_told_with_its_worst_and_late_counts(
    container: str, lag: str, late_s: int, declared: list[dict[str, Any]], written: list[str]
) -> None:
    now = [0.0]
    report = LagReport(logs.Log(container), "s00", clock=lambda: now[0])
    for seconds, lag_s in ((0.0, 0.1), (1.0, late_s + 5.0), (EVERY_S, 0.2), (EVERY_S + 1, 9.0)):
        now[0] = seconds
        report.tell(lag_s)
    well, late = (values(counted(line, container, declared)) for line in written)
    assert well == {lag: 0.1, "EventsLate": 0}
    assert late == {lag: late_s + 5.0, "EventsLate": 100}


def test_a_share_is_a_hundred_or_nothing() -> None:
    """So that its average is a percentage."""
    shares = [each for each in filters() if each.of.name in SHARES]
    assert {each.of.name for each in shares} == set(SHARES)
    assert {each.of.subject for each in shares} == {Subject.PATH}
    assert {each.value for each in shares} == {"0", "100"}


def test_nothing_is_noted_outside_of_a_request() -> None:
    first = begin()
    note(shard="s00")
    second = begin()
    note(market="uk")
    assert (first, second) == ({"shard": "s00"}, {"market": "uk"})
