"""Reads the files of a bundle that somebody else may have made: nothing outside of it, nothing without end."""

import json
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, Any

from operations.audit.evidence.canonical import canonical

MAX_AUDIT_BYTES = 256 * 2**20
"""Of ``audit.json``: ten cells have some tens of MiB."""

MAX_HEAD_BYTES = 16 * 2**20
"""Of the head, which is read before its signature is known; it has a line for each exception and attestation."""

MAX_ENTRIES = 1000
"""Of a folder."""

MAX_DEPTH = 100
"""Levels of a document: an answer has at most 32 (``question.py``), a policy inside one about as many."""


class BrokenError(Exception):
    """What is broken, beginning with the file."""


def listed(folder: Path, required: Iterable[str], optional: Iterable[str]) -> frozenset[str]:
    """Names of the files there. Raises BrokenError for one that is missing, too many, or no plain file."""
    try:
        with os.scandir(folder) as entries:
            found = {entry.name: entry.is_file(follow_symlinks=False) for entry in islice(entries, MAX_ENTRIES)}
    except OSError as error:
        raise BrokenError(f"{str(folder)!a}: {error.strerror}") from None
    required = set(required)
    for name in sorted(required - found.keys()):
        raise BrokenError(f"{name}: missing")
    for name, is_file in sorted(found.items()):
        if name not in required | set(optional):
            raise BrokenError(f"{ascii(name)[:100]}: does not belong to a bundle")
        if not is_file:
            raise BrokenError(f"{name}: no plain file")
    return frozenset(found)


@contextmanager
def opened(folder: Path, name: str) -> Iterator[IO[bytes]]:
    """A file of the bundle; links are not followed. Raises BrokenError."""
    try:
        handle = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise BrokenError(f"{name}: {error.strerror}") from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise BrokenError(f"{name}: no plain file")
    with os.fdopen(handle, "rb") as file:
        yield file


def document(folder: Path, name: str, limit: int = MAX_HEAD_BYTES) -> tuple[Any, bytes]:
    """A file that is one canonical document, and its bytes. Raises BrokenError, for one longer than ``limit`` too."""
    with opened(folder, name) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise BrokenError(f"{name}: more than {limit:,} bytes")
    return parsed(data, name), data


def lines(file: IO[bytes], name: str, what: str, limit: int) -> Iterator[bytes]:
    """Lines without their ends. Raises BrokenError for one that is too long or cut off; ``what``: of which it is."""
    number = 0
    while line := file.readline(limit + 2):
        if not line.endswith(b"\n"):
            cut = "longer than it may be" if len(line) > limit else "cut off"
            raise BrokenError(f"{name}: {what} {number} is {cut}")
        yield line[:-1]
        number += 1


def parsed(data: bytes, where: str) -> Any:
    """A canonical document. Raises BrokenError for what is none."""
    try:
        value = json.loads(data.decode("utf-8"))
        if _too_deep(value):
            raise BrokenError(f"{where}: more than {MAX_DEPTH} levels")
        same = canonical(value) == data
    except RecursionError:
        raise BrokenError(f"{where}: more than {MAX_DEPTH} levels") from None
    except ValueError as error:
        raise BrokenError(f"{where}: no JSON ({type(error).__name__})") from None
    if not same:
        raise BrokenError(f"{where}: not in canonical form (RFC 8785)")
    return value


def _too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            member
            for one in level
            if isinstance(one, (dict, list))
            for member in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return False
    return True
