"""The ``cell`` command."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import typer

from components.vocabulary import Strategy
from operations import attestation, config, deploy, environments, exceptions, policy
from operations import capacity as carried
from operations import capacity_check as beside
from operations.audit.command import app as audit_app
from operations.consent import confirmed, typed
from operations.cost.ceiling import as_data
from operations.cost.command import cost_report, show_report
from operations.declared import disarm_file
from operations.drill.plan import PAYMENTS, RATE, SHORT_PAYMENTS
from operations.drill.plan import Kind as DrillKind
from operations.drill.schedule import schedule as schedule_drill
from operations.errors import CellError, ExitCode
from operations.graph import Drawing, stack_graph, write_graph
from operations.iam import Role, StateStore, characters, policies, target
from operations.model import command as model
from operations.output import Format, show
from operations.plan import cells_of, known_stack
from operations.project import Project
from operations.recovery import command as recovery
from operations.replicate import Wanted, plan_replicate, write_replicate
from operations.replicate import shown as replicate_rows
from operations.session import console
from operations.session import preflight as _preflight
from operations.session import session as _session
from operations.summary import in_rows, inventory, overview, stack_status
from operations.trust import trust_policy
from operations.upgrade.apply import plan_data, prepare, remarks, shown
from operations.upgrade.apply import upgrade as take_steps
from operations.upgrade.steps import Target
from stacks.fleet import load_fleet
from stacks.market_files import MARKETS, load_markets
from stacks.problems import ConfigError

app = typer.Typer(
    name="cell",
    help="Opens, changes, inspects and closes regional payment cells.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(config.app, name="config")
app.add_typer(exceptions.app, name="exception")
app.add_typer(model.app, name="model")
app.add_typer(policy.app, name="policy")
app.add_typer(audit_app, name="audit")
app.add_typer(attestation.app, name="attestation")
recovery.register(app)

Stack = Annotated[str, typer.Argument(help="A stack of stacks/: eu-west-1, dev, account, ...", show_default=False)]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Output = Annotated[Format, typer.Option("--output", "-o", help="How to print the result on standard output.")]


@app.command()
def up(stack: Stack, yes: Yes = False, output: Output = Format.TABLE) -> None:
    """Bring up a stack, what it needs first, and what belongs to it after: account, cell, workloads."""
    session = _session()
    consent = _consent(yes)
    for cell in cells_of(stack, session.declared):
        _preflight(session, cell, gate=True)
    outcomes = deploy.up(session, stack, consent)
    show([deploy.row(outcome) for outcome in outcomes], output)
    if output is Format.TABLE:
        for line in overview(session.engine, [outcome.stack for outcome in outcomes], session.declared):
            console.print(line, soft_wrap=True, markup=False)


@app.command()
def preflight(stack: Stack, output: Output = Format.TABLE) -> None:
    """Look at everything that could stop a cell halfway, before anything is created: account, region, quotas, state."""
    # Quotas are what it reports on: files that ask for too much do not keep it from saying what to request.
    raise typer.Exit(_preflight(_session(check_quotas=False), stack, output))


@app.command()
def preview(stack: Stack, output: Output = Format.TABLE) -> None:
    """Show what `up` would change and what that does to the monthly bill, with the policy packs on."""
    session = _session()
    outcomes = deploy.preview(session, stack)
    costs = {outcome.stack: deploy.cost_of(session, outcome) for outcome in outcomes}
    if output is Format.TABLE:
        for outcome in outcomes:
            for diff in outcome.reading.diffs:
                keys = f" [{', '.join(diff['keys'])}]" if diff["keys"] else ""
                console.print(f"  {diff['op']} {diff['urn'].rpartition('::')[2]}{keys}", soft_wrap=True, markup=False)
        show([deploy.row(outcome) for outcome in outcomes], output)
        deploy.say_costs(session, costs)
    else:
        priced = {name: as_data(cost.difference) if cost else None for name, cost in costs.items()}
        show([{**deploy.row(o), "steps": o.reading.diffs, "cost": priced[o.stack]} for o in outcomes], output)
    for name, cost in costs.items():
        deploy.hold_ceiling(session, name, cost)


@app.command()
def cost(
    stack: Stack,
    replica: Annotated[bool, typer.Option("--replica", help="Add what a warm standby would cost.")] = False,
    output: Output = Format.TABLE,
) -> None:
    """What a stack costs a month as it is declared, deployed or not: each line with quantity, unit price and source."""
    session = _session()
    with console.status(f"preview {stack}"):
        report = cost_report(session.project, stack, session.declared, replica=replica)
    show_report(report, output, console)
    _say_difference("cost")


@app.command()
def refresh(stack: Stack, yes: Yes = False, output: Output = Format.TABLE) -> None:
    """Show what drifted from the state of one stack and take it into the state; `up` then repairs it."""
    session = _session()
    show([deploy.row(deploy.refresh(session, stack, _consent(yes)))], output)


@app.command()
def destroy(stack: Stack, yes: Yes = False, output: Output = Format.TABLE) -> None:
    """Take down a stack and what stands on it. A production cell has to be disarmed first."""
    session = _session()
    show([deploy.row(outcome) for outcome in deploy.destroy(session, stack, _typed(stack, yes))], output)


@app.command()
def disarm(stack: Stack, yes: Yes = False, output: Output = Format.TABLE) -> None:
    """Lift the protection of a production cell, so that it can be destroyed.

    Writes `disarmed: true` into the stack file and applies it, without the policy packs: what it does is what they
    forbid (control BCK-05). The archive, evidence and their keys are kept by `destroy`.
    """
    session = replace(_session(), policy_packs=())
    known_stack(stack, session.declared)
    consent = _typed(stack, yes)
    if not consent(f"This lifts protection and deletion protection of every resource of {stack}."):
        raise CellError("cancelled; nothing was changed", ExitCode.CANCELLED)
    disarm_file(session.project, stack)
    show([deploy.row(outcome) for outcome in deploy.up(session, stack, lambda _question: True)], output)


@app.command("list")
def list_(output: Output = Format.TABLE) -> None:
    """Every declared stack with its region, environment, account and size."""
    session = _session()
    show(inventory(session.declared, session.engine), output)


@app.command()
def status(
    stack: Stack,
    drift: Annotated[bool, typer.Option("--drift", help="Read every resource back; changes nothing.")] = False,
    output: Output = Format.TABLE,
) -> None:
    """What a stack holds and how it is: health, alarms, drift, ends of support, last drill, last audit, leftovers."""
    from operations.health import live  # boto3, as in _preflight

    session = _session()
    declared = known_stack(stack, session.declared)
    found = stack_status(session.engine, declared, datetime.now(UTC).date()) | live(session, stack)
    if drift:
        found["drift"] = deploy.drift(session, stack)
    show(in_rows(found) if output is Format.TABLE else found, output)
    _say_difference("status")


@app.command()
def readiness(stack: Stack, output: Output = Format.TABLE) -> None:
    """Whether a cell's replica could take over now: each check ready, not ready or not observed. Exit 1 where not."""
    from operations.readiness import command as ready  # boto3, as in _preflight

    with console.status(f"readiness {stack}"):
        found = ready.readiness(_session(check_quotas=False), stack)
    rows = [{"check": verdict.check, "answer": verdict.answer, "found": verdict.found} for verdict in found]
    show(rows if output is Format.TABLE else ready.as_data(found), output)
    for verdict in found:
        if verdict.holds_up and verdict.fix:
            console.print(f"  {verdict.check}: {verdict.fix}", markup=False, soft_wrap=True)
    console.print(ready.summary(stack, found), markup=False, soft_wrap=True)
    _say_difference("readiness")
    raise typer.Exit(ready.exit_code(found))


