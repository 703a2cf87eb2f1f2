"""What people vouch for: only a whole, signed, timely attestation with its artefact covers a question."""

import base64
import hashlib
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from typer.testing import CliRunner

from operations.attestation import app
from operations.audit.attestations import Attested, answers, load, records, verifier
from operations.project import Project
from policies.catalogue import control, controls
from policies.control import Status

TODAY = date(2026, 11, 29)
ARTEFACT = b"restored"
KEY = Ed25519PrivateKey.generate()

FILE: dict[str, Any] = {
    "control": "BCK-04",
    "question": "a_restore_succeeded",
    "statement": "all shards were restored and their checksums matched",
    "performer": "ada@example.com",
    "role": "engineer",
    "period": {"from": "2026-10-01", "to": "2026-11-15"},
    "population": "8 shards",
    "sample": "all",
    "exceptions": "none",
    "artefact": "restore.json",
    "artefact_sha256": hashlib.sha256(ARTEFACT).hexdigest(),
    "reviewer": "grace@example.com",
    "valid_until": "2027-02-13",
}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    public = KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "Pulumi.yaml").write_text("name: payment-cell\n")
    (tmp_path / "exceptions").mkdir()
    approver = {
        "name": "grace@example.com",
        "role": "security",
        "key": base64.b64encode(public).decode(),
        "valid_from": "2026-01-01T00:00:00Z",
        "valid_until": "2027-12-31T00:00:00Z",
    }
    (tmp_path / "exceptions" / "approvers.yaml").write_text(yaml.safe_dump([approver]))
    (tmp_path / "attestations").mkdir()
    (tmp_path / "attestations" / "restore.json").write_bytes(ARTEFACT)
    return Project(tmp_path)


def write(project: Project, key: Ed25519PrivateKey | None = KEY, **changed: Any) -> None:
    given = {name: value for name, value in {**FILE, **changed}.items() if value is not None}
    if key is not None:
        signed = Attested.model_validate(given).signed
        given["signature"] = base64.b64encode(key.sign(signed)).decode()
    (project.root / "attestations" / "restore.yaml").write_text(yaml.safe_dump(given))


def read(project: Project, today: date = TODAY) -> tuple[Status, str]:
    found = load(project.root / "attestations", controls(), today, verifier(project))
    (answer,) = answers([control("BCK-04")], found)
    return answer.status, answer.reason


def test_a_whole_attestation_covers_its_question(project: Project) -> None:
    write(project)
    assert read(project) == (Status.PASS, "attested by ada@example.com, reviewed by grace@example.com")


def test_without_any_the_question_is_not_observed(project: Project) -> None:
    assert read(project) == (Status.NOT_OBSERVED, "nobody has attested it")


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"valid_until": "2026-11-28"}, "expired on 2026-11-28"),
        ({"valid_until": "2027-02-14"}, "valid_until is more than 90 days after the period's end"),
        ({"period": {"from": "2026-10-01", "to": "2026-12-01"}}, "does not lie in the past"),
        ({"period": {"from": "2026-11-01", "to": "2026-10-01"}}, "does not lie in the past"),
        ({"performer": " Grace+x@EXAMPLE.com"}, "performer and reviewer are the same person"),
        ({"reviewer": "mallory@example.com"}, "reviewer mallory@example.com has no key in approvers.yaml"),
        ({"reviewer": "not an address"}, "performer or reviewer is not an e-mail address"),
        ({"artefact": "../Pulumi.yaml"}, "artefact ../Pulumi.yaml is not below attestations/"),
        ({"artefact": "gone.json"}, "artefact gone.json is not below attestations/"),
        ({"artefact_sha256": "0" * 64}, "artefact restore.json has another digest"),
    ],
)
def test_what_is_wrong_covers_nothing_and_is_told(project: Project, changed: dict[str, Any], problem: str) -> None:
    write(project, **changed)
    status, reason = read(project)
    assert status is Status.NOT_OBSERVED
    assert problem in reason


def test_a_question_that_nobody_asks_is_told(project: Project) -> None:
    write(project, question="are_you_well")
    (found,) = load(project.root / "attestations", controls(), TODAY, verifier(project))
    assert "BCK-04 asks no are_you_well" in found.problem


@pytest.mark.parametrize("key", [None, Ed25519PrivateKey.generate()])
def test_an_unsigned_or_foreign_signature_covers_nothing(project: Project, key: Ed25519PrivateKey | None) -> None:
    write(project, key)
    status, reason = read(project)
    assert status is Status.NOT_OBSERVED
    assert reason in ("is not signed", "the signature is none of grace@example.com's keys of today over this text")


def edited(project: Project, change: Callable[[dict[str, Any]], object]) -> None:
    path = project.root / "attestations" / "restore.yaml"
    document = yaml.safe_load(path.read_text())
    change(document)
    path.write_text(yaml.safe_dump(document))


@pytest.mark.parametrize("name", [name for name in FILE if name not in ("period", "control", "question")])
def test_any_change_after_the_signature_undoes_it(project: Project, name: str) -> None:
    write(project)
    other = {"valid_until": "2027-02-12", "artefact_sha256": "0" * 64}.get(name, f"{FILE[name]}x")
    edited(project, lambda document: document.update({name: other}))
    assert read(project)[0] is Status.NOT_OBSERVED


@pytest.mark.parametrize(
    "text", ["[", "a: b", "- 1", "!!python/object/apply:os.system [ls]", yaml.safe_dump({**FILE, "extra": 1})]
)
def test_a_file_that_is_none_is_told_and_covers_nothing(project: Project, text: str) -> None:
    (project.root / "attestations" / "restore.yaml").write_text(text)
    (found,) = load(project.root / "attestations", controls(), TODAY, verifier(project))
    assert found.attested is None
    assert found.problem
    assert records([found]) == ()


def test_a_key_counts_in_its_own_time_only(project: Project) -> None:
    write(project, valid_until="2027-02-13", period={"from": "2026-10-01", "to": "2026-11-15"})
    assert read(project, date(2027, 2, 13))[0] is Status.PASS
    assert read(project, date(2027, 2, 14))[0] is Status.NOT_OBSERVED


def test_the_command_signs_as_the_reviewer_and_keeps_the_file(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(project, None)
    path = project.root / "attestations" / "restore.yaml"
    path.write_text("# why we believe it\n" + path.read_text())
    key = project.root / "grace.pem"
    key.write_bytes(KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    monkeypatch.chdir(project.root)
    done = CliRunner().invoke(app, ["sign", str(path), "--key", str(key)], catch_exceptions=False)
    assert done.exit_code == 0
    assert path.read_text().startswith("# why we believe it\n")
    assert read(project)[0] is Status.PASS
