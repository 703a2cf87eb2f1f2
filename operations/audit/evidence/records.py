"""A call to AWS as a record of the bundle: canonical, redacted, with its digest and its link to the record before."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from operations.audit.evidence.canonical import canonical, digest, plain
from operations.audit.evidence.redaction import Redaction
from operations.audit.live.region import Call

MAX_SKEW_S = 5
"""Seconds between a server's clock and ours over which the times of a record are not to be trusted."""

MAX_RECORD_BYTES = 32 * 2**20
"""Of one record: the longest pages of AWS have some MiB."""


def records(calls: Iterable[Call], redaction_key: bytes) -> Iterator[bytes]:
    """Each call's canonical record. Raises ValueError where numbers have gaps, or for a record too long to verify."""
    calls = tuple(calls)
    pages = Counter(map(_list_of, calls))
    for position, call in enumerate(calls):
        if call.number != position:
            raise ValueError(f"call {position} has number {call.number}: an answer would rest on another record")
        record = canonical(_record(call, pages[_list_of(call)], redaction_key))
        if len(record) > MAX_RECORD_BYTES:
            raise ValueError(f"record {position}: {len(record):,} bytes, more than {MAX_RECORD_BYTES:,}")
        yield record


def first_link(audit_id: str) -> bytes:
    """What the first record is linked to: no chain can stand in another audit's place."""
    return hashlib.sha256(audit_id.encode()).digest()


def link(before: bytes, record_sha256: str) -> bytes:
    """The link of a record: SHA-256 over the link before and the record's digest, both as bytes."""
    return hashlib.sha256(before + bytes.fromhex(record_sha256)).digest()


def chain(audit_id: str, lines: Iterable[bytes]) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """Each record with its line of the chain."""
    last = first_link(audit_id)
    for number, record in enumerate(lines):
        sha256 = digest(record)
        last = link(last, sha256)
        yield record, {"number": number, "sha256": sha256, "link": last.hex()}


def _record(call: Call, pages: int, redaction_key: bytes) -> Mapping[str, Any]:
    redaction = Redaction(redaction_key)
    about = redaction.of(
        plain(
            {
                "endpoint": call.endpoint,
                "partition": _partition(call.caller),
                "account": call.account,
                "region": call.region,
                "caller": call.caller,
                "operation": call.operation,
                "parameters": call.parameters,
                "page": call.page,
                "pages": pages,
                "request_id": call.request_id,
                "server_date": call.server_date,
                "at": call.at,
                "clock_skew_s": call.skew_s,
                "http_status": call.http_status,
                "retries": call.retries,
                "error": call.error,
                "answer": call.answer,
                "body_sha256": call.body_sha256,
            }
        )
    )
    return {**about, "number": call.number, "redacted": redaction.taken}


def _list_of(call: Call) -> tuple[str, str, str, bytes]:
    """Pages of one list share it."""
    return call.account, call.region, call.operation, canonical(call.parameters)


def _partition(caller: str) -> str:
    parts = caller.split(":")
    return parts[1] if len(parts) > 1 and parts[0] == "arn" else ""
