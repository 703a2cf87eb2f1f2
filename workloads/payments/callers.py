"""Who calls: the API key proven, the account it acts for, its class."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any

from contracts import api_keys
from contracts.api_keys import ApiKeyError, KeyKind, Secrets
from contracts.identifiers import ACCOUNT
from workloads.payments.answers import Refused
from workloads.payments.fraud import CLASSES

REFRESH_S = 60.0
"""Seconds between two reads of the secret: a new one is known everywhere a minute after it was put."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """Whom a request comes from."""

    account: str
    livemode: bool
    caller_class: str


class Callers:
    """Checks keys under the cell's secret."""

    def __init__(self, secretsmanager: Any, arn: str) -> None:
        self._client, self._arn = secretsmanager, arn
        self._secrets: Secrets | None = None
        self._read_at = 0.0
        self._lock = asyncio.Lock()

    async def of(self, headers: Mapping[str, str]) -> Caller:
        """Raises Refused where the key is missing, malformed or not ours."""
        scheme, _, text = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise Refused(401, "no_api_key", "Authorization: Bearer and an API key are needed")
        try:
            key = api_keys.check(text.strip(), await self._current())
        except ApiKeyError as error:
            raise Refused(401, "bad_api_key", str(error)) from None
        account = key.account
        if key.kind is KeyKind.PLATFORM:
            account = headers.get("payment-account", "")
            if not ACCOUNT.fullmatch(account):
                raise Refused(400, "no_account", "Payment-Account: a platform names the account it acts for")
        return Caller(account=account, livemode=key.kind is not KeyKind.TEST, caller_class=_class(key.kind, headers))

    async def _current(self) -> Secrets:
        if self._secrets is None or monotonic() - self._read_at > REFRESH_S:
            async with self._lock:
                if self._secrets is None or monotonic() - self._read_at > REFRESH_S:
                    answer = await asyncio.to_thread(self._client.get_secret_value, SecretId=self._arn)
                    self._secrets, self._read_at = Secrets.from_json(answer["SecretString"]), monotonic()
        return self._secrets


def _class(kind: KeyKind, headers: Mapping[str, str]) -> str:
    """As the gateway wrote it, which counted it so; without a gateway from the key."""
    if (found := headers.get("x-caller-class")) in CLASSES:
        return str(found)
    if headers.get("payment-batch") == "true":
        return "batch"
    return {KeyKind.LIVE: "live", KeyKind.TEST: "test", KeyKind.PLATFORM: "platform"}[kind]
