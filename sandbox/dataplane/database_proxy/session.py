"""One client of a proxy: sign-in, then statements over connections that it borrows a transaction at a time."""

import asyncio
import contextlib
import secrets
import ssl
import struct
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from sandbox.dataplane.database_proxy import pinning, wire
from sandbox.dataplane.database_proxy.config import ProxyConfig
from sandbox.dataplane.database_proxy.pool import Pool, Refused, ServerConnection, identity

SIGN_IN_S = 60.0
"""Seconds for TLS and password: PostgreSQL's own authentication_timeout."""

READ_BYTES = 65_536
BUFFER_BYTES = 1_048_576
"""Bytes that wait for a slow client before the server is made to wait."""

QUERY, PARSE, BIND, DESCRIBE, SYNC, CALL, TERMINATE = b"QPBDSFX"
COPY = b"dcf"
"""Data, end and failure of a COPY, which belong to the query that began it."""

Authorize = Callable[[ProxyConfig, str, str], Awaitable[str]]
"""(proxy, user, token) -> why not; empty when the user may come in."""


@dataclass(slots=True)
class Statistics:
    """Counted since the proxy started; `clients` and `pinned` are of now."""

    clients: int = 0
    pinned: int = 0
    pins: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    transactions: int = 0


class Session:
    """A client from its first byte to its last."""

    def __init__(
        self,
        pool: Pool,
        authorize: Authorize,
        statistics: Statistics,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._pool, self._authorize, self._statistics = pool, authorize, statistics
        self._reader, self._writer = reader, writer
        self._server: ServerConnection | None = None
        self._identity = identity({})
        self._answers = wire.Frames()
        self._expected = 0
        """ReadyForQuery messages that the server owes."""
        self._unfinished = False
        """Messages went out that no Sync closed yet."""
        self._parsed = False
        """An unnamed statement was parsed on the connection that is borrowed now."""
        self._pinned = ""
        self._draining: asyncio.Task[None] | None = None
        self.idle_since: float | None = None
        """Time of the loop since which it has no server connection and says nothing; None before and meanwhile."""

    async def run(self, tls: ssl.SSLContext) -> None:
        try:
            async with asyncio.timeout(SIGN_IN_S):
                greeting = await self._sign_in(tls)
            if greeting:
                self._statistics.clients += 1
                try:
                    self._writer.write(greeting)
                    await self._serve()
                finally:
                    self._statistics.clients -= 1
        except Refused as refusal:
            self._refuse(str(refusal), refusal.message)
        except wire.ProtocolError as reason:
            self._refuse("protocol", wire.error("08P01", str(reason)))
        except (OSError, EOFError, TimeoutError):
            pass  # the client went away
        finally:
            self._leave()
            self._writer.close()

    # ---- sign-in

    async def _sign_in(self, tls: ssl.SSLContext) -> bytes:
        """The answer to a client that may come in; empty for one that does not want to."""
        parameters = await self._startup(tls)
        if parameters is None:
            return b""
        user, config = parameters.get("user", ""), self._pool.config
        if "options" in parameters:
            raise Refused(
                wire.error("0A000", "Feature not supported: RDS Proxy currently doesn't support command-line options.")
            )
        if parameters.get("replication"):
            raise Refused(
                wire.error("0A000", "Feature not supported: RDS Proxy doesn't support streaming replication.")
            )
        self._writer.write(wire.ASK_PASSWORD)
        kind, length = struct.unpack("!cI", await self._reader.readexactly(5))
        if kind != b"p" or length > wire.STARTUP_BYTES.stop:
            raise wire.ProtocolError("a password is expected")
        token = (await self._reader.readexactly(length - 4)).rstrip(b"\0").decode("utf-8", "replace")
        if not config.iam_end_to_end and user not in config.secrets:
            raise Refused(wire.error("28000", f"This RDS Proxy has no credentials for the role {user}"))
        if reason := await self._authorize(config, user, token):
            # The reason is for the log; a stranger learns nothing from it.
            print(f"{config.name}: {user}: {reason}", flush=True)
            raise Refused(wire.error("28P01", "The IAM authentication failed for the role " + user))
        self._identity = identity(parameters)
        server = await self._pool.borrow(self._identity)
        greeting = server.greeting
        self._pool.give_back(server)
        key = wire.message("K", wire.number(0), secrets.token_bytes(4))
        return wire.AUTHENTICATION_OK + greeting + key + wire.READY

    async def _startup(self, tls: ssl.SSLContext) -> dict[str, str] | None:
        """Parameters of the startup message, over TLS; None for a request that ends the connection."""
        encrypted = False
        while True:
            length, code = struct.unpack("!II", await self._reader.readexactly(8))
            if length not in wire.STARTUP_BYTES:
                raise wire.ProtocolError("no startup message")
            body = await self._reader.readexactly(length - 8)
            if code == wire.SSL_REQUEST and not encrypted:
                self._writer.write(b"S")
                await self._writer.start_tls(tls)
                encrypted = True
            elif code == wire.GSS_REQUEST:
                self._writer.write(b"N")
            elif code == wire.CANCEL_REQUEST:
                self._statistics.refused["cancel"] += 1
                return None  # RDS Proxy takes no CancelRequest of a PostgreSQL client
            elif code != wire.PROTOCOL_3:
                raise wire.ProtocolError(f"protocol {code >> 16}.{code & 0xFFFF} is not spoken here")
            elif self._pool.config.require_tls and not encrypted:
                raise Refused(wire.error("28000", "This RDS Proxy requires TLS connections"))
            else:
                return wire.startup_parameters(body)

    # ---- statements

    async def _serve(self) -> None:
        frames = wire.Frames()
        self.idle_since = asyncio.get_running_loop().time()
        while True:
            data = await self._reader.read(READ_BYTES)
            messages = list(frames.feed(data))
            if not data or any(kind == TERMINATE for kind, _ in messages):
                return
            if messages:
                await self._forward(messages)

    async def _forward(self, messages: list[tuple[int, bytes]]) -> None:
        if self._server is None:
            self.idle_since = None
            self._answers, self._parsed = wire.Frames(), False
            self._server = await self._pool.borrow(self._identity)
            self._server.receiver, self._server.lost = self._from_server, self._server_lost
        for kind, whole in messages:
            self._look(kind, whole)
        await self._server.send(b"".join(whole for _, whole in messages))

    def _look(self, kind: int, whole: bytes) -> None:
        """Follow what the message does to transaction and session."""
        if kind in (QUERY, CALL, SYNC):
            self._expected += 1
            self._unfinished = False
        elif kind not in COPY:
            self._unfinished = True
        if kind == QUERY:
            self._pin(pinning.reason(whole[5:-1].decode("utf-8", "replace")))
        elif kind == PARSE:
            name, _, rest = whole[5:].partition(b"\0")
            self._parsed = self._parsed or not name
            # Its name lives in the session: another connection would not know it.
            self._pin(
                "a named statement" if name else pinning.reason(rest.partition(b"\0")[0].decode("utf-8", "replace"))
            )
        elif kind == BIND:
            _, _, rest = whole[5:].partition(b"\0")
            self._check_unnamed(rest.partition(b"\0")[0])
        elif kind == DESCRIBE and whole[5:6] == b"S":
            self._check_unnamed(whole[6:-1])

    def _check_unnamed(self, name: bytes) -> None:
        """The unnamed statement of this connection may be somebody else's."""
        if not name and not self._parsed and not self._pinned:
            raise Refused(wire.error("26000", "unnamed prepared statement does not exist in this transaction"))

    def _pin(self, reason: str) -> None:
        if reason and not self._pinned:
            self._pinned = reason
            self._statistics.pinned += 1
            self._statistics.pins[reason] += 1
            print(f"{self._pool.config.name}: session pinned: {reason} was detected", flush=True)

    def _from_server(self, data: bytes) -> None:
        server = self._server
        if server is None:
            return
        out, status = [], b""
        for kind, whole in self._answers.feed(data):
            out.append(whole)
            if kind == ord("Z"):
                self._expected -= 1
                status = whole[5:6]
        self._writer.write(b"".join(out))
        if status == b"I" and self._expected == 0 and not self._unfinished:
            self._statistics.transactions += 1
            if not self._pinned:
                self._server = None
                self.idle_since = asyncio.get_running_loop().time()
                self._pool.give_back(server)
        elif self._writer.transport.get_write_buffer_size() > BUFFER_BYTES and server.transport is not None:
            server.transport.pause_reading()
            self._draining = asyncio.get_running_loop().create_task(self._drained(server))

    async def _drained(self, server: ServerConnection) -> None:
        with contextlib.suppress(OSError):
            await self._writer.drain()
        if server.transport is not None:
            server.transport.resume_reading()

    def _server_lost(self) -> None:
        """The writer went away in the middle: its last words are on their way, then the client's connection ends."""
        self._server = None
        self._writer.close()

    # ---- the end

    def close(self) -> None:
        """Let the client go; `run` ends with it."""
        self._writer.close()

    def _refuse(self, reason: str, message: bytes) -> None:
        self._statistics.refused[reason] += 1
        with contextlib.suppress(OSError):
            self._writer.write(message)

    def _leave(self) -> None:
        if self._pinned:
            self._statistics.pinned -= 1
        if self._server is not None:
            # In a transaction, or pinned: what is left there goes with the connection.
            self._pool.drop(self._server)
            self._server = None
