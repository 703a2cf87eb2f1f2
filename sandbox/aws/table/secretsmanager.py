"""Secrets Manager secrets and their versions. A version's value goes in write-only or as a secret property."""

from typing import Any

from sandbox.aws.provider.calls import code, json_text, or_none, tagging, without_none
from sandbox.aws.provider.model import Autoname, Context, Props, ResourceType
from sandbox.aws.provider.shapes import outputs, tag_list
from sandbox.aws.table.parts import refused

SECRET_TOKEN = "aws:secretsmanager/secret:Secret"

CURRENT = "AWSCURRENT"

DEFAULT_RECOVERY_DAYS = 30
"""Days a deleted secret can be restored; Secrets Manager takes 7 to 30, 0 here means at once (DeleteSecret)."""


def _regions(replicas: Any) -> list[dict[str, str]]:
    return [without_none({"Region": item["region"], "KmsKeyId": item.get("kmsKeyId")}) for item in replicas or []]


def _create(ctx: Context, props: Props) -> str:
    made = ctx.client("secretsmanager").create_secret(
        **without_none(
            {
                "Name": props["name"],
                "Description": props.get("description"),
                "KmsKeyId": props.get("kmsKeyId"),
                "Tags": tag_list(props.get("tags")) or None,
                "AddReplicaRegions": _regions(props.get("replicas")) or None,
                "ForceOverwriteReplicaSecret": props.get("forceOverwriteReplicaSecret"),
            }
        )
    )
    return str(made["ARN"])


def _settle(ctx: Context, arn: str, props: Props) -> None:
    if props.get("policy"):
        ctx.client("secretsmanager").put_resource_policy(SecretId=arn, ResourcePolicy=json_text(props["policy"]))


def _update(ctx: Context, arn: str, old: Props, new: Props) -> None:
    client = ctx.client("secretsmanager")
    described = {"Description": new.get("description") or "", "KmsKeyId": new.get("kmsKeyId")}
    client.update_secret(SecretId=arn, **without_none(described))
    if old.get("policy") and not new.get("policy"):
        client.delete_resource_policy(SecretId=arn)
    before = {item["region"] for item in old.get("replicas") or []}
    after = {item["region"]: item for item in new.get("replicas") or []}
    if gone := before - set(after):
        client.remove_regions_from_replication(SecretId=arn, RemoveReplicaRegions=sorted(gone))
    if added := [after[region] for region in after if region not in before]:
        client.replicate_secret_to_regions(
            SecretId=arn,
            AddReplicaRegions=_regions(added),
            ForceOverwriteReplicaSecret=bool(new.get("forceOverwriteReplicaSecret")),
        )


def _read(ctx: Context, arn: str, _last: Props) -> Props | None:
    client = ctx.client("secretsmanager")
    found = client.describe_secret(SecretId=arn)
    if found.get("DeletedDate"):
        return None
    policy = client.get_resource_policy(SecretId=arn).get("ResourcePolicy")
    return {
        "arn": found["ARN"],
        "name": found["Name"],
        "description": found.get("Description"),
        "kmsKeyId": found.get("KmsKeyId"),
        "policy": policy,
        "replicas": outputs(SECRET_TOKEN, found, renames={"replicas": "ReplicationStatus"}).get("replicas", []),
        "tags": {tag["Key"]: tag["Value"] for tag in found.get("Tags") or []},
    }


def _delete(ctx: Context, arn: str, last: Props) -> None:
    client = ctx.client("secretsmanager")
    if replicas := [item["region"] for item in last.get("replicas") or []]:
        client.remove_regions_from_replication(SecretId=arn, RemoveReplicaRegions=replicas)
    days = last.get("recoveryWindowInDays")
    days = DEFAULT_RECOVERY_DAYS if days is None else int(days)
    window = {"RecoveryWindowInDays": days} if days else {"ForceDeleteWithoutRecovery": True}
    client.delete_secret(SecretId=arn, **window)


