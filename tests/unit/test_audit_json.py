"""An audit as JSON: what is written, what is read back, what is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from audit_samples import HOSTILE, answer, audit
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from operations.audit.report.json_ import audit_schema, load, render, schema_text
from operations.errors import CellError, ExitCode
from policies.control import Status

ROOT = Path(__file__).parents[2]


def test_the_committed_schema_is_the_models_own() -> None:
    assert (ROOT / "docs/schema/audit.json").read_text() == schema_text(), "make docs"
    Draft202012Validator.check_schema(audit_schema())


def test_a_report_is_valid_and_is_read_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "audit.json"
    path.write_bytes(render(audit()))
    assert list(Draft202012Validator(audit_schema()).iter_errors(json.loads(path.read_text()))) == []
    assert load(path) == audit()
    assert json.loads(path.read_text())["scope"]["emulated"] is True


def test_a_report_is_the_same_bytes_each_time_whatever_the_order_of_its_keys(tmp_path: Path) -> None:
    path = tmp_path / "audit.json"
    path.write_text(json.dumps(dict(reversed(json.loads(render(audit())).items()))))
    assert render(load(path)) == render(audit())


def test_no_hostile_character_is_in_the_file() -> None:
    written = render(audit()).decode("ascii")
    assert all(character.isprintable() or character == "\n" for character in written)
    assert {row["resource"]["name"] for row in json.loads(written)["answers"]} >= set(HOSTILE)


@given(st.text(max_size=30))
def test_any_name_is_valid_json_and_comes_back(name: str) -> None:
    written = json.loads(render(audit(answers=(answer(Status.FAIL, name),))))
    assert written["answers"][0]["resource"]["name"] == name
    assert Draft202012Validator(audit_schema()).is_valid(written)


def _unknown_field(data: dict[str, Any]) -> None:
    data["answers"][0]["note"] = "x"


def _unknown_status(data: dict[str, Any]) -> None:
    data["answers"][0]["status"] = "fine"


def _number_as_text(data: dict[str, Any]) -> None:
    data["calls"]["throttled"] = "1"


def _local_time(data: dict[str, Any]) -> None:
    data["started"] = "2026-11-29 06:00"


def _digest(data: dict[str, Any]) -> None:
    data["tool"]["catalogue"] = "ab"


def _without_scope(data: dict[str, Any]) -> None:
    del data["scope"]


def _other_version(data: dict[str, Any]) -> None:
    data["schema_version"] = 2


@pytest.mark.parametrize(
    ("spoil", "place"),
    [
        (_unknown_field, "answers.0.note"),
        (_unknown_status, "answers.0.status"),
        (_number_as_text, "calls.throttled"),
        (_local_time, "started"),
        (_digest, "tool.catalogue"),
        (_without_scope, "scope"),
        (_other_version, "schema_version"),
    ],
)
def test_what_the_schema_refuses_is_refused_by_the_reader_with_its_place(
    tmp_path: Path, spoil: Callable[[dict[str, Any]], None], place: str
) -> None:
    data = json.loads(render(audit()))
    spoil(data)
    assert not Draft202012Validator(audit_schema()).is_valid(data)
    refused = _refused(tmp_path, json.dumps(data))
    assert f"audit.json: {place}: " in refused


def test_an_answer_of_a_control_or_an_exception_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert "answers.0.control: KEY-03 is not among" in _refused(tmp_path, render(audit(controls=())).decode())
    assert "answers.2.exception: EX-1 is not among" in _refused(tmp_path, render(audit(exceptions=())).decode())


def test_what_is_no_report_is_refused_in_one_line_without_what_it_holds(tmp_path: Path) -> None:
    for text in ("", "[]", "{", "\x1b[2J", "[" * 10_000, '{"\\u001b[2J": 1}'):
        assert _refused(tmp_path, text).isprintable()


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CellError, match=r"none.json: No such file .* --report json=FILE"):
        load(tmp_path / "none.json")


def _refused(folder: Path, text: str) -> str:
    path = folder / "audit.json"
    path.write_text(text)
    with pytest.raises(CellError) as refused:
        load(path)
    assert refused.value.code is ExitCode.CONFIGURATION
    return str(refused.value)
