"""A cell as its clients see it: who says that it writes, and payments that are made up."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from operations.probe.target import RESOLVE

TIMEOUT_S: Final = 5.0
"""Seconds that one answer may take."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Says:
    """The answer of GET /writer (workloads/payments/api.py)."""

    cell: str
    epoch: int
    writes: bool


class Web:
    """HTTPS by the clients' way: the machine's resolver, or in a shell of the sandbox its file of names."""

    def writer(self, domain: str) -> Says | None:
        """What the cell behind a name says of itself; None where no cell answers."""
        found = self.ask("GET", domain, "/writer")
        if found is None:
            return None
        _status, body = found
        try:
            return Says(cell=str(body["cell"]), epoch=int(body["epoch"]), writes=bool(body["writes"]))
        except (KeyError, TypeError, ValueError):
            return None

    def ask(
        self, method: str, domain: str, path: str, headers: Mapping[str, str] | None = None, body: Any = None
    ) -> tuple[int, Mapping[str, Any]] | None:
        """Status and JSON body; None where nobody answers."""
        host, trusted = _host(domain)
        if host is None:
            return None
        try:
            with httpx.Client(base_url=f"https://{host}", verify=trusted, timeout=TIMEOUT_S) as client:
                answer = client.request(method, path, json=body, headers={"Host": domain, **(headers or {})})
        except httpx.HTTPError:
            return None
        try:
            found = answer.json()
        except ValueError:
            found = {}
        return answer.status_code, found if isinstance(found, dict) else {}


def _host(domain: str) -> tuple[str | None, bool]:
    """Where a name leads, and whether its certificate is verified: in the sandbox the gateway's own one is for the load
    balancer, which verifies none, and the gateway is on this machine."""
    path = os.environ.get(RESOLVE)
    if not path:
        return domain, True
    names = json.loads(Path(path).read_text()) if Path(path).exists() else {}
    return names.get(domain), False
