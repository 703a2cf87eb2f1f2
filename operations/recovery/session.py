"""Who acts, on what, and which run: everything before the first step."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from botocore.exceptions import BotoCoreError, ClientError

from contracts.epoch import Writer
from operations.errors import CellError, ExitCode
from operations.preflight_aws import Clients
from operations.preflight_checks import entered, own_clients
from operations.project import Project
from operations.recovery.context import Context
from operations.recovery.machine import Clock, Journal, text
from operations.recovery.run import Kind, Run, Status
from operations.recovery.store import Source, Store
from operations.recovery.web import Web
from stacks.fleet import Fleet
from stacks.market_files import MARKETS, load_markets
from stacks.pairs import PairPlan


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    """Clients of a live region, and who asks."""

    store: Store
    clients: Source
    caller: str
    """ARN of the person's own principal, not of the recovery role that all act as. Whoever may choose the session name
    of a shared role can appear as somebody else: give people roles, or users, of their own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """What the command will do."""

    run: Run
    writer: Writer
    """The record now."""
    already: bool
    """The target writes, and no run is under way."""
    resumed: bool

    @property
    def words(self) -> str:
        """One line."""
        run = self.run
        if self.resumed:
            done = [name for name, record in run.steps.items() if record.state == "done"]
            return (
                f"going on with run {run.id} of {run.started_by} since {run.started_at}, after {done[-1:] or 'nothing'}"
            )
        return f"run {run.id}: epoch {run.epoch}, {self.writer.cell} {self.writer.state}"


def both(pair: PairPlan) -> tuple[str, str]:
    """Regions of the pair, that of the replica first: it is there for the day on which the other is not."""
    return pair.replica.region, pair.primary.region


def opened(fleet: Fleet, pair: PairPlan, regions: Sequence[str]) -> Opened:
    """Acts as the pair's recovery role, by the first of the regions that answers. Raises CellError."""
    account = fleet.account_of(pair.primary.cell)
    refusal: CellError | None = None
    for region in regions:
        # The account's home region may be the one that is lost.
        here = account.model_copy(update={"home_region": region, "deploy_role_arn": pair.recovery_role_arn})
        try:
            clients: Clients = entered(here, "recovery", "recovery role")
            caller = str(own_clients(None, here).get("sts", region).get_caller_identity()["Arn"])
        except CellError as error:
            who = f"`cell up {pair.name}` makes the role, `operators` of its file names who becomes it"
            refusal = CellError(f"{error} ({who})", error.code)
        except (ClientError, BotoCoreError) as error:
            refusal = CellError(f"{region}: who are we? {error}", ExitCode.AUTHENTICATION)
        else:
            order = (region, *(other for other in regions if other != region))
            return Opened(
                store=Store(clients, order, pair.epoch_table, pair.primary.cell), clients=clients, caller=caller
            )
    assert refusal is not None, "at least one region was tried"
    raise refusal


def plan(
    found: Opened, kind: Kind, origin: str, target: str, accept_data_loss: bool, clock: Clock | None = None
) -> Planned:
    """A new run, or the open one of the same movement. Raises CellError where another one is under way."""
    writer, wanted = found.store.writer(), (kind, origin, target)
    runs = [run for run in found.store.runs() if run.open]
    same = [run for run in runs if (run.kind, run.origin, run.target) == wanted]
    if writer.run is not None:
        if (held := next((run for run in same if run.id == writer.run), None)) is None:
            raise _under_way(writer.run, next((run for run in runs if run.id == writer.run), None))
        return _resumed(held, writer, accept_data_loss)
    # Those that have not fenced yet, and those that were killed between their last word in the record and their end.
    if going := [run for run in same if _goes_on(run, writer)]:
        return _resumed(going[-1], writer, accept_data_loss)
    run = _new(found, kind, origin, target, writer, accept_data_loss, clock)
    already = writer.lets(target)
    if writer.cell != origin and not already:
        raise CellError(
            f"{origin} does not write: {writer.cell} does, {writer.state}, epoch {writer.epoch}", ExitCode.CONFIGURATION
        )
    return Planned(run=run, writer=writer, already=already, resumed=False)


def _goes_on(run: Run, writer: Writer) -> bool:
    moved = run.done("grant") or run.status is Status.ROLLING_BACK
    return writer.epoch == run.epoch + (2 if moved else 0)


def _under_way(run_id: str, held: Run | None) -> CellError:
    about = "which nobody knows"
    if held is not None:
        about = f"{held.kind} {held.origin} -> {held.target}, by {held.started_by} since {held.started_at}"
    fix = f"go on with it, or end it: cell recovery abandon {run_id}"
    return CellError(f"run {run_id} is under way ({about}): {fix}", ExitCode.RESOURCE)


def _resumed(run: Run, writer: Writer, accept_data_loss: bool) -> Planned:
    accepted = run.accept_data_loss or accept_data_loss
    return Planned(run=replace(run, accept_data_loss=accepted), writer=writer, already=False, resumed=True)


def _new(
    found: Opened, kind: Kind, origin: str, target: str, writer: Writer, accept_data_loss: bool, clock: Clock | None
) -> Run:
    now = clock.now() if clock is not None else datetime.now(UTC)
    return Run(
        id=f"{kind}-{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}",
        kind=kind,
        origin=origin,
        target=target,
        started_by=found.caller,
        started_at=text(now),
        epoch=writer.epoch,
        accept_data_loss=accept_data_loss,
    )


def context(fleet: Fleet, pair: PairPlan, found: Opened, run: Run, tell: Callable[[str], None]) -> Context:
    """What the run's steps work with."""
    clock = Clock()
    markets = load_markets(Project.find().stacks_folder / MARKETS, fleet.cells).of(pair.primary.cell)
    return Context(
        journal=Journal(found.store, run, secrets.token_hex(4), clock),
        clock=clock,
        tell=tell,
        pair=pair,
        store=found.store,
        clients=found.clients,
        web=Web(),
        markets={market.name: {"currency": market.currency, "banks": dict(market.banks)} for market in markets},
    )


def begin(context: Context, planned: Planned) -> None:
    """Writes the journal of a new run. Raises CellError where it cannot be written."""
    run = context.run
    if planned.resumed:
        return
    if not context.store.save(0, replace(run, version=1)):
        raise CellError(f"run {run.id} is there already", ExitCode.RESOURCE)
    context.journal.run = replace(run, version=1)


def abandon(store: Store, run_id: str) -> None:
    """Ends a run where it is; nobody is let to write by that. Raises CellError where it is over, or changes."""
    run = store.load(run_id)
    if run is None or not run.open:
        raise CellError(f"{run_id}: no run that is under way", ExitCode.CONFIGURATION)
    ended = text(datetime.now(UTC))
    wanted = replace(run, status=Status.ABANDONED, driver="", ended_at=ended, version=run.version + 1)
    if not store.save(run.version, wanted):
        raise CellError(f"{run_id}: somebody drives it; end that process first", ExitCode.RESOURCE)
    writer = store.writer()
    if writer.run == run_id and not store.move(writer, replace(writer, run=None)):
        raise CellError(f"{run_id}: the record changed meanwhile; see cell recovery status", ExitCode.RESOURCE)
