"""AWS Backup: vaults with lock and policy, plans, selections, restore testing, Region settings."""

from typing import Any

from sandbox.aws.provider.calls import json_text, or_none, pick, tagging, void
from sandbox.aws.provider.model import Autoname, Context, Props, ResourceType
from sandbox.aws.provider.shapes import outputs, request

VAULT = "aws:backup/vault:Vault"
PLAN = "aws:backup/plan:Plan"
SELECTION = "aws:backup/selection:Selection"
RESTORE_PLAN = "aws:backup/restoreTestingPlan:RestoreTestingPlan"
RESTORE_SELECTION = "aws:backup/restoreTestingSelection:RestoreTestingSelection"

DENIED = "AccessDeniedException"
"""What AWS Backup answers beside ResourceNotFoundException for a vault that is not there."""


def _client(ctx: Context) -> Any:
    return ctx.client("backup")


def _tags(ctx: Context, arn: str) -> dict[str, str]:
    return dict(_client(ctx).list_tags(ResourceArn=arn).get("Tags") or {})


TAG = tagging("backup", untag="untag_resource", keys="TagKeyList")

# ---- aws:backup/vault:Vault


def _create_vault(ctx: Context, props: Props) -> str:
    renames = {"name": "BackupVaultName", "kmsKeyArn": "EncryptionKeyArn", "tags": "BackupVaultTags"}
    _client(ctx).create_backup_vault(**request("backup", "CreateBackupVault", props, renames=renames))
    return str(props["name"])


def _vault(ctx: Context, name: str) -> Any:
    return or_none(_client(ctx).describe_backup_vault, DENIED, "ResourceNotFoundException", BackupVaultName=name)


def _read_vault(ctx: Context, name: str, _last: Props) -> Props | None:
    live = _vault(ctx, name)
    if live is None:
        return None
    return {
        "arn": live["BackupVaultArn"],
        "kmsKeyArn": live.get("EncryptionKeyArn"),
        "name": name,
        "recoveryPoints": live.get("NumberOfRecoveryPoints", 0),
        "tags": _tags(ctx, live["BackupVaultArn"]),
    }


def _delete_vault(ctx: Context, name: str, last: Props) -> None:
    """`forceDestroy` empties the vault first; only then is AWS asked for recovery points."""
    held = (_vault(ctx, name) or {}).get("NumberOfRecoveryPoints", 0)
    if held and last.get("forceDestroy"):
        for point in _client(ctx).list_recovery_points_by_backup_vault(BackupVaultName=name)["RecoveryPoints"]:
            _client(ctx).delete_recovery_point(BackupVaultName=name, RecoveryPointArn=point["RecoveryPointArn"])
    _client(ctx).delete_backup_vault(BackupVaultName=name)


# ---- aws:backup/vaultLockConfiguration:VaultLockConfiguration


def _lock(ctx: Context, props: Props) -> str:
    renames = {"backupVaultName": "BackupVaultName"}
    asked = request("backup", "PutBackupVaultLockConfiguration", props, renames=renames)
    _client(ctx).put_backup_vault_lock_configuration(**asked)
    return str(props["backupVaultName"])


def _read_lock(ctx: Context, name: str, _last: Props) -> Props | None:
    """How long the lock could still be lifted is told as a date only: the last known number stays."""
    live = _vault(ctx, name)
    if live is None or not live.get("Locked"):
        return None
    return {
        "backupVaultArn": live["BackupVaultArn"],
        "backupVaultName": name,
        "maxRetentionDays": live.get("MaxRetentionDays"),
        "minRetentionDays": live.get("MinRetentionDays"),
    }


# ---- aws:backup/vaultPolicy:VaultPolicy


def _put_policy(ctx: Context, props: Props) -> str:
    name = str(props["backupVaultName"])
    _client(ctx).put_backup_vault_access_policy(BackupVaultName=name, Policy=json_text(props["policy"]))
    return name


def _read_policy(ctx: Context, name: str, _last: Props) -> Props | None:
    call = _client(ctx).get_backup_vault_access_policy
    live = or_none(call, DENIED, "ResourceNotFoundException", BackupVaultName=name)
    if live is None:
        return None
    return {"backupVaultArn": live["BackupVaultArn"], "backupVaultName": name, "policy": live["Policy"]}


# ---- aws:backup/plan:Plan

RULE_RENAMES = {
    "rules.schedule": "ScheduleExpression",
    "rules.startWindow": "StartWindowMinutes",
    "rules.completionWindow": "CompletionWindowMinutes",
    "rules.targetVaultName": "TargetBackupVaultName",
    "rules.lifecycle.coldStorageAfter": "MoveToColdStorageAfterDays",
    "rules.lifecycle.deleteAfter": "DeleteAfterDays",
    "rules.copyActions.destinationVaultArn": "DestinationBackupVaultArn",
    "rules.copyActions.lifecycle.coldStorageAfter": "MoveToColdStorageAfterDays",
    "rules.copyActions.lifecycle.deleteAfter": "DeleteAfterDays",
}


