"""What commands begin with: the project with its stacks, and the look at AWS before a cell comes up."""

from operations import deploy
from operations.declared import declared_stacks
from operations.engine import Engine
from operations.errors import ExitCode
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
