"""Writes what an audit saw and found as one folder that can be verified: see docs/evidence.md."""

import os
import re
import secrets
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from operations.audit.evidence.canonical import canonical, digest, digest_of
from operations.audit.evidence.files import MAX_AUDIT_BYTES
from operations.audit.evidence.records import chain, first_link, records
from operations.audit.evidence.signing import ALGORITHM, Signer, fingerprint
from operations.audit.live.region import Call
from operations.audit.result import Audit
from operations.errors import CellError

FORMAT = 1

RECORDS, CHAIN, AUDIT, HEAD, SIGNATURE = FILES = (
    "records.ndjson",
    "chain.ndjson",
    "audit.json",
    "head.json",
    "head.sig",
)

ANCHOR = "anchor.json"
"""Receipt of the place where the head is anchored: written after the bundle, and covered by nothing in it."""

KEPT_DAYS = 400
"""Days for which the records must be there: a period of twelve months and the month in which it is audited. After that
``records.ndjson`` may be removed (answers name people and machines); the chain stands on its digests without it."""

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")

REDACTION_KEY = ".redaction-key"
"""End of the name of the file beside a bundle with the key of its redactions."""


def write(folder: Path, audit: Audit, calls: Iterable[Call], signer: Signer) -> Path:
    """Writes the bundle ``folder/<audit id>`` and returns it: whole or not at all, and never over another.

    The key of the redactions is beside it in ``<audit id>.redaction-key``: whoever gets the bundle does not get the
    key. Raises CellError where there is one already, ValueError for an audit that does not fit its calls.
    """
    if not _ID.fullmatch(audit.id):
        raise ValueError(f"audit id {audit.id!r}: up to 200 letters, digits, '-', '_' and '.': it names a folder")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = folder / audit.id
    if os.path.lexists(target):
        raise CellError(f"{target}: exists; evidence is never written twice")
    making = Path(tempfile.mkdtemp(prefix=".", dir=folder))
    try:
        key = secrets.token_bytes(32)
        _fill(making, audit, tuple(calls), signer, key)
        # A rename fails where somebody else's bundle of the same name came in between: it is not empty.
        making.rename(target)
    except BaseException:
        shutil.rmtree(making)
        raise
    _file(folder / f"{audit.id}{REDACTION_KEY}", key.hex().encode())
    _sync(folder)
    return target


def summary(audit: Mapping[str, Any]) -> dict[str, Any]:
    """What the signed head says of an audit (its JSON form). Raises KeyError, TypeError for what is none."""
    return {
        "audit": audit["id"],
        "started": audit["started"],
        "ended": audit["ended"],
        "emulated": audit["scope"]["emulated"],
        "scope": audit["scope"],
        "tool": audit["tool"],
        "thresholds": audit["thresholds"],
        "answers": dict(Counter(answer["status"] for answer in audit["answers"])),
        "populations": {"count": len(audit["populations"]), "sha256": digest_of(audit["populations"])},
        "exceptions": [{"id": one["id"], "sha256": digest_of(one)} for one in audit["exceptions"]],
        "attestations": [{"file": one["file"], "sha256": digest_of(one)} for one in audit["attestations"]],
        # Audits of before have none, and their heads say nothing of them.
        **(
            {"recoveries": [{"id": one["id"], "file_sha256": one["sha256"], "sha256": digest_of(one)} for one in them]}
            if (them := audit.get("recoveries")) is not None
            else {}
        ),
        "clock_skew_s": audit["calls"]["clock_skew_s"],
        "previous": audit["previous"],
    }


def misfit(audit: Mapping[str, Any], operations: Mapping[str, int]) -> str:
    """Where an audit speaks of records that are not there, or not of all that are; "" where it fits.

    ``operations``: how many records each operation has. Raises KeyError, TypeError for what is no audit.
    """
    count = sum(operations.values())
    for what in ("answers", "populations"):
        for position, one in enumerate(audit[what]):
            rests = [one] if what == "populations" else one["observed"]
            for number in (number for place in rests for number in place["evidence"]):
                if not 0 <= number < count:
                    return f"{what}[{position}] rests on record {number}; there are {count}"
    told = audit["calls"]["by_operation"]
    for operation in sorted({*told, *operations}):
        said, kept = told.get(operation, 0), operations.get(operation, 0)
        if said != kept:
            return f"calls.by_operation has {said} of {operation!a}, the records {kept}"
    return ""


def _fill(folder: Path, audit: Audit, calls: tuple[Call, ...], signer: Signer, redaction_key: bytes) -> None:
    data = audit.model_dump(mode="json")
    if problem := misfit(data, Counter(call.operation for call in calls)):
        raise ValueError(f"{audit.id}: {problem}")
    last, lines = first_link(audit.id).hex(), []
    kept = []
    for record, line in chain(audit.id, records(calls, redaction_key)):
        kept.append(record)
        lines.append(canonical(line))
        last = line["link"]
    written = canonical(data)
    if len(written) > MAX_AUDIT_BYTES:
        raise ValueError(f"{audit.id}: {len(written):,} bytes, more than {MAX_AUDIT_BYTES:,} that can be verified")
    public = signer.public_key()
    head = canonical(
        {
            "format": FORMAT,
            **summary(data),
            "audit_sha256": digest(written),
            "records": {"count": len(lines), "last_link": last},
            "records_kept_until": _later(audit.ended, KEPT_DAYS),
            "key": {"algorithm": ALGORITHM, "id": signer.key_id, "fingerprint": fingerprint(public)},
        }
    )
    signature = {"head_sha256": digest(head), "signature": signer.sign(bytes.fromhex(digest(head))).hex()}
    _file(folder / RECORDS, b"".join(record + b"\n" for record in kept))
    _file(folder / CHAIN, b"".join(line + b"\n" for line in lines))
    _file(folder / AUDIT, written)
    _file(folder / HEAD, head)
    _file(folder / SIGNATURE, canonical(signature))
    _sync(folder)


def _later(time: str, days: int) -> str:
    return (datetime.fromisoformat(time) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _file(path: Path, data: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
