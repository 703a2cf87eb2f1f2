"""What commands begin with: the session, consent to what they do, and the look at AWS before a cell comes up."""

import sys
from collections.abc import Callable

from rich.prompt import Confirm, Prompt

from operations import deploy
from operations.declared import declared_stacks
from operations.engine import Engine
from operations.errors import CellError, ExitCode
from operations.output import Format, talk
from operations.project import Project

console = talk()


def session(*, check_quotas: bool = True) -> deploy.Session:
    """The project here with all its stacks. Raises ConfigError with all that is wrong in the stack files."""
    project = Project.find()
    return deploy.Session(
        project=project,
        engine=Engine(project),
        console=console,
        declared=declared_stacks(project, check_quotas=check_quotas),
        policy_packs=project.policy_packs,
    )


def preflight(session: deploy.Session, stack: str, output: Format = Format.TABLE, *, gate: bool = False) -> ExitCode:
    """Prints the report, or as a gate only what is amiss. Raises CellError where a gate is closed."""
    # It asks AWS through boto3, which takes a third of a second to load: other commands do not wait for that.
    from operations import preflight

    with console.status(f"preflight {stack}"):
        url = preflight.backend_url(session.engine)
        report = preflight.preflight(preflight.subject(session.project, session.declared, stack, url))
    if gate:
        preflight.gate(report, console)
    else:
        preflight.print_report(report, console, output)
    return report.code


def consent(yes: bool) -> Callable[[str], bool]:
    """Consent by a yes or no."""
    if yes:
        return lambda _question: True
    _needs_terminal()
    return lambda question: Confirm.ask(question, console=console, default=False)


def typed(name: str, yes: bool) -> Callable[[str], bool]:
    """Consent to something that cannot be undone: the name has to be typed."""
    if yes:
        return lambda _question: True
    _needs_terminal()
    return lambda question: Prompt.ask(f"{question} Type {name} to go on", console=console) == name


def _needs_terminal() -> None:
    if not sys.stdin.isatty():
        raise CellError("no terminal to ask on: add --yes", ExitCode.CONFIGURATION)