def _document(props: Props) -> dict[str, Any]:
    renames = {f"BackupPlan.{prop}": member for prop, member in RULE_RENAMES.items()}
    body = {"BackupPlan": {**pick(props, "rules", "advancedBackupSettings"), "backupPlanName": props["name"]}}
    return request("backup", "CreateBackupPlan", body, renames=renames)


def _create_plan(ctx: Context, props: Props) -> str:
    made = _client(ctx).create_backup_plan(**_document(props), BackupPlanTags=dict(props.get("tags") or {}))
    return str(made["BackupPlanId"])


def _read_plan(ctx: Context, plan_id: str, _last: Props) -> Props | None:
    """AWS still answers for a plan that was deleted, with the date."""
    live = or_none(_client(ctx).get_backup_plan, BackupPlanId=plan_id)
    if live is None or live.get("DeletionDate"):
        return None
    found = outputs(PLAN, live["BackupPlan"], renames=RULE_RENAMES)
    return {
        "arn": live["BackupPlanArn"],
        "name": live["BackupPlan"]["BackupPlanName"],
        "rules": found["rules"],
        "version": live["VersionId"],
        "tags": _tags(ctx, live["BackupPlanArn"]),
    }


def _update_plan(ctx: Context, plan_id: str, _old: Props, new: Props) -> None:
    _client(ctx).update_backup_plan(BackupPlanId=plan_id, **_document(new))


# ---- aws:backup/selection:Selection

SELECTION_TAG = {"type": "ConditionType", "key": "ConditionKey", "value": "ConditionValue"}
CONDITION_RENAMES = {
    f"{prefix}conditions.{kind}.{prop}": member
    for prefix in ("", "BackupSelection.")
    for kind in ("stringEquals", "stringNotEquals", "stringLikes", "stringNotLikes")
    for prop, member in (("key", "ConditionKey"), ("value", "ConditionValue"))
} | {
    f"{prefix}selectionTags.{prop}": member
    for prefix in ("", "BackupSelection.")
    for prop, member in SELECTION_TAG.items()
}


def _create_selection(ctx: Context, props: Props) -> str:
    renames = CONDITION_RENAMES | {
        "BackupSelection.name": "SelectionName",
        "BackupSelection.selectionTags": "ListOfTags",
    }
    wanted = {name: value for name, value in props.items() if name not in ("planId", "region")}
    asked = request("backup", "CreateBackupSelection", {"BackupSelection": wanted}, renames=renames)
    return str(_client(ctx).create_backup_selection(BackupPlanId=props["planId"], **asked)["SelectionId"])


def _read_selection(ctx: Context, selection_id: str, last: Props) -> Props | None:
    plan = last.get("planId")
    if plan is None:  # import gives PLAN|SELECTION
        plan, _, selection_id = selection_id.partition("|")
    live = or_none(_client(ctx).get_backup_selection, BackupPlanId=plan, SelectionId=selection_id)
    if live is None:
        return None
    chosen = live["BackupSelection"]
    conditions = {kind: rows for kind, rows in (chosen.get("Conditions") or {}).items() if rows}
    renames = CONDITION_RENAMES | {"name": "SelectionName", "selectionTags": "ListOfTags"}
    found = outputs(SELECTION, {**chosen, "Conditions": [conditions] if conditions else []}, renames=renames)
    return {"planId": plan, **found}


# ---- aws:backup/restoreTestingPlan:RestoreTestingPlan

RESTORE_SETTINGS = ("recoveryPointSelection", "scheduleExpression", "scheduleExpressionTimezone", "startWindowHours")


def _create_restore_plan(ctx: Context, props: Props) -> str:
    body = {"RestoreTestingPlan": {**pick(props, *RESTORE_SETTINGS), "restoreTestingPlanName": props["name"]}}
    asked = request("backup", "CreateRestoreTestingPlan", body)
    _client(ctx).create_restore_testing_plan(**asked, Tags=dict(props.get("tags") or {}))
    return str(props["name"])


def _read_restore_plan(ctx: Context, name: str, _last: Props) -> Props | None:
    answer = or_none(_client(ctx).get_restore_testing_plan, RestoreTestingPlanName=name)
    if answer is None:
        return None
    live = answer["RestoreTestingPlan"]
    arn = live["RestoreTestingPlanArn"]
    return outputs(RESTORE_PLAN, live) | {"arn": arn, "name": name, "tags": _tags(ctx, arn)}


def _update_restore_plan(ctx: Context, name: str, _old: Props, new: Props) -> None:
    asked = request("backup", "UpdateRestoreTestingPlan", {"RestoreTestingPlan": pick(new, *RESTORE_SETTINGS)})
    _client(ctx).update_restore_testing_plan(RestoreTestingPlanName=name, **asked)


# ---- aws:backup/restoreTestingSelection:RestoreTestingSelection


RESTORED = ("iamRoleArn", "protectedResourceArns", "protectedResourceConditions", "restoreMetadataOverrides")
"""What can change of a selection, beside the hours that a restored resource is kept."""


