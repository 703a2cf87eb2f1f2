"""One container: a process that is started, probed, and started again with a growing pause."""

import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sandbox.dataplane import probes
from sandbox.dataplane.probes import Watcher
from sandbox.kubernetes.process import Child

FIRST_BACKOFF_S, LONGEST_BACKOFF_S = 1.0, 30.0
"""Pause before a container that ended starts again, doubled each time. A kubelet has 10 s to 5 min."""

FORGIVEN_AFTER_S = 600.0
"""A container that ran this long starts over with the first pause, as a kubelet does."""

Submit = Callable[[Callable[[], None]], None]
"""Runs something in another thread."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Program:
    """What to start: all translated already."""

    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path


@dataclass(kw_only=True)
class Container:
    """`name`, `address`: for probes and people. Its methods are called by one thread."""

    name: str
    spec: Mapping[str, Any]
    address: str
    wake: Callable[[], None]
    restarts: int = 0
    child: Child | None = None
    started_at: datetime | None = None
    last_exit: Mapping[str, Any] | None = None
    held: bool = False
    """A fault keeps it from starting."""
    _since: float = 0.0
    _resume_at: float = 0.0
    _backoff_s: float = FIRST_BACKOFF_S
    _startup: Watcher | None = None
    _readiness: Watcher | None = None
    _liveness: Watcher | None = None
    _killed_for: str = ""
    ports: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        self.ports = {port["name"]: port["containerPort"] for port in self.spec.get("ports") or () if port.get("name")}

    @property
    def running(self) -> bool:
        return self.child is not None

    @property
    def started(self) -> bool:
        return self.running and (self._startup is None or self._startup.passed)

    @property
    def ready(self) -> bool:
        return self.started and (self._readiness is None or self._readiness.passed)

    @property
    def trouble(self) -> str:
        """What its probes said last, while one of them is not content."""
        watchers = [watcher for watcher in (self._startup, self._readiness, self._liveness) if watcher is not None]
        return next((watcher.reason for watcher in watchers if watcher.reason), "") if self.running else ""

    def step(self, program: Callable[[], Program], submit: Submit) -> None:
        """Start it when it is due, notice its end, ask its probes."""
        now = time.monotonic()
        if self.child is None:
            if now >= self._resume_at and not self.held:
                self._start(program(), now)
            return
        if not self.child.alive():
            self._ended(now)
            return
        self._ask(now, submit)

    def wants_look_at(self) -> float | None:
        """When `step` has something to do by itself; None for when it is woken."""
        if self.child is None:
            return None if self.held else self._resume_at
        return min((watcher.due for watcher in self._due()), default=None)

    def send(self, number: signal.Signals) -> None:
        child = self.child
        if child is not None:
            child.send(number)

    def _start(self, program: Program, now: float) -> None:
        self.child = Child(program.command, program.log, program.environment, inherits=False)
        self._since, self.started_at, self._killed_for = now, datetime.now(UTC), ""
        watchers = {
            kind: Watcher.of(self.spec[kind], now, well=kind == "livenessProbe") if self.spec.get(kind) else None
            for kind in ("startupProbe", "readinessProbe", "livenessProbe")
        }
        self._startup, self._readiness, self._liveness = watchers.values()

    def _ended(self, now: float) -> None:
        child = self.child
        assert child is not None
        code = child.wait()
        self.last_exit = {
            "exitCode": code if code >= 0 else 128 - code,
            "reason": self._killed_for or ("Completed" if code == 0 else "Error"),
            "startedAt": _text(self.started_at),
            "finishedAt": _text(datetime.now(UTC)),
        }
        child.stop()
        self.child = None
        self.restarts += 1
        if now - self._since >= FORGIVEN_AFTER_S:
            self._backoff_s = FIRST_BACKOFF_S
        self._resume_at = now + self._backoff_s
        self._backoff_s = min(self._backoff_s * 2, LONGEST_BACKOFF_S)

    def _due(self) -> list[Watcher]:
        if self._startup is not None and not self._startup.passed:
            watchers = [self._startup]
        else:
            watchers = [watcher for watcher in (self._readiness, self._liveness) if watcher is not None]
        return [watcher for watcher in watchers if not watcher.asking]

    def _ask(self, now: float, submit: Submit) -> None:
        for watcher in self._due():
            if watcher.failed and watcher is not self._readiness and not self._killed_for:
                which = "Startup" if watcher is self._startup else "Liveness"
                self._killed_for = f"{which}ProbeFailed"
                # A stopped process takes no other signal, and a hung one heeds none.
                self.send(signal.SIGKILL)
            elif watcher.due <= now:
                watcher.asking = True
                submit(lambda watcher=watcher: self._probe(watcher))  # type: ignore[misc]

    def _probe(self, watcher: Watcher) -> None:
        reason = probes.ask(watcher.spec, self.address, self.ports)
        before = (watcher.passed, watcher.failed)
        watcher.heard(reason, time.monotonic())
        if (watcher.passed, watcher.failed) != before:
            self.wake()

    def state(self) -> dict[str, Any]:
        """Of the pod's status.containerStatuses."""
        waiting = "CrashLoopBackOff" if self.last_exit else "ContainerCreating"
        now = {"running": {"startedAt": _text(self.started_at)}} if self.running else {"waiting": {"reason": waiting}}
        return {
            "name": self.name,
            "image": self.spec["image"],
            "imageID": self.spec["image"],
            "ready": self.ready,
            "started": self.started,
            "restartCount": self.restarts,
            "state": now,
            **({"lastState": {"terminated": dict(self.last_exit)}} if self.last_exit else {}),
        }


def _text(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else ""
