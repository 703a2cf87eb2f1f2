"""`cell new`, `cell clone` and `cell reap`: cells that come and go."""

from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Annotated

import typer

from components.vocabulary import Environment
from operations import deploy
from operations.clone import DEFAULT_DAYS, MAX_DAYS, Wish, clone_texts, differences
from operations.consent import confirmed, typed
from operations.declared import new_cell_files, write_stacks
from operations.errors import CellError, ExitCode
from operations.opening import Opening, opened
from operations.output import Format, show
from operations.plan import cells_of
from operations.project import Project
from operations.reap import State, abandoned_regions, plan_reap, reap_all
from operations.session import console, preflight, session
from stacks.fleet import load_fleet, read_fleet
from stacks.new_stack import DEFAULT_PEAK, cell_name

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Output = Annotated[Format, typer.Option("--output", "-o", help="How to print the result on standard output.")]


def new(
    region: Annotated[str, typer.Argument(help="An AWS region of the catalogue.", show_default=False)],
    environment: Annotated[Environment, typer.Option(help="How much it may lose.")] = Environment.PRODUCTION,
    account: Annotated[str, typer.Option(help="The stack of the account that holds the cell.")] = "account",
    domain: Annotated[str | None, typer.Option(help="The cell's own DNS name.")] = None,
    peak: Annotated[int, typer.Option(help="Peak payments a second.")] = DEFAULT_PEAK,
    copy_vault: Annotated[str | None, typer.Option(help="ARN of the vault for copies; production needs one.")] = None,
    markets: Annotated[str | None, typer.Option(help="That it serves: eu-sepa,uk. Written into their files.")] = None,
    quota: Annotated[list[str] | None, typer.Option(help="NAME=VALUE that AWS granted; may repeat.")] = None,
    output: Output = Format.TABLE,
) -> None:
    """Open a region: write a cell's stack files, and list what a person must still do.

    Nothing is written unless all of it is valid, together with every other stack.
    """
    name = cell_name(region, environment)
    opening = Opening(
        region=region,
        name=name,
        environment=environment,
        account=account,
        domain=domain,
        peak=peak,
        copy_vault=copy_vault,
        markets=tuple(markets.split(",")) if markets else (),
        quotas=quota or (),
    )
    project = Project.find()
    files = new_cell_files(project, opening)
    found = opened(load_fleet(project.stacks_folder), name)
    if output is not Format.TABLE:
        show({**found, "files": [str(path) for path in files]}, output)
        return
    for path in files:
        console.print(f"wrote {path}", soft_wrap=True)
    show({key: value for key, value in found.items() if key != "checklist"}, output)
    console.print("to do by a person:")
    show(found["checklist"], output)


def clone(
    stack: Annotated[str, typer.Argument(help="The cell to copy.", show_default=False)],
    name: Annotated[str, typer.Option("--as", help="Name of the copy.", show_default=False)],
    days: Annotated[int, typer.Option(help=f"Days that it stays; at most {MAX_DAYS}.")] = DEFAULT_DAYS,
    account: Annotated[
        str | None, typer.Option(help="Stack of its account. Left out: the original's, never production's.")
    ] = None,
    region: Annotated[str | None, typer.Option(help="Left out: the original's.")] = None,
    yes: Yes = False,
    output: Output = Format.TABLE,
) -> None:
    """Copy a cell for testing: its components in small, its own addresses, keys and names, made-up data only.

    The copy has a last day, after which `cell reap` removes it. The original is not touched.
    """
    agreed = confirmed(console, yes)
    project = Project.find()
    wish = Wish(original=stack, name=name, days=days, account=account, region=region)
    files = write_stacks(project, clone_texts(load_fleet(project.stacks_folder), wish, _today()))
    for path in files:
        console.print(f"wrote {path}", soft_wrap=True)
    fleet = load_fleet(project.stacks_folder)
    unlike = [asdict(difference) for difference in differences(fleet, stack, name)]
    if output is Format.TABLE:
        show(unlike, output)
    try:
        working = session()
        for cell in cells_of(name, working.declared):
            preflight(working, cell, gate=True)
        outcomes = [deploy.row(outcome) for outcome in deploy.up(working, name, agreed)]
    except CellError as error:
        way = f"its stack files stay: `cell up {name}` goes on, `cell destroy {name}` and removing them ends it"
        raise CellError(f"{error}\n{way}", error.code) from error
    if output is Format.TABLE:
        show(outcomes, output)
    else:
        result = {"stack": name, "expires": fleet.cells[name].expires, "files": [str(path) for path in files]}
        show({**result, "differences": unlike, "outcomes": outcomes}, output)


def reap(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be destroyed; change nothing.")] = False,
    yes: Yes = False,
    output: Output = Format.TABLE,
) -> None:
    """Destroy the cells whose last day has passed (`expires`), and remove the files that `cell clone` wrote.

    Lists every cell that has a last day. A stack without one is never touched.
    """
    project = Project.find()
    before = load_fleet(project.stacks_folder)
    found = plan_reap(before, _today())
    expired = [each for each in found if each.state is State.EXPIRED]
    done: dict[str, list[str]] = {}
    failed: list[str] = []
    if expired and not dry_run:
        done, failed = reap_all(session(), [(each, typed(console, each.stack, yes)) for each in expired])
    rows = [
        {
            "stack": each.stack,
            "expires": each.expires.isoformat(),
            "state": each.state.value,
            "files": list(each.files),
            "done": done.get(each.stack, []),
        }
        for each in found
    ]
    show(rows, output, columns=("stack", "expires", "state", "files", "done"))
    for name, regions in abandoned_regions(before, read_fleet(project.stacks_folder)[0]).items():
        text = f"{name} still keeps its parts in {', '.join(regions)}, which no cell uses: cell up {name}"
        console.print(text, markup=False, soft_wrap=True)
    if failed:
        raise CellError("\n".join(failed), ExitCode.ERROR)


def _today() -> date:
    return datetime.now(UTC).date()
