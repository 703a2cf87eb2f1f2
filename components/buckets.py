"""A private S3 bucket as every store here needs it: encrypted, versioned, closed to the public, and where asked
locked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import s3

from components.base import type_token
from components.iam import Condition, Statement, deny, deny_insecure_transport, policy
from components.vocabulary import DataClass, tags

LOGICAL_NAME_MAX = 56
"""Longest component name: bucket names take 63 characters, autonaming adds eight
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html)."""

ABORT_UPLOAD_DAYS = 7
"""Days after which the parts of an upload that nobody finished are removed: they cost money and no listing shows
them."""

NONCURRENT_DAYS = 30
"""Days an overwritten or deleted version is kept. A lock keeps it longer: S3 never expires a version under retention.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class ObjectLock:
    """Default retention of new objects."""

    mode: str
    """COMPLIANCE: nobody shortens it, not even root. GOVERNANCE: whoever has s3:BypassGovernanceRetention."""
    days: int

    def __post_init__(self) -> None:
        if self.mode not in ("COMPLIANCE", "GOVERNANCE"):
            raise ValueError(f"bucket.lock.mode: {self.mode!r} is not COMPLIANCE or GOVERNANCE")
        if not 1 <= self.days <= 36_500:
            raise ValueError(f"bucket.lock.days: {self.days} is outside 1..36500 days, which is what S3 accepts")


@dataclass(frozen=True, kw_only=True, slots=True)
class PrivateBucketArgs:
    """What one bucket needs to know."""

    region: str
    data_class: DataClass
    jurisdiction: str
    retention_days: int
    """Days until an object expires."""
    key_arn: pulumi.Input[str] | None
    """Customer-managed key in the same region. None: keys of S3 itself, for what no customer key can deliver to
    (load-balancer access logs)."""
    use: str | None = None
    """Value of the ``payment-cell:use`` tag, by which the policies know why there is no key."""
    lock: ObjectLock | None = None
    grants: Callable[[pulumi.Output[str]], Sequence[Statement]] | None = None
    """Bucket ARN -> statements that let others in, such as a log delivery service."""
    archive_after_days: int | None = None
    """Days until objects move to Glacier Instant Retrieval, which reads in milliseconds and bills 90 days at least."""
    protected: bool = True
    """Pulumi refuses to delete the bucket."""
    disposable: bool = False
    """The bucket goes with all its objects when its stack goes; else it stays in the account."""

    def __post_init__(self) -> None:
        if self.retention_days < 1:
            raise ValueError(f"bucket.retention_days: {self.retention_days} is below 1 day; give the register's number")
        if self.lock and self.lock.days > self.retention_days:
            raise ValueError(
                f"bucket.lock.days: {self.lock.days} is more than the {self.retention_days} retention days; "
                "a lock may not outlive the register's retention"
            )
        if self.archive_after_days is not None and self.archive_after_days >= self.retention_days:
            raise ValueError(
                f"bucket.archive_after_days: {self.archive_after_days} is not before the expiry after "
                f"{self.retention_days} days; leave it out"
            )


