"""Banks, through the egress gateway: one call, and what it is known to have done.

A bank books a reference once, however often it is sent. What matters here is the difference between "not sent",
"the bank said" and "nobody knows": the last is asked again by the settler, never assumed.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from time import monotonic
from typing import Any

import httpx
from opentelemetry import trace

from workloads import telemetry
from workloads.payments.markets import Market
from workloads.telemetry import Counter, Histogram

CALLS = Counter("payments_bank_calls_total", "Calls of banks by market, bank, method and outcome.")
SECONDS = Histogram("payments_bank_seconds", "Seconds until a bank's answer, by market and bank.")

MAX_CONNECTIONS = 1024
"""To one egress gateway; it has the limits of the banks."""


class Outcome(StrEnum):
    """What a call is known to have done."""

    SUCCEEDED = "succeeded"
    DECLINED = "declined"
    FAILED = "failed"
    """The bank read it and will not book it: malformed, or unknown to it."""
    UNKNOWN = "unknown"
    """Sent, and no answer that says what came of it."""
    NOT_SENT = "not-sent"
    """The egress gateway refused it or could not be reached."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """An outcome and the word for it."""

    outcome: Outcome
    reason: str | None = None
    retry_after_s: int = 1


NOTHING_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


class Banks:
    """The egress gateways."""

    def __init__(self, client: httpx.AsyncClient | None = None) -> None:
        self._client = client or httpx.AsyncClient(
            limits=httpx.Limits(max_connections=MAX_CONNECTIONS, max_keepalive_connections=MAX_CONNECTIONS),
            trust_env=False,
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def send(self, kind: str, market: Market, bank: str, content: Mapping[str, Any]) -> Said:
        """POST of a payment or refund; `content` has its `reference`."""
        return await self._call("POST", f"/{kind}", market, bank, content)

    async def ask(self, kind: str, market: Market, bank: str, reference: str) -> Said:
        """What the bank knows of a reference: FAILED, reason `unknown_to_bank`, where it has never seen it."""
        return await self._call("GET", f"/{kind}/{reference}", market, bank, None)

    async def _call(self, method: str, path: str, market: Market, bank: str, content: Mapping[str, Any] | None) -> Said:
        with telemetry.stage("bank", trace.SpanKind.CLIENT, bank=f"{market.id}/{bank}", method=method) as span:
            said = await self._answered(method, path, market, bank, content)
            span.set_attributes({"outcome": said.outcome, **({"reason": said.reason} if said.reason else {})})
        return said

    async def _answered(
        self, method: str, path: str, market: Market, bank: str, content: Mapping[str, Any] | None
    ) -> Said:
        began = monotonic()
        headers = {"x-bank": f"{market.id}/{bank}", **telemetry.outgoing()}
        timeout_s = market.banks[bank].timeout_s
        try:
            # Overall: the client's own is between two bytes, and a bank that drips has no end.
            async with asyncio.timeout(timeout_s):
                response = await self._client.request(
                    method, f"{market.url}{path}", json=content, headers=headers, timeout=timeout_s
                )
            said = read(method, response.status_code, response.headers, response.content)
        except NOTHING_SENT as error:
            said = Said(outcome=Outcome.NOT_SENT, reason=type(error).__name__)
        except (httpx.HTTPError, TimeoutError) as error:
            said = Said(outcome=Outcome.UNKNOWN, reason=type(error).__name__)
        SECONDS.observe(monotonic() - began, market=market.id, bank=bank)
        CALLS.add(market=market.id, bank=bank, method=method, outcome=said.outcome)
        return said


def read(method: str, status: int, headers: Mapping[str, str], body: bytes) -> Said:
    """What an answer says. Anything that is not certain is UNKNOWN."""
    if refused := headers.get("x-refused"):
        after = headers.get("retry-after", "1")
        return Said(outcome=Outcome.NOT_SENT, reason=refused[:64], retry_after_s=int(after) if after.isdigit() else 1)
    if status in (200, 201):
        return _booked(body)
    if method == "GET":
        unknown = status == 404
        return Said(outcome=Outcome.FAILED, reason="unknown_to_bank") if unknown else Said(outcome=Outcome.UNKNOWN)
    if status == 402:
        return Said(outcome=Outcome.DECLINED, reason="declined_by_bank")
    if status in (400, 404, 405, 413, 422):
        return Said(outcome=Outcome.FAILED, reason=f"bank_{status}")
    return Said(outcome=Outcome.UNKNOWN, reason=f"bank_{status}")


def _booked(body: bytes) -> Said:
    try:
        status = json.loads(body)["status"]
    except (ValueError, KeyError, TypeError):
        return Said(outcome=Outcome.UNKNOWN, reason="bank_answer")
    if status == "accepted":
        return Said(outcome=Outcome.SUCCEEDED)
    if status == "declined":
        return Said(outcome=Outcome.DECLINED, reason="declined_by_bank")
    return Said(outcome=Outcome.UNKNOWN, reason="bank_answer")
