"""``cell policy run``: what each control answers about a state file, another program, or a stack as it is declared.

The packs run in the engine as they do in ``up``, with the same exceptions; nothing is changed. Answers come from the
packs themselves (``policies.record``), passes included: the engine's own events tell violations only.
"""

import json
import os
import secrets
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from operations.engine import Engine
from operations.errors import CellError, ExitCode
from operations.output import Format, show, talk
from operations.project import Project
from policies.catalogue import controls
from policies.control import Severity, Status
from policies.record import VARIABLE

app = typer.Typer(help="The controls of the policy packs, by themselves.", no_args_is_help=True, rich_markup_mode=None)
console = talk()

TEMPORARY = "policy-run"
"""Stack of a program that is only previewed; its state is in a folder that goes."""

SHOWN = (Status.FAIL, Status.UNDETERMINED, Status.NOT_OBSERVED)
"""Answers that a table lists one by one; the others are counted."""

LEVELS = tuple(Severity)
"""In rising order."""


@app.callback()
def policy() -> None:
    """Typer makes a group of a single command only where there is a callback."""


@app.command()
def run(
    file: Annotated[Path | None, typer.Option(help="State, as `pulumi stack export` writes it.")] = None,
    program: Annotated[
        Path | None, typer.Option(help="Folder of a Pulumi program; previewed as if it was new.")
    ] = None,
    preview: Annotated[str | None, typer.Option(help="A stack of stacks/, as its program declares it now.")] = None,
    fail_on: Annotated[Severity, typer.Option(help="Least severity of a failure that makes the exit code 5.")] = LEVELS[
        0
    ],
    output: Annotated[Format, typer.Option("--output", "-o", help="How to print the result.")] = Format.TABLE,
) -> None:
    """Run the policies only: every answer of every clause, no update. Exit code 5 where one fails, unaccepted."""
    given = [option for option in (file, program, preview) if option is not None]
    if len(given) != 1:
        raise CellError("give one of --file, --program, --preview", ExitCode.CONFIGURATION)
    project = Project.find()
    with console.status("policies"):
        if file is not None:
            found = of_file(project, file)
        elif program is not None:
            found = of_program(project, program)
        else:
            found = of_stack(project, str(preview))
    show(found if output is not Format.TABLE else _rows(found), output)
    _say(found)
    severe = {control.id for control in controls() if LEVELS.index(control.severity) >= LEVELS.index(fail_on)}
    if any(one["status"] == Status.FAIL and one["control"] in severe and not one["exception"] for one in found):
        raise typer.Exit(ExitCode.POLICY_VIOLATION)


def of_file(project: Project, file: Path) -> list[dict[str, Any]]:
    """Answers about a state that was exported. Who wrote the file is not known: nothing proves that it is the stack's.

    Raises CellError (configuration) for what is no exported state.
    """
    try:
        resources = json.loads(file.read_text(encoding="utf-8"))["deployment"]["resources"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        problem = f"{file}: no state as `pulumi stack export` writes it ({type(error).__name__})"
        raise CellError(problem, ExitCode.CONFIGURATION) from None
    with _answers() as path:
        packs = [part for pack in project.policy_packs for part in ("--policy-pack", str(pack))]
        engine = Engine(project, {VARIABLE: str(path)})
        engine.ask("policy", "analyze", "--file", str(file.resolve()), *packs, accept=(ExitCode.POLICY_VIOLATION, 1))
        return read(path, len(resources))


def of_program(project: Project, folder: Path) -> list[dict[str, Any]]:
    """Answers about a program as a first `pulumi up` of it would begin, without configuration."""
    if not (folder / "Pulumi.yaml").is_file():
        raise CellError(f"{folder}: no Pulumi.yaml there, so no Pulumi program", ExitCode.CONFIGURATION)
    written = folder / f"Pulumi.{TEMPORARY}.yaml"
    if written.exists():
        raise CellError(f"{written}: exists; this command would write and remove it", ExitCode.CONFIGURATION)
    with _answers() as path, tempfile.TemporaryDirectory(prefix="cell-") as state:
        environment = {
            VARIABLE: str(path),
            "PULUMI_BACKEND_URL": f"file://{state}",
            "PULUMI_CONFIG_PASSPHRASE": secrets.token_hex(),
        }
        engine = Engine(Project(folder.resolve()), environment)
        try:
            engine.ask("stack", "init", TEMPORARY, "--no-select")
            return _previewed(engine, project, TEMPORARY, path)
        finally:
            written.unlink(missing_ok=True)


def of_stack(project: Project, stack: str) -> list[dict[str, Any]]:
    """Answers about a stack of ours as it is declared now."""
    if not project.stack_file(stack).is_file():
        raise CellError(f"{stack}: no {project.stack_file(stack)}; see `cell list`", ExitCode.STACK_NOT_FOUND)
    with _answers() as path:
        engine = Engine(project, {VARIABLE: str(path)})
        engine.ensure_stack(stack)
        return _previewed(engine, project, stack, path)


def read(path: Path, resources: int) -> list[dict[str, Any]]:
    """Answers in a file of `policies.record`, each once, with what the catalogue says of its control; by control.

    Two packs ask the controls that both have. Raises CellError where nothing was asked although there are resources.
    """
    about = {control.id: control for control in controls()}
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        one = json.loads(line)
        found[one["control"], one["clause"], one["urn"]] = one
    if resources and not found:
        raise CellError("the packs answered nothing: not one resource is of a type that a control speaks about")
    return [
        {
            "control": one["control"],
            "severity": about[one["control"]].severity.value,
            "clause": one["clause"],
            "urn": one["urn"],
            "status": one["status"],
            "reason": one["reason"],
            **{name: one.get(name, "") for name in ("exception", "accepted_until")},
            "emergency": one.get("emergency", False),
            "maps_to": [str(mapping) for mapping in about[one["control"]].maps_to],
        }
        for _, one in sorted(found.items())
    ]


def _previewed(engine: Engine, project: Project, stack: str, path: Path) -> list[dict[str, Any]]:
    outcome = engine.operate("preview", stack, policy_packs=project.policy_packs)
    if outcome.exit_code and not outcome.reading.violations:
        raise CellError("\n".join(outcome.reading.errors) or f"preview of {stack} failed", outcome.code)
    return read(path, sum(outcome.reading.changes.values()))


@contextmanager
def _answers() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="cell-") as folder:
        path = Path(folder, "answers.ndjson")
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
        yield path


def _rows(found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "control": one["control"],
            "severity": one["severity"],
            "clause": one["clause"],
            "status": _status(one),
            "reason": one["reason"],
            "resource": one["urn"].rpartition("::")[2],
        }
        for one in found
        if one["status"] in SHOWN
    ]


def _status(one: Mapping[str, Any]) -> str:
    if not one["exception"]:
        return str(one["status"])
    words = f"failed, accepted by {one['exception']} until {one['accepted_until']}"
    return f"EMERGENCY: {words}" if one["emergency"] else words


def _say(found: Sequence[Mapping[str, Any]]) -> None:
    counts = Counter(one["status"] for one in found)
    asked = {one["control"] for one in found}
    silent = [control.id for control in controls() if control.id not in asked]
    told = ", ".join(f"{counts[status]} {status}" for status in Status if counts[status])
    if accepted := sum(1 for one in found if one["exception"]):
        told += f" ({accepted} of them failed, accepted)"
    console.print(f"{len(asked)} controls: {told or 'no answer'}", markup=False, soft_wrap=True)
    if silent:
        console.print(f"of no resource here: {', '.join(silent)}", markup=False, soft_wrap=True)
