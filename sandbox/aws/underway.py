"""What AWS carries from one place to another by itself, and takes a while for."""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from sandbox.aws.outages import when_changed

Thing = TypeVar("Thing")


class Underway(Generic[Thing]):
    """Things on their way, in order, each for `delay_s` seconds. Who looks at a destination lets them arrive first.
    stuck: whether a thing gets nowhere, since the way between its regions is cut; it arrives once that is mended."""

    def __init__(self, delay_s: float, stuck: Callable[[Thing], bool]) -> None:
        self._delay_s, self._is_stuck = delay_s, stuck
        self._way: deque[tuple[float, Thing]] = deque()
        self._stuck: deque[tuple[float, Thing]] = deque()
        self._arriving = threading.Lock()
        when_changed(self._go_on)

    def send(self, thing: Thing) -> None:
        self._way.append((time.monotonic() + self._delay_s, thing))

    def arrive(self, keep: Callable[[Thing], None]) -> None:
        """Hand over what is due. Cheap where nothing is on its way, or where somebody else hands it over: what takes a
        while may take a moment longer, and requests do not queue for it. What takes none has arrived at the end."""
        if not self._due() or not self._arriving.acquire(blocking=not self._delay_s):
            return
        try:
            while self._due():
                one = self._way.popleft()
                if self._is_stuck(one[1]):
                    self._stuck.append(one)
                else:
                    keep(one[1])
        finally:
            self._arriving.release()

    def _go_on(self) -> None:
        """Try again what was stuck, before what came later."""
        with self._arriving:
            self._way.extendleft(reversed(self._stuck))
            self._stuck.clear()

    def _due(self) -> bool:
        return bool(self._way) and self._way[0][0] <= time.monotonic()
