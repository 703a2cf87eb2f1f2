"""A full audit of an account with one cell, and of the same account with ten."""

import importlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.machine import ROOT, BenchError, Machine
from bench.ratio import Ratio

FIRST = "eu-west-1"

OTHERS = ("eu-central-1", "us-east-1", "us-west-2", "sa-east-1", "ap-southeast-2")
"""The project's other production cells."""

NEW = ("us-east-2", "us-west-1", "eu-west-2", "eu-north-1")
"""Regions of more of them, so that there are ten in all."""

ELSEWHERE = "account-dev"
"""The account that the other cells are of while the first is alone in its own."""

COPIES = "arn:aws:backup:{}:444455556666:backup-vault:payment-cell-copies"
"""Vault for the copies of a cell's backups."""

ONE_CELL_S = 120.0
"""An audit of one cell in 20 regions. Each of its calls takes AWS about as long as it takes the emulator here; this is
what somebody waits for who has changed a line."""

ONE_CELL_MIB = 1024.0
"""An audit runs beside a deployment on the smallest runner, which has 2 GiB."""

AUDIT = """
import sys
from operations.cli import main
sys.argv[1:] = {arguments!r}
try:
    main()
except SystemExit as ended:
    assert ended.code in (0, None), ended.code
"""
"""In a process of its own: what it imports is part of an audit's time and memory."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Audited:
    """One audit: seconds, and what its process used of a core; its peak; calls of AWS and of clusters; answers of
    controls."""

    seconds: float
    processor_s: float
    mib: float
    calls: int
    answers: int


def audit_ratios(machine: Machine) -> list[Ratio]:
    """Both audits look at state and live account in all of its regions, and have to find nothing wrong. The cells are
    of production, each in a region of its own, made by the engine in a sandbox of the tests, without the data plane,
    at which no audit looks. The first has its workloads too; the others have an API server each with nothing on it."""
    sys.path[:0] = [str(ROOT / "tests" / name) for name in (".", "engine")]
    cell, conftest = (importlib.import_module(name) for name in ("cell", "conftest"))
    with conftest.new_sandbox(machine.home / "fleet", dataplane=False) as sandbox:
        project = cell.Project.copy(sandbox, machine.home / "copy")
        # For a while it has cells whose data is real.
        project.configure(ELSEWHERE, contactEmail="security@example.com", syntheticData=False)
        _move(project, ELSEWHERE)
        one = _audited(machine, project, _up(project), "one")
        _move(project, "account")
        for region in NEW:
            project.cell("new", region, "--copy-vault", COPIES.format(region))
        ten = _audited(machine, project, _up(project, *OTHERS, *NEW), "ten")
    return _ratios(one, ten)


def _move(project: Any, account: str) -> None:
    for region in OTHERS:
        project.configure(region, account=account)


def _ratios(one: Audited, ten: Audited) -> list[Ratio]:
    return [
        Ratio(what="full audit of one cell / its goal", this=one.seconds, that=ONE_CELL_S, unit="s", goal=1),
        Ratio(what="peak memory of that audit / its goal", this=one.mib, that=ONE_CELL_MIB, unit="MiB", goal=1),
        Ratio(what="full audit of ten cells / of one", this=ten.seconds, that=one.seconds, unit="s", goal=10),
        Ratio(
            what="processor seconds of the audit, ten cells / one",
            this=ten.processor_s,
            that=one.processor_s,
            unit="s",
            goal=5,
        ),
        Ratio(what="calls for ten cells / for one", this=ten.calls, that=one.calls, unit="calls", goal=5),
        Ratio(what="answers about ten cells / about one", this=ten.answers, that=one.answers, unit="answers"),
        Ratio(what="peak memory with ten cells / with one", this=ten.mib, that=one.mib, unit="MiB", goal=2),
    ]


def _up(project: Any, *others: str) -> list[str]:
    """Brings up what is not there yet of the account, the first cell with its workloads, and the AWS stacks of others.
    The account's stack changes with them: it has things in each of their regions."""
    stacks = ["account", FIRST, f"{FIRST}-workloads", *others]
    for stack in stacks:
        if stack == "account" or not project.state_file(stack).exists():
            project.up(stack)
    return stacks


def _audited(machine: Machine, project: Any, stacks: list[str], name: str) -> Audited:
    """Raises BenchError for an audit that found a failure or could not list something: it has measured another account,
    or not all of this one."""
    report = Path(machine.home, f"{name}.json")
    arguments = ["audit", *stacks, "--fail-on", "low", "--report", f"json={report}"]
    measured = machine.python(AUDIT.format(arguments=arguments), cwd=project.folder, extra=project.env)
    found = json.loads(report.read_text())
    unlisted = sorted({one["type"] for one in found["populations"] if one["listed"] is None})
    if unlisted:
        raise BenchError(f"the audit of {name} could not list {', '.join(unlisted)}")
    return Audited(
        seconds=measured.seconds,
        processor_s=measured.processor_s,
        mib=measured.program_mib,
        calls=sum(found["calls"]["by_operation"].values()),
        answers=len(found["answers"]),
    )
