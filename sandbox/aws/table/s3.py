"""S3 buckets and the account-wide public access block.

A bucket's settings that are resource types of their own are in ``s3_settings``; deprecated inline forms are refused.
"""

from collections.abc import Iterator
from typing import Any

from sandbox.aws.provider.calls import or_none, without_none
from sandbox.aws.provider.model import Autoname, Context, Props, ResourceType, Tags
from sandbox.aws.provider.shapes import tag_list, tag_map
from sandbox.aws.table.parts import refused

HOSTED_ZONES = {
    "ap-northeast-1": "Z2M4EHUR26P7ZW",
    "ap-northeast-2": "Z3W03O7B5YMIYP",
    "ap-south-1": "Z11RGJOFQNVJUP",
    "ap-southeast-1": "Z3O0J2DXBE1FTB",
    "ap-southeast-2": "Z1WCIGYICN2BYD",
    "ca-central-1": "Z1QDHH18159H29",
    "eu-central-1": "Z21DNDUVLTQW6Q",
    "eu-north-1": "Z3BAZG2TWCNX0D",
    "eu-west-1": "Z1BKCTXD74EZPE",
    "eu-west-2": "Z3GKZC51ZF0DB4",
    "eu-west-3": "Z3R1K369G5AVDG",
    "sa-east-1": "Z7KQH4QJS55SO",
    "us-east-1": "Z3AQBSTGFYJSTF",
    "us-east-2": "Z2O1EMRO9K5GLX",
    "us-west-1": "Z2F56UZL2M1ACD",
    "us-west-2": "Z3BJ6K6RIION7M",
}
"""Route 53 zone of a region's S3 website endpoint (https://docs.aws.amazon.com/general/latest/gr/s3.html)."""

NO_BUCKET = ("NoSuchBucket", "404")

DELETE_BATCH = 1000
"""Objects one DeleteObjects call takes (S3 API reference, DeleteObjects)."""

INLINE = {
    "accelerationStatus": "aws.s3.BucketAccelerateConfiguration",
    "acl": "aws.s3.BucketAcl",
    "corsRules": "aws.s3.BucketCorsConfiguration",
    "grants": "aws.s3.BucketAcl",
    "lifecycleRules": "aws.s3.BucketLifecycleConfiguration",
    "logging": "aws.s3.BucketLogging",
    "objectLockConfiguration": "aws.s3.BucketObjectLockConfiguration",
    "policy": "aws.s3.BucketPolicy",
    "replicationConfiguration": "aws.s3.BucketReplicationConfig",
    "requestPayer": "aws.s3.BucketRequestPaymentConfiguration",
    "serverSideEncryptionConfiguration": "aws.s3.BucketServerSideEncryptionConfiguration",
    "versioning": "aws.s3.BucketVersioning",
    "website": "aws.s3.BucketWebsiteConfiguration",
}
"""Deprecated bucket arguments and the type that replaced each; leaving one out silently would look like it holds."""

PUBLIC_ACCESS_FLAGS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")


def _create(ctx: Context, props: Props) -> str:
    for name, instead in INLINE.items():
        if props.get(name):
            raise ValueError(f"{name}: deprecated on a bucket and not emulated; use {instead}")
    bucket = str(props["bucket"])
    place = None if ctx.region == "us-east-1" else {"LocationConstraint": ctx.region}
    locked = True if props.get("objectLockEnabled") else None
    ctx.client("s3").create_bucket(
        Bucket=bucket, **without_none({"CreateBucketConfiguration": place, "ObjectLockEnabledForBucket": locked})
    )
    return bucket


def _settle(ctx: Context, bucket: str, props: Props) -> None:
    if props.get("tags"):
        ctx.client("s3").put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tag_list(props["tags"])})


def _update(ctx: Context, bucket: str, old: Props, new: Props) -> None:
    """Only ``forceDestroy`` can change in place, and it lives in state."""


def _read(ctx: Context, bucket: str, _last: Props) -> Props | None:
    client = ctx.client("s3")
    head = or_none(client.head_bucket, *NO_BUCKET, Bucket=bucket)
    if head is None:
        return None
    region = head.get("BucketRegion") or ctx.region
    lock = or_none(client.get_object_lock_configuration, "ObjectLockConfigurationNotFoundError", Bucket=bucket)
    return {
        "arn": ctx.arn("s3", bucket, region="", account_id=""),
        "bucket": bucket,
        "bucketDomainName": f"{bucket}.s3.amazonaws.com",
        "bucketRegion": region,
        "bucketRegionalDomainName": f"{bucket}.s3.{region}.amazonaws.com",
        "hostedZoneId": HOSTED_ZONES.get(region, ""),
        "objectLockEnabled": bool(lock),
        "tags": _tags(client, bucket),
    }


