"""HTTP beside the decisions: health, metrics, and what people do with a decision afterwards.

GET  /decisions/{id}    the record, with what was done about it
POST /review            {"decision", "reviewer", "outcome": upheld|reversed, "reason"}      a person decides again
POST /contest           {"decision", "statement"}                                           somebody disagrees
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
from workloads import telemetry
from workloads.scorer.features import FeatureStore
from workloads.scorer.stream import DecisionStream


class Routes:
    """The routes over one process's stores."""

    def __init__(self, features: FeatureStore, stream: DecisionStream) -> None:
        self._features, self._stream = features, stream

    def app(self) -> Starlette:
        """The ASGI application."""
        return Starlette(
            routes=[
                Route("/healthz", self._health),
                Route("/metrics", self._metrics),
                Route("/decisions/{id}", self._decision),
                Route("/review", self._review, methods=["POST"]),
                Route("/contest", self._contest, methods=["POST"]),
            ]
        )

    async def _health(self, _request: Request) -> Response:
        return PlainTextResponse("ok")

    async def _metrics(self, _request: Request) -> Response:
        return Response(telemetry.exposition(), media_type=telemetry.CONTENT_TYPE)

    async def _decision(self, request: Request) -> Response:
        found = await self._features.decision(request.path_params["id"])
        return JSONResponse(found) if found else _error(404, "unknown", "There is no such decision, or no longer.")

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
        return await self._append(entry, blocked=False)

    async def _contest(self, request: Request) -> Response:
        try:
            data = await _body(request)
            now = moment(datetime.now(UTC))
            entry = Contest(decision=data["decision"], statement=data["statement"], time=now).data()
        except (KeyError, ValueError) as error:
            return _error(400, "invalid", str(error))
        return await self._append(entry, blocked=True)

    async def _append(self, entry: dict[str, str], *, blocked: bool) -> Response:
        found = await self._features.decision(entry["decision"])
        if found is None:
            return _error(404, "unknown", "There is no such decision, or no longer.")
        if blocked and found["decision"] != Decision.BLOCK:
            return _error(409, "not_blocked", "Only a block can be contested.")
        await self._features.append(entry["decision"], entry)
        self._stream.put_entry(found["account"], entry)
        return JSONResponse({**found, "history": [*found["history"], entry]}, status_code=201)


async def _body(request: Request) -> Mapping[str, Any]:
    data = await request.json()
    if not isinstance(data, dict) or not all(isinstance(value, str) for value in data.values()):
        raise FraudError("body: give an object of texts")
    return data


def _error(status: int, reason: str, message: str) -> Response:
    error = {"error": {"type": "invalid_request", "reason": reason, "message": message}}
    return JSONResponse(error, status_code=status)
