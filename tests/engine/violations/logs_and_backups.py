from marks import QUIET, forcing_tls
from pulumi_aws import cloudtrail, kms, rds


def declare() -> None:
    key = kms.Key("log-01-key", enable_key_rotation=True, tags=QUIET)
    cloudtrail.Trail("log-01-bad", s3_bucket_name="logs", is_multi_region_trail=False, kms_key_id=key.arn, tags=QUIET)
    cloudtrail.Trail(
        "log-01-good",
        s3_bucket_name="logs",
        is_multi_region_trail=True,
        enable_log_file_validation=True,
        kms_key_id=key.arn,
        tags=QUIET,
    )
    aurora = {
        "engine": "aurora-postgresql",
        "db_cluster_parameter_group_name": forcing_tls("bck").name,
        "iam_database_authentication_enabled": True,
    }
    rds.Cluster("bck-01-bad", backup_retention_period=1, tags=QUIET, **aurora)
    rds.Cluster("bck-01-good", backup_retention_period=7, tags=QUIET, **aurora)
    production = {**QUIET, "payment-cell:environment": "production"}
    kept = {**aurora, "backup_retention_period": 7, "tags": production}
    rds.Cluster("bck-05-bad", deletion_protection=False, final_snapshot_identifier="final", **kept)
    rds.Cluster("bck-05-good", deletion_protection=True, final_snapshot_identifier="final", **kept)
