"""Recognises secrets that somebody wrote into a configuration file.

Two signs: what a value looks like (access keys, private keys, tokens, URLs with a password), and its key.
Values that Pulumi encrypted (``secure: v1:...``) are not plain text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from stacks.problems import HIDDEN

_SHAPES: Mapping[str, re.Pattern[str]] = {
    "an AWS access key id": re.compile(r"\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{16}\b"),
    "an AWS secret key": re.compile(
        r"(?<![A-Za-z0-9/+=:])(?=\S*[A-Z])(?=\S*[a-z])(?=\S*\d)[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])"
    ),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY"),
    "a signed token": re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\."),
    "an access token": re.compile(
        r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{40,}|xox[abprs]-[\w-]{10,}|sk_live_\w{16,}|pul-[0-9a-f]{40})"
    ),
    "a password in a URL": re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s/:@]+:[^\s/@]+@"),
}
_TOP_LEVEL_BY_PULUMI = ("encryptionsalt:", "encryptedkey:", "secretsprovider:")
_NAME = re.compile(
    r"pass(word|wd|phrase)|secret|(?<!dis)token|credential|api[-_]?key|private[-_]?key|access[-_]?key", re.IGNORECASE
)


def secret_lines(text: str) -> dict[int, str]:
    """Line from 1 -> what kind of secret stands there. Comments count: they are in the history too."""
    return {
        number: what
        for number, line in enumerate(text.splitlines(), start=1)
        if not line.startswith(_TOP_LEVEL_BY_PULUMI) and not re.match(r"\s*[\"']?secure[\"']?:", line)
        for what, shape in _SHAPES.items()
        if shape.search(line)
    }


def hidden_if_secret(keys: Sequence[str], value: str) -> str:
    """``value``, or ``(hidden)`` where it looks like a secret or one of its keys says that it is one.

    ``keys``: from the top of the file; the values of Pulumi's own top-level keys are encrypted.
    """
    if not keys or f"{keys[0]}:" in _TOP_LEVEL_BY_PULUMI or keys[-1] == "secure":
        return value
    looks = any(shape.search(value) for shape in _SHAPES.values())
    return HIDDEN if looks or any(_NAME.search(key) for key in keys) else value
