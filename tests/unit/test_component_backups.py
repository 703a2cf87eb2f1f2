"""The backups of a cell: what is kept, for how long, where, and what never is."""

import json
from collections.abc import Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

import pytest
from answers import answers
from mocks import Registered, assert_children_of_components, assert_regional, run

from components.backups import (
    BACKUP_POLICY,
    RESTORE_POLICY,
    BackupRetention,
    Backups,
    BackupsArgs,
    RestoreTests,
    VaultLock,
)
from components.vocabulary import SUBJECT_KEYS, DataClass, TagKey, tags

ACCOUNT, OTHER = "123456789012", "210987654321"
COPIES = f"arn:aws:backup:eu-central-1:{OTHER}:backup-vault:copies"
ARGS = BackupsArgs(
    region="eu-west-1",
    account_id=ACCOUNT,
    jurisdiction="eu",
    key_arn="arn:key/backup",
    retention=BackupRetention(daily_days=35, weekly_days=90, monthly_days=365),
    lock=VaultLock(cooling_off_days=14),
    topic_arn="arn:topic",
    copy_vault_arn=COPIES,
    restore_tests=RestoreTests(subnet_group="data", security_group_id="sg-1"),
)
DISPOSABLE = replace(ARGS, lock=VaultLock(), restore_tests=None, protected=False, disposable=True)
VAULT, LOCK = "aws:backup/vault:Vault", "aws:backup/vaultLockConfiguration:VaultLockConfiguration"
POLICY, PLAN = "aws:backup/vaultPolicy:VaultPolicy", "aws:backup/plan:Plan"
SELECTION, ATTACHMENT = "aws:backup/selection:Selection", "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
RESTORE_PLAN = "aws:backup/restoreTestingPlan:RestoreTestingPlan"
RESTORE_SELECTION = "aws:backup/restoreTestingSelection:RestoreTestingSelection"
CELL_TAGS = {TagKey.CELL.value: "eu-west-1"}


def made(args: BackupsArgs = ARGS, *, preview: bool = False) -> Registered:
    return run(lambda: Backups("eu-west-1", args), preview=preview, outputs=answers)


@pytest.fixture(scope="module")
def backups() -> Registered:
    return made()


def selects(selection: Mapping[str, Any], arn: str, tagged: Mapping[str, str]) -> bool:
    """AWS's rule: one of the resources, none of the excluded ones, and all conditions
    (https://docs.aws.amazon.com/aws-backup/latest/devguide/API_BackupSelection.html)."""
    named = any(fnmatchcase(arn, pattern) for pattern in selection["resources"])
    excluded = any(fnmatchcase(arn, pattern) for pattern in selection["notResources"])
    (conditions,) = selection["conditions"]
    assert set(conditions) == {"stringEquals"}
    wanted = {row["key"].removeprefix("aws:ResourceTag/"): row["value"] for row in conditions["stringEquals"]}
    return named and not excluded and wanted.items() <= tagged.items()


def test_everything_is_in_the_cells_region(backups: Registered) -> None:
    assert_regional(backups, "eu-west-1")
    assert_children_of_components(backups)


def test_the_vault_has_its_own_key_and_stays_when_the_cell_goes(backups: Registered) -> None:
    vault = backups.one(VAULT)
    assert vault.inputs["kmsKeyArn"] == "arn:key/backup"
    assert vault.inputs["tags"] == tags(DataClass.PAYMENTS, jurisdiction="eu")
    assert vault.protect
    assert [backups.one(type_).retain for type_ in (VAULT, LOCK, POLICY)] == [True] * 3


def test_production_locks_for_good_after_a_cooling_off_time(backups: Registered) -> None:
    assert backups.one(LOCK).inputs["changeableForDays"] == 14
    assert "changeableForDays" not in made(DISPOSABLE).one(LOCK).inputs


def test_the_lock_admits_every_rule_of_the_plan(backups: Registered) -> None:
    lock = backups.one(LOCK).inputs
    for rule in backups.one(PLAN).inputs["rules"]:
        assert lock["minRetentionDays"] <= rule["lifecycle"]["deleteAfter"] <= lock["maxRetentionDays"]


def test_nobody_deletes_a_recovery_point(backups: Registered) -> None:
    denied = backups.one(POLICY).statement("NobodyDeletes")
    assert (denied["Effect"], denied["Principal"]) == ("Deny", {"AWS": "*"})
    assert {"backup:DeleteRecoveryPoint", "backup:DeleteBackupVault"} <= set(denied["Action"])
    assert "backup:UpdateRecoveryPointLifecycle" in denied["Action"]


def test_the_plan_backs_up_daily_weekly_and_monthly(backups: Registered) -> None:
    rules = {rule["ruleName"]: rule for rule in backups.one(PLAN).inputs["rules"]}
    assert {name: rule["lifecycle"]["deleteAfter"] for name, rule in rules.items()} == {
        "daily": 35,
        "weekly": 90,
        "monthly": 365,
    }
    assert len({rule["schedule"] for rule in rules.values()}) == 3