@app.command()
def capacity(
    without: Annotated[str, typer.Option("--without", help="The region that is lost.", show_default=False)],
    peak: Annotated[int | None, typer.Option(min=1, help="Payments/s of its cells. Left out: as declared.")] = None,
    against: Annotated[
        Path | None,
        typer.Option(help="drill.json of a drill of that region: computed beside measured, exit 1 beyond 10 %."),
    ] = None,
    output: Output = Format.TABLE,
) -> None:
    """Whether the other cells can take a region's payments at the peak, and what ends first. Asks nobody."""
    folder = Project.find().stacks_folder
    fleet = load_fleet(folder, check_quotas=False)
    markets = load_markets(folder / MARKETS, fleet.cells)
    if against is not None:
        if peak is not None:
            raise CellError(
                "--peak, --against: a drill has a rate of its own; leave out --peak", ExitCode.CONFIGURATION
            )
        checked = beside.checked(fleet, markets, without, beside.read(against))
        show(beside.rows(checked) if output is Format.TABLE else beside.as_data(checked), output)
        for line in beside.remarks(checked):
            console.print(line, markup=False, soft_wrap=True)
        raise typer.Exit(checked.code)
    found = carried.without(fleet, markets, without, peak)
    show(carried.rows(found) if output is Format.TABLE else carried.as_data(found), output)
    for line in carried.remarks(found):
        console.print(line, markup=False, soft_wrap=True)
    raise typer.Exit(found.code)


