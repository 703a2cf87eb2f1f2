"""`cell drill STACK --kind KIND`: what it needs, the drill, its report, and the note that `cell status` shows."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from secrets import randbits
from typing import Any, Final

from rich.console import Console

from contracts.api_keys import KeyKind, Secrets, make
from contracts.shard_map import ShardMap, parse
from operations.deploy import Session
from operations.drill import findings, report, restore
from operations.drill.evidence import PairEvidence
from operations.drill.movement import FOLDER
from operations.drill.plan import DrillPlan, Kind, refuse_sizes
from operations.drill.rehearsal import Customers, Rehearsal
from operations.errors import CellError, ExitCode
from operations.output import Format, show
from operations.preflight_aws import Clients
from operations.preflight_checks import entered
from operations.probe.command import SEED_BITS, shown, wait_until_ready
from operations.probe.load import Progress
from operations.probe.plan import Call, plan_probe
from operations.probe.target import follow, gateway, has_sandbox
from operations.recovery.timeline import DRILLS
from stacks.fleet import Fleet, load_fleet
from stacks.pairs import PairPlan

LIVE: Final = (
    "{}: a drill breaks things and runs in the sandbox only: `cell sandbox start`, "
    'eval "$(cell sandbox env)", `cell up`, `cell replicate`. A live region is never drilled with it'
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What was asked for."""

    kind: Kind
    payments: int
    rate: float
    lag_s: float
    failback: bool
    shard: str
    """Of a restore."""
    at: datetime | None
    """Point in time of a restore; None: the latest."""


def drill(session: Session, stack: str, options: Options, consent: Callable[[str], bool]) -> dict[str, Any]:
    """Runs a drill, writes its report and returns its document. Raises CellError where it cannot start or end."""
    if not has_sandbox():
        raise CellError(LIVE.format(stack), ExitCode.RESOURCE)
    fleet = load_fleet(session.project.stacks_folder)
    if options.kind is Kind.RESTORE:
        return _restore(session, fleet, stack, options, consent)
    refuse_sizes(options.kind, options.payments, options.rate, options.lag_s)
    pair = _pair(fleet, stack)
    plan = planned(pair, stack, options)
    _refuse_unless_writer(pair, stack)
    if not consent(_question(plan)):
        raise CellError("cancelled; nothing was broken", ExitCode.CANCELLED)
    clients = entered(fleet.account_of(stack), "drill")
    for cell in pair.cells:
        wait_until_ready(session.console, cell)
    folder = _folder(session)
    progress = Progress()
    rehearsal = Rehearsal(
        plan=plan,
        customers=customers(session, plan, clients),
        evidence=_evidence(session, plan, pair, clients),
        project=session.project.root,
        folder=folder,
        say=partial(_say, session.console),
        progress=progress,
    )
    try:
        with shown(session.console, plan.most_payments, progress):
            found = rehearsal.act()
    except CellError as failed:
        _note(clients, fleet, stack, f"{plan.kind}: {failed}", passed=False)
        raise
    numbers = findings.document(found)
    write(numbers, folder, findings.markdown)
    _note(clients, fleet, stack, findings.line(numbers), passed=not numbers["problems"])
    session.console.print(f"report: {folder}", markup=False, soft_wrap=True)
    return numbers


def planned(pair: PairPlan, stack: str, options: Options) -> DrillPlan:
    """The plan of a movement away from `stack`."""
    other = pair.other(stack)
    return DrillPlan(
        pair=pair.name,
        kind=options.kind,
        origin=stack,
        target=other,
        origin_region=pair.cells[stack].region,
        target_region=pair.cells[other].region,
        domain=pair.domain,
        payments=options.payments,
        rate=options.rate,
        lag_s=options.lag_s,
        failback=options.failback,
    )


def customers(session: Session, plan: DrillPlan, clients: Clients) -> Customers:
    """Who pays: in all markets of the cell that writes, with keys that both cells know."""
    cell, workloads = _outputs(session, plan.origin), _outputs(session, f"{plan.origin}-workloads")
    secrets = clients.get("secretsmanager", plan.origin_region)
    text = secrets.get_secret_value(SecretId=cell["apiKeysSecretArn"])["SecretString"]
    payments = plan_probe(
        plan.origin,
        payments=plan.most_payments,
        rate=plan.rate,
        markets=json.loads(str(workloads["markets"]))["markets"],
        only=(),
        faults=(),
        shard_map=_shard_map(cell),
        seed=randbits(SEED_BITS),
    )
    secret = Secrets.from_json(text).current

    def key_of(call: Call) -> str:
        return make(secret, KeyKind.TEST if call.key_class == "test" else KeyKind.LIVE, call.account)

    return Customers(plan=payments, where=lambda: follow(plan.domain), key_of=key_of)


