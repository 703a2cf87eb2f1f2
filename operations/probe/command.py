"""`cell probe STACK`: plan, load, faults, reconciliation, report."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from secrets import randbits
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

from contracts.api_keys import KeyKind, Secrets, make
from contracts.shard_map import parse
from operations.deploy import Session
from operations.errors import CellError, ExitCode
from operations.preflight_checks import entered
from operations.probe import alarms, report, sandbox
from operations.probe.evidence import Evidence, Found
from operations.probe.load import Answer, Progress, run
from operations.probe.plan import Call, Plan, plan_probe
from operations.probe.target import Target, gateway, has_gateway, has_sandbox
from stacks.fleet import load_fleet

SETTLE_S = 180.0
"""Longest wait after the last answer for the events to reach the archive: an archiver flushes every ten seconds, and a
relay that was killed starts again after at most thirty."""

READY_S = 180.0
"""Longest wait for the programs of a cell that has just come up: migrations, first connections."""

DECLARED_NOT_RUN = "DeclaredNotRun"
"""State of what the sandbox has no program for."""

SEED_BITS = 32
POLL_S = 2.0
PRINT_EVERY_S = 5.0
"""Between two lines of progress where there is no terminal."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What was asked for."""

    payments: int
    rate: float
    markets: Sequence[str]
    faults: Sequence[str]
    seed: int | None
    """None: another one each time."""
    page: Path | None


def probe(session: Session, stack: str, options: Options) -> dict[str, Any]:
    """Runs a probe and returns its document (`operations.probe.report`). Raises CellError where it cannot start."""
    cell, workloads = session.engine.outputs(stack), session.engine.outputs(f"{stack}-workloads")
    for name, outputs, key in ((stack, cell, "apiKeysSecretArn"), (f"{stack}-workloads", workloads, "markets")):
        if key not in outputs:
            raise CellError(f"{name}: has no output {key!r}; bring it up first: cell up {stack}", ExitCode.RESOURCE)
    region, shard_map = str(cell["region"]), parse(str(cell["shardMap"]))
    plan = plan_probe(
        stack,
        payments=options.payments,
        rate=options.rate,
        markets=json.loads(str(workloads["markets"]))["markets"],
        only=options.markets,
        faults=options.faults,
        shard_map=shard_map,
        seed=randbits(SEED_BITS) if options.seed is None else options.seed,
    )
    if has_sandbox():
        wait_until_ready(session.console, stack)
    target = gateway(stack, str(cell["domainName"]))
    clients = entered(load_fleet(session.project.stacks_folder).account_of(stack), "probe")
    secrets = clients.get("secretsmanager", region)
    text = secrets.get_secret_value(SecretId=cell["apiKeysSecretArn"])["SecretString"]
    evidence = Evidence(
        stack=stack,
        shard_map=shard_map,
        bucket=str(cell["archiveBucket"]),
        s3=clients.get("s3", region),
    )
    began = datetime.now(UTC)
    answers = _load(session.console, plan, target, Secrets.from_json(text).current)
    numbers = report.document(plan, answers, _settled(session.console, evidence, answers), began)
    if options.page is not None:
        report.write(numbers, options.page)
        session.console.print(f"report: {options.page}", markup=False)
    return numbers


def wait_until_ready(console: Console, stack: str) -> None:
    """Until every program of the cell that runs here is ready: `cell up` ends before the first of them runs. Raises
    CellError that names those which are not."""
    deadline = time.monotonic() + READY_S
    with console.status(f"waiting for the programs of {stack}"):
        while True:
            waiting = _not_ready(stack)
            if not waiting:
                return
            if time.monotonic() > deadline:
                raise CellError(
                    f"{stack}: not ready after {READY_S:.0f} s: {', '.join(waiting)}; see `cell sandbox ps`",
                    ExitCode.TIMEOUT,
                )
            time.sleep(POLL_S)


def _not_ready(stack: str) -> list[str]:
    rows = [
        row
        for row in json.loads(sandbox.ask("cell sandbox ps", "ps", "-o", "json"))
        if row["cluster"] == stack and row["state"] != DECLARED_NOT_RUN
    ]
    waiting = sorted(f"{row['name']} ({row['state']})" for row in rows if not row["ready"])
    return waiting or ([] if has_gateway(stack) else ["gateway (not reachable)"])


