"""Backup vaults, plans and selections, a trail's log group, metric filters, the default key of volumes."""

from typing import Any

from pulumi_aws import backup, cloudtrail, cloudwatch, ebs, iam, s3

from preconditions.ground import (
    ACCOUNT,
    MISSING_KEY,
    MISSING_ROLE,
    REGION,
    Ground,
    after,
    allow,
    bucket,
    document,
    role,
)

POLICIES = "arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicy"


def declare(ground: Ground) -> None:
    vaults_and_plans(ground)
    roles()
    trails()
    missing = {"name": "m", "namespace": "n", "value": "1"}
    cloudwatch.LogMetricFilter(
        "logs-metric-filter-group-exists", log_group_name="missing", pattern="", metric_transformation=missing
    )
    ebs.DefaultKmsKey("ebs-default-key-is-usable", key_arn=MISSING_KEY)


def vaults_and_plans(ground: Ground) -> None:
    backup.Vault("backup-vault-key-is-usable", kms_key_arn=ground.off.arn)
    vault = backup.Vault("vault", name="vault")
    other = backup.Vault("other", name="other")
    backup.VaultLockConfiguration(
        "backup-lock-periods-fit", backup_vault_name=other.name, min_retention_days=30, max_retention_days=7
    )
    lock = backup.VaultLockConfiguration(
        "lock", backup_vault_name=vault.name, min_retention_days=7, max_retention_days=30
    )

    def plan(name: str, days: int, **settings: Any) -> None:
        rule = {"rule_name": "r", "target_vault_name": vault.name, "lifecycle": {"delete_after": days}, **settings}
        backup.Plan(name, rules=[rule], opts=after(lock))

    plan("plan", 7, copy_actions=[{"destination_vault_arn": other.arn}])
    plan("backup-plan-vaults-exist", 7, target_vault_name="missing")
    plan("backup-plan-keeps-what-the-lock-admits", 31)
    itself = {"destination_vault_arn": vault.arn, "lifecycle": {"delete_after": 7}}
    plan("backup-copies-leave-the-vault", 7, copy_actions=[itself])


def roles() -> None:
    worker, bare = role("backup", "backup.amazonaws.com"), role("backup-bare", "backup.amazonaws.com")
    attached = [
        iam.RolePolicyAttachment(f"backup-{of}", role=worker.name, policy_arn=f"{POLICIES}For{of}")
        for of in ("Backup", "Restores")
    ]
    vault = backup.Vault("roles", name="roles")
    plan = backup.Plan("roles", rules=[{"rule_name": "r", "target_vault_name": vault.name}])
    tests = backup.RestoreTestingPlan(
        "roles",
        name="roles",
        schedule_expression="cron(0 12 2 * ? *)",
        recovery_point_selection={
            "algorithm": "LATEST_WITHIN_WINDOW",
            "include_vaults": ["*"],
            "recovery_point_types": ["SNAPSHOT"],
        },
    )
    for name, arn in (
        ("selection", worker.arn),
        ("backup-selection-role-is-trusted", MISSING_ROLE),
        ("backup-selection-role-may-back-up", bare.arn),
    ):
        backup.Selection(name, plan_id=plan.id, iam_role_arn=arn, resources=["*"], opts=after(*attached))
    for number, (name, arn) in enumerate(
        (
            ("restore", worker.arn),
            ("backup-restore-role-is-trusted", MISSING_ROLE),
            ("backup-restore-role-may-restore", bare.arn),
        )
    ):
        backup.RestoreTestingSelection(
            name,
            name=f"s{number}",
            restore_testing_plan_name=tests.name,
            protected_resource_type="Aurora",
            protected_resource_arns=["*"],
            iam_role_arn=arn,
            opts=after(*attached),
        )


def trails() -> None:
    store, writer = bucket("trail-logs"), {"Service": "cloudtrail.amazonaws.com"}
    ready = s3.BucketPolicy(
        "trail-logs",
        bucket=store.bucket,
        policy=document(
            allow("s3:GetBucketAcl", resources=store.arn, Principal=writer),
            allow("s3:PutObject", resources=store.arn.apply("{}/AWSLogs/*".format), Principal=writer),
        ),
    )
    group = cloudwatch.LogGroup("trail", name="trail")
    may, may_not = role("trail", "cloudtrail.amazonaws.com"), role("trail-bare", "cloudtrail.amazonaws.com")
    rights = iam.RolePolicy(
        "trail",
        role=may.name,
        policy=document(allow(["logs:CreateLogStream", "logs:PutLogEvents"], resources=group.arn.apply("{}:*".format))),
    )
    missing = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:missing:*"
    for name, short, where, who in (
        ("trail-with-logs", "logged", group.arn.apply("{}:*".format), may.arn),
        ("cloudtrail-log-group-exists", "lost", missing, may.arn),
        ("cloudtrail-log-role-may-write", "mute", group.arn.apply("{}:*".format), may_not.arn),
    ):
        cloudtrail.Trail(
            name,
            name=short,
            s3_bucket_name=store.bucket,
            cloud_watch_logs_group_arn=where,
            cloud_watch_logs_role_arn=who,
            opts=after(ready, rights),
        )
