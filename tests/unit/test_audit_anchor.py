"""The head of a bundle as an object under compliance lock: whatever is done to receipt or object is found."""

import io
import json
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from audit_samples import audit
from botocore.exceptions import ClientError, EndpointConnectionError
from hypothesis import given, settings
from hypothesis import strategies as st
from moto.server import ThreadedMotoServer
from test_audit_evidence import CALLS, VALUES, of
from typer.testing import CliRunner

from operations.audit import command, conduct
from operations.audit.evidence.anchor import PROMPT_S, RETAINED_DAYS, Anchor, Target
from operations.audit.evidence.bundle import ANCHOR, FILES, HEAD, SIGNATURE, write
from operations.audit.evidence.canonical import canonical, digest
from operations.audit.evidence.signing import LocalSigner
from operations.audit.evidence.verify import Verified, verify
from operations.audit.rights import NEVER, audit_policy
from operations.errors import CellError, ExitCode

LOCKED, PLAIN, OWN = "heads-under-lock", "without-lock", "bucket-of-the-operator"

TARGET = Target(bucket=LOCKED, prefix="audits/")

NOT_ASKED = "anchored according to its receipt, not asked"


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    # Over HTTP, where answers have a date.
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        client = boto3.client("s3")
        for bucket in (LOCKED, OWN):
            client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
        client.create_bucket(Bucket=PLAIN)
        yield client
    server.stop()


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> LocalSigner:
    return LocalSigner(tmp_path_factory.mktemp("key") / "key.pem")


def bundle_of(folder: Path, signer: LocalSigner, *, ended_ago_s: int = 0) -> Path:
    ended = datetime.now(UTC) - timedelta(seconds=ended_ago_s)
    return write(folder, of(CALLS, ended=f"{ended:%Y-%m-%dT%H:%M:%SZ}"), CALLS, signer)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, signer: LocalSigner, s3: Any) -> Path:
    folder = bundle_of(tmp_path_factory.mktemp("whole"), signer)
    Anchor(TARGET, s3).put(folder)
    return folder


@pytest.fixture
def made(whole: Path, tmp_path: Path) -> Path:
    return shutil.copytree(whole, tmp_path / "evidence" / whole.name)


def verified(folder: Path, signer: LocalSigner, s3: Any = None, target: Target = TARGET) -> Verified:
    return verify(folder, [signer.public_key()], anchor=Anchor(target, s3) if s3 else None)


def receipt(folder: Path) -> dict[str, Any]:
    return json.loads((folder / ANCHOR).read_bytes())  # type: ignore[no-any-return]


def rewritten(folder: Path, **changed: Any) -> None:
    (folder / ANCHOR).write_bytes(canonical({**receipt(folder), **changed}))


class Refusing:
    """S3, as it answers whoever may not."""

    def __init__(self, error: Exception | str) -> None:
        self.error = ClientError({"Error": {"Code": error}}, "any") if isinstance(error, str) else error

    def __getattr__(self, _: str) -> Any:
        def refused(**_: Any) -> Any:
            raise self.error

        return refused


OFF = EndpointConnectionError(endpoint_url="https://s3.invalid")


# Putting


def test_the_signed_head_is_put_under_a_compliance_lock(whole: Path, s3: Any) -> None:
    told = receipt(whole)
    found = s3.get_object(Bucket=told["bucket"], Key=told["key"], VersionId=told["version_id"])
    body = found["Body"].read()
    assert json.loads(body) == {
        "head": json.loads((whole / HEAD).read_bytes()),
        "signature": json.loads((whole / SIGNATURE).read_bytes()),
    }
    assert (found["ObjectLockMode"], digest(body)) == ("COMPLIANCE", told["sha256"])
    assert (
        timedelta(0)
        <= datetime.now(UTC) + timedelta(days=RETAINED_DAYS) - found["ObjectLockRetainUntilDate"]
        < (timedelta(minutes=10))
    )
    head = digest((whole / HEAD).read_bytes())
    assert told["key"] == f"audits/{whole.name}-{head[:16]}.json"


