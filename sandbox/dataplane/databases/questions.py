"""Questions to servers that are asked again and again: over connections that are kept. A client program each time costs
tens of milliseconds of processor."""

import asyncio
import contextlib
from pathlib import Path

import asyncpg

from sandbox.dataplane.databases.server import ADMIN, Server, ServerError

TIMEOUT_S = 5.0

Value = int | float | None


class Questions:
    """As the superuser, over the servers' own sockets. One thread asks."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._open: dict[Path, asyncpg.Connection] = {}

    def ask(self, server: Server, text: str) -> list[Value]:
        """The row that a statement answers, numbers only. Raises `ServerError` where there is no answer in time."""
        try:
            return self._runner.run(self._ask(server, text))
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as reason:
            raise ServerError(f"{server.name}: {reason or type(reason).__name__}") from reason

    def close(self) -> None:
        for connection in self._open.values():
            connection.terminate()
        self._open.clear()
        self._runner.close()

    async def _ask(self, server: Server, text: str) -> list[Value]:
        connection = self._open.pop(server.folder, None)
        if connection is None or connection.is_closed():
            connection = await asyncpg.connect(
                host=str(server.folder), port=server.port, user=ADMIN, database="postgres", timeout=TIMEOUT_S
            )
        try:
            row = await connection.fetchrow(text, timeout=TIMEOUT_S)
        except BaseException:
            with contextlib.suppress(Exception):
                connection.terminate()
            raise
        self._open[server.folder] = connection
        return list(row or ())
