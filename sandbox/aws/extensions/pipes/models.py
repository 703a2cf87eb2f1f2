"""EventBridge pipes that settle: CREATING in the answer of CreatePipe, then RUNNING or STOPPED as desired.

https://docs.aws.amazon.com/eventbridge/latest/pipes-reference/API_Pipe.html
"""

from collections.abc import Mapping
from typing import Any

from moto.kinesis.models import kinesis_backends
from moto.pipes import models
from moto.pipes.exceptions import ConflictException

from sandbox.aws.extensions.kinesis import ARRIVALS, BEFORE_ALL
from sandbox.aws.extensions.pipes.mover import TARGETS, Reader

SECTIONS = ("source_parameters", "target_parameters", "enrichment_parameters", "log_configuration")


class Pipe(models.Pipe):  # type: ignore[misc]
    _seen = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._readers: dict[str, Reader] = {}
        self._begin()

    def _begin(self) -> None:
        """Readers of the shards there are; one that comes later is read from its first record."""
        region, account, name = self.source.split(":")[3:6]
        stream = kinesis_backends[account][region].streams.get(name.removeprefix("stream/")) if self.moves() else None
        settings = self.source_parameters["KinesisStreamParameters"] if stream else {}
        for shard in stream.shards.values() if stream else ():
            position = BEFORE_ALL
            if settings["StartingPosition"] == "LATEST":
                position = shard.get_max_sequence_number()
            elif settings["StartingPosition"] == "AT_TIMESTAMP":
                position = shard.get_sequence_number_at(float(settings["StartingPositionTimestamp"]))
            self._readers[shard.shard_id] = Reader(position=str(position))

    def moves(self) -> bool:
        """Whether the emulator moves anything here: from Kinesis, to SQS or a bus, neither filtered nor enriched."""
        source = self.source_parameters or {}
        simple = not self.enrichment and not source.get("FilterCriteria")
        known = "KinesisStreamParameters" in source and self.target.split(":")[2] in TARGETS
        return simple and known and self.desired_state == "RUNNING"

    def reader(self, shard_id: str) -> Reader:
        """Where it stands in a shard."""
        return self._readers.setdefault(shard_id, Reader(position=str(BEFORE_ALL)))

    @property
    def template(self) -> str | None:
        """What the target gets, where it is not the event itself."""
        return (self.target_parameters or {}).get("InputTemplate")

    def advance(self) -> None:
        self._seen = True

    @property
    def status(self) -> str:
        return str(self.desired_state) if self._seen else "CREATING"

    @status.setter
    def status(self, _: str) -> None:
        """moto drives its own states; here the desired one is reached at once."""


class PipesBackend(models.EventBridgePipesBackend):  # type: ignore[misc]
    def create_pipe(self, name: str, *args: Any, **kwargs: Any) -> Pipe:
        if name in self.pipes:
            raise ConflictException(f"Pipe {name} already exists", resource_id=name, resource_type="Pipe")
        made: Pipe = super().create_pipe(name, *args, **kwargs)
        ARRIVALS.tell()
        return made

    def update_pipe(self, name: str, **changes: Any) -> Pipe:
        """What is left out of a section stays: the update's shape has no starting position, and it must not be lost."""
        before = {section: getattr(self.pipes[name], section) for section in SECTIONS} if name in self.pipes else {}
        for section, old in before.items():
            if changes.get(section) is not None:
                changes[section] = _merged(old or {}, changes[section])
        changed: Pipe = super().update_pipe(name, **changes)
        ARRIVALS.tell()
        return changed


def _merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(old)
    for name, value in new.items():
        inner = merged.get(name)
        merged[name] = {**inner, **value} if isinstance(inner, dict) and isinstance(value, dict) else value
    return merged
