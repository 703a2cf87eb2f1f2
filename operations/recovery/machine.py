"""Drives a run through its steps: in order, each noted before and after, so that another process can go on.

A step is idempotent: it looks whether it is done before it acts, because the call may have been sent and its reply
lost. It knows nothing of the journal but `note`, with which it keeps what must stay the same when it is tried again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from operations.errors import CellError, ExitCode
from operations.recovery.run import Approval, Run, Status, StepRecord
from operations.recovery.store import Store, UnansweredError

BEAT_S: Final = 4.0
"""Seconds between two signs of life of a driver that waits."""

TAKEOVER_S: Final = 30.0
"""Seconds without a sign of life after which a driver is taken to be dead: longer than any call of a step takes. Two
drivers do no harm: what both would do is conditional, or changes nothing the second time."""

CONFLICTS: Final = 20
"""Approvals that may come in between two looks at a run."""

T = TypeVar("T")


class RefusedError(CellError):
    """A step will not go on, and the run is not to be tried again as it is."""


class OvertakenError(CellError):
    """Another process drives the run now."""


class Clock:
    """The machine's."""

    def monotonic(self) -> float:
        """Seconds that only grow."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Waits."""
        time.sleep(seconds)

    def now(self) -> datetime:
        """With a time zone."""
        return datetime.now(UTC)


def text(moment: datetime) -> str:
    """UTC time, ISO 8601, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Journal:
    """One process's hold on a run. Everything that it writes is refused once another one has taken the run."""

    def __init__(self, store: Store, run: Run, me: str, clock: Clock) -> None:
        self.run, self._store, self._me, self._clock = run, store, me, clock

    def take(self) -> None:
        """Becomes the driver. Raises CellError where another one gives signs of life."""
        accepted = self.run.accept_data_loss
        driver, end = self.run.driver, self._clock.monotonic() + TAKEOVER_S
        while self.run.driver and self.run.driver == driver != self._me and self._clock.monotonic() < end:
            self._clock.sleep(BEAT_S)
            found = self._load()
            if found.driver and found.version != self.run.version:
                raise CellError(
                    f"{_about(found)} is being driven by {found.driver}; see cell recovery status", ExitCode.RESOURCE
                )
            self.run = found
        accepted = accepted or self.run.accept_data_loss
        wanted = replace(self.run, driver=self._me, accept_data_loss=accepted, version=self.run.version + 1)
        if not self._store.save(self.run.version, wanted):
            raise OvertakenError(f"{_about(self.run)} was taken by another process at this moment", ExitCode.RESOURCE)
        self.run = wanted

    def beat(self) -> None:
        """A sign of life, which also brings approvals. A store that does not answer stops nobody here: the next write
        has to be answered."""
        try:
            self.write(lambda run: run)
        except UnansweredError:
            return

    def release(self) -> None:
        """Nobody drives it: the next process need not wait."""
        self.write(lambda run: replace(run, driver=""))

    def write(self, change: Callable[[Run], Run]) -> None:
        """Changes the run. Raises OvertakenError where it is not ours any more."""
        for _ in range(CONFLICTS):
            wanted = replace(change(self.run), version=self.run.version + 1)
            if self._store.save(self.run.version, wanted):
                self.run = wanted
                return
            self.run = self._load()
            if self.run.driver != self._me:
                break
        raise OvertakenError(f"{_about(self.run)}: another process has taken it", ExitCode.RESOURCE)

    def _load(self) -> Run:
        found = self._store.load(self.run.id)
        if found is None:
            raise CellError(f"{_about(self.run)} is gone from the epoch store", ExitCode.RESOURCE)
        return found


def approve(store: Store, run_id: str, by: str, clock: Clock) -> Run:
    """Notes another person's consent. Raises CellError for an unknown or ended run, and for the one who started it."""
    for _ in range(CONFLICTS):
        run = store.load(run_id)
        if run is None or not run.open:
            state = "no such run" if run is None else f"is over: {run.status}"
            raise CellError(f"{run_id}: {state}; see cell recovery status", ExitCode.CONFIGURATION)
        if by == run.started_by:
            raise CellError(f"{run_id}: was started by {by}: somebody else approves", ExitCode.POLICY_VIOLATION)
        if by in {approval.by for approval in run.approvals}:
            return run
        given = Approval(by=by, at=text(clock.now()))
        wanted = replace(run, approvals=(*run.approvals, given), version=run.version + 1)
        if store.save(run.version, wanted):
            return wanted
    raise CellError(f"{run_id}: changes all the time; try again", ExitCode.RESOURCE)


