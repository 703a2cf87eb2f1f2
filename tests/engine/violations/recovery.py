"""What is there when something is lost."""

from marks import QUIET
from pulumi_aws import backup, kms, rds

CONFIDENTIAL = {**QUIET, "payment-cell:data-class": "confidential", "payment-cell:environment": "production"}


def declare() -> None:
    key = kms.Key("recovery", enable_key_rotation=True, rotation_period_in_days=365, tags=QUIET)
    for name in ("bad", "good"):
        vault = backup.Vault(f"bck-03-{name}", kms_key_arn=key.arn, tags=QUIET)
        if name == "good":
            backup.VaultLockConfiguration(
                "bck-03", backup_vault_name=vault.name, min_retention_days=1, max_retention_days=31
            )
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
