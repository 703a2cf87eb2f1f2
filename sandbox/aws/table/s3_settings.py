"""Settings of an S3 bucket that are resources of their own: one put, one get and one delete call each."""

from collections.abc import Callable, Mapping
from typing import Any

from sandbox.aws.provider import schema
from sandbox.aws.provider.calls import json_text, or_none, without_none
from sandbox.aws.provider.model import Context, Props, ResourceType
from sandbox.aws.provider.shapes import outputs, to_shape
from sandbox.aws.table.s3 import NO_BUCKET, PUBLIC_ACCESS_FLAGS, public_access_outputs, public_access_request

Arguments = dict[str, Any]

ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"

_NOT_NESTED = {"rules.blockedEncryptionTypes": ""}
"""S3 wraps this list in a structure of its own."""

REPLICATION = "aws:s3/bucketReplicationConfig:BucketReplicationConfig"

NOT_LOCKED = "ObjectLockConfigurationNotFoundError"

DEFAULT_TRANSITION_SIZE = "all_storage_classes_128K"
"""What S3 assumes for TransitionDefaultMinimumObjectSize (S3 API reference, PutBucketLifecycleConfiguration)."""


def _target(id_: str) -> Arguments:
    """``bucket`` or ``bucket,owner``, the official id formats."""
    bucket, _, owner = id_.partition(",")
    return {"Bucket": bucket} | ({"ExpectedBucketOwner": owner} if owner else {})


def _id_of(props: Props) -> str:
    owner = props.get("expectedBucketOwner")
    return f"{props['bucket']},{owner}" if owner else str(props["bucket"])


def _owner(token: str) -> set[str]:
    """Only some of these types can name the owner."""
    types = schema.resource(token)
    return {"expectedBucketOwner"} & types.inputs.keys() if types else set()


def _setting(
    name: str,
    *,
    put: str,
    get: str,
    request: Callable[[Props], Arguments],
    found: Callable[[Arguments], Props],
    remove: Callable[[Any, Arguments, Props], None],
    absent_code: str = "",
    force_new: tuple[str, ...] = (),
    defaults: Mapping[str, Any] | None = None,
) -> ResourceType:
    """An entry for ``aws:s3/<name>``: boto3 methods ``put`` and ``get``, AWS's ``absent_code`` when nothing is set."""

    def create(ctx: Context, props: Props) -> str:
        update(ctx, _id_of(props), {}, props)
        return _id_of(props)

    def update(ctx: Context, id_: str, _old: Props, new: Props) -> None:
        getattr(ctx.client("s3"), put)(**_target(id_), **request(new))

    def read(ctx: Context, id_: str, _last: Props) -> Props | None:
        target = _target(id_)
        answer = or_none(getattr(ctx.client("s3"), get), *NO_BUCKET, absent_code, **target)
        if answer is None:
            return None
        return {"bucket": target["Bucket"], "expectedBucketOwner": target.get("ExpectedBucketOwner"), **found(answer)}

    token = f"aws:s3/{name}:{name[0].upper()}{name[1:]}"
    return ResourceType(
        token=token,
        service="s3",
        create=create,
        read=read,
        update=update,
        delete=lambda ctx, id_, last: remove(ctx.client("s3"), _target(id_), last),
        force_new=frozenset({"bucket", *_owner(token), *force_new}),
        delete_before_replace=True,
        defaults=defaults or {},
    )


def _versioning_request(props: Props) -> Arguments:
    wanted = props["versioningConfiguration"]
    if wanted["status"] == "Disabled":
        raise ValueError(
            "versioningConfiguration.status: Disabled is only for buckets that never had versioning; use Suspended"
        )
    configuration = without_none({"Status": wanted["status"], "MFADelete": wanted.get("mfaDelete")})
    return without_none({"VersioningConfiguration": configuration, "MFA": props.get("mfa")})


def _versioning_outputs(answer: Arguments) -> Props:
    return {
        "versioningConfiguration": {
            "status": answer.get("Status", "Disabled"),
            "mfaDelete": answer.get("MFADelete", "Disabled"),
        }
    }


def _suspend(client: Any, target: Arguments, last: Props) -> None:
    """Versioning can only be suspended; under Object Lock S3 refuses even that, and the setting just leaves state."""
    if (last.get("versioningConfiguration") or {}).get("status") != "Enabled":
        return
    if or_none(client.get_object_lock_configuration, *NO_BUCKET, NOT_LOCKED, **target) is None:
        client.put_bucket_versioning(**target, VersioningConfiguration={"Status": "Suspended"})


def _encryption_request(props: Props) -> Arguments:
    configuration = to_shape("s3", "ServerSideEncryptionConfiguration", props, renames=_NOT_NESTED)
    for rule, wanted in zip(configuration["Rules"], props["rules"], strict=True):
        if wanted.get("blockedEncryptionTypes"):
            rule["BlockedEncryptionTypes"] = {"EncryptionType": list(wanted["blockedEncryptionTypes"])}
    return {"ServerSideEncryptionConfiguration": configuration}


def _encryption_outputs(answer: Arguments) -> Props:
    configuration = answer["ServerSideEncryptionConfiguration"]
    found = outputs(
        ENCRYPTION,
        configuration,
        renames=_NOT_NESTED,
    )
    for rule, live in zip(found["rules"], configuration["Rules"], strict=True):
        rule.setdefault("bucketKeyEnabled", False)
        rule["blockedEncryptionTypes"] = (live.get("BlockedEncryptionTypes") or {}).get("EncryptionType")
    return found


