"""API keys: who calls, and with what rights, in a key that proves itself.

    sk_live_acct_1234.<mac>    the account itself, real money      sk_test_...  the same, nothing moves
    pk_live_acct_1234.<mac>    a platform: acts for the account that the header Payment-Account names

mac = base 32, lower case without padding, of the first 20 bytes of HMAC-SHA256(secret, "<kind>_<account>"). The gateway
reads account and kind to limit and route; the payments API checks the mac.
"""

import base64
import hashlib
import hmac
import json
import re
from dataclasses import dataclass
from enum import StrEnum

from contracts.identifiers import ACCOUNT

MAC_BYTES = 20
MIN_SECRET = 32
"""Characters of a secret at least: 43 of base64url are what the cell makes."""

_KEY = re.compile(rf"(sk_live|sk_test|pk_live)_({ACCOUNT.pattern})\.([a-z2-7]{{32}})")


class ApiKeyError(ValueError):
    """A key that is malformed or not ours. The message never holds the key."""


class KeyKind(StrEnum):
    """What a key may do."""

    LIVE = "sk_live"
    """Everything, for its account."""
    TEST = "sk_test"
    """Everything, for its account, without moving money."""
    PLATFORM = "pk_live"
    """Everything, for the account that the request names."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiKey:
    """What a key says. Of `read`: unproven; of `check`: proven."""

    kind: KeyKind
    account: str
    mac: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Secrets:
    """The secret that makes keys, and the one before it while its keys are still out."""

    current: str
    previous: str | None = None

    @classmethod
    def from_json(cls, text: str) -> "Secrets":
        """From the value of the secret `<cell>-api-keys`. Raises ApiKeyError without showing it."""
        try:
            content = json.loads(text)
            current, previous = content["current"], content.get("previous")
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ApiKeyError('api keys: the secret is not {"current": "...", "previous": "..." or null}') from None
        for secret in (current, *(() if previous is None else (previous,))):
            if not isinstance(secret, str) or len(secret) < MIN_SECRET:
                raise ApiKeyError(f"api keys: a secret has fewer than {MIN_SECRET} characters; make a new version")
        return cls(current=current, previous=previous)


def make(secret: str, kind: KeyKind, account: str) -> str:
    """The account's key. Raises ApiKeyError where the account's id is malformed."""
    if not ACCOUNT.fullmatch(account):
        raise ApiKeyError(f"api key: account {account!r} is not {ACCOUNT.pattern}")
    return f"{kind}_{account}.{_mac(secret, kind, account)}"


def read(text: str) -> ApiKey:
    """What a key claims, unproven. Raises ApiKeyError where it is malformed."""
    found = _KEY.fullmatch(text)
    if found is None:
        raise ApiKeyError("api key: not sk_live_, sk_test_ or pk_live_ with an account, a dot and 32 characters")
    return ApiKey(kind=KeyKind(found[1]), account=found[2], mac=found[3])


def check(text: str, secrets: Secrets) -> ApiKey:
    """What a key says, proven under the current or the previous secret. Raises ApiKeyError."""
    key = read(text)
    known = [secret for secret in (secrets.current, secrets.previous) if secret is not None]
    if not any(hmac.compare_digest(key.mac, _mac(secret, key.kind, key.account)) for secret in known):
        raise ApiKeyError("api key: it was not made under a secret of this cell")
    return key


def _mac(secret: str, kind: KeyKind, account: str) -> str:
    digest = hmac.new(secret.encode(), f"{kind}_{account}".encode(), hashlib.sha256).digest()
    return base64.b32encode(digest[:MAC_BYTES]).decode().lower().rstrip("=")
