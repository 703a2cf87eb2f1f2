"""The evidence of an audit: canonical, redacted, chained, signed; whatever is done to a bundle is found."""

import base64
import importlib
import json
import os
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import pytest
import typer
from audit_samples import answer, audit
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_public_key,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from moto import mock_aws
from moto.kms import models, urls
from typer.testing import CliRunner

from operations.audit.command import verify as verify_command
from operations.audit.evidence import bundle
from operations.audit.evidence.bundle import AUDIT, CHAIN, FILES, HEAD, KEPT_DAYS, RECORDS, SIGNATURE, write
from operations.audit.evidence.canonical import canonical, digest
from operations.audit.evidence.digests import LOCK_FILE, thresholds, tool, tree
from operations.audit.evidence.history import gaps, latest_head
from operations.audit.evidence.records import link, records
from operations.audit.evidence.redaction import REDACTED, Redaction
from operations.audit.evidence.signing import KmsSigner, LocalSigner, fingerprint, public_keys
from operations.audit.evidence.verify import verify
from operations.audit.live.collect import readers
from operations.audit.live.question import QUESTIONS, kept
from operations.audit.live.region import Call
from operations.audit.result import Audit, Calls
from operations.errors import CellError, ExitCode
from operations.project import Project
from policies.control import Status
from sandbox.aws.extensions import kms

LIST, DESCRIBE = "kms:ListKeys", "kms:DescribeKey"

SECRET = "hunter2-correct-horse"

NAMES = st.text(st.characters(exclude_categories=()), min_size=1, max_size=8)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | NAMES | st.binary(max_size=8) | st.datetimes(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


PLACES = st.integers(0, 2**32)
"""Of a byte; a file's length varies with its signature and keyed digests."""


def call(number: int = 0, **about: Any) -> Call:
    given: dict[str, Any] = {
        "endpoint": "https://kms.eu-west-1.amazonaws.com",
        "account": "123456789012",
        "region": "eu-west-1",
        "caller": "arn:aws-cn:sts::123456789012:assumed-role/auditor/ada",
        "operation": DESCRIBE,
        "parameters": {"KeyId": f"k{number}"},
        "page": 1,
        "request_id": f"r-{number}",
        "server_date": "Sun, 29 Nov 2026 06:00:00 GMT",
        "at": "2026-11-29T06:00:00.120Z",
        "skew_s": 0.0,
        "http_status": 200,
        "retries": 0,
        "error": "",
        "answer": {"KeyMetadata": {"KeyId": f"k{number}", "CreationDate": datetime(2026, 1, 1, tzinfo=UTC)}},
        "body_sha256": "0" * 64,
    }
    return Call(number=number, **{**given, **about})


def record(**about: Any) -> dict[str, Any]:
    (line,) = records([call(**about)], b"key")
    return json.loads(line)  # type: ignore[no-any-return]


WHOLE = audit(controls=())


def of(calls: list[Call], **about: Any) -> Audit:
    """An audit that rests on these calls."""
    given: dict[str, Any] = {
        "answers": (answer(Status.PASS), answer(Status.FAIL, "open")) if len(calls) > 2 else (),
        "populations": (),
        "calls": Calls(by_operation=dict(Counter(one.operation for one in calls))),
    }
    return WHOLE.model_copy(update={**given, **about})


CALLS = [call(0, operation=LIST, parameters={}), *map(call, range(1, 6))]


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> LocalSigner:
    return LocalSigner(tmp_path_factory.mktemp("key") / "key.pem")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, signer: LocalSigner) -> Path:
    return write(tmp_path_factory.mktemp("whole"), of(CALLS), CALLS, signer)


@pytest.fixture
def made(tmp_path: Path, whole: Path) -> Path:
    return shutil.copytree(whole, tmp_path / "evidence" / whole.name)


def broken(folder: Path, signer: LocalSigner | None = None, **more: Any) -> str:
    return verify(folder, [signer.public_key()] if signer else [], **more).broken


def rewritten(folder: Path, name: str, change: Callable[[list[bytes]], None]) -> None:
    """Changes the lines of a file."""
    lines = (folder / name).read_bytes().splitlines(keepends=True)
    change(lines)
    (folder / name).write_bytes(b"".join(lines))


# The canonical form


@given(VALUES)
def test_the_canonical_form_of_a_value_is_its_own(value: Any) -> None:
    once = canonical(value)
    assert canonical(json.loads(once)) == once


@given(st.dictionaries(st.text(max_size=4), st.integers(), max_size=5))
def test_the_order_of_members_changes_nothing(value: dict[str, int]) -> None:
    assert canonical(dict(reversed(value.items()))) == canonical(value)


