"""`cell failover`, `switchover`, `failback` and `recovery`: options, consent, and what is printed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from operations.consent import typed
from operations.declared import note_writer
from operations.errors import CellError, ExitCode
from operations.output import Format, show, talk
from operations.project import Project
from operations.recovery.calls import CALLS, explained
from operations.recovery.run import Kind, Run, Status
from stacks.fleet import Fleet, load_fleet
from stacks.pairs import PairPlan

if TYPE_CHECKING:
    from operations.recovery.context import Context

console = talk()

LOOK_H: Final = 1.0
"""Hours after a run's report in which events of the new writer are read again: what is sent again is archived within
minutes, and a busy archive has gigabytes an hour."""

FAILBACK_WAIT_S: Final = 3600.0
"""Longest wait for the old region to follow again, unless told otherwise."""

recovery = typer.Typer(help="What goes on in a pair of cells, and consent to a movement.", rich_markup_mode=None)

Origin = Annotated[str, typer.Argument(metavar="FROM", help="Stack of the cell that writes.", show_default=False)]
To = Annotated[str, typer.Option("--to", help="Stack of the cell that is to write.", show_default=False)]
Stack = Annotated[str, typer.Argument(help="Stack of a pair, or of one of its cells.", show_default=False)]
Loss = Annotated[
    bool, typer.Option("--accept-data-loss", help="Give up what had not arrived, and a cell that is mute.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the steps and their calls; change nothing.")]
Explain = Annotated[bool, typer.Option("--explain", help="List every call, and what happens where it is not answered.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Output = Annotated[Format, typer.Option("--output", "-o", help="How to print the result on standard output.")]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(failover)
    app.command()(switchover)
    app.command()(failback)
    app.add_typer(recovery, name="recovery")


def failover(
    origin: Origin,
    to: To,
    accept_data_loss: Loss = False,
    dry_run: DryRun = False,
    explain: Explain = False,
    yes: Yes = False,
    output: Output = Format.TABLE,
) -> None:
    """Make the other cell of a pair the writer although the one that writes is lost. Run again, it goes on."""
    _move(Kind.FAILOVER, origin, to, accept_data_loss, dry_run, explain, yes, output)


def switchover(
    origin: Origin,
    to: To,
    dry_run: DryRun = False,
    explain: Explain = False,
    yes: Yes = False,
    output: Output = Format.TABLE,
) -> None:
    """Make the other cell of a pair the writer while both are well: nothing is lost. Run again, it goes on."""
    _move(Kind.SWITCHOVER, origin, to, False, dry_run, explain, yes, output)


def failback(
    origin: Origin,
    to: To,
    wait: Annotated[
        float, typer.Option(help="Longest wait for the old region to follow again, in seconds.")
    ] = FAILBACK_WAIT_S,
    dry_run: DryRun = False,
    explain: Explain = False,
    yes: Yes = False,
    output: Output = Format.TABLE,
) -> None:
    """Wait until the region that was lost follows again and has caught up, then switch over to it."""
    _move(Kind.FAILBACK, origin, to, False, dry_run, explain, yes, output, wait)


@recovery.command()
def status(stack: Stack, output: Output = Format.TABLE) -> None:
    """Who writes, how far each shard is behind, where the clients' name leads, and the run under way."""
    from operations.recovery.look import look  # boto3: other commands do not wait for it

    show(look(*_pair(stack)), output)


@recovery.command()
def approve(run: Annotated[str, typer.Argument(help="Of `cell recovery status`.")], stack: Stack) -> None:
    """Consent to a run that somebody else started."""
    from operations.recovery import machine, session

    fleet, pair = _pair(stack)
    opened = session.opened(fleet, pair, session.both(pair))
    approved = machine.approve(opened.store, run, opened.caller, machine.Clock())
    console.print(f"{run}: approved by {opened.caller}, {len(approved.approvals)} of {pair.approvals}", markup=False)


