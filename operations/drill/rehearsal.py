"""A movement rehearsed: customers pay through the pair's name, something breaks, the real command moves the writer,
every acknowledged payment is looked for, and the writer is brought back."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from contracts.reconciliation import Acknowledged
from operations.drill.evidence import PairEvidence
from operations.drill.findings import Found
from operations.drill.losses import Losses, account
from operations.drill.measure import measured
from operations.drill.movement import Movement, move
from operations.drill.plan import DrillPlan, Kind
from operations.errors import CellError, ExitCode
from operations.probe import sandbox
from operations.probe.evidence import FINAL
from operations.probe.load import Answer, Patience, Progress, run
from operations.probe.plan import Call, Fault, Plan
from operations.probe.target import Target

PATIENCE: Final = Patience(tries=20, timeout_s=5.0, longest_wait_s=20.0)
"""A customer's program that does not give a payment up: five minutes, at most 20 seconds between two calls."""

DECIDE_S: Final = 15.0
"""Seconds after which somebody moves the writer although no customer has noticed anything."""

TAIL_S: Final = 20.0
"""Seconds of payments after the command has ended: four windows of `measure.WINDOW_S`."""

BACK_S: Final = 10.0
"""Seconds of payments after a failback."""

LOOK_S: Final = 0.1

Say = Callable[[str], object]


@dataclass(frozen=True, kw_only=True, slots=True)
class Customers:
    """Who pays, and how."""

    plan: Plan
    """Of as many payments as a drill may ever need."""
    where: Callable[[], Target | None]
    key_of: Callable[[Call], str]

    def some(self, first: int, count: int) -> Plan:
        """Payments that were not made yet, from now on."""
        calls = self.plan.calls[first : first + count]
        began = calls[0].at_s if calls else 0.0
        return replace(self.plan, calls=[replace(call, at_s=call.at_s - began) for call in calls], faults=())


@dataclass(kw_only=True)
class Rehearsal:
    """One drill under way. `folder`: where the commands' own words are kept."""

    plan: DrillPlan
    customers: Customers
    evidence: PairEvidence
    project: Path
    folder: Path
    say: Say
    progress: Progress

    def act(self) -> Found:
        """Does it. Faults are switched off whatever happens. Raises CellError where a command or a question fails."""
        began = datetime.now(UTC)
        with self._fault(self.plan.lag), self._fault(None) as switched:
            incident = Incident(rehearsal=self, switched=switched)
            self.say("paying")
            answers = asyncio.run(self._pay(incident))
        movement = incident.done()
        self.say("reconciling")
        losses = self._losses(answers, incident, movement)
        back = self._failback() if self.plan.failback else None
        fault_s = incident.fault_at.timestamp() - self.progress.began
        return Found(
            plan=self.plan,
            began=began,
            fault_at=incident.fault_at,
            command_s=incident.command_s,
            lag_s=incident.lag_s,
            figures=measured(answers, fault_s, self.plan.target),
            movement=movement,
            losses=losses,
            back=back,
            back_by_cell=self._paid_by(len(answers)) if back else {},
        )

    async def _pay(self, incident: Incident) -> list[Answer]:
        async def switch(_name: str, _on: bool) -> None:
            await asyncio.to_thread(incident.happen)

        fault = Fault(name=self.plan.kind.value, start_s=self.plan.fault_at_s, end_s=None)
        plan = replace(self.customers.plan, faults=[fault])
        customers = self.customers
        return await run(
            plan, customers.where, customers.key_of, switch, self.progress, patience=PATIENCE, over=incident.over
        )

    def _losses(self, answers: Sequence[Answer], incident: Incident, movement: Movement) -> Losses:
        plan, evidence = self.plan, self.evidence
        told = [
            Acknowledged(payment_id=answer.payment_id, account=answer.call.account, status=answer.status)
            for answer in answers
            if answer.payment_id is not None
        ]
        return account(
            told,
            evidence.rows_of(plan.target),
            [] if plan.kind is Kind.SWITCHOVER else evidence.kept_rows(incident.fault_at),
            evidence.archived(plan.origin) | evidence.archived(plan.target),
            movement.missing,
            final=FINAL,
            archived_at_report=incident.archived.result(),
        )

    def _failback(self) -> Movement:
        self.say(f"back to {self.plan.origin}")
        return move(["failback", self.plan.target, "--to", self.plan.origin], self.project, self.folder)

    def _paid_by(self, first: int) -> Counter[str]:
        """Stack -> payments that it acknowledged, of some new ones."""

        async def never(_name: str, _on: bool) -> None:
            raise AssertionError("nothing breaks after a failback")

        customers, count = self.customers, max(5, round(BACK_S * self.plan.rate))
        plan = customers.some(first, count)
        answers = asyncio.run(run(plan, customers.where, customers.key_of, never, Progress(), patience=PATIENCE))
        return Counter(answer.tries[-1].cell for answer in answers if answer.payment_id is not None)

    @contextmanager
    def _fault(self, name: str | None) -> Iterator[list[str]]:
        """Faults that are off at the end: the one that is named, and those that are added meanwhile."""
        on = [name] if name else []
        for one in on:
            switch(one, True)
        try:
            yield on
        finally:
            for one in reversed(on):
                switch(one, False)


