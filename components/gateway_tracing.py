"""What the gateway tells about requests: lines of JSON, counters by reason and class, and traces."""

from typing import Final

from envoy.config.accesslog.v3 import accesslog_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2

from components.envoy.messages import json_access_log, pack_newer
from components.envoy.tracing import tracing as envoy_tracing
from components.gateway_replies import REFUSED, cel
from components.gateway_settings import Gateway

FAILED_OPEN = "x-envoy-auth-failure-mode-allowed"
"""Envoy's own mark of a request that passed without a decision."""

FIELDS: Final = {
    "time": "%START_TIME%",
    "cell": "%ENVIRONMENT(CELL)%",
    "request": "%REQ(X-REQUEST-ID)%",
    "trace": "%REQ(TRACEPARENT)%",
    "account": "%REQ(X-ACCOUNT-ID)%",
    "class": "%REQ(X-CALLER-CLASS)%",
    "endpoint": "%REQ(X-ENDPOINT-CLASS)%",
    "priority": "%REQ(X-PRIORITY)%",
    "method": "%REQ(:METHOD)%",
    "status": "%RESPONSE_CODE%",
    "refused": f"%RESP({REFUSED})%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "failed_open": f"%REQ({FAILED_OPEN})%",
    "duration_ms": "%DURATION%",
    "upstream_ms": "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%",
    "bytes": "%BYTES_RECEIVED%",
}
"""Of a log line. No path, query, address or body: what a caller writes there is not ours to keep."""

TRACED: Final = {"account": "x-account-id", "class": "x-caller-class", "endpoint": "x-endpoint-class"}
"""Attribute of a span -> header that the caller filter has set."""

SCOPE: Final = {"prefix": "payment_cell", "max_counters": 500, "max_histograms": 50}
"""Of the counters and the histogram: `payment_cell_refused` in Prometheus' form. Bounded, so that no program's answers
can make series without end."""

_STATS = "envoy.extensions.access_loggers.stats.v3.Config"


def access_logs(gateway: Gateway) -> list[accesslog_pb2.AccessLog]:
    """Lines of all that was refused, failed or passed without a decision, and of a sample; counters of everything."""
    classes = {"class": "%REQ(X-CALLER-CLASS)%"}
    kept = cel(f"response.code >= 400 || '{FAILED_OPEN}' in request.headers")
    sample = accesslog_pb2.AccessLogFilter()
    sample.runtime_filter.runtime_key = "access_log.sampled"
    sample.runtime_filter.percent_sampled.numerator = gateway.sampled_percent
    # Whoever starts a trace chose its id: sampled by that, a caller could decide what is logged.
    sample.runtime_filter.use_independent_randomness = True
    either = accesslog_pb2.AccessLogFilter(or_filter=accesslog_pb2.OrFilter(filters=[kept, sample]))
    return [
        json_access_log(FIELDS if gateway.otlp_endpoint is None else {**FIELDS, "trace": "%TRACE_ID%"}, either),
        _counter("refused", {"reason": f"%RESP({REFUSED})%", **classes}, cel(f"'{REFUSED}' in response.headers")),
        _counter("failed_open", classes, cel(f"'{FAILED_OPEN}' in request.headers")),
        _counter("requests", {**classes, "endpoint": "%REQ(X-ENDPOINT-CLASS)%", "status": "%RESPONSE_CODE%"}),
        _histogram("duration", {**classes, "endpoint": "%REQ(X-ENDPOINT-CLASS)%"}),
    ]


def _stats(fields: dict[str, object], only: accesslog_pb2.AccessLogFilter | None) -> accesslog_pb2.AccessLog:
    config = pack_newer(_STATS, {"stats_scope": SCOPE, **fields})
    return accesslog_pb2.AccessLog(name="envoy.access_loggers.stats", typed_config=config, filter=only)


def _stat(name: str, tags: dict[str, str]) -> dict[str, object]:
    return {"name": name, "tags": [{"name": key, "value_format": value} for key, value in tags.items()]}


def _counter(
    name: str, tags: dict[str, str], only: accesslog_pb2.AccessLogFilter | None = None
) -> accesslog_pb2.AccessLog:
    return _stats({"counters": [{"stat": _stat(name, tags), "value_fixed": 1}]}, only)


def _histogram(name: str, tags: dict[str, str]) -> accesslog_pb2.AccessLog:
    stat = {"stat": _stat(name, tags), "unit": "Milliseconds", "value_format": "%DURATION%"}
    return _stats({"histograms": [stat]}, None)


def tracing(endpoint: str, sampled_percent: int) -> http_connection_manager_pb2.HttpConnectionManager.Tracing:
    """Spans of the gateway. Requests that are refused have one in any case (`envoy/kept.lua`), and payments without a
    decision are traced from there on (`envoy/forced.lua`)."""
    return envoy_tracing(endpoint, "gateway", sampled_percent, TRACED)
