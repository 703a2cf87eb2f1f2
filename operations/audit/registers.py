"""Registers that people keep: a list of incidents, restores or requests, as CSV, JSON or YAML.

Every row has an `id` of its own and `at`, the date or time by which it belongs to a period: when an incident was
detected, a restore began, a request was received. Without a zone it is UTC. A register of requests has `kind`, too:
`erasure`, `access`, ... Other columns are kept as they are.
"""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from operations.audit.attestations import Attested, Read
from operations.audit.evidence.canonical import digest, plain
from operations.audit.population import Kind, Source
from operations.audit.report.escape import terminal
from operations.audit.spans import Between
from operations.errors import CellError, ExitCode

MAX_BYTES = 64 * 2**20

ERASURE = "erasure"
"""What `kind` says of a request to be forgotten (Article 17)."""

ATTESTED: Mapping[Kind, tuple[str, str]] = {
    Kind.INCIDENTS: ("INC-01", "incidents_are_recorded"),
    Kind.RESTORES: ("BCK-04", "a_restore_succeeded"),
    Kind.ERASURES: ("DSR-01", "requests_were_answered"),
}
"""The question whose attestation has the register as its artefact."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Register:
    """What a register says of a period."""

    records: Sequence[Mapping[str, Any]]
    source: Source


def register(path: Path, kind: Kind, period: Between | None) -> Register:
    """Reads a register. ``period``: None for what has none. Raises CellError (configuration) with the row."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise ValueError(f"more than {MAX_BYTES:,} bytes")
        read = _READERS.get(path.suffix.lower())
        if read is None:
            raise ValueError(f"give one of {', '.join(_READERS)}")
        rows = list(read(data.decode("utf-8-sig")))
        records = [row for number, row in enumerate(rows, 1) if _belongs(row, number, kind, period)]
    except (OSError, ValueError, TypeError, RecursionError, csv.Error, yaml.YAMLError) as error:
        raise CellError(terminal(f"{path}: {error}"), ExitCode.CONFIGURATION) from None
    return Register(records=records, source=Source(what=path.name, rows=len(rows), sha256=digest(data)))


def attested(folder: Path, read: Sequence[Read], kind: Kind, period: Between) -> Register:
    """The register that the newest attestation vouches for that is in order and covers the period. Raises CellError
    where there is none: a register that nobody vouches for is given with ``--from-file``."""
    question = ATTESTED[kind]
    said = [(one.file, one.attested) for one in read if one.attested is not None and not one.problem]
    mine = [(file, one) for file, one in said if (one.control, one.question) == question and _covers(one, period)]
    if not mine:
        problem = f"no attestation of {' '.join(question)} covers the period; `cell attestation list` has all"
        raise CellError(f"{kind}: {problem}; or give --from-file REGISTER", ExitCode.CONFIGURATION)
    file, newest = max(mine, key=lambda pair: (pair[1].period.to, pair[0]))
    found = register(folder / newest.artefact, kind, period)
    if found.source.sha256 != newest.artefact_sha256:
        raise CellError(terminal(f"{newest.artefact}: has another digest than {file} says"))
    return Register(records=found.records, source=found.source.model_copy(update={"attestation": file}))


def _covers(one: Attested, period: Between) -> bool:
    last = (period.end - timedelta(microseconds=1)).date()
    return one.period.from_ <= period.start.date() and last <= one.period.to


def _csv(text: str) -> Iterator[Any]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    for number, row in enumerate(reader, 1):
        if None in row or None in row.values():
            raise ValueError(f"row {number}: has more or fewer cells than the first line")
        yield row


def _list(value: Any) -> Iterator[Any]:
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise ValueError("is no list of rows, each with names and values")
    for row in value:
        kept = plain(row)
        # A number counts as its text: what sorts and is hashed is text.
        yield {**kept, "id": str(kept["id"])} if isinstance(kept.get("id"), int) else kept


_READERS: Mapping[str, Callable[[str], Iterator[Any]]] = {
    ".csv": _csv,
    ".json": lambda text: _list(json.loads(text)),
    ".yaml": lambda text: _list(yaml.safe_load(text)),
    ".yml": lambda text: _list(yaml.safe_load(text)),
}


def _belongs(row: Mapping[str, Any], number: int, kind: Kind, period: Between | None) -> bool:
    """Whether a row is one of the population. Raises ValueError."""
    if not row.get("id"):
        raise ValueError(f"row {number}: has no id")
    if kind is Kind.ERASURES and not row.get("kind"):
        raise ValueError(f"row {number}: has no kind: which right is asked for, such as {ERASURE}")
    if period is None:
        return True
    try:
        at = datetime.fromisoformat(str(row["at"]))
    except (KeyError, ValueError):
        raise ValueError(f"row {number}: at: give a date or time, 2026-11-01 or 2026-11-01T06:00:00Z") from None
    inside = period.start <= (at if at.tzinfo else at.replace(tzinfo=UTC)) < period.end
    return inside and (kind is not Kind.ERASURES or str(row["kind"]).strip().lower() == ERASURE)
