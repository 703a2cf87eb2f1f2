"""An audit in a spreadsheet."""

import csv
import io

from audit_samples import HOSTILE, answer, audit
from hypothesis import given
from hypothesis import strategies as st

from operations.audit.report.csv_ import COLUMNS, render
from operations.audit.report.escape import FORMULA, terminal
from operations.audit.result import Audit
from policies.control import Status


def rows(of: Audit) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(render(of).decode(), newline=""), strict=True))


def test_each_answer_is_a_row_with_its_control_and_every_place() -> None:
    found = rows(audit())
    assert len(found) == len(audit().answers)
    drifted = next(row for row in found if row["name"] == "drifted")
    assert (drifted["control"], drifted["severity"], drifted["status"]) == ("KEY-03", "medium", "fail")
    assert (drifted["preview"], drifted["state"], drifted["live"]) == ("", "pass", "fail")
    assert (drifted["live_reason"], drifted["reconciled"]) == ("enableKeyRotation of drifted is not true", "drifted")
    assert (drifted["evidence"], drifted["account"]) == ("1 2", "123456789012")
    assert "SOC 2 CC6.1 (partial)" in drifted["criteria"].split("; ")


def test_an_accepted_failure_is_a_failure_with_its_exception_and_its_end() -> None:
    accepted = [row for row in rows(audit()) if row["exception"]]
    assert [(row["name"], row["status"], row["exception_expires"]) for row in accepted] == [
        ("accepted", "fail", "2026-12-31T00:00:00Z")
    ]


def test_every_row_says_whether_it_is_emulated() -> None:
    assert {row["emulated"] for row in rows(audit())} == {"true"}
    scope = audit().scope.model_copy(update={"emulated": False})
    assert {row["emulated"] for row in rows(audit(scope=scope))} == {"false"}


def test_no_cell_is_a_formula_and_every_row_is_one_line() -> None:
    written = render(audit()).decode()
    lines = written.split("\r\n")
    assert (len(lines), lines[-1]) == (len(audit().answers) + 2, "")
    assert lines[0] == ",".join(f'"{column}"' for column in COLUMNS)
    cells = [cell for row in rows(audit()) for cell in row.values()]
    assert not [cell for cell in cells if cell[:1] in FORMULA]
    assert all(cell.isprintable() for cell in cells)
    assert '\'=HYPERLINK("http://evil","x")' in cells


@given(st.text(max_size=30))
def test_any_name_is_one_cell(name: str) -> None:
    (row,) = rows(audit(answers=(answer(Status.FAIL, name),)))
    assert row["name"].removeprefix("'") == terminal(name).removeprefix("'")


def test_hostile_names_can_be_told_apart() -> None:
    assert len({row["name"] for row in rows(audit())} - {"payments"}) >= len(HOSTILE)
