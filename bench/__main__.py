"""`make bench`: every ratio from one run, both sides printed. Exit code 1 when a goal is missed.

python -m bench [NAME...]     all ratios, or those named
"""

import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.audit import audit_ratios
from bench.banks import banks_ratios
from bench.cell import cell_ratios
from bench.checkpoints import checkpoint_ratio
from bench.gateway import gateway_ratios
from bench.machine import Machine
from bench.memory import memory_ratio
from bench.ratio import Ratio
from bench.recovery import recovery_ratios
from bench.start import start_ratio

console = Console(stderr=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class Suite:
    """Ratios that share their runs."""

    what: str
    measure: Callable[[Machine], list[Ratio]]


SUITES = {
    "start": Suite(what="start of the program", measure=start_ratio),
    "checkpoints": Suite(what="saving the state", measure=checkpoint_ratio),
    "gateway": Suite(what="a payment through the gateway", measure=gateway_ratios),
    "banks": Suite(what="banks: one hangs, and 5,000 of them", measure=banks_ratios),
    "memory": Suite(what="memory of a development cell that takes payments", measure=memory_ratio),
    "cell": Suite(what="a development cell, several times up and down", measure=cell_ratios),
    "recovery": Suite(what="a region that dies, at lags of 0 to 30 s", measure=recovery_ratios),
    "audit": Suite(what="a full audit of one cell, and of ten in one account", measure=audit_ratios),
}


def main(names: list[str]) -> int:
    unknown = sorted(set(names) - set(SUITES))
    if unknown:
        console.print(f"no such bench: {', '.join(unknown)}; there are {', '.join(SUITES)}")
        return 2
    table = Table("ratio", "this", "over that", "ratio", "goal", "", title="bench")
    missed = 0
    for name in names or SUITES:
        console.print(f"{name}: {SUITES[name].what}")
        with tempfile.TemporaryDirectory(prefix=f"bench-{name}-") as home:
            machine = Machine(Path(home))
            try:
                for ratio in SUITES[name].measure(machine):
                    missed += not ratio.holds
                    table.add_row(*ratio.row())
            finally:
                machine.stop()
    Console().print(table)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
