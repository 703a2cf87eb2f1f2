"""Operations that moto's response class lacks, and tags by any ARN."""

import json
from typing import Any
from urllib.parse import unquote

from moto.backup.exceptions import ResourceNotFoundException
from moto.backup.models import backup_backends
from moto.backup.responses import BackupResponse as MotoResponse
from moto.core.responses import ActionResult, EmptyResult

from sandbox.aws.extensions.backup.models import BackupBackend, Document


class BackupResponse(MotoResponse):  # type: ignore[misc]
    @property
    def backend(self) -> BackupBackend:
        return backup_backends[self.current_account][self.region]  # type: ignore[no-any-return]

    @property
    def request(self) -> Document:
        return dict(json.loads(self.body)) if self.body else {}

    def _step(self, number: int) -> str:
        """A part of the path: of /backup/plans/ID the third is ID."""
        return unquote(self.path.split("?")[0].strip("/").split("/")[number - 1])

    # ---- vaults

    def put_backup_vault_access_policy(self) -> EmptyResult:
        name = self.backend.vault(self._step(2)).backup_vault_name
        self.backend.policies[name] = self.request.get("Policy", "")
        return EmptyResult()

    def get_backup_vault_access_policy(self) -> ActionResult:
        vault = self.backend.vault(self._step(2))
        policy = self.backend.policies.get(vault.backup_vault_name)
        if policy is None:
            raise ResourceNotFoundException(msg=f"Backup vault {vault.backup_vault_name} has no access policy")
        names = {"BackupVaultName": vault.backup_vault_name, "BackupVaultArn": vault.backup_vault_arn}
        return ActionResult({**names, "Policy": policy})

    def delete_backup_vault_access_policy(self) -> EmptyResult:
        self.backend.policies.pop(self.backend.vault(self._step(2)).backup_vault_name, None)
        return EmptyResult()

    # ---- plans

    def update_backup_plan(self) -> ActionResult:
        return ActionResult(self.backend.update_plan(self._step(3), self.request["BackupPlan"]).to_dict())

    def create_backup_selection(self) -> ActionResult:
        request = self.request
        return ActionResult(
            self.backend.create_selection(self._step(3), request["BackupSelection"], request.get("CreatorRequestId"))
        )

    def get_backup_selection(self) -> ActionResult:
        return ActionResult(self.backend.selection(self._step(3), self._step(5)))

    def list_backup_selections(self) -> ActionResult:
        rows = self.backend.selections.get(self.backend.plan(self._step(3)).backup_plan_id, {}).values()
        return ActionResult({"BackupSelectionsList": [{**row, **_summary(row)} for row in rows]})

    def delete_backup_selection(self) -> EmptyResult:
        self.backend.delete_selection(self._step(3), self._step(5))
        return EmptyResult()

    # ---- restore testing

    def create_restore_testing_plan(self) -> ActionResult:
        request = self.request
        creator = request.get("CreatorRequestId")
        return ActionResult(
            self.backend.create_restore_plan(request["RestoreTestingPlan"], request.get("Tags") or {}, creator)
        )

    def get_restore_testing_plan(self) -> ActionResult:
        return ActionResult({"RestoreTestingPlan": self.backend.restore_plan(self._step(3))})

    def update_restore_testing_plan(self) -> ActionResult:
        return ActionResult(self.backend.update_restore_plan(self._step(3), self.request["RestoreTestingPlan"]))

    def list_restore_testing_plans(self) -> ActionResult:
        return ActionResult({"RestoreTestingPlans": list(self.backend.restore_plans.values())})

    def delete_restore_testing_plan(self) -> EmptyResult:
        self.backend.delete_restore_plan(self._step(3))
        return EmptyResult()

    def create_restore_testing_selection(self) -> ActionResult:
        request, plan = self.request, self._step(3)
        made = self.backend.create_restore_selection(
            plan, request["RestoreTestingSelection"], request.get("CreatorRequestId")
        )
        return ActionResult({**made, **self._plan_arn(plan)})

    def get_restore_testing_selection(self) -> ActionResult:
        found = self.backend.restore_selection(self._step(3), self._step(5))
        return ActionResult({"RestoreTestingSelection": found})

    def update_restore_testing_selection(self) -> ActionResult:
        plan, change = self._step(3), self.request["RestoreTestingSelection"]
        found = self.backend.update_restore_selection(plan, self._step(5), change)
        return ActionResult({**found, **self._plan_arn(plan)})

    def list_restore_testing_selections(self) -> ActionResult:
        self.backend.restore_plan(self._step(3))
        return ActionResult({"RestoreTestingSelections": list(self.backend.restore_selections[self._step(3)].values())})

    def delete_restore_testing_selection(self) -> EmptyResult:
        self.backend.delete_restore_selection(self._step(3), self._step(5))
        return EmptyResult()

    def _plan_arn(self, plan: str) -> Document:
        return {"RestoreTestingPlanArn": self.backend.restore_plan(plan)["RestoreTestingPlanArn"]}

    # ---- Region settings

    def describe_region_settings(self) -> ActionResult:
        backend = self.backend
        return ActionResult(
            {"ResourceTypeOptInPreference": backend.opt_in, "ResourceTypeManagementPreference": backend.managed}
        )

    def update_region_settings(self) -> EmptyResult:
        request = self.request
        self.backend.update_region_settings(
            request.get("ResourceTypeOptInPreference") or {}, request.get("ResourceTypeManagementPreference") or {}
        )
        return EmptyResult()

    # ---- tags

    def list_tags(self) -> ActionResult:
        return ActionResult({"Tags": self.backend.list_tags(self._step(2))})

    def tag_resource(self) -> EmptyResult:
        self.backend.tag_resource(self._step(2), self.request["Tags"])
        return EmptyResult()

    def untag_resource(self) -> EmptyResult:
        self.backend.untag_resource(self._step(2), self.request["TagKeyList"])
        return EmptyResult()


def _summary(row: Document) -> dict[str, Any]:
    return {key: row["BackupSelection"][key] for key in ("SelectionName", "IamRoleArn")}
