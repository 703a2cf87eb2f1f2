"""The process that is every bank: `python -m sandbox.dataplane.banks FOLDER LATENCY_MS [CLIENTS.pem]`."""

import asyncio
import json
import os
import signal
import ssl
import sys
from pathlib import Path
from typing import Any

from sandbox.dataplane.banks.authority import Authority
from sandbox.dataplane.banks.bank import Bank


class Street:
    """All banks, and the socket that switches them."""

    def __init__(self, folder: Path, latency_s: float, clients: Path | None) -> None:
        self._folder, self._latency_s, self._clients = folder, latency_s, clients
        self._authority = Authority(folder)
        self._banks: dict[str, tuple[Bank, asyncio.Server]] = {}
        self._numbers: dict[str, int] = {}

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One question of the manager."""
        try:
            line = await reader.readline()
            if line:  # else it only looked whether somebody listens
                writer.write(json.dumps(await self._do(json.loads(line))).encode() + b"\n")
                await writer.drain()
        finally:
            writer.close()

    async def _do(self, question: dict[str, Any]) -> dict[str, Any]:
        match question["do"]:
            case "serve":
                return await self._serve(question["hosts"])
            case "fault":
                self._banks[question["host"]][0].fail(question["kind"])
                return {}
            case _:
                bank = self._banks[question["host"]][0]
                return {"effects": bank.effects, "requests": bank.requests, "clients": bank.clients}

    async def _serve(self, hosts: list[str]) -> dict[str, Any]:
        for host in set(self._banks) - set(hosts):
            bank, server = self._banks.pop(host)
            server.close()
            bank.hang_up()
        for host in hosts:
            if host not in self._banks:
                bank = Bank(self._folder / f"{host}.jsonl", self._latency_s)
                server = await asyncio.start_server(bank.connection, self._address(host), 0, ssl=self._tls(host))
                self._banks[host] = (bank, server)
        return {"endpoints": {host: server.sockets[0].getsockname()[:2] for host, (_, server) in self._banks.items()}}

    def _address(self, host: str) -> str:
        """127.9.0.1 onwards: what has an address of its own can be told apart in logs."""
        number = self._numbers.setdefault(host, len(self._numbers) + 1)
        return f"127.9.{number // 250}.{number % 250 + 1}"

    def _tls(self, host: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self._authority.server(host))
        if self._clients is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self._clients)
        return context


async def main(folder: Path, latency_s: float, clients: Path | None) -> None:
    """Serves until SIGTERM, or until whoever started it is gone."""
    street = Street(folder, latency_s, clients)
    before = os.umask(0o077)
    control = await asyncio.start_unix_server(street.answer, folder / "control.sock")
    os.umask(before)
    done = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, done.set)
    parent = os.getppid()
    while not done.is_set() and os.getppid() == parent:
        try:
            await asyncio.wait_for(done.wait(), 1)
        except TimeoutError:
            continue
    control.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]) / 1000, Path(sys.argv[3]) if len(sys.argv) > 3 else None))
