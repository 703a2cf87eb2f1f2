"""The payments API over HTTP.

POST /v1/payments                   GET /v1/payments/{id}         GET /healthz
POST /v1/payments/{id}/refunds      GET /v1/payments              GET /metrics
POST /v1/payments/{id}/confirm      POST /internal/verdicts       GET /internal/waiting
                                                                  GET /writer
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext
from time import monotonic
from typing import Any

import asyncpg
from botocore.exceptions import BotoCoreError, ClientError
from opentelemetry import trace
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from contracts import idempotency
from contracts.bounds import MAX_BODY_BYTES
from contracts.identifiers import is_id
from contracts.shard_map import canonical
from workloads import telemetry
from workloads.logs import Log
from workloads.payments import requests
from workloads.payments.answers import Answer, Refused
from workloads.payments.callers import Caller, Callers
from workloads.payments.concurrency import Concurrency
from workloads.payments.facts import begin, note
from workloads.payments.fraud import FAILURE_HEADER, FailMode, decision_of
from workloads.payments.service import Service
from workloads.telemetry import Counter, Histogram

ANSWERS = Counter("payments_answers_total", "Answers by route, caller class and status.")
REFUSALS = Counter("payments_refusals_total", "Refusals by route and reason.")
SECONDS = Histogram("payments_seconds", "Seconds until the answer, by route.")

OUR_HEADERS = ("idempotency-key", "payment-account", "payment-batch", "user-agent")
"""Headers that a caller may write words into and that we read or others log."""

DOWN = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, BotoCoreError, ClientError)
"""What is raised before the bank is asked, when a shard, the key table or KMS is not there."""
UNREACHABLE = Refused(503, "shard_unavailable", "try again in a moment with the same key", retry_after_s=1)

VERDICTS, WAITING = "/internal/verdicts", "/internal/waiting"
"""What people decided on held payments, and those that wait for it. Network policies let the gateway and the scorer
reach the API, and the gateway has no route for these (components/gateway_config.py, PATHS): so it is the scorer that
calls."""
WRITER = "/writer"
"""Whether this cell writes: health checks of the clients' name look at it, without a key."""
OPERATOR = Caller(account="-", livemode=True, caller_class="operator")

log = Log("payments")
Handler = Callable[[Request, Caller], Awaitable[Answer]]


