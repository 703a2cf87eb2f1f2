"""Who writes in a pair of cells: one record in the pair's epoch store, raised by conditional puts, and the lease that
programs take from it.

    writer = writer_of(item, primary)          what the store says; no item: the primary, since its birth
    put(before, after)                         arguments of PutItem: refused where somebody was faster
    writer.lets(cell)                          whether the cell may write under it

A program that writes reads the record, strongly consistent, every `RENEW_S`. What it read holds for `LEASE_S` from the
moment at which it *asked*, by its own monotonic clock. Whoever fences raises the epoch first and then waits `FENCE_S`:
a read that began before has run out by then, a read that began later was told. No two clocks are compared.
Only the standard library is used here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

KEY: Final = "id"
"""Partition key of the table, a string; it has no sort key."""

WRITER: Final = "writer"
"""Key of the record."""

RUN: Final = "run#"
"""Prefix of the keys of movements (failover, switchover, failback): one item each, with its steps."""

REGENERATED: Final = "regenerated#"
"""Prefix of `regenerated#<epoch>#<shard>`: the relay has marked the shard's work in flight to be sent again."""

LEASE_S: Final = 10.0
"""Seconds that a writer may go on after the question whose answer allowed it."""

RENEW_S: Final = 2.0
"""Seconds between two questions: four may be lost."""

ASK_TIMEOUT_S: Final = 1.5
"""Seconds that one question may take."""

FENCE_S: Final = 11.0
"""Seconds after a fence in which a lease may still hold: `LEASE_S`, and a tenth for clocks that run at different
rates. Crystals differ by less than a thousandth; the rest is for a process that is late to look at its clock."""

REFUSED: Final = "not_the_writer"
"""Reason of whoever refuses a payment with 503 because it has no lease."""

REFUSED_MESSAGE: Final = "this cell does not write now; try again in a moment with the same key"

RETRY_AFTER_S: Final = 5
"""Seconds that such a refusal asks for: the name that clients call has to change meanwhile."""

OUTBOX_H: Final = 72
"""Hours an event stays in the outbox after it was relayed: longer than the stream keeps it (24 h), so that a weekend's
loss downstream, or what a lost region's stream took with it, can be sent again from here."""


class WriterState(StrEnum):
    """Whether the writer named in the record may write."""

    SERVING = "serving"
    FENCED = "fenced"
    """Nobody writes: a movement is under way."""


class EpochError(ValueError):
    """A record that cannot be read: the message names key, value and rule."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Writer:
    """The record."""

    epoch: int
    """Only grows; 0 is the state in which a pair is born."""
    cell: str
    """Stack of the cell that writes, or wrote when it was fenced."""
    state: WriterState = WriterState.SERVING
    run: str | None = None
    """Movement under way: another one is refused."""
    regenerate_since: str | None = None
    """UTC time, ISO 8601: events of the outbox from then on are sent again, once an epoch and shard."""
    changed_at: str = ""
    """UTC time, ISO 8601."""

    def lets(self, cell: str) -> bool:
        """Whether programs of this cell may write."""
        return self.state is WriterState.SERVING and self.cell == cell

    def to_item(self) -> dict[str, dict[str, str]]:
        """As DynamoDB takes it."""
        item = {KEY: {"S": WRITER}, "epoch": {"N": str(self.epoch)}}
        words = {
            "cell": self.cell,
            "state": self.state.value,
            "run": self.run,
            "regenerateSince": self.regenerate_since,
            "changedAt": self.changed_at,
        }
        return item | {name: {"S": value} for name, value in words.items() if value}


def epoch_table(primary: str) -> str:
    """Name of the pair's epoch store in each of its regions: programs know it before the pair exists."""
    return f"{primary}-epoch"


def regenerated_key(epoch: int, shard: str) -> str:
    """Key of the item that says that a shard's work in flight was marked to be sent again."""
    return f"{REGENERATED}{epoch}#{shard}"


def writer_of(item: Mapping[str, Mapping[str, str]] | None, primary: str) -> Writer:
    """The record as the store has it; without one the primary writes, as it did before it had a replica.

    Raises EpochError where it cannot be read.
    """
    if item is None:
        return Writer(epoch=0, cell=primary)

    def word(name: str) -> str | None:
        return item[name]["S"] if name in item else None

    try:
        return Writer(
            epoch=int(item["epoch"]["N"]),
            cell=item["cell"]["S"],
            state=WriterState(item["state"]["S"]),
            run=word("run"),
            regenerate_since=word("regenerateSince"),
            changed_at=word("changedAt") or "",
        )
    except (KeyError, ValueError) as error:
        raise EpochError(f"epoch store, {WRITER}: {dict(item)} is no record of a writer ({error})") from None


def put(before: Writer, after: Writer) -> dict[str, Any]:
    """Arguments of PutItem, but for the table: written only where the record is still `before`.

    Raises EpochError for an epoch that goes back, and for another cell, or one let again, within an epoch.
    """
    if after.epoch < before.epoch:
        raise EpochError(f"epoch {after.epoch} is below {before.epoch}: it only grows")
    same_epoch = after.epoch == before.epoch
    if same_epoch and (after.cell != before.cell or (after.state, before.state) == _LET_AGAIN):
        raise EpochError(f"epoch {after.epoch} has a writer already, {before.cell} ({before.state}): raise the epoch")
    if before == Writer(epoch=0, cell=before.cell):
        condition: dict[str, Any] = {"ConditionExpression": f"attribute_not_exists({KEY})"}
    else:
        condition = {
            "ConditionExpression": "epoch = :epoch AND #state = :state AND "
            + ("#run = :run" if before.run else "attribute_not_exists(#run)"),
            "ExpressionAttributeNames": {"#state": "state", "#run": "run"},
            "ExpressionAttributeValues": {
                ":epoch": {"N": str(before.epoch)},
                ":state": {"S": before.state.value},
                **({":run": {"S": before.run}} if before.run else {}),
            },
        }
    return {"Item": after.to_item(), **condition}


_LET_AGAIN: Final = (WriterState.SERVING, WriterState.FENCED)
