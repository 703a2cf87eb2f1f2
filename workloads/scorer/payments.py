"""What becomes of a held payment after a person looked: told to the payments API, by its route for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import httpx

from contracts.fraud import Decision

TIMEOUT_S: Final = 20.0
"""Longer than any bank may take (15 s) with the writes before and after it."""


class PaymentsError(Exception):
    """The payments API did not do it; the message says what it answered."""


class HeldPayments:
    """The payments API of the cell, behind the gateway: its routes for people who decide."""

    def __init__(self, url: str, client: httpx.AsyncClient | None = None) -> None:
        self._url, self._client = url, client or httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False)

    async def decide(self, decision: Mapping[str, Any], *, release: bool) -> dict[str, Any] | None:
        """The payment as it stands then; None where the decision held none. Raises PaymentsError.

        A payment that nobody scored was held by its caller's fail mode: whatever the decision afterwards said.
        """
        if decision["decision"] == Decision.BLOCK and not decision["payment"]:
            return None
        told = {name: decision[name] for name in ("account", "payment")}
        told |= {"decision": decision["id"], "release": release}
        try:
            answer = await self._client.post(f"{self._url}/internal/verdicts", json=told)
        except httpx.HTTPError as error:
            raise PaymentsError(type(error).__name__) from None
        if answer.status_code == 404:
            return None
        if answer.status_code not in (201, 202):
            raise PaymentsError(answer.headers.get("x-refused", str(answer.status_code)))
        found: dict[str, Any] = answer.json()
        return found

    async def waiting(self, query: Mapping[str, str]) -> httpx.Response:
        """Its answer to who waits, refusals of the query among them. Raises PaymentsError."""
        try:
            return await self._client.get(f"{self._url}/internal/waiting", params=dict(query))
        except httpx.HTTPError as error:
            raise PaymentsError(type(error).__name__) from None
