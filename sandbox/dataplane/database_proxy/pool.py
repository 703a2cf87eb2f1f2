"""Connections to the writer: opened when somebody needs one, lent for a transaction, given back, bounded.

They go over the server's own Unix socket, in a folder that only the two enter: TLS between two processes of one
machine would cost as much as the statements.
"""

import asyncio
import struct
from collections import deque
from collections.abc import Callable, Mapping

from sandbox.dataplane.database_proxy import wire
from sandbox.dataplane.database_proxy.config import ProxyConfig
from sandbox.dataplane.database_proxy.scram import MECHANISM, Scram, ScramError

CONNECT_S = 10.0
RETRY_S = 0.1
"""Seconds between two tries to reach a writer that restarts: clients wait for it, as long as they would for a free
connection."""

STARTING_UP = "57P03"
"""SQLSTATE cannot_connect_now."""

Identity = tuple[tuple[str, str], ...]
"""Startup parameters of a client, sorted: connections are shared among equal ones only."""


class Refused(Exception):
    """No connection: `message` is the ErrorResponse for the client."""

    def __init__(self, message: bytes) -> None:
        super().__init__(wire.error_fields(message).get("M", "refused"))
        self.message = message


class Unavailable(Refused):
    """The writer takes no connections now."""


class ServerConnection(asyncio.Protocol):
    """A signed-in connection to the writer. Whoever borrowed it sets `receiver` and `lost`."""

    def __init__(self, identity: Identity, greeting: bytes) -> None:
        self.identity = identity
        self.greeting = greeting
        """ParameterStatus messages of the sign-in, for clients that come later."""
        self.receiver: Callable[[bytes], None] | None = None
        self.lost: Callable[[], None] | None = None
        self.gone: Callable[[ServerConnection], None] | None = None
        self.transport: asyncio.Transport | None = None
        self.opened_by: asyncio.StreamWriter | None = None
        """Kept: a StreamWriter that nobody holds closes its transport."""
        self._writable = asyncio.Event()
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        if self.receiver is not None:
            self.receiver(data)  # else a notice to nobody

    def connection_lost(self, _: Exception | None) -> None:
        self._writable.set()
        transport, self.transport = self.transport, None
        if transport is not None and self.gone is not None:
            self.gone(self)
        if self.lost is not None:
            self.lost()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    async def send(self, data: bytes) -> None:
        if self.transport is not None:
            self.transport.write(data)
        await self._writable.wait()

    def close(self) -> None:
        if self.transport is not None:
            self.transport.write(wire.TERMINATE)
            self.transport.close()


class Pool:
    """The connections of one proxy."""

    def __init__(self, config: ProxyConfig) -> None:
        self.config = config
        self._idle: deque[ServerConnection] = deque()
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._all: set[ServerConnection] = set()
        self._opening = 0

    @property
    def open(self) -> int:
        return len(self._all)

    @property
    def borrowed(self) -> int:
        return len(self._all) - len(self._idle)

    async def borrow(self, identity: Identity) -> ServerConnection:
        """A connection for one transaction. Raises `Refused` when none is free within the declared time."""
        try:
            async with asyncio.timeout(self.config.borrow_timeout_s):
                return await self._borrow(identity)
        except TimeoutError:
            raise Refused(wire.error("08004", "Timed-out waiting to acquire database connection")) from None

    async def _borrow(self, identity: Identity) -> ServerConnection:
        while True:
            for connection in self._idle:
                if connection.identity == identity:
                    self._idle.remove(connection)
                    return connection
            if self.open + self._opening < self.config.max_connections:
                try:
                    return await self._open(identity)
                except Unavailable:
                    await asyncio.sleep(RETRY_S)
                    continue
            if self._idle:
                # All are open, and a silent one belongs to another user: it makes room.
                self._idle[0].close()
                self._forget(self._idle[0])
                continue
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._wake()  # the turn came too late for this one: the next takes it
                raise

    async def _open(self, identity: Identity) -> ServerConnection:
        self._opening += 1
        try:
            connection = await connect(self.config, identity)
        except Exception:
            self._wake()
            raise
        finally:
            self._opening -= 1
        connection.gone = self._forget
        self._all.add(connection)
        return connection

    def give_back(self, connection: ServerConnection) -> None:
        """The connection of a client that left nothing behind."""
        connection.receiver = connection.lost = None
        if connection.transport is None:
            return
        if len(self._idle) >= max(self.config.max_idle, 1):
            self.drop(connection)
            return
        self._idle.append(connection)
        self._wake()

    def drop(self, connection: ServerConnection) -> None:
        """The connection of a client that left something behind: nobody else may have it."""
        connection.receiver = connection.lost = None
        connection.close()
        self._forget(connection)

    def _forget(self, connection: ServerConnection) -> None:
        self._all.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self._wake()

    def _wake(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    def close(self) -> None:
        for connection in list(self._all):
            self.drop(connection)


async def connect(config: ProxyConfig, identity: Identity) -> ServerConnection:
    """Open and sign in. Raises `Refused` with what the server said, `Unavailable` when it is not there."""
    try:
        async with asyncio.timeout(CONNECT_S):
            reader, writer = await asyncio.open_unix_connection(config.writer_socket)
            try:
                return await _sign_in(config, identity, reader, writer)
            except BaseException:
                writer.close()
                raise
    except (OSError, EOFError, ScramError, TimeoutError) as reason:
        raise Unavailable(wire.error("08006", f"the database does not answer: {reason}")) from None


async def _sign_in(
    config: ProxyConfig,
    identity: Identity,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> ServerConnection:
    parameters = dict(identity)
    writer.write(wire.startup(parameters))
    scram = Scram(config.secrets.get(parameters["user"], ""))
    greeting = b""
    while True:
        header = await reader.readexactly(5)
        body = await reader.readexactly(struct.unpack("!I", header[1:])[0] - 4)
        kind = header[:1]
        if kind == b"R":
            if (answer := _answer(scram, body)) is not None:
                writer.write(answer)
        elif kind == b"S":
            greeting += header + body
        elif kind == b"E":
            starting = wire.error_fields(header + body).get("C") == STARTING_UP
            raise (Unavailable if starting else Refused)(header + body)
        elif kind == b"Z":
            connection = ServerConnection(identity, greeting)
            transport = writer.transport
            assert isinstance(transport, asyncio.Transport)
            transport.set_protocol(connection)
            connection.transport = transport
            connection.opened_by = writer
            return connection


def _answer(scram: Scram, body: bytes) -> bytes | None:
    """What to say to an Authentication message; nothing more at its end."""
    (step,) = struct.unpack("!i", body[:4])
    if step == 10:
        first = scram.first().encode()
        return wire.message("p", wire.text(MECHANISM), wire.number(len(first)), first)
    if step == 11:
        return wire.message("p", scram.final(body[4:].decode()).encode())
    if step == 12:
        scram.check(body[4:].decode())
    elif step != 0:
        raise ScramError(f"the server wants an authentication ({step}) that a proxy does not speak")
    return None


def identity(parameters: Mapping[str, str]) -> Identity:
    return tuple(sorted(parameters.items()))
