"""Backups and what an account has once: they come up, stay, change, show drift and go."""

from typing import Any

import pulumi
import pytest
from inline_stack import stack
from pulumi_aws import account, backup, budgets, cloudwatch, ebs, iam, kms
from table_programs import ACCOUNT, after, comes_up_and_changes, document, repairs, role

from conftest import Sandbox

pytestmark = pytest.mark.engine

POLICIES = "arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicy"


def vault(version: int) -> backup.Vault:
    made = backup.Vault("shards", kms_key_arn=kms.Key("vault").arn, tags={"version": str(version)})
    # Every change replaces a lock: made first, the new one would be deleted with the old.
    first = pulumi.ResourceOptions(delete_before_replace=True)
    days = {"min_retention_days": 1, "max_retention_days": 400 * version}
    backup.VaultLockConfiguration("shards", backup_vault_name=made.name, opts=first, **days)
    deny = {"Effect": "Deny", "Principal": {"AWS": "*"}, "Resource": "*"}
    actions = ["backup:DeleteRecoveryPoint"] + (["backup:DeleteBackupVault"] if version == 2 else [])
    backup.VaultPolicy("shards", backup_vault_name=made.name, policy=document({**deny, "Action": actions}))
    return made


def plan(version: int, store: backup.Vault) -> None:
    worker, _ = role("backup", "backup.amazonaws.com")
    attached = [
        iam.RolePolicyAttachment(
            kind,
            role=worker.name,
            policy_arn=f"{POLICIES}For{kind}",
        )
        for kind in ("Backup", "Restores")
    ]
    rule: dict[str, Any] = {
        "rule_name": "daily",
        "target_vault_name": store.name,
        "schedule": "cron(0 4 * * ? *)",
        "start_window": 60,
        "completion_window": 480,
        "lifecycle": {"delete_after": 35 * version},
        "copy_actions": [
            {"destination_vault_arn": "arn:aws:backup:eu-central-1:210987654321:backup-vault:copies"},
        ],
    }
    made = backup.Plan("shards", rules=[rule], tags={"version": str(version)})
    chosen = backup.Selection(
        "shards",
        plan_id=made.id,
        iam_role_arn=worker.arn,
        resources=["arn:aws:rds:*:*:cluster:*"],
        not_resources=["arn:aws:dynamodb:*:*:table/*keys*"],
        conditions=[{"string_equals": [{"key": "aws:ResourceTag/backup", "value": "vault"}]}],
        opts=after(*attached),
    )
    # The plugin would name both with a hyphen, which AWS refuses.
    tests = backup.RestoreTestingPlan(
        "shards",
        name="shards",
        schedule_expression="cron(0 12 2 * ? *)",
        start_window_hours=version,
        recovery_point_selection={
            "algorithm": "LATEST_WITHIN_WINDOW",
            "include_vaults": [store.arn],
            "recovery_point_types": ["SNAPSHOT"],
            "selection_window_days": 31,
        },
        tags={"version": str(version)},
    )
    backup.RestoreTestingSelection(
        "shards",
        name="shards",
        restore_testing_plan_name=tests.name,
        protected_resource_type="Aurora",
        protected_resource_arns=["*"],
        iam_role_arn=worker.arn,
        validation_window_hours=version,
        restore_metadata_overrides={"dbSubnetGroupName": "data"},
        opts=after(*attached),
    )
    pulumi.export("plan", made.id)
    pulumi.export("selection", chosen.id)


