"""Takes down cells whose last day has passed, and removes the files that `cell clone` wrote. Nothing without `expires`
in its stack file is ever touched: no production cell has it, and no account."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from operations import deploy
from operations.errors import CellError, ExitCode
from stacks.fleet import WORKLOADS_SUFFIX, Fleet

SOON_DAYS = 2
"""A cell whose last day is at most so many days away is announced."""


class State(StrEnum):
    """How a cell stands to its last day."""

    EXPIRED = "expired"
    SOON = "expires soon"
    LATER = "stays"


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A cell that has a last day."""

    stack: str
    expires: date
    state: State
    hindrance: str | None
    """What of the stack files still needs the cell; None: nothing."""
    files: tuple[str, ...]
    """Stacks whose files `cell clone` wrote; of others the files stay."""


def plan_reap(fleet: Fleet, today: date) -> list[Found]:
    """Every cell with a last day, the earliest first. A replica has none of its own."""
    found = [
        Found(
            stack=name,
            expires=cell.expires,
            state=_state(cell.expires, today),
            hindrance=_hindrance(fleet, name),
            files=_files(fleet, name) if cell.clone_of is not None else (),
        )
        for name, cell in fleet.cells.items()
        if cell.expires is not None and name not in fleet.replicas
    ]
    return sorted(found, key=lambda each: (each.expires, each.stack))


def reap(session: deploy.Session, found: Found, consent: deploy.Consent) -> list[str]:
    """Destroys one expired cell, then removes its files. Says what it did.

    Raises CellError where something stands on the cell, or a resource cannot be destroyed: its files stay then.
    """
    if found.hindrance is not None:
        raise CellError(f"{found.stack}: {found.hindrance}")
    done = [f"destroyed {o.stack}" for o in deploy.destroy(session, found.stack, consent, with_account=False)]
    for stack in found.files:
        session.project.stack_file(stack).unlink()
        done.append(f"removed {session.project.stack_file(stack).relative_to(session.project.root)}")
    return done


def reap_all(
    session: deploy.Session, expired: Sequence[tuple[Found, deploy.Consent]]
) -> tuple[dict[str, list[str]], list[str]]:
    """(What was done by cell, what failed.) A cell that cannot be destroyed keeps no other from it.

    Raises CellError where somebody says no: nothing more is destroyed then.
    """
    done: dict[str, list[str]] = {}
    failed: list[str] = []
    for found, consent in expired:
        try:
            done[found.stack] = reap(session, found, consent)
        except CellError as error:
            if error.code is ExitCode.CANCELLED:
                raise
            failed.append(str(error))
    return done, failed


def abandoned_regions(before: Fleet, after: Fleet) -> dict[str, list[str]]:
    """Account -> regions that none of its cells uses any more: the account's next update leaves them."""
    gone = {name: set(before.regions_of(name)) - set(after.regions_of(name)) for name in after.accounts}
    return {name: sorted(regions) for name, regions in gone.items() if regions}


def _state(expires: date, today: date) -> State:
    if expires < today:
        return State.EXPIRED
    return State.SOON if (expires - today).days <= SOON_DAYS else State.LATER


def _files(fleet: Fleet, cell: str) -> tuple[str, ...]:
    return tuple(name for name in (cell + WORKLOADS_SUFFIX, cell) if name in fleet.stacks)


def _hindrance(fleet: Fleet, cell: str) -> str | None:
    if replicas := sorted(name for name, replica in fleet.replicas.items() if replica.of == cell):
        return f"{', '.join(replicas)} stands by for it: destroy it and remove its file first"
    if markets := [market.name for market in fleet.markets_of(cell)]:
        return f"stacks/markets names it ({', '.join(markets)}): remove it there first"
    return None
