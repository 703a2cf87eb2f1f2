"""The network between two regions, for one stream of PostgreSQL's replication: it can be late, and it can be cut.

A secondary of a global database connects to a socket here, which passes on to the writer that it follows. The socket is
a Unix socket in a folder of the secondary's: on a TCP port anybody on this machine could replicate as superuser.
"""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

BLOCK = 64 * 1024
BLOCKS = 1024
"""Blocks on their way at most, 64 MiB a stream; the writer then waits, as for a slow network."""


class Loop:
    """The thread in which all relays of a manager work."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, name="relays", daemon=True).start()

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)


class Relay:
    """`folder` is what the secondary names as its host. `own` gives a path to the servers' user."""

    def __init__(self, loop: Loop, folder: Path, port: int, own: Callable[[Path], None]) -> None:
        self.folder = folder
        self.delay_s = 0.0
        """Bytes are handed on no earlier than this after they came."""
        self._loop = loop.loop
        self._target: Path | None = None
        self._cut = False
        self._open: set[asyncio.StreamWriter] = set()
        folder.mkdir(mode=0o700, exist_ok=True)
        own(folder)
        path = folder / f".s.PGSQL.{port}"
        path.unlink(missing_ok=True)
        self._server = asyncio.run_coroutine_threadsafe(
            asyncio.start_unix_server(self._serve, path, limit=BLOCK), self._loop
        ).result()
        own(path)

    @property
    def target(self) -> Path | None:
        """The socket that it passes on to. What is open ends when another one is named."""
        return self._target

    @target.setter
    def target(self, target: Path) -> None:
        changed, self._target = target != self._target, target
        if changed:
            self._loop.call_soon_threadsafe(self._drop)

    @property
    def cut(self) -> bool:
        """Whether nothing passes: what is open ends, with what is on its way, and who comes is sent away."""
        return self._cut

    @cut.setter
    def cut(self, cut: bool) -> None:
        self._cut = cut
        if cut:
            self._loop.call_soon_threadsafe(self._drop)

    def close(self) -> None:
        """Nobody is served any more."""

        def end() -> None:
            self._server.close()
            self._drop()

        self._loop.call_soon_threadsafe(end)

    def _drop(self) -> None:
        for writer in self._open:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            if self._target is None or self._cut:
                return
            there, back = await asyncio.open_unix_connection(self._target, limit=BLOCK)
            self._open.add(back)
            try:
                await self._both_ways(reader, writer, there, back)
            finally:
                self._close(back)
        except OSError:
            pass  # the writer is not there: the secondary asks again
        finally:
            self._close(writer)

    def _close(self, writer: asyncio.StreamWriter) -> None:
        self._open.discard(writer)
        writer.close()

    async def _both_ways(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        there: asyncio.StreamReader,
        back: asyncio.StreamWriter,
    ) -> None:
        """Until the secondary leaves, or all that the writer sent has arrived. What the secondary sends back only says
        what arrived, and is not late."""
        forth = asyncio.create_task(_pass(there, writer, lambda: self.delay_s))
        answers = asyncio.create_task(_pass(reader, back, lambda: 0.0))
        try:
            await asyncio.wait({forth, answers}, return_when=asyncio.FIRST_COMPLETED)
            if not forth.done() and answers.exception() is not None:
                await forth  # the writer is dead, and what it had sent is still on its way
        finally:
            await _end(forth, answers)


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: Callable[[], float]) -> None:
    """Until one side ends. What was read before the reader's end still goes on."""
    way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(BLOCKS)
    now = asyncio.get_running_loop().time

    async def take() -> None:
        block = b"-"
        while block:
            block = await reader.read(BLOCK)
            await way.put((now() + delay(), block))

    async def hand_on() -> None:
        while True:
            due, block = await way.get()
            await asyncio.sleep(max(0.0, due - now()))
            if not block:
                return
            writer.write(block)
            await writer.drain()

    taking, handing = asyncio.create_task(take()), asyncio.create_task(hand_on())
    try:
        done, _ = await asyncio.wait({taking, handing}, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        await handing
    finally:
        await _end(taking, handing)


async def _end(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