def test_what_json_cannot_carry_is_text() -> None:
    value = {
        "big": 2**53,
        "small": -(2**53),
        "safe": 2**53 - 1,
        "decimal": Decimal("0.10"),
        "at": datetime(2026, 1, 1, 1, tzinfo=UTC),
        "nan": float("nan"),
        "whole": 2.0**53,
        "text": b"abc",
        "bytes": b"\xff",
        "half": "\ud800",
    }
    assert json.loads(canonical(value)) == {
        "big": "9007199254740992",
        "small": "-9007199254740992",
        "safe": 9007199254740991,
        "decimal": "0.10",
        "at": "2026-01-01T01:00:00Z",
        "nan": "nan",
        "whole": "9007199254740992.0",
        "text": "abc",
        "bytes": {"base64": "/w=="},
        "half": "\ufffd",
    }


def test_what_has_no_form_is_refused() -> None:
    with pytest.raises(TypeError, match="object has no canonical form"):
        canonical({"a": object()})


# Records


def test_a_record_says_who_asked_whom_what_and_when() -> None:
    found = record()
    assert found["partition"] == "aws-cn"
    assert (found["page"], found["pages"]) == (1, 1)
    assert found["answer"]["KeyMetadata"] == {"CreationDate": "2026-01-01T00:00:00Z", "KeyId": "k0"}
    assert {"endpoint", "account", "region", "caller", "operation", "parameters", "request_id", "server_date", "at"} < {
        *found
    }


def test_pages_of_one_list_are_counted_together() -> None:
    pages = [call(0, operation=LIST, parameters={}), call(1, operation=LIST, parameters={}, page=2), call(2)]
    found = [json.loads(line) for line in records(pages, b"key")]
    assert [(one["page"], one["pages"]) for one in found] == [(1, 2), (2, 2), (1, 1)]


def test_a_gap_in_the_numbers_of_calls_is_refused() -> None:
    with pytest.raises(ValueError, match="call 1 has number 2"):
        list(records([call(0), call(2)], b"key"))


PEM = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQ\n-----END EC PRIVATE KEY-----"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl"
AWS_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

HIDDEN = {
    "by name": {"MasterPassword": SECRET},
    "in a list": {"AuthTokens": [SECRET]},
    "in a pair": {"Environment": [{"Name": "DB_PASSWORD", "Value": SECRET}]},
    "in a tag": [{"Key": "secret", "Value": SECRET}],
    "in JSON": {"SettingList": json.dumps({"a": [{"clientSecret": SECRET}]})},
    "in base64": {"UserData": base64.b64encode(f"export DB_PASSWORD={SECRET}".encode()).decode()},
    "in JSON in base64": {"UserData": base64.b64encode(json.dumps({"token": SECRET}).encode()).decode()},
    "in a URL": {"Location": f"https://ada:{SECRET}@example.com/"},
    "in a setting": {"Options": f"host=db;password={SECRET};port=1"},
    "private key": {"Note": f"{PEM}{SECRET}"},
    "web token": {"Header": f"Bearer {TOKEN} {SECRET}"},
    "access key": {"Note": f"{AWS_KEY} {SECRET}"},
    "name itself": {f"https://ada:{SECRET}@example.com/": 1},
}


@pytest.mark.parametrize("value", HIDDEN.values(), ids=HIDDEN.keys())
def test_a_secret_is_in_no_file_and_its_path_is_named(value: Any, tmp_path: Path, signer: LocalSigner) -> None:
    calls = [call(0, answer={"Kept": value}, parameters={"Given": value})]
    folder = write(tmp_path, of(calls), calls, signer)
    kept = json.loads((folder / RECORDS).read_bytes())
    (written,) = {one["hmac_sha256"] for one in kept["redacted"] if one["path"].startswith("/answer")}
    assert len(written) == 64
    assert REDACTED in json.dumps(kept["answer"]) or "[redacted " in json.dumps(kept["answer"])
    for file in tmp_path.rglob("*"):
        if file.is_file():
            text = file.read_bytes()
            assert SECRET.encode() not in text
            assert base64.b64encode(SECRET.encode())[:-4] not in text
    assert verify(folder, [signer.public_key()]).proven


NO_SECRETS = {
    "reference": {"SecretArn": "arn:aws:secretsmanager:eu-west-1:1:secret:a", "secretName": "api-keys"},
    "IMDSv2": {"HttpTokens": "required"},
    "condition": {"Policy": json.dumps({"kms:EncryptionContext:SecretARN": "arn:aws:x", "aws:TokenIssueTime": "t"})},
    "number": {"MinimumPasswordLength": 14, "ManageMasterUserPassword": True},
    "hex": {"Thumbprint": "9e99a48a9960b14926bb7f3b02e22da2b0ab7280"},
    "tag": [{"Key": "payment-cell:use", "Value": "subject-keys"}],
    "what a reader left": {"a": "-----BEGIN RSA PRIVATE KEY-----", "b": "://[user]:[secret]@"},
}


@pytest.mark.parametrize("value", NO_SECRETS.values(), ids=NO_SECRETS.keys())
def test_what_clauses_read_is_not_taken_for_a_secret(value: Any) -> None:
    redaction = Redaction(b"key")
    assert redaction.of(value) == value
    assert redaction.taken == []


