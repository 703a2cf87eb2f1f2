"""The health port: GET /healthz for the kubelet, GET /metrics for the collector."""

from __future__ import annotations

import asyncio

from workloads import telemetry

PORT = 8082


async def serve(host: str, port: int = PORT) -> asyncio.Server:
    """Answers for as long as the event loop turns: a program that lost a task ends by itself."""
    return await asyncio.start_server(_answer, host, port)


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        async with asyncio.timeout(2):
            request = (await reader.readline()).split()
            while (await reader.readline()).strip():
                pass
            writer.write(_response(request[1].decode("latin-1") if len(request) > 1 else ""))
            await writer.drain()
    except (TimeoutError, OSError, ValueError):
        pass  # whoever asks in half does not wait for an answer
    finally:
        writer.close()


def _response(path: str) -> bytes:
    status, kind, body = "200 OK", "text/plain", "ok\n"
    if path == "/metrics":
        kind, body = telemetry.CONTENT_TYPE, telemetry.exposition()
    elif path != "/healthz":
        status, body = "404 Not Found", "not here\n"
    content = body.encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\nConnection: close\r\n\r\n"
    return head.encode() + content
