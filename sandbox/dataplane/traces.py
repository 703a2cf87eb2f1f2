"""The sandbox's collector: takes spans over OTLP/HTTP, as the agent of a cluster does, and keeps them as lines of JSON.

`spans.jsonl` is written to, `spans.1.jsonl` is what was there before: both together never hold more than twice
`FILE_BYTES`. Who reads (`cell sandbox trace`) opens the files.
"""

import base64
import json
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

from sandbox.dataplane.http_server import HttpServer

FOLDER = "traces"
"""Below the data plane's folder."""

PATH = "/v1/traces"
FILE, BEFORE = "spans.jsonl", "spans.1.jsonl"
FILE_BYTES = 16 * 1024 * 1024
"""Of one file: some 40,000 spans."""

BODY_BYTES = 4 * 1024 * 1024
"""Of one request; a batch of 512 spans has some 300 KB."""

PROTOBUF = "application/x-protobuf"
SCOPES = 2
"""Number of the field with the spans of a scope: its name differs between versions of the messages, the wire does
not (https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/trace/v1/trace.proto)."""

Span = dict[str, Any]


class Collector:
    """Listens on loopback from the moment it is made until `stop`."""

    def __init__(self, folder: Path, address: str = "127.0.0.1", port: int = 0) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder, self._lock = folder, threading.Lock()
        self._server = HttpServer((address, port), _handler(self.take))
        threading.Thread(target=self._server.serve_forever, name="traces", daemon=True).start()

    @property
    def address(self) -> tuple[str, int]:
        host, port = self._server.server_address[:2]
        return str(host), int(port)

    def take(self, spans: Sequence[Span]) -> None:
        """Append; the file before the last goes when the last is full."""
        lines = "".join(json.dumps(span, separators=(",", ":")) + "\n" for span in spans)
        path = self._folder / FILE
        with self._lock:
            if path.exists() and path.stat().st_size + len(lines) > FILE_BYTES:
                path.replace(self._folder / BEFORE)
            with path.open("a") as file:
                file.write(lines)

    def clear(self) -> None:
        """Forget all: the account is gone."""
        with self._lock:
            for name in (FILE, BEFORE):
                (self._folder / name).unlink(missing_ok=True)

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(take: Any) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            try:
                body = b"".join(self._parts())
                if self.path != PATH:
                    self._answer(HTTPStatus.NOT_FOUND)
                    return
                take(list(read(body, self.headers.get("content-type", ""))))
            except Exception as error:  # whatever is wrong with what somebody sent
                self.close_connection = True
                self._answer(HTTPStatus.BAD_REQUEST, str(error))
                return
            self._answer(HTTPStatus.OK)

        def _parts(self) -> Iterator[bytes]:
            """The body, whole or in chunks (Envoy's exporter names no length). Raises ValueError beyond the bound."""
            chunked, rest = self.headers.get("transfer-encoding", "").lower() == "chunked", BODY_BYTES
            while True:
                length = int(self.rfile.readline(), 16) if chunked else int(self.headers.get("content-length") or 0)
                if not 0 <= length <= rest:
                    raise ValueError(f"a body has at most {BODY_BYTES:,} bytes")
                rest -= length
                yield self.rfile.read(length)
                if chunked:
                    self.rfile.readline()
                if not chunked or length == 0:
                    return

        def _answer(self, status: HTTPStatus, text: str = "") -> None:
            body = text.encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nothing: the data plane's log is for people."""

    return Handler


def read(body: bytes, content_type: str) -> Iterator[Span]:
    """The spans of an ExportTraceServiceRequest, in protobuf or JSON. Raises what its parser raises."""
    if content_type.partition(";")[0] != PROTOBUF:
        for resource in json.loads(body)["resourceSpans"]:
            for scope in resource["scopeSpans"]:
                yield from (_span(resource, span) for span in scope["spans"])
        return
    for resource in trace_service_pb2.ExportTraceServiceRequest.FromString(body).resource_spans:
        told = MessageToDict(resource.resource)
        for scope in getattr(resource, resource.DESCRIPTOR.fields_by_number[SCOPES].name):
            for message in scope.spans:
                span = MessageToDict(message, use_integers_for_enums=True)
                yield _span({"resource": told}, {**span, **_ids(span), "links": list(map(_ids, span.get("links", ())))})


def _ids(span: Mapping[str, Any]) -> dict[str, str]:
    """OTLP's JSON has ids in hexadecimal digits, protobuf's own JSON has them in base64."""
    return {
        name: base64.b64decode(span[name]).hex() for name in ("traceId", "spanId", "parentSpanId") if span.get(name)
    }


def _span(resource: Mapping[str, Any], span: Mapping[str, Any]) -> Span:
    start, end = int(span["startTimeUnixNano"]), int(span["endTimeUnixNano"])
    own = _attributes(resource.get("resource", {}))
    return {
        "trace": span["traceId"],
        "span": span["spanId"],
        "parent": span.get("parentSpanId") or None,
        "service": own.get("service.name", ""),
        "name": span["name"],
        "kind": span.get("kind", 0),
        "start_ns": start,
        "ms": round((end - start) / 1e6, 3),
        "error": (span.get("status") or {}).get("code") == 2,
        "attributes": _attributes(span),
        "resource": own,
    }


def _attributes(holder: Mapping[str, Any]) -> dict[str, Any]:
    return {entry["key"]: next(iter(entry["value"].values()), None) for entry in holder.get("attributes") or ()}


def kept(folder: Path) -> Iterator[Span]:
    """All spans, the oldest first."""
    for name in (BEFORE, FILE):
        try:
            with (folder / name).open() as lines:
                yield from map(json.loads, lines)
        except FileNotFoundError:
            continue


def found(folder: Path, id_: str) -> dict[str, list[Span]]:
    """Trace id -> spans of the traces with this id, or with a span that has it as an attribute: a payment's, an
    event's, a request's."""
    by_trace: dict[str, list[Span]] = defaultdict(list)
    wanted = set()
    for span in kept(folder):
        by_trace[span["trace"]].append(span)
        if span["trace"] == id_ or id_ in span["attributes"].values():
            wanted.add(span["trace"])
    return {trace: by_trace[trace] for trace in sorted(wanted)}


def tree(spans: Sequence[Span]) -> list[str]:
    """One line a span below the one that it is a part of, with milliseconds since the first, and how long it took."""
    known = {span["span"] for span in spans}
    below: dict[str | None, list[Span]] = defaultdict(list)
    for span in sorted(spans, key=lambda span: span["start_ns"]):
        below[span["parent"] if span["parent"] in known else None].append(span)
    began = min(span["start_ns"] for span in spans)
    lines = []

    def add(span: Span, depth: int) -> None:
        what = f"{'  ' * depth}{span['service']}: {span['name']}{' FAILED' if span['error'] else ''}"
        words = " ".join(f"{key}={value}" for key, value in sorted(span["attributes"].items()))
        lines.append(f"{(span['start_ns'] - began) / 1e6:9.1f} {span['ms']:9.1f}  {what}  {words}".rstrip())
        for child in below[span["span"]]:
            add(child, depth + 1)

    for root in below[None]:
        add(root, 0)
    return lines