def test_no_field_that_clauses_read_is_taken_for_a_secret_by_its_name() -> None:
    readers()
    session = botocore.session.get_session()
    taken = set()
    for question in QUESTIONS.values():
        model = session.get_service_model(question.service)
        name = next(one for one in model.operation_names if botocore.xform_name(one) == question.operation)
        answer = kept(question, example(model.operation_model(name).output_shape))
        redaction = Redaction(b"key")
        redaction.of(answer)
        taken |= {(question.name, one["path"].rpartition("/")[2]) for one in redaction.taken}
    # Of a web ACL: a token that a change of it must show; no reader looks at it.
    assert taken == {("wafv2:ListWebAcls", "LockToken")}


def example(shape: Any, above: tuple[str, ...] = ()) -> Any:
    """An answer of a shape, in which each text is one."""
    if shape.name in above:
        return None
    above = (*above, shape.name)
    match shape.type_name:
        case "structure":
            return {name: example(member, above) for name, member in shape.members.items()}
        case "list":
            return [example(shape.member, above)]
        case "map":
            return {"name": example(shape.value, above)}
        case "string":
            return "text"
    return 1


@given(VALUES, st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=12), VALUES)
def test_redaction_finds_a_telling_name_at_any_depth(before: Any, secret: str, after: Any) -> None:
    redaction = Redaction(b"key")
    hidden = {"a": [before, {"b": {"db_password": secret}}], "c": after}
    redacted = redaction.of(json.loads(canonical(hidden)))
    assert redacted["a"][1]["b"]["db_password"] == REDACTED
    assert "/a/1/b/db_password" in {one["path"] for one in redaction.taken}


def test_only_who_has_the_key_of_a_redaction_can_guess_its_value(tmp_path: Path, signer: LocalSigner) -> None:
    calls = [call(0, answer={"password": SECRET})]
    digests = set()
    for name in ("a", "b"):
        folder = write(tmp_path, of(calls, id=name), calls, signer)
        ((one,),) = ([entry["hmac_sha256"] for entry in json.loads((folder / RECORDS).read_bytes())["redacted"]],)
        digests.add(one)
        key = tmp_path / f"{name}.redaction-key"
        assert key.stat().st_mode & 0o777 == 0o600
        again = Redaction(bytes.fromhex(key.read_text()))
        again.of({"password": SECRET})
        assert again.taken[0]["hmac_sha256"] == one
    assert len(digests) == 2


# The bundle


def test_a_bundle_is_for_its_owner_only_and_whole(made: Path) -> None:
    assert {file.name for file in made.iterdir()} == set(FILES)
    assert made.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in made.iterdir()} == {0o600}
    assert [path.name for path in made.parent.iterdir() if path.name.startswith(".")] == []


def test_a_bundle_is_never_written_over(made: Path, signer: LocalSigner) -> None:
    before = (made / HEAD).read_bytes()
    with pytest.raises(CellError, match="never written twice"):
        write(made.parent, of(CALLS), CALLS, signer)
    assert (made / HEAD).read_bytes() == before


@pytest.mark.parametrize("name", ["../outside", "a/b", ".hidden", "", "a\n"])
def test_the_id_of_an_audit_leads_out_of_no_folder(name: str, tmp_path: Path, signer: LocalSigner) -> None:
    with pytest.raises(ValueError, match="names a folder"):
        write(tmp_path, of(CALLS, id=name), CALLS, signer)


def test_a_bundle_that_cannot_be_signed_leaves_nothing(tmp_path: Path) -> None:
    class Refusing:
        key_id = "x"

        def public_key(self) -> bytes:
            raise CellError("no key")

        def sign(self, sha256: bytes) -> bytes:
            raise AssertionError(sha256)

    with pytest.raises(CellError, match="no key"):
        write(tmp_path, of(CALLS), CALLS, Refusing())
    assert list(tmp_path.iterdir()) == []


def test_an_audit_that_rests_on_other_calls_is_not_written(tmp_path: Path, signer: LocalSigner) -> None:
    with pytest.raises(ValueError, match=r"answers\[0\] rests on record 1; there are 1"):
        write(tmp_path, of(CALLS[:1], answers=(answer(Status.PASS),)), CALLS[:1], signer)
    with pytest.raises(ValueError, match=r"calls\.by_operation has 5 of 'kms:DescribeKey', the records 4"):
        write(tmp_path, of(CALLS), CALLS[:5], signer)


def test_the_head_covers_what_could_change_an_answer(made: Path) -> None:
    head = json.loads((made / HEAD).read_bytes())
    assert head["tool"]["states"] == {"eu-west-1": "ab" * 32}
    assert head["thresholds"]["KEY-03.MAX_ROTATION_DAYS"] == 365
    assert head["records"]["count"] == len(CALLS)
    assert [one["id"] for one in head["exceptions"]] == ["EX-1"]
    assert [one["file"] for one in head["attestations"]] == ["attestations/access-review.yaml"]
    assert {"scope", "populations", "started", "ended", "clock_skew_s", "emulated", "previous", "format"} < {*head}


