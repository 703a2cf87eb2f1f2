"""What a development cell that takes payments needs of this machine's memory, against its budget."""

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.machine import ROOT, Machine
from bench.ratio import Ratio

BUDGET_MIB = 2048.0
"""Of a development cell with its sandbox: two cells fit in 4 GiB."""


def memory_ratio(machine: Machine) -> list[Ratio]:
    """The cell of `tests/dataplane/live_cell.py` after its payments, in the sandbox that the tests start for it. All
    processes count, those that every cell of a sandbox shares as well: a second cell takes less."""
    sys.path[:0] = [str(ROOT / "tests" / name) for name in (".", "engine", "dataplane")]
    live = importlib.import_module("live_cell")
    home = machine.home / "live"
    home.mkdir()
    with live.live_cell(home, machine.home / "copy") as cell:
        supervisor = json.loads((home / "sandbox.json").read_text())["supervisor"]["pid"]
        pids = [row["pid"] for row in cell.processes() if row["pid"]]
        total = sum(pss_mib(pid) for pid in family({supervisor, *pids}))
    return [Ratio(what="memory of a development cell / its budget", this=total, that=BUDGET_MIB, unit="MiB", goal=1)]


def family(ancestors: set[int]) -> set[int]:
    """These processes and all that descend from them."""
    found = set(ancestors)
    parents = dict(_parents())
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def _parents() -> Iterator[tuple[int, int]]:
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            yield int(stat.parent.name), int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # it ended while it was read


def pss_mib(pid: int) -> float:
    """Proportional set size: a page that n processes share counts 1/n in each (proc(5), smaps_rollup). 0 for one that
    has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), 0.0)
