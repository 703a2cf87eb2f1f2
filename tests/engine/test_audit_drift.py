"""An audit of a live cell: healthy at first, and every change behind Pulumi's back is found under its control."""

import os
from collections.abc import Iterator

import drift_backup
import drift_keys
import drift_residency
import drift_retention
import pytest
from cell import Aws, Project, own_sandbox
from drift import CELL, Change, LiveCell

from operations.audit.result import Reconciled
from policies.control import Status

pytestmark = [pytest.mark.engine, pytest.mark.kubernetes]

CHANGES: tuple[Change, ...] = (
    *drift_keys.CHANGES,
    *drift_backup.CHANGES,
    *drift_residency.CHANGES,
    *drift_retention.CHANGES,
)

ROLE = "arn:aws:iam::123456789012:role/payment-cell-deploy"


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveCell]:
    with own_sandbox(tmp_path_factory.mktemp("audit-sandbox")) as sandbox, pytest.MonkeyPatch.context() as patch:
        project = Project.copy(sandbox, tmp_path_factory.mktemp("audit") / "project")
        project.cell("up", CELL, "--yes")
        for name, value in project.env.items():
            patch.setitem(os.environ, name, value)
        yield LiveCell(project, Aws(sandbox), ROLE)


def test_a_healthy_cell_has_no_violation_and_nothing_undetermined(cell: LiveCell) -> None:
    wrong = [
        f"{one.control} {one.clause} {one.resource.key} {one.status}: {one.reason}"
        for one in cell.before
        if one.status in (Status.FAIL, Status.UNDETERMINED) or one.reconciled is Reconciled.DRIFTED
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_a_change_behind_the_engines_back_is_found_under_its_control(cell: LiveCell, change: Change) -> None:
    undo = change.does(cell.hands)
    try:
        failing, mine = cell.after(change)
    finally:
        undo()
    assert failing == {change.sees} | change.also
    assert any(one.status is Status.FAIL and one.reconciled is change.reconciled for one in mine)
