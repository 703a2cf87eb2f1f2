"""The archive of events: how objects are named, what is in them, and how they are read back.

    events/<stream shard>/<yyyy>/<mm>/<dd>/<first>-<last>.jsonl.gz      one envelope a line, in the stream's order
    quarantine/<who>/...                                                what was no event, with the reason

`<first>` and `<last>` are sequence numbers of the stream's shard, the date is that of the first record's arrival: the
names alone say how far a shard is archived. The same records give the same object, byte for byte. Two objects may
overlap after a crash, and their lines then repeat: readers drop a repeated event id.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

PREFIX, QUARANTINE = "events/", "quarantine/"
SUFFIX = ".jsonl.gz"

MAX_CONTENT_BYTES = 256 * 1024 * 1024
"""Largest content that is decompressed: thirty times what an archiver puts into one object, so that a forged object
cannot fill a reader's memory."""

METADATA_ACCOUNTS = 20
"""Accounts whose ranges of events an object's metadata names: all user metadata of an object takes 2 KB
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html), one account at most 80 bytes here."""

_NAME = re.compile(
    r"events/(?P<folder>[A-Za-z0-9_.-]{1,128})/(?P<day>\d{4}/\d{2}/\d{2})/(?P<first>\d{1,128})-(?P<last>\d{1,128})\.jsonl\.gz"
)


class ArchiveError(ValueError):
    """An object that is not what an archiver writes: the message names it and what is wrong."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Range:
    """What one object holds, as its name says."""

    folder: str
    """Of the stream's shard (`folder_of`)."""
    day: str
    """`yyyy/mm/dd`, UTC."""
    first: int
    last: int

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ArchiveError(f"archive: range {self.first}-{self.last} of {self.folder} ends before it begins")

    @property
    def key(self) -> str:
        """Name of the object."""
        return f"{folder_prefix(self.folder)}{self.day}/{self.first}-{self.last}{SUFFIX}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One record of the stream, on its way into an object."""

    sequence_number: int
    """Of the stream's shard."""
    text: str
    """The envelope as it was published."""
    account: str
    sequence: int
    """Of the event in its account."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Encoded:
    """An object, ready to be put."""

    body: bytes
    checksum_sha256: str
    """Base64, as the header `x-amz-checksum-sha256` wants it."""
    metadata: Mapping[str, str]


def folder_of(stream: str, shard: str) -> str:
    """Where the objects of a stream's shard are. Archives of a pair are replicated both ways, and the shards of both
    streams have the same names: without the stream's an archiver would hold the other's numbers for its own."""
    return f"{stream}.{shard}"


def folder_prefix(folder: str) -> str:
    """What the names of a folder's objects begin with."""
    return f"{PREFIX}{folder}/"


def day_of(arrived: datetime) -> str:
    """The day part of a name. `arrived`: with a time zone."""
    return arrived.astimezone(UTC).strftime("%Y/%m/%d")


def parse_key(key: str) -> Range:
    """The range that an object's name states. Raises ArchiveError for any other name."""
    found = _NAME.fullmatch(key)
    if found is None:
        raise ArchiveError(f"archive: {key!r} is no name of an object of events")
    return Range(folder=found["folder"], day=found["day"], first=int(found["first"]), last=int(found["last"]))


def encode(lines: Sequence[Line]) -> Encoded:
    """An object's body and what is said about it: count, range and SHA-256 of the content, and the accounts' ranges of
    events where they are few. The same lines give the same bytes."""
    if not lines:
        raise ArchiveError("archive: an object of no event; write none")
    if broken := next((line for line in lines if "\n" in line.text or "\r" in line.text), None):
        raise ArchiveError(f"archive: record {broken.sequence_number} has a line break, which canonical JSON has not")
    content = "".join(f"{line.text}\n" for line in lines).encode()
    body = gzip.compress(content, compresslevel=6, mtime=0)
    metadata = {
        "count": str(len(lines)),
        "first": str(lines[0].sequence_number),
        "last": str(lines[-1].sequence_number),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    ranges = _account_ranges(lines)
    if len(ranges) <= METADATA_ACCOUNTS:
        metadata["accounts"] = ",".join(f"{account}:{low}-{high}" for account, (low, high) in sorted(ranges.items()))
    checksum = base64.b64encode(hashlib.sha256(body).digest()).decode()
    return Encoded(body=body, checksum_sha256=checksum, metadata=metadata)


def decode(body: bytes, metadata: Mapping[str, str]) -> list[str]:
    """The envelopes' texts of an object, checked against its metadata. Raises ArchiveError where they differ."""
    content = _decompress(body)
    found = hashlib.sha256(content).hexdigest()
    if found != metadata.get("sha256"):
        raise ArchiveError(f"archive: the content's SHA-256 is {found}, the metadata says {metadata.get('sha256')}")
    try:
        *lines, rest = content.decode().split("\n")
    except UnicodeDecodeError as error:
        raise ArchiveError(f"archive: the content is not UTF-8 ({error})") from error
    if rest:
        raise ArchiveError("archive: the last line has no end")
    if str(len(lines)) != metadata.get("count"):
        raise ArchiveError(f"archive: {len(lines)} lines, the metadata says {metadata.get('count')}")
    return lines


def last_archived(ranges: Iterable[Range]) -> int | None:
    """The highest sequence number that objects of one stream shard hold; None where there is none."""
    return max((found.last for found in ranges), default=None)


def _account_ranges(lines: Sequence[Line]) -> dict[str, tuple[int, int]]:
    ranges: dict[str, tuple[int, int]] = {}
    for line in lines:
        low, high = ranges.get(line.account, (line.sequence, line.sequence))
        ranges[line.account] = (min(low, line.sequence), max(high, line.sequence))
    return ranges


def _decompress(body: bytes) -> bytes:
    stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        content = stream.decompress(body, MAX_CONTENT_BYTES)
    except zlib.error as error:
        raise ArchiveError(f"archive: the object is not gzip ({error})") from error
    if stream.unconsumed_tail:
        raise ArchiveError(f"archive: the content is larger than {MAX_CONTENT_BYTES} bytes")
    if not stream.eof or stream.unused_data:
        raise ArchiveError("archive: the gzip stream is cut off or has something behind it")
    return content
