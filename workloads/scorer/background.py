"""Work beside the decisions: again and again until the process stops."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

FLUSH_S = 0.5
"""Seconds that a change or a decision waits to be written together with others: what a killed process loses."""


async def every(seconds: float, work: Callable[[], Awaitable[None]], stopped: asyncio.Event) -> None:
    """`work`, then a pause, until `stopped`."""
    while not stopped.is_set():
        await work()
        try:
            async with asyncio.timeout(seconds):
                await stopped.wait()
        except TimeoutError:
            continue
