"""Populations for samples: everything of one kind, frozen in a file before anybody chooses from it.

The file has a line each: what was asked, the records in the order of their ids, and SHA-256 of all lines before. Every
line is canonical (RFC 8785), so that anybody can repeat the digest: `head -n -1 FILE | sha256sum`.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from operations.audit.evidence.canonical import canonical, digest
from operations.audit.evidence.files import BrokenError, lines, opened, parsed
from operations.audit.report.escape import terminal
from operations.audit.result import Record, Time
from operations.errors import CellError, ExitCode

FORMAT = 1

MAX_LINE_BYTES = 64 * 2**20
"""Of a population's file: the first line has the request id of every page."""


class Kind(StrEnum):
    """Of what."""

    CHANGES = "changes"
    """Mutating calls, of whoever made them."""
    ACCESS = "access"
    """Who can enter: root, users, their keys, roles, access entries of clusters. As it is now."""
    INCIDENTS = "incidents"
    RESTORES = "restores"
    ERASURES = "erasures"


class Source(Record):
    """Where records came from."""

    what: str
    """``cloudtrail:LookupEvents``, or the name of a file."""
    account: str = ""
    region: str = ""
    parameters: Mapping[str, Any] = Field(default_factory=dict)
    pages: int = 0
    request_ids: tuple[str, ...] = ()
    rows: int = 0
    """Of a register: its rows, those of other times or kinds too."""
    sha256: str = ""
    """Of a register's file."""
    attestation: str = ""
    """File that vouches for the register; "" where nobody does."""


class Header(Record):
    """The first line."""

    format: int = FORMAT
    population: Kind
    start: Time | None
    """None for what has no period: who can enter now."""
    end: Time | None
    """Not in the period."""
    frozen: Time
    caller: str = ""
    emulated: bool = False
    """The endpoint was not AWS."""
    sources: tuple[Source, ...]
    count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Frozen:
    """A population."""

    header: Header
    records: Sequence[Mapping[str, Any]]
    sha256: str


def in_order(records: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Records by id. Raises CellError where one has none, or two share one."""
    found: dict[str, Mapping[str, Any]] = {}
    for number, one in enumerate(records, 1):
        name = one.get("id")
        if not isinstance(name, str) or not name.strip() or not name.isprintable():
            raise CellError(f"record {number}: its id is {name!a}; give each a text", ExitCode.CONFIGURATION)
        if name in found:
            raise CellError(f"record {number}: {name!a} is the id of another one too", ExitCode.CONFIGURATION)
        found[name] = one
    return [found[name] for name in sorted(found)]


def freeze(path: Path, header: Header, records: Iterable[Mapping[str, Any]]) -> Frozen:
    """Writes the file, for its owner only, and never over another. Raises CellError."""
    kept = in_order(records)
    header = header.model_copy(update={"count": len(kept)})
    written = [canonical(header.model_dump(mode="json")), *map(canonical, kept)]
    body = b"".join(line + b"\n" for line in written)
    sha256 = digest(body)
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(body + canonical({"sha256": sha256}) + b"\n")
    except FileExistsError:
        problem = "exists; a population is frozen once, give another --out"
        raise CellError(terminal(f"{path}: {problem}"), ExitCode.CONFIGURATION) from None
    except OSError as error:
        raise CellError(terminal(f"{path}: {error.strerror}"), ExitCode.CONFIGURATION) from None
    return Frozen(header=header, records=kept, sha256=sha256)


def read(path: Path) -> Frozen:
    """Reads a frozen population. Raises CellError for one that is not as it was written."""
    try:
        return _read(path)
    except BrokenError as error:
        raise CellError(terminal(f"{path}: changed, or no population: {error}"), ExitCode.CONFIGURATION) from None


def _read(path: Path) -> Frozen:
    with opened(path.parent, path.name) as file:
        found = list(lines(file, path.name, "line", MAX_LINE_BYTES))
    if len(found) < 2:
        raise BrokenError("it has no end")
    *body, end = found
    sha256 = digest(b"".join(line + b"\n" for line in body))
    if parsed(end, "last line") != {"sha256": sha256}:
        raise BrokenError("its last line is not the digest of those before")
    try:
        header = Header.model_validate(parsed(body[0], "first line"))
    except ValidationError as error:
        raise BrokenError(f"first line: {error.errors()[0]['msg']}") from None
    records = [parsed(line, f"record {number}") for number, line in enumerate(body[1:], 1)]
    if header.format != FORMAT or header.count != len(records) or not _sound(records):
        raise BrokenError("its records are not those that its first line counts, each with an id of its own")
    return Frozen(header=header, records=records, sha256=sha256)


def _sound(records: Iterable[Any]) -> bool:
    ids = [one.get("id") if isinstance(one, dict) else None for one in records]
    return all(isinstance(one, str) for one in ids) and ids == sorted(set(map(str, ids)))


def summary(frozen: Frozen, path: Path) -> dict[str, Any]:
    """What was frozen, for people and programs."""
    header = frozen.header
    return {
        "population": header.population.value,
        "from": header.start,
        "to": header.end,
        "records": header.count,
        "sha256": frozen.sha256,
        "frozen": header.frozen,
        "emulated": header.emulated,
        "sources": list(map(_source_words, header.sources)),
        "file": str(path),
    }


def _source_words(source: Source) -> str:
    return " ".join(_words(source))


def _words(source: Source) -> Iterator[str]:
    yield terminal(source.what)
    if source.sha256:
        yield f"{source.rows} rows, sha256 {source.sha256}"
    else:
        yield f"in {source.account} {source.region}, {source.pages} pages"
    if source.attestation:
        yield f"attested in {source.attestation}"