class PrivateBucket(pulumi.ComponentResource):
    """Bucket, versioning, encryption, ownership, public access block, lifecycle, policy and lock. Creation: seconds."""

    arn: pulumi.Output[str]
    bucket: pulumi.Output[str]
    """Name of the bucket."""
    ready: Sequence[pulumi.Resource]
    """What a writer has to wait for: the policy that lets it in and the lock that its objects are born under."""

    def __init__(self, name: str, args: PrivateBucketArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        if len(name) > LOGICAL_NAME_MAX:
            raise ValueError(
                f"bucket {name!r}: {len(name)} characters; at most {LOGICAL_NAME_MAX} leave room for a suffix"
            )
        super().__init__(type_token(type(self)), name, {}, opts)
        self._name, self._args = name, args
        # A part is kept with its bucket: a retained archive without its policy would accept plain HTTP.
        self._part = pulumi.ResourceOptions(parent=self, retain_on_delete=not args.disposable)
        self._bucket = s3.Bucket(
            name,
            region=args.region,
            object_lock_enabled=args.lock is not None,
            force_destroy=args.disposable,
            tags=tags(args.data_class, jurisdiction=args.jurisdiction, use=args.use),
            opts=pulumi.ResourceOptions.merge(self._part, pulumi.ResourceOptions(protect=args.protected)),
        )
        self.arn, self.bucket = self._bucket.arn, self._bucket.bucket
        versioning = self._versioning()
        self._encryption()
        self._lifecycle(versioning)
        policy_ = self._policy(self._private())
        self.ready = [policy_, *self._lock(versioning)]
        self.register_outputs({"arn": self.arn, "bucket": self.bucket})

    def _versioning(self) -> s3.BucketVersioning:
        return s3.BucketVersioning(
            self._name,
            region=self._args.region,
            bucket=self.bucket,
            versioning_configuration={"status": "Enabled"},
            opts=self._part,
        )

    def _encryption(self) -> None:
        key = self._args.key_arn
        default = {"sse_algorithm": "AES256"} if key is None else {"sse_algorithm": "aws:kms", "kms_master_key_id": key}
        s3.BucketServerSideEncryptionConfiguration(
            self._name,
            region=self._args.region,
            bucket=self.bucket,
            rules=[{"apply_server_side_encryption_by_default": default, "bucket_key_enabled": key is not None}],
            opts=self._part,
        )

    def _lifecycle(self, versioning: s3.BucketVersioning) -> None:
        after = self._args.archive_after_days
        rule = {
            "id": "retention",
            "status": "Enabled",
            "filter": {"prefix": ""},
            "expiration": {"days": self._args.retention_days},
            "noncurrent_version_expiration": {"noncurrent_days": NONCURRENT_DAYS},
            "abort_incomplete_multipart_upload": {"days_after_initiation": ABORT_UPLOAD_DAYS},
            "transitions": [] if after is None else [{"days": after, "storage_class": "GLACIER_IR"}],
        }
        markers = {
            "id": "delete-markers",
            "status": "Enabled",
            "filter": {"prefix": ""},
            "expiration": {"expired_object_delete_marker": True},
        }
        s3.BucketLifecycleConfiguration(
            self._name,
            region=self._args.region,
            bucket=self.bucket,
            rules=[rule, markers],
            opts=pulumi.ResourceOptions.merge(self._part, pulumi.ResourceOptions(depends_on=[versioning])),
        )

    def _private(self) -> s3.BucketPublicAccessBlock:
        s3.BucketOwnershipControls(
            self._name,
            region=self._args.region,
            bucket=self.bucket,
            rule={"object_ownership": "BucketOwnerEnforced"},
            opts=self._part,
        )
        return s3.BucketPublicAccessBlock(
            self._name,
            region=self._args.region,
            bucket=self.bucket,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=self._part,
        )

    def _policy(self, private: s3.BucketPublicAccessBlock) -> s3.BucketPolicy:
        grants = self._args.grants(self.arn) if self._args.grants else ()
        return s3.BucketPolicy(
            self._name,
            region=self._args.region,
            bucket=self.bucket,
            policy=policy(*self._denials(), *grants),
            # S3 refuses two changes of a bucket's access at once (OperationAborted).
            opts=pulumi.ResourceOptions.merge(self._part, pulumi.ResourceOptions(depends_on=[private])),
        )

    def _denials(self) -> Iterator[Statement]:
        objects = self.arn.apply(lambda arn: f"{arn}/*")
        yield deny_insecure_transport("s3:*", [self.arn, objects])
        if self._args.key_arn is None:
            return
        # An upload that names no encryption gets the bucket's default; one that names another is refused. The Null test
        # is needed: without it StringNotEquals also holds for the absent header.
        for sid, header, value in (
            ("DenyOtherEncryption", "s3:x-amz-server-side-encryption", "aws:kms"),
            ("DenyOtherKey", "s3:x-amz-server-side-encryption-aws-kms-key-id", self._args.key_arn),
        ):
            when: Condition = {"Null": {header: "false"}, "StringNotEquals": {header: value}}
            yield deny(sid, ["s3:PutObject"], [objects], principal={"AWS": "*"}, when=when)

    def _lock(self, versioning: s3.BucketVersioning) -> Sequence[pulumi.Resource]:
        lock = self._args.lock
        if lock is None:
            return []
        return [
            s3.BucketObjectLockConfiguration(
                self._name,
                region=self._args.region,
                bucket=self.bucket,
                rule={"default_retention": {"mode": lock.mode, "days": lock.days}},
                opts=pulumi.ResourceOptions.merge(self._part, pulumi.ResourceOptions(depends_on=[versioning])),
            )
        ]
