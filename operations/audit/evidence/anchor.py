"""The signed head where whoever can sign cannot change it: an object of S3 under Object Lock in compliance mode.

No user can overwrite or delete such a version before its date, the root user of the account included
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html#object-lock-retention-modes).
"""

import base64
import hashlib
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from operations.audit.evidence.bundle import ANCHOR, HEAD, KEPT_DAYS, SIGNATURE
from operations.audit.evidence.canonical import canonical, digest
from operations.audit.evidence.files import MAX_HEAD_BYTES, BrokenError, document
from operations.audit.evidence.records import MAX_SKEW_S
from operations.errors import CellError, ExitCode

FORMAT = 1

RETAINED_DAYS = KEPT_DAYS
"""From when the head is put: as long as its records are kept. A lock can be made longer, never shorter."""

PROMPT_S = 24 * 3600
"""Longest time from the end of an audit to its anchor that is no finding: what is anchored later proves less."""

COMPLIANCE: Final = "COMPLIANCE"

NO_LOCK = "ObjectLockConfigurationNotFoundError"

GONE = frozenset({"NoSuchBucket", "NoSuchKey", "NoSuchVersion", "404"})
"""Codes of S3 for what is not there (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html)."""

_URL = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(?P<prefix>[\w./-]{0,200}))?")

