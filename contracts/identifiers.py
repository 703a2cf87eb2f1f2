"""Ids: a prefix and a ULID in lower case, so that ids sort by the time at which they were made.

new_id("pay") -> "pay_01kb5v8m9x3c6q0d2r7t1w4y5z"
"""

import re
import secrets
import time

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32 (https://github.com/ulid/spec), in lower case."""

ULID_LENGTH = 26
"""Ten characters of milliseconds since 1970, sixteen of chance."""

_ULID = re.compile(f"[0-7][{ALPHABET}]{{{ULID_LENGTH - 1}}}")
ACCOUNT = re.compile(r"acct_[a-z0-9]{4,40}")
"""Form of an account's id."""


def new_id(prefix: str) -> str:
    """A new id; two made in the same millisecond have no order."""
    value = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    digits = [ALPHABET[value >> shift & 31] for shift in range(5 * (ULID_LENGTH - 1), -1, -5)]
    return f"{prefix}_{''.join(digits)}"


def is_id(text: object, prefix: str) -> bool:
    """Whether `text` is an id of this kind."""
    return isinstance(text, str) and text.startswith(f"{prefix}_") and bool(_ULID.fullmatch(text[len(prefix) + 1 :]))
