"""Where payments and settler call an egress gateway: the listener, what Envoy answers itself, and the access log.

Nothing here says which banks there are, so a new bank changes no listener and drains no connection.
"""

from collections.abc import Sequence
from typing import Final

from envoy.config.accesslog.v3 import accesslog_pb2
from envoy.config.listener.v3 import listener_pb2
from envoy.config.route.v3 import route_components_pb2
from envoy.extensions.filters.http.health_check.v3 import health_check_pb2
from envoy.extensions.filters.http.local_ratelimit.v3.local_rate_limit_pb2 import LocalRateLimit
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as hcm_pb2
from envoy.type.matcher.v3 import string_pb2
from google.protobuf.wrappers_pb2 import BoolValue

from components.envoy.messages import (
    count,
    duration,
    file_source,
    headers,
    http_filter,
    json_access_log,
    json_format,
    listener,
    router,
)
from components.envoy.tracing import tracing

PORT = 8080

READY_PATH: Final = "/healthz"

REQUEST_S = 30.0
"""In which a caller has to have sent its request."""

REFUSED: Final = "x-refused"
"""With the reason, on what was certainly not sent to a bank: callers may forget such a payment. Envoy removes it from
banks' answers."""

UNKNOWN: Final = "x-bank-unknown"
"""With the reason, where the bank may have taken the payment: callers have to ask it."""

RETRY_AFTER_S = 1
"""Seconds that a caller is asked to wait: about the interval in which a bank is asked again."""

_UNKNOWN, _NOT_SENT = "it is not known whether the bank took the payment", "nothing was sent to the bank"

LOCAL_ANSWERS: Final[tuple[tuple[tuple[str, ...], int, str], ...]] = (
    (("UT", "SI", "DT", "UMSDR"), 504, "timeout"),
    (("UC", "UR", "UPE", "LR"), 502, "reset"),
    (("UO",), 503, "overload"),
    (("UH", "UF"), 503, "breaker"),
    (("NR", "NC"), 503, "no-route"),
)
"""Envoy's response flags -> status and reason. The first that fits: a second try adds its flags to those of the first,
and what is not known outweighs the rest. A bank without a route is no 404: that is what banks say of unknown
references."""


def egress_listener(routes_file: str, routes: str, otlp_endpoint: str | None = None) -> listener_pb2.Listener:
    """`routes`: their name in `routes_file`, which is read again when it changes. Spans are those of traces that
    callers began and keep."""
    manager = hcm_pb2.HttpConnectionManager(
        stat_prefix="egress",
        rds=hcm_pb2.Rds(config_source=file_source(routes_file), route_config_name=routes),
        http_filters=[
            http_filter("envoy.filters.http.health_check", _ready()),
            http_filter("envoy.filters.http.local_ratelimit", LocalRateLimit(stat_prefix="bank_rate")),
            router(),
        ],
        local_reply_config=_local_answers(),
        access_log=[_access_log()],
        use_remote_address=BoolValue(value=True),
        generate_request_id=BoolValue(value=True),
        preserve_external_request_id=True,
        request_timeout=duration(REQUEST_S),
    )
    if otlp_endpoint is not None:
        # Of what its callers keep: Envoy asks for both, their flag and its own share.
        manager.tracing.CopyFrom(tracing(otlp_endpoint, "egress", 100, TRACED))
    return listener("egress", PORT, manager)


def _ready() -> health_check_pb2.HealthCheck:
    return health_check_pb2.HealthCheck(
        pass_through_mode=BoolValue(value=False),
        headers=[
            route_components_pb2.HeaderMatcher(name=":path", string_match=string_pb2.StringMatcher(exact=READY_PATH))
        ],
    )


def _local_answers() -> hcm_pb2.LocalReplyConfig:
    """What Envoy answers itself. Answers of a bank pass as they are."""
    mappers = [_answer(_flags(flags), status, word) for flags, status, word in LOCAL_ANSWERS]
    # Neither has a flag yet when its answer is written: the rate limiter has 429 for itself, and what is left of 503 is
    # admission control.
    mappers += [
        _answer(_status(429), 503, "rate-limit"),
        _answer(_status(503), 503, "overload"),
    ]
    return hcm_pb2.LocalReplyConfig(mappers=mappers)


def _status(code: int) -> accesslog_pb2.AccessLogFilter:
    found = accesslog_pb2.AccessLogFilter()
    found.status_code_filter.comparison.op = accesslog_pb2.ComparisonFilter.EQ
    found.status_code_filter.comparison.value.default_value = code
    found.status_code_filter.comparison.value.runtime_key = f"egress.local_{code}"
    return found


def _flags(flags: Sequence[str]) -> accesslog_pb2.AccessLogFilter:
    return accesslog_pb2.AccessLogFilter(response_flag_filter=accesslog_pb2.ResponseFlagFilter(flags=flags))


def _answer(when: accesslog_pb2.AccessLogFilter, status: int, word: str) -> hcm_pb2.ResponseMapper:
    """503: refused, and the header says so. Anything else may have moved money, and must not look like a refusal."""
    header, what = (REFUSED, _NOT_SENT) if status == 503 else (UNKNOWN, _UNKNOWN)
    return hcm_pb2.ResponseMapper(
        filter=when,
        status_code=count(status),
        body_format_override=json_format({"error": {"type": "bank_unavailable", "reason": word, "message": what}}),
        headers_to_add=headers({header: word, "retry-after": str(RETRY_AFTER_S)}),
    )


def _access_log() -> accesslog_pb2.AccessLog:
    """One JSON line a call. No path and no body: a reference stands in the path, amounts in the body."""
    not_probes = accesslog_pb2.AccessLogFilter()
    not_probes.not_health_check_filter.SetInParent()
    return json_access_log(ACCESS_FIELDS, not_probes)


TRACED: Final = {"bank": "x-bank"}
"""Attribute of a span -> header of the call."""

ACCESS_FIELDS: Final[dict[str, str]] = {
    "time": "%START_TIME%",
    "bank": "%REQ(x-bank)%",
    "method": "%REQ(:method)%",
    "status": "%RESPONSE_CODE%",
    "refused": "%RESP(x-refused)%",
    "unknown": "%RESP(x-bank-unknown)%",
    "flags": "%RESPONSE_FLAGS%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "duration_ms": "%DURATION%",
    "upstream_ms": "%RESP(x-envoy-upstream-service-time)%",
    "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
    "host": "%UPSTREAM_HOST%",
    "request_id": "%REQ(x-request-id)%",
    "traceparent": "%REQ(traceparent)%",
}
"""Field of the access log -> Envoy's command."""
