"""Whether a bundle is what the audit wrote, for somebody who trusts neither the bundle nor whoever hands it over."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from operations.audit.evidence.anchor import UNKNOWN, Anchor, Standing, standing
from operations.audit.evidence.bundle import (
    ANCHOR,
    AUDIT,
    CHAIN,
    FILES,
    FORMAT,
    HEAD,
    RECORDS,
    SIGNATURE,
    misfit,
    summary,
)
from operations.audit.evidence.canonical import canonical, digest
from operations.audit.evidence.files import MAX_AUDIT_BYTES, BrokenError, document, lines, listed, opened, parsed
from operations.audit.evidence.records import MAX_RECORD_BYTES, MAX_SKEW_S, first_link, link
from operations.audit.evidence.signing import ALGORITHM, IN_A_FILE, fingerprint, signed_by

MAX_LINE_BYTES = 1024
"""Of the chain: a number and two digests."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Verified:
    """What can be said of a bundle."""

    broken: str = ""
    """The first thing that is not as it was written, beginning with its file; "" for an intact bundle."""
    signer: str = ""
    """Fingerprint of the given key that signed it; "" where none did."""
    audit: str = ""
    head: str = ""
    """Digest of the head: what the next audit names as its previous one."""
    records: int = 0
    emulated: bool = False
    anchor: Standing = UNKNOWN
    findings: tuple[str, ...] = ()
    """What an intact bundle makes its reader doubt."""

    @property
    def intact(self) -> bool:
        return not self.broken

    @property
    def proven(self) -> bool:
        """Intact, and signed by a key that the verifier brought."""
        return self.intact and bool(self.signer)

    @property
    def verdict(self) -> str:
        """In words."""
        if self.broken:
            return "broken"
        return "intact, author proven" if self.signer else "intact, author unproven"


@dataclass(kw_only=True, slots=True)
class _Read:
    """What the records say together."""

    count: int = 0
    operations: Counter[str] = field(default_factory=Counter)
    skew_s: float = 0.0


def verify(
    folder: Path,
    keys: Sequence[bytes] = (),
    *,
    previous: Path | None = None,
    anchor: Anchor | None = None,
    now: datetime | None = None,
) -> Verified:
    """Looks at everything in a bundle.

    ``keys``: public keys in PEM form that the verifier has from elsewhere, retired ones among them; the bundle's own
    word about its key counts for nothing. ``previous``: the bundle of the audit before. ``anchor``: where the verifier
    knows heads to be put; without it nobody is asked. ``now``: for whether records may be gone already. Raises
    ValueError for a key that is none.
    """
    known = {fingerprint(key): key for key in keys}
    try:
        return _verified(folder, known, previous, anchor, now or datetime.now(UTC))
    except BrokenError as error:
        return Verified(broken=str(error))


def _verified(
    folder: Path, keys: Mapping[str, bytes], previous: Path | None, anchor: Anchor | None, now: datetime
) -> Verified:
    there = listed(folder, set(FILES) - {RECORDS}, {RECORDS, ANCHOR})
    head, data = document(folder, HEAD)
    signer = _signer(folder, digest(data), keys)
    try:
        _check_format(head)
        if signer and head["key"] != {**head["key"], "algorithm": ALGORITHM, "fingerprint": signer}:
            raise BrokenError(f"{HEAD}: names another key than the one that signed it")
        kept = RECORDS in there
        if not kept and now < datetime.fromisoformat(head["records_kept_until"]):
            raise BrokenError(f"{RECORDS}: missing before {head['records_kept_until']!a}, until when it is kept")
        read = _chain(folder, head, kept)
        audit = _audit(folder, head, read if kept else None)
        anchored = standing(folder, receipt=ANCHOR in there, ended=head["ended"], anchor=anchor)
        findings = [*_findings(head, read, kept), *_before(head, keys, previous), *anchored.findings]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise BrokenError(f"{HEAD} or {AUDIT}: not shaped as an audit's ({type(error).__name__})") from None
    return Verified(
        signer=signer,
        audit=str(audit["id"]),
        head=digest(data),
        records=read.count,
        emulated=head["emulated"] is not False,
        anchor=anchored,
        findings=tuple(findings),
    )


def _signer(folder: Path, head_sha256: str, keys: Mapping[str, bytes]) -> str:
    """Fingerprint of the key that signed the head; "" without keys. Raises BrokenError where none of them did."""
    signature, _ = document(folder, SIGNATURE)
    try:
        told, signed = signature["head_sha256"], bytes.fromhex(signature["signature"])
        shape = set(signature) == {"head_sha256", "signature"} and signed.hex() == signature["signature"]
    except (KeyError, TypeError, ValueError):
        shape = False
    if not shape:
        raise BrokenError(f"{SIGNATURE}: not shaped as a signature")
    if told != head_sha256:
        raise BrokenError(f"{HEAD}: is not the one that {SIGNATURE} speaks of")
    for name, key in keys.items():
        if signed_by(key, bytes.fromhex(head_sha256), signed):
            return name
    if keys:
        raise BrokenError(f"{SIGNATURE}: made by none of the given keys ({', '.join(one[:16] for one in keys)})")
    return ""