class Api:
    """Routes over a service."""

    def __init__(
        self,
        service: Service,
        callers: Callers,
        fail_modes: Mapping[str, FailMode],
        concurrency: Concurrency,
        tracer: trace.Tracer,
    ) -> None:
        self._service, self._callers, self._fail_modes, self._tracer = service, callers, fail_modes, tracer
        self._concurrency = concurrency

    def app(self) -> Starlette:
        """The ASGI application."""
        written = self._written
        return Starlette(
            routes=[
                Route("/v1/payments", self._route("create", written(self._create)), methods=["POST"]),
                Route("/v1/payments", self._route("list", self._list), methods=["GET"]),
                Route("/v1/payments/{id}", self._route("get", self._get), methods=["GET"]),
                Route("/v1/payments/{id}/refunds", self._route("refund", written(self._refund)), methods=["POST"]),
                Route("/v1/payments/{id}/confirm", self._route("confirm", written(self._confirm)), methods=["POST"]),
                Route(VERDICTS, self._route("verdict", written(self._verdict), OPERATOR), methods=["POST"]),
                Route(WAITING, self._route("waiting", self._waiting, OPERATOR), methods=["GET"]),
                Route(WRITER, self._writer, methods=["GET"]),
                Route("/healthz", healthy, methods=["GET"]),
                Route("/metrics", metrics, methods=["GET"]),
            ]
        )

    def _route(
        self, name: str, handler: Handler, always: Caller | None = None
    ) -> Callable[[Request], Awaitable[Response]]:
        """`always`: who calls, where no API key says it; nothing limits how many requests of it are open."""

        async def handle(request: Request) -> Response:
            began, caller_class, facts = monotonic(), "unknown", begin()
            with (
                telemetry.stages() as stages_ms,
                self._tracer.start_as_current_span(
                    name, context=telemetry.incoming(request.headers), kind=trace.SpanKind.SERVER
                ) as span,
            ):
                try:
                    requests.refuse_card_numbers(_words(request), "request")
                    with telemetry.stage("auth"):
                        caller = always or await self._callers.of(request.headers)
                    caller_class = caller.caller_class
                    with nullcontext() if always else self._concurrency.one(caller):
                        answer = await handler(request, caller)
                except Refused as refused:
                    answer = refused.answer
                    REFUSALS.add(route=name, reason=refused.reason)
                except DOWN as error:
                    log.error("shard or key store out of reach", error, route=name)
                    answer = UNREACHABLE.answer
                except Exception as error:
                    log.error("broke down", error, route=name)
                    answer = Refused(500, "internal", "something broke here; send it again with the same key").answer
                span.set_attributes(_about(answer))
                if answer.status >= 400 or FAILURE_HEADER in request.headers:
                    telemetry.keep()
            ANSWERS.add(route=name, caller_class=caller_class, status=str(answer.status))
            took_s = monotonic() - began
            SECONDS.observe(took_s, route=name)
            api_ms = 1_000 * took_s
            _tell(name, caller_class, answer, api_ms, stages_ms, facts)
            told = {**stages_ms, "api": api_ms}
            # Canonical, as it is kept: a repeated answer has the same bytes.
            return Response(
                canonical(answer.body),
                status_code=answer.status,
                headers={**answer.headers, "server-timing": telemetry.server_timing(told)},
                media_type="application/json",
            )

        return handle

    def _written(self, handler: Handler) -> Handler:
        """A handler that writes. Its answer is given only where the cell still writes when all is committed: else
        nobody may count on it, and the key has the real answer where the pair writes then."""

        async def handle(request: Request, caller: Caller) -> Answer:
            self._service.require_writer()
            answer = await handler(request, caller)
            self._service.require_writer()
            return answer

        return handle

    async def _writer(self, _request: Request) -> Response:
        """Not the readiness probe: a pod of a cell that stands by is ready."""
        parts = self._service.parts
        held = parts.lease.held
        body = {"cell": parts.cell, "epoch": parts.lease.epoch, "writes": held}
        return JSONResponse(body, status_code=200 if held else 503, headers={"cache-control": "no-store"})

    async def _create(self, request: Request, caller: Caller) -> Answer:
        key = _key(request)
        body = requests.body_of(await _body(request))
        wanted = requests.new_payment(body, self._service.parts.markets.get())
        note(market=wanted.market)
        fraud = decision_of(request.headers, caller.caller_class, self._fail_modes)
        note(fraud=fraud.mode)
        return await self._service.create(caller, key, body, wanted, fraud)

    async def _refund(self, request: Request, caller: Caller) -> Answer:
        payment, key = _payment(request), _key(request)
        body = requests.body_of(await _body(request))
        return await self._service.refund(caller, key, body, payment, requests.new_refund(body))

    async def _confirm(self, request: Request, caller: Caller) -> Answer:
        payment, key = _payment(request), _key(request)
        body = requests.body_of(await _body(request))
        return await self._service.confirm(caller, key, body, payment, requests.confirmation(body))

    async def _verdict(self, request: Request, _: Caller) -> Answer:
        found = requests.verdict(requests.body_of(await _body(request)))
        return await self._service.reviewed(found.account, found.decision, found.payment, found.release)

    async def _waiting(self, request: Request, _: Caller) -> Answer:
        limit, status = requests.waiting(dict(request.query_params))
        return Answer(status=200, body=await self._service.waiting(status, limit))

    async def _get(self, request: Request, caller: Caller) -> Answer:
        return Answer(status=200, body=await self._service.get(caller, _payment(request)))

    async def _list(self, request: Request, caller: Caller) -> Answer:
        limit, after = requests.page(dict(request.query_params))
        if after is not None and not is_id(after, "pay"):
            raise Refused(400, "invalid_field", "starting_after: no payment's id", fieldname="starting_after")
        return Answer(status=200, body=await self._service.list(caller, limit, after))


def _tell(
    route: str,
    caller_class: str,
    answer: Answer,
    took_ms: float,
    stages_ms: Mapping[str, float],
    facts: Mapping[str, Any],
) -> None:
    """One line a request, whatever came of it: metrics are made of it (components/path_metrics.py). `own_ms`: without
    the bank's time."""
    log.info(
        "answered",
        **{"class": caller_class},
        route=route,
        status=answer.status,
        reason=answer.body.get("error", {}).get("reason", "none"),
        duration_ms=round(took_ms, 1),
        own_ms=round(took_ms - stages_ms.get("bank", 0.0), 1),
        **facts,
    )


async def healthy(_request: Request) -> Response:
    """Alive: requests are welcome. A shard that is down is its own alarm; the other shards' payments go on."""
    return JSONResponse({"status": "ok"})


async def metrics(_request: Request) -> Response:
    return Response(telemetry.exposition(), media_type=telemetry.CONTENT_TYPE)


def _about(answer: Answer) -> dict[str, str | int]:
    """What a span says of an answer: status, and whose it is or why it was refused."""
    found: dict[str, str | int] = {"http.response.status_code": answer.status}
    if (made := str(answer.body.get("object"))) in ("payment", "refund"):
        found[made] = str(answer.body["id"])
    if "x-refused" in answer.headers:
        found["refused"] = answer.headers["x-refused"]
    return found


def _words(request: Request) -> dict[str, Any]:
    headers = {name: request.headers[name] for name in OUR_HEADERS if name in request.headers}
    return {"header": headers, "path": request.url.path, "query": dict(request.query_params)}


def _key(request: Request) -> str:
    try:
        return idempotency.check_key(request.headers.get(idempotency.HEADER))
    except idempotency.IdempotencyError as error:
        raise Refused(400, "idempotency_key", str(error), fieldname="Idempotency-Key") from None


def _payment(request: Request) -> str:
    found = request.path_params["id"]
    if not is_id(found, "pay"):
        raise Refused(404, "no_such_payment", "the account has no such payment")
    return str(found)


async def _body(request: Request) -> bytes:
    """The body, no further than one byte beyond what is allowed."""
    found = b""
    async for chunk in request.stream():
        found += chunk
        if len(found) > MAX_BODY_BYTES:
            break
    return found
