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

NO_ANSWER = 0
"""Status of a try that got none: timeout or broken connection."""

ACKNOWLEDGED: Final = frozenset({200, 201, 202})

REFUSED_BY = "x-refused"


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """How long a customer's program goes on with one payment."""

    tries: int = 4
    """Calls, each with the same idempotency key."""
    timeout_s: float = TIMEOUT_S
    """Seconds that it waits for an answer."""
    longest_wait_s: float = 5.0
    """Seconds between two calls at most: Retry-After is obeyed up to here."""

    def wait_s(self, number: int, retry_after_s: float) -> float:
        """Seconds after call `number`, of 0 for the first. Twice as long each time: what has failed is not helped by
        those who ask again at once, and customers who wait must not become the load."""
        return min(self.longest_wait_s, max(retry_after_s, 2.0 ** (number - 1) if number else 0.0))


CUSTOMER: Final = Patience()


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
    cell: str = ""
    """Stack of the cell whose gateway was called; empty where the name led to none."""

    @property
    def ended_s(self) -> float:
        """Seconds after the start at which the answer was there, or was waited for no longer."""
        return self.at_s + self.seconds


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
    began: float = 0.0
    """Seconds since 1970 at the start."""


Where = Callable[[], Target | None]
"""Where the customers' name leads now: asked before each call. None: nowhere."""

Switch = Callable[[str, bool], Awaitable[None]]
"""Turns a fault on or off."""


async def run(
    plan: Plan,
    where: Where,
    key_of: Callable[[Call], str],
    switch: Switch,
    progress: Progress,
    *,
    patience: Patience = CUSTOMER,
    over: Callable[[], bool] = lambda: False,
) -> list[Answer]:
    """Makes the calls of the plan until it is `over`, and all its faults; answers in the order of the calls. Faults end
    with the run."""
    limits = httpx.Limits(max_connections=1_000, max_keepalive_connections=200)
    # The gateway's certificate is for the load balancer, which verifies none; and this is loopback (`target.gateway`).
    async with httpx.AsyncClient(verify=False, limits=limits, timeout=patience.timeout_s) as client:
        began, progress.began = time.perf_counter(), time.time()
        faults = [asyncio.create_task(_fault(fault, began, switch, progress)) for fault in plan.faults]
        calls = []
        for call in plan.calls:
            await asyncio.sleep(max(0.0, began + call.at_s - time.perf_counter()))
            if over():
                break
            calls.append(asyncio.create_task(_pay(client, call, where, key_of(call), began, progress, patience)))
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
    client: httpx.AsyncClient,
    call: Call,
    where: Where,
    key: str,
    began: float,
    progress: Progress,
    patience: Patience,
) -> Answer:
    progress.sent += 1
    progress.in_flight += 1
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": call.idempotency_key}
    tries: list[Try] = []
    due = call.at_s
    body: dict[str, Any] = {}
    for number in range(patience.tries):
        target = where()
        response, seconds = await _exchange(client, call, target, headers, began + due)
        one, body = _read(response, due, seconds, target)
        tries.append(one)
        if one.reason:
            progress.refusals[one.reason] += 1
        if one.status in ACKNOWLEDGED or not _may_retry(one) or number == patience.tries - 1:
            break
        await asyncio.sleep(patience.wait_s(number, _retry_after(response)))
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
    client: httpx.AsyncClient, call: Call, target: Target | None, headers: Mapping[str, str], due: float
) -> tuple[httpx.Response | None, float]:
    response = None
    if target is not None:
        with suppress(httpx.HTTPError):
            url, host = f"{target.url}/v1/payments", {"Host": target.domain}
            response = await client.post(url, json=dict(call.body), headers={**headers, **host})
    return response, time.perf_counter() - due


def _read(
    response: httpx.Response | None, due: float, seconds: float, target: Target | None
) -> tuple[Try, dict[str, Any]]:
    cell = target.stack if target else ""
    if response is None:
        reason = "no-answer" if target else "no-address"
        return Try(at_s=due, seconds=seconds, status=NO_ANSWER, reason=reason, cell=cell), {}
    try:
        body = response.json()
    except ValueError:
        body = {}
    body = body if isinstance(body, dict) else {}
    reason = response.headers.get(REFUSED_BY, "")
    if not reason and response.status_code not in ACKNOWLEDGED:
        reason = str((body.get("error") or {}).get("reason") or response.status_code)
    stages = server_timing(response.headers.get("server-timing", ""))
    one = Try(at_s=due, seconds=seconds, status=response.status_code, reason=reason, stages_ms=stages, cell=cell)
    return one, body


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
