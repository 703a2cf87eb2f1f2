"""Traces of a payment's way, as the sandbox's collector gets them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from gateway_stand import PATIENCE_S, Stand, addresses, key, running, until
from whole_way import Way, payment, way

from operations.probe.load import server_timing
from sandbox.dataplane.traces import Collector, Span, kept

pytestmark = pytest.mark.dataplane

CANARY = "4000056655665556"
PAYMENTS = "/v1/payments"
CALLERS_TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@dataclass
class Traced:
    """A gateway whose share is 0, with a collector."""

    stand: Stand
    folder: Path

    def of(self, request: httpx.Response, name: str) -> Span:
        """The gateway's span of this name of a request."""
        id_ = request.headers["x-request-id"]

        def look() -> Sequence[Span]:
            return [one for one in self.spans() if one["name"] == name and id_ in one["attributes"].values()]

        return dict(until(look, f"a span {name} of {id_}")[0])

    def spans(self) -> list[Span]:
        return list(kept(self.folder))


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traced]:
    folder, home = tmp_path_factory.mktemp("traces"), tmp_path_factory.mktemp("gateway")
    collector = Collector(folder, next(addresses))
    host, port = collector.address
    with running(home, otlp_endpoint=f"http://{host}:{port}", sampled_percent=0) as stand:
        yield Traced(stand, folder)
    collector.stop()


def post(traced: Traced, headers: dict[str, str], path: str = PAYMENTS) -> httpx.Response:
    with traced.stand.client() as client:
        return client.post(path, headers=headers, json={})


@pytest.mark.parametrize(
    ("headers", "reason"),
    [({}, "no-key"), (key("acct_gone"), "wrong-cell"), ({**key("acct_abcd"), "user-agent": "slow"}, "no-decision")],
)
def test_a_refused_request_leaves_a_span_although_the_share_is_0(
    traced: Traced, headers: dict[str, str], reason: str
) -> None:
    batch = {"Payment-Batch": "true"} if reason == "no-decision" else {}
    answer = post(traced, {**headers, **batch})
    assert answer.headers["x-refused"] == reason
    span = traced.of(answer, "refused")
    assert (span["service"], span["attributes"]["refused"]) == ("gateway", reason)
    assert span["attributes"]["http.status_code"] == str(answer.status_code)
    assert 0 <= span["ms"] < PATIENCE_S * 1000


def test_a_payment_without_a_decision_is_traced_from_there_on_although_the_share_is_0(traced: Traced) -> None:
    answer = post(traced, {**key("acct_abcd"), "user-agent": "slow"})
    assert answer.json()["x-envoy-auth-failure-mode-allowed"] == "true"
    span = traced.of(answer, "ingress")
    _, trace, parent, flag = answer.json()["traceparent"].split("-")
    assert (trace, flag) == (span["trace"], "01")
    call = next(one for one in traced.spans() if one["span"] == parent)
    assert (call["name"], call["parent"]) == ("router payments egress", span["span"])
    assert span["attributes"]["class"] == "live"


def test_of_the_rest_the_share_decides_and_not_the_callers_flag(traced: Traced) -> None:
    headers = {**key("acct_abcd"), "traceparent": CALLERS_TRACE, "x-envoy-force-trace": "1"}

    def in_time() -> httpx.Response | None:
        made = post(traced, headers)
        return None if "x-envoy-auth-failure-mode-allowed" in made.json() else made

    answer = until(in_time, "a decision in time")
    _, trace, _, flag = answer.json()["traceparent"].split("-")
    assert trace != CALLERS_TRACE.split("-")[1]
    assert flag == "00"
    # What comes later is there: this one would be too.
    traced.of(post(traced, {}), "refused")
    assert trace not in {span["trace"] for span in traced.spans()}


def test_nothing_that_a_caller_writes_is_in_a_span(traced: Traced) -> None:
    words = {"user-agent": f"slow {CANARY}", "host": f"{CANARY}.example.com", "traceparent": CANARY, "x-a": CANARY}
    answers = [
        post(traced, {**key("acct_abcd"), **words, "user-agent": "slow"}, f"{PAYMENTS}?card={CANARY}"),
        post(traced, {**words}, f"{PAYMENTS}/{CANARY}?card={CANARY}"),
    ]
    for answer, name in zip(answers, ("ingress", "refused"), strict=True):
        traced.of(answer, name)
    files = [path.read_text() for path in traced.folder.glob("*.jsonl")]
    assert files
    assert not [text for text in files if CANARY in text]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Way]:
    with way(tmp_path_factory.mktemp("way")) as made:
        yield made


def way_of(spans: Sequence[Span]) -> set[tuple[str, str, str]]:
    """(service and name of the parent, service, name) of each span; an empty parent begins the trace."""
    by_id = {span["span"]: span for span in spans}

    def above(span: Span) -> str:
        return "" if span["parent"] is None else "{service}: {name}".format(**by_id[span["parent"]])

    return {(above(span), span["service"], span["name"]) for span in spans}


SCORER = "async envoy.service.auth.v3.Authorization.Check egress"
WAY = {
    ("", "gateway", "ingress"),
    ("gateway: ingress", "gateway", SCORER),
    (f"gateway: {SCORER}", "scorer", "decide"),
    ("scorer: decide", "scorer", "features"),
    ("gateway: ingress", "gateway", "router payments egress"),
    ("gateway: router payments egress", "payments", "create"),
    *(("payments: create", "payments", stage) for stage in ("auth", "keys", "tx1", "bank", "tx2")),
    ("payments: bank", "egress", "ingress"),
    ("egress: ingress", "egress", "router bank.one.alpha egress"),
    ("payments: tx2", "relay", "relay"),
}


def test_a_payment_is_one_trace_from_the_gateway_to_the_relay(whole: Way) -> None:
    answer = whole.post("key-1", payment())
    assert answer.status_code == 201, answer.text
    spans = whole.spans(answer.json()["id"], lambda spans: len(spans) >= len(WAY))
    assert way_of(spans) == WAY
    assert {span["error"] for span in spans} == {False}


def test_a_customer_is_told_the_stages_of_gateway_and_api(whole: Way) -> None:
    stages = server_timing(whole.post("key-2", payment()).headers["server-timing"])
    assert set(stages) == {"fraud", "auth", "keys", "tx1", "bank", "tx2", "api"}
    assert all(milliseconds > 0 for milliseconds in stages.values())


def test_a_card_number_is_in_no_span_of_the_whole_way(whole: Way) -> None:
    refused = [
        whole.post("key-3", payment(description=CANARY)),
        whole.post(CANARY, payment()),
        whole.post("key-4", payment(payment_method=CANARY), **{"user-agent": CANARY}),
    ]
    assert {answer.status_code for answer in refused} == {400}
    for answer in refused:
        whole.spans(answer.headers["x-request-id"], lambda spans: "payments" in {span["service"] for span in spans})
    assert CANARY not in "".join(path.read_text() for path in whole.folder.glob("*.jsonl"))