# Verification


def test_an_intact_bundle_is_proven_with_the_key_and_unproven_without(made: Path, signer: LocalSigner) -> None:
    proven = verify(made, [signer.public_key()])
    assert (proven.verdict, proven.signer) == ("intact, author proven", fingerprint(signer.public_key()))
    assert (proven.records, proven.audit) == (len(CALLS), "20261129T060000Z-eu-west-1")
    unproven = verify(made)
    assert (unproven.verdict, unproven.proven) == ("intact, author unproven", False)


@st.composite
def random_calls(draw: st.DrawFn) -> list[Call]:
    count = draw(st.integers(2, 6))
    return [
        call(number, answer={"Kept": draw(VALUES)}, parameters=draw(st.dictionaries(NAMES, VALUES, max_size=2)))
        for number in range(count)
    ]


@settings(max_examples=15, deadline=None)
@given(calls=random_calls(), data=st.data())
def test_any_flipped_bit_in_any_file_is_found(calls: list[Call], data: st.DataObject, signer: LocalSigner) -> None:
    with tempfile.TemporaryDirectory() as there:
        folder = write(Path(there), of(calls), calls, signer)
        assert verify(folder, [signer.public_key()]).proven
        for name in FILES:
            written = (folder / name).read_bytes()
            for _ in range(5):
                changed = bytearray(written)
                changed[data.draw(PLACES) % len(written)] ^= 1 << data.draw(st.integers(0, 7))
                (folder / name).write_bytes(changed)
                assert broken(folder, signer), name
            (folder / name).write_bytes(written)


@settings(max_examples=25, deadline=None)
@given(calls=random_calls(), data=st.data())
def test_the_first_record_that_is_changed_is_named(calls: list[Call], data: st.DataObject, signer: LocalSigner) -> None:
    with tempfile.TemporaryDirectory() as there:
        folder = write(Path(there), of(calls), calls, signer)
        number = data.draw(st.integers(0, len(calls) - 1))
        lines = (folder / RECORDS).read_bytes().splitlines(keepends=True)
        first = _changed(lines, number, data)
        (folder / RECORDS).write_bytes(b"".join(lines))
        for key in (signer, None):
            assert broken(folder, key).startswith(f"records.ndjson: record {first} ")


def _changed(lines: list[bytes], number: int, data: st.DataObject) -> int:
    """Does something to a record; returns the number of the first one that is not where it was."""
    match data.draw(st.sampled_from(["flip", "remove", "repeat", "swap", "cut", "add"])):
        case "flip":
            changed = bytearray(lines[number])
            changed[data.draw(PLACES) % (len(changed) - 1)] ^= 1
            lines[number] = bytes(changed)
        case "remove":
            del lines[number]
        case "repeat":
            lines.insert(number, lines[number])
            return number + 1
        case "swap":
            other = data.draw(st.integers(0, len(lines) - 1).filter(lambda one: one != number))
            lines[number], lines[other] = lines[other], lines[number]
            return min(number, other)
        case "cut":
            cut = data.draw(PLACES) % len(lines[number])
            lines[number:] = [lines[number][:cut]]
        case "add":
            lines.append(b'{"number":99}\n')
            return len(lines) - 1
    return number


def test_a_record_taken_out_of_the_chain_as_well_is_named(made: Path, signer: LocalSigner) -> None:
    for name in (RECORDS, CHAIN):
        rewritten(made, name, lambda lines: lines.pop(2))
    assert broken(made, signer) == "chain.ndjson: link of record 2 is not there, but that of 3"


def test_a_chain_that_was_made_anew_does_not_end_as_the_head_says(made: Path, signer: LocalSigner) -> None:
    _forged(made, {"operation": DESCRIBE, "answer": "none"})
    assert broken(made, signer) == "chain.ndjson: its last link, 5, is not the one in head.json"


def test_a_bundle_that_was_made_anew_as_a_whole_is_signed_by_a_stranger(signer: LocalSigner, tmp_path: Path) -> None:
    forged = write(tmp_path / "forged", of(CALLS), CALLS, LocalSigner(tmp_path / "other.pem"))
    assert verify(forged).verdict == "intact, author unproven"
    assert broken(forged, signer).startswith("head.sig: made by none of the given keys (")


def _forged(folder: Path, about: dict[str, Any]) -> None:
    """Puts another record in the place of record 1, and makes the chain fit."""
    rewritten(folder, RECORDS, lambda lines: lines.__setitem__(1, canonical({**about, "number": 1}) + b"\n"))
    last = bytes.fromhex(json.loads((folder / CHAIN).read_bytes().splitlines()[0])["link"])
    lines = [(folder / CHAIN).read_bytes().splitlines()[0]]
    for number, line in enumerate((folder / RECORDS).read_bytes().splitlines()[1:], 1):
        last = link(last, digest(line))
        lines.append(canonical({"number": number, "sha256": digest(line), "link": last.hex()}))
    (folder / CHAIN).write_bytes(b"".join(line + b"\n" for line in lines))