def test_the_receipt_is_for_its_owner_only_and_the_bundle_is_as_it_was(whole: Path, signer: LocalSigner) -> None:
    assert {file.name for file in whole.iterdir()} == {*FILES, ANCHOR}
    assert (whole / ANCHOR).stat().st_mode & 0o777 == 0o600
    found = verified(whole, signer)
    assert found.proven
    assert (found.anchor.text, found.anchor.compared) == (NOT_ASKED, False)


def test_a_receipt_is_never_written_over(made: Path, s3: Any) -> None:
    before = (made / ANCHOR).read_bytes()
    with pytest.raises(CellError, match=r"version .* is there, .*anchor\.json is not: File exists"):
        Anchor(TARGET, s3).put(made)
    assert (made / ANCHOR).read_bytes() == before
    assert [file.name for file in made.parent.iterdir()] == [made.name]


@pytest.mark.parametrize("error", ["AccessDenied", "InvalidRequest", OFF])
def test_a_refused_put_leaves_the_bundle_whole_and_says_not_anchored(
    error: Exception | str, tmp_path: Path, signer: LocalSigner
) -> None:
    folder = bundle_of(tmp_path, signer)
    with pytest.raises(CellError, match=f"not anchored: s3://{LOCKED}/audits/.*(AccessDenied|Invalid|connect)") as told:
        Anchor(TARGET, Refusing(error)).put(folder)
    assert told.value.code is ExitCode.RESOURCE
    found = verified(folder, signer)
    assert (found.proven, found.anchor.text) == (True, "not anchored")


def test_an_answer_without_a_version_anchors_nothing(tmp_path: Path, signer: LocalSigner) -> None:
    folder = bundle_of(tmp_path, signer)
    unversioned = SimpleNamespace(put_object=lambda **_: {"ResponseMetadata": {"HTTPHeaders": {}}})
    with pytest.raises(CellError, match=r"not anchored: .*: S3 answered without 'VersionId'"):
        Anchor(TARGET, unversioned).put(folder)
    assert not (folder / ANCHOR).exists()


# Before the audit


def test_a_bucket_under_lock_is_good(s3: Any) -> None:
    Anchor(TARGET, s3).check()


@pytest.mark.parametrize(
    ("bucket", "said"),
    [(PLAIN, "the bucket has no Object Lock; give one that has"), ("nobody-has-it", "NoSuchBucket")],
)
def test_a_bucket_that_cannot_lock_is_refused(bucket: str, said: str, s3: Any) -> None:
    with pytest.raises(CellError, match=f"--anchor s3://{bucket}: .*{said}") as told:
        Anchor(Target(bucket=bucket), s3).check()
    assert told.value.code is ExitCode.CONFIGURATION


@pytest.mark.parametrize("error", ["AccessDenied", OFF])
def test_a_bucket_that_could_not_be_asked_is_no_good_bucket(error: Exception | str) -> None:
    with pytest.raises(CellError, match="--anchor s3://heads-under-lock: ") as told:
        Anchor(TARGET, Refusing(error)).check()
    assert told.value.code is ExitCode.RESOURCE


@pytest.mark.parametrize("url", ["heads", "s3://", "s3://UPPER", "s3://a", "https://heads", "s3://heads/\x1b[2J", ""])
def test_what_names_no_bucket_is_refused(url: str) -> None:
    with pytest.raises(CellError, match=r"give s3://BUCKET or s3://BUCKET/PREFIX") as told:
        Target.parse(url)
    assert told.value.code is ExitCode.CONFIGURATION
    assert str(told.value).isprintable()


def test_a_bucket_and_a_prefix_are_read() -> None:
    for url in ("s3://heads-under-lock/audits", "s3://heads-under-lock/audits/"):
        assert Target.parse(url) == TARGET
    assert Target.parse("s3://heads-under-lock") == Target.parse("s3://heads-under-lock/") == Target(bucket=LOCKED)


# Verifying


def test_an_anchor_that_is_there_is_told_with_its_time_and_place(whole: Path, signer: LocalSigner, s3: Any) -> None:
    found = verified(whole, signer, s3)
    assert (found.proven, found.anchor.compared, found.anchor.findings) == (True, True, ())
    assert (
        f"in s3://{LOCKED}/{receipt(whole)['key']}, locked until {receipt(whole)['retain_until']}" in found.anchor.text
    )


