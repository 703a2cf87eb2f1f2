"""What AWS carries from one place to another by itself, and takes a while for."""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

Thing = TypeVar("Thing")


class Underway(Generic[Thing]):
    """Things on their way, in order, each for `delay_s` seconds. Who looks at a destination lets them arrive first."""

    def __init__(self, delay_s: float) -> None:
        self._delay_s = delay_s
        self._way: deque[tuple[float, Thing]] = deque()
        self._arriving = threading.Lock()

    def send(self, thing: Thing) -> None:
        self._way.append((time.monotonic() + self._delay_s, thing))

    def arrive(self, keep: Callable[[Thing], None]) -> None:
        """Hand over what is due. Cheap where nothing is on its way."""
        if not self._due():
            return
        with self._arriving:
            while self._due():
                keep(self._way.popleft()[1])

    def _due(self) -> bool:
        return bool(self._way) and self._way[0][0] <= time.monotonic()
