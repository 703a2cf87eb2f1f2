"""KMS keys and aliases."""

from typing import Any

from sandbox.aws.provider.calls import changed, json_text, or_none, pages, pick, tag_map, tagging
from sandbox.aws.provider.model import Autoname, Context, Props, ResourceType
from sandbox.aws.provider.shapes import outputs, tag_list

KEY = "aws:kms/key:Key"

DELETION_WINDOW_DAYS = 30
"""Days that KMS waits before it deletes a key when nothing else is said (KMS API reference, ScheduleKeyDeletion)."""

ROTATION_DAYS = 365
"""Days between rotations when nothing else is said (KMS API reference, EnableKeyRotation)."""

# ---- aws:kms/key:Key


def create_key(ctx: Context, props: Props) -> str:
    made = ctx.client("kms").create_key(
        KeySpec=props["customerMasterKeySpec"],
        KeyUsage=props["keyUsage"],
        MultiRegion=bool(props.get("multiRegion")),
        BypassPolicyLockoutSafetyCheck=bool(props.get("bypassPolicyLockoutSafetyCheck")),
        Tags=tag_list(props.get("tags"), "TagKey", "TagValue"),
        **key_options(props),
    )
    return str(made["KeyMetadata"]["KeyId"])


def key_options(props: Props) -> dict[str, Any]:
    """Optional parameters of CreateKey."""
    names = {"description": "Description", "customKeyStoreId": "CustomKeyStoreId", "xksKeyId": "XksKeyId"}
    found: dict[str, Any] = {api: props[name] for name, api in names.items() if props.get(name)}
    if props.get("policy"):
        found["Policy"] = json_text(props["policy"])
    if props.get("customKeyStoreId"):
        found["Origin"] = "EXTERNAL_KEY_STORE" if props.get("xksKeyId") else "AWS_CLOUDHSM"
    return found


def settle_key(ctx: Context, id_: str, props: Props) -> None:
    """Rotation and whether the key is enabled are settings of their own."""
    kms = ctx.client("kms")
    state = kms.describe_key(KeyId=id_)["KeyMetadata"]["KeyState"]
    if props["isEnabled"] and state == "Disabled":
        kms.enable_key(KeyId=id_)
    now = rotation(ctx, id_, pick(props, "customerMasterKeySpec"))
    period = props.get("rotationPeriodInDays")
    if props["enableKeyRotation"] and (
        not now["enableKeyRotation"] or (period and period != now["rotationPeriodInDays"])
    ):
        kms.enable_key_rotation(KeyId=id_, **({"RotationPeriodInDays": int(period)} if period else {}))
    elif not props["enableKeyRotation"] and now["enableKeyRotation"]:
        kms.disable_key_rotation(KeyId=id_)
    if not props["isEnabled"] and state == "Enabled":
        kms.disable_key(KeyId=id_)


def rotation(ctx: Context, id_: str, props: Props) -> dict[str, Any]:
    """Rotation settings; keys that cannot rotate (asymmetric, HMAC) have none."""
    if props.get("customerMasterKeySpec", "SYMMETRIC_DEFAULT") != "SYMMETRIC_DEFAULT":
        return {"enableKeyRotation": False}
    found = or_none(ctx.client("kms").get_key_rotation_status, "UnsupportedOperationException", KeyId=id_) or {}
    enabled = bool(found.get("KeyRotationEnabled"))
    # The emulator does not tell the period.
    period = found.get("RotationPeriodInDays") or props.get("rotationPeriodInDays") or ROTATION_DAYS
    return {"enableKeyRotation": enabled, "rotationPeriodInDays": period if enabled else None}


def read_key(ctx: Context, id_: str, last: Props) -> Props | None:
    kms = ctx.client("kms")
    found = kms.describe_key(KeyId=id_)["KeyMetadata"]
    if found["KeyState"] in ("PendingDeletion", "PendingReplicaDeletion"):
        return None
    spec = {"customerMasterKeySpec": found.get("KeySpec") or found.get("CustomerMasterKeySpec")}
    known = spec | pick(last, "rotationPeriodInDays")
    tags = pages(ctx, "kms", "list_resource_tags", "Tags", KeyId=id_)
    return (
        outputs(KEY, found)
        | spec
        | rotation(ctx, id_, known)
        | {
            "description": found.get("Description") or None,
            "isEnabled": found["KeyState"] != "Disabled",
            "policy": kms.get_key_policy(KeyId=id_, PolicyName="default")["Policy"],
            "tags": tag_map(tags),
        }
    )


def update_key(ctx: Context, id_: str, old: Props, new: Props) -> None:
    kms = ctx.client("kms")
    if changed(old, new, "description"):
        kms.update_key_description(KeyId=id_, Description=new.get("description", ""))
    if new.get("policy") and changed(old, new, "policy"):
        bypass = bool(new.get("bypassPolicyLockoutSafetyCheck"))
        kms.put_key_policy(
            KeyId=id_,
            PolicyName="default",
            Policy=json_text(new["policy"]),
            BypassPolicyLockoutSafetyCheck=bypass,
        )


def delete_key(ctx: Context, id_: str, last: Props) -> None:
    days = int(last.get("deletionWindowInDays") or DELETION_WINDOW_DAYS)
    ctx.client("kms").schedule_key_deletion(KeyId=id_, PendingWindowInDays=days)


