"""A development cell against the same resources without components, without policy packs, and a second time."""

import json
import shutil
from pathlib import Path
from typing import Any

import catalogue
from bench.machine import ROOT, BenchError, Machine, Measured
from bench.ratio import Ratio
from operations.chain import timing
from operations.resources import from_state

STACK, ACCOUNT = "dev", "account-dev"

FLAT = Path(__file__).parent / "flat"

PACKS = ("--policy-pack", str(ROOT / "policies/gdpr"), "--policy-pack", str(ROOT / "policies/soc2"))

UP = ("up", "--yes", "--skip-preview", "--parallel", "64")


def cell_ratios(machine: Machine) -> list[Ratio]:
    """Five `up` of one cell in one account, each from nothing except the second; the cell is taken down in between."""
    for stack in (ACCOUNT, STACK):
        machine.pulumi("stack", "init", stack)
    machine.pulumi(*UP, "--stack", ACCOUNT)
    _down_after(machine, machine.pulumi(*UP, "--stack", STACK))  # byte code, botocore's models: paid by neither side

    first = machine.pulumi(*UP, "--stack", STACK)
    second = machine.pulumi(*UP, "--stack", STACK)
    state = machine.home / "state.json"
    state.write_text(json.dumps(machine.state(STACK)))
    _down_after(machine, second)

    packed = _down_after(machine, machine.pulumi(*UP, *PACKS, "--stack", STACK))

    folder = machine.home / "flat"
    shutil.copytree(FLAT, folder)  # the engine writes a stack file beside the program
    machine.pulumi("stack", "init", "flat", cwd=folder)
    flat = machine.pulumi(*UP, "--stack", "flat", cwd=folder, extra={"BENCH_STATE": str(state)})
    if missing := own_resources(json.loads(state.read_text())) - own_resources(machine.state("flat", cwd=folder)):
        raise BenchError(f"the flat program made no {', '.join(sorted(missing))}: the two cannot be compared")
    return [
        Ratio(
            what="up of a cell in components / flat program",
            this=first.seconds,
            that=flat.seconds,
            unit="s",
            goal=1.15,
        ),
        Ratio(what="second up / first", this=second.seconds, that=first.seconds, unit="s"),
        Ratio(what="up with policy packs / without", this=packed.seconds, that=first.seconds, unit="s", goal=1.25),
        Ratio(
            what="peak memory of the program in components / flat",
            this=first.program_mib,
            that=flat.program_mib,
            unit="MiB",
            goal=1.3,
        ),
        _chain(json.loads(state.read_text())),
    ]


def _chain(state: dict[str, Any]) -> Ratio:
    """Computed from published creation times, the only ratio here that is not measured."""
    found = timing(from_state(state["deployment"]["resources"]), catalogue.creation_times())
    return Ratio(
        what="longest chain of creation times / unavoidable one (computed)",
        this=found.longest.seconds,
        that=found.unavoidable.seconds,
        unit="s",
        goal=1.05,
    )


def own_resources(state: dict[str, Any]) -> set[str]:
    """`TYPE::NAME` of what a stack made in AWS."""
    return {
        "::".join(row["urn"].split("::")[2:]).rpartition("$")[2]
        for row in state["deployment"]["resources"]
        if row.get("custom") and not row["type"].startswith("pulumi:")
    }


def _down_after(machine: Machine, measured: Measured) -> Measured:
    machine.pulumi("destroy", "--yes", "--skip-preview", "--parallel", "64", "--stack", STACK)
    return measured
