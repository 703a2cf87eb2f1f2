"""Slow processes: stopped and let go in turns."""

import signal
import threading
import time
from collections.abc import Callable, Sequence

Send = Callable[[signal.Signals], None]
"""Signals a process, or several."""

DYING_STOPPED_S, DYING_RUNNING_S = 1.5, 0.3
"""What dies slowly has a sixth of the time, and answers later than most who ask will wait."""

IDLE_S = 0.1


class Turns:
    """`slow`: how to signal what is slow now. Each turn is `stopped_s` without and `running_s` with the processor."""

    def __init__(self, stopped_s: float, running_s: float) -> None:
        self.slow: Sequence[Send] = ()
        self._stopped_s, self._running_s = stopped_s, running_s
        self._ended = False
        threading.Thread(target=self._run, name="turns", daemon=True).start()

    def end(self) -> None:
        """Nothing is stopped any more."""
        self._ended, self.slow = True, ()

    def _run(self) -> None:
        while not self._ended:
            slow = self.slow
            if not slow:
                time.sleep(IDLE_S)
                continue
            for send in slow:
                send(signal.SIGSTOP)
            time.sleep(self._stopped_s)
            for send in slow:
                send(signal.SIGCONT)
            time.sleep(self._running_s)