def test_each_backup_is_copied_to_the_other_account(backups: Registered) -> None:
    for rule in backups.one(PLAN).inputs["rules"]:
        (copy,) = rule["copyActions"]
        assert copy == {"destinationVaultArn": COPIES, "lifecycle": rule["lifecycle"]}
    assert not made(replace(ARGS, copy_vault_arn=None)).one(PLAN).inputs["rules"][0]["copyActions"]


def test_a_shard_of_this_cell_is_selected_by_its_tag(backups: Registered) -> None:
    selection = backups.one(SELECTION).inputs
    shard = f"arn:aws:rds:eu-west-1:{ACCOUNT}:cluster:eu-west-1-s00"
    tagged = {**tags(DataClass.PAYMENTS, jurisdiction="eu", backup=True), **CELL_TAGS}
    assert selects(selection, shard, tagged)
    assert not selects(selection, shard, {**tagged, TagKey.CELL.value: "eu-central-1"})
    assert not selects(selection, shard, {**tags(DataClass.PAYMENTS), **CELL_TAGS})


def test_subject_keys_are_never_selected(backups: Registered) -> None:
    selection = backups.one(SELECTION).inputs
    table = f"arn:aws:dynamodb:eu-west-1:{ACCOUNT}:table/eu-west-1-{SUBJECT_KEYS}-1a2b3c4"
    tagged = {**tags(DataClass.PERSONAL, jurisdiction="eu", use=SUBJECT_KEYS), **CELL_TAGS}
    assert not selects(selection, table, tagged)
    assert not selects(selection, table, {**tagged, TagKey.BACKUP.value: "vault"}), "somebody tagged it by hand"
    other = table.replace(SUBJECT_KEYS, "features")
    assert selects(selection, other, {**CELL_TAGS, TagKey.BACKUP.value: "vault"}), "the rule excludes one table only"
    with pytest.raises(ValueError, match="KEY-07"):
        tags(DataClass.PERSONAL, use=SUBJECT_KEYS, backup=True)


def test_the_selection_waits_for_the_rights_of_its_role(backups: Registered) -> None:
    assert {each.inputs["policyArn"] for each in backups.of(ATTACHMENT).values()} == {BACKUP_POLICY, RESTORE_POLICY}
    waits = backups.waits_for(backups.one(SELECTION))
    assert {f"{ATTACHMENT} eu-west-1-backup", f"{ATTACHMENT} eu-west-1-restore"} <= waits
    trust = backups.one("aws:iam/role:Role").statement("Trust", "assumeRolePolicy")
    assert trust["Principal"] == {"Service": "backup.amazonaws.com"}
    assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT}


def test_shards_are_restored_each_month_into_the_data_subnets(backups: Registered) -> None:
    plan, selection = backups.one(RESTORE_PLAN), backups.one(RESTORE_SELECTION)
    assert plan.inputs["recoveryPointSelection"]["includeVaults"] == ["arn:aws:backup:eu-west-1:123456789012:eu-west-1"]
    assert "-" not in plan.inputs["name"] + selection.inputs["name"]
    overrides = selection.inputs["restoreMetadataOverrides"]
    assert overrides == {"dbSubnetGroupName": "data", "vpcSecurityGroupIds": '["sg-1"]'}
    disposable = made(DISPOSABLE)
    assert not disposable.of(RESTORE_PLAN)
    assert {each.inputs["policyArn"] for each in disposable.of(ATTACHMENT).values()} == {BACKUP_POLICY}


def test_a_failed_job_of_this_cell_reaches_the_topic(backups: Registered) -> None:
    rule = backups.one("aws:cloudwatch/eventRule:EventRule")
    pattern = json.loads(rule.inputs["eventPattern"])
    assert pattern["detail"]["iamRoleArn"] == ["arn:aws:iam::123456789012:eu-west-1-backup"]
    failed = ["ABORTED", "EXPIRED", "FAILED"]
    assert pattern["detail"]["$or"] == [{"state": failed}, {"status": failed}]
    target = backups.one("aws:cloudwatch/eventTarget:EventTarget").inputs
    assert (target["arn"], target["rule"]) == ("arn:topic", f"{rule.name}-1a2b3c4")


def test_development_leaves_nothing() -> None:
    backups = made(DISPOSABLE)
    assert not [resource.name for resource in backups if resource.protect or resource.retain]
    assert backups.one(VAULT).inputs["forceDestroy"] is True


def test_a_preview_registers_the_same_resources(backups: Registered) -> None:
    assert sorted(r.urn for r in made(preview=True)) == sorted(r.urn for r in backups)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"copy_vault_arn": COPIES.replace(OTHER, ACCOUNT)}, "the cell's own account"),
        ({"copy_vault_arn": "copies"}, "is not arn:aws:backup"),
        ({"disposable": True}, "a lock that nobody can lift"),
    ],
)
def test_args_that_would_lose_the_backups_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(ARGS, **change)


def test_impossible_times_are_refused() -> None:
    with pytest.raises(ValueError, match="as long as the one before"):
        BackupRetention(daily_days=35, weekly_days=7, monthly_days=365)
    with pytest.raises(ValueError, match=r"2 is outside 3\.\.36500"):
        VaultLock(cooling_off_days=2)