def test_a_bundle_without_a_receipt_is_not_anchored(made: Path, signer: LocalSigner, s3: Any) -> None:
    (made / ANCHOR).unlink()
    found = verified(made, signer, s3)
    assert (found.proven, found.anchor.text, found.anchor.compared) == (True, "not anchored", False)


@pytest.mark.parametrize("name", ["bucket", "key", "version_id", "server_date", "mode", "sha256", "format"])
@settings(max_examples=15, deadline=None)
@given(text=st.text(max_size=40))
def test_any_change_of_a_receipt_is_found(name: str, text: str, whole: Path, signer: LocalSigner, s3: Any) -> None:
    before = (whole / ANCHOR).read_bytes()
    if text == receipt(whole)[name]:
        return
    try:
        rewritten(whole, **{name: text})
        assert verified(whole, signer, s3).broken.startswith(f"{ANCHOR}: ")
    finally:
        (whole / ANCHOR).write_bytes(before)


@settings(max_examples=100, deadline=None)
@given(
    content=st.binary(max_size=60)
    | VALUES.map(canonical)
    | st.tuples(
        st.sampled_from(["server_date", "retain_until", "version_id", "format"]),
        VALUES
        | st.from_regex(r"[A-Z][a-z]{2}, [0-9]{1,12} Nov [0-9]{1,9} [0-9:]{0,12} [+-]?[0-9]{0,12}", fullmatch=True),
    )
)
def test_no_receipt_makes_verification_fail_otherwise(content: Any, whole: Path, signer: LocalSigner) -> None:
    before = (whole / ANCHOR).read_bytes()
    try:
        if isinstance(content, bytes):
            (whole / ANCHOR).write_bytes(content)
            assert verified(whole, signer).broken.startswith(f"{ANCHOR}: ")
        else:
            rewritten(whole, **dict([content]))
            found = verified(whole, signer)
            assert found.broken.startswith(f"{ANCHOR}: ") or found.anchor.text == NOT_ASKED
    finally:
        (whole / ANCHOR).write_bytes(before)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"retain_until": "2099-01-01T00:00:00Z"}, "is locked until .* only"),
        ({"retain_until": "2099-01-01T00:00:00"}, "not shaped as a receipt"),
        ({"server_date": "Sun, 01 Nov 2020 06:00:00 GMT"}, "was put at .*, not when the receipt says"),
        ({"sha256": "0" * 64}, "speaks of another head"),
        ({"bucket": OWN}, "names another place than s3://heads-under-lock/audits/"),
        ({"version_id": "3f0e8c1d-0000-4000-8000-000000000000"}, "has no such version"),
        ({"version_id": 7}, "not shaped as a receipt"),
        ({"mode": "GOVERNANCE"}, "not shaped as a receipt"),
        ({"note": "trust me"}, "not shaped as a receipt"),
    ],
)
def test_what_is_wrong_with_a_receipt_is_said(
    changed: dict[str, Any], said: str, made: Path, signer: LocalSigner, s3: Any
) -> None:
    rewritten(made, **changed)
    assert re.match(rf"anchor\.json: .*{said}", verified(made, signer, s3).broken)


def test_a_head_written_anew_by_whoever_holds_the_key_is_found(
    made: Path, signer: LocalSigner, tmp_path: Path, s3: Any
) -> None:
    forged = write(tmp_path / "forged", of(CALLS, id=made.name, answers=()), CALLS, signer)
    assert verified(forged, signer).proven, "the signature alone does not tell"
    shutil.copy(made / ANCHOR, forged)
    assert verified(forged, signer).broken == "anchor.json: speaks of another head"
    (forged / ANCHOR).unlink()
    Anchor(Target(bucket=OWN, prefix="audits/"), s3).put(forged)
    assert verified(forged, signer).anchor.text == NOT_ASKED
    assert verified(forged, signer, s3).broken.startswith(
        "anchor.json: names another place than s3://heads-under-lock/"
    )


