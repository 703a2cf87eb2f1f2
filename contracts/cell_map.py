"""Which cell holds an account, as one cell's gateway knows it: for the answer 421 with the right host.

    map.cell_of(account_id)      an override, else its entry, else the cell that takes unknown accounts: its own
    map.elsewhere()              account -> host, of all accounts that are in another cell

Overrides are for tests, quarantine and moves and win over entries. Only the standard library is used here.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SCHEMA = "payment-cell/cell-map/1"

_ACCOUNT_ID = re.compile(r"acct_[a-z0-9]{4,40}")
_CELL = re.compile(r"[a-z][a-z0-9-]{0,29}")
_HOST = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")


class CellMapError(ValueError):
    """A map that cannot be used: the message names the value, the rule and the way out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CellMap:
    """One version of the map. `version` only grows."""

    version: int
    default: str
    """Cell of the accounts that the map does not name: that of the gateway which reads it."""
    hosts: Mapping[str, str]
    """Cell -> DNS name that its clients call."""
    accounts: Mapping[str, str] = field(default_factory=dict)
    """Account -> cell."""
    overrides: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.version < 1:
            raise CellMapError(f"cell_map.version: {self.version} is below 1")
        for cell, host in self.hosts.items():
            if not _CELL.fullmatch(cell) or not _HOST.fullmatch(host):
                raise CellMapError(f"cell_map.hosts: {cell!r}: {host!r} is no cell with a lower-case DNS name")
        if self.default not in self.hosts:
            raise CellMapError(f"cell_map.default: {self.default!r} is not in hosts; add its host")
        for key in ("accounts", "overrides"):
            for account, cell in getattr(self, key).items():
                if not _ACCOUNT_ID.fullmatch(account):
                    raise CellMapError(f"cell_map.{key}: {account!r} is no account; write acct_ and 4 to 40 of a-z0-9")
                if cell not in self.hosts:
                    raise CellMapError(f"cell_map.{key}.{account}: {cell!r} is not in hosts; add its host")

    def cell_of(self, account_id: str) -> str:
        """The cell that serves an account."""
        return self.overrides.get(account_id) or self.accounts.get(account_id) or self.default

    def elsewhere(self) -> dict[str, str]:
        """Account -> host, for all accounts that another cell serves."""
        named = sorted({*self.accounts, *self.overrides})
        return {account: self.hosts[cell] for account in named if (cell := self.cell_of(account)) != self.default}

    def check_successor(self, successor: CellMap) -> None:
        """Raises where `successor` must not replace this one."""
        if successor.version < self.version or (successor.version == self.version and successor != self):
            raise CellMapError(
                f"cell_map.version: {successor.version} replaces {self.version}; a change needs a greater one"
            )

    def to_json(self) -> str:
        """The published document: the same map gives the same text."""
        content = self._content()
        return json.dumps({**content, "checksum": _checksum(content)}, sort_keys=True, separators=(",", ":"))

    def _content(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "version": self.version,
            "default": self.default,
            "hosts": dict(self.hosts),
            "accounts": dict(self.accounts),
            "overrides": dict(self.overrides),
        }


def parse(text: str) -> CellMap:
    """A published document; raises `CellMapError` where it is damaged or of another kind."""
    try:
        content = json.loads(text)
        checksum = content.pop("checksum")
        if content.pop("schema") != SCHEMA:
            raise CellMapError(f"cell_map.schema: not {SCHEMA}")
        found = CellMap(**content)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise error if isinstance(error, CellMapError) else CellMapError(f"cell_map: unreadable ({error})") from None
    if checksum != _checksum(found._content()):
        raise CellMapError("cell_map.checksum: the content was changed; publish the map again")
    return found


def _checksum(content: Mapping[str, Any]) -> str:
    return "sha256:" + hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