@app.command()
def upgrade(
    stack: Stack,
    plan: Annotated[bool, typer.Option("--plan", help="Show the steps; change nothing.")] = False,
    apply: Annotated[bool, typer.Option("--apply", help="Take the steps, one after the other.")] = False,
    to_kubernetes: Annotated[str | None, typer.Option(help="Such as 1.36. Left out: the stack file's.")] = None,
    to_aurora: Annotated[str | None, typer.Option(help="Such as 17.9. Left out: the stack file's.")] = None,
    yes: Yes = False,
    output: Output = Format.TABLE,
) -> None:
    """Move a cell to other versions of Kubernetes and Aurora, or go on with what was interrupted."""
    if plan == apply:
        raise CellError("say either --plan or --apply", ExitCode.CONFIGURATION)
    target, session = Target(kubernetes=to_kubernetes, aurora=to_aurora), _session()
    known_stack(stack, session.declared)
    consent = _consent(yes) if apply else None
    prepared = prepare(session, stack, target)
    show(shown(prepared) if output is Format.TABLE else plan_data(prepared), output)
    for line in remarks(prepared) if prepared.steps else [f"{stack} runs what is wanted: nothing to do"]:
        console.print(line, markup=False, soft_wrap=True)
    if consent is not None:
        for step in take_steps(session, stack, target, consent):
            console.print(f"done: {step.name}", markup=False)
    _say_difference("upgrade")


@app.command()
def outputs(stack: Stack, output: Output = Format.TABLE) -> None:
    """Outputs of a stack; secret ones are masked."""
    session = _session()
    show(session.engine.outputs(stack), output)


@app.command()
def connect(
    stack: Stack,
    command: Annotated[list[str] | None, typer.Argument(help="After `--`; left out: a shell.")] = None,
    port: Annotated[int | None, typer.Option(min=1024, max=65535, help="Of this machine; left out: any.")] = None,
    reason: Annotated[str | None, typer.Option(help="For the session's history. Left out: the command.")] = None,
) -> None:
    """Run a command that reaches a cell's cluster; a private one through an audited session to one of its nodes."""
    from operations import connect as way  # boto3, as in _preflight

    wanted = command or [os.environ.get("SHELL", "/bin/sh")]
    raise typer.Exit(way.connect(_session(), stack, wanted, port=port, reason=reason))


@app.command()
def probe(
    stack: Stack,
    payments: Annotated[int, typer.Option(help="How many; at most 100,000.")] = 500,
    rate: Annotated[float, typer.Option(help="Payments a second; at most 1,000.")] = 25.0,
    market: Annotated[list[str] | None, typer.Option(help="Pay in this market; may repeat. Left out: all.")] = None,
    fault: Annotated[list[str] | None, typer.Option(help="bank-hang:BANK, scorer-dead, relay-dead, ...")] = None,
    seed: Annotated[
        int | None, typer.Option(help="The same seed makes the same payments, that are not taken twice.")
    ] = None,
    page: Annotated[Path | None, typer.Option("--report", help="Write an HTML page with plots here.")] = None,
    alarms: Annotated[bool, typer.Option("--alarms", help="In place of payments: fire each alarm once.")] = False,
    yes: Yes = False,
    output: Output = Format.TABLE,
) -> None:
    """Pay through the cell's real gateway, break things meanwhile, and prove that no payment was lost or doubled.

    Against a cell in the sandbox only: the load stays on this machine. Exit 1 if one is lost, doubled or misplaced.
    """
    from operations.probe import command as probing  # httpx and boto3, as in _preflight

    if alarms:
        fired = probing.probe_alarms(_session(), stack, _consent(yes))
        show(fired, output)
        _say_difference("probe")
        if unheard := [str(row["alarm"]) for row in fired if row["arrived"] is None]:
            raise CellError(f"nobody hears of {', '.join(unheard)}", ExitCode.ERROR)
        return
    options = probing.Options(
        payments=payments, rate=rate, markets=market or (), faults=fault or (), seed=seed, page=page
    )
    numbers = probing.probe(_session(), stack, options)
    show(probing.summary(numbers) if output is Format.TABLE else numbers, output)
    if numbers["problems"]:
        raise CellError("\n".join(numbers["problems"]), ExitCode.ERROR)


