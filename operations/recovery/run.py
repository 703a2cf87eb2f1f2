"""A movement as its journal has it: item `run#<id>` of the pair's epoch store."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from contracts.epoch import KEY, RUN


class Kind(StrEnum):
    """What is done."""

    FAILOVER = "failover"
    """The old cell is taken to be lost: what had not arrived is given up."""
    SWITCHOVER = "switchover"
    """Both cells are well: nothing is lost."""
    FAILBACK = "failback"
    """A switchover back, once the old region follows again."""


class Status(StrEnum):
    """Of a run."""

    RUNNING = "running"
    """Begun and not over, whether or not somebody drives it."""
    ROLLING_BACK = "rolling-back"
    DONE = "done"
    ROLLED_BACK = "rolled-back"
    """The cell that wrote before writes again."""
    REFUSED = "refused"
    """It changed nothing."""
    ABANDONED = "abandoned"
    """A person ended it where it was (`cell recovery abandon`)."""


OPEN = frozenset({Status.RUNNING, Status.ROLLING_BACK})


@dataclass(frozen=True, kw_only=True, slots=True)
class StepRecord:
    """A step as it went."""

    state: str
    """begun, done or failed."""
    began_at: str
    """UTC time, ISO 8601, of the first try."""
    ended_at: str = ""
    seconds: float = 0.0
    """From the first try to the end."""
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Approval:
    """Another person's consent."""

    by: str
    """ARN of the principal."""
    at: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """A movement."""

    id: str
    kind: Kind
    origin: str
    """Stack of the cell that wrote."""
    target: str
    """Stack of the cell that is to write."""
    started_by: str
    """ARN of the principal."""
    started_at: str
    epoch: int
    """Of the record when the run began: it fences with the next one and grants with the one after."""
    accept_data_loss: bool = False
    status: Status = Status.RUNNING
    driver: str = ""
    """The process that drives it; "" for none."""
    version: int = 0
    """Grows with each write: two processes cannot both write the next one."""
    steps: Mapping[str, StepRecord] = field(default_factory=dict)
    approvals: tuple[Approval, ...] = ()
    ended_at: str = ""

    @property
    def open(self) -> bool:
        """Whether it is not over."""
        return self.status in OPEN

    def done(self, step: str) -> bool:
        """Whether a step is over."""
        return step in self.steps and self.steps[step].state == "done"

    def facts(self, step: str) -> Mapping[str, Any]:
        """What a step noted; nothing before it began."""
        return self.steps[step].facts if step in self.steps else {}

    def with_step(self, name: str, record: StepRecord) -> Run:
        """The same with a step's record."""
        return replace(self, steps={**self.steps, name: record})

    def to_item(self) -> dict[str, dict[str, str]]:
        """As DynamoDB takes it."""
        return {
            KEY: {"S": RUN + self.id},
            "version": {"N": str(self.version)},
            "status": {"S": self.status.value},
            # Not sorted: steps stand in the order in which they began.
            "body": {"S": json.dumps(self.to_data())},
        }

    def to_data(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def run_of(item: Mapping[str, Mapping[str, str]]) -> Run:
    """A run as the store has it."""
    data = json.loads(item["body"]["S"])
    return Run(
        **{
            **data,
            "kind": Kind(data["kind"]),
            "status": Status(data["status"]),
            "steps": {name: StepRecord(**record) for name, record in data["steps"].items()},
            "approvals": tuple(Approval(**approval) for approval in data["approvals"]),
        }
    )
