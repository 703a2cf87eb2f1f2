"""Attestations in tests: a project in which somebody vouches for every question, signed with a key made here."""

import base64
import hashlib
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from operations.audit.attestations import Attested, answers, load, verifier
from operations.project import Project
from policies.catalogue import controls
from policies.control import Asked, Control, Source, Status

END = date(2026, 11, 15)
"""Of the period that every attestation speaks of."""

TODAY = date(2026, 11, 29)
ARTEFACT = b"what was seen"
KEY = Ed25519PrivateKey.generate()

File = dict[str, Any]
Changed = Mapping[str, Callable[[File], object]]
"""`CONTROL question` -> what is done to its file before it is signed."""


def questions() -> list[tuple[Control, Asked]]:
    """Every question that rests on attestations."""
    return [(one, asked) for one in controls() for asked in one.asked if asked.source is Source.ATTESTATION]


def vouched(root: Path, changed: Changed, today: date = TODAY) -> dict[str, Status]:
    """What each question answers, where all are attested in order but what `changed` does; a file without a control is
    not written."""
    _approver(root)
    folder = root / "attestations"
    folder.mkdir(exist_ok=True)
    (folder / "artefact").write_bytes(ARTEFACT)
    for control, asked in questions():
        said = _file(control, asked)
        changed.get(f"{control.id} {asked.name}", lambda same: same)(said)
        if "control" in said:
            signature = KEY.sign(Attested.model_validate(said).signed)
            said = {"signature": base64.b64encode(signature).decode(), **said}
            (folder / f"{control.id}-{asked.name}.yaml").write_text(yaml.safe_dump(said))
    read = load(folder, controls(), today, verifier(Project(root)))
    return {f"{one.control} {one.clause}": one.status for one in answers(controls(), read)}


def covered(root: Path, question: str, days: int, *, today: date | None = None) -> Status:
    """What a question answers on its last day, where its attestation holds for `days` from the end of the period."""
    last = END + timedelta(days=days)
    changed = {question: lambda said: said.update(valid_until=last.isoformat())}
    return vouched(root, changed, today or last)[question]


def assert_attested(root: Path, question: str, days: int) -> None:
    """Whoever vouches covers a question for so many days and no longer; without anybody it is not observed."""
    last = END + timedelta(days=days)
    assert covered(root, question, days) is Status.PASS
    assert covered(root, question, days, today=last + timedelta(days=1)) is Status.NOT_OBSERVED
    assert covered(root, question, days + 1, today=TODAY) is Status.NOT_OBSERVED
    for path in root.glob(f"attestations/{question.replace(' ', '-')}.yaml"):
        path.unlink()
    found = vouched(root, {question: File.clear})
    assert found.pop(question) is Status.NOT_OBSERVED
    assert set(found.values()) == {Status.PASS}, "another question answered for it, or none answered"


def _file(control: Control, asked: Asked) -> File:
    return {
        "control": control.id,
        "question": asked.name,
        "statement": asked.statement,
        "performer": "ada@example.com",
        "role": "engineer",
        "period": {"from": "2026-10-01", "to": END.isoformat()},
        "population": "all",
        "sample": "all",
        "exceptions": "none",
        "artefact": "artefact",
        "artefact_sha256": hashlib.sha256(ARTEFACT).hexdigest(),
        "reviewer": "grace@example.com",
        "valid_until": (END + timedelta(days=asked.max_age_days)).isoformat(),
    }


def _approver(root: Path) -> None:
    (root / "Pulumi.yaml").write_text("name: payment-cell\n")
    (root / "exceptions").mkdir(exist_ok=True)
    public = KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    approver = {
        "name": "grace@example.com",
        "role": "security",
        "key": base64.b64encode(public).decode(),
        "valid_from": "2026-01-01T00:00:00Z",
        "valid_until": "2028-12-31T00:00:00Z",
    }
    (root / "exceptions" / "approvers.yaml").write_text(yaml.safe_dump([approver]))