def test_the_signature_is_that_of_the_head_for_any_other_tool(made: Path, signer: LocalSigner) -> None:
    key = load_pem_public_key(signer.public_key())
    assert isinstance(key, ec.EllipticCurvePublicKey)
    signature = bytes.fromhex(json.loads((made / SIGNATURE).read_bytes())["signature"])
    key.verify(signature, (made / HEAD).read_bytes(), ec.ECDSA(SHA256()))


def test_retired_keys_verify_old_bundles(made: Path, signer: LocalSigner, tmp_path: Path) -> None:
    newer = LocalSigner(tmp_path / "newer.pem")
    assert verify(made, [newer.public_key(), signer.public_key()]).proven


def resigned(folder: Path, signer: LocalSigner, **changed: Any) -> None:
    """A head with other members, signed again by the same key: only what it says can give it away."""
    head = canonical({**json.loads((folder / HEAD).read_bytes()), **changed})
    (folder / HEAD).write_bytes(head)
    _sign(folder, head, signer)


def _sign(folder: Path, head: bytes, signer: LocalSigner) -> None:
    signature = signer.sign(bytes.fromhex(digest(head))).hex()
    (folder / SIGNATURE).write_bytes(canonical({"head_sha256": digest(head), "signature": signature}))


WRONG_HEADS: dict[str, tuple[dict[str, Any], str]] = {
    "format": ({"format": 2}, "head.json: format 2, this tool reads 1"),
    "answers": ({"answers": {"pass": 2}}, "audit.json: its answers is not as head.json says"),
    "emulated": ({"emulated": False}, "audit.json: its emulated is not as head.json says"),
    "thresholds": ({"thresholds": {}}, "audit.json: its thresholds is not as head.json says"),
    "audit": ({"audit_sha256": "0" * 64}, "audit.json: is not the one in head.json"),
    "count": ({"records": {"count": 7, "last_link": ""}}, "chain.ndjson: ends before record 6, head.json counts 7"),
    "key": ({"key": {"fingerprint": "0" * 64}}, "head.json: names another key than the one that signed it"),
    "shape": ({"records": []}, "head.json or audit.json: not shaped as an audit's (TypeError)"),
}


@pytest.mark.parametrize(("changed", "said"), WRONG_HEADS.values(), ids=WRONG_HEADS.keys())
def test_a_head_that_does_not_fit_is_found_though_it_is_signed(
    changed: dict[str, Any], said: str, made: Path, signer: LocalSigner
) -> None:
    resigned(made, signer, **changed)
    assert broken(made, signer) == said


def test_an_answer_without_its_record_is_found(made: Path, signer: LocalSigner) -> None:
    found = json.loads((made / AUDIT).read_bytes())
    found["answers"][1]["observed"][0]["evidence"] = [1, 6]
    (made / AUDIT).write_bytes(canonical(found))
    resigned(made, signer, audit_sha256=digest(canonical(found)))
    assert broken(made, signer) == "audit.json: answers[1] rests on record 6; there are 6"


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(name: str, made: Path, signer: LocalSigner) -> None:
    (made / name).unlink()
    assert broken(made, signer, now=datetime(2026, 12, 1, tzinfo=UTC)).startswith(f"{name}: missing")


def test_a_file_too_many_is_named(made: Path, signer: LocalSigner) -> None:
    (made / "note\x1b[2J.txt").write_text("hello")
    assert broken(made, signer) == r"'note\x1b[2J.txt': does not belong to a bundle"


def test_records_may_go_after_their_time_and_the_chain_stands(made: Path, signer: LocalSigner) -> None:
    (made / RECORDS).unlink()
    ended = datetime(2026, 11, 29, 6, 1, 30, tzinfo=UTC)
    early = broken(made, signer, now=ended + timedelta(days=KEPT_DAYS, seconds=-1))
    assert early == "records.ndjson: missing before '2028-01-03T06:01:30Z', until when it is kept"
    late = verify(made, [signer.public_key()], now=ended + timedelta(days=KEPT_DAYS))
    assert late.proven
    assert "records.ndjson: removed after its time; 6 digests are left of it" in late.findings


def test_the_audit_before_is_known_by_its_head(made: Path, signer: LocalSigner, tmp_path: Path) -> None:
    key = [signer.public_key()]
    before = digest((made / HEAD).read_bytes())
    assert verify(made, key).head == before
    second = write(tmp_path, of(CALLS, id="second", previous=before), CALLS, signer)
    assert verify(second, key, previous=made).proven
    assert any(one.startswith("previous audit: not given") for one in verify(second, key).findings)
    third = write(tmp_path, of(CALLS, id="third", previous=digest((second / HEAD).read_bytes())), CALLS, signer)
    skipped = "head.json: previous is another audit than the given one, '20261129T060000Z-eu-west-1'"
    assert broken(third, signer, previous=made) == skipped
    stranger = LocalSigner(tmp_path / "stranger.pem")
    assert broken(second, stranger, previous=made).startswith("head.sig: made by none")


