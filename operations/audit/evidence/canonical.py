"""One byte form for one value: RFC 8785, with what JSON's numbers cannot carry as text."""

import base64
import hashlib
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import rfc8785

SAFE_INTEGER = 2**53 - 1
"""Largest integer of RFC 8785 (https://www.rfc-editor.org/rfc/rfc8785, 3.2.2.3); larger ones are text."""


def canonical(value: Any) -> bytes:
    """The canonical form (RFC 8785) of a value, after ``plain``."""
    return rfc8785.dumps(plain(value))


def digest(data: bytes) -> str:
    """SHA-256, 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def digest_of(value: Any) -> str:
    """SHA-256 of the canonical form."""
    return digest(canonical(value))


def plain(value: Any) -> Any:
    """A value as JSON has it: times, decimals and numbers beyond 2^53 are text, bytes their text or
    ``{"base64": ...}``. Raises TypeError for what has no such form."""
    if isinstance(value, Mapping):
        return {_text(name if isinstance(name, str) else str(plain(name))): plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if isinstance(value, (set, frozenset)):
        return sorted((plain(one) for one in value), key=rfc8785.dumps)
    return _scalar(value)


def _scalar(value: Any) -> Any:
    if isinstance(value, Enum):
        return _scalar(value.value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int):
        return value if abs(value) <= SAFE_INTEGER else str(value)
    if isinstance(value, float):
        # A whole number without its point reads as an integer again.
        return value if abs(value) <= SAFE_INTEGER else str(value)
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime):
        # boto3's times have a zone; one without is taken as UTC, as AWS writes them.
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return aware.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (bytes, bytearray)):
        return _of_bytes(bytes(value))
    raise TypeError(f"{type(value).__name__} has no canonical form")


def _of_bytes(value: bytes) -> Any:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode("ascii")}


def _text(value: str) -> str:
    """Without half characters (lone surrogates), which no UTF-8 file can hold."""
    return value if value.isascii() else value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
