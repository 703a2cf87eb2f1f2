"""``cell cost``: what a stack costs a month as it is declared."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from rich.console import Console

from operations.cost.ceiling import ceiling_of, home_and_usage
from operations.cost.estimate import estimate
from operations.cost.replica import replica_estimate
from operations.cost.report import COLUMNS, Replica, Report, as_data, component_rows, notes, rows
from operations.cost.resources import declared as declared_resources
from operations.cost.scratch import preview_from_nothing
from operations.errors import CellError, ExitCode
from operations.output import Format, show
from operations.plan import Declared, Kind, known_stack
from operations.project import Project
from stacks.models import CellSettings
from stacks.settings import load_stack_file
from stacks.sizing import derive


def cost_report(project: Project, stack: str, declared: Mapping[str, Declared], *, replica: bool) -> Report:
    """Prices what a stack declares. Raises CellError where that cannot be said."""
    subject = known_stack(stack, declared)
    if subject.kind is Kind.WORKLOADS:
        fix = f"its objects run on the nodes of {subject.needs}: run `cell cost {subject.needs}`"
        raise CellError(f"{stack} has no cost of its own; {fix}", ExitCode.CONFIGURATION)
    if subject.kind is Kind.PAIR:
        fix = f"it is read from both cells as they are up: run `cell preview {stack}`"
        raise CellError(f"{stack} has no cost before its cells are up; {fix}", ExitCode.CONFIGURATION)
    file = load_stack_file(project.stack_file(stack))
    region, usage = home_and_usage(project, file)
    if region is None:
        raise CellError(f"{stack} has no region of its own, so nothing says its prices", ExitCode.CONFIGURATION)
    settings = file.settings if isinstance(file.settings, CellSettings) else None
    recovery = derive(stack, settings).recovery_region if settings else None
    if replica and recovery is None:
        raise CellError(
            f"{stack} has no recovery region, so nothing would be replicated; set recoveryRegion in {file.source.file}",
            ExitCode.CONFIGURATION,
        )
    resources = declared_resources(preview_from_nothing(project, stack, declared).reading)
    standby = None
    if replica and recovery is not None:
        found = replica_estimate(resources, usage, region, recovery)
        standby = Replica(recovery_region=recovery, home=region, borrowed=found.borrowed, estimate=found.estimate)
    return Report(
        stack=stack,
        region=region,
        usage=usage,
        estimate=estimate(resources, usage, region),
        ceiling_usd=ceiling_of(file),
        replica=standby,
    )


def show_report(report: Report, output: Format, console: Console) -> None:
    """The tables or the data on standard output; what they rest on beside it."""
    if output is not Format.TABLE:
        return show(as_data(report), output)
    show(rows(report.estimate), output, columns=COLUMNS)
    sys.stdout.write("\n")
    show(component_rows(report.estimate), output)
    if report.replica:
        sys.stdout.write(f"\nWARM REPLICA IN {report.replica.recovery_region}\n")
        show(rows(report.replica.estimate), output, columns=COLUMNS)
    for line in notes(report):
        console.print(line, soft_wrap=True, markup=False)
    return None
