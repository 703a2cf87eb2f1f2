"""What is logged, where it is kept and what it holds."""

from marks import CONTROL_PLANE, ENTRIES_ONLY, QUIET, over_tls_only
from pulumi_aws import cloudtrail, cloudwatch, dynamodb, eks, kms, rds, s3

PERSONAL = {**QUIET, "payment-cell:data-class": "personal"}
AUDITED = {"shared_preload_libraries": "pgaudit", "pgaudit.log": "ddl,role", "rds.force_ssl": "1"}


def declare() -> None:
    key = kms.Key("logs", enable_key_rotation=True, rotation_period_in_days=365, tags=QUIET)
    trails = kms.Key("log-03-trails", enable_key_rotation=True, tags=QUIET)
    for name in ("bad", "good"):
        eks.Cluster(
            f"log-04-{name}",
            role_arn="arn:aws:iam::123456789012:role/cluster",
            vpc_config={"subnet_ids": ["subnet-4"], "endpoint_public_access": False, "endpoint_private_access": True},
            enabled_cluster_log_types=CONTROL_PLANE if name == "good" else CONTROL_PLANE[1:],
            access_config=ENTRIES_ONLY,
            tags=QUIET,
        )
        cloudwatch.LogGroup(f"log-06-{name}", retention_in_days=7 if name == "good" else None, tags=QUIET)
        _audit_bucket(name, trails)
    _data_events()
    # What each breaks is healthy in the other.
    _database("log-05-bad", key, logs=[], parameters={**AUDITED, "log_parameter_max_length": "0"})
    _database("log-09-bad", key, logs=["postgresql"], parameters=AUDITED)


def _audit_bucket(name: str, key: kms.Key) -> None:
    bucket = s3.Bucket(f"log-03-{name}", object_lock_enabled=True, tags=QUIET)
    s3.BucketPolicy(f"log-03-{name}", bucket=bucket.id, policy=over_tls_only("s3"))
    cloudtrail.Trail(
        f"log-03-trail-{name}",
        s3_bucket_name=bucket.id,
        is_multi_region_trail=True,
        enable_log_file_validation=True,
        kms_key_id=key.arn,
        tags=QUIET,
    )
    if name == "good":
        retention = {"mode": "GOVERNANCE", "days": 1}
        s3.BucketObjectLockConfiguration("log-03", bucket=bucket.id, rule={"default_retention": retention})


def _data_events() -> None:
    """Of two tables one is recorded. Where no network is, which would need an endpoint for them."""
    region = "eu-north-1"
    key, trails = (
        kms.Key(f"log-02-{name}", region=region, enable_key_rotation=True, tags=QUIET) for name in ("data", "trail")
    )
    tables = {
        name: dynamodb.Table(
            f"log-02-{name}",
            region=region,
            attributes=[{"name": "id", "type": "S"}],
            hash_key="id",
            billing_mode="PAY_PER_REQUEST",
            server_side_encryption={"enabled": True, "kms_key_arn": key.arn},
            point_in_time_recovery={"enabled": True},
            ttl={"enabled": True, "attribute_name": "expires"},
            tags=PERSONAL,
        )
        for name in ("bad", "good")
    }
    chosen = {"eventCategory": ["Data"], "resources.type": ["AWS::DynamoDB::Table"]}
    fields = [{"field": name, "equals": values} for name, values in chosen.items()]
    cloudtrail.Trail(
        "log-02",
        region=region,
        s3_bucket_name="logs",
        enable_log_file_validation=True,
        kms_key_id=trails.arn,
        advanced_event_selectors=[
            {"field_selectors": [*fields, {"field": "resources.ARN", "equals": [tables["good"].arn]}]}
        ],
        tags=QUIET,
    )


def _database(name: str, key: kms.Key, *, logs: list[str], parameters: dict[str, str]) -> None:
    group = rds.ClusterParameterGroup(
        name,
        family="aurora-postgresql17",
        parameters=[{"name": one, "value": value} for one, value in parameters.items()],
        tags=QUIET,
    )
    rds.Cluster(
        name,
        engine="aurora-postgresql",
        db_cluster_parameter_group_name=group.name,
        enabled_cloudwatch_logs_exports=logs,
        backup_retention_period=7,
        storage_encrypted=True,
        kms_key_id=key.arn,
        iam_database_authentication_enabled=True,
        tags=PERSONAL,
    )
