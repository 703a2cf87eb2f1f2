"""``cell readiness``: whether the replica could take over now.

    found = verdicts(subject, ...)          one answer a check
    exit_code(found)                        0 where all are ready, or not observed because an emulator cannot show it

Nothing is changed. It reads the states of all stacks of the pair: a movement itself never does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from operations.deploy import Session
from operations.errors import CellError, ExitCode
from operations.plan import known_stack
from operations.preflight_aws import is_emulated
from operations.preflight_checks import entered
from operations.readiness import database, files, stores
from operations.readiness.subject import Row, Subject
from operations.readiness.verdict import Answer, Verdict
from operations.summary import HISTORY
from stacks.fleet import WORKLOADS_SUFFIX, Fleet, load_fleet
from stacks.market_files import MARKETS, Markets, load_markets
from stacks.plan import Cap


def readiness(session: Session, stack: str) -> list[Verdict]:
    """Asks for the pair of a stack: its primary, its replica or the pair itself. Raises CellError without one."""
    known_stack(stack, session.declared)
    fleet = load_fleet(session.project.stacks_folder, check_quotas=False)
    name = pair_of(fleet, stack)
    pair = fleet.pair(name)
    account = fleet.account_of(pair.primary.cell)
    clients = entered(account, "readiness")
    existing = session.engine.stacks()
    stacks = [*(one for cell in pair.cells for one in (cell, cell + WORKLOADS_SUFFIX)), name]
    wanted = [one for one in (*stacks, pair.primary.account) if existing.get(one, {}).get("resourceCount")]
    states = {one: session.engine.resources(one) for one in wanted}
    subject = Subject(
        pair=pair,
        clients=clients,
        emulated=is_emulated(clients.get("sts", account.home_region)),
        now=datetime.now(UTC),
        states=states,
        outputs={cell: session.engine.outputs(cell) for cell in pair.cells if cell in states},
    )
    return verdicts(
        subject,
        account=states.get(pair.primary.account, ()),
        history={one: session.engine.history(one, HISTORY) if one in states else () for one in stacks},
        caps=fleet.quotas(pair.replica.cell),
        markets=load_markets(session.project.stacks_folder / MARKETS, fleet.cells),
    )


def pair_of(fleet: Fleet, stack: str) -> str:
    """The pair's stack. Raises CellError where the stack is of none."""
    name = fleet.pair_of(stack)
    if name is None:
        raise CellError(f"{stack} has no replica: run `cell replicate {stack}`", ExitCode.CONFIGURATION)
    return name


def verdicts(
    of: Subject,
    *,
    account: Sequence[Row],
    history: Mapping[str, Sequence[Mapping[str, Any]]],
    caps: Sequence[Cap],
    markets: Markets,
) -> list[Verdict]:
    """Every check, those that decide about a failover first."""
    return [
        database.epoch_store(of),
        database.members(of),
        database.lag(of),
        stores.tables(of),
        stores.archive(of),
        stores.archive_lag(of),
        stores.models(of),
        files.parity(of, account),
        files.shard_maps(of),
        stores.images(of),
        files.quotas(of, caps),
        files.certificates(of),
        files.banks(of, markets),
        stores.backups(of),
        files.drift(of, history),
        files.drilled(of),
    ]


def exit_code(found: Sequence[Verdict]) -> ExitCode:
    """0 or 1."""
    return ExitCode.ERROR if any(verdict.holds_up for verdict in found) else ExitCode.OK


def as_data(found: Sequence[Verdict]) -> dict[str, Any]:
    """For JSON and YAML."""
    return {"ready": exit_code(found) is ExitCode.OK, "checks": [asdict(verdict) for verdict in found]}


def summary(stack: str, found: Sequence[Verdict]) -> str:
    """One line: how many of each."""
    counts = ", ".join(f"{sum(v.answer is answer for v in found)} {answer}" for answer in Answer)
    excused = sum(verdict.excused for verdict in found)
    return f"readiness {stack}: {counts}" + (f"; {excused} of these the emulator cannot show" if excused else "")
