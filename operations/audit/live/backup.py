"""AWS Backup: plans and what they select, vaults with their locks and policies."""

from collections.abc import Iterator, Mapping
from typing import Any

from operations.audit.live.question import Question
from operations.audit.live.reader import Live, Reader
from operations.audit.live.region import Region
from operations.audit.live.words import camel, picked

_EFS = "aws/efs/automatic-backup-"

_SCHEDULE = ("TargetBackupVaultName", "ScheduleExpression", "StartWindowMinutes", "CompletionWindowMinutes")
_RULE = ("CopyActions", "EnableContinuousBackup", "Lifecycle", "RuleName", "ScheduleExpressionTimezone")
_RULE_WORDS = {
    "TargetBackupVaultName": "targetVaultName",
    "ScheduleExpression": "schedule",
    "StartWindowMinutes": "startWindow",
    "CompletionWindowMinutes": "completionWindow",
    "DestinationBackupVaultArn": "destinationVaultArn",
    "DeleteAfterDays": "deleteAfter",
    "MoveToColdStorageAfterDays": "coldStorageAfter",
}
_VAULT_WORDS = {"BackupVaultArn": "arn", "BackupVaultName": "name", "EncryptionKeyArn": "kmsKeyArn"}
_LOCK_WORDS = {"BackupVaultArn": "backupVaultArn", "BackupVaultName": "backupVaultName"}
_LOCK = ("MinRetentionDays", "MaxRetentionDays", "LockDate")

PLANS = Question(
    service="backup",
    operation="list_backup_plans",
    keep=tuple(f"BackupPlansList.{name}" for name in ("BackupPlanArn", "BackupPlanId", "BackupPlanName")),
    items="BackupPlansList",
)
PLAN = Question(
    service="backup",
    operation="get_backup_plan",
    keep=tuple(f"BackupPlan.Rules.{name}" for name in (*_RULE, *_SCHEDULE)),
)
SELECTIONS = Question(
    service="backup",
    operation="list_backup_selections",
    keep=("BackupSelectionsList.SelectionId",),
    items="BackupSelectionsList",
)
SELECTION = Question(service="backup", operation="get_backup_selection", keep=("BackupSelection",))
VAULTS = Question(
    service="backup",
    operation="list_backup_vaults",
    keep=tuple(f"BackupVaultList.{name}" for name in (*_VAULT_WORDS, *_LOCK, "Locked", "VaultType")),
    items="BackupVaultList",
)
POLICY = Question(
    service="backup",
    operation="get_backup_vault_access_policy",
    keep=("Policy",),
    absent=frozenset({"ResourceNotFoundException"}),
)
SETTINGS = Question(
    service="backup",
    operation="describe_region_settings",
    keep=("ResourceTypeOptInPreference", "ResourceTypeManagementPreference"),
)
_RESTORE_PLAN = ("RestoreTestingPlanName", "RestoreTestingPlanArn", "ScheduleExpression", "StartWindowHours")
_RESTORE_SELECTION = ("RestoreTestingPlanName", "RestoreTestingSelectionName", "ProtectedResourceType", "IamRoleArn")
RESTORE_PLANS = Question(
    service="backup",
    operation="list_restore_testing_plans",
    keep=tuple(f"RestoreTestingPlans.{name}" for name in _RESTORE_PLAN),
    items="RestoreTestingPlans",
)
RESTORE_SELECTIONS = Question(
    service="backup",
    operation="list_restore_testing_selections",
    keep=tuple(f"RestoreTestingSelections.{name}" for name in _RESTORE_SELECTION),
    items="RestoreTestingSelections",
)
TAGS = Question(service="backup", operation="list_tags", keep=("Tags",))

Answer = Mapping[str, Any]


def plans(region: Region) -> Iterator[Live]:
    """Backup plans with their rules."""
    for plan in region.pages(PLANS):
        answer = region.ask(PLAN, BackupPlanId=plan["BackupPlanId"]) or {}
        yield Live(
            id=plan["BackupPlanId"],
            name=plan["BackupPlanName"],
            made_by_aws=_of_efs(plan["BackupPlanName"]),
            props={
                "arn": plan["BackupPlanArn"],
                "name": plan["BackupPlanName"],
                "rules": camel(answer["BackupPlan"].get("Rules") or [], _RULE_WORDS),
                "tags": _tags(region, plan["BackupPlanArn"]),
            },
        )


def selections(region: Region) -> Iterator[Live]:
    """What each plan selects."""
    for plan in region.pages(PLANS):
        for listed in region.pages(SELECTIONS, BackupPlanId=plan["BackupPlanId"]):
            named = {"BackupPlanId": plan["BackupPlanId"], "SelectionId": listed["SelectionId"]}
            selection = (region.ask(SELECTION, **named) or {})["BackupSelection"]
            yield Live(
                id=listed["SelectionId"],
                name=selection["SelectionName"],
                made_by_aws=_of_efs(plan["BackupPlanName"]),
                props={
                    "planId": plan["BackupPlanId"],
                    "name": selection["SelectionName"],
                    **picked(selection, ("IamRoleArn", "Resources", "NotResources")),
                    "selectionTags": [_condition(one) for one in selection.get("ListOfTags") or ()],
                    "conditions": _conditions(selection.get("Conditions") or {}),
                },
            )


