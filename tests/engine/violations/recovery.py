"""What is there when something is lost."""

from marks import QUIET
from pulumi_aws import backup, kms, rds

CONFIDENTIAL = {**QUIET, "payment-cell:data-class": "confidential", "payment-cell:environment": "production"}


PERSONAL = {**QUIET, "payment-cell:data-class": "personal"}
FAR = "eu-central-1"
"""A region of its own: a selection there says nothing of the other databases."""


def declare() -> None:
    _selected()
    key = kms.Key("recovery", enable_key_rotation=True, rotation_period_in_days=365, tags=QUIET)
    for name in ("bad", "good"):
        vault = backup.Vault(f"bck-03-{name}", kms_key_arn=key.arn, tags=QUIET)
        if name == "good":
            backup.VaultLockConfiguration(
                "bck-03", backup_vault_name=vault.name, min_retention_days=1, max_retention_days=31
            )
        rule = {"rule_name": "daily", "target_vault_name": vault.name, "schedule": "cron(0 4 * * ? *)"}
        ends = {"lifecycle": {"delete_after": 7}} if name == "good" else {}
        backup.Plan(f"ret-01-{name}", rules=[{**rule, **ends}], tags=QUIET)
        cluster = rds.Cluster(
            f"bck-06-{name}",
            engine="aurora-postgresql",
            enabled_cloudwatch_logs_exports=["postgresql"],
            backup_retention_period=7,
            storage_encrypted=True,
            kms_key_id=key.arn,
            deletion_protection=True,
            final_snapshot_identifier="final",
            iam_database_authentication_enabled=True,
            db_cluster_parameter_group_name=_parameters(name).name,
            tags=CONFIDENTIAL,
        )
        for zone in ("eu-west-1a", "eu-west-1b")[: 1 if name == "bad" else 2]:
            rds.ClusterInstance(
                f"bck-06-{name}-{zone}",
                cluster_identifier=cluster.id,
                engine="aurora-postgresql",
                instance_class="db.r7g.large",
                availability_zone=zone,
                tags=CONFIDENTIAL,
            )


def _parameters(name: str) -> rds.ClusterParameterGroup:
    return rds.ClusterParameterGroup(
        f"bck-06-{name}",
        family="aurora-postgresql17",
        parameters=[{"name": "rds.force_ssl", "value": "1"}],
        tags=QUIET,
    )


def _selected() -> None:
    key = kms.Key("bck-02", region=FAR, enable_key_rotation=True, rotation_period_in_days=365, tags=QUIET)
    group = rds.ClusterParameterGroup(
        "bck-02",
        region=FAR,
        family="aurora-postgresql17",
        parameters=[
            {"name": "rds.force_ssl", "value": "1"},
            {"name": "shared_preload_libraries", "value": "pgaudit"},
            {"name": "pgaudit.log", "value": "ddl,role"},
            {"name": "log_parameter_max_length", "value": "0"},
        ],
        tags=QUIET,
    )
    for name in ("bad", "good"):
        rds.Cluster(
            f"bck-02-{name}",
            region=FAR,
            engine="aurora-postgresql",
            enabled_cloudwatch_logs_exports=["postgresql"],
            backup_retention_period=7,
            storage_encrypted=True,
            kms_key_id=key.arn,
            iam_database_authentication_enabled=True,
            db_cluster_parameter_group_name=group.name,
            tags={**PERSONAL, "payment-cell:backup": "vault" if name == "good" else "none"},
        )
    backup.Selection(
        "bck-02",
        region=FAR,
        plan_id="plan",
        iam_role_arn="arn:aws:iam::123456789012:role/backup",
        resources=["arn:aws:rds:*:*:cluster:*"],
        conditions=[{"string_equals": [{"key": "aws:ResourceTag/payment-cell:backup", "value": "vault"}]}],
    )
