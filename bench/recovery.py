"""A region that dies, at several replication lags: what is lost, how long nobody is served, which calls a failover
makes, and what the replica costs."""

import importlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.machine import ROOT, Machine
from bench.ratio import Ratio

PRIMARY = "eu-west-1"
LAGS_S = (0, 1, 5, 30)

CELL = """
import sys
from operations.cli import main
sys.argv[1:] = {arguments!r}
sys.stdout = open({file!r}, "w")
try:
    main()
except SystemExit as ended:
    sys.stdout.flush()
    assert ended.code in (0, None), ended.code
"""


def recovery_ratios(machine: Machine) -> list[Ratio]:
    """One pair, brought up from a copy of the project, and a drill after the other: each leaves the writer where it
    was. A drill that misses an objective ends the bench."""
    sys.path[:0] = [str(ROOT / "tests" / name) for name in (".", "engine")]
    folder: Path = importlib.import_module("cell").Project.copy(None, machine.home / "copy").folder
    _cell(machine, folder, "up", PRIMARY, "--yes")
    _cell(machine, folder, "replicate", PRIMARY, "--yes")
    drills = {
        lag: _cell(machine, folder, "drill", PRIMARY, "--kind", "region-dead", "--lag", str(lag), "--yes")
        for lag in LAGS_S
    }
    return ratios(drills, _cell(machine, folder, "cost", PRIMARY, "--replica"))


def ratios(drills: Mapping[int, Mapping[str, Any]], cost: Mapping[str, Any]) -> list[Ratio]:
    """`drills`: lag in seconds -> document of operations/drill/findings.py, of no lag too. `cost`: of `cell cost`."""
    without = drills[0]
    found = []
    for lag, numbers in drills.items():
        found.append(
            Ratio(
                what=f"acknowledged payments lost with a lag of {lag} s / bound",
                this=numbers["losses"]["counts"]["lost"],
                that=numbers["bound"],
                unit="payments",
                goal=1,
            )
        )
        found.append(
            Ratio(
                what=f"first success after the fault, lag of {lag} s / of none",
                this=numbers["seconds"]["firstSuccess"],
                that=without["seconds"]["firstSuccess"],
                unit="s",
            )
        )
    calls = without["calls"]
    return [
        *found,
        Ratio(what="calls of a failover / kinds of them", this=sum(calls.values()), that=len(calls), unit="calls"),
        Ratio(
            what="cost of the replica / of its primary",
            this=cost["replica"]["usd"],
            that=cost["usd"],
            unit="USD a month",
        ),
    ]


def _cell(machine: Machine, folder: Path, *arguments: str) -> Any:
    """What a `cell` command prints as JSON. Raises BenchError where it fails."""
    file = machine.home / "printed.json"
    code = CELL.format(arguments=[*arguments, "-o", "json"], file=str(file))
    machine.python(code, cwd=folder, extra={"PYTHONPATH": f"{folder}:{ROOT}"})
    return json.loads(file.read_text())