def _tags(client: Any, bucket: str) -> dict[str, str]:
    answer = or_none(client.get_bucket_tagging, "NoSuchTagSet", Bucket=bucket)
    return tag_map(answer["TagSet"]) if answer else {}


def _tag(ctx: Context, bucket: str, _last: Props, added: Tags, removed: list[str]) -> None:
    client = ctx.client("s3")
    tags = {key: value for key, value in _tags(client, bucket).items() if key not in removed} | dict(added)
    if tags:
        client.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tag_list(tags)})
    else:
        client.delete_bucket_tagging(Bucket=bucket)


def _delete(ctx: Context, bucket: str, last: Props) -> None:
    if last.get("forceDestroy"):
        _empty(ctx.client("s3"), bucket, bypass=bool(last.get("objectLockEnabled")))
    ctx.client("s3").delete_bucket(Bucket=bucket)


def _empty(client: Any, bucket: str, *, bypass: bool) -> None:
    """Delete every version and delete marker; governance locks are bypassed, compliance locks are AWS's refusal."""
    for batch in _versions(client, bucket):
        options = {"BypassGovernanceRetention": True} if bypass else {}
        answer = client.delete_objects(Bucket=bucket, Delete={"Objects": batch, "Quiet": True}, **options)
        for failed in answer.get("Errors", ()):
            raise refused("DeleteObjects", failed["Code"], f"{failed['Key']}: {failed.get('Message', '')}")


def _versions(client: Any, bucket: str) -> Iterator[list[dict[str, str]]]:
    while True:
        page = client.list_object_versions(Bucket=bucket, MaxKeys=DELETE_BATCH)
        found = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        if not found:
            return
        yield [{"Key": item["Key"], "VersionId": item["VersionId"]} for item in found]


def _account_block(ctx: Context, props: Props) -> str:
    account = str(props.get("accountId") or ctx.account_id)
    _put_account_block(ctx, account, {}, props)
    return account


def _put_account_block(ctx: Context, account: str, _old: Props, new: Props) -> None:
    ctx.client("s3control").put_public_access_block(
        AccountId=account, PublicAccessBlockConfiguration=public_access_request(new)
    )


def public_access_request(props: Props) -> dict[str, bool]:
    """The four flags as S3 takes them; left out means off."""
    return {flag[0].upper() + flag[1:]: bool(props.get(flag)) for flag in PUBLIC_ACCESS_FLAGS}


def public_access_outputs(answer: dict[str, Any]) -> dict[str, Any]:
    """The reverse of :func:`public_access_request` for an answer of either API."""
    flags = answer["PublicAccessBlockConfiguration"]
    return {flag: flags.get(flag[0].upper() + flag[1:], False) for flag in PUBLIC_ACCESS_FLAGS}


def _read_account_block(ctx: Context, account: str, _last: Props) -> Props | None:
    client = ctx.client("s3control")
    answer = or_none(client.get_public_access_block, AccountId=account)
    return None if answer is None else {"accountId": account, **public_access_outputs(answer)}


BUCKET = ResourceType(
    token="aws:s3/bucket:Bucket",
    service="s3",
    create=_create,
    settle=_settle,
    read=_read,
    update=_update,
    delete=_delete,
    tag=_tag,
    force_new=frozenset({"bucket", "bucketPrefix", "bucketNamespace", "objectLockEnabled"}),
    autoname=Autoname(prop="bucket", max_length=63, transform=str.lower),
    defaults={"forceDestroy": False},
)

ACCOUNT_PUBLIC_ACCESS_BLOCK = ResourceType(
    token="aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock",
    service="s3control",
    create=_account_block,
    read=_read_account_block,
    update=_put_account_block,
    delete=lambda ctx, account, _last: ctx.client("s3control").delete_public_access_block(AccountId=account),
    force_new=frozenset({"accountId"}),
    delete_before_replace=True,
    defaults=dict.fromkeys(PUBLIC_ACCESS_FLAGS, False),
    global_service=True,
)

TYPES = [BUCKET, ACCOUNT_PUBLIC_ACCESS_BLOCK]
