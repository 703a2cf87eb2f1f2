"""S3 buckets as they are born since 2023: encrypted with SSE-S3, all public access blocked, ACLs off.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/default-bucket-encryption.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/create-bucket-faq.html
"""

from typing import Any

from moto.iam.access_control import PermissionResult
from moto.s3 import models

SSE_S3 = {"Rule": {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": "false"}}
"""The configuration of a bucket without one of its own, in moto's form."""


class Bucket(models.FakeBucket):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.ownership_rule = "BucketOwnerEnforced"
        self.public_access_block = models.PublicAccessBlock(True, True, True, True)

    def get_permission(self, *_: object) -> PermissionResult:
        """moto's own reading of bucket policies knows no conditions: a denial of what comes without TLS would deny all.
        `sandbox/aws/iam` has read the policy before."""
        return PermissionResult.NEUTRAL


class S3Backend(models.S3Backend):  # type: ignore[misc]
    def get_bucket_encryption(self, bucket_name: str) -> dict[str, Any] | None:
        return super().get_bucket_encryption(bucket_name) or SSE_S3

    def put_object_lock_configuration(
        self,
        bucket_name: str,
        lock_enabled: bool,
        mode: str | None = None,
        days: int | None = None,
        years: int | None = None,
    ) -> None:
        """A bucket under Object Lock takes another default retention while it holds objects; moto refuses that."""
        bucket = self.get_bucket(bucket_name)
        if not (bucket.object_lock_enabled and bucket.is_versioned):
            super().put_object_lock_configuration(bucket_name, lock_enabled, mode, days, years)
        bucket.default_lock_mode, bucket.default_lock_days, bucket.default_lock_years = mode, days, years


def install() -> None:
    models.FakeBucket = Bucket
    S3Backend.__module__ = models.__name__
    models.s3_backends.backend = S3Backend