def once(version: int) -> None:
    iam.AccountPasswordPolicy("passwords", minimum_password_length=13 + version, password_reuse_prevention=24)
    account.AlternativeContact(
        "security",
        alternate_contact_type="SECURITY",
        name="On call",
        title=f"Version {version}",
        email_address="security@example.com",
        phone_number="+353 1 555 0100",
    )
    notification = {
        "notification_type": "ACTUAL",
        "comparison_operator": "GREATER_THAN",
        "threshold": 80,
        "threshold_type": "PERCENTAGE",
        "subscriber_email_addresses": ["security@example.com"],
    }
    expected = {**notification, "notification_type": "FORECASTED", "threshold": 100}
    budgets.Budget(
        "monthly",
        budget_type="COST",
        time_unit="MONTHLY",
        limit_amount=str(1000 * version),
        limit_unit="USD",
        notifications=[notification] if version == 1 else [notification, expected],
        tags={"version": str(version)},
    )
    ebs.DefaultKmsKey("volumes", key_arn=kms.Key("volumes").arn)
    backup.RegionSettings("region", resource_type_opt_in_preference=opted_in(Aurora=version == 2))
    group = cloudwatch.LogGroup("trail", retention_in_days=365)
    cloudwatch.LogMetricFilter(
        "root-user",
        log_group_name=group.name,
        pattern='{$.userIdentity.type="Root"}',
        metric_transformation={"name": "Root", "namespace": "trail", "value": str(version), "default_value": "0"},
    )


def opted_in(**changed: bool) -> dict[str, bool]:
    """AWS answers with every type; a program that leaves one out differs for ever."""
    types = "CloudFormation DocumentDB DynamoDB EBS EC2 EFS FSx Neptune RDS Redshift S3 Timestream VirtualMachine"
    spaced = {"SAP HANA on Amazon EC2": False, "Storage Gateway": False}
    return dict.fromkeys([*types.split(), "Aurora"], False) | spaced | changed


def program(version: int) -> None:
    plan(version, vault(version))
    once(version)


def drift(sandbox: Sandbox) -> None:
    """Four changes behind the program's back."""
    vaults = sandbox.client("backup").list_backup_vaults()["BackupVaultList"]
    name = vaults[0]["BackupVaultName"]
    sandbox.client("backup").put_backup_vault_access_policy(BackupVaultName=name, Policy=document())
    sandbox.client("backup").update_region_settings(ResourceTypeOptInPreference={"Aurora": False})
    sandbox.client("iam").update_account_password_policy(MinimumPasswordLength=6)
    sandbox.client("account").put_alternate_contact(
        AlternateContactType="SECURITY",
        EmailAddress="other@example.com",
        Name="Other",
        PhoneNumber="+353 1 555 0101",
        Title="Other",
    )


def test_backups_and_account_settings_come_up_change_in_place_and_go(sandbox: Sandbox) -> None:
    backups = sandbox.client("backup")
    with stack(sandbox, lambda: program(1)) as made:
        # Vault, policy, plan, restore plan and selection; passwords, contact, budget, region, filter.
        comes_up_and_changes(made, program, update=10, replace=1)
        (store,) = backups.list_backup_vaults()["BackupVaultList"]
        assert (store["Locked"], store["MaxRetentionDays"]) == (True, 800)
        outputs = made.outputs()
        live = backups.get_backup_selection(BackupPlanId=outputs["plan"], SelectionId=outputs["selection"])
        assert live["BackupSelection"]["Conditions"]["StringEquals"] == [
            {"ConditionKey": "aws:ResourceTag/backup", "ConditionValue": "vault"}
        ]
        with pytest.raises(backups.exceptions.InvalidRequestException, match="selections"):
            backups.delete_backup_plan(BackupPlanId=outputs["plan"])
        drift(sandbox)
        repairs(made, 4)
    assert backups.list_backup_vaults()["BackupVaultList"] == []
    assert backups.list_backup_plans()["BackupPlansList"] == []
    assert backups.list_restore_testing_plans()["RestoreTestingPlans"] == []
    assert sandbox.client("budgets").describe_budgets(AccountId=ACCOUNT)["Budgets"] == []
    assert sandbox.client("ec2").get_ebs_default_kms_key_id()["KmsKeyId"] == "alias/aws/ebs"
    assert sandbox.client("logs").describe_metric_filters()["metricFilters"] == []