def vaults(region: Region) -> Iterator[Live]:
    """Vaults, but for logically air-gapped ones, which are another type."""
    for vault in _vaults(region):
        made_by_aws = "Backup vault of the console" if vault["BackupVaultName"] == "Default" else ""
        yield Live(
            id=vault["BackupVaultName"],
            made_by_aws=made_by_aws or _of_efs(vault["BackupVaultName"]),
            props={**picked(vault, (), _VAULT_WORDS), "tags": _tags(region, vault["BackupVaultArn"])},
        )


def vault_locks(region: Region) -> Iterator[Live]:
    """Locks of vaults. AWS tells no changeableForDays but the lockDate after which nobody can lift it; a lock that
    can always be lifted has none
    (https://docs.aws.amazon.com/aws-backup/latest/devguide/API_DescribeBackupVault.html, LockDate)."""
    for vault in _vaults(region):
        if vault.get("Locked"):
            yield Live(id=vault["BackupVaultName"], props=picked(vault, _LOCK, _LOCK_WORDS))


def vault_policies(region: Region) -> Iterator[Live]:
    """Policies of vaults that have one."""
    for vault in _vaults(region):
        answer = region.ask(POLICY, BackupVaultName=vault["BackupVaultName"]) or {}
        if answer.get("Policy"):
            props = {**picked(vault, (), _LOCK_WORDS), "policy": answer["Policy"]}
            yield Live(id=vault["BackupVaultName"], made_by_aws=_of_efs(vault["BackupVaultName"]), props=props)


def _vaults(region: Region) -> Iterator[Answer]:
    return (one for one in region.pages(VAULTS) if one.get("VaultType", "BACKUP_VAULT") == "BACKUP_VAULT")


def _of_efs(name: str) -> str:
    return "Backups of EFS" if name.startswith(_EFS) else ""


def _tags(region: Region, arn: str) -> Any:
    return region.field(TAGS, lambda answer: answer.get("Tags") or {}, ResourceArn=arn)


def _condition(one: Answer) -> dict[str, str]:
    return {
        "type": one.get("ConditionType", ""),
        "key": one["ConditionKey"],
        "value": one["ConditionValue"],
    }


def _conditions(found: Answer) -> list[dict[str, Any]]:
    """As the provider has it: one object, ``StringLike`` as ``stringLikes``."""
    group = {
        f"{operator[0].lower()}{operator[1:]}{'' if operator.endswith('s') else 's'}": [
            {"key": one["ConditionKey"], "value": one["ConditionValue"]} for one in listed
        ]
        for operator, listed in found.items()
        if listed
    }
    return [group] if group else []


def region_settings(region: Region) -> Iterator[Live]:
    """Which types of resources AWS Backup takes. Each region has them, whether somebody has set them or not."""
    found = region.ask(SETTINGS) or {}
    opted, managed = "ResourceTypeOptInPreference", "ResourceTypeManagementPreference"
    yield Live(
        id=region.name,
        made_by_aws="opt-in of AWS Backup",
        props={
            "resourceTypeOptInPreference": dict(found.get(opted) or {}),
            "resourceTypeManagementPreference": dict(found.get(managed) or {}),
        },
    )


def restore_plans(region: Region) -> Iterator[Live]:
    """Plans of restore tests."""
    for plan in region.pages(RESTORE_PLANS):
        words = {"RestoreTestingPlanName": "name", "RestoreTestingPlanArn": "arn"}
        yield Live(id=plan["RestoreTestingPlanName"], props=picked(plan, _RESTORE_PLAN, words))


def restore_selections(region: Region) -> Iterator[Live]:
    """What each restore test takes."""
    for plan in region.pages(RESTORE_PLANS):
        name = plan["RestoreTestingPlanName"]
        for one in region.pages(RESTORE_SELECTIONS, RestoreTestingPlanName=name):
            words = {"RestoreTestingSelectionName": "name"}
            props = {**picked(one, _RESTORE_SELECTION, words), "restoreTestingPlanName": name}
            yield Live(id=f"{one['RestoreTestingSelectionName']}:{name}", props=props)


Reader(type="aws:backup/regionSettings:RegionSettings", read=region_settings, source=SETTINGS, identity=("region",))
Reader(
    type="aws:backup/restoreTestingPlan:RestoreTestingPlan",
    read=restore_plans,
    source=RESTORE_PLANS,
    identity=("name",),
)
Reader(
    type="aws:backup/restoreTestingSelection:RestoreTestingSelection",
    read=restore_selections,
    source=RESTORE_PLANS,
    identity=("restoreTestingPlanName", "name"),
)
Reader(type="aws:backup/plan:Plan", read=plans, source=PLANS)
Reader(type="aws:backup/selection:Selection", read=selections, source=PLANS)
Reader(type="aws:backup/vault:Vault", read=vaults, source=VAULTS)
Reader(type="aws:backup/vaultLockConfiguration:VaultLockConfiguration", read=vault_locks, source=VAULTS)
Reader(type="aws:backup/vaultPolicy:VaultPolicy", read=vault_policies, source=VAULTS)
