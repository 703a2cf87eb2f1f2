"""Open-loop load: calls begin when they are due, whatever became of those before, so a late one counts as slow."""

import asyncio
import itertools
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass

_REFERENCES = itertools.count()


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One payment."""

    bank: str
    seconds: float
    """From when it was due until it was answered."""
    status: int
    refused: str
    """`x-refused` of the answer, or ""."""

    @property
    def served(self) -> bool:
        return self.status in (200, 201)


class Caller:
    """At most `pool` connections to one address, as the payments API has. HTTP/1.1 by hand: a client library takes more
    time for a call than the gateway does."""

    def __init__(self, address: str, port: int, pool: int) -> None:
        self._address, self._port = address, port
        self._room = asyncio.Semaphore(pool)
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def pay(self, bank: str) -> tuple[int, str]:
        """Status and `x-refused`."""
        body = json.dumps({"reference": f"bench-{next(_REFERENCES)}", "amount": 1250})
        head = f"POST /payments HTTP/1.1\r\nhost: bench\r\nx-bank: {bank}\r\ncontent-length: {len(body)}\r\n\r\n"
        async with self._room:
            reader, writer = self._idle.pop() if self._idle else await self._connection()
            writer.write((head + body).encode())
            first, *rest = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in rest if line)
            await reader.readexactly(int(headers.get("content-length", 0)))
            if headers.get("connection") == "close":
                writer.close()
            else:
                self._idle.append((reader, writer))
        return int(first.split()[1]), headers.get("x-refused", "")

    def close(self) -> None:
        for _, writer in self._idle:
            writer.close()

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(self._address, self._port)


async def load(place: tuple[str, int], banks: Sequence[str], rate: float, seconds: float, pool: int) -> list[Call]:
    """`rate` payments a second to each bank, evenly spread."""
    found: list[Call] = []
    caller = Caller(*place, pool)
    began, gap = time.perf_counter() + 0.2, 1 / (rate * len(banks))

    async def one(bank: str, due: float) -> None:
        status, refused = await caller.pay(bank)
        found.append(Call(bank=bank, seconds=time.perf_counter() - due, status=status, refused=refused))

    running = set()
    for number in range(int(rate * len(banks) * seconds)):
        due = began + number * gap
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        running.add(asyncio.create_task(one(banks[number % len(banks)], due)))
    await asyncio.gather(*running)
    caller.close()
    return found


def p99_ms(calls: Sequence[Call]) -> float:
    ordered = sorted(call.seconds for call in calls)
    return ordered[int(len(ordered) * 0.99)] * 1000