def _restored(props: Props, operation: str, **more: Any) -> dict[str, Any]:
    wanted = {**pick(props, *RESTORED, "validationWindowHours"), **more}
    return request("backup", operation, {"RestoreTestingSelection": wanted})


def _create_restore_selection(ctx: Context, props: Props) -> str:
    plan = props["restoreTestingPlanName"]
    names = {"restoreTestingSelectionName": props["name"], "protectedResourceType": props["protectedResourceType"]}
    asked = _restored(props, "CreateRestoreTestingSelection", **names)
    _client(ctx).create_restore_testing_selection(RestoreTestingPlanName=plan, **asked)
    return f"{props['name']}:{plan}"


def _restore_names(id_: str) -> dict[str, str]:
    name, _, plan = id_.partition(":")
    return {"RestoreTestingPlanName": plan, "RestoreTestingSelectionName": name}


def _read_restore_selection(ctx: Context, id_: str, _last: Props) -> Props | None:
    answer = or_none(_client(ctx).get_restore_testing_selection, **_restore_names(id_))
    if answer is None:
        return None
    renames = {"name": "RestoreTestingSelectionName"}
    return outputs(RESTORE_SELECTION, answer["RestoreTestingSelection"], renames=renames)


def _update_restore_selection(ctx: Context, id_: str, _old: Props, new: Props) -> None:
    asked = _restored(new, "UpdateRestoreTestingSelection")
    _client(ctx).update_restore_testing_selection(**_restore_names(id_), **asked)


# ---- aws:backup/regionSettings:RegionSettings


def _set_region(ctx: Context, props: Props) -> str:
    _client(ctx).update_region_settings(**request("backup", "UpdateRegionSettings", props))
    return ctx.region


def _read_region(ctx: Context, _id: str, _last: Props) -> Props | None:
    live = _client(ctx).describe_region_settings()
    return {
        "resourceTypeOptInPreference": live["ResourceTypeOptInPreference"],
        "resourceTypeManagementPreference": live["ResourceTypeManagementPreference"],
    }


TYPES = [
    ResourceType(
        token=VAULT,
        service="backup",
        create=_create_vault,
        read=_read_vault,
        update=lambda _ctx, _id, _old, _new: None,  # forceDestroy is the provider's own
        delete=_delete_vault,
        tag=TAG,
        force_new=frozenset({"kmsKeyArn", "name"}),
        autoname=Autoname(max_length=50),
        defaults={"forceDestroy": False},
    ),
    ResourceType(
        token="aws:backup/vaultLockConfiguration:VaultLockConfiguration",
        service="backup",
        create=_lock,
        read=_read_lock,
        delete=lambda ctx, name, _last: _client(ctx).delete_backup_vault_lock_configuration(BackupVaultName=name),
    ),
    ResourceType(
        token="aws:backup/vaultPolicy:VaultPolicy",
        service="backup",
        create=_put_policy,
        read=_read_policy,
        update=lambda ctx, _id, _old, new: void(_put_policy(ctx, new)),
        delete=lambda ctx, name, _last: _client(ctx).delete_backup_vault_access_policy(BackupVaultName=name),
        force_new=frozenset({"backupVaultName"}),
    ),
    ResourceType(
        token=PLAN,
        service="backup",
        create=_create_plan,
        read=_read_plan,
        update=_update_plan,
        delete=lambda ctx, plan_id, _last: _client(ctx).delete_backup_plan(BackupPlanId=plan_id),
        tag=TAG,
        force_new=frozenset({"name"}),
        autoname=Autoname(max_length=50),
        computed_on_update=frozenset({"version"}),
    ),
    ResourceType(
        token=SELECTION,
        service="backup",
        create=_create_selection,
        read=_read_selection,
        delete=lambda ctx, id_, last: _client(ctx).delete_backup_selection(
            BackupPlanId=last["planId"], SelectionId=id_
        ),
        autoname=Autoname(max_length=50),
    ),
    ResourceType(
        token=RESTORE_PLAN,
        service="backup",
        create=_create_restore_plan,
        read=_read_restore_plan,
        update=_update_restore_plan,
        delete=lambda ctx, name, _last: _client(ctx).delete_restore_testing_plan(RestoreTestingPlanName=name),
        tag=TAG,
        force_new=frozenset({"name"}),
        autoname=Autoname(max_length=50),
    ),
    ResourceType(
        token=RESTORE_SELECTION,
        service="backup",
        create=_create_restore_selection,
        read=_read_restore_selection,
        update=_update_restore_selection,
        delete=lambda ctx, id_, _last: _client(ctx).delete_restore_testing_selection(**_restore_names(id_)),
        force_new=frozenset({"name", "protectedResourceType", "restoreTestingPlanName"}),
        autoname=Autoname(max_length=50),
    ),
    ResourceType(
        token="aws:backup/regionSettings:RegionSettings",
        service="backup",
        create=_set_region,
        read=_read_region,
        update=lambda ctx, _id, _old, new: void(_set_region(ctx, new)),
        delete=lambda _ctx, _id, _last: None,  # nothing to take back: the settings are the account's
    ),
]
