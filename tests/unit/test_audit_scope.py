"""Which account's audit a stack belongs to."""

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from recovery_world import PRIMARY, REPLICA, pair_of
from rich.console import Console

from operations.audit.run import by_account
from operations.declared import declared_stacks
from operations.deploy import Session
from operations.errors import CellError
from operations.project import Project
from stacks.fleet import load_fleet

PAIR = f"{PRIMARY}-pair"


@pytest.fixture(scope="module")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project") / "stacks"
    folder.mkdir()
    pair_of(folder)
    return folder


def accounts_of(stacks: Path, *asked: str) -> dict[str, list[str]]:
    engine: Any = SimpleNamespace()
    project = Project(stacks.parent)
    declared = declared_stacks(project, check_quotas=False)
    session = Session(project=project, engine=engine, console=Console(file=io.StringIO()), declared=declared)
    return dict(by_account(session, load_fleet(stacks, check_quotas=False), asked))


def test_every_kind_of_stack_belongs_to_the_account_that_its_cell_is_in(stacks: Path) -> None:
    asked = ("account", PRIMARY, f"{PRIMARY}-workloads", REPLICA, PAIR)
    assert accounts_of(stacks, *asked) == {"account": list(asked)}


def test_a_stack_that_is_not_declared_is_refused(stacks: Path) -> None:
    with pytest.raises(CellError, match="eu-west-9: no such stack"):
        accounts_of(stacks, "eu-west-9")