_RECEIPT = frozenset({"format", "bucket", "key", "version_id", "server_date", "mode", "retain_until", "sha256"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """Where heads are put."""

    bucket: str
    prefix: str = ""

    @classmethod
    def parse(cls, url: str) -> "Target":
        """``s3://BUCKET`` or ``s3://BUCKET/PREFIX``. Raises CellError (configuration)."""
        found = _URL.fullmatch(url)
        if not found:
            raise CellError(
                f"--anchor {ascii(url)[1:-1]}: give s3://BUCKET or s3://BUCKET/PREFIX", ExitCode.CONFIGURATION
            )
        prefix = (found["prefix"] or "").strip("/")
        return cls(bucket=found["bucket"], prefix=f"{prefix}/" if prefix else "")

    def key(self, audit: str, head_sha256: str) -> str:
        """Of the head of an audit."""
        return f"{self.prefix}{audit}-{head_sha256[:16]}.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """What can be said of a bundle's anchor."""

    text: str
    compared: bool = False
    """The object was read and is the bundle's head under its lock."""
    findings: tuple[str, ...] = ()


UNKNOWN = Standing(text="")
"""Of a bundle that is broken."""


class Anchor:
    """A bucket under Object Lock. Putting needs s3:GetBucketObjectLockConfiguration, s3:PutObject and
    s3:PutObjectRetention; comparing needs s3:GetObjectVersion and s3:GetObjectRetention."""

    def __init__(self, target: Target, client: Any = None) -> None:
        """``client``: boto3's of S3; left out, with the machine's own credentials and never an auditor's role."""
        self.target = target
        self._client = client or boto3.Session().client("s3")

    def check(self) -> None:
        """Whether heads can be locked there, before an audit is run for nothing. Raises CellError."""
        where = f"--anchor s3://{self.target.bucket}"
        without = CellError(f"{where}: the bucket has no Object Lock; give one that has", ExitCode.CONFIGURATION)
        try:
            answer = self._client.get_object_lock_configuration(Bucket=self.target.bucket)
        except (ClientError, BotoCoreError) as error:
            if (said := _said(error)) == NO_LOCK:
                raise without from None
            code = ExitCode.CONFIGURATION if said in GONE else ExitCode.RESOURCE
            raise CellError(f"{where}: get_object_lock_configuration: {said}", code) from None
        if answer.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled") != "Enabled":
            raise without

    def put(self, folder: Path) -> Path:
        """Puts the head of a bundle, writes the receipt into its folder. Raises CellError: the bundle stays whole."""
        audit, head_sha256, data = _anchored(folder)
        key = self.target.key(audit, head_sha256)
        until = (datetime.now(UTC) + timedelta(days=RETAINED_DAYS)).replace(microsecond=0)
        where = f"s3://{self.target.bucket}/{key}"
        try:
            answer = self._client.put_object(
                Bucket=self.target.bucket,
                Key=key,
                Body=data,
                ContentType="application/json",
                ChecksumAlgorithm="SHA256",  # S3 takes no lock without this header or Content-MD5 (API, PutObject).
                ChecksumSHA256=base64.b64encode(hashlib.sha256(data).digest()).decode(),
                ObjectLockMode=COMPLIANCE,
                ObjectLockRetainUntilDate=until,
            )
            version, date = answer["VersionId"], answer["ResponseMetadata"]["HTTPHeaders"]["date"]
        except (ClientError, BotoCoreError) as error:
            raise CellError(f"not anchored: {where}: {_said(error)}", ExitCode.RESOURCE) from None
        except KeyError as missing:
            raise CellError(f"not anchored: {where}: S3 answered without {missing}", ExitCode.RESOURCE) from None
        receipt = {
            "format": FORMAT,
            "bucket": self.target.bucket,
            "key": key,
            "version_id": version,
            "server_date": date,
            "mode": COMPLIANCE,
            "retain_until": _written(until),
            "sha256": digest(data),
        }
        try:
            _write(folder / ANCHOR, canonical(receipt))
        except OSError as error:
            raise CellError(f"{where} version {version} is there, {folder / ANCHOR} is not: {error.strerror}") from None
        return folder / ANCHOR

    def compare(self, data: bytes, receipt: Mapping[str, Any], ended: datetime) -> Standing:
        """Whether S3 has what a receipt says. Raises BrokenError where it has not."""
        where = f"s3://{receipt['bucket']}/{receipt['key']}"
        asked = {name: receipt[of] for name, of in (("Bucket", "bucket"), ("Key", "key"), ("VersionId", "version_id"))}
        try:
            answer = self._client.get_object(**asked)
            body = answer["Body"].read(MAX_HEAD_BYTES + 1)
        except (ClientError, BotoCoreError) as error:
            if (said := _said(error)) in {*GONE, "InvalidArgument"}:  # S3's word for a version id that it never gave.
                raise BrokenError(f"{ANCHOR}: {where} has no such version ({said})") from None
            return Standing(text=f"anchored according to its receipt, S3 did not answer: {said}")
        if body != data:
            raise BrokenError(f"{ANCHOR}: {where} holds another head")
        if answer.get("ObjectLockMode") != COMPLIANCE:
            raise BrokenError(f"{ANCHOR}: {where} is not under a lock in compliance mode")
        until, put = answer["ObjectLockRetainUntilDate"], answer["LastModified"]
        if until < _time(receipt["retain_until"]):
            raise BrokenError(f"{ANCHOR}: {where} is locked until {_written(until)} only")
        if abs((put - _time(receipt["server_date"])).total_seconds()) > MAX_SKEW_S:
            raise BrokenError(f"{ANCHOR}: {where} was put at {_written(put)}, not when the receipt says")
        late_s = (put - ended).total_seconds()
        late = f"anchor: put {late_s / 3600:.0f} h after the audit ended; until then the head could be written anew"
        return Standing(
            text=f"anchored at {_written(put)} in {where}, locked until {_written(until)}",
            compared=True,
            findings=(late,) if late_s > PROMPT_S else (),
        )


def standing(folder: Path, *, receipt: bool, ended: str, anchor: Anchor | None) -> Standing:
    """What can be said of a bundle's anchor. ``anchor``: the verifier's own word where heads are put: a receipt that
    names another place counts for nothing. Raises BrokenError for one that is not this bundle's."""
    if not receipt:
        return Standing(text="not anchored")
    told, _ = document(folder, ANCHOR)
    audit, head_sha256, data = _anchored(folder)
    if not _is_receipt(told):
        raise BrokenError(f"{ANCHOR}: not shaped as a receipt")
    if told["sha256"] != digest(data):
        raise BrokenError(f"{ANCHOR}: speaks of another head")
    if anchor is None:
        return Standing(text="anchored according to its receipt, not asked")
    key = anchor.target.key(audit, head_sha256)
    if (told["bucket"], told["key"]) != (anchor.target.bucket, key):
        raise BrokenError(f"{ANCHOR}: names another place than s3://{anchor.target.bucket}/{key}")
    return anchor.compare(data, told, _time(ended))


def _anchored(folder: Path) -> tuple[str, str, bytes]:
    """Audit, digest of its head, and what is put of it: head and signature in one document."""
    head, data = document(folder, HEAD)
    signature, _ = document(folder, SIGNATURE)
    return str(head["audit"]), digest(data), canonical({"head": head, "signature": signature})


def _is_receipt(told: Any) -> bool:
    try:
        dated = all(_time(told[name]) for name in ("server_date", "retain_until"))
        texts = all(isinstance(told[name], str) and told[name] for name in _RECEIPT - {"format"})
        return dated and texts and set(told) == _RECEIPT and (told["format"], told["mode"]) == (FORMAT, COMPLIANCE)
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError):
        # The last is what Python's parser of dates makes of a year or zone without end.
        return False


def _said(error: ClientError | BotoCoreError) -> str:
    """S3's code, or why it was not reached."""
    return str(error.response.get("Error", {}).get("Code", "refused") if isinstance(error, ClientError) else error)


def _time(text: str) -> datetime:
    """As S3's header or RFC 3339 has it. Raises ValueError, TypeError."""
    time = parsedate_to_datetime(text) if text[:1].isalpha() else datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(f"{text}: no time zone")
    return time


def _written(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _write(path: Path, data: bytes) -> None:
    """A file that is there whole or not at all, and never instead of another. Raises OSError."""
    # Beside the bundle: whoever verifies it meanwhile finds no file in it that does not belong there.
    with tempfile.NamedTemporaryFile(prefix=".", dir=path.parent.parent) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
        os.link(file.name, path)
