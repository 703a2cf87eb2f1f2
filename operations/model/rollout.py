"""Which model serves: the steps forward and back, as pure functions of the pointer.

stage      -> shadow     scores beside the serving model, decides nothing
promote    -> canary     decides for 10 % of the accounts
promote    -> full       serves; what served is `previous`
rollback                 drops shadow and canary; without them `previous` serves again
retreat                  the same by itself, on an alarm: once, and not from a model that has served for long
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from contracts.fraud_models import Pointer
from operations.errors import CellError, ExitCode

RETREAT_DAYS: Final = 7
"""Days after the last step within which an alarm takes it back: a model that decided well for longer has met other
payments, and an older one would do no better with them."""

CANARY_PERCENT: Final = 10
"""Share of the accounts, as of a fleet: its first box takes at most a tenth of the requests."""


def stage(pointer: Pointer, digest: str) -> Pointer:
    """The candidate as shadow. Raises CellError where it serves already, or another is on its way."""
    if digest == pointer.serving:
        raise CellError(f"{digest} serves already", ExitCode.CONFIGURATION)
    if pointer.canary is not None:
        raise CellError(
            f"{pointer.canary} has {pointer.canary_percent} % of the accounts: promote it or roll it back first",
            ExitCode.CONFIGURATION,
        )
    return replace(pointer, version=pointer.version + 1, shadow=digest)


def promote(pointer: Pointer, percent: int = CANARY_PERCENT) -> Pointer:
    """One step. Raises CellError where nothing is on its way."""
    if pointer.canary is not None:
        return replace(
            pointer,
            version=pointer.version + 1,
            serving=pointer.canary,
            previous=pointer.serving,
            canary=None,
            canary_percent=0,
        )
    if pointer.shadow is None:
        raise CellError("no model is on its way; `cell model train` makes a candidate", ExitCode.CONFIGURATION)
    return replace(pointer, version=pointer.version + 1, canary=pointer.shadow, canary_percent=percent, shadow=None)


def rollback(pointer: Pointer) -> Pointer:
    """Back. Raises CellError where there is nothing to go back to."""
    version = pointer.version + 1
    if pointer.canary is not None or pointer.shadow is not None:
        return replace(pointer, version=version, canary=None, canary_percent=0, shadow=None)
    if pointer.previous is None:
        raise CellError("no model served before this one; there is nothing to go back to", ExitCode.CONFIGURATION)
    return replace(pointer, version=version, serving=pointer.previous, previous=pointer.serving)


def retreat(pointer: Pointer, moved_at: datetime | None, now: datetime) -> Pointer | None:
    """What an alarm makes of the pointer; None: nothing that was done lately decides. Going back ends there: with no
    `previous` left, the alarm's next state changes nothing, and does not bring the bad model back."""
    version = pointer.version + 1
    if pointer.canary is not None:
        return replace(pointer, version=version, canary=None, canary_percent=0)
    if pointer.previous is None or moved_at is None or now - moved_at > timedelta(days=RETREAT_DAYS):
        return None
    return replace(pointer, version=version, serving=pointer.previous, previous=None)
