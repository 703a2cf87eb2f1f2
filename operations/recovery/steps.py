"""The steps of a movement up to the moment at which the other cell writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

from contracts.epoch import FENCE_S, LEASE_S, Writer, WriterState
from operations.errors import CellError, ExitCode
from operations.recovery import aftermath, databases
from operations.recovery.archive import Archive, regenerate_since
from operations.recovery.context import Context
from operations.recovery.machine import RefusedError, Step, drive, text
from operations.recovery.run import Kind, Run
from operations.recovery.web import Says
from stacks.standby import PROMISES

APPROVAL_S: Final = 900.0
"""Longest wait for approvals; the same command waits on."""

OLD_CELL_S: Final = 15.0
"""Longest wait for the old cell to say that it does not write: a lease, and time to be asked."""


def steps_of(context: Context, wait_s: float) -> list[Step]:
    """In order. `wait_s`: longest wait of a failback for the old region to follow again."""
    run, after = context.run, partial
    moving = run.kind is not Kind.FAILOVER
    shards = [
        Step(name=f"promote {shard}", act=after(databases.promote, context, shard), reversible=moving)
        for shard in context.pair.shards
    ]
    rebuilt = Step(name="rebuilt", act=after(databases.rebuilt, context, wait_s))
    return [
        Step(name="record", act=after(record, context)),
        *([rebuilt] if run.kind is Kind.FAILBACK else []),
        Step(name="approve", act=after(approved, context)),
        Step(name="fence", act=after(fence, context), reversible=True),
        Step(name="lag", act=after(lag, context), reversible=True),
        Step(name="promote", act=after(databases.begin, context), reversible=moving),
        *shards,
        Step(name="grant", act=after(grant, context)),
        Step(name="regenerate", act=after(aftermath.regenerate, context)),
        Step(name="redrive", act=after(aftermath.redrive, context)),
        Step(name="scale", act=after(aftermath.scale, context)),
        Step(name="traffic", act=after(aftermath.traffic, context)),
        Step(name="verify", act=after(aftermath.verify, context)),
        Step(name="missing", act=after(aftermath.missing, context)),
        Step(name="finish", act=after(finish, context)),
    ]


def move(context: Context, wait_s: float) -> Run:
    """Drives the run to its end (operations/recovery/machine.py)."""
    return drive(context, steps_of(context, wait_s), partial(roll_back, context))


def record(context: Context) -> Mapping[str, Any]:
    """What there is before anything is changed. Raises RefusedError for what would be refused later."""
    run, now = context.run, context.clock.now()
    writer = context.store.writer()
    if writer.run == run.id:
        return {"epoch": run.epoch}
    _expect(context, writer)
    said = context.web.writer(context.origin.domain)
    lags = databases.lags(context.clients, context.pair, run.target, now)
    _judge_old_cell(context, said)
    if run.kind is not Kind.FAILBACK:
        _judge_lag(context, lags)
    return {"epoch": writer.epoch, "old_cell": _words(said), "lag_s": lags, "writers": _roles(context)}


def approved(context: Context) -> Mapping[str, Any]:
    """Waits until as many others consented as the pair's file says."""
    needed, run = context.pair.approvals, context.run

    def look() -> list[str] | None:
        others = sorted({approval.by for approval in context.run.approvals} - {run.started_by})
        return others if len(others) >= needed else None

    found = context.until(
        f"{needed} approval(s) by others than {run.started_by}: cell recovery approve {run.id}", look, APPROVAL_S
    )
    return {"needed": needed, "by": found}


def fence(context: Context) -> Mapping[str, Any]:
    """Nobody writes from here on. The wait is counted from the put, and by a process that did not see the put from its
    own beginning."""
    run, store = context.run, context.store
    before = store.writer()
    if before.run != run.id:
        _expect(context, before)
        at = text(context.clock.now())
        fenced = Writer(epoch=run.epoch + 1, cell=run.origin, state=WriterState.FENCED, run=run.id, changed_at=at)
        if not store.move(before, fenced):
            raise _taken(context, store.writer())
    context.pause(FENCE_S)
    waited = context.clock.monotonic() + OLD_CELL_S
    said = context.web.writer(context.origin.domain)
    while said is not None and said.cell == run.origin and said.writes and context.clock.monotonic() < waited:
        context.pause(1.0)
        said = context.web.writer(context.origin.domain)
    _judge_old_cell(context, said)
    if said is not None and said.cell == run.origin and said.writes:
        raise RefusedError(
            f"{run.origin} says that it writes {FENCE_S + OLD_CELL_S:.0f} s after it was fenced: it does not follow "
            f"the epoch store, and a lease ends after {LEASE_S:.0f} s. Stop it first",
            ExitCode.RESOURCE,
        )
    return {"epoch": run.epoch + 1, "old_cell": _words(said)}


