"""What is to be audited."""

from collections.abc import Callable
from dataclasses import dataclass

from operations.audit.result import Place
from policies.control import Control

Tell = Callable[[str, int, int], None]
"""Told of progress: what, how many are done, of how many."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """Which stacks, where, and by which controls."""

    stacks: tuple[str, ...]
    """Empty: the account of the credentials, with no state at all."""
    places: frozenset[Place]
    controls: tuple[Control, ...]
    partial: bool = False
    role: str = ""