@recovery.command()
def missing(
    run: Annotated[str, typer.Argument(help="Of `cell recovery status`.")],
    stack: Stack,
    hours: Annotated[
        float, typer.Option(min=0, max=72, help="How long after the run's report events of the new writer are read.")
    ] = LOOK_H,
    output: Output = Format.TABLE,
) -> None:
    """Payments that a movement lost: the archive is read again, and says which of them turned up, and which others
    have to be named."""
    from operations.recovery import session
    from operations.recovery.again import look_again
    from operations.recovery.archive import Archive

    fleet, pair = _pair(stack)
    opened = session.opened(fleet, pair, session.both(pair))
    found = opened.store.load(run)
    if found is None or not found.done("missing"):
        state = "no such run" if found is None else f"{found.status}, and has not come to the report yet"
        raise CellError(f"{run}: {state}", ExitCode.CONFIGURATION)
    region = pair.cells[found.target].region
    report = look_again(found, Archive(s3=opened.clients.get("s3", region), cell=found.target, region=region), hours)
    if output is not Format.TABLE:
        show(report, output)
        return
    show(report["payments"], output, columns=("id", "last_event", "state", "named"))
    counted = ", ".join(f"{count} {state}" for state, count in report["counts"].items()) or "none is missing"
    unread = (f"the archive cannot be read: {report['unreadable']}",) if "unreadable" in report else ()
    for line in (f"named at {report['reported_at']}, now: {counted}", *unread, *_not_read(report)):
        console.print(line, markup=False, soft_wrap=True)


def _not_read(report: Mapping[str, Any]) -> list[str]:
    return [f"not read: {source}" for source in report["not_read"]]


@recovery.command()
def collect(stack: Stack) -> None:
    """Write the timelines of all runs of a pair from its journal, so that `cell audit` finds those of other machines
    too: an auditor reads no data, and so no journal."""
    from operations.preflight_aws import asks_aws
    from operations.recovery import session
    from operations.recovery.collect import Collected, write

    fleet, pair = _pair(stack)
    opened = session.opened(fleet, pair, session.both(pair))
    found = Collected(pair=pair.name, by=opened.caller, runs=opened.store.runs(), emulated=not asks_aws())
    console.print(f"{len(found.runs)} runs: {write(Project.find().root, found)}", markup=False, soft_wrap=True)


@recovery.command()
def abandon(
    run: Annotated[str, typer.Argument(help="Of `cell recovery status`.")], stack: Stack, yes: Yes = False
) -> None:
    """End a run that cannot be gone on with, because its target is lost too. The record stays as it is: where it is
    fenced nobody writes until the next movement."""
    from operations.recovery import session

    consent = typed(console, run, yes)
    fleet, pair = _pair(stack)
    opened = session.opened(fleet, pair, session.both(pair))
    if not consent(f"This ends {run} where it is; {pair.name} may stand still until the next movement."):
        raise CellError("cancelled; nothing was changed", ExitCode.CANCELLED)
    session.abandon(opened.store, run)


@recovery.command()
def rehearse(stack: Stack, yes: Yes = False, output: Output = Format.TABLE) -> None:
    """What the weekly drill runs on AWS: the writer moves to the replica and back, unless an alarm rings."""
    from operations.drill.report import note
    from operations.preflight_checks import own_clients
    from operations.recovery import machine, session
    from operations.recovery.rehearse import Rehearsal, ringing

    consent = typed(console, stack, yes)
    fleet, pair = _pair(stack)
    home = pair.primary
    if not consent(f"This moves the writing of {pair.domain} to {pair.replica.cell} and back."):
        raise CellError("cancelled; nothing was changed", ExitCode.CANCELLED)
    own = own_clients(None, fleet.account_of(home.cell))

    def move(kind: Kind, origin: str, to: str) -> None:
        _move(kind, origin, to, False, False, False, True, output, FAILBACK_WAIT_S)

    rehearsal = Rehearsal(
        pair=pair,
        writer=lambda: session.opened(fleet, pair, session.both(pair)).store.writer().cell,
        rings=lambda regions: ringing(own, pair, regions),
        move=move,
        clock=machine.Clock(),
        say=_say,
    )
    ssm = own.get("ssm", home.region)
    try:
        line = rehearsal.act()
    except CellError as failed:
        note(ssm, home.region, home.cell, f"switchover: {failed}", passed=False)
        raise
    note(ssm, home.region, home.cell, f"switchover: {line}", passed=True)
    _say(line)


