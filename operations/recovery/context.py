"""What the steps of a run work with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from operations.recovery.machine import Driver
from operations.recovery.store import Source, Store
from operations.recovery.web import Web
from stacks.pairs import PairPlan
from stacks.plan import CellPlan


@dataclass(kw_only=True)
class Context(Driver):
    """A driver, and what it drives: everything follows from stack files and names."""

    pair: PairPlan
    store: Store
    clients: Source
    web: Web
    markets: Mapping[str, Any]
    """Market -> its currency and banks, in which synthetic payments are made."""

    @property
    def origin(self) -> CellPlan:
        """The cell that wrote."""
        return self.pair.cells[self.run.origin]

    @property
    def target(self) -> CellPlan:
        """The cell that is to write."""
        return self.pair.cells[self.run.target]

    def client(self, service: str) -> Any:
        """Of the region of the cell that is to write: no other one is called."""
        return self.clients.get(service, self.target.region)