@app.command()
def drill(
    stack: Stack,
    kind: Annotated[DrillKind | None, typer.Option(help="What is rehearsed. Left out: region-dead.")] = None,
    lag: Annotated[float, typer.Option(help="Replication lag before the fault, in seconds.")] = 0.0,
    payments: Annotated[int | None, typer.Option(help="At least. Left out: 60; of --short 30.")] = None,
    rate: Annotated[float, typer.Option(help="Payments a second; at most 50.")] = RATE,
    short: Annotated[bool, typer.Option("--short", help="Few payments: proves the way and measures little.")] = False,
    no_failback: Annotated[bool, typer.Option("--no-failback", help="Leave the writer where it is moved to.")] = False,
    shard: Annotated[str, typer.Option(help="Of --kind restore.")] = "s00",
    at: Annotated[datetime | None, typer.Option(help="Of --kind restore: UTC. Left out: the latest.")] = None,
    schedule: Annotated[
        str | None,
        typer.Option(help='Break nothing; declare a weekly switchover on AWS: "tuesday 10:00" in UTC, or off.'),
    ] = None,
    image: Annotated[str | None, typer.Option(help="Of --schedule. Left out: the runner's.")] = None,
    yes: Yes = False,
    output: Output = Format.TABLE,
) -> None:
    """Break a region, a network, a database or a control plane, move the writer for real, and prove what was lost.

    In the sandbox only. Exit 1 if an objective is missed: a payment applied twice, or more lost than the bound.
    """
    if schedule is not None:
        _schedule_drill(stack, kind, schedule, image)
        return
    if image is not None:
        raise CellError("--image: goes with --schedule", ExitCode.CONFIGURATION)
    from operations.drill import command as drilling  # httpx and boto3, as in _preflight

    options = drilling.Options(
        kind=kind or DrillKind.REGION_DEAD,
        payments=payments if payments is not None else SHORT_PAYMENTS if short else PAYMENTS,
        rate=rate,
        lag_s=lag,
        failback=not no_failback,
        shard=shard,
        at=None if at is None else at.replace(tzinfo=UTC),
    )
    numbers = drilling.drill(_session(), stack, options, _consent(yes))
    drilling.show_found(numbers, output)
    _say_difference("drill")
    if broken := numbers.get("problems"):
        raise CellError("\n".join(broken), ExitCode.ERROR)


def _schedule_drill(stack: str, kind: DrillKind | None, text: str, image: str | None) -> None:
    if kind not in (None, DrillKind.SWITCHOVER):
        raise CellError(
            f"--kind {kind}: is of the sandbox; on AWS nothing is broken, a switchover goes there and back",
            ExitCode.CONFIGURATION,
        )
    path, pair, changed = schedule_drill(Project.find(), stack, text, image)
    said = "wrote" if changed else "says so already:"
    console.print(f"{said} {path.name}; `cell up {pair}` deploys it", markup=False, soft_wrap=True)


@app.command()
def graph(
    stack: Stack,
    output: Annotated[Drawing, typer.Option("--output", "-o", help="What to write.")] = Drawing.TABLE,
    resources: Annotated[bool, typer.Option("--resources", help="Every resource in place of components.")] = False,
    file: Annotated[Path | None, typer.Option("--file", help="Write here in place of standard output.")] = None,
) -> None:
    """What waits for what in a stack, and how long its region takes at least: computed, not measured."""
    write_graph(stack_graph(_session(), stack), output, resources, file)
    _say_difference("graph")