def _put_version(ctx: Context, props: Props) -> str:
    text = props.get("secretStringWo") or props.get("secretString")
    binary = props.get("secretBinary")
    if (text is None) == (binary is None):
        raise ValueError("secretString, secretStringWo, secretBinary: exactly one of them is needed")
    made = ctx.client("secretsmanager").put_secret_value(
        **without_none(
            {
                "SecretId": props["secretId"],
                "SecretString": text,
                "SecretBinary": binary.encode() if binary is not None else None,
                "VersionStages": list(props.get("versionStages") or ()) or None,
            }
        )
    )
    return f"{made['ARN']}|{made['VersionId']}"


def _version_of(id_: str) -> tuple[str, str]:
    secret, separator, version = id_.partition("|")
    if not separator:
        raise ValueError(f"{id_}: a secret version's id is <secret ARN>|<version id>")
    return secret, version


def _read_version(ctx: Context, id_: str, last: Props) -> Props | None:
    secret, version = _version_of(id_)
    try:
        found = or_none(ctx.client("secretsmanager").get_secret_value, SecretId=secret, VersionId=version)
    except Exception as error:
        if code(error) == "InvalidRequestException":  # The secret is scheduled for deletion.
            return None
        raise
    if found is None or not found.get("VersionStages"):
        return None
    write_only = bool(last.get("hasSecretStringWo") or last.get("secretStringWoVersion") is not None)
    known = {
        "arn": found["ARN"],
        "secretArn": found["ARN"],
        "secretId": last.get("secretId") or secret,
        "versionId": version,
        "versionStages": found["VersionStages"],
        "hasSecretStringWo": write_only,
    }
    return known if write_only else known | _value(found)


def _value(found: Props) -> dict[str, Any]:
    binary = found.get("SecretBinary")
    return {"secretString": found.get("SecretString"), "secretBinary": binary.decode() if binary is not None else None}


def _stages(ctx: Context, id_: str, old: Props, new: Props) -> None:
    """Move stages to this version, and off it those no longer wanted (AWSCURRENT only moves, it never goes)."""
    secret, version = _version_of(id_)
    client = ctx.client("secretsmanager")
    before, after = set(old.get("versionStages") or ()), set(new.get("versionStages") or (CURRENT,))
    if after == before:
        return
    if CURRENT in before - after:
        raise refused(
            "UpdateSecretVersionStage", "InvalidParameterException", f"{CURRENT} can only be moved to another version"
        )
    holders = client.describe_secret(SecretId=secret).get("VersionIdsToStages", {})
    for stage in sorted(after - before):
        holder = next((other for other, stages in holders.items() if stage in stages), None)
        move = without_none({"RemoveFromVersionId": holder, "MoveToVersionId": version})
        client.update_secret_version_stage(SecretId=secret, VersionStage=stage, **move)
    for stage in sorted(before - after):
        client.update_secret_version_stage(SecretId=secret, VersionStage=stage, RemoveFromVersionId=version)


def _delete_version(ctx: Context, id_: str, last: Props) -> None:
    """A version goes when it has no stage; AWSCURRENT cannot be taken away and stays until the secret goes."""
    secret, version = _version_of(id_)
    if _read_version(ctx, id_, last) is None:
        return
    client = ctx.client("secretsmanager")
    for stage in client.describe_secret(SecretId=secret).get("VersionIdsToStages", {}).get(version, []):
        if stage != CURRENT:
            client.update_secret_version_stage(SecretId=secret, VersionStage=stage, RemoveFromVersionId=version)


TYPES = [
    ResourceType(
        token=SECRET_TOKEN,
        service="secretsmanager",
        create=_create,
        settle=_settle,
        read=_read,
        update=_update,
        delete=_delete,
        tag=tagging("secretsmanager", arn="SecretId", of="id"),
        force_new=frozenset({"name", "namePrefix", "type"}),
        autoname=Autoname(max_length=512),
        defaults={"recoveryWindowInDays": DEFAULT_RECOVERY_DAYS, "forceOverwriteReplicaSecret": False},
        unread=frozenset({"policy", "replicas"}),
    ),
    ResourceType(
        token="aws:secretsmanager/secretVersion:SecretVersion",
        service="secretsmanager",
        create=_put_version,
        read=_read_version,
        update=_stages,
        delete=_delete_version,
        force_new=frozenset({"secretId", "secretString", "secretBinary", "secretStringWo", "secretStringWoVersion"}),
        unread=frozenset({"versionStages"}),
    ),
]
