"""Traces and metrics of a program.

    tracer = telemetry.start("payments")            OTLP over HTTP where OTEL_EXPORTER_OTLP_ENDPOINT says so
    with telemetry.stage("tx1"): ...                a span, and milliseconds for Server-Timing
    REQUESTS = telemetry.Counter("payments_requests_total", "Answers by route, class and status.")
    REQUESTS.add(route="create", status="201")
    telemetry.exposition()                          what GET /metrics answers (Prometheus text format 0.0.4)

Every series carries the cell's id. Labels are words of small vocabularies: an account, a payment or an address in one
would make a series of its own and name somebody. Spans carry ids and words, and no text of an exception: that may quote
what somebody sent.
"""

import os
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock
from time import perf_counter

from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import TraceFlags

from workloads.kept_spans import BY_GATEWAY, KEPT, KeptSpans
from workloads.otlp import OtlpJson

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds in seconds: from a call in the zone to the longest that a bank gets."""

_Labels = tuple[tuple[str, str], ...]
_lock = Lock()
_metrics: dict[str, "Counter | Histogram"] = {}


def start(program: str) -> trace.Tracer:
    """The program's tracer. Without an endpoint spans go nowhere, and the context is handed on all the same."""
    resource = Resource.create({"service.name": program, "cell": os.environ.get("CELL", "")})
    endpoint = os.environ.get(ENDPOINT)
    provider = TracerProvider(resource=resource, sampler=BY_GATEWAY if endpoint else None)
    if endpoint:
        provider.add_span_processor(KeptSpans(BatchSpanProcessor(OtlpJson(endpoint))))
    trace.set_tracer_provider(provider)
    return provider.get_tracer(program)


def incoming(headers: Mapping[str, str]) -> Context:
    """The W3C context of a request (`traceparent`)."""
    return propagate.extract({key.lower(): value for key, value in headers.items()})


def outgoing() -> dict[str, str]:
    """The headers that hand the current context on."""
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return carrier


def keep() -> None:
    """The part of the current trace that this program makes is kept, whatever the gateway's share: called within the
    program's first span, of what is refused or went on without a decision."""
    trace.get_current_span().set_attribute(KEPT, True)


_stages: ContextVar[dict[str, float] | None] = ContextVar("stages", default=None)


@contextmanager
def stages() -> Iterator[Mapping[str, float]]:
    """Stage -> milliseconds, of the stages within."""
    found: dict[str, float] = {}
    token = _stages.set(found)
    try:
        yield found
    finally:
        _stages.reset(token)


@contextmanager
def stage(name: str, kind: trace.SpanKind = trace.SpanKind.INTERNAL, **attributes: str) -> Iterator[trace.Span]:
    """A part of the current span, and its time for whoever collects `stages`."""
    began = perf_counter()
    tracer = trace.get_tracer(__name__)
    with tracer.start_as_current_span(name, kind=kind, attributes=attributes, record_exception=False) as span:
        try:
            yield span
        finally:
            if (found := _stages.get()) is not None:
                found[name] = found.get(name, 0.0) + (perf_counter() - began) * 1000


def server_timing(stages_ms: Mapping[str, float]) -> str:
    """The header (https://www.w3.org/TR/server-timing/)."""
    return ", ".join(f"{name};dur={milliseconds:.2f}" for name, milliseconds in stages_ms.items())


def sampled(traceparent: str) -> bool:
    """Whether a trace is kept, by the last bit of its flags (https://www.w3.org/TR/trace-context/#trace-flags)."""
    return bool(int(traceparent[-2:], 16) & TraceFlags.SAMPLED)


class Counter:
    """A number that only grows, by labels."""

    kind = "counter"

    def __init__(self, name: str, text: str) -> None:
        self.name, self.text = name, text
        self._values: dict[_Labels, float] = {}
        _metrics[name] = self

    def add(self, amount: float = 1, /, **labels: str) -> None:
        key = tuple(sorted(labels.items()))
        with _lock:
            self._values[key] = self._values.get(key, 0) + amount

    def value(self, **labels: str) -> float:
        """What was counted under exactly these labels."""
        return self._values.get(tuple(sorted(labels.items())), 0)

    def lines(self) -> list[str]:
        return [_line(self.name, labels, value) for labels, value in sorted(self._values.items())]


class Gauge(Counter):
    """A number that goes up and down."""

    kind = "gauge"

    def set(self, value: float, /, **labels: str) -> None:
        with _lock:
            self._values[tuple(sorted(labels.items()))] = value


class Histogram:
    """Durations in seconds, by labels."""

    kind = "histogram"

    def __init__(self, name: str, text: str, buckets: tuple[float, ...] = BUCKETS_S) -> None:
        self.name, self.text, self._bounds = name, text, buckets
        self._counts: dict[_Labels, list[int]] = {}
        self._sums: dict[_Labels, float] = {}
        _metrics[name] = self

    def observe(self, seconds: float, /, **labels: str) -> None:
        key = tuple(sorted(labels.items()))
        with _lock:
            counts = self._counts.setdefault(key, [0] * (len(self._bounds) + 1))
            counts[bisect_left(self._bounds, seconds)] += 1
            self._sums[key] = self._sums.get(key, 0) + seconds

    def lines(self) -> list[str]:
        result = []
        for labels, counts in sorted(self._counts.items()):
            total = 0
            for bound, count in zip((*map(str, self._bounds), "+Inf"), counts, strict=True):
                total += count
                result.append(_line(f"{self.name}_bucket", (*labels, ("le", bound)), total))
            result.append(_line(f"{self.name}_sum", labels, self._sums[labels]))
            result.append(_line(f"{self.name}_count", labels, total))
        return result


def exposition() -> str:
    """All metrics of the process in Prometheus' text format."""
    result = []
    with _lock:
        for metric in _metrics.values():
            result += [f"# HELP {metric.name} {metric.text}", f"# TYPE {metric.name} {metric.kind}", *metric.lines()]
    return "\n".join(result) + "\n"


def _line(name: str, labels: _Labels, value: float) -> str:
    pairs = (("cell", os.environ.get("CELL", "")), *labels)
    inner = ",".join(f'{key}="{_escaped(text)}"' for key, text in pairs)
    return f"{name}{{{inner}}} {value:.17g}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
