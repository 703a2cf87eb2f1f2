"""What ``cell audit`` shows: scope, deviations, what is not known, exceptions and attestations that cover nothing,
counts. No colour and no markup: names are those of others.
"""

import io
import os
import sys
from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from operations.audit.report.escape import terminal
from operations.audit.result import Answer, Audit, ResourceRef
from policies.control import Status

FILE_WIDTH = 200
"""Columns where no terminal says how many it has, as for all tables of ``cell``."""

TERMINAL_ROWS = 25
"""Rows of a list on a terminal, so that the first ones are still on the screen."""


def show(audit: Audit) -> None:
    """Prints the audit on standard output: lists are cut on a terminal, a file gets all."""
    terminal_there = sys.stdout.isatty()
    width = Console().width if terminal_there or "COLUMNS" in os.environ else FILE_WIDTH
    sys.stdout.write(render(audit, width=width, rows=TERMINAL_ROWS if terminal_there else None))


def render(audit: Audit, *, width: int = FILE_WIDTH, rows: int | None = None) -> str:
    """The text, in lines of at most ``width`` columns; lists have at most ``rows`` rows."""
    return written(_parts(audit, rows), width)


def _parts(audit: Audit, rows: int | None) -> Iterator[RenderableType]:
    yield Text(terminal(scope_line(audit)))
    yield from _deviations(audit, rows)
    yield from _unknown(audit, rows)
    yield from listed(
        "Exceptions that accept nothing:",
        ("FILE", "EXCEPTION", "PROBLEM"),
        [(f"{one.file}:{one.line}", one.id, one.problem) for one in audit.refused_exceptions],
        rows,
    )
    yield from listed(
        "Attestations that cover nothing:",
        ("FILE", "CONTROL", "STATEMENT", "PROBLEM"),
        [(one.file, one.control, one.statement, one.problem) for one in audit.attestations if not one.accepted],
        rows,
    )
    yield from listed(
        "Movements and drills, which support criteria and answer no clause:",
        ("WHAT", "CELLS", "STARTED", "OUTCOME", "FOUND", "SUPPORTS"),
        [(one.what, one.cells, one.started, one.outcome, one.found, one.supports) for one in audit.recoveries],
        rows,
    )
    yield Text(f"\n{counts_line(audit)}")


def scope_line(audit: Audit) -> str:
    """What was audited, when and as whom; first of all whether it was AWS."""
    scope = audit.scope
    emulated = f"EMULATED: answers are those of {scope.endpoint or 'an emulator'}, not of AWS. "
    parts = [
        f"stacks {', '.join(scope.stacks) or 'none'}",
        f"accounts {', '.join(scope.accounts) or 'none'}",
        f"regions {', '.join(scope.regions) or 'none'}",
        f"observed in {', '.join(scope.places)}",
        f"{len(scope.controls)} controls",
        f"from {audit.started} to {audit.ended}" + (f" as {scope.caller}" if scope.caller else ""),
    ]
    return f"{emulated if scope.emulated else ''}Audit {audit.id}: {'; '.join(parts)}"


def counts_line(audit: Audit) -> str:
    """How many answers of each kind; accepted failures are failures."""
    accepted = sum(bool(answer.exception) for answer in audit.deviations)
    words = [f"{number} {status}" for status, number in audit.counts.items()]
    return f"{len(audit.answers)} answers: {', '.join(words)}; {accepted} of the failures accepted"


def resource_words(resource: ResourceRef) -> str:
    """Kind, name and region of the resource."""
    return f"{resource.type.rpartition(':')[2]} {resource.name}" + (f" in {resource.region}" if resource.region else "")


def _deviations(audit: Audit, rows: int | None) -> Iterator[RenderableType]:
    expires = {exception.id: exception.expires for exception in audit.exceptions}
    yield from listed(
        f"Deviations: {len(audit.deviations)}",
        ("CONTROL", "SEVERITY", "RESOURCE", "REASON", "PLACES", "ACCEPTED"),
        [
            (
                answer.control,
                audit.control(answer.control).severity.value,
                resource_words(answer.resource),
                answer.reason,
                answer.reconciled.value,
                f"{answer.exception} until {expires[answer.exception]}" if answer.exception else "no",
            )
            for answer in audit.deviations
        ],
        rows,
    )


def _unknown(audit: Audit, rows: int | None) -> Iterator[RenderableType]:
    """Not observed and undetermined by reason, most frequent first; populations that could not be listed; the rest."""
    groups: dict[tuple[Status, str], list[Answer]] = {}
    for status in (Status.NOT_OBSERVED, Status.UNDETERMINED):
        for answer in audit.of(status):
            groups.setdefault((status, answer.reason), []).append(answer)
    yield from listed(
        f"Not known: {sum(len(group) for group in groups.values())} answers, by reason",
        ("ANSWER", "COUNT", "REASON", "CONTROLS"),
        [
            (status.value, str(len(group)), reason, ", ".join(sorted({answer.control for answer in group})))
            for (status, reason), group in sorted(groups.items(), key=lambda one: -len(one[1]))
        ],
        rows,
    )
    yield from listed(
        "Not listed:",
        ("TYPE", "ACCOUNT", "REGION", "ASKED", "REASON"),
        [
            (one.type, one.account, one.region, one.source, one.reason)
            for one in audit.populations
            if one.listed is None
        ],
        rows,
    )
    yield from listed("Left out of the audit:", ("WHAT",), [(sentence,) for sentence in audit.unaccounted], rows)


def listed(
    title: str, columns: Sequence[str], cells: Sequence[Sequence[str]], rows: int | None
) -> Iterator[RenderableType]:
    """A titled table of text, cut after ``rows`` rows; nothing where there is nothing to list."""
    if not cells:
        return
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in cells[:rows]:
        table.add_row(*(Text(terminal(cell)) for cell in row))
    yield Text(f"\n{title}")
    yield table
    if rows is not None and len(cells) > rows:
        yield Text(f"and {len(cells) - rows} more; a report in a file has all of them")


def written(parts: Iterable[RenderableType], width: int) -> str:
    """The parts one below the other as plain text."""
    text = io.StringIO()
    console = Console(file=text, width=width, color_system=None, highlight=False, markup=False, emoji=False)
    for part in parts:
        console.print(part, soft_wrap=isinstance(part, Text))
    return "".join(f"{line.rstrip()}\n" for line in text.getvalue().splitlines())
