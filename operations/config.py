"""``cell config``: what the stack files say, what follows from it, and what is wrong. Nothing here calls AWS."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table

import catalogue
from components.vocabulary import Environment
from operations.errors import CellError, ExitCode
from operations.output import Format, show, talk
from operations.project import Project
from stacks.fleet import WORKLOADS_SUFFIX, Fleet, read_fleet
from stacks.market_files import MARKETS, Markets, load_markets
from stacks.models import CellSettings
from stacks.plan import CellPlan
from stacks.problems import ConfigError, Problem, nearest
from stacks.schema import schema_text
from stacks.settings import load_stack_file
from stacks.sizing import derive

app = typer.Typer(help="What the configuration says, what follows from it, and what is wrong.", no_args_is_help=True)

Output = Annotated[Format, typer.Option("--output", "-o", help="How to print the result on standard output.")]


@app.command()
def explain(stack: Annotated[str, typer.Argument(help="A cell's stack.")], output: Output = Format.TABLE) -> None:
    """Show each number of a cell with its formula, and which bound is reached first."""
    path = _stack_file(stack)
    try:
        settings = load_stack_file(path).settings
    except ConfigError as error:
        _refuse(error.problems, output)
    if not isinstance(settings, CellSettings):
        raise CellError(f"{stack} is not a cell: only cells have derived numbers", ExitCode.CONFIGURATION)
    plan = derive(stack, settings)
    if output is Format.TABLE:
        _print_plan(plan)
    else:
        show(explanation(plan), output)


@app.command()
def check(
    stack: Annotated[str | None, typer.Argument(help="One stack and what it needs; all where left out.")] = None,
    output: Output = Format.TABLE,
) -> None:
    """Report everything that is wrong in the stack files, at once. Exit code 2 where something is."""
    folder = Project.find().stacks_folder
    fleet, problems = read_fleet(folder)
    problems += fleet.problems()
    markets, wrong = _read_markets(folder, fleet)
    problems += wrong
    if stack is not None:
        _stack_file(stack)
        names = _concerned(fleet, stack)
        problems = [p for p in problems if Path(p.file).name in {f"Pulumi.{name}.yaml" for name in names}]
    _warn_of_stale_facts()
    if problems:
        _refuse(problems, output)
    if markets is not None:
        _warn_of_closed_banks(markets, fleet)
    names = _concerned(fleet, stack) if stack is not None else tuple(fleet.stacks)
    rows = [{"stack": name, "kind": fleet.stacks[name].kind, "result": "valid"} for name in names]
    show(rows, output)


@app.command()
def schema() -> None:
    """Print the JSON schema of stack files, for editors."""
    sys.stdout.write(schema_text())


def _read_markets(folder: Path, fleet: Fleet) -> tuple[Markets | None, list[Problem]]:
    """The markets, or what is wrong in their files."""
    try:
        return load_markets(folder / MARKETS, {*fleet.cells, *fleet.broken}), []
    except ConfigError as error:
        return None, list(error.problems)


def _warn_of_closed_banks(markets: Markets, fleet: Fleet) -> None:
    """Cells that no market names, and banks that have not registered a cell. A replica's addresses are known after its
    `cell up` only: `cell readiness` looks at those."""
    for name, cell in fleet.cells.items():
        if name in fleet.replicas or cell.environment is not Environment.PRODUCTION:
            continue
        if not markets.of(name):
            rule = "no market names it, so that it takes no payment"
            talk().print(f"warning: {name}: {rule} -> add it to `cells` of a stacks/{MARKETS}/*.yaml", soft_wrap=True)
        if closed := markets.unregistered(name):
            banks = sorted(f"{one.bank} ({one.market})" for one in closed)
            talk().print(f"warning: {name} is not registered with {', '.join(banks)}", markup=False, soft_wrap=True)


def explanation(plan: CellPlan) -> dict[str, Any]:
    """A plan's numbers and bounds as plain data."""
    return {
        "cell": plan.cell,
        "derived": [asdict(entry) for entry in plan.derived],
        "caps": [{**asdict(cap), "used": round(cap.used, 4)} for cap in plan.caps],
        "firstCap": plan.first_cap.dimension,
        "carriesPaymentsPerSecond": plan.carries_payments_per_second,
    }


def _print_plan(plan: CellPlan) -> None:
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 200
    console = Console(highlight=False, width=width)
    console.print(_derived_table(plan))
    console.print()
    console.print(_caps_table(plan))
    console.print()
    first = plan.first_cap
    console.print(
        f"First bound: {first.dimension}, at {plan.carries_payments_per_second:,} payments/s "
        f"({first.used:.0%} used at the peak of {plan.peak_payments_per_second:,}). To raise it: {first.remedy}.",
        soft_wrap=True,
    )


def _derived_table(plan: CellPlan) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("NAME", "VALUE", "UNIT", "FORMULA", "SOURCE"):
        table.add_column(column, overflow="fold", justify="left")
    for entry in plan.derived:
        value = f"{entry.value:,}" if isinstance(entry.value, int | float) else str(entry.value)
        table.add_row(entry.name, value, entry.unit, entry.formula, entry.source)
    return table


def _caps_table(plan: CellPlan) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("BOUND", "USED", "DEMAND", "LIMIT", "UNIT", "FORMULA"):
        table.add_column(column, overflow="fold", justify="right" if column in ("USED", "DEMAND", "LIMIT") else "left")
    for cap in plan.caps:
        table.add_row(
            cap.dimension, f"{cap.used:.0%}", f"{cap.demand:,.0f}", f"{cap.limit:,.0f}", cap.unit, cap.formula
        )
    return table


def _stack_file(stack: str) -> Path:
    """The stack's file. Raises CellError (stack not found) with the nearest name."""
    project = Project.find()
    path = project.stack_file(stack)
    if not path.is_file():
        names = [
            p.name.removeprefix("Pulumi.").removesuffix(".yaml") for p in project.stacks_folder.glob("Pulumi.*.yaml")
        ]
        near = nearest(stack, names)
        hint = f"did you mean {near}?" if near else f"there are {', '.join(sorted(names)) or 'none'}"
        raise CellError(f"stack {stack} has no file {path.name} in stacks/; {hint}", ExitCode.STACK_NOT_FOUND)
    return path


def _concerned(fleet: Fleet, stack: str) -> tuple[str, ...]:
    """The stacks whose mistakes keep this one from coming up, as far as the files can be read."""
    try:
        return fleet.order(stack)
    except KeyError:
        return (stack, stack.removesuffix(WORKLOADS_SUFFIX))


def _refuse(problems: Iterable[Problem], output: Format) -> NoReturn:
    """Prints all problems and ends with the exit code for configuration."""
    ordered = ConfigError(problems).problems
    if output is Format.TABLE:
        for problem in ordered:
            sys.stdout.write(f"{problem}\n")
        talk().print(f"{len(ordered)} {'problem' if len(ordered) == 1 else 'problems'}", markup=False)
    else:
        show([asdict(problem) for problem in ordered], output)
    raise typer.Exit(ExitCode.CONFIGURATION)


def _warn_of_stale_facts() -> None:
    for name, due in catalogue.stale(datetime.now(UTC).date()).items():
        talk().print(f"catalogue/{name} was to be looked at again by {due}", markup=False)
