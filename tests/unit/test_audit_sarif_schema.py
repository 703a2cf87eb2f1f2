"""An audit's SARIF by the schema of OASIS."""

import json

import pytest
from audit_outputs import sarif_schema
from audit_samples import answer, audit
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft4Validator

from operations.audit.report.sarif import render
from policies.control import Status


@pytest.fixture(scope="module")
def oasis() -> Draft4Validator:
    return sarif_schema()


def test_every_kind_of_answer_is_valid(oasis: Draft4Validator) -> None:
    written = json.loads(render(audit(unaccounted=("no rights in sa-east-1",))))
    assert [error.message for error in oasis.iter_errors(written)] == []
    written["runs"][0]["results"][0]["kind"] = "fine"
    assert not oasis.is_valid(written)


@given(name=st.text(max_size=30))
def test_any_name_is_valid(oasis: Draft4Validator, name: str) -> None:
    assert oasis.is_valid(json.loads(render(audit(answers=(answer(Status.FAIL, name),)))))
