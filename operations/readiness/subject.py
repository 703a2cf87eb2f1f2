"""What the checks of `cell readiness` are given: the pair, what its stacks hold, and who asks AWS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from operations.audit.state import plain, resources
from operations.preflight_aws import Clients
from stacks.fleet import WORKLOADS_SUFFIX
from stacks.pairs import PairPlan

Row = Mapping[str, Any]
"""A resource as the engine exports it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """A pair at a moment."""

    pair: PairPlan
    clients: Clients
    emulated: bool
    now: datetime
    states: Mapping[str, Sequence[Row]]
    """Stack -> resources in its state; none of a stack that is not up."""
    outputs: Mapping[str, Mapping[str, Any]]
    """Stack -> outputs, of the two cells."""

    def get(self, service: str, cell: str) -> Any:
        """A client of a service in a cell's region."""
        return self.clients.get(service, self.pair.cells[cell].region)

    def rows(self, cell: str) -> list[Row]:
        """Resources of a cell and of its workloads."""
        return [*self.states.get(cell, ()), *self.states.get(cell + WORKLOADS_SUFFIX, ())]

    def of(self, stack: str, type_: str) -> Iterator[Mapping[str, Any]]:
        """Outputs of a stack's resources of a type."""
        for row in resources(self.states.get(stack, ())):
            if row["type"] == type_:
                yield {**plain(row.get("inputs") or {}), **plain(row.get("outputs") or {})}
