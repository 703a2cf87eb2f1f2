"""The archive of the cell that is to write, as its region has it: what came by replication, and what is in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from contracts import archive, events
from contracts.epoch import OUTBOX_H

REPLICATION_S: Final = 900
"""Seconds within which S3 Replication Time Control replicates
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-time-control.html)."""

FLUSH_S: Final = 60
"""Seconds that an event may wait in an archiver, with room."""

REPLICA: Final = "REPLICA"
"""Status of an object that came by replication
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-status.html)."""


class UnreadableError(Exception):
    """The archive cannot be read; the text says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Version:
    """A version of an object: both cells may have given the same name."""

    key: str
    id: str
    at: datetime
    """Of the original, which a replica keeps."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Archive:
    """One cell's."""

    s3: Any
    cell: str
    region: str

    def bucket(self) -> str:
        """Its name begins with the cell's and ends by chance. Raises UnreadableError where there is not one of it."""
        prefix = f"{self.cell}-archive-"
        found = _asked(lambda: self.s3.list_buckets(Prefix=prefix, BucketRegion=self.region)["Buckets"])
        names = [one["Name"] for one in found if one["Name"].startswith(prefix)]
        if len(names) != 1:
            raise UnreadableError(f"{len(names)} buckets in {self.region} begin with {prefix}")
        return str(names[0])

    def versions(self, bucket: str, since: datetime) -> list[Version]:
        """Events' objects from a time on, the newest first."""
        pages = _asked(
            lambda: list(self.s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=archive.PREFIX))
        )
        found = [
            Version(key=one["Key"], id=one["VersionId"], at=one["LastModified"])
            for page in pages
            for one in page.get("Versions", ())
            if one["LastModified"] >= since
        ]
        return sorted(found, key=lambda one: one.at, reverse=True)

    def is_replica(self, bucket: str, version: Version) -> bool:
        """Whether the other cell wrote it."""
        head = _asked(lambda: self.s3.head_object(Bucket=bucket, Key=version.key, VersionId=version.id))
        return bool(head.get("ReplicationStatus") == REPLICA)

    def events(self, bucket: str, version: Version) -> Iterator[events.Envelope]:
        """What an object holds."""
        found = _asked(lambda: self.s3.get_object(Bucket=bucket, Key=version.key, VersionId=version.id))
        try:
            texts = archive.decode(found["Body"].read(), found["Metadata"])
            yield from map(events.parse, texts)
        except (archive.ArchiveError, events.EventError) as error:
            raise UnreadableError(f"{version.key}: {error}") from error


def regenerate_since(of: Archive, now: datetime) -> tuple[datetime, str]:
    """From when on events are sent again, and why: what the old cell archived before had arrived by then. Where nothing
    is known, all that outboxes keep."""
    oldest = now - timedelta(hours=OUTBOX_H)
    try:
        bucket = of.bucket()
        newest = next((one for one in of.versions(bucket, oldest) if of.is_replica(bucket, one)), None)
    except UnreadableError as reason:
        return oldest, f"all of the outbox: {reason}"
    if newest is None:
        return oldest, f"all of the outbox: nothing was replicated in {OUTBOX_H} h"
    since = newest.at - timedelta(seconds=REPLICATION_S + FLUSH_S)
    return max(since, oldest), f"{newest.key} is the newest that was replicated"


def payments(of: Archive, bucket: str, since: datetime) -> tuple[dict[str, str], set[str], set[str]]:
    """Payments that the old cell archived from a time on, each with its last event's type; payments of events that the
    new one archived; and ids of those events."""
    old: dict[str, tuple[str, str]] = {}
    new: set[str] = set()
    ids: set[str] = set()
    for version in of.versions(bucket, since):
        replica = of.is_replica(bucket, version)
        for event in of.events(bucket, version):
            payment = payment_of(event.data)
            if payment is None or event.time < milliseconds(since):
                continue
            if replica:
                old[payment] = max(old.get(payment, ("", "")), (event.time, event.type))
            else:
                new.add(payment)
                ids.add(event.id)
    return {payment: kind for payment, (_, kind) in old.items()}, new, ids


def payment_of(data: Mapping[str, Any]) -> str | None:
    """The payment that an event tells of (operations/probe/evidence.py)."""
    found = data.get("payment") or data.get("id")
    return None if found is None else str(found)


def milliseconds(moment: datetime) -> str:
    """A time as events have it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def _asked(call: Any) -> Any:
    try:
        return call()
    except (ClientError, BotoCoreError) as error:
        raise UnreadableError(f"S3 does not tell: {error}") from error