def _lock_request(props: Props) -> Arguments:
    configuration = to_shape("s3", "ObjectLockConfiguration", {"objectLockEnabled": "Enabled", **props})
    return without_none({"ObjectLockConfiguration": configuration, "Token": props.get("token")})


def _lock_outputs(answer: Arguments) -> Props:
    configuration = answer["ObjectLockConfiguration"]
    retention = (configuration.get("Rule") or {}).get("DefaultRetention") or {}
    kept = {
        "mode": retention.get("Mode"),
        "days": retention.get("Days") or None,
        "years": retention.get("Years") or None,
    }
    return {
        "objectLockEnabled": configuration.get("ObjectLockEnabled"),
        "rule": {"defaultRetention": without_none(kept)} if kept["mode"] else None,
    }


def _unlock(client: Any, target: Arguments, _last: Props) -> None:
    """Object Lock stays on for good; what can go is the default retention."""
    client.put_object_lock_configuration(**target, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"})


def _lifecycle_request(props: Props) -> Arguments:
    """S3 wants a filter in every rule (or the old prefix): the empty prefix means all objects."""
    rules = to_shape("s3", "LifecycleRules", props.get("rules") or [])
    for rule in rules:
        if not rule.get("Prefix"):
            rule.pop("Prefix", None)
            rule["Filter"] = rule.get("Filter") or {"Prefix": ""}
    size = props.get("transitionDefaultMinimumObjectSize")
    return without_none({"LifecycleConfiguration": {"Rules": rules}, "TransitionDefaultMinimumObjectSize": size})


def _lifecycle_outputs(answer: Arguments) -> Props:
    """The empty prefix, the empty filter and no filter mean the same to S3: all objects."""
    found = outputs(LIFECYCLE, answer)
    for rule in found.get("rules") or []:
        rule["filter"] = {name: value for name, value in (rule.get("filter") or {}).items() if value != ""}
    return found


def _replication_request(props: Props) -> Arguments:
    return without_none(
        {
            "ReplicationConfiguration": {
                "Role": props["role"],
                "Rules": to_shape("s3", "ReplicationRules", props["rules"]),
            },
            "Token": props.get("token"),
        }
    )


def _replication_outputs(answer: Arguments) -> Props:
    found = answer["ReplicationConfiguration"]
    rules = outputs(REPLICATION, {"Rules": found["Rules"]})["rules"]
    return {"role": found["Role"], "rules": rules}


def _unblock(client: Any, target: Arguments, last: Props) -> None:
    if not last.get("skipDestroy"):
        client.delete_public_access_block(**target)


def _policy_request(props: Props) -> Arguments:
    return {"Policy": json_text(props["policy"])}


TYPES = [
    _setting(
        "bucketVersioning",
        put="put_bucket_versioning",
        get="get_bucket_versioning",
        request=_versioning_request,
        found=_versioning_outputs,
        remove=_suspend,
    ),
    _setting(
        "bucketServerSideEncryptionConfiguration",
        put="put_bucket_encryption",
        get="get_bucket_encryption",
        request=_encryption_request,
        found=_encryption_outputs,
        remove=lambda client, target, _last: client.delete_bucket_encryption(**target),
        absent_code="ServerSideEncryptionConfigurationNotFoundError",
    ),
    _setting(
        "bucketPublicAccessBlock",
        put="put_public_access_block",
        get="get_public_access_block",
        request=lambda props: {"PublicAccessBlockConfiguration": public_access_request(props)},
        found=public_access_outputs,
        remove=_unblock,
        absent_code="NoSuchPublicAccessBlockConfiguration",
        defaults=dict.fromkeys(PUBLIC_ACCESS_FLAGS, False),
    ),
    _setting(
        "bucketPolicy",
        put="put_bucket_policy",
        get="get_bucket_policy",
        request=_policy_request,
        found=lambda answer: {"policy": answer["Policy"]},
        remove=lambda client, target, _last: client.delete_bucket_policy(**target),
        absent_code="NoSuchBucketPolicy",
    ),
    _setting(
        "bucketObjectLockConfiguration",
        put="put_object_lock_configuration",
        get="get_object_lock_configuration",
        request=_lock_request,
        found=_lock_outputs,
        remove=_unlock,
        absent_code=NOT_LOCKED,
        force_new=("objectLockEnabled",),
        defaults={"objectLockEnabled": "Enabled"},
    ),
    _setting(
        "bucketLifecycleConfiguration",
        put="put_bucket_lifecycle_configuration",
        get="get_bucket_lifecycle_configuration",
        request=_lifecycle_request,
        found=_lifecycle_outputs,
        remove=lambda client, target, _last: client.delete_bucket_lifecycle(**target),
        absent_code="NoSuchLifecycleConfiguration",
        defaults={"transitionDefaultMinimumObjectSize": DEFAULT_TRANSITION_SIZE},
    ),
    _setting(
        "bucketOwnershipControls",
        put="put_bucket_ownership_controls",
        get="get_bucket_ownership_controls",
        request=lambda props: {"OwnershipControls": {"Rules": [{"ObjectOwnership": props["rule"]["objectOwnership"]}]}},
        found=lambda answer: {"rule": {"objectOwnership": answer["OwnershipControls"]["Rules"][0]["ObjectOwnership"]}},
        remove=lambda client, target, _last: client.delete_bucket_ownership_controls(**target),
        absent_code="OwnershipControlsNotFoundError",
    ),
    _setting(
        "bucketReplicationConfig",
        put="put_bucket_replication",
        get="get_bucket_replication",
        request=_replication_request,
        found=_replication_outputs,
        remove=lambda client, target, _last: client.delete_bucket_replication(**target),
        absent_code="ReplicationConfigurationNotFoundError",
    ),
]
