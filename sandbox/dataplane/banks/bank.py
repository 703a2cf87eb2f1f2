"""One bank: takes payments by HTTP, books each reference once, and fails as it is told.

POST /payments or /refunds {"reference": ..., "amount": minor units, ...}   201; 200 again for the same reference
GET  /payments/REFERENCE   200 or 404

An amount that ends in 13 is declined, so that a test can have a decline when it wants one.
"""

import asyncio
import json
import socket
import ssl
import struct
from http import HTTPStatus
from pathlib import Path
from typing import Any

DECLINED_ENDING = 13
"""Last two digits of a declined amount."""

DRIP_S, SLOW_S = 0.2, 1.0
"""Seconds between two bytes, and before an answer."""

MAX_BODY = 65_536


class Bank:
    """What one host does."""

    def __init__(self, book: Path, latency_s: float) -> None:
        """`book`: a line a booking, read again when the process starts anew."""
        self._latency_s, self._fault = latency_s, ""
        self._wake = asyncio.Event()
        self._open: set[asyncio.StreamWriter] = set()
        self._known: dict[str, dict[str, Any]] = {}
        self.effects: dict[str, int] = {}
        self.requests = 0
        self.clients: list[str] = []
        if book.exists():
            for line in book.read_text().splitlines():
                self._note(json.loads(line))
        self._book = book.open("a")

    def fail(self, kind: str | None) -> None:
        """Fail so from now on, or no more: whoever was left hanging is cut off then."""
        self._fault = kind or ""
        self._wake.set()
        self._wake = asyncio.Event()

    def hang_up(self) -> None:
        """End all connections: the bank is gone."""
        for writer in self._open:
            writer.close()

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Requests of one connection, one after the other."""
        self._open.add(writer)
        certificate = writer.get_extra_info("peercert")
        if certificate:
            self.clients.append(certificate["serialNumber"])
        try:
            while await self._request(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            return  # the caller has gone: nothing is left to be said to it
        finally:
            self._open.discard(writer)
            writer.close()

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request; False where the connection ends after it."""
        head = await reader.readuntil(b"\r\n\r\n")
        first, *rest = head.decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ", 2)
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
        length = int(headers.get("content-length", 0))
        if length > MAX_BODY:
            return False
        body = await reader.readexactly(length)
        self.requests += 1
        fault, wake = self._fault, self._wake
        if fault == "hang":
            await wake.wait()
            return False
        if fault == "reset":
            _reset(writer)
            return False
        if fault == "500":
            await self._send(writer, HTTPStatus.INTERNAL_SERVER_ERROR, {"error": "told to fail"}, drip=False)
            return True
        await asyncio.sleep(SLOW_S if fault == "slow" else self._latency_s)
        status, answer = self._do(method, path, body)
        if fault == "pretend":
            await self._send(writer, HTTPStatus.SERVICE_UNAVAILABLE, answer, drip=False, more="x-refused: breaker\r\n")
            return True
        await self._send(writer, status, answer, drip=fault == "drip")
        return True

    async def _send(
        self, writer: asyncio.StreamWriter, status: HTTPStatus, answer: Any, *, drip: bool, more: str = ""
    ) -> None:
        body = json.dumps(answer).encode()
        head = f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\n{more}"
        message = head.encode() + f"content-length: {len(body)}\r\n\r\n".encode() + body
        for part in (message[n : n + 1] for n in range(len(message))) if drip else (message,):
            writer.write(part)
            await writer.drain()
            if drip:
                await asyncio.sleep(DRIP_S)

    def _do(self, method: str, path: str, body: bytes) -> tuple[HTTPStatus, dict[str, Any]]:
        _, kind, *rest = path.split("?")[0].split("/")
        if kind not in ("payments", "refunds"):
            return HTTPStatus.NOT_FOUND, {"error": "no such thing"}
        if method == "GET" and len(rest) == 1:
            found = self._known.get(rest[0])
            return (HTTPStatus.OK, found) if found else (HTTPStatus.NOT_FOUND, {"error": "unknown reference"})
        if method != "POST" or rest:
            return HTTPStatus.METHOD_NOT_ALLOWED, {"error": "POST one, or GET one by its reference"}
        return self._take(kind, body)

    def _take(self, kind: str, body: bytes) -> tuple[HTTPStatus, dict[str, Any]]:
        try:
            asked = json.loads(body)
            reference, amount = str(asked["reference"]), int(asked["amount"])
        except (ValueError, KeyError, TypeError):
            return HTTPStatus.BAD_REQUEST, {"error": "needs reference and amount"}
        known = self._known.get(reference)
        if known is not None:
            same = known["amount"] == amount and known["kind"] == kind
            return (HTTPStatus.OK, known) if same else (HTTPStatus.CONFLICT, {"error": "reference is of another one"})
        status = "declined" if amount % 100 == DECLINED_ENDING else "accepted"
        made = {"reference": reference, "kind": kind, "amount": amount, "status": status}
        self._note(made)
        self._book.write(json.dumps(made) + "\n")
        self._book.flush()
        return HTTPStatus.CREATED, made

    def _note(self, made: dict[str, Any]) -> None:
        self._known[made["reference"]] = made
        if made["status"] == "accepted":
            self.effects[made["reference"]] = self.effects.get(made["reference"], 0) + 1


def _reset(writer: asyncio.StreamWriter) -> None:
    """RST instead of FIN: the caller learns that the bank has thrown the connection away."""
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
