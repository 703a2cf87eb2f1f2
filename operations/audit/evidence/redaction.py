"""Takes out of a record what looks like a secret, before anything is hashed.

The first fence is the allow-list of fields (``question.py``): calls that return secrets are not asked at all. This is
the second: a text under a telling name, or of a telling shape, is replaced, and its path named with a keyed digest, so
that two audits of one key can tell whether the value changed and nobody without the key can guess it.
"""

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from typing import Any

from operations.audit.evidence.canonical import canonical, plain

REDACTED = "[redacted]"

_NAME = re.compile(r"passw(or)?d|secret|token|credential|private[_.-]?key", re.IGNORECASE)

_REFERENCE = re.compile(r"(arn|id|ids|name|names|time|date|status|type)$", re.IGNORECASE)
"""Ends of names whose text points to a secret and is none: ``SecretArn``, ``aws:TokenIssueTime``."""

_PLAIN = frozenset({"HttpTokens", "httpTokens", "HttpTokensEnforced"})
"""Words about the metadata service of machines: ``required``, ``optional``, ``enabled``."""

_SHAPE = re.compile(
    # Without what follows, the head of a key and a URL like this are what a reader leaves of one (kubernetes.py).
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----\s*\S"
    r"|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"
    r"|://(?!\[user\]:\[secret\]@)[^/\s:@]+:[^/\s@]+@"
    r"|(?i:passw(?:or)?d|secret\w*|token)=[^\s,;&]+"
    # Secret access keys are 40 characters of both cases with digits; a SHA-1 in hex is not.
    r"|(?<![A-Za-z0-9/+=])(?=[^a-z]{0,39}[a-z])(?=[^A-Z]{0,39}[A-Z])(?=[^0-9]{0,39}[0-9])[A-Za-z0-9/+]{40}"
    r"(?![A-Za-z0-9/+=])"
)
"""PEM private keys, JSON web tokens, passwords in URLs and settings, secret access keys of AWS."""

_PAIRS = (
    ("Key", "Value"),
    ("key", "value"),
    ("Name", "Value"),
    ("name", "value"),
    ("TagKey", "TagValue"),
    ("ParameterName", "ParameterValue"),
)
"""Mappings that stand for one name with its value: tags, variables of containers, parameters."""

_BASE64 = re.compile(r"[A-Za-z0-9+/]{16,}={0,2}")


class Redaction:
    """Redacts values under one key and keeps what it took out as (path, keyed digest)."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.taken: list[dict[str, str]] = []

    def of(self, value: Any, path: str = "") -> Any:
        """``value`` (as ``plain`` has it) without its secrets. Paths are JSON pointers (RFC 6901); one that goes on
        inside a text that is JSON itself has a ``#`` there."""
        if isinstance(value, Mapping):
            pair = _pair_value(value)
            return dict(
                self._member(name, one, path, telling=_telling(name) or name == pair) for name, one in value.items()
            )
        if isinstance(value, list):
            return [self.of(one, f"{path}/{index}") for index, one in enumerate(value)]
        return self._text(value, path) if isinstance(value, str) else value

    def _member(self, name: str, value: Any, path: str, *, telling: bool) -> tuple[str, Any]:
        shown = f"[redacted {self._digest(name)[:16]}]" if _shaped(name) else name
        below = f"{path}/{shown.replace('~', '~0').replace('/', '~1')}"
        if shown != name:
            self._take(name, below)
        if telling and isinstance(value, str) and value:
            return shown, self._take(value, below)
        if telling and isinstance(value, list):
            return shown, [
                self._take(one, f"{below}/{index}")
                if isinstance(one, str) and one
                else self.of(one, f"{below}/{index}")
                for index, one in enumerate(value)
            ]
        return shown, self.of(value, below)

    def _text(self, value: str, path: str) -> str:
        if (inside := _document(value)) is not None:
            before = len(self.taken)
            try:
                redacted = self.of(inside, f"{path}#")
            except RecursionError:
                # Documents in documents without end: nothing that anybody reads.
                del self.taken[before:]
                return self._take(value, path)
            # A document without a secret stays as it was written.
            return value if len(self.taken) == before else canonical(redacted).decode()
        return self._take(value, path) if _shaped(value) or self._hides(_decoded(value)) else value

    def _hides(self, text: str) -> bool:
        if not text:
            return False
        looking = Redaction(self._key)
        looking.of(text)
        return bool(looking.taken)

    def _take(self, value: str, path: str) -> str:
        self.taken.append({"path": path, "hmac_sha256": self._digest(value)})
        return REDACTED

    def _digest(self, value: str) -> str:
        return hmac.new(self._key, value.encode(), hashlib.sha256).hexdigest()


def _telling(name: str) -> bool:
    return bool(_NAME.search(name)) and not _REFERENCE.search(name) and name not in _PLAIN


def _pair_value(value: Mapping[str, Any]) -> str:
    """Which member holds the value of a telling name; "" for none."""
    for name, member in _PAIRS:
        if isinstance(value.get(name), str) and member in value and _telling(value[name]):
            return member
    return ""


def _shaped(text: str) -> bool:
    return bool(_SHAPE.search(text))


def _document(text: str) -> Any:
    """What a text says that is a JSON document; None for others."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return plain(json.loads(text))
    except (ValueError, RecursionError):
        return None


def _decoded(text: str) -> str:
    """What a text says that is base64, as user data of instances comes; "" for others."""
    if not _BASE64.fullmatch(text):
        return ""
    try:
        return base64.b64decode(text, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return ""
