"""The process: listeners for the proxies of its configuration, which it reads again whenever the file changes."""

import asyncio
import contextlib
import json
import os
import signal
import ssl
import sys
import urllib.request
from pathlib import Path
from typing import Any

from sandbox.dataplane.database_proxy.config import Config, ProxyConfig
from sandbox.dataplane.database_proxy.pool import Pool
from sandbox.dataplane.database_proxy.session import Session, Statistics

CHECK = "/_sandbox/db-token"
"""Where the emulator checks a token, as IAM does on AWS."""

TIMEOUT_S = 5.0
TICK_S = 0.5
"""Seconds between two looks at the configuration and two writes of the statistics."""


class Listener:
    """One proxy: its address, its pool, its clients."""

    def __init__(self, config: ProxyConfig, process: Config) -> None:
        self.config = config
        self.statistics = Statistics()
        self._endpoint = process.endpoint_url.rstrip("/")
        self._server: asyncio.Server | None = None
        self._sessions: dict[asyncio.Task[None], Session] = {}
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(config.certificate, config.key)
        self._pool = Pool(config)

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._client, self.config.address, self.config.port, backlog=512)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        session = self._sessions[task] = Session(self._pool, self._authorize, self.statistics, reader, writer)
        try:
            await session.run(self._tls)
        finally:
            del self._sessions[task]

    def let_idle_go(self) -> None:
        """End the connections of clients that were silent for longer than declared."""
        since = asyncio.get_running_loop().time() - self.config.idle_client_s
        for session in self._sessions.values():
            if session.idle_since is not None and session.idle_since < since:
                session.close()

    async def _authorize(self, config: ProxyConfig, user: str, token: str) -> str:
        asked = {
            "token": token,
            "host": f"{config.host}:{config.port}",
            "user": user,
            "account": config.account,
            "region": config.region,
            "resource": config.resource_id,
        }
        if user not in config.secrets:
            asked |= {"proxyRole": config.role, "cluster": config.cluster_resource_id}
        try:
            answer = await asyncio.to_thread(self._ask, json.dumps(asked).encode())
        except (OSError, ValueError) as reason:
            return f"the token cannot be checked: {reason}"
        return "" if answer["allowed"] else str(answer["reason"])

    def _ask(self, body: bytes) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self._endpoint}{CHECK}", body, timeout=TIMEOUT_S) as answer:
            return dict(json.load(answer))

    def take(self, config: ProxyConfig) -> bool:
        """Take over a changed configuration; whether that is possible without listening anew."""
        same = ("address", "port", "certificate", "writer_socket")
        if any(getattr(config, name) != getattr(self.config, name) for name in same):
            return False
        self.config = self._pool.config = config
        return True

    def values(self) -> dict[str, Any]:
        found = self.statistics
        return {
            "clients": found.clients,
            "connections": self._pool.open,
            "borrowed": self._pool.borrowed,
            "pinned": found.pinned,
            "pins": dict(found.pins),
            "refused": dict(found.refused),
            "transactions": found.transactions,
        }

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in list(self._sessions):
            task.cancel()
        self._pool.close()


class Proxies:
    """All listeners of the process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_at = 0
        self._listeners: dict[str, Listener] = {}
        self._config: Config | None = None

    async def tick(self) -> None:
        changed = self._path.stat().st_mtime_ns
        if changed != self._read_at:
            await self._apply(Config.read(self._path))
            self._read_at = changed
        for listener in self._listeners.values():
            listener.let_idle_go()
        if self._config is not None:
            path = Path(self._config.statistics)
            part = path.with_suffix(".part")
            part.write_text(json.dumps({name: one.values() for name, one in self._listeners.items()}))
            part.replace(path)

    async def _apply(self, config: Config) -> None:
        self._config = config
        wanted = {one.name: one for one in config.proxies}
        for name, listener in list(self._listeners.items()):
            if name not in wanted or not listener.take(wanted[name]):
                await self._listeners.pop(name).stop()
        for name, one in wanted.items():
            if name not in self._listeners:
                listener = Listener(one, config)
                await listener.start()
                self._listeners[name] = listener
                print(f"{name}: listening on {one.address}:{one.port}", flush=True)

    async def stop(self) -> None:
        for listener in self._listeners.values():
            await listener.stop()


async def main(path: Path) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    proxies = Proxies(path)
    while not ended.is_set():
        try:
            await proxies.tick()
        except OSError as reason:
            print(f"{path}: {reason}; trying again", file=sys.stderr, flush=True)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), TICK_S)
    await proxies.stop()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
    os._exit(0)  # a check of a token may still wait in its thread
