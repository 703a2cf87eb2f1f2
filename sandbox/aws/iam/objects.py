"""What a request to S3 needs
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html)."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from sandbox.aws.iam.actions import ACTIONS
from sandbox.aws.iam.requests import Asked
from sandbox.aws.iam.verdict import Need

OBJECT_ACTIONS: Mapping[str, tuple[str, ...]] = {
    "CompleteMultipartUpload": ("PutObject",),
    "CopyObject": ("PutObject",),
    "CreateMultipartUpload": ("PutObject",),
    "HeadObject": ("GetObject",),
    "ListMultipartUploads": ("ListBucketMultipartUploads",),
    "ListObjects": ("ListBucket",),
    "ListParts": ("ListMultipartUploadParts",),
    "PutObject": ("PutObject",),
    "UploadPart": ("PutObject",),
}
"""Operations on objects that deploying needs none of; the others are in `actions.ACTIONS`."""

OF_A_VERSION: Mapping[str, str] = {
    "GetObject": "GetObjectVersion",
    "DeleteObject": "DeleteObjectVersion",
    "GetObjectAcl": "GetObjectVersionAcl",
    "GetObjectTagging": "GetObjectVersionTagging",
}
"""Actions of a request with `versionId`."""

LOCK_MODE = "x-amz-object-lock-mode"
LOCK_UNTIL = "x-amz-object-lock-retain-until-date"
LOCK_HOLD = "x-amz-object-lock-legal-hold"

ALSO: Mapping[str, str] = {
    LOCK_MODE: "PutObjectRetention",
    LOCK_HOLD: "PutObjectLegalHold",
    "x-amz-tagging": "PutObjectTagging",
    "x-amz-acl": "PutObjectAcl",
    "x-amz-bypass-governance-retention": "BypassGovernanceRetention",
}
"""Headers of a request on an object that need an action of their own."""


def objects(asked: Asked) -> Iterator[Need]:
    """Of the caller; keys of KMS are `encryption`'s."""
    bucket = f"arn:aws:s3:::{asked.bucket}" if asked.bucket else "*"
    resource = f"{bucket}/{asked.key}" if asked.key else bucket
    if asked.operation == "DeleteObjects":
        resource = f"{bucket}/*"
    context = _context(asked)
    for action in _actions(asked):
        yield Need(action=f"s3:{action}", resource=resource, context=context)
    if asked.key:
        for header, action in ALSO.items():
            if header in asked.headers:
                yield Need(action=f"s3:{action}", resource=resource, context=context)
    if asked.operation == "CopyObject":
        source = unquote(asked.headers["x-amz-copy-source"].partition("?")[0]).lstrip("/")
        yield Need(action="s3:GetObject", resource=f"arn:aws:s3:::{source}")


def _actions(asked: Asked) -> list[str]:
    name = asked.operation
    if name == "DeleteObjects":
        return ["DeleteObject"]
    listed = OBJECT_ACTIONS.get(name) or tuple(
        action.removeprefix("s3:") for action in ACTIONS.get(f"s3:{name}", (f"s3:{name}",))
    )
    return [OF_A_VERSION.get(action, action) if "versionId" in asked.query else action for action in listed]


_QUERY: Mapping[str, str] = {
    "prefix": "s3:prefix",
    "delimiter": "s3:delimiter",
    "max-keys": "s3:max-keys",
    "versionId": "s3:VersionId",
}
_HEADERS: Mapping[str, str] = {
    "x-amz-server-side-encryption": "s3:x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id": "s3:x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-acl": "s3:x-amz-acl",
    "x-amz-storage-class": "s3:x-amz-storage-class",
    "x-amz-content-sha256": "s3:x-amz-content-sha256",
    "if-none-match": "s3:if-none-match",
    LOCK_MODE: "s3:object-lock-mode",
    LOCK_HOLD: "s3:object-lock-legal-hold",
    LOCK_UNTIL: "s3:object-lock-retain-until-date",
}


def _context(asked: Asked) -> dict[str, Any]:
    found = {key: asked.query[name] for name, key in _QUERY.items() if name in asked.query}
    found |= {key: asked.headers[name] for name, key in _HEADERS.items() if name in asked.headers}
    if until := asked.headers.get(LOCK_UNTIL):
        left = datetime.fromisoformat(until).astimezone(UTC) - datetime.now(UTC)
        found["s3:object-lock-remaining-retention-days"] = str(left.days)
    return found