@app.command()
def iam(
    stack: Stack,
    role: Annotated[Role, typer.Option(help="Whose policies.")] = Role.DEPLOY,
    trust: Annotated[str | None, typer.Option(help="Add the trust policy for workflows: github:OWNER/REPO.")] = None,
    state_bucket: Annotated[str | None, typer.Option(help="Of the state. Left out: the cell's runner's.")] = None,
    state_key: Annotated[list[str] | None, typer.Option(help="ARN of a KMS key of the state; may repeat.")] = None,
    output: Output = Format.TABLE,
) -> None:
    """The policies of the role that deploys a cell, a pair or an account, of one that only looks, or the boundary."""
    if state_key and state_bucket is None:
        raise CellError("--state-key: of which bucket? add --state-bucket", ExitCode.CONFIGURATION)
    state = StateStore(bucket=state_bucket, key_arns=state_key or ()) if state_bucket is not None else None
    of = target(load_fleet(Project.find().stacks_folder), stack, state)
    found = dict(policies(role, of))
    if of.state is None and role in {Role.DEPLOY, Role.READ_ONLY}:
        console.print("no access to state: add --state-bucket and --state-key", markup=False)
    if trust is not None:
        found.update([trust_policy(role, of, trust)])
    rows = [{"name": name, "characters": characters(body), "document": body} for name, body in found.items()]
    show(rows, output, columns=("name", "characters"))
    if output is Format.TABLE:
        console.print(f"the documents: cell iam {stack} --role {role} -o json", markup=False)
    _say_difference("iam")


app.command()(environments.new)
app.command()(environments.clone)
app.command()(environments.reap)


@app.command()
def replicate(
    stack: Stack,
    to: Annotated[str | None, typer.Option(help="Region of the replica. Left out: the recovery region.")] = None,
    as_: Annotated[str | None, typer.Option("--as", help="Stack of the replica. Left out: STACK-replica.")] = None,
    strategy: Annotated[Strategy, typer.Option(help="How much of it runs while it waits.")] = Strategy.WARM_STANDBY,
    domain: Annotated[str | None, typer.Option(help="Name that clients call; it follows the writer.")] = None,
    yes: Yes = False,
    output: Output = Format.TABLE,
) -> None:
    """Give a cell a replica in its recovery region: write its files, bring it up, and join both to a pair."""
    project = Project.find()
    plan = plan_replicate(project, Wanted(primary=stack, region=to, name=as_, strategy=strategy, domain=domain))
    for row in replicate_rows(plan):
        console.print(f"{row['what']}: {row['value']}", markup=False, soft_wrap=True)
    consent = _consent(yes)
    if plan.missing and not consent("Write these files and bring up what they declare?"):
        raise CellError("cancelled; nothing was written", ExitCode.CANCELLED)
    write_replicate(project, plan)
    session = _session()
    _preflight(session, plan.replica, gate=True)
    show([deploy.row(outcome) for outcome in deploy.up(session, plan.pair, consent)], output)


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
def sandbox(context: typer.Context) -> None:
    """The sandbox on this machine: start, stop, status, env, reset, logs. Not involved on AWS."""
    root = Path(__file__).resolve().parent.parent
    # The sandbox handles the terminal's interrupt itself; this process only passes its answer on.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise typer.Exit(subprocess.run([sys.executable, "-m", "sandbox", *context.args], cwd=root, check=False).returncode)


def main() -> NoReturn:
    """Entry point: every expected failure is one message on standard error and an exit code."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        answer = app(standalone_mode=False)
    except (CellError, ConfigError) as error:
        console.print(str(error), style="red", markup=False, soft_wrap=True)
        sys.exit(error.code if isinstance(error, CellError) else ExitCode.CONFIGURATION)
    except typer.Exit as stop:
        sys.exit(stop.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(ExitCode.CANCELLED)
    except Exception as error:
        if not hasattr(error, "format_message"):
            raise
        # A mistake in the arguments (click.UsageError), which typer's own runner would have printed.
        console.print(f"{error.format_message()}; see `cell --help`", style="red", markup=False)
        sys.exit(ExitCode.CONFIGURATION)
    sys.exit(answer if isinstance(answer, int) else ExitCode.OK)


def _interrupt(_number: int, frame: FrameType | None) -> None:
    """A job that is cancelled ends as by Ctrl-C: the engine stops after what is in flight, a drill's fault is off."""
    handler = signal.getsignal(signal.SIGINT)  # asyncio has its own; there is none where a shell put us aside
    if callable(handler):
        handler(signal.SIGINT, frame)
    else:
        raise KeyboardInterrupt


def _say_difference(command: str) -> None:
    from operations.emulated import difference  # boto3, as in _preflight

    if line := difference(command):
        console.print(line, markup=False, soft_wrap=True)


def _consent(yes: bool) -> Callable[[str], bool]:
    return confirmed(console, yes)


def _typed(name: str, yes: bool) -> Callable[[str], bool]:
    return typed(console, name, yes)