def probe_alarms(session: Session, stack: str, consent: Callable[[str], bool]) -> list[dict[str, Any]]:
    """Fires each alarm of a cell once; a row for each with where it arrived, None where nowhere."""
    outputs = session.engine.outputs(stack)
    if "alarmTopicArn" not in outputs:
        raise CellError(f"{stack}: has no alarms; name the stack of a cell that is up", ExitCode.RESOURCE)
    rows = [row for row in session.engine.resources(stack) if not row.get("delete")]
    firings, silent = alarms.plan_firings(rows)
    region = str(outputs["region"])
    topics = sorted({str(outputs["alarmTopicArn"]), str(outputs["ticketTopicArn"])})
    clients = entered(load_fleet(session.project.stacks_folder).account_of(stack), "probe")
    heard = {topic: ", ".join(alarms.subscribers(clients, region, topic)) or "nobody" for topic in topics}
    told = "; ".join(f"{topic.rpartition(':')[2]}: {who}" for topic, who in heard.items())
    if not consent(f"This fires {len(firings)} alarms of {stack}, and each tells its subscribers ({told})."):
        raise CellError("cancelled; no alarm was fired", ExitCode.CANCELLED)
    found = []
    for arrival in alarms.fire(clients, region, topics, firings):
        topic = arrival.topic
        found.append(
            {
                "alarm": " and ".join(arrival.firing.alarms),
                "through": arrival.firing.through,
                "arrived": topic and topic.rpartition(":")[2],
                "heardBy": topic and heard[topic],
                "seconds": arrival.seconds,
            }
        )
    found += [{"alarm": name, "through": None, "arrived": None, "heardBy": None, "seconds": 0.0} for name in silent]
    return found


def summary(numbers: Mapping[str, Any]) -> dict[str, Any]:
    """The few numbers that fit a screen."""
    kept = ("payments", "acknowledged", "statuses", "refusals", "decisions", "latencyMs", "eventLagS")
    found = numbers["reconciliation"]
    counts = {
        key: len(value) if isinstance(value, list | tuple) else value
        for key, value in found.items()
        if key not in {"payments", "waiting_events"}
    }
    return {key: numbers[key] for key in kept} | {"reconciliation": counts}


def _load(console: Console, plan: Plan, target: Target, secret: str) -> list[Answer]:
    keys: dict[tuple[str, str], str] = {}

    def key_of(call: Call) -> str:
        who = (call.key_class, call.account)
        if who not in keys:
            kind = KeyKind.TEST if call.key_class == "test" else KeyKind.LIVE
            keys[who] = make(secret, kind, call.account)
        return keys[who]

    async def switch(name: str, on: bool) -> None:
        await asyncio.to_thread(_fault, name, on)

    progress = Progress()
    with shown(console, len(plan.calls), progress):
        return asyncio.run(run(plan, lambda: target, key_of, switch, progress))


def _fault(name: str, on: bool) -> None:
    """Raises CellError where the sandbox cannot make it: a fault that did not happen proves nothing."""
    sandbox.ask(f"fault {name}", "fault", name, "on" if on else "off")


@contextmanager
def shown(console: Console, planned: int, progress: Progress) -> Iterator[None]:
    """The live view of a load: redrawn on a terminal, a line now and then elsewhere."""

    def line() -> Text:
        parts = [
            f"{progress.sent:,} of {planned:,} sent",
            f"{progress.in_flight} in flight",
            ", ".join(f"{status} {count:,}" for status, count in progress.statuses.most_common(6)),
            "refused: " + ", ".join(f"{why} {n:,}" for why, n in progress.refusals.most_common(4))
            if progress.refusals
            else "",
            "now: " + ", ".join(progress.faults) if progress.faults else "",
        ]
        return Text(" · ".join(part for part in parts if part))

    if console.is_terminal:
        with Live(console=console, get_renderable=line, refresh_per_second=4):
            yield
        return
    with _repeated(lambda: console.print(line(), soft_wrap=True), PRINT_EVERY_S):
        yield


@contextmanager
def _repeated(act: Callable[[], object], every_s: float) -> Iterator[None]:
    over = threading.Event()

    def loop() -> None:
        while not over.wait(every_s):
            act()

    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        act()


def _settled(console: Console, evidence: Evidence, answers: Sequence[Answer]) -> Found:
    """The reconciliation once all events are archived, or as it is when that takes too long."""
    deadline = time.monotonic() + SETTLE_S
    with console.status("waiting for the last events to be archived"):
        while True:
            late = time.monotonic() > deadline
            found = evidence.found(answers, wait_s=0.0 if late else SETTLE_S)
            if late or not found.reconciliation.waiting_events:
                return found
            time.sleep(POLL_S)
