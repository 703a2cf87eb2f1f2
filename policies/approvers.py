"""Who may accept that a control fails: people with a role and an Ed25519 key, in a file that code owners keep.

A person is one e-mail address, however it is written. An approval is a signature over the exception's digest, the
approver and the time, so that none of the three can be changed afterwards.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from policies.entries import Entry

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

DOMAIN = "payment-cell exception approval v1"
"""First line of what is signed: a signature that the key gave for another purpose is none of these."""

T = TypeVar("T")

_ADDRESS = re.compile(r"[a-z0-9._'-]+@[a-z0-9-]+(\.[a-z0-9-]+)+")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_FIELDS = frozenset({"name", "role", "key", "valid_from", "valid_until"})


class Role(StrEnum):
    """What an approver is, in rising order."""

    SECURITY = "security"
    RISK = "risk"
    CISO = "ciso"

    @property
    def rank(self) -> int:
        return list(Role).index(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class Approver:
    """One key of a person; somebody with a new key stands twice."""

    person: str
    role: Role
    key: bytes
    """DER, SubjectPublicKeyInfo (RFC 8410)."""
    valid_from: datetime
    valid_until: datetime

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the public key."""
        return hashlib.sha256(self.key).hexdigest()


def person(written: str) -> str:
    """The person behind an e-mail address: compatibility forms, case, white space, invisible characters and the part
    after ``+`` make no other one. Raises ValueError for what is no address of ASCII characters: letters of other
    scripts look alike."""
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", written).casefold())
    text = "".join(one for one in text if unicodedata.category(one) not in {"Cc", "Cf", "Zs", "Zl", "Zp"})
    local, at, domain = text.rpartition("@")
    address = f"{local.partition('+')[0]}{at}{domain.rstrip('.')}"
    if not _ADDRESS.fullmatch(address):
        raise ValueError("is not an e-mail address in ASCII")
    return address


def time_of(written: str) -> datetime:
    """Raises ValueError where it is not a time as ``2026-11-29T09:00:00Z``."""
    if not _TIME.fullmatch(written):
        raise ValueError("is not a time in UTC such as 2026-11-29T09:00:00Z")
    return datetime.fromisoformat(written).astimezone(UTC)


def message(digest: str, approver: str, signed: str) -> bytes:
    """What an approver signs: four lines, without a line feed at the end."""
    return "\n".join((DOMAIN, digest, person(approver), signed)).encode()


def public_key(text: str) -> bytes:
    """The DER bytes of an Ed25519 key from the middle line of its PEM file. Raises ValueError."""
    try:
        der = base64.b64decode(text, validate=True)
        _loaded(der)
    except (ValueError, binascii.Error):
        raise ValueError("is not an Ed25519 public key: the line between BEGIN and END of its PEM file") from None
    return der


def verifies(approver: Approver, signature: str, signed: bytes) -> bool:
    """Whether the signature (base64) is the approver's."""
    from cryptography.exceptions import InvalidSignature

    try:
        _loaded(approver.key).verify(base64.b64decode(signature, validate=True), signed)
    except (InvalidSignature, ValueError):
        return False
    return True


def read_approvers(entries: Iterable[Entry]) -> tuple[list[Approver], list[tuple[Entry, str]]]:
    """Approvers of a file, and the entries that are none, each with its reason."""
    found: list[tuple[Entry, Approver]] = []
    wrong: list[tuple[Entry, str]] = []
    for entry in entries:
        try:
            found.append((entry, _approver(entry)))
        except ValueError as problem:
            wrong.append((entry, str(problem)))
    people = {(one.key, one.person) for _, one in found}
    shared = {key for key, count in Counter(key for key, _ in people).items() if count > 1}
    wrong += [(entry, "key: is the key of another person as well") for entry, one in found if one.key in shared]
    return [one for _, one in found if one.key not in shared], wrong


def _approver(entry: Entry) -> Approver:
    if given := set(entry.lines) ^ _FIELDS:
        raise ValueError(f"{', '.join(sorted(given))}: an approver has {', '.join(sorted(_FIELDS))} and no other word")
    if entry.lists:
        raise ValueError(f"{', '.join(entry.lists)}: is a list")
    text = entry.texts
    if text["role"] not in set(Role):
        raise ValueError(f"role: {text['role']} is none of {', '.join(Role)}")
    made = Approver(
        person=read_as("name", person, text["name"]),
        role=Role(text["role"]),
        key=read_as("key", public_key, text["key"]),
        valid_from=read_as("valid_from", time_of, text["valid_from"]),
        valid_until=read_as("valid_until", time_of, text["valid_until"]),
    )
    if made.valid_until <= made.valid_from:
        raise ValueError("valid_until: is not after valid_from")
    return made


def read_as(name: str, reads: Callable[[str], T], text: str) -> T:
    """``reads(text)``; a ValueError says which word it is about."""
    try:
        return reads(text)
    except ValueError as problem:
        raise ValueError(f"{name}: {problem}") from None


def _loaded(der: bytes) -> Ed25519PublicKey:
    # A twentieth of a second to import: only where somebody has approved something.
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    key = load_der_public_key(der)
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("another kind of key")
    return key
