"""The proof for a pair: which acknowledged payments the new writer does not have, and who names each of them.

    account(told, new, old, archived, reported).problems()     -> [] or what is lost unnamed, doubled, wrongly reported

Pure: who calls has read the shards of the new writer, which are the truth from then on, the archives of both cells, and
the volumes that are kept of the old writer.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from contracts.reconciliation import Acknowledged


class Witness(StrEnum):
    """Where a missing payment was found."""

    REPORT = "report"
    """The failover's own list of missing payments."""
    ARCHIVE = "archive"
    """An event of it was archived."""
    OLD_VOLUME = "old-volume"
    """A row in the kept volume of the old writer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A payment as a shard or a volume holds it."""

    payment_id: str
    account: str
    key: str
    """Keyed digest of the idempotency key: one in both cells, which share the secret."""
    status: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Losses:
    """What a movement cost. Each list is sorted; empty lists are good news."""

    acknowledged: int
    lost: Sequence[str]
    """Acknowledged, and not in the new writer."""
    named: Mapping[str, Sequence[Witness]]
    """Lost payment -> who names it."""
    unnamed: Sequence[str]
    """Lost, and named by nobody: nobody could make it good."""
    doubled: Sequence[str]
    """`account: ids` of two payments of one idempotency key in the new writer: applied twice."""
    paid_again: Sequence[str]
    """In the old volume only, never acknowledged, and sent again by its customer: the new writer made another of it, so
    that the bank may have booked both. To be refunded, by name."""
    taken_back: Sequence[str]
    """Told as final, and of another status in the new writer until the bank is asked again."""
    misreported: Sequence[str]
    """In the failover's list, and in the new writer."""
    unreported: Sequence[str]
    """Archived and lost, and not in the failover's list, which is made of the archive."""

    def problems(self) -> list[str]:
        """A line for each finding that no bound allows."""
        found = {
            "lost payments that nobody names": self.unnamed,
            "applied twice": self.doubled,
            "reported as missing and there": self.misreported,
            "archived and lost, and not reported as missing": self.unreported,
        }
        return [f"{len(ids)} {what}: {', '.join(ids[:3])}" for what, ids in found.items() if ids]


def account(
    told: Iterable[Acknowledged],
    new: Iterable[Row],
    old: Iterable[Row],
    archived: Collection[str],
    reported: Collection[str],
    *,
    final: Collection[str],
    archived_at_report: Collection[str] = (),
) -> Losses:
    """`new`: rows of the new writer. `old`: of the kept volume; empty where none is kept. `archived`: payments that an
    archived event tells of; `archived_at_report`: those of them that the new cell's archive had when the report was
    made."""
    payments = {payment.payment_id: payment for payment in told}
    kept = {row.payment_id: row for row in old}
    there: dict[str, Row] = {}
    keys: dict[tuple[str, str], set[str]] = defaultdict(set)
    copies: Counter[str] = Counter()
    for row in new:
        there[row.payment_id] = row
        copies[row.payment_id] += 1
        keys[row.account, row.key].add(row.payment_id)
    lost = sorted(set(payments) - set(there))
    named = {
        id_: [
            witness
            for witness, ids in (
                (Witness.REPORT, reported),
                (Witness.ARCHIVE, archived),
                (Witness.OLD_VOLUME, kept),
            )
            if id_ in ids
        ]
        for id_ in lost
    }
    doubled = [f"{who}: {', '.join(sorted(ids))}" for (who, _), ids in keys.items() if len(ids) > 1]
    doubled += [f"{there[id_].account}: {id_}" for id_, count in copies.items() if count > 1]
    return Losses(
        acknowledged=len(payments),
        lost=lost,
        named=named,
        unnamed=[id_ for id_ in lost if not named[id_]],
        doubled=sorted(doubled),
        paid_again=sorted(id_ for id_, row in kept.items() if id_ not in there and (row.account, row.key) in keys),
        taken_back=sorted(
            id_
            for id_, payment in payments.items()
            if id_ in there and payment.status in final and there[id_].status != payment.status
        ),
        misreported=sorted(set(reported) & set(there)),
        unreported=sorted(set(lost) & set(archived_at_report) - set(reported)),
    )