def test_an_object_that_is_another_head_or_not_locked_is_found(made: Path, signer: LocalSigner, s3: Any) -> None:
    told = receipt(made)
    true = s3.get_object(Bucket=LOCKED, Key=told["key"], VersionId=told["version_id"])["Body"].read()
    for body, said in ((b"{}", "holds another head"), (true, "is not under a lock in compliance mode")):
        put = s3.put_object(Bucket=LOCKED, Key=told["key"], Body=body)
        rewritten(made, version_id=put["VersionId"])
        assert verified(made, signer, s3).broken == f"anchor.json: s3://{LOCKED}/{told['key']} {said}"


def test_a_governance_lock_is_no_anchor(made: Path, signer: LocalSigner, s3: Any) -> None:
    told = receipt(made)
    true = s3.get_object(Bucket=LOCKED, Key=told["key"], VersionId=told["version_id"])["Body"].read()
    until = datetime.now(UTC) + timedelta(days=RETAINED_DAYS + 1)
    lock = {"ChecksumAlgorithm": "SHA256", "ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": until}
    rewritten(made, version_id=s3.put_object(Bucket=LOCKED, Key=told["key"], Body=true, **lock)["VersionId"])
    assert verified(made, signer, s3).broken.endswith("is not under a lock in compliance mode")


def test_a_lock_made_longer_is_still_one(made: Path, signer: LocalSigner, s3: Any) -> None:
    told = receipt(made)
    body = s3.get_object(Bucket=LOCKED, Key=told["key"], VersionId=told["version_id"])["Body"].read()
    longer = datetime.now(UTC) + timedelta(days=2 * RETAINED_DAYS)
    answer = {
        "Body": io.BytesIO(body),
        "ObjectLockMode": "COMPLIANCE",
        "ObjectLockRetainUntilDate": longer,
        "LastModified": s3.head_object(Bucket=LOCKED, Key=told["key"], VersionId=told["version_id"])["LastModified"],
    }
    assert verified(made, signer, SimpleNamespace(get_object=lambda **_: answer)).anchor.compared


@pytest.mark.parametrize("error", ["AccessDenied", OFF])
def test_an_anchor_that_could_not_be_asked_is_neither_good_nor_broken(
    error: Exception | str, made: Path, signer: LocalSigner
) -> None:
    found = verified(made, signer, Refusing(error))
    assert (found.broken, found.anchor.compared) == ("", False)
    assert found.anchor.text.startswith("anchored according to its receipt, S3 did not answer: ")


def test_a_head_anchored_long_after_its_audit_is_a_finding(tmp_path: Path, signer: LocalSigner, s3: Any) -> None:
    for name, ago_s, late in (("a", PROMPT_S - 600, False), ("b", PROMPT_S + 7200, True)):
        folder = bundle_of(tmp_path / name, signer, ended_ago_s=ago_s)
        Anchor(TARGET, s3).put(folder)
        found = verified(folder, signer, s3)
        assert found.anchor.compared
        told = "anchor: put 26 h after the audit ended; until then the head could be written anew"
        assert (told in found.findings) is late


def test_the_bundle_before_may_be_anchored_too(made: Path, signer: LocalSigner, tmp_path: Path) -> None:
    second = of(CALLS, id="second", previous=digest((made / HEAD).read_bytes()))
    folder = write(tmp_path / "second", second, CALLS, signer)
    assert verify(folder, [signer.public_key()], previous=made).proven


# The command


def verdict(*arguments: object) -> Any:
    return CliRunner().invoke(command.app, ["verify", *map(str, arguments), "-o", "json"])


@pytest.mark.usefixtures("s3")
def test_the_command_succeeds_with_an_anchor_only_where_it_was_compared(
    made: Path, signer: LocalSigner, tmp_path: Path
) -> None:
    key = tmp_path / "key.pub"
    key.write_bytes(signer.public_key())
    where = f"s3://{LOCKED}/audits"
    found = verdict(made, "--key", key, "--anchor", where)
    assert (found.exit_code, json.loads(found.stdout)["anchor"][:11]) == (ExitCode.OK, "anchored at")
    assert json.loads(verdict(made, "--key", key).stdout)["anchor"] == NOT_ASKED
    (made / ANCHOR).unlink()
    assert verdict(made, "--key", key).exit_code == ExitCode.OK
    found = verdict(made, "--key", key, "--anchor", where)
    assert (found.exit_code, json.loads(found.stdout)["anchor"]) == (ExitCode.ERROR, "not anchored")
    error = verdict(made, "--key", key, "--anchor", "heads").exception
    assert isinstance(error, CellError)
    assert error.code is ExitCode.CONFIGURATION