def write(numbers: Mapping[str, Any], folder: Path, page: Callable[[Mapping[str, Any]], str]) -> None:
    """The report in its two forms; `page` makes the second one."""
    (folder / "drill.json").write_text(json.dumps(numbers, indent=2) + "\n")
    (folder / "drill.md").write_text(page(numbers))


def _folder(session: Session) -> Path:
    """Of a drill that begins now."""
    folder = session.project.root / FOLDER / DRILLS / f"{datetime.now(UTC):%Y-%m-%dT%H-%M-%SZ}"
    folder.mkdir(parents=True)
    return folder


def show_found(numbers: Mapping[str, Any], output: Format) -> None:
    """On standard output."""
    movement = numbers["kind"] != Kind.RESTORE
    show(findings.summary(numbers) if movement and output is Format.TABLE else numbers, output)


def _pair(fleet: Fleet, stack: str) -> PairPlan:
    name = fleet.pair_of(stack) if stack in fleet.cells else None
    if name is None:
        known = ", ".join(f"{pair.primary} and {pair.replica}" for pair in fleet.pairs.values())
        raise CellError(
            f"{stack}: is in no pair; stacks/ declares {known or 'none: run cell replicate'}", ExitCode.STACK_NOT_FOUND
        )
    return fleet.pair(name)


def _refuse_unless_writer(pair: PairPlan, stack: str) -> None:
    """Raises CellError where the clients' name leads to another cell, or nowhere."""
    found = follow(pair.domain)
    if found is None or found.stack != stack:
        leads = f"to {found.stack or 'a gateway that is dead'}" if found else "nowhere"
        raise CellError(
            f"{pair.domain} leads {leads}, and not to {stack}: drill the cell that writes (cell recovery status)",
            ExitCode.RESOURCE,
        )


def _evidence(session: Session, plan: DrillPlan, pair: PairPlan, clients: Clients) -> PairEvidence:
    buckets = {cell: str(_outputs(session, cell)["archiveBucket"]) for cell in pair.cells}
    for cell, settings in pair.cells.items():
        gateway(cell, settings.domain)
    return PairEvidence(plan=plan, shards=pair.shards, buckets=buckets, clients=clients)


def _outputs(session: Session, stack: str) -> Mapping[str, Any]:
    found = session.engine.outputs(stack)
    if not found:
        raise CellError(f"{stack}: is not up; bring it up first: cell up {stack}", ExitCode.RESOURCE)
    return found


def _shard_map(cell: Mapping[str, Any]) -> ShardMap:
    return parse(str(cell["shardMap"]))


def _question(plan: DrillPlan) -> str:
    steps = "\n".join(f"  {row['step']}: {row['what']}" for row in plan.rows())
    return f"A drill of {plan.pair} in the sandbox:\n{steps}\nGo on?"


def _say(console: Console, text: str) -> None:
    console.print(f"{datetime.now(UTC):%H:%M:%S} {text}", markup=False, soft_wrap=True)


def _note(clients: Clients, fleet: Fleet, stack: str, text: str, *, passed: bool) -> None:
    """Where `cell status` looks for the last drill of a cell."""
    region = fleet.cells[stack].region
    report.note(clients.get("ssm", region), region, stack, text, passed=passed)


def _restore(
    session: Session, fleet: Fleet, stack: str, options: Options, consent: Callable[[str], bool]
) -> dict[str, Any]:
    """A shard's restore, which notes itself."""

    def agreed(plan: restore.RestorePlan) -> bool:
        steps = "\n".join(f"  {row['step']}: {row['what']}" for row in plan.rows())
        return consent(f"A drill of {plan.source}:\n{steps}\nGo on?")

    def keep(found: Mapping[str, Any]) -> None:
        folder = _folder(session)
        write({**found, "sandbox": findings.SANDBOX}, folder, report.markdown)
        session.console.print(f"report: {folder}", markup=False, soft_wrap=True)

    if stack not in fleet.cells:
        raise CellError(f"{stack}: is not a cell; stacks/ declares {', '.join(fleet.cells)}", ExitCode.STACK_NOT_FOUND)
    return restore.run(
        entered(fleet.account_of(stack), "drill"),
        stack,
        fleet.cells[stack].region,
        shard=options.shard,
        at=options.at,
        checker=None,
        consent=agreed,
        say=partial(_say, session.console),
        keep=keep,
    )
