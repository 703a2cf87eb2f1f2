"""AWS Backup of the emulator: what it refuses as AWS does."""

import pytest
from moto.backup.exceptions import (
    AlreadyExistsException,
    InvalidParameterValueException,
    InvalidRequestException,
    ResourceNotFoundException,
)
from moto.core.utils import unix_time

from sandbox.aws.extensions.backup.models import BackupBackend

RULES = {"BackupPlanName": "shards", "Rules": [{"RuleName": "daily", "TargetBackupVaultName": "vault"}]}
SELECTION = {"SelectionName": "shards", "IamRoleArn": "arn:aws:iam::123456789012:role/backup"}
RESTORE = {"RestoreTestingSelectionName": "shards", "ProtectedResourceType": "Aurora"}


@pytest.fixture
def backend() -> BackupBackend:
    made = BackupBackend("eu-west-1", "123456789012")
    made.create_backup_vault("vault", {}, "arn:key", "")
    return made


def test_a_final_lock_is_neither_changed_nor_lifted(backend: BackupBackend) -> None:
    backend.put_backup_vault_lock_configuration("vault", 7, 30, 3)
    backend.put_backup_vault_lock_configuration("vault", 7, 60, 3)
    backend.vault("vault").lock_date = unix_time() - 1
    with pytest.raises(InvalidRequestException):
        backend.put_backup_vault_lock_configuration("vault", 1, 60, None)
    with pytest.raises(InvalidRequestException):
        backend.delete_backup_vault_lock_configuration("vault")
    assert backend.vault("vault").locked


def test_a_plan_goes_after_its_selections(backend: BackupBackend) -> None:
    plan = backend.create_backup_plan({**RULES}, {}, "").backup_plan_id
    made = backend.create_selection(plan, SELECTION, None)["SelectionId"]
    with pytest.raises(AlreadyExistsException):
        backend.create_selection(plan, SELECTION, None)
    with pytest.raises(InvalidRequestException):
        backend.delete_backup_plan(plan)
    backend.delete_selection(plan, made)
    backend.delete_backup_plan(plan)
    with pytest.raises(ResourceNotFoundException):
        backend.create_selection(plan, SELECTION, None)


def test_the_name_of_a_plan_that_is_gone_is_free(backend: BackupBackend) -> None:
    first = backend.create_backup_plan({**RULES}, {}, "").backup_plan_id
    backend.delete_backup_plan(first)
    assert backend.create_backup_plan({**RULES}, {}, "").backup_plan_id != first


def test_names_of_restore_tests_have_no_hyphen(backend: BackupBackend) -> None:
    with pytest.raises(InvalidParameterValueException, match="eu-west-1"):
        backend.create_restore_plan({"RestoreTestingPlanName": "eu-west-1"}, {}, None)
    backend.create_restore_plan({"RestoreTestingPlanName": "eu_west_1"}, {}, None)
    with pytest.raises(InvalidParameterValueException, match="ProtectedResource"):
        backend.create_restore_selection("eu_west_1", RESTORE, None)
    backend.create_restore_selection("eu_west_1", {**RESTORE, "ProtectedResourceArns": ["*"]}, None)
    with pytest.raises(InvalidRequestException):
        backend.delete_restore_plan("eu_west_1")


def test_region_settings_change_only_what_is_named(backend: BackupBackend) -> None:
    backend.update_region_settings({"Aurora": True}, {})
    backend.update_region_settings({"DynamoDB": True}, {})
    assert {kind for kind, on in backend.opt_in.items() if on} == {"Aurora", "DynamoDB"}
    with pytest.raises(InvalidParameterValueException, match="Auroa"):
        backend.update_region_settings({"Auroa": True}, {})
