"""Personal fields: encrypted under a data key of (subject, purpose) before they are stored anywhere.

    cipher = FieldCipher(keys)
    sealed = cipher.seal("pay_...", "payer", subject, Purpose.PAYMENT, {"name": ...})   -> {"$enc": {...}}
    cipher.open("pay_...", "payer", sealed)                                             -> {"name": ...}

AES-256-GCM; the additional data binds a ciphertext to its record and field, so that it cannot be moved. The record is
what the fields belong to (the payment), in its row as well as in its events. Erasing means removing the data key: rows,
events, archive and backups then hold what nobody can read. Encryption is not anonymisation: while the key is there, it
is personal data.

A subject is never named: `pseudonym` gives the same word for the same person under one secret, and nothing without it.
"""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 12
"""Random: up to 2^32 fields under one key a repeat is unlikely enough (NIST SP 800-38D, 8.3), and a subject has few."""

CACHE_S = 300
"""Longest that a plaintext key may stay in a process: an erased key is gone everywhere after it."""


class Purpose(StrEnum):
    """What a personal field is kept for; each has its own key, so each ends at its own time (GDPR 17(3)(b))."""

    PAYMENT = "payment"
    """To move the money and show the payment to its merchant."""
    FRAUD = "fraud"
    """To decide on fraud: device and network."""
    TAX = "tax"
    """To report to authorities: outlives an erasure of the others."""


class PersonalError(ValueError):
    """A field that cannot be sealed or opened."""


class KeyGone(PersonalError):
    """The subject's key was erased: the field is unreadable for good."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DataKey:
    """A plaintext data key. Kept for at most `CACHE_S`."""

    id: str
    key: bytes = field(repr=False)


class KeyStore(Protocol):
    """Where data keys come from. Blocking: a program with an event loop calls it in a thread."""

    def current(self, subject: str, purpose: Purpose) -> DataKey:
        """The key to seal with; made where there is none."""

    def find(self, subject: str, purpose: Purpose, key_id: str) -> DataKey:
        """The key that something was sealed with. Raises KeyGone."""


class FieldCipher:
    """Seals and opens fields."""

    def __init__(self, keys: KeyStore) -> None:
        self._keys = keys

    def seal(self, record: str, path: str, subject: str, purpose: Purpose, value: Any) -> dict[str, Any]:
        """Any JSON value as `{"$enc": {...}}`; `subject` is a pseudonym."""
        data_key, nonce = self._keys.current(subject, purpose), secrets.token_bytes(NONCE_BYTES)
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
        ciphertext = AESGCM(data_key.key).encrypt(nonce, text, _bound(record, path, subject, purpose))
        return {
            "$enc": {
                "subject": subject,
                "purpose": purpose.value,
                "key": data_key.id,
                "nonce": base64.b64encode(nonce).decode(),
                "ciphertext": base64.b64encode(ciphertext).decode(),
            }
        }

    def open(self, record: str, path: str, sealed: Mapping[str, Any]) -> Any:
        """The value of a sealed field. Raises KeyGone after erasure, PersonalError where it was moved or changed."""
        try:
            inner = sealed["$enc"]
            subject, purpose = inner["subject"], Purpose(inner["purpose"])
            nonce, ciphertext = (base64.b64decode(inner[name], validate=True) for name in ("nonce", "ciphertext"))
            key_id = inner["key"]
        except (KeyError, TypeError, ValueError) as error:
            raise PersonalError(f"{path}: no sealed field ({type(error).__name__})") from error
        data_key = self._keys.find(subject, purpose, key_id)
        try:
            return json.loads(AESGCM(data_key.key).decrypt(nonce, ciphertext, _bound(record, path, subject, purpose)))
        except (InvalidTag, ValueError) as error:
            raise PersonalError(f"{path}: not what was sealed for this record and field") from error


def _bound(record: str, path: str, subject: str, purpose: Purpose) -> bytes:
    return "/".join((record, path, subject, purpose)).encode()


def pseudonym(secret: bytes, kind: str, value: str) -> str:
    """`<kind>_<32 characters>` for a value: the same under the same secret, and not computable without it."""
    digest = hmac.new(secret, f"{kind}\0{value}".encode(), hashlib.sha256).digest()
    return f"{kind}_{base64.b32encode(digest[:20]).decode().lower()}"
