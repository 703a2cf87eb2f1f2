"""HTTP beside the decisions: health, metrics, and what people do with a decision afterwards.

GET  /decisions/{id}    the record, with what was done about it
GET  /review            payments that wait for a person or an authentication, the oldest first; ?status, ?limit
POST /review            {"decision", "reviewer", "outcome": upheld|reversed, "reason"}      a person decides again; a
                        payment that the decision holds is declined or goes to its bank
POST /contest           {"decision", "statement"}                                           somebody disagrees
POST /outcome           {"decision", "fate": chargeback|disputed, "reference"}              what a bank reports later
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from contracts.fraud import Contest, Decision, FraudError, HumanReview, Outcome, moment
from contracts.fraud_outcomes import REPORTED, Fate, PaymentOutcome
from workloads import telemetry
from workloads.scorer import metrics
from workloads.scorer.features import FeatureStore
from workloads.scorer.payments import HeldPayments, PaymentsError
from workloads.scorer.stream import DecisionStream


class Routes:
    """The routes over one process's stores."""

    def __init__(self, features: FeatureStore, stream: DecisionStream, payments: HeldPayments) -> None:
        self._features, self._stream, self._payments = features, stream, payments

    def app(self) -> Starlette:
        """The ASGI application."""
        return Starlette(
            routes=[
                Route("/healthz", self._health),
                Route("/metrics", self._metrics),
                Route("/decisions/{id}", self._decision),
                Route("/review", self._waiting, methods=["GET"]),
                Route("/review", self._review, methods=["POST"]),
                Route("/contest", self._contest, methods=["POST"]),
                Route("/outcome", self._outcome, methods=["POST"]),
            ]
        )

    async def _health(self, _request: Request) -> Response:
        return PlainTextResponse("ok")

    async def _metrics(self, _request: Request) -> Response:
        return Response(telemetry.exposition(), media_type=telemetry.CONTENT_TYPE)

    async def _decision(self, request: Request) -> Response:
        found = await self._features.decision(request.path_params["id"])
        return JSONResponse(found) if found else UNKNOWN

    async def _waiting(self, request: Request) -> Response:
        try:
            answer = await self._payments.waiting(request.query_params)
        except PaymentsError as error:
            return _error(503, "payments_unreachable", f"The payments API does not answer ({error}).")
        return Response(answer.content, status_code=answer.status_code, media_type="application/json")

    async def _review(self, request: Request) -> Response:
        try:
            data = await _body(request)
            entry = HumanReview(
                decision=data["decision"],
                reviewer=data["reviewer"],
                outcome=Outcome(data["outcome"]),
                reason=data["reason"],
                time=moment(datetime.now(UTC)),
            ).data()
        except (KeyError, ValueError) as error:
            return _error(400, "invalid", str(error))
        found = await self._features.decision(entry["decision"])
        if found is None:
            return UNKNOWN
        # First what was decided and by whom, then what comes of it: said again it is not kept twice.
        if not any(_same(entry, kept) for kept in found["history"]):
            found = await self._append(found, entry)
        try:
            payment = await self._payments.decide(found, release=entry["outcome"] == Outcome.REVERSED)
        except PaymentsError as error:
            message = f"The review is kept, the payment still waits ({error}). Send it again."
            return _error(503, "payment_waits", message)
        return JSONResponse({**found, "payment": payment or found["payment"]}, status_code=201)

    async def _contest(self, request: Request) -> Response:
        try:
            data = await _body(request)
            now = moment(datetime.now(UTC))
            entry = Contest(decision=data["decision"], statement=data["statement"], time=now).data()
        except (KeyError, ValueError) as error:
            return _error(400, "invalid", str(error))
        found = await self._features.decision(entry["decision"])
        if found is None:
            return UNKNOWN
        if found["decision"] != Decision.BLOCK:
            return _error(409, "not_blocked", "Only a block can be contested.")
        return JSONResponse(await self._append(found, entry), status_code=201)

    async def _outcome(self, request: Request) -> Response:
        try:
            data = await _body(request)
            if (fate := Fate(data["fate"])) not in REPORTED:
                raise FraudError(f"outcome.fate: {fate} is in the payment's events; report {' or '.join(REPORTED)}")
            now = moment(datetime.now(UTC))
            said = PaymentOutcome(decision=data["decision"], fate=fate, source=data["reference"], time=now)
        except (KeyError, ValueError) as error:
            return _error(400, "invalid", str(error))
        found = await self._features.decision(said.decision)
        if found is None:
            return UNKNOWN
        if not any(entry.get("source") == said.source for entry in found["history"]):
            metrics.OUTCOMES.add(fate=fate)
            found = await self._append(found, said.data())
        return JSONResponse(found, status_code=201)

    async def _append(self, found: Mapping[str, Any], entry: dict[str, Any]) -> dict[str, Any]:
        """The decision with one more entry: kept, and on the stream."""
        await self._features.append(found["id"], entry)
        self._stream.put_entry(found["account"], entry)
        return {**found, "history": [*found["history"], entry]}


async def _body(request: Request) -> Mapping[str, Any]:
    data = await request.json()
    if not isinstance(data, dict) or not all(isinstance(value, str) for value in data.values()):
        raise FraudError("body: give an object of texts")
    return data


def _same(entry: Mapping[str, Any], kept: Mapping[str, Any]) -> bool:
    """Whether the same person has said the same before."""
    return {**entry, "time": ""} == {**kept, "time": ""}


def _error(status: int, reason: str, message: str) -> Response:
    error = {"error": {"type": "invalid_request", "reason": reason, "message": message}}
    return JSONResponse(error, status_code=status)


UNKNOWN = _error(404, "unknown", "There is no such decision, or no longer.")