@pytest.fixture
def audited(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, signer: LocalSigner) -> Path:
    """`cell audit` whose audit is a sample; returns the folder of its bundles."""
    session = SimpleNamespace(project=SimpleNamespace(root=tmp_path))
    monkeypatch.setattr(command, "_session", lambda: session)
    monkeypatch.setattr(command, "request_of", lambda *_, **__: None)
    monkeypatch.setattr(conduct, "audited", lambda *_: (of(CALLS, answers=()), tuple(CALLS)))
    monkeypatch.setattr(conduct, "signer_of", lambda *_: signer)
    return tmp_path / command.EVIDENCE


def run(*arguments: object) -> Any:
    return CliRunner().invoke(command.app, ["run", *map(str, arguments)])


@pytest.mark.usefixtures("s3")
def test_an_audit_with_an_anchor_leaves_a_receipt(audited: Path, signer: LocalSigner) -> None:
    assert run("--anchor", f"s3://{LOCKED}/audits").exit_code == ExitCode.OK
    found = verified(audited / audit().id, signer, boto3.client("s3"))
    assert found.anchor.compared


@pytest.mark.usefixtures("s3")
def test_a_bucket_without_lock_is_refused_before_the_audit_begins(
    audited: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def begun() -> None:
        raise AssertionError("the audit has begun")

    monkeypatch.setattr(command, "_session", begun)
    error = run("--anchor", f"s3://{PLAIN}").exception
    assert isinstance(error, CellError)
    assert "the bucket has no Object Lock" in str(error)
    assert not audited.exists()


@pytest.mark.usefixtures("s3")
def test_an_audit_whose_anchor_is_refused_has_its_bundle_and_reports_and_fails(
    audited: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, signer: LocalSigner
) -> None:
    monkeypatch.setattr(Anchor, "check", lambda _: None)
    error = run("--anchor", f"s3://{PLAIN}", "--report", f"json={tmp_path / 'audit.json'}").exception
    assert isinstance(error, CellError)
    assert error.code is ExitCode.RESOURCE
    assert str(error).startswith(f"not anchored: s3://{PLAIN}/")
    assert (tmp_path / "audit.json").is_file()
    assert verified(audited / audit().id, signer).proven


def allowed(policy: dict[str, Any]) -> set[str]:
    statements = [one for one in policy["Statement"] if one["Effect"] == "Allow"]
    return {
        action
        for one in statements
        for action in ([one["Action"]] if isinstance(one["Action"], str) else one["Action"])
    }


def test_the_auditors_policy_puts_nothing_unless_an_anchor_is_asked_for() -> None:
    plain = json.loads(run("--iam-policy").stdout)
    assert plain == audit_policy()
    assert not [action for action in allowed(plain) if action.startswith("s3:Put")]
    anchored = json.loads(run("--iam-policy", "--anchor", f"s3://{LOCKED}/audits").stdout)
    assert anchored["Statement"][: len(plain["Statement"])] == plain["Statement"]
    assert [(one["Sid"], one["Resource"]) for one in anchored["Statement"][len(plain["Statement"]) :]] == [
        ("AnchorHeads", f"arn:aws:s3:::{LOCKED}/audits/*"),
        ("AnchorIsLocked", f"arn:aws:s3:::{LOCKED}"),
    ]
    assert allowed(anchored) - allowed(plain) >= {"s3:PutObject", "s3:PutObjectRetention"}
    assert not [action for action in allowed(anchored) if action.startswith(("s3:Delete", "s3:Bypass", "s3:*"))]
    assert "s3:GetObject*" in NEVER, "whoever anchors cannot read heads: comparing is another credential's"