def test_a_clock_that_is_off_is_told(tmp_path: Path, signer: LocalSigner) -> None:
    calls = [call(0, skew_s=-6.0)]
    found = verify(write(tmp_path, of(calls), calls, signer), [signer.public_key()])
    assert found.proven
    assert "clock skew: 6 s between AWS and the auditor, more than 5 s: times are doubtful" in found.findings
    calls = [call(0, skew_s=5.0)]
    found = verify(write(tmp_path, of(calls, id="good"), calls, signer), [signer.public_key()])
    assert [one for one in found.findings if one.startswith("clock")] == []


def test_an_emulated_bundle_says_so(made: Path, signer: LocalSigner, tmp_path: Path) -> None:
    found = verify(made, [signer.public_key()])
    assert found.emulated
    assert found.findings[0].startswith("emulated:")
    scope = of(CALLS).scope.model_copy(update={"emulated": False})
    real = verify(write(tmp_path, of(CALLS, id="real", scope=scope), CALLS, signer))
    assert not real.emulated
    assert [one.split(":")[0] for one in real.findings] == ["signing key"]


# Bundles made by an enemy


@pytest.mark.parametrize("name", FILES)
def test_links_out_of_a_bundle_are_not_followed(name: str, made: Path, tmp_path: Path) -> None:
    shutil.move(made / name, tmp_path / "elsewhere")
    (made / name).symlink_to(tmp_path / "elsewhere")
    assert broken(made) == f"{name}: no plain file"


def test_a_pipe_in_a_bundle_keeps_nobody_waiting(made: Path) -> None:
    (made / HEAD).unlink()
    os.mkfifo(made / HEAD)
    assert broken(made) == "head.json: no plain file"


HOSTILE = {
    "no JSON": (b"{", "head.json: no JSON"),
    "no text": (b"\xff\xfe", "head.json: no JSON"),
    "deep": (b"[" * 100_000 + b"]" * 100_000, "head.json: more than 100 levels"),
    "rather deep": (b"[" * 200 + b"]" * 200, "head.json: more than 100 levels"),
    "spaces": (b'{"format": 1}', "head.json: not in canonical form"),
    "repeated names": (b'{"a":1,"a":1}', "head.json: not in canonical form"),
    "not a number": (b'{"a":NaN}', "head.json: not in canonical form"),
    "half a character": (b'{"a":"\\ud800"}', "head.json: not in canonical form"),
    "long number": (b"1" * 5000, "head.json: no JSON"),
    "large number": (b"9007199254740993", "head.json: not in canonical form"),
    "list": (b"[]", "head.json: is not the one"),
    "empty": (b"", "head.json: no JSON"),
}


@pytest.mark.parametrize(("data", "said"), HOSTILE.values(), ids=HOSTILE.keys())
def test_a_malformed_document_is_told_as_such(data: bytes, said: str, made: Path) -> None:
    (made / HEAD).write_bytes(data)
    assert broken(made).startswith(said)


@given(
    name=st.sampled_from(FILES),
    data=st.binary(max_size=40)
    | st.recursive(
        st.none() | st.integers(-9, 9) | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["format", "records", "number", "sha256", "link", "audit"]), inner, max_size=4
            )
        ),
    ).map(canonical),
)
@settings(max_examples=60, deadline=None)
def test_no_content_of_a_file_makes_verification_fail_otherwise(
    name: str, data: bytes, signer: LocalSigner, whole: Path
) -> None:
    with tempfile.TemporaryDirectory() as there:
        folder = shutil.copytree(whole, Path(there) / "b")
        (folder / name).write_bytes(data)
        assert broken(folder, signer)
        if name == HEAD:
            # As whoever holds the key could make it.
            _sign(folder, data, signer)
            assert broken(folder, signer)


def test_a_line_without_end_is_not_read_to_its_end(made: Path) -> None:
    rewritten(made, CHAIN, lambda lines: lines.insert(0, b"1" * 5000))
    assert broken(made) == "chain.ndjson: link 0 is longer than it may be"


