"""The bundles of a folder as one chain of audits, each naming the one before."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from operations.audit.evidence.bundle import HEAD
from operations.audit.evidence.canonical import digest
from operations.audit.evidence.files import BrokenError, document


@dataclass(frozen=True, kw_only=True, slots=True)
class _Link:
    audit: str
    ended: str
    previous: str


def latest(folder: Path) -> tuple[str, str]:
    """Digest of the head of the newest bundle in a folder, for the next audit's ``previous``, and when that audit
    ended; "" both without one."""
    heads, _ = _heads(folder)
    newest = max(heads, key=lambda sha256: (heads[sha256].ended, sha256), default="")
    return newest, heads[newest].ended if newest else ""


def latest_head(folder: Path) -> str:
    """The first of ``latest``."""
    return latest(folder)[0]


def gaps(folder: Path, audits: Collection[str] | None = None) -> tuple[str, ...]:
    """Sentences about audits that are not where the others say: removed, begun anew, two after one, not readable.

    ``audits``: ids of those that it is about; left out, all.
    """
    heads, unreadable = _heads(folder)
    told = [f"{problem}: no bundle that can be read" for problem in unreadable]
    in_order = sorted(heads.values(), key=lambda one: (one.ended, one.audit))
    meant = frozenset(one.audit for one in in_order) if audits is None else frozenset(audits)
    for position, one in enumerate(in_order):
        if one.audit not in meant:
            continue
        if one.previous and one.previous not in heads:
            told.append(f"{one.audit}: the audit before it, {one.previous[:16]}, is not here")
        elif not one.previous and position:
            told.append(f"{one.audit}: names no audit before it, and {in_order[position - 1].audit} was there")
    for before, count in Counter(one.previous for one in in_order if one.previous).items():
        if count > 1:
            names = [one.audit for one in in_order if one.previous == before]
            if not meant.isdisjoint(names):
                told.append(f"{', '.join(names)}: all follow {before[:16]}")
    return tuple(told)


def _heads(folder: Path) -> tuple[Mapping[str, _Link], list[str]]:
    heads: dict[str, _Link] = {}
    unreadable: list[str] = []
    # A name that begins with a dot is of a bundle that is being written, or was when the power went.
    for entry in sorted(folder.glob("[!.]*/")) if folder.is_dir() else ():
        try:
            head, data = document(entry, HEAD)
            heads[digest(data)] = _Link(
                audit=str(head["audit"]), ended=str(head["ended"]), previous=str(head["previous"])
            )
        except BrokenError as error:
            unreadable.append(f"{entry.name}: {error}")
        except (KeyError, TypeError):
            unreadable.append(f"{entry.name}: {HEAD}")
    return heads, unreadable
