"""Files of exceptions, written and signed as people would."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from policies.approvers import message
from policies.exceptions import Terms

SIGNED = "2026-11-01T10:00:00Z"


@dataclass
class Person:
    """Somebody with a key."""

    name: str
    role: str = "security"
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    def entry(self, **given: str) -> dict[str, str]:
        """The person's entry in approvers.yaml."""
        der = self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        times = {"valid_from": "2026-01-01T00:00:00Z", "valid_until": "2027-01-01T00:00:00Z"}
        return {"name": self.name, "role": self.role, "key": base64.b64encode(der).decode(), **times, **given}

    def pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def approval(self, stack: str, words: Mapping[str, Any], signed: str = SIGNED) -> dict[str, str]:
        terms = Terms(stack=stack, **words)
        signature = base64.b64encode(self.key.sign(message(terms.digest, self.name, signed))).decode()
        return {"approver": self.name, "signed": signed, "signature": signature}


ADA = "ada@example.com"
GRACE = Person("grace@example.com")
RUTH = Person("ruth@example.com", role="risk")


def words(**given: Any) -> dict[str, Any]:
    """An entry without approvals: KEY-03 of a key, for November 2026."""
    return {
        "id": "EX-1",
        "control": "KEY-03",
        "resource": "urn:pulumi:eu-west-1::payment-cell::aws:kms/key:Key::imported",
        "reason": "imported material cannot rotate",
        "requester": ADA,
        "ticket": "SEC-12",
        "compensating_control": "rotated by hand each year",
        "granted": "2026-11-01T00:00:00Z",
        "expires": "2026-12-01T00:00:00Z",
        **given,
    }


def signed(by: Sequence[Person] = (GRACE,), stack: str = "eu-west-1", **given: Any) -> dict[str, Any]:
    """An entry with an approval of each."""
    entry = words(**given)
    return {**entry, "approvals": [person.approval(stack, entry) for person in by]}


def write(
    folder: Path,
    *entries: Mapping[str, Any],
    stack: str = "eu-west-1",
    approvers: Sequence[Mapping[str, str]] | None = None,
) -> Path:
    """``exceptions/<stack>.yaml`` with the approvers' file beside it."""
    (folder / "exceptions").mkdir(parents=True, exist_ok=True)
    path = folder / "exceptions" / f"{stack}.yaml"
    path.write_text(yaml.safe_dump(list(entries), sort_keys=False))
    known = [GRACE.entry(), RUTH.entry()] if approvers is None else list(approvers)
    path.with_name("approvers.yaml").write_text(yaml.safe_dump(known, sort_keys=False))
    return path
