"""What a caller is told when the gateway itself answers: one table, from which Envoy's local replies are made.

Each refusal has a word in `x-refused`, a Retry-After and a JSON body. What may have reached the payments API is no
refusal: it says that the outcome is unknown, and how to find out.
"""

from dataclasses import dataclass
from typing import Final

from envoy.config.accesslog.v3 import accesslog_pb2
from envoy.config.core.v3 import base_pb2
from envoy.extensions.access_loggers.filters.cel.v3 import cel_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2

from components.envoy.messages import count, headers, json_format, pack
from contracts.bounds import MAX_BODY_BYTES

REFUSED = "x-refused"

ADAPTIVE_STATUS = 507
"""Which of the concurrency limits refused is seen by its status alone: they share code and words. Callers get 503."""

ACCOUNT_RATE, CLASS_RATE = "account-rate", "class-rate"
"""Set by the rate limiters themselves: Envoy tells them apart by nothing else."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """One answer of the gateway's own."""

    when: str
    """CEL over the answer that Envoy would give (https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/
    advanced/attributes)."""
    status: int
    reason: str
    message: str
    retry_after_s: int | None = None
    """None: it is no refusal for load, and another try alone does not help."""
    refused: bool = True
    """Whether nothing was done: only then does it carry `x-refused`."""


def _details(*words: str) -> str:
    return " || ".join(f"response.code_details == '{word}'" for word in words)


def _starts(*words: str) -> str:
    return " || ".join(f"response.code_details.startsWith('{word}')" for word in words)


def _limited(reason: str) -> str:
    return f"'{REFUSED}' in response.headers && response.headers['{REFUSED}'] == '{reason}'"


REPLIES: Final = (
    Reply(
        when=_limited(ACCOUNT_RATE),
        status=429,
        reason=ACCOUNT_RATE,
        message="This account sends more requests a second than it may.",
        retry_after_s=1,
    ),
    Reply(
        when=_limited(CLASS_RATE),
        status=429,
        reason=CLASS_RATE,
        message="All callers of this class together send more than they may.",
        retry_after_s=1,
    ),
    Reply(
        when=f"response.code == {ADAPTIVE_STATUS} && {_details('reached_concurrency_limit')}",
        status=503,
        reason="adaptive",
        message="Answers take longer than usual; calls that can wait are put off.",
        retry_after_s=2,
    ),
    Reply(
        when=_details("reached_concurrency_limit"),
        status=503,
        reason="shed",
        message="Too many requests at a time for this priority.",
        retry_after_s=1,
    ),
    Reply(
        when=_details("denied_by_admission_control"),
        status=503,
        reason="admission",
        message="Too many requests fail at the moment.",
        retry_after_s=5,
    ),
    Reply(
        when=_starts("overload", "envoy overloaded"),
        status=503,
        reason="overload",
        message="The gateway is full.",
        retry_after_s=2,
    ),
    Reply(
        when=_details("ext_authz_error"),
        status=503,
        reason="no-decision",
        message="This caller's payments need a fraud decision, and there is none at the moment.",
        retry_after_s=5,
    ),
    Reply(
        when=_starts("upstream_reset_before_response_started{overflow"),
        status=503,
        reason="payments-full",
        message="Too many requests at a time.",
        retry_after_s=1,
    ),
    Reply(
        when=_details("no_healthy_upstream", "cluster_not_found")
        + " || "
        + _starts("upstream_reset_before_response_started{remote_connection_failure")
        + " || "
        + _starts("upstream_reset_before_response_started{local_connection_failure")
        + " || "
        + _starts("upstream_reset_before_response_started{connection_timeout"),
        status=503,
        reason="payments-gone",
        message="The payments API cannot be reached; nothing was sent.",
        retry_after_s=2,
    ),
    Reply(
        when=_details("request_payload_too_large"),
        status=413,
        reason="body-too-large",
        message=f"A request body has at most {MAX_BODY_BYTES // 1024} KiB.",
    ),
    Reply(
        when=_details("route_not_found"),
        status=404,
        reason="no-such-path",
        message="There is no such path or method.",
    ),
    Reply(
        when=_details("request_overall_timeout", "request_header_timeout", "stream_idle_timeout"),
        status=408,
        reason="slow-request",
        message="The request did not arrive in time.",
    ),
    Reply(
        when="response.code == 504",
        status=504,
        reason="unknown-outcome",
        message="No answer in time: ask again with the same Idempotency-Key.",
        refused=False,
    ),
    Reply(
        when=_starts("upstream_reset_"),
        status=502,
        reason="unknown-outcome",
        message="The connection broke: ask again with the same Idempotency-Key.",
        refused=False,
    ),
)
"""In order: the first that fits is given."""

OWN_BODIES: Final = _details("lua_response", "ext_authz_denied", "health_check_ok")
"""Answers that bring their JSON along, the caller filter's and the scorer's when it blocks; a health check has none."""


def cel(expression: str) -> accesslog_pb2.AccessLogFilter:
    """A condition on a request and its answer, for local replies and access logs."""
    found = accesslog_pb2.AccessLogFilter()
    found.extension_filter.name = "envoy.access_loggers.extension_filters.cel"
    found.extension_filter.typed_config.CopyFrom(pack(cel_pb2.ExpressionFilter(expression=expression)))
    return found


def local_replies() -> http_connection_manager_pb2.LocalReplyConfig:
    """Envoy's table; what is in none of its rows keeps its status and gets a JSON body too."""
    mapper = http_connection_manager_pb2.ResponseMapper
    own = mapper(filter=cel(OWN_BODIES))
    own.body_format_override.text_format_source.inline_string = "%LOCAL_REPLY_BODY%"
    own.body_format_override.content_type = "application/json"
    rest = {"error": {"type": "request", "reason": "%RESPONSE_CODE_DETAILS%", "message": "The request is not valid."}}
    return http_connection_manager_pb2.LocalReplyConfig(
        mappers=[own, *map(_mapper, REPLIES)], body_format=json_format(rest)
    )


def _mapper(reply: Reply) -> http_connection_manager_pb2.ResponseMapper:
    kind = "refused" if reply.retry_after_s is not None else "request" if reply.refused else "unknown"
    told = {REFUSED: reply.reason} if reply.refused else {}
    if reply.retry_after_s is not None:
        told["retry-after"] = str(reply.retry_after_s)
    body = {"error": {"type": kind, "reason": reply.reason, "message": reply.message}}
    return http_connection_manager_pb2.ResponseMapper(
        filter=cel(reply.when),
        status_code=count(reply.status),
        body_format_override=json_format(body),
        headers_to_add=headers(told),
    )


def set_refused(reason: str) -> list[base_pb2.HeaderValueOption]:
    """The header by which a rate limiter says which one it is."""
    return headers({REFUSED: reason})
