"""S3 buckets as they are born since 2023: encrypted with SSE-S3, all public access blocked, ACLs off. What their
replication rules say arrives (`s3_replication.py`).

https://docs.aws.amazon.com/AmazonS3/latest/userguide/default-bucket-encryption.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/create-bucket-faq.html
"""

from typing import Any

from moto.core.responses import ActionResult
from moto.iam.access_control import PermissionResult
from moto.s3 import models, responses
from moto.s3.exceptions import ReplicationConfigurationNotFoundError

from sandbox.aws.extensions import s3_replication

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


class Key(models.FakeKey):  # type: ignore[misc]
    replication_status = ""

    @property
    def response_dict(self) -> dict[str, Any]:
        status = self.replication_status
        return {**super().response_dict, **({"x-amz-replication-status": str(status)} if status else {})}


class S3Backend(models.S3Backend):  # type: ignore[misc]
    def get_bucket(self, bucket_name: str) -> Any:
        s3_replication.arrive(self)
        return super().get_bucket(bucket_name)

    def put_object(self, bucket_name: str, *args: Any, **kwargs: Any) -> Any:
        made = super().put_object(bucket_name, *args, **kwargs)
        s3_replication.sent(self.get_bucket(bucket_name), made)
        return made

    def _set_delete_marker(self, bucket_name: str, key_name: str) -> Any:
        made = super()._set_delete_marker(bucket_name, key_name)
        s3_replication.sent(self.get_bucket(bucket_name), made)
        return made

    def put_bucket_replication(self, bucket_name: str, replication: dict[str, Any]) -> None:
        rules = replication["Rule"]
        replication = {**replication, "Rule": [rules] if isinstance(rules, dict) else rules}
        s3_replication.checked(self.get_bucket(bucket_name), replication, self)
        super().put_bucket_replication(bucket_name, replication)

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


def _replication(self: Any) -> Any:
    """All of the rules: moto answers the destination and fixed values beside it."""
    self.data["Action"] = "GetBucketReplication"
    found = self.backend.get_bucket_replication(self.bucket_name)
    if not found:
        raise ReplicationConfigurationNotFoundError(bucket_name=self.bucket_name)
    return self.serialized(ActionResult({"ReplicationConfiguration": s3_replication.described(found)}))


def install() -> None:
    models.FakeBucket = Bucket
    models.FakeKey = Key
    responses.S3Response.get_bucket_replication = _replication
    S3Backend.__module__ = models.__name__
    models.s3_backends.backend = S3Backend
