"""Requests of Route 53's health checkers: real ones, from outside of every region, at the declared interval.

https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover-determining-health-of-endpoints.html
"""

import asyncio
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

CONNECT_S, TCP_CONNECT_S = 4.0, 10.0
ANSWER_S, BODY_S = 2.0, 2.0
SEARCHED = 5120
"""Bytes of a body in which the string has to be."""

Address = tuple[str, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """What a health check asks."""

    kind: str
    """HTTP, HTTPS, HTTP_STR_MATCH, HTTPS_STR_MATCH or TCP."""
    host: str
    path: str
    search: str
    sni: bool

    @property
    def encrypted(self) -> bool:
        return self.kind.startswith("HTTPS")


class Streak:
    """A checker's opinion: it changes after `threshold` answers in a row that say otherwise. A new check is healthy."""

    def __init__(self) -> None:
        self.healthy, self.text = True, "no request yet"
        self._against = 0

    def add(self, well: bool, text: str, threshold: int) -> None:
        self.text = f"{'Success' if well else 'Failure'}: {text}"
        self._against = 0 if well is self.healthy else self._against + 1
        if self._against >= threshold:
            self.healthy, self._against = well, 0


async def ask(endpoint: Endpoint, address: Address) -> tuple[bool, str]:
    """One request: whether it is a good one, and why. Certificates are not checked, as Route 53 does not."""
    writer = None
    try:
        async with asyncio.timeout(TCP_CONNECT_S if endpoint.kind == "TCP" else CONNECT_S):
            reader, writer = await _connect(endpoint, address)
        if endpoint.kind == "TCP":
            return True, "connected"
        async with asyncio.timeout(ANSWER_S):
            request = f"GET {endpoint.path} HTTP/1.1\r\nHost: {endpoint.host}\r\nConnection: close\r\n"
            writer.write(f"{request}User-Agent: Amazon-Route53-Health-Check-Service\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        if not 200 <= status < 400:
            return False, f"HTTP Status Code {status}"
        if endpoint.search:
            async with asyncio.timeout(BODY_S):
                if endpoint.search.encode() not in await _start_of(reader):
                    return False, "the string is not in the body"
        return True, f"HTTP Status Code {status}"
    except (OSError, ValueError, IndexError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as reason:
        return False, str(reason) or type(reason).__name__
    finally:
        if writer is not None:
            writer.transport.abort()


async def _connect(endpoint: Endpoint, address: Address) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if not endpoint.encrypted:
        return await asyncio.open_connection(*address)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return await asyncio.open_connection(*address, ssl=context, server_hostname=endpoint.host if endpoint.sni else "")


async def _start_of(reader: asyncio.StreamReader) -> bytes:
    found = b""
    while len(found) < SEARCHED and (more := await reader.read(SEARCHED - len(found))):
        found += more
    return found


@dataclass(kw_only=True)
class _Check:
    told: Mapping[str, Any]
    streak: Streak
    due: float = 0.0
    asking: asyncio.Task[None] | None = None


class Checks:
    """One thread for all. address: where a check's endpoint is now, by what the emulator told of the check; None where
    nobody could be."""

    def __init__(self, address: Callable[[Mapping[str, Any]], Address | None]) -> None:
        self._address = address
        self._checks: dict[str, _Check] = {}
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="health-checks", daemon=True).start()

    def want(self, told: Sequence[Mapping[str, Any]]) -> None:
        """These checks and no others; their requests go on by themselves."""
        asyncio.run_coroutine_threadsafe(self._want(told), self._loop).result()

    def observed(self) -> dict[str, dict[str, Any]]:
        """Check -> `healthy`, `text`."""
        return {
            name: {"healthy": one.streak.healthy, "text": one.streak.text} for name, one in list(self._checks.items())
        }

    async def _want(self, told: Sequence[Mapping[str, Any]]) -> None:
        wanted = {one["id"]: one for one in told}
        for name in [name for name in self._checks if name not in wanted]:
            if task := self._checks.pop(name).asking:
                task.cancel()
        for name, one in wanted.items():
            check = self._checks.setdefault(name, _Check(told=one, streak=Streak()))
            check.told = one
            if check.due <= self._loop.time() and (check.asking is None or check.asking.done()):
                check.due = self._loop.time() + one["interval"]
                check.asking = self._loop.create_task(self._ask(check))

    async def _ask(self, check: _Check) -> None:
        one = check.told
        endpoint = Endpoint(kind=one["kind"], host=one["host"], path=one["path"], search=one["search"], sni=one["sni"])
        address = self._address(one)
        well, text = await ask(endpoint, address) if address else (False, "the name leads to nobody")
        check.streak.add(well, text, one["threshold"])
