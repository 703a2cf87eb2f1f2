"""S3: buckets and what is set on them, each bucket asked in its own region.

A setting that was never made is no resource: the reader of its type yields nothing for that bucket.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from operations.audit.live.question import Question
from operations.audit.live.reader import Live, Reader
from operations.audit.live.region import Region
from operations.audit.live.tags import tags_of
from operations.audit.live.words import camel

LIST = Question(
    service="s3", operation="list_buckets", keep=("Buckets.Name",), items="Buckets", action="s3:ListAllMyBuckets"
)
TAGS = Question(
    service="s3",
    operation="get_bucket_tagging",
    keep=("TagSet",),
    items="TagSet",
    absent=frozenset({"NoSuchTagSet"}),
)
OBJECT_LOCK = Question(
    service="s3",
    operation="get_object_lock_configuration",
    keep=("ObjectLockConfiguration",),
    absent=frozenset({"ObjectLockConfigurationNotFoundError"}),
    action="s3:GetBucketObjectLockConfiguration",
)
POLICY = Question(
    service="s3", operation="get_bucket_policy", keep=("Policy",), absent=frozenset({"NoSuchBucketPolicy"})
)
VERSIONING = Question(service="s3", operation="get_bucket_versioning", keep=("Status", "MFADelete"))
LIFECYCLE = Question(
    service="s3",
    operation="get_bucket_lifecycle_configuration",
    keep=("Rules", "TransitionDefaultMinimumObjectSize"),
    absent=frozenset({"NoSuchLifecycleConfiguration"}),
    action="s3:GetLifecycleConfiguration",
)
REPLICATION = Question(
    service="s3",
    operation="get_bucket_replication",
    keep=("ReplicationConfiguration",),
    absent=frozenset({"ReplicationConfigurationNotFoundError"}),
    action="s3:GetReplicationConfiguration",
)
ENCRYPTION = Question(
    service="s3",
    operation="get_bucket_encryption",
    keep=("ServerSideEncryptionConfiguration.Rules",),
    absent=frozenset({"ServerSideEncryptionConfigurationNotFoundError"}),
    action="s3:GetEncryptionConfiguration",
)
LOGGING = Question(
    service="s3",
    operation="get_bucket_logging",
    keep=("LoggingEnabled.TargetBucket", "LoggingEnabled.TargetPrefix"),
)
PUBLIC_ACCESS = Question(
    service="s3",
    operation="get_public_access_block",
    keep=("PublicAccessBlockConfiguration",),
    absent=frozenset({"NoSuchPublicAccessBlockConfiguration"}),
    action="s3:GetBucketPublicAccessBlock",
)
OWNERSHIP = Question(
    service="s3",
    operation="get_bucket_ownership_controls",
    keep=("OwnershipControls.Rules",),
    absent=frozenset({"OwnershipControlsNotFoundError"}),
)
ACCOUNT_PUBLIC_ACCESS = Question(
    service="s3control",
    operation="get_public_access_block",
    keep=("PublicAccessBlockConfiguration",),
    absent=frozenset({"NoSuchPublicAccessBlockConfiguration"}),
    action="s3:GetAccountPublicAccessBlock",
)

_WORDS = {
    "ID": "id",
    "KMSMasterKeyID": "kmsMasterKeyId",
    "ReplicaKmsKeyID": "replicaKmsKeyId",
    "SSEAlgorithm": "sseAlgorithm",
}

Answer = Mapping[str, Any]


def _names(region: Region) -> Iterator[str]:
    """Buckets of this region alone
    (https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBuckets.html, bucket-region)."""
    for bucket in region.pages(LIST, BucketRegion=region.name):
        yield bucket["Name"]


def buckets(region: Region) -> Iterator[Live]:
    """Buckets of general purpose."""
    for name in _names(region):
        yield Live(
            id=name,
            props={
                "arn": f"arn:{_partition(region.name)}:s3:::{name}",
                "bucket": name,
                "bucketRegion": region.name,
                "objectLockEnabled": region.field(OBJECT_LOCK, lambda answer: bool(_lock(answer)), Bucket=name),
                "tags": tags_of(region, TAGS, Bucket=name),
            },
        )


def account_public_access(region: Region) -> Iterator[Live]:
    """What the account blocks for all its buckets."""
    answer = region.ask(ACCOUNT_PUBLIC_ACCESS, AccountId=region.account)
    if answer:
        blocks = camel(answer["PublicAccessBlockConfiguration"])
        yield Live(id=region.account, props={"accountId": region.account, **blocks})


def _setting(
    type_: str,
    question: Question,
    props: Callable[[Answer], Answer | None],
    made_by_aws: Callable[[Answer], str] = lambda _: "",
) -> None:
    """Declares the reader of one setting of buckets. ``props``: None where the answer says that nothing is set."""

    def read(region: Region) -> Iterator[Live]:
        for name in _names(region):
            answer = region.ask(question, Bucket=name)
            found = props(answer) if answer else None
            if found is not None:
                yield Live(id=name, props={"bucket": name, **found}, made_by_aws=made_by_aws(found))

    Reader(type=f"aws:s3/{type_[0].lower()}{type_[1:]}:{type_}", read=read, source=LIST)


def _partition(region: str) -> str:
    return "aws-cn" if region.startswith("cn-") else "aws-us-gov" if region.startswith("us-gov-") else "aws"


def _lock(answer: Answer) -> Answer | None:
    found = answer.get("ObjectLockConfiguration") or {}
    if not found.get("ObjectLockEnabled"):
        return None
    kept = (found.get("Rule") or {}).get("DefaultRetention") or {}
    rule = {"rule": {"defaultRetention": {name: value for name, value in camel(kept).items() if value}}}
    return {"objectLockEnabled": found["ObjectLockEnabled"], **(rule if kept else {})}


def _versioning(answer: Answer) -> Answer | None:
    if not answer.get("Status"):
        return None
    return {"versioningConfiguration": {"status": answer["Status"], "mfaDelete": answer.get("MFADelete") or "Disabled"}}


def _encryption(answer: Answer) -> Answer:
    return {"rules": camel(answer["ServerSideEncryptionConfiguration"]["Rules"], _WORDS)}


def _default_encryption(found: Answer) -> str:
    defaults = [rule.get("applyServerSideEncryptionByDefault") or {} for rule in found["rules"]]
    return "Default encryption of a bucket" if all(one.get("sseAlgorithm") == "AES256" for one in defaults) else ""


def _ownership(answer: Answer) -> Answer | None:
    rules = (answer.get("OwnershipControls") or {}).get("Rules") or []
    return {"rule": camel(rules[0])} if rules else None


def _default_ownership(found: Answer) -> str:
    enforced = found["rule"].get("objectOwnership") == "BucketOwnerEnforced"
    return "Default settings of a bucket" if enforced else ""


def _default_block(found: Answer) -> str:
    return "Default settings of a bucket" if all(found.values()) else ""


def _logging(answer: Answer) -> Answer | None:
    return camel(answer["LoggingEnabled"]) if answer.get("LoggingEnabled") else None


Reader(type="aws:s3/bucket:Bucket", read=buckets, source=LIST)
Reader(
    type="aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock",
    read=account_public_access,
    source=ACCOUNT_PUBLIC_ACCESS,
    everywhere=False,
)
_setting("BucketPolicy", POLICY, lambda answer: {"policy": answer["Policy"]} if answer.get("Policy") else None)
_setting("BucketObjectLockConfiguration", OBJECT_LOCK, _lock)
_setting("BucketVersioning", VERSIONING, _versioning)
_setting("BucketLifecycleConfiguration", LIFECYCLE, lambda answer: camel(answer, _WORDS))
_setting("BucketReplicationConfig", REPLICATION, lambda answer: camel(answer["ReplicationConfiguration"], _WORDS))
_setting("BucketServerSideEncryptionConfiguration", ENCRYPTION, _encryption, _default_encryption)
_setting("BucketLogging", LOGGING, _logging)
_setting(
    "BucketPublicAccessBlock",
    PUBLIC_ACCESS,
    lambda answer: camel(answer["PublicAccessBlockConfiguration"]),
    _default_block,
)
_setting("BucketOwnershipControls", OWNERSHIP, _ownership, _default_ownership)