@dataclass(kw_only=True)
class Driver:
    """What steps wait with."""

    journal: Journal
    clock: Clock
    tell: Callable[[str], None]

    @property
    def run(self) -> Run:
        """As last read or written."""
        return self.journal.run

    def pause(self, seconds: float) -> None:
        """Waits by the monotonic clock, with signs of life."""
        end = self.clock.monotonic() + seconds
        while (left := end - self.clock.monotonic()) > 0:
            self.clock.sleep(min(left, BEAT_S))
            self.journal.beat()

    def until(
        self,
        what: str,
        look: Callable[[], T | None],
        limit_s: float,
        every_s: float = BEAT_S,
        seen: Callable[[], str] = str,
    ) -> T:
        """What `look` finds at last. Raises CellError (timeout) that says what was waited for, and what `seen` adds."""
        end, told = self.clock.monotonic() + limit_s, False
        while (found := look()) is None:
            if self.clock.monotonic() >= end:
                raise CellError(
                    "; ".join(filter(None, [f"waited {limit_s:.0f} s for {what}", seen()])), ExitCode.TIMEOUT
                )
            if not told:
                self.tell(f"waiting for {what}")
                told = True
            self.pause(every_s)
        return found

    def note(self, step: str, **facts: Any) -> None:
        """Keeps facts of a step that is under way."""
        record = self.run.steps[step]
        noted = replace(record, facts={**record.facts, **facts})
        self.journal.write(lambda run: run.with_step(step, noted))


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One of a run."""

    name: str
    act: Callable[[], Mapping[str, Any]]
    """Does it and returns what is worth keeping. Raises RefusedError where the run is to end."""
    reversible: bool = False
    """Where it refuses, the cell that wrote before may write again."""


def drive(driver: Driver, steps: Sequence[Step], roll_back: Callable[[], Mapping[str, Any]]) -> Run:
    """Takes the steps that are not done. Raises CellError where one fails: the run stays open and can be gone on with,
    unless it was refused; then it is over, rolled back where it had begun."""
    driver.journal.take()
    try:
        if driver.run.status is Status.ROLLING_BACK:
            _take_back(driver, roll_back)
            raise RefusedError(f"{_about(driver.run)} was rolled back", ExitCode.RESOURCE)
        for step in steps:
            if not driver.run.done(step.name):
                _take_step(driver, step, roll_back)
        _end(driver, Status.DONE)
        return driver.run
    except (ClientError, BotoCoreError) as error:
        raise CellError(f"{_about(driver.run)}: {error}; the same command goes on with it") from error
    finally:
        _let_go(driver)


def _take_step(driver: Driver, step: Step, roll_back: Callable[[], Mapping[str, Any]]) -> None:
    now = driver.clock.now()
    before = driver.run.steps.get(step.name)
    record = StepRecord(state="begun", began_at=text(now)) if before is None else replace(before, state="begun")
    driver.journal.write(lambda run: run.with_step(step.name, record))
    driver.tell(f"{step.name} ...")
    try:
        facts = step.act()
    except OvertakenError:
        raise
    except RefusedError as refusal:
        _note_end(driver, step.name, "failed", {"refused": str(refusal)})
        if step.reversible:
            driver.journal.write(lambda run: replace(run, status=Status.ROLLING_BACK))
            _take_back(driver, roll_back)
        else:
            _end(driver, Status.REFUSED)
        raise
    except (CellError, ClientError, BotoCoreError) as error:
        _note_end(driver, step.name, "failed", {"failed": str(error)})
        raise
    _note_end(driver, step.name, "done", facts)


def _note_end(driver: Driver, name: str, state: str, facts: Mapping[str, Any]) -> None:
    record, now = driver.run.steps[name], driver.clock.now()
    seconds = (now.replace(microsecond=0) - datetime.fromisoformat(record.began_at)).total_seconds()
    kept = {key: value for key, value in record.facts.items() if key not in {"failed", "refused"}}
    ended = replace(record, state=state, ended_at=text(now), seconds=seconds, facts={**kept, **facts})
    driver.journal.write(lambda run: run.with_step(name, ended))
    told = ", ".join(f"{key} {value}" for key, value in facts.items())
    driver.tell(f"{name} {state} after {seconds:.0f} s" + (f": {told}" if told else ""))


def _take_back(driver: Driver, roll_back: Callable[[], Mapping[str, Any]]) -> None:
    name = "roll-back"
    record = StepRecord(state="begun", began_at=text(driver.clock.now()))
    driver.journal.write(lambda run: run.with_step(name, run.steps.get(name, record)))
    _note_end(driver, name, "done", roll_back())
    _end(driver, Status.ROLLED_BACK)


def _end(driver: Driver, status: Status) -> None:
    ended = text(driver.clock.now())
    driver.journal.write(lambda run: replace(run, status=status, ended_at=ended))


def _let_go(driver: Driver) -> None:
    """Also of a process that fails: the next one need not wait. One that was overtaken, or finds no store, holds
    nothing that it could give back."""
    try:
        driver.journal.release()
    except (OvertakenError, UnansweredError, ClientError, BotoCoreError):
        return


def _about(run: Run) -> str:
    return f"run {run.id} ({run.kind} {run.origin} -> {run.target}, by {run.started_by} since {run.started_at})"