def switch(name: str, on: bool) -> None:
    """Raises CellError where the sandbox cannot make it: a fault that did not happen proves nothing."""
    sandbox.ask(f"fault {name}", "fault", name, "on" if on else "off")


@dataclass(kw_only=True)
class Incident:
    """The fault, and what whoever is on call does about it."""

    rehearsal: Rehearsal
    switched: list[str]
    lag_s: float = 0.0
    fault_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    command_s: float = 0.0
    _ended: float | None = None
    _movement: Movement | None = None
    _reader: ThreadPoolExecutor | None = None
    _archived: Future[set[str]] | None = None

    @property
    def archived(self) -> Future[set[str]]:
        """Payments that the target's archive told of when the command began."""
        assert self._archived is not None, "asked before the fault"
        return self._archived

    def happen(self) -> None:
        """Breaks it and moves the writer; returns when the command has ended."""
        plan, rehearsal = self.rehearsal.plan, self.rehearsal
        try:
            self.lag_s = rehearsal.evidence.lag_s() or 0.0
            self.fault_at, began = datetime.now(UTC), time.monotonic()
            if plan.fault is not None:
                # Noted first: also a fault that only half happened is switched off.
                self.switched.append(plan.fault)
                rehearsal.say(plan.fault)
                switch(plan.fault, True)
                self._wait_until_noticed()
            self._reader = ThreadPoolExecutor(1)
            self._archived = self._reader.submit(rehearsal.evidence.archived, plan.target)
            self.command_s = time.monotonic() - began
            command = "switchover" if plan.kind is Kind.SWITCHOVER else "failover"
            accepted = () if plan.kind is Kind.SWITCHOVER else ("--accept-data-loss",)
            rehearsal.say(f"{command} of {plan.origin} to {plan.target}")
            arguments = [command, plan.origin, "--to", plan.target, *accepted]
            self._movement = move(arguments, rehearsal.project, rehearsal.folder)
        finally:
            self._ended = time.monotonic()
            if self._reader is not None:
                self._reader.shutdown(wait=False)

    def _wait_until_noticed(self) -> None:
        progress = self.rehearsal.progress
        before, deadline = progress.refusals.total(), time.monotonic() + DECIDE_S
        while progress.refusals.total() == before and time.monotonic() < deadline:
            time.sleep(LOOK_S)

    def over(self) -> bool:
        """Whether enough payments were made, in all and after the command; or there is nothing to pay for any more."""
        if self._ended is None:
            return False
        enough = self.rehearsal.progress.sent >= self.rehearsal.plan.payments
        return self._movement is None or (enough and time.monotonic() > self._ended + TAIL_S)

    def done(self) -> Movement:
        """Raises CellError where the payments ended before the command did."""
        if self._movement is None:
            raise CellError("the payments ended before the movement did", ExitCode.TIMEOUT)
        return self._movement
