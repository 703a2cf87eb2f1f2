"""The evidence bundles of a folder, each verified, in the order in which their audits began."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from operations.audit.evidence.bundle import AUDIT, HEAD
from operations.audit.evidence.canonical import digest
from operations.audit.evidence.files import BrokenError, document
from operations.audit.evidence.verify import Verified, verify
from operations.audit.report.json_ import load
from operations.audit.result import Audit, Place, Scope, Tool
from operations.errors import CellError, ExitCode


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """What a signed head says of its audit."""

    audit: str
    started: datetime
    ended: datetime
    scope: Scope
    tool: Tool
    thresholds: Mapping[str, Any]
    previous: str

    @property
    def live(self) -> bool:
        """Whether an account was asked: what is declared says nothing of operation."""
        return Place.LIVE in self.scope.places

    @property
    def whole(self) -> bool:
        """Whether every control was asked, of an account too."""
        return self.live and not self.scope.partial


@dataclass(frozen=True, kw_only=True, slots=True)
class Bundle:
    """One folder of evidence."""

    folder: Path
    verified: Verified
    head: Head | None
    """None where the bundle is broken, or a copy."""

    @property
    def broken(self) -> str:
        return self.verified.broken

    def audit(self) -> Audit:
        """The whole audit. Raises CellError where this version cannot read it."""
        return load(self.folder / AUDIT)


def bundles(folder: Path, keys: Sequence[bytes], tell: Callable[[int, int], None]) -> tuple[Bundle, ...]:
    """All bundles, by start; the broken ones last, by name. ``tell``: of how many are verified, of how many. Raises
    CellError (configuration) where there is none."""
    # A name that begins with a dot is of a bundle that is being written, or was when the power went.
    folders = sorted(folder.glob("[!.]*/")) if folder.is_dir() else []
    if not folders:
        raise CellError(f"{folder}: no evidence bundle; --evidence FOLDER has them", ExitCode.CONFIGURATION)
    by_head = _by_head(folders)
    found = []
    for done, one in enumerate(folders):
        tell(done, len(folders))
        found.append(_bundle(one, keys, by_head))
    return tuple(sorted(_without_copies(found), key=_order))


def _order(bundle: Bundle) -> tuple[bool, datetime | None, str]:
    head = bundle.head
    return (head is None, head.started if head else None, bundle.folder.name)


def _by_head(folders: Iterable[Path]) -> Mapping[str, Path]:
    found: dict[str, Path] = {}
    for folder in folders:
        try:
            _, data = document(folder, HEAD)
        except BrokenError:
            continue
        found.setdefault(digest(data), folder)
    return found


def _bundle(folder: Path, keys: Sequence[bytes], by_head: Mapping[str, Path]) -> Bundle:
    try:
        head, _ = document(folder, HEAD)
        read = _head(head)
        # Its word about the one before is believed only once the bundle is found intact.
        previous = by_head.get(read.previous)
    except BrokenError as error:
        return Bundle(folder=folder, verified=Verified(broken=str(error)), head=None)
    verified = verify(folder, keys, previous=previous if previous != folder else None)
    return Bundle(folder=folder, verified=verified, head=None if verified.broken else read)


def _head(head: Any) -> Head:
    try:
        read = Head(
            audit=str(head["audit"]),
            started=datetime.fromisoformat(head["started"]),
            ended=datetime.fromisoformat(head["ended"]),
            scope=Scope.model_validate(head["scope"]),
            tool=Tool.model_validate(head["tool"]),
            thresholds=dict(head["thresholds"]),
            previous=str(head["previous"]),
        )
    except (KeyError, TypeError, ValueError, ValidationError) as error:
        raise BrokenError(f"{HEAD}: not shaped as an audit's ({type(error).__name__})") from None
    if read.started.tzinfo is None or read.ended.tzinfo is None or read.ended < read.started:
        raise BrokenError(f"{HEAD}: from {head['started']!a} to {head['ended']!a} is no time of an audit")
    return read


def _without_copies(found: Iterable[Bundle]) -> Iterator[Bundle]:
    """The second folder of one and the same audit counts for nothing."""
    seen: dict[str, str] = {}
    for one in found:
        first = seen.setdefault(one.verified.head, one.folder.name) if one.head else one.folder.name
        if first == one.folder.name:
            yield one
        else:
            copy = f"{one.folder.name}: is a copy of {first}"
            yield replace(one, verified=replace(one.verified, broken=copy), head=None)