KEY_TYPE = ResourceType(
    token=KEY,
    service="kms",
    create=create_key,
    settle=settle_key,
    read=read_key,
    update=update_key,
    delete=delete_key,
    tag=tagging("kms", arn="KeyId", of="id"),
    force_new=frozenset({"customKeyStoreId", "customerMasterKeySpec", "keyUsage", "multiRegion", "xksKeyId"}),
    defaults={
        "bypassPolicyLockoutSafetyCheck": False,
        "customerMasterKeySpec": "SYMMETRIC_DEFAULT",
        "enableKeyRotation": False,
        "isEnabled": True,
        "keyUsage": "ENCRYPT_DECRYPT",
    },
)

# ---- aws:kms/replicaKey:ReplicaKey


def create_replica(ctx: Context, props: Props) -> str:
    """KMS is asked in the primary's region for a replica in the own one (KMS API reference, ReplicateKey)."""
    _, _, _, region, _, resource = str(props["primaryKeyArn"]).split(":", 5)
    made = (
        ctx.in_region(region)
        .client("kms")
        .replicate_key(
            KeyId=resource.partition("/")[2],
            ReplicaRegion=ctx.region,
            BypassPolicyLockoutSafetyCheck=bool(props.get("bypassPolicyLockoutSafetyCheck")),
            Tags=tag_list(props.get("tags"), "TagKey", "TagValue"),
            **key_options(props),
        )
    )
    return str(made["ReplicaKeyMetadata"]["KeyId"])


def settle_replica(ctx: Context, id_: str, props: Props) -> None:
    """Whether the key is enabled; rotation is the primary's. Description, policy and tags, which the emulator's replica
    has of its primary or not at all."""
    kms = ctx.client("kms")
    kms.update_key_description(KeyId=id_, Description=props.get("description") or "")
    if props.get("policy"):
        kms.put_key_policy(KeyId=id_, PolicyName="default", Policy=json_text(props["policy"]))
    if props.get("tags"):
        kms.tag_resource(KeyId=id_, Tags=tag_list(props["tags"], "TagKey", "TagValue"))
    state, enabled = kms.describe_key(KeyId=id_)["KeyMetadata"]["KeyState"], props.get("enabled", True)
    if enabled and state == "Disabled":
        kms.enable_key(KeyId=id_)
    elif not enabled and state == "Enabled":
        kms.disable_key(KeyId=id_)


def read_replica(ctx: Context, id_: str, last: Props) -> Props | None:
    found = read_key(ctx, id_, last)
    if found is None:
        return None
    described = ctx.client("kms").describe_key(KeyId=id_)["KeyMetadata"]
    primary = (described.get("MultiRegionConfiguration") or {}).get("PrimaryKey") or {}
    return {
        "arn": described["Arn"],
        "keyId": id_,
        "description": found["description"],
        "enabled": found["isEnabled"],
        "keyRotationEnabled": found["enableKeyRotation"],
        "keySpec": found["customerMasterKeySpec"],
        "keyUsage": described["KeyUsage"],
        "policy": found["policy"],
        "primaryKeyArn": primary.get("Arn") or last.get("primaryKeyArn"),
        "tags": found["tags"],
    }


REPLICA_TYPE = ResourceType(
    token="aws:kms/replicaKey:ReplicaKey",
    service="kms",
    create=create_replica,
    settle=settle_replica,
    read=read_replica,
    update=update_key,
    delete=delete_key,
    tag=tagging("kms", arn="KeyId", of="id"),
    force_new=frozenset({"primaryKeyArn"}),
    defaults={"bypassPolicyLockoutSafetyCheck": False, "enabled": True},
)

# ---- aws:kms/alias:Alias


def create_alias(ctx: Context, props: Props) -> str:
    ctx.client("kms").create_alias(AliasName=props["name"], TargetKeyId=props["targetKeyId"])
    return str(props["name"])


def read_alias(ctx: Context, id_: str, last: Props) -> Props | None:
    scope = {"KeyId": last["targetKeyId"]} if last.get("targetKeyId") else {}
    found = _alias(ctx, id_, **scope) or (_alias(ctx, id_) if scope else None)
    if found is None or "TargetKeyId" not in found:
        return None
    return {
        "arn": found["AliasArn"],
        "name": id_,
        "targetKeyArn": ctx.arn("kms", f"key/{found['TargetKeyId']}"),
        "targetKeyId": found["TargetKeyId"],
    }


def _alias(ctx: Context, name: str, **scope: str) -> dict[str, Any] | None:
    """An alias by name; asked of one key first, because an account may have thousands."""
    call = ctx.client("kms").get_paginator("list_aliases").paginate
    found = or_none(lambda **p: [row for page in call(**p) for row in page["Aliases"]], **scope) or []
    return next((row for row in found if row["AliasName"] == name), None)


def same_key(before: str, after: str) -> bool:
    """A key may be named by id or by ARN."""
    return before.rpartition("/")[2] == after.rpartition("/")[2]


ALIAS_TYPE = ResourceType(
    token="aws:kms/alias:Alias",
    service="kms",
    create=create_alias,
    read=read_alias,
    update=lambda ctx, id_, _old, new: ctx.client("kms").update_alias(AliasName=id_, TargetKeyId=new["targetKeyId"]),
    delete=lambda ctx, id_, _last: ctx.client("kms").delete_alias(AliasName=id_),
    force_new=frozenset({"name", "namePrefix"}),
    autoname=Autoname(max_length=256, transform=lambda name: f"alias/{name}"),
    equal={"targetKeyId": same_key},
)

TYPES = [KEY_TYPE, REPLICA_TYPE, ALIAS_TYPE]
