"""Finds the stack files that a stack leans on: a cell's account, a workloads stack's cell."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from stacks.models import AccountSettings, CellSettings, WorkloadsSettings
from stacks.problems import ConfigError, Problem
from stacks.settings import load_stack_file

S = TypeVar("S")

HERE = Path(__file__).parent


def account_of(cell: CellSettings, folder: Path = HERE) -> AccountSettings:
    """Settings of the account that the cell names. Raises ConfigError where there is no such account stack."""
    return _named(cell.account, AccountSettings, "account", folder)


def cell_of(workloads: WorkloadsSettings, folder: Path = HERE) -> CellSettings:
    """Settings of the cell that the workloads are for. Raises ConfigError where there is no such cell stack."""
    return _named(workloads.cell, CellSettings, "cell", folder)


def _named(name: str, kind: type[S], key: str, folder: Path) -> S:
    path = folder / f"Pulumi.{name}.yaml"
    if path.exists():
        settings = load_stack_file(path).settings
        if isinstance(settings, kind):
            return settings
    rule, fix = f"is not the name of a stack of kind {key}", f"name one that has a file, or write {path}"
    raise ConfigError([Problem(file=str(path), line=None, key=key, value=name, rule=rule, fix=fix)])
