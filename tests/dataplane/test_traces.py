"""Traces of a payment's way, as the sandbox's collector gets them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from gateway_stand import PATIENCE_S, Stand, addresses, key, running, until

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
    answer = post(traced, {**key("acct_abcd"), "traceparent": CALLERS_TRACE, "x-envoy-force-trace": "1"})
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