def lag(context: Context) -> Mapping[str, Any]:
    """How far each shard of the target is behind, against the pair's objective."""
    found = databases.lags(context.clients, context.pair, context.run.target, context.clock.now())
    _judge_lag(context, found)
    return {"lag_s": found, "objective_s": context.pair.rpo_s}


def grant(context: Context) -> Mapping[str, Any]:
    """The target may write. From when on events are sent again is decided once."""
    run, store = context.run, context.store
    before = store.writer()
    if before.run != run.id:
        raise _taken(context, before)
    if before.epoch == run.epoch + 2:
        return {"epoch": before.epoch, "regenerate_since": before.regenerate_since}
    if "since" not in run.facts("grant"):
        of = Archive(s3=context.client("s3"), cell=run.target, region=context.target.region)
        since, why = regenerate_since(of, context.clock.now())
        context.note("grant", since=text(since), because=why, at=text(context.clock.now()))
    noted = context.run.facts("grant")
    granted = Writer(
        epoch=run.epoch + 2, cell=run.target, run=run.id, regenerate_since=noted["since"], changed_at=noted["at"]
    )
    if not store.move(before, granted):
        raise _taken(context, store.writer())
    return {"epoch": granted.epoch, "regenerate_since": granted.regenerate_since}


def finish(context: Context) -> Mapping[str, Any]:
    """Another movement may begin."""
    store, run = context.store, context.run
    before = store.writer()
    if before.run == run.id and not store.move(before, replace(before, run=None)):
        raise _taken(context, store.writer())
    return {}


def roll_back(context: Context) -> Mapping[str, Any]:
    """The cell that wrote before writes again, where this run fenced it; in an epoch of its own."""
    run, store = context.run, context.store
    before = store.writer()
    if before.run != run.id:
        return {"writer": before.cell, "epoch": before.epoch}
    shards = databases.restore_writers(context)
    at = text(context.clock.now())
    after = Writer(epoch=run.epoch + 2, cell=run.origin, changed_at=at)
    if not store.move(before, after):
        raise _taken(context, store.writer())
    return {"writer": run.origin, "epoch": after.epoch, "shards": shards}


def bounds(context: Context, lags: Mapping[str, float | None]) -> dict[str, str]:
    """Store -> what may be lost of it at most, as far as anybody knows."""
    standby = context.pair.replica.standby
    promised = dict(PROMISES[standby.strategy].rpo) if standby is not None else {}
    measured = ", ".join(f"{shard} {'unknown' if lag_ is None else f'{lag_:.1f} s'}" for shard, lag_ in lags.items())
    return {**promised, "database": f"what was committed in the last seconds of each shard: {measured}"}


def _expect(context: Context, writer: Writer) -> None:
    """Raises RefusedError where the record is not what the run began with."""
    run = context.run
    if writer.run is not None or writer.epoch != run.epoch or writer.cell != run.origin:
        raise _taken(context, writer)


def _taken(context: Context, writer: Writer) -> CellError:
    """Somebody was faster."""
    other = context.store.load(writer.run) if writer.run and writer.run != context.run.id else None
    who = f", {other.kind} run {other.id} by {other.started_by} since {other.started_at}" if other else ""
    return RefusedError(
        f"{context.run.origin} is not the writer of epoch {context.run.epoch} any more: the record is at epoch "
        f"{writer.epoch}, {writer.cell} {writer.state}{who}",
        ExitCode.RESOURCE,
    )


def _judge_old_cell(context: Context, said: Says | None) -> None:
    run = context.run
    if said is not None or run.accept_data_loss:
        return
    domain = context.origin.domain
    fix = "repair the way to it" if run.kind is not Kind.FAILOVER else "add --accept-data-loss if it is lost"
    raise RefusedError(
        f"{run.origin} does not answer at https://{domain}/writer: nobody knows what it still took; {fix}. "
        + _loss(context),
        ExitCode.RESOURCE,
    )


def _judge_lag(context: Context, lags: Mapping[str, float | None]) -> None:
    above, run = databases.behind(lags, context.pair.rpo_s), context.run
    if not above or run.accept_data_loss:
        return
    fix = "wait until it has caught up" if run.kind is not Kind.FAILOVER else "add --accept-data-loss to give it up"
    raise RefusedError(
        f"lag of {', '.join(above)}, above rpoSeconds {context.pair.rpo_s} of {context.pair.name}; {fix}. "
        + _loss(context, lags),
        ExitCode.RESOURCE,
    )


def _loss(context: Context, lags: Mapping[str, float | None] | None = None) -> str:
    found = lags or databases.lags(context.clients, context.pair, context.run.target, context.clock.now())
    return "At most lost, by store: " + "; ".join(
        f"{store}: {bound}" for store, bound in bounds(context, found).items()
    )


def _roles(context: Context) -> Mapping[str, str | None]:
    return databases.roles(context.client("rds"), context.pair)


def _words(said: Says | None) -> str:
    if said is None:
        return "does not answer"
    return f"{said.cell} says that it {'writes' if said.writes else 'does not write'} (epoch {said.epoch})"
