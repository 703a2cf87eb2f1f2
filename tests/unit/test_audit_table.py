"""What a terminal shows of an audit."""

from typing import Any

import pytest
from audit_samples import HOSTILE, answer, audit
from hypothesis import given
from hypothesis import strategies as st

from operations.audit.report import table
from operations.audit.report.escape import terminal
from operations.audit.report.table import render
from operations.audit.result import Audit
from policies.control import Status


def lines(of: Audit, **given: Any) -> list[str]:
    return render(of, **{"width": 1000, **given}).splitlines()


def section(shown: list[str], title: str) -> list[str]:
    """Lines below a title up to the next empty one, without the heads of the columns."""
    start = next(number for number, line in enumerate(shown) if line.startswith(title))
    return shown[start + 2 : shown.index("", start)]


def test_the_first_line_says_loudly_that_it_is_emulated_and_what_was_audited() -> None:
    first = lines(audit())[0]
    assert first.startswith("EMULATED: answers are those of http://127.0.0.1:5000, not of AWS.")
    for word in ("stacks eu-west-1", "accounts 123456789012", "regions eu-west-1, eu-central-1", "in state, live"):
        assert word in first
    real = audit(scope=audit().scope.model_copy(update={"emulated": False}))
    assert "EMULATED" not in render(real)


def test_deviations_come_first_the_most_severe_of_them_first() -> None:
    shown = lines(audit())
    assert shown[2] == f"Deviations: {len(audit().deviations)}"
    rows = section(shown, "Deviations")
    assert rows[0].split()[:2] == ["NET-01", "critical"]
    assert len(rows) == len(audit().deviations)


def test_a_deviation_says_what_the_places_say_together_and_whether_it_is_accepted() -> None:
    rows = section(lines(audit()), "Deviations")
    (drifted,) = [row for row in rows if "Key drifted in eu-west-1" in row]
    assert "enableKeyRotation of drifted is not true" in drifted
    assert drifted.split()[-2:] == ["drifted", "no"]
    (accepted,) = [row for row in rows if "Key accepted" in row]
    assert accepted.endswith("EX-1 until 2026-12-31T00:00:00Z")


def test_what_is_not_known_is_grouped_by_reason_and_counted() -> None:
    denied = [answer(Status.NOT_OBSERVED, f"k{n}", reason="kms:DescribeKey: AccessDenied") for n in range(3)]
    shown = lines(audit(answers=(*denied, answer(Status.UNDETERMINED, reason="keyId is not known"))))
    assert "Not known: 4 answers, by reason" in shown
    rows = section(shown, "Not known")
    assert rows[0].split() == ["not", "observed", "3", "kms:DescribeKey:", "AccessDenied", "KEY-03"]
    assert rows[1].split()[:2] == ["undetermined", "1"]


def test_what_accepts_or_covers_nothing_is_listed() -> None:
    shown = lines(audit(unaccounted=("no rights in sa-east-1",)))
    assert "expired on 2026-10-01" in section(shown, "Exceptions that accept nothing")[0]
    assert "valid until 2026-09-30" in section(shown, "Attestations that cover nothing")[0]
    assert "AccessDenied" in section(shown, "Not listed")[0]
    assert section(shown, "Left out of the audit") == ["no rights in sa-east-1"]


def test_the_last_line_counts_and_an_accepted_failure_is_a_failure() -> None:
    assert lines(audit())[-1] == (
        "22 answers: 2 pass, 16 fail, 1 not applicable, 1 undetermined, 2 not observed; 1 of the failures accepted"
    )


def test_an_audit_without_deviation_has_no_empty_list() -> None:
    clean = audit(answers=(answer(Status.PASS),), populations=(), refused_exceptions=(), attestations=())
    assert len(lines(clean)) == 3


def test_a_terminal_gets_the_first_rows_and_the_number_of_the_others() -> None:
    rows = section(lines(audit(), rows=2), "Deviations")
    assert (len(rows), rows[-1]) == (3, "and 14 more; a report in a file has all of them")


def test_no_row_is_wider_than_the_terminal() -> None:
    assert max(len(line) for line in lines(audit(), width=80)[1:-1]) <= 80


def test_standard_output_in_a_file_gets_everything(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    table.show(audit())
    assert capsys.readouterr().out == render(audit())


def test_hostile_names_act_on_no_terminal_and_make_no_line() -> None:
    shown = render(audit(), width=400)
    assert all(character.isprintable() or character == "\n" for character in shown)
    assert "[link](javascript:alert(1))" in shown, "no markup is read in it"
    assert len([name for name in HOSTILE if f"Key {terminal(name)} in" in shown]) == len(HOSTILE)


@given(st.text(min_size=1, max_size=30))
def test_any_name_is_one_row(name: str) -> None:
    one = audit(answers=(answer(Status.FAIL, name, reason="no"),))
    assert len(section(lines(one), "Deviations")) == 1
