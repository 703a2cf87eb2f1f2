"""EventBridge pipes that settle: CREATING in the answer of CreatePipe, then RUNNING or STOPPED as desired.

What a pipe moves is the data plane's affair. https://docs.aws.amazon.com/eventbridge/latest/pipes-reference/API_Pipe.html
"""

from collections.abc import Mapping
from typing import Any

from moto.pipes import models
from moto.pipes.exceptions import ConflictException

SECTIONS = ("source_parameters", "target_parameters", "enrichment_parameters", "log_configuration")


class Pipe(models.Pipe):  # type: ignore[misc]
    _seen = False

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
        return super().create_pipe(name, *args, **kwargs)  # type: ignore[no-any-return]

    def update_pipe(self, name: str, **changes: Any) -> Pipe:
        """What is left out of a section stays: the update's shape has no starting position, and it must not be lost."""
        before = {section: getattr(self.pipes[name], section) for section in SECTIONS} if name in self.pipes else {}
        for section, old in before.items():
            if changes.get(section) is not None:
                changes[section] = _merged(old or {}, changes[section])
        return super().update_pipe(name, **changes)  # type: ignore[no-any-return]


def _merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(old)
    for name, value in new.items():
        inner = merged.get(name)
        merged[name] = {**inner, **value} if isinstance(inner, dict) and isinstance(value, dict) else value
    return merged


def install() -> None:
    models.Pipe = Pipe
    # Still moto's module, in which its backend base class looks for the paths.
    PipesBackend.__module__ = models.__name__
    models.pipes_backends.backend = PipesBackend
