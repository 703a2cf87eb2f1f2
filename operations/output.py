"""Data on stdout as a table, JSON or YAML; talk on stderr. ``NO_COLOR`` is honoured by rich."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table


class Format(StrEnum):
    """Value of ``-o``."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


def talk() -> Console:
    """The console for progress, questions and errors: standard error. ``:key:`` in a type is no picture."""
    return Console(stderr=True, highlight=False, emoji=False)


def show(data: Any, form: Format, *, columns: Sequence[str] = ()) -> None:
    """Prints ``data`` on standard output.

    A table shows a list of mappings by ``columns`` (default: all keys of the first), or a mapping as two columns.
    """
    if form is Format.JSON:
        sys.stdout.write(json.dumps(data, indent=2, default=str) + "\n")
    elif form is Format.YAML:
        sys.stdout.write(yaml.safe_dump(json.loads(json.dumps(data, default=str)), sort_keys=False))
    else:
        # Without a terminal nothing is cut: the reader is a file or another program.
        # Names and reasons come from elsewhere: nothing in them is markup, and the `:key:` of a type is no picture.
        width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 200
        console = Console(highlight=False, markup=False, emoji=False, width=width)
        console.print(_table(data, columns))


def _table(data: Any, columns: Sequence[str]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    if isinstance(data, Mapping):
        table.add_column("name")
        table.add_column("value", overflow="fold")
        for key, value in data.items():
            table.add_row(str(key), _cell(value))
        return table
    rows = list(data)
    columns = columns or (list(rows[0]) if rows else [])
    for column in columns:
        table.add_column(column.upper(), overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row.get(column)) for column in columns))
    return table


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, default=str)
