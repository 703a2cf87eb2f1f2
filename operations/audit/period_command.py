"""``cell audit period``: its arguments, and what it prints."""

import json
import os
import re
import sys
from datetime import UTC, datetime, timedelta

import typer
from rich.console import Console

from operations.audit.period import EVERY
from operations.audit.period_result import Period
from operations.audit.report.escape import terminal
from operations.audit.report.periods import render, render_json
from operations.audit.report.table import FILE_WIDTH, TERMINAL_ROWS
from operations.audit.spans import Between
from operations.errors import CellError, ExitCode
from operations.output import Format, show

_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_EVERY = re.compile(r"([1-9]\d{0,3})([hdw])")

_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def between(start: str, end: str, now: datetime) -> Between:
    """The period from two dates or times. A date is a whole day of UTC, and ``end`` includes its day, today's up to
    now; a time without a zone is UTC. Raises CellError (configuration)."""
    first, last = _moment("--from", start, now), _moment("--to", end, now)
    if _DATE.fullmatch(end):
        last = min(last + timedelta(days=1), now)
    if first >= last:
        problem = "the period ends before it begins; both are of UTC"
        raise CellError(terminal(f"--from {start} --to {end}: {problem}"), ExitCode.CONFIGURATION)
    return Between(first, last)


def _moment(option: str, text: str, now: datetime) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        problem = "give a date, 2026-11-01, or a time, 2026-11-01T06:00:00Z; without a zone it is UTC"
        raise CellError(terminal(f"{option} {text}: {problem}"), ExitCode.CONFIGURATION) from None
    if moment > now:
        problem = f"is in the future: it is {now:%Y-%m-%dT%H:%M:%SZ}"
        raise CellError(terminal(f"{option} {text}: {problem}"), ExitCode.CONFIGURATION)
    return moment


def interval(every: str | None) -> timedelta:
    """``"1d"``. Raises CellError (configuration)."""
    if every is None:
        return EVERY
    found = _EVERY.fullmatch(every)
    if found is None:
        raise CellError(
            f"--every {terminal(every)}: give hours, days or weeks, such as 12h, 1d, 4w", ExitCode.CONFIGURATION
        )
    return int(found[1]) * _UNITS[found[2]]


def show_period(found: Period, output: Format) -> None:
    """Prints what the bundles say."""
    if output is Format.TABLE:
        there = sys.stdout.isatty()
        width = Console().width if there or "COLUMNS" in os.environ else FILE_WIDTH
        typer.echo(render(found, width=width, rows=TERMINAL_ROWS if there else None), nl=False)
    else:
        show(json.loads(render_json(found)), output)
