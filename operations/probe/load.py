"""An open loop: each call leaves at its time, whatever became of those before it, and its latency counts from then."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from operations.probe.plan import Call, Fault, Plan
from operations.probe.target import Target

TIMEOUT_S = 10.0
"""Seconds that a customer's program waits for an answer."""

MAX_TRIES = 4
"""Calls of one payment, each with the same idempotency key."""

LONGEST_WAIT_S = 5.0
"""A customer obeys Retry-After up to here."""

NO_ANSWER = 0
"""Status of a try that got none: timeout or broken connection."""

ACKNOWLEDGED: Final = frozenset({200, 201, 202})

REFUSED_BY = "x-refused"


@dataclass(frozen=True, kw_only=True, slots=True)
class Try:
    """One HTTP exchange."""

    at_s: float
    """Seconds after the start at which it was due."""
    seconds: float
    status: int
    reason: str = ""
    """Of a refusal."""
    stages_ms: Mapping[str, float] = field(default_factory=dict)
    """Stage -> milliseconds, from the Server-Timing header."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What became of one payment, as its customer saw it."""

    call: Call
    tries: Sequence[Try]
    payment_id: str | None
    """None: never acknowledged."""
    status: str
    """Of the payment; or of the last refusal."""
    fraud: str = ""
    """Decision that was taken."""


@dataclass(slots=True)
class Progress:
    """What the live view shows; written by the loop only."""

    sent: int = 0
    in_flight: int = 0
    acknowledged: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    """Those that last now."""


Switch = Callable[[str, bool], Awaitable[None]]
"""Turns a fault on or off."""


async def run(
    plan: Plan, target: Target, key_of: Callable[[Call], str], switch: Switch, progress: Progress
) -> list[Answer]:
    """Makes all calls and all faults of the plan; answers in the order of the calls. Faults end with the run."""
    limits = httpx.Limits(max_connections=1_000, max_keepalive_connections=200)
    # The gateway's certificate is for the load balancer, which verifies none; and this is loopback (`target.gateway`).
    async with httpx.AsyncClient(base_url=target.url, verify=False, limits=limits, timeout=TIMEOUT_S) as client:
        began = time.perf_counter()
        faults = [asyncio.create_task(_fault(fault, began, switch, progress)) for fault in plan.faults]
        calls = []
        for call in plan.calls:
            await asyncio.sleep(max(0.0, began + call.at_s - time.perf_counter()))
            calls.append(asyncio.create_task(_pay(client, call, target.domain, key_of(call), began, progress)))
        answers = await asyncio.gather(*calls)
        await asyncio.gather(*faults)
    return answers


async def _fault(fault: Fault, began: float, switch: Switch, progress: Progress) -> None:
    await asyncio.sleep(max(0.0, began + fault.start_s - time.perf_counter()))
    await switch(fault.name, True)
    if fault.end_s is None:
        return
    progress.faults.append(fault.name)
    try:
        await asyncio.sleep(max(0.0, began + fault.end_s - time.perf_counter()))
    finally:
        progress.faults.remove(fault.name)
        await switch(fault.name, False)


async def _pay(
    client: httpx.AsyncClient, call: Call, domain: str, key: str, began: float, progress: Progress
) -> Answer:
    progress.sent += 1
    progress.in_flight += 1
    headers = {"Host": domain, "Authorization": f"Bearer {key}", "Idempotency-Key": call.idempotency_key}
    tries: list[Try] = []
    due = call.at_s
    body: dict[str, Any] = {}
    for number in range(MAX_TRIES):
        response, seconds = await _exchange(client, call, headers, began + due)
        one, body = _read(response, due, seconds)
        tries.append(one)
        if one.reason:
            progress.refusals[one.reason] += 1
        if one.status in ACKNOWLEDGED or not _may_retry(one) or number == MAX_TRIES - 1:
            break
        wait_s = min(LONGEST_WAIT_S, _retry_after(response))
        await asyncio.sleep(wait_s)
        due = time.perf_counter() - began
    progress.in_flight -= 1
    acknowledged = tries[-1].status in ACKNOWLEDGED
    status = str(body.get("status")) if acknowledged else tries[-1].reason or str(tries[-1].status)
    progress.acknowledged += acknowledged
    progress.statuses[status] += 1
    return Answer(
        call=call,
        tries=tries,
        payment_id=str(body["id"]) if acknowledged else None,
        status=status,
        fraud=_decision(body),
    )


async def _exchange(
    client: httpx.AsyncClient, call: Call, headers: Mapping[str, str], due: float
) -> tuple[httpx.Response | None, float]:
    try:
        response = await client.post("/v1/payments", json=dict(call.body), headers=dict(headers))
    except httpx.HTTPError:
        response = None
    return response, time.perf_counter() - due


def _read(response: httpx.Response | None, due: float, seconds: float) -> tuple[Try, dict[str, Any]]:
    if response is None:
        return Try(at_s=due, seconds=seconds, status=NO_ANSWER, reason="no-answer"), {}
    try:
        body = response.json()
    except ValueError:
        body = {}
    body = body if isinstance(body, dict) else {}
    reason = response.headers.get(REFUSED_BY, "")
    if not reason and response.status_code not in ACKNOWLEDGED:
        reason = str((body.get("error") or {}).get("reason") or response.status_code)
    stages = server_timing(response.headers.get("server-timing", ""))
    return Try(at_s=due, seconds=seconds, status=response.status_code, reason=reason, stages_ms=stages), body


def server_timing(header: str) -> dict[str, float]:
    """Stage -> milliseconds of a Server-Timing header (https://www.w3.org/TR/server-timing/); what has no duration is
    left out."""
    found = {}
    for entry in header.split(","):
        name, *parameters = (part.strip() for part in entry.split(";"))
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key == "dur":
                with suppress(ValueError):
                    found[name] = float(value)
    return found


def _may_retry(one: Try) -> bool:
    """A customer's program tries again what may succeed later; another answer is final."""
    return one.status == NO_ANSWER or one.status in {409, 429} or one.status >= 500


def _retry_after(response: httpx.Response | None) -> float:
    if response is None:
        return 1.0
    value = response.headers.get("retry-after", "1")
    return float(value) if value.isdigit() else 1.0


def _decision(body: Mapping[str, Any]) -> str:
    fraud = body.get("fraud")
    if isinstance(fraud, Mapping):
        return str(fraud.get("mode") if fraud.get("mode") == "failed-open" else fraud.get("decision"))
    return str(fraud or "")