def _move(
    kind: Kind,
    origin: str,
    to: str,
    accept_data_loss: bool,
    dry_run: bool,
    explain: bool,
    yes: bool,
    output: Format,
    wait_s: float = 0.0,
) -> None:
    fleet, pair = _pair(to)
    _check(pair, origin, to)
    if explain:
        show(explained(pair.cells[to].region), output)
        return
    from operations.recovery import session  # boto3, as in status
    from operations.recovery.steps import move, steps_of

    consent = (lambda _question: True) if dry_run else typed(console, origin, yes)
    opened = session.opened(fleet, pair, (pair.cells[to].region,))
    found = session.plan(opened, kind, origin, to, accept_data_loss)
    if found.already:
        console.print(f"{to} writes already, epoch {found.writer.epoch}", markup=False)
        _note(pair, to)
        show({"writer": to, "epoch": found.writer.epoch, "run": None}, output)
        return
    context = session.context(fleet, pair, opened, found.run, _say)
    if dry_run:
        show([_planned(context, step.name) for step in steps_of(context, wait_s)], output)
        return
    _say(found.words)
    if not consent(_question(context)):
        raise CellError("cancelled; nothing was changed", ExitCode.CANCELLED)
    try:
        session.begin(context, found)
        run = move(context, wait_s)
    finally:
        _write(context)
    _note(pair, to)
    show(_result(run), output)


def _check(pair: PairPlan, origin: str, to: str) -> None:
    for cell in (origin, to):
        if cell not in pair.cells:
            raise CellError(f"{cell} is not in {pair.name}: it has {', '.join(pair.cells)}", ExitCode.CONFIGURATION)
    if origin == to:
        raise CellError(f"--to {to}: is where it comes from; name {pair.other(origin)}", ExitCode.CONFIGURATION)


def _pair(stack: str) -> tuple[Fleet, PairPlan]:
    """The pair that a stack is, or is in."""
    # What runs is moved: a quota that the next `cell up` would need holds nothing up.
    fleet = load_fleet(Project.find().stacks_folder, check_quotas=False)
    name = fleet.pair_of(stack)
    if name is None:
        known = ", ".join(fleet.pairs) or "none; run cell replicate"
        raise CellError(f"{stack}: is in no pair; stacks/ declares {known}", ExitCode.STACK_NOT_FOUND)
    return fleet, fleet.pair(name)


def _planned(context: Context, step: str) -> dict[str, Any]:
    word = step.partition(" ")[0]
    made = [f"{call.service}:{call.action}" for call in CALLS if word in call.steps.split(", ")]
    return {
        "step": step,
        "done": context.run.done(step),
        "region": context.target.region if made else None,
        "calls": ", ".join(made) or "the epoch store, or none",
    }


def _question(context: Context) -> str:
    run = context.run
    loss = " Data that had not arrived is given up." if run.accept_data_loss else ""
    return f"This moves the writing of {context.pair.domain} from {run.origin} to {run.target}.{loss}"


def _result(run: Run) -> Mapping[str, Any]:
    lost = run.facts("missing").get("payments", [])
    return {
        "run": run.id,
        "writer": run.target,
        "epoch": run.epoch + 2,
        "seconds": {name: record.seconds for name, record in run.steps.items()},
        "verified": run.facts("verify"),
        "missing": lost,
    }


def _note(pair: PairPlan, writer: str) -> None:
    """The stack file follows the record, which is the truth."""
    project = Project.find()
    if note_writer(project, pair.name, writer):
        console.print(
            f"wrote writer: {writer} into {project.stack_file(pair.name).name}: commit it", markup=False, soft_wrap=True
        )


def _write(context: Context) -> None:
    from operations.preflight_aws import asks_aws
    from operations.recovery import timeline

    if context.run.status is Status.RUNNING and not context.run.steps:
        return
    written = timeline.write(Project.find().root, context.run, emulated=not asks_aws())
    console.print(f"timeline: {written}", markup=False, soft_wrap=True)


def _say(line: str) -> None:
    console.print(line, markup=False, soft_wrap=True)
