"""Envoy's `ext_authz` service: a CheckRequest in, headers or a refusal out
(https://www.envoyproxy.io/docs/envoy/latest/api-v3/service/auth/v3/external_auth.proto).

An error here is an error for Envoy, which then applies its fail mode: so what cannot be decided in time is an error,
and what cannot be read is a refusal, else a body that only the API understands would pass unjudged. A cell that does
not write refuses here already, as the API would: what customers send again and again while a writer moves is no sign of
fraud, costs nothing, and changes no memory that a replica has too.
"""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import AbstractContextManager
from typing import Any

import grpc
from envoy.config.core.v3 import base_pb2
from envoy.service.auth.v3 import external_auth_pb2, external_auth_pb2_grpc
from envoy.type.v3 import http_status_pb2
from google.rpc import code_pb2, status_pb2
from opentelemetry import trace

from contracts.epoch import REFUSED, REFUSED_MESSAGE, RETRY_AFTER_S
from contracts.fraud import Decision, DecisionRecord, FraudError
from workloads import telemetry
from workloads.kept_spans import KEPT
from workloads.lease import Lease
from workloads.logs import Log
from workloads.scorer import metrics
from workloads.scorer.decide import Scorer

PATH = "/v1/payments"
PARTIAL = "x-envoy-auth-partial-body"
"""Envoy's mark of a body that was cut (ext_authz, with_request_body.allow_partial_message)."""
KINDS = {400: "invalid_request", 403: "refused", 503: "unavailable"}
"""Status -> type of an error, as the API has it but for 403: there a key lacks a right, here a payment is refused."""
_log = Log("authorization")


class Authorization(external_auth_pb2_grpc.AuthorizationServicer):  # type: ignore[misc]
    """Answers within `budget_s`, or with an error."""

    def __init__(self, scorer: Scorer, budget_s: float, lease: Lease) -> None:
        self._scorer, self._budget_s, self._lease = scorer, budget_s, lease

    async def Check(self, request: Any, context: Any) -> Any:
        """`POST /v1/payments` is judged where the cell writes; everything else passes."""
        started = time.perf_counter()
        http = request.attributes.request.http
        if http.method != "POST" or http.path.partition("?")[0] != PATH:
            return external_auth_pb2.CheckResponse(status=status_pb2.Status(code=code_pb2.OK))
        if not self._lease.held:
            metrics.REFUSED.add(reason=REFUSED)
            return refusal(503, REFUSED, REFUSED_MESSAGE, retry_after_s=RETRY_AFTER_S)
        with _span(context) as span:
            try:
                async with asyncio.timeout(self._budget_s):
                    record = await self._decide(http)
            except FraudError as error:
                metrics.REFUSED.add(reason="unreadable")
                span.set_attributes({"refused": "unreadable", KEPT: True})
                return refusal(400, "unreadable", str(error))
            except TimeoutError:
                metrics.REFUSED.add(reason="late")
                span.set_attributes({"refused": "late", KEPT: True})
                await context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "no decision in time")
            about = {"decision": record.decision.value, "decision.id": record.id}
            span.set_attributes({**about, **({KEPT: True} if record.decision is Decision.BLOCK else {})})
        metrics.SECONDS.observe(time.perf_counter() - started)
        if record.decision is Decision.BLOCK:
            return refusal(403, "fraud_blocked", "The payment was refused as too risky.", record)
        return passed(record)

    async def _decide(self, http: Any) -> DecisionRecord:
        if http.headers.get(PARTIAL) == "true":
            raise FraudError("payment: the body is longer than a decision reads; send a smaller one")
        account = http.headers.get("x-account-id", "")
        try:
            body = json.loads(http.raw_body or http.body)
        except ValueError:
            raise FraudError("payment: the body is no JSON") from None
        return await self._scorer.decide(account, http.headers.get("x-caller-class", "live"), body)


def _span(context: Any) -> AbstractContextManager[trace.Span]:
    """Below the gateway's call: Envoy writes its context into the call's metadata."""
    told = {key: value for key, value in context.invocation_metadata() if isinstance(value, str)}
    return trace.get_tracer(__name__).start_as_current_span(
        "decide", context=telemetry.incoming(told), kind=trace.SpanKind.SERVER, record_exception=False
    )


def passed(record: DecisionRecord) -> Any:
    """The payment goes on, with what was decided; headers of these names that a client sent are gone."""
    headers = {
        "x-fraud-decision": record.decision.value,
        "x-fraud-score": str(record.score),
        "x-fraud-reasons": ",".join(record.reasons),
        "x-fraud-decision-id": record.id,
    }
    return external_auth_pb2.CheckResponse(
        status=status_pb2.Status(code=code_pb2.OK),
        ok_response=external_auth_pb2.OkHttpResponse(headers=[_header(*pair) for pair in headers.items()]),
    )


def refusal(
    status: int, reason: str, message: str, record: DecisionRecord | None = None, retry_after_s: int | None = None
) -> Any:
    """Refused. The client learns that, and under which id it can be contested; not why: that would help thieves."""
    error: dict[str, Any] = {"type": KINDS[status], "reason": reason, "message": message}
    headers = {"content-type": "application/json", "x-refused": reason}
    if record is not None:
        error["decision"] = headers["x-fraud-decision-id"] = record.id
    if retry_after_s is not None:
        headers["retry-after"] = str(retry_after_s)
    return external_auth_pb2.CheckResponse(
        status=status_pb2.Status(code=code_pb2.PERMISSION_DENIED),
        denied_response=external_auth_pb2.DeniedHttpResponse(
            status=http_status_pb2.HttpStatus(code=status),
            headers=[_header(*pair) for pair in headers.items()],
            body=json.dumps({"error": error}),
        ),
    )


def _header(name: str, value: str) -> Any:
    return base_pb2.HeaderValueOption(
        header=base_pb2.HeaderValue(key=name, value=value),
        append_action=base_pb2.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD,
    )
