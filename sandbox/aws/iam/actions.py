"""Which operation a REST request is, and the IAM actions that are not named as their operation."""

import functools
import re
from collections.abc import Iterable, Iterator, Mapping

import botocore.session
from botocore.model import OperationModel

PREFIXES: Mapping[str, str] = {"cloudwatch": "cloudwatch", "s3control": "s3", "sesv2": "ses"}
"""botocore service -> prefix of its IAM actions, where that is not the name it signs with."""

ACTIONS: Mapping[str, tuple[str, ...]] = {
    "budgets:CreateBudget": ("budgets:ModifyBudget",),
    "budgets:CreateNotification": ("budgets:ModifyBudget",),
    "budgets:DeleteBudget": ("budgets:ModifyBudget",),
    "budgets:DeleteNotification": ("budgets:ModifyBudget",),
    "budgets:DescribeBudget": ("budgets:ViewBudget",),
    "budgets:DescribeBudgets": ("budgets:ViewBudget",),
    "budgets:DescribeNotificationsForBudget": ("budgets:ViewBudget",),
    "budgets:DescribeSubscribersForNotification": ("budgets:ViewBudget",),
    "budgets:UpdateBudget": ("budgets:ModifyBudget",),
    "route53:ChangeTagsForResource": ("route53:ChangeTagsForResource",),
    "s3:DeleteBucketEncryption": ("s3:PutEncryptionConfiguration",),
    "s3:DeleteBucketLifecycle": ("s3:PutLifecycleConfiguration",),
    "s3:DeleteBucketOwnershipControls": ("s3:PutBucketOwnershipControls",),
    "s3:DeleteBucketReplication": ("s3:PutReplicationConfiguration",),
    "s3:DeleteBucketTagging": ("s3:PutBucketTagging",),
    "s3:DeleteObjects": ("s3:DeleteObject", "s3:DeleteObjectVersion"),
    "s3:DeletePublicAccessBlock": ("s3:PutAccountPublicAccessBlock", "s3:PutBucketPublicAccessBlock"),
    "s3:GetBucketEncryption": ("s3:GetEncryptionConfiguration",),
    "s3:GetBucketLifecycleConfiguration": ("s3:GetLifecycleConfiguration",),
    "s3:GetBucketLifecycle": ("s3:GetLifecycleConfiguration",),
    "s3:GetBucketReplication": ("s3:GetReplicationConfiguration",),
    "s3:GetObjectLockConfiguration": ("s3:GetBucketObjectLockConfiguration",),
    "s3:GetPublicAccessBlock": ("s3:GetAccountPublicAccessBlock", "s3:GetBucketPublicAccessBlock"),
    "s3:HeadBucket": ("s3:ListBucket",),
    "s3:ListBuckets": ("s3:ListAllMyBuckets",),
    "s3:ListObjectVersions": ("s3:ListBucketVersions",),
    "s3:ListObjectsV2": ("s3:ListBucket",),
    "s3:PutBucketEncryption": ("s3:PutEncryptionConfiguration",),
    "s3:PutBucketLifecycle": ("s3:PutLifecycleConfiguration",),
    "s3:PutBucketLifecycleConfiguration": ("s3:PutLifecycleConfiguration",),
    "s3:PutBucketNotificationConfiguration": ("s3:PutBucketNotification",),
    "s3:PutBucketReplication": ("s3:PutReplicationConfiguration",),
    "s3:PutObjectLockConfiguration": ("s3:PutBucketObjectLockConfiguration",),
    "s3:PutPublicAccessBlock": ("s3:PutAccountPublicAccessBlock", "s3:PutBucketPublicAccessBlock"),
}
"""Operation -> actions, where they are not of one name
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html,
https://docs.aws.amazon.com/cost-management/latest/userguide/billing-example-policies.html)."""


def closest(
    candidates: Iterable[tuple[str, OperationModel]], method: str, path: str, keys: frozenset[str]
) -> tuple[str, OperationModel] | None:
    """The (service, operation) whose URI template fits a request best; None where none does."""
    scored = [
        (score, name, operation)
        for name, operation in candidates
        if (score := fits(operation, method, path, keys)) is not None
    ]
    best = max((score for score, *_ in scored), default=None)
    return next(((name, operation) for score, name, operation in scored if score == best), None)


def fits(operation: OperationModel, method: str, path: str, keys: frozenset[str]) -> tuple[int, int] | None:
    """How closely an operation's URI template matches a request: literal query keys, then literal characters."""
    template, _, query = operation.http["requestUri"].partition("?")
    literal = {part.partition("=")[0] for part in query.split("&") if part}
    pattern = "".join(_piece(piece) for piece in re.split(r"(\{[^}]+\})", template))
    if operation.http["method"] != method or not literal <= keys or not re.fullmatch(pattern.rstrip("/") + "/?", path):
        return None
    return len(literal), len(re.sub(r"\{[^}]+\}", "", template))


def _piece(piece: str) -> str:
    if not piece.startswith("{"):
        return re.escape(piece)
    # An ARN in a path has slashes too.
    return ".+" if piece.endswith("+}") or "rn}" in piece else "[^/]+"


@functools.cache
def operations(service: str) -> tuple[OperationModel, ...]:
    """All operations of a service."""
    return tuple(_operations(service))


def _operations(service: str) -> Iterator[OperationModel]:
    for name in model(service).operation_names:
        yield model(service).operation_model(name)


@functools.cache
def model(service: str) -> botocore.model.ServiceModel:
    """botocore's model of a service."""
    return botocore.session.Session().get_service_model(service)
