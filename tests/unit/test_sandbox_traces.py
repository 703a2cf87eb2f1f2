"""The sandbox's collector of spans, and what `cell sandbox trace` prints of them."""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

from sandbox.dataplane import traces
from sandbox.dataplane.traces import Collector, Span, found, kept, read, tree

TRACE, ROOT, CHILD = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "00f067aa0ba902b7"


def document(payment: str = "pay_1") -> bytes:
    def attribute(key: str, value: str) -> dict[str, object]:
        return {"key": key, "value": {"stringValue": value}}

    times = {"startTimeUnixNano": "1000000000", "endTimeUnixNano": "1002500000", "kind": 2}
    root = {"traceId": TRACE, "spanId": ROOT, "name": "create", "attributes": [attribute("payment", payment)], **times}
    child = {"traceId": TRACE, "spanId": CHILD, "parentSpanId": ROOT, "name": "bank", "status": {"code": 2}, **times}
    resource = {"attributes": [attribute("service.name", "payments")]}
    return json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [child, root]}]}]}).encode()


def protobuf() -> bytes:
    """The same, as an Envoy writes it."""
    request = trace_service_pb2.ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    attribute = resource.resource.attributes.add()
    attribute.key, attribute.value.string_value = "service.name", "payments"
    scope = getattr(resource, resource.DESCRIPTOR.fields_by_number[traces.SCOPES].name).add()
    for name, span_id, parent in (("bank", CHILD, ROOT), ("create", ROOT, "")):
        span = scope.spans.add()
        span.trace_id, span.span_id, span.parent_span_id = map(bytes.fromhex, (TRACE, span_id, parent))
        span.name, span.kind, span.start_time_unix_nano, span.end_time_unix_nano = name, 2, 1_000_000_000, 1_002_500_000
    scope.spans[0].status.code = 2
    told = scope.spans[1].attributes.add()
    told.key, told.value.string_value = "payment", "pay_1"
    return bytes(request.SerializeToString())


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    made = Collector(tmp_path / "traces")
    yield made
    made.stop()


def send(collector: Collector, body: bytes, content_type: str = "application/json", path: str = traces.PATH) -> int:
    host, port = collector.address
    request = urllib.request.Request(f"http://{host}:{port}{path}", body, {"content-type": content_type})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_spans_in_protobuf_and_in_json_are_the_same_lines(collector: Collector, tmp_path: Path) -> None:
    assert send(collector, document()) == 200
    assert send(collector, protobuf(), traces.PROTOBUF) == 200
    spans = list(kept(tmp_path / "traces"))
    assert spans[:2] == spans[2:]
    assert spans[1] == {
        "trace": TRACE,
        "span": ROOT,
        "parent": None,
        "service": "payments",
        "name": "create",
        "kind": 2,
        "start_ns": 1_000_000_000,
        "ms": 2.5,
        "error": False,
        "attributes": {"payment": "pay_1"},
        "resource": {"service.name": "payments"},
    }


@pytest.mark.parametrize(
    ("body", "path", "status"),
    [(b"{}", "/v1/metrics", 404), (b"nonsense", traces.PATH, 400)],
)
def test_what_is_no_span_is_refused_and_not_kept(
    collector: Collector, tmp_path: Path, body: bytes, path: str, status: int
) -> None:
    assert send(collector, body, path=path) == status
    assert list(kept(tmp_path / "traces")) == []


def test_a_body_that_says_it_is_too_long_is_refused_before_it_is_read(collector: Collector) -> None:
    connection = http.client.HTTPConnection(*collector.address, timeout=10)
    connection.putrequest("POST", traces.PATH)
    connection.putheader("content-length", str(traces.BODY_BYTES + 1))
    connection.endheaders()
    assert connection.getresponse().status == 400
    connection.close()


def test_a_full_file_takes_the_place_of_the_one_before(
    collector: Collector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(traces, "FILE_BYTES", 1_000)
    for number in range(20):
        assert send(collector, document(f"pay_{number}")) == 200
    sizes = [path.stat().st_size for path in (tmp_path / "traces").iterdir()]
    assert len(sizes) == 2
    assert max(sizes) <= 1_000
    last = [span["attributes"]["payment"] for span in kept(tmp_path / "traces") if span["name"] == "create"]
    assert last[-1] == "pay_19"
    assert "pay_0" not in last
    collector.clear()
    assert list(kept(tmp_path / "traces")) == []


def test_a_trace_is_found_by_its_id_and_by_the_payment_it_is_of(collector: Collector, tmp_path: Path) -> None:
    send(collector, document())
    for id_ in (TRACE, "pay_1"):
        assert {name: len(spans) for name, spans in found(tmp_path / "traces", id_).items()} == {TRACE: 2}
    assert found(tmp_path / "traces", "pay_2") == {}


def test_a_tree_shows_what_is_part_of_what_and_what_failed() -> None:
    spans: list[Span] = list(read(document(), "application/json"))
    spans[0] = {**spans[0], "start_ns": spans[0]["start_ns"] + 500_000}
    first, second = tree(spans)
    assert first.split() == ["0.0", "2.5", "payments:", "create", "payment=pay_1"]
    assert second.split() == ["0.5", "2.5", "payments:", "bank", "FAILED"]
    assert second.index("payments:") - first.index("payments:") == 2


def test_a_span_whose_parent_was_not_kept_is_shown_all_the_same() -> None:
    (child, _) = read(document(), "application/json")
    assert len(tree([child])) == 1
