"""What an account and Region has of AWS Backup beyond moto's vaults and plans."""

import re
from typing import Any

from moto.backup.exceptions import (
    AlreadyExistsException,
    InvalidParameterValueException,
    InvalidRequestException,
    ResourceNotFoundException,
)
from moto.backup.models import BackupBackend as MotoBackend
from moto.backup.models import Plan, Vault
from moto.core.utils import unix_time
from moto.moto_api._internal import mock_random

Document = dict[str, Any]

OPTED_IN = (
    "Aurora", "CloudFormation", "DocumentDB", "DynamoDB", "EBS", "EC2", "EFS", "FSx", "Neptune", "RDS", "Redshift",
    "S3", "SAP HANA on Amazon EC2", "Storage Gateway", "Timestream", "VirtualMachine",
)  # fmt: skip
"""Types of DescribeRegionSettings; a new account begins with all of them off here, so that a missing opt-in shows."""

CONDITIONS = ("StringEquals", "StringNotEquals", "StringLike", "StringNotLike")

_RESTORE_NAME = re.compile(r"[A-Za-z0-9_]{1,50}")


class BackupBackend(MotoBackend):  # type: ignore[misc]
    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.policies: dict[str, str] = {}
        """Vault -> access policy."""
        self.selections: dict[str, dict[str, Document]] = {}
        """Plan -> id -> selection with its metadata."""
        self.restore_plans: dict[str, Document] = {}
        self.restore_selections: dict[str, dict[str, Document]] = {}
        self.opt_in: dict[str, bool] = dict.fromkeys(OPTED_IN, False)
        self.managed: dict[str, bool] = {"DynamoDB": False, "EFS": False}

    # ---- vaults

    def vault(self, name: str) -> Vault:
        found = self.vaults.get(name)
        if found is None:
            raise ResourceNotFoundException(msg=f"Backup vault {name} not found")
        return found

    def delete_backup_vault(self, backup_vault_name: str) -> None:
        self.vault(backup_vault_name)
        self.policies.pop(backup_vault_name, None)
        super().delete_backup_vault(backup_vault_name)

    # ---- plans

    def plan(self, plan_id: str) -> Plan:
        found = self.plans.get(plan_id)
        if found is None or found.deletion_date is not None:
            raise ResourceNotFoundException(msg=f"Cannot find Backup plan with ID {plan_id}")
        return found

    def create_backup_plan(self, backup_plan: Document, backup_plan_tags: Any, creator_request_id: str) -> Plan:
        """Names repeat on AWS; moto refuses that of a plan it has, deleted ones included."""
        plan = Plan(backup_plan=backup_plan, creator_request_id=creator_request_id, backend=self)
        self.tag_resource(plan.backup_plan_arn, backup_plan_tags or {})
        self.plans[plan.backup_plan_id] = plan
        return plan

    def update_plan(self, plan_id: str, document: Document) -> Plan:
        """A new version; the ids of rules change with it."""
        plan = self.plan(plan_id)
        fresh = Plan(backup_plan=document, creator_request_id=plan.creator_request_id, backend=self)
        plan.backup_plan, plan.version_id = fresh.backup_plan, fresh.version_id
        plan.advanced_backup_settings = fresh.advanced_backup_settings
        return plan

    def delete_backup_plan(self, backup_plan_id: str) -> tuple[str, str, float, str]:
        if self.selections.get(self.plan(backup_plan_id).backup_plan_id):
            raise InvalidRequestException(
                msg="Related backup plan selections must be deleted prior to backup plan deletion"
            )
        gone: tuple[str, str, float, str] = super().delete_backup_plan(backup_plan_id)
        return gone

    # ---- selections

    def create_selection(self, plan_id: str, selection: Document, creator: str | None) -> Document:
        mine = self.selections.setdefault(self.plan(plan_id).backup_plan_id, {})
        if any(each["BackupSelection"]["SelectionName"] == selection["SelectionName"] for each in mine.values()):
            raise AlreadyExistsException(msg=f"Backup selection {selection['SelectionName']} already exists")
        conditions = {kind: selection.get("Conditions", {}).get(kind) or [] for kind in CONDITIONS}
        kept = {"Resources": [], "ListOfTags": [], "NotResources": [], **selection, "Conditions": conditions}
        made = {
            "BackupSelection": kept,
            "SelectionId": str(mock_random.uuid4()),
            "BackupPlanId": plan_id,
            "CreationDate": unix_time(),
            "CreatorRequestId": creator,
        }
        mine[made["SelectionId"]] = made
        return made

    def selection(self, plan_id: str, selection_id: str) -> Document:
        found = self.selections.get(plan_id, {}).get(selection_id)
        if found is None:
            raise ResourceNotFoundException(msg=f"Cannot find Backup selection with ID {selection_id}")
        return found

    def delete_selection(self, plan_id: str, selection_id: str) -> None:
        self.selection(plan_id, selection_id)
        del self.selections[plan_id][selection_id]

    # ---- restore testing

    def create_restore_plan(self, plan: Document, tags: dict[str, str], creator: str | None) -> Document:
        name = plan["RestoreTestingPlanName"]
        _check_name(name)
        if name in self.restore_plans:
            raise AlreadyExistsException(msg=f"Restore testing plan {name} already exists")
        suffix = mock_random.uuid4()
        arn = f"arn:{self.partition}:backup:{self.region_name}:{self.account_id}:restore-testing-plan:{name}-{suffix}"
        defaults = {"ScheduleExpressionTimezone": "Etc/UTC", "StartWindowHours": 24}
        self.restore_plans[name] = {
            **defaults,
            **plan,
            "RestoreTestingPlanArn": arn,
            "CreationTime": unix_time(),
            "CreatorRequestId": creator,
        }
        self.restore_selections[name] = {}
        self.tag_resource(arn, tags)
        return self.restore_plans[name]

    def restore_plan(self, name: str) -> Document:
        if name not in self.restore_plans:
            raise ResourceNotFoundException(msg=f"Restore testing plan {name} not found")
        return self.restore_plans[name]

    def update_restore_plan(self, name: str, change: Document) -> Document:
        self.restore_plan(name).update(change, LastUpdateTime=unix_time())
        return self.restore_plans[name]

    def delete_restore_plan(self, name: str) -> None:
        if self.restore_selections.get(name):
            raise InvalidRequestException(msg=f"Restore testing plan {name} has selections")
        self.restore_plans.pop(name, None)
        self.restore_selections.pop(name, None)

    def create_restore_selection(self, plan: str, selection: Document, creator: str | None) -> Document:
        self.restore_plan(plan)
        name, mine = selection["RestoreTestingSelectionName"], self.restore_selections[plan]
        _check_name(name)
        if name in mine:
            raise AlreadyExistsException(msg=f"Restore testing selection {name} already exists")
        if "ProtectedResourceArns" not in selection and "ProtectedResourceConditions" not in selection:
            raise InvalidParameterValueException(
                msg="Either ProtectedResourceArns or ProtectedResourceConditions is needed"
            )
        mine[name] = {
            "RestoreMetadataOverrides": {},
            "ValidationWindowHours": 0,
            **selection,
            "RestoreTestingPlanName": plan,
            "CreationTime": unix_time(),
            "CreatorRequestId": creator,
        }
        return mine[name]

    def restore_selection(self, plan: str, name: str) -> Document:
        found = self.restore_selections.get(plan, {}).get(name)
        if found is None:
            raise ResourceNotFoundException(msg=f"Restore testing selection {name} not found")
        return found

    def update_restore_selection(self, plan: str, name: str, change: Document) -> Document:
        found = self.restore_selection(plan, name)
        found.update(change)
        return found

    def delete_restore_selection(self, plan: str, name: str) -> None:
        self.restore_selection(plan, name)
        del self.restore_selections[plan][name]

    # ---- Region settings

    def update_region_settings(self, opt_in: dict[str, bool], managed: dict[str, bool]) -> None:
        """Only what is named changes."""
        if unknown := sorted(set(opt_in) - set(OPTED_IN)):
            raise InvalidParameterValueException(msg=f"Unsupported resource types: {', '.join(unknown)}")
        self.opt_in.update(opt_in)
        self.managed.update(managed)


def _check_name(name: str) -> None:
    if not _RESTORE_NAME.fullmatch(name):
        raise InvalidParameterValueException(msg=f"{name}: a name has 1 to 50 letters, digits and underscores")
