"""Idempotency keys: the same request sent twice has one effect and one answer.

A key lives in its account, in flight from the first request until that one is answered and then done, for 24 hours from
its first use. What a second request with it gets is `decide`:

    in flight                 409, Retry-After: the first still runs
    done                      the first answer again, whatever it was (a 500 too)
    other parameters          400: a key stands for one request

These are Stripe's rules (https://docs.stripe.com/api/idempotent_requests, error code idempotency_key_in_use). A request
that was refused before it began (validation, a bank that was not asked) leaves no key.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from contracts.shard_map import canonical

HEADER = "idempotency-key"
REPLAYED = "idempotent-replayed"
"""Header of a repeated answer."""
MAX_LENGTH = 255
KEPT_H = 24
"""Hours from a key's first use; after them it starts a new request."""
RETRY_AFTER_S = 1


class IdempotencyError(ValueError):
    """A key that breaks the rules. The message never holds it: people put names and worse into keys."""


class State(StrEnum):
    """How far the first request with a key is."""

    IN_FLIGHT = "in-flight"
    DONE = "done"


class Verdict(StrEnum):
    """What happens to a second request with a key."""

    WAIT = "wait"
    REPLAY = "replay"
    MISMATCH = "mismatch"


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """What is kept of the first request."""

    fingerprint: str
    state: State


def check_key(key: str | None) -> str:
    """The key, if it is one: 1 to 255 printable ASCII characters. Raises IdempotencyError."""
    if key is None or not key:
        raise IdempotencyError("Idempotency-Key: missing; send 1 to 255 characters, such as a UUID")
    if len(key) > MAX_LENGTH:
        raise IdempotencyError(f"Idempotency-Key: {len(key)} characters, at most {MAX_LENGTH} are kept")
    if not (key.isascii() and key.isprintable()):
        raise IdempotencyError("Idempotency-Key: only printable ASCII characters; a UUID is best")
    return key


def digest(secret: bytes, account: str, key: str) -> str:
    """What is stored in place of the key: keyed, because keys hold order numbers and mail addresses."""
    return _mac(secret, f"key\0{account}\0{key}")


def fingerprint(secret: bytes, method: str, path: str, body: Mapping[str, Any]) -> str:
    """The request's parameters in 64 characters, whatever the order of their keys; keyed, because they are personal."""
    return _mac(secret, f"request\0{method}\0{path}\0{canonical(body)}")


def decide(record: Record, wanted: str) -> Verdict:
    """What a request with the fingerprint `wanted` gets where its key is known."""
    if not hmac.compare_digest(record.fingerprint, wanted):
        return Verdict.MISMATCH
    return Verdict.REPLAY if record.state is State.DONE else Verdict.WAIT


def _mac(secret: bytes, text: str) -> str:
    return hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()