def test_a_file_that_is_too_long_is_not_read(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("operations.audit.evidence.verify.MAX_AUDIT_BYTES", 10)
    assert broken(made) == "audit.json: more than 10 bytes"
    with (made / HEAD).open("ab") as head:
        head.truncate(2**30)
    assert broken(made) == "head.json: more than 16,777,216 bytes"


def test_what_could_not_be_verified_is_not_written(
    tmp_path: Path, signer: LocalSigner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("operations.audit.evidence.bundle.MAX_AUDIT_BYTES", 10)
    with pytest.raises(ValueError, match="more than 10 that can be verified"):
        write(tmp_path, of(CALLS), CALLS, signer)
    monkeypatch.setattr("operations.audit.evidence.records.MAX_RECORD_BYTES", 10)
    with pytest.raises(ValueError, match=r"record 0: .* bytes, more than 10"):
        write(tmp_path, of(CALLS), CALLS, signer)
    assert list(tmp_path.iterdir()) == []


# Keys


def test_a_local_key_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "key.pem"
    first = LocalSigner(file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert LocalSigner(file).public_key() == first.public_key()
    assert list(public_keys([file.with_name("key.pem.pub")])) == [first.public_key().strip()]
    file.chmod(0o640)
    with pytest.raises(CellError, match="others may read the key"):
        LocalSigner(file)


@pytest.mark.parametrize("content", [b"", b"nonsense", PEM.encode()])
def test_what_is_no_private_key_does_not_sign(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(content)
    file.chmod(0o600)
    with pytest.raises(CellError, match="no private key of curve P-256"):
        LocalSigner(file)


def test_only_public_keys_of_the_curve_are_taken(tmp_path: Path, signer: LocalSigner) -> None:
    other = (
        ed25519.Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    for content, said in ((other, "curve P-256"), (PEM.encode(), "no public key"), (b"", "no public key")):
        (tmp_path / "k").write_bytes(content)
        with pytest.raises(CellError, match=said):
            list(public_keys([tmp_path / "k"]))
    (tmp_path / "two").write_bytes(signer.public_key() + LocalSigner(tmp_path / "b").public_key())
    assert len(list(public_keys([tmp_path / "two"]))) == 2


@pytest.fixture
def kms_client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setattr(urls, "url_paths", dict(urls.url_paths))
    monkeypatch.setattr(models, "generate_key_id", models.generate_key_id)
    kms.install()
    with mock_aws():
        yield boto3.client("kms", region_name="eu-west-1")


def test_a_key_of_kms_signs_by_arn_and_by_alias(kms_client: Any, tmp_path: Path, signer: LocalSigner) -> None:
    made = kms_client.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]
    kms_client.create_alias(AliasName="alias/evidence", TargetKeyId=made["KeyId"])
    for name in (made["Arn"], "alias/evidence"):
        by_kms = KmsSigner(kms_client, name)
        folder = write(tmp_path, of(CALLS, id=name.rpartition("/")[2]), CALLS, by_kms)
        assert verify(folder, [by_kms.public_key()]).proven
        assert broken(folder, signer).startswith("head.sig: made by none")
        head = json.loads((folder / HEAD).read_bytes())
        assert head["key"]["fingerprint"] == fingerprint(by_kms.public_key())


def test_the_emulator_signs_a_digest_as_it_is_and_refuses_one_of_another_length(kms_client: Any) -> None:
    about = {
        "KeyId": kms_client.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"],
        "SigningAlgorithm": "ECDSA_SHA_256",
    }
    key = load_der_public_key(kms_client.get_public_key(KeyId=about["KeyId"])["PublicKey"])
    assert isinstance(key, ec.EllipticCurvePublicKey)
    for type_, message in (("RAW", b"head"), ("DIGEST", bytes.fromhex(digest(b"head")))):
        signed = kms_client.sign(Message=message, MessageType=type_, **about)["Signature"]
        key.verify(signed, b"head", ec.ECDSA(SHA256()))
    with pytest.raises(ClientError, match="Digest is invalid length for algorithm ECDSA_SHA_256"):
        kms_client.sign(Message=b"head", MessageType="DIGEST", **about)


def test_another_kind_of_kms_key_is_refused(kms_client: Any) -> None:
    symmetric = kms_client.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    with pytest.raises(CellError, match="RSA_2048 for SIGN_VERIFY; give a key of ECC_NIST_P256") as caught:
        KmsSigner(kms_client, symmetric)
    assert caught.value.code is ExitCode.CONFIGURATION
    with pytest.raises(CellError, match="kms get_public_key: NotFoundException"):
        KmsSigner(kms_client, "alias/none")


# Audits one after the other


def test_the_newest_bundle_is_the_one_that_the_next_audit_names(tmp_path: Path, signer: LocalSigner) -> None:
    assert latest_head(tmp_path / "none") == ""
    assert gaps(tmp_path / "none") == ()
    for day in (1, 2, 3):
        previous = latest_head(tmp_path)
        of_day = of(CALLS, id=f"day-{day}", ended=f"2026-11-0{day}T00:00:00Z", previous=previous)
        folder = write(tmp_path, of_day, CALLS, signer)
        assert latest_head(tmp_path) == digest((folder / HEAD).read_bytes()) != previous
    assert gaps(tmp_path) == ()


def test_an_audit_that_was_taken_away_shows_as_a_gap(tmp_path: Path, signer: LocalSigner) -> None:
    heads = [""]
    for day in (1, 2, 3):
        of_day = of(CALLS, id=f"day-{day}", ended=f"2026-11-0{day}T00:00:00Z", previous=heads[-1])
        heads.append(digest((write(tmp_path, of_day, CALLS, signer) / HEAD).read_bytes()))
    shutil.rmtree(tmp_path / "day-2")
    assert gaps(tmp_path) == (f"day-3: the audit before it, {heads[2][:16]}, is not here",)
    write(tmp_path, of(CALLS, id="anew", ended="2026-11-04T00:00:00Z"), CALLS, signer)
    write(tmp_path, of(CALLS, id="fork", ended="2026-11-05T00:00:00Z", previous=heads[2]), CALLS, signer)
    (tmp_path / "day-1" / HEAD).write_text("{")
    assert gaps(tmp_path) == (
        "day-1: head.json: no JSON (JSONDecodeError): no bundle that can be read",
        f"day-3: the audit before it, {heads[2][:16]}, is not here",
        "anew: names no audit before it, and day-3 was there",
        f"fork: the audit before it, {heads[2][:16]}, is not here",
        f"day-3, fork: all follow {heads[2][:16]}",
    )


# What could change an answer


def test_thresholds_are_the_constants_of_the_controls() -> None:
    found = thresholds()
    assert found["KEY-03.MAX_ROTATION_DAYS"] == 365
    assert found["KEY-05.LONGEST_DAYS"] == 30
    assert list(found) == sorted(found)


def test_the_tool_is_known_by_what_is_on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    project = Project(Path(bundle.__file__).parents[3])
    states = {"dev": [{"urn": "a", "outputs": {"big": 2**60}}]}
    found = tool(project, states)
    assert found.lock == digest((project.root / LOCK_FILE).read_bytes())
    assert found.states != tool(project, {"dev": [{"urn": "b"}]}).states
    assert len({found.catalogue, found.packs, found.lock}) == 3
    monkeypatch.setenv("PATH", "")
    assert tool(project, states) == replace_git(found)


def replace_git(found: Any) -> Any:
    """As it would be without git."""
    return found.model_copy(update={"commit": "", "dirty": False})


def test_any_change_of_a_file_changes_the_digest_of_its_folder(tmp_path: Path) -> None:
    (tmp_path / "a" / "__pycache__").mkdir(parents=True)
    (tmp_path / "a" / "x.py").write_text("1")
    before = tree(tmp_path, ["a"])
    (tmp_path / "a" / "__pycache__" / "x.pyc").write_text("1")
    assert tree(tmp_path, ["a"]) == before
    (tmp_path / "a" / "x.py").rename(tmp_path / "a" / "y.py")
    renamed = tree(tmp_path, ["a"])
    (tmp_path / "a" / "y.py").write_text("2")
    assert len({before, renamed, tree(tmp_path, ["a"])}) == 3


# The document and the command


def test_the_document_names_tests_that_exist() -> None:
    text = (Path(bundle.__file__).parents[3] / "docs" / "evidence.md").read_text(encoding="utf-8")
    named = re.findall(r"`(test_\w+)`", text)
    assert len(named) >= 10
    others = (vars(importlib.import_module(name)) for name in ("test_audit_anchor", "test_audit_recoveries"))
    there = {*globals(), *(name for other in others for name in other)}
    assert [name for name in named if name not in there] == []


@pytest.fixture
def run(signer: LocalSigner, tmp_path: Path) -> Callable[..., Any]:
    app = typer.Typer()
    app.command()(verify_command)
    (tmp_path / "key.pub").write_bytes(signer.public_key())
    return lambda *arguments: CliRunner().invoke(app, [*map(str, arguments)])


def test_the_command_succeeds_only_for_a_proven_bundle(run: Callable[..., Any], made: Path, tmp_path: Path) -> None:
    proven = run(made, "--key", tmp_path / "key.pub", "-o", "json")
    assert (proven.exit_code, json.loads(proven.stdout)["verdict"]) == (ExitCode.OK, "intact, author proven")
    unproven = run(made)
    assert unproven.exit_code == ExitCode.ERROR
    assert "intact, author unproven" in unproven.stdout
    rewritten(made, RECORDS, lambda lines: lines.pop(3))
    tampered = run(made, "--key", tmp_path / "key.pub")
    assert tampered.exit_code == ExitCode.ERROR
    assert "records.ndjson: record 3 is not the one that was chained" in tampered.stdout


def test_the_command_tells_bad_input_from_a_broken_bundle(run: Callable[..., Any], made: Path, tmp_path: Path) -> None:
    for arguments in ((tmp_path / "none",), (made, "--key", made / HEAD), (made, "--previous", tmp_path / "none")):
        error = run(*arguments).exception
        assert isinstance(error, CellError)
        assert error.code is ExitCode.CONFIGURATION


def test_a_hostile_bundle_writes_nothing_to_a_terminal(
    run: Callable[..., Any], tmp_path: Path, signer: LocalSigner
) -> None:
    calls = [replace(one, operation="[red]\x1b[2J") for one in CALLS]
    folder = write(tmp_path / "e", of(calls), calls, signer)
    found = json.loads((folder / AUDIT).read_bytes())
    found["id"] = "[red]\x1b[2J\x07"
    (folder / AUDIT).write_bytes(canonical(found))
    resigned(folder, signer, audit=found["id"], audit_sha256=digest(canonical(found)))
    shown = run(folder, "--key", tmp_path / "key.pub")
    assert "\x1b" not in shown.stdout
    assert "\x07" not in shown.stdout
