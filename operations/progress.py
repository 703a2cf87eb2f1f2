"""Live progress of an engine operation: one row a component on a terminal, plain lines anywhere else."""

import time
from collections import Counter
from collections.abc import Mapping
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.table import Table

from operations.events import Reading, Step

_RUNNING, _DONE, _FAILED = "…", "✓", "✗"


class Progress:
    """Counts steps a component. A context manager around one operation on one stack.

    ``expected`` is the number of steps a component that the preview announced; without it a component is never called
    done before the operation ends.
    """

    def __init__(self, console: Console, stack: str, operation: str, expected: Mapping[str, int]) -> None:
        self._console = console
        self._title = f"{operation} {stack}"
        self._expected = dict(expected)
        self._done: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()
        self._now: dict[str, str] = {}
        self._began: dict[str, float] = {}
        self._ended: dict[str, float] = {}
        self._live = Live(console=console, get_renderable=self._table, refresh_per_second=4, transient=False)

    def __enter__(self) -> "Progress":
        if self._console.is_terminal:
            self._live.start()
        else:
            self._console.print(f"{self._title}: {sum(self._expected.values())} operations")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def __call__(self, step: Step, reading: Reading) -> None:
        """Takes one step; the signature that ``Engine.operate`` calls."""
        del reading
        name, now = step.component, time.monotonic()
        self._began.setdefault(name, now)
        if step.phase == "begun":
            self._now[name] = f"{step.op} {step.resource}"
            return
        self._done[name] += 1
        self._failed[name] += step.phase == "failed"
        self._ended[name] = now
        if self._console.is_terminal:
            return
        if step.phase == "failed":
            self._console.print(f"  {name}: {step.op} {step.resource} failed", soft_wrap=True)
        elif self._done[name] == self._expected.get(name):
            self._console.print(f"  {name}: {self._done[name]} done in {now - self._began[name]:.1f} s")

    def _table(self) -> Table:
        table = Table(title=self._title, title_justify="left", box=None, pad_edge=False)
        for column in ("", "component", "done", "seconds", "now"):
            table.add_column(column, justify="right" if column in {"done", "seconds"} else "left", overflow="ellipsis")
        for name in sorted({*self._expected, *self._began}, key=lambda name: self._began.get(name, float("inf"))):
            expected = self._expected.get(name, 0)
            whole = bool(expected) and self._done[name] >= expected
            mark = _FAILED if self._failed[name] else _DONE if whole else _RUNNING if name in self._began else " "
            until = self._ended[name] if whole else time.monotonic()
            seconds = f"{until - self._began[name]:.0f}" if name in self._began else ""
            now = "" if whole else self._now.get(name, "")
            table.add_row(mark, name, f"{self._done[name]}/{expected or '?'}", seconds, now)
        return table