def _check_format(head: Any) -> None:
    if head["format"] != FORMAT:
        raise BrokenError(f"{HEAD}: format {ascii(head['format'])[:40]}, this tool reads {FORMAT}")


def _chain(folder: Path, head: Mapping[str, Any], kept: bool) -> _Read:
    """Goes along the chain, and along the records where they are still kept."""
    read = _Read()
    last = first_link(head["audit"])
    with opened(folder, CHAIN) as chain, opened(folder, RECORDS) if kept else nullcontext() as file:
        records = lines(file, RECORDS, "record", MAX_RECORD_BYTES) if file else None
        for line in lines(chain, CHAIN, "link", MAX_LINE_BYTES):
            sha256, last = _link(line, read.count, last)
            if records is not None:
                _record(next(records, None), read, sha256)
            read.count += 1
        if records is not None and next(records, None) is not None:
            raise BrokenError(f"{RECORDS}: record {read.count} is one more than the chain has")
    told = head["records"]
    if read.count != told["count"]:
        raise BrokenError(f"{CHAIN}: ends before record {read.count}, {HEAD} counts {told['count']:d}")
    if last.hex() != told["last_link"]:
        raise BrokenError(f"{CHAIN}: its last link, {read.count - 1}, is not the one in {HEAD}")
    return read


def _link(line: bytes, number: int, before: bytes) -> tuple[str, bytes]:
    where = f"{CHAIN}: link of record {number}"
    value = parsed(line, where)
    if not isinstance(value, dict) or set(value) != {"number", "sha256", "link"}:
        raise BrokenError(f"{where} is not shaped as a link")
    if value["number"] != number or isinstance(value["number"], bool):
        raise BrokenError(f"{where} is not there, but that of {ascii(value['number'])[:40]}")
    try:
        expected = link(before, value["sha256"])
    except (TypeError, ValueError):
        raise BrokenError(f"{where} has no digest") from None
    if expected.hex() != value["link"]:
        raise BrokenError(f"{where} does not follow from the one before")
    return value["sha256"], expected


def _record(line: bytes | None, read: _Read, sha256: str) -> None:
    where = f"{RECORDS}: record {read.count}"
    if line is None:
        raise BrokenError(f"{where} is missing")
    if hashlib.sha256(line).hexdigest() != sha256:
        raise BrokenError(f"{where} is not the one that was chained")
    record = parsed(line, where)
    if not isinstance(record, dict) or record.get("number") != read.count:
        raise BrokenError(f"{where} has another number")
    read.operations[str(record.get("operation"))] += 1
    skew = record.get("clock_skew_s")
    if isinstance(skew, (int, float)):
        read.skew_s = max(read.skew_s, abs(skew))


def _audit(folder: Path, head: Mapping[str, Any], read: _Read | None) -> Mapping[str, Any]:
    audit, data = document(folder, AUDIT, MAX_AUDIT_BYTES)
    if digest(data) != head["audit_sha256"]:
        raise BrokenError(f"{AUDIT}: is not the one in {HEAD}")
    for name, value in summary(audit).items():
        if canonical(head[name]) != canonical(value):
            raise BrokenError(f"{AUDIT}: its {name} is not as {HEAD} says")
    if read is not None and (problem := misfit(audit, read.operations)):
        raise BrokenError(f"{AUDIT}: {problem}")
    return audit  # type: ignore[no-any-return]


def _findings(head: Mapping[str, Any], read: _Read, kept: bool) -> Iterator[str]:
    if head["emulated"]:
        yield "emulated: the endpoint was not AWS, nothing here speaks of an account of AWS"
    elif head["key"]["id"] == IN_A_FILE:
        yield "signing key: was in a file, whoever could read that could sign as the audit"
    skew = max(read.skew_s, abs(head["clock_skew_s"]))
    if skew > MAX_SKEW_S:
        yield f"clock skew: {skew:g} s between AWS and the auditor, more than {MAX_SKEW_S} s: times are doubtful"
    if not kept:
        yield f"{RECORDS}: removed after its time; {read.count:,} digests are left of it"
    if head["scope"]["partial"]:
        yield "partial: some controls of the catalogue were left out by a filter"


def _before(head: Mapping[str, Any], keys: Mapping[str, bytes], previous: Path | None) -> Iterator[str]:
    """Raises BrokenError where the bundle before is another than the head names."""
    if previous is None:
        if head["previous"]:
            yield "previous audit: not given, so whether one was left out is not known"
        return
    listed(previous, set(FILES) - {RECORDS}, {RECORDS, ANCHOR})
    before, data = document(previous, HEAD)
    if digest(data) != head["previous"]:
        raise BrokenError(f"{HEAD}: previous is another audit than the given one, {ascii(before['audit'])[:100]}")
    _signer(previous, digest(data), keys)
