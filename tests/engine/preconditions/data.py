"""RDS, S3, DynamoDB, KMS, Secrets Manager, IAM and Systems Manager."""

import json

from pulumi_aws import dynamodb, ecr, iam, kms, rds, s3, secretsmanager, ssm

from preconditions.ground import (
    ACCOUNT,
    FAR_KEY,
    MISSING_KEY,
    MISSING_ROLE,
    Ground,
    after,
    allow,
    bucket,
    document,
    key_for,
    role,
    statements,
)

ENGINE, VERSION = "aurora-postgresql", "16.6"


def declare(ground: Ground) -> None:
    clusters(ground)
    instances(ground)
    proxies(ground)
    buckets(ground)
    replication(ground)
    replicas(ground)
    keys(ground)
    identity()


def cluster(name: str, ground: Ground, **settings: object) -> rds.Cluster:
    given = {
        "engine": ENGINE,
        "engine_version": VERSION,
        "master_username": "owner",
        "master_password": "not-a-secret-1",
        "db_subnet_group_name": ground.group.name,
        "skip_final_snapshot": True,
        **settings,
    }
    return rds.Cluster(
        name, cluster_identifier=name, **{key: value for key, value in given.items() if value is not None}
    )


def clusters(ground: Ground) -> None:
    rds.SubnetGroup("rds-subnet-group-covers-two-zones", subnet_ids=[ground.open.a.id, ground.open.a2.id])
    cluster("rds-cluster-key-is-usable", ground, kms_key_id=MISSING_KEY, storage_encrypted=True)
    cluster(
        "rds-insights-key-is-usable",
        ground,
        performance_insights_enabled=True,
        performance_insights_kms_key_id=ground.off.arn,
    )
    world = rds.GlobalCluster("world", global_cluster_identifier="world", engine=ENGINE, engine_version=VERSION)
    cluster("rds-global-member-is-alike", ground, global_cluster_identifier=world.id, engine_version="15.10")
    cluster(
        "rds-global-member-manages-its-password",
        ground,
        global_cluster_identifier=world.id,
        manage_master_user_password=True,
        master_password=None,
    )
    old = rds.ClusterParameterGroup("old", family="aurora-postgresql15")
    cluster("rds-parameter-group-fits-engine", ground, db_cluster_parameter_group_name=old.name)
    windows = {"preferred_backup_window": "03:00-04:00", "preferred_maintenance_window": "sun:03:30-sun:04:30"}
    cluster("rds-backup-and-maintenance-are-apart", ground, **windows)
    member = cluster("member", ground, global_cluster_identifier=world.id)
    rds.ClusterInstance(
        "rds-global-instance-is-not-burstable",
        cluster_identifier=member.id,
        engine=ENGINE,
        instance_class="db.t4g.medium",
    )


def instances(ground: Ground) -> None:
    home = cluster("home", ground)

    def instance(name: str, **settings: object) -> rds.ClusterInstance:
        given = {"engine": ENGINE, "instance_class": "db.r6g.large", **settings}
        return rds.ClusterInstance(name, cluster_identifier=home.id, **given)

    instance("rds-instance-has-clusters-engine", engine="aurora-mysql")
    instance("rds-instance-zone-is-in-subnet-group", availability_zone="eu-west-1c")
    instance("rds-monitoring-role-is-trusted", monitoring_interval=15, monitoring_role_arn=ground.stranger.arn)
    bare = role("monitoring", "monitoring.rds.amazonaws.com")
    instance("rds-monitoring-role-may-write", monitoring_interval=15, monitoring_role_arn=bare.arn)


def proxies(ground: Ground) -> None:
    secret = secretsmanager.Secret("proxy", kms_key_id=ground.key.arn, recovery_window_in_days=0)
    value = secretsmanager.SecretVersion("proxy", secret_id=secret.id, secret_string="{}")
    empty = secretsmanager.Secret("proxy-empty", recovery_window_in_days=0)
    allowed = role("proxy", "rds.amazonaws.com")
    read, decrypt = (("secretsmanager:GetSecretValue", "*"), ("kms:Decrypt", ground.key.arn))
    full = iam.RolePolicy("proxy", role=allowed.name, policy=document(*statements(read, decrypt)))
    reader = role("proxy-reader", "rds.amazonaws.com")
    half = iam.RolePolicy("proxy-reader", role=reader.name, policy=document(*statements(read)))

    def proxy(name: str, **settings: object) -> rds.Proxy:
        given = {"role_arn": allowed.arn, "vpc_subnet_ids": ground.open.two_zones, "secret": secret, **settings}
        arn = given.pop("secret").arn
        opts = after(value, full, half)
        return rds.Proxy(name, engine_family="POSTGRESQL", auths=[{"secret_arn": arn}], opts=opts, **given)

    sound = proxy("proxy")
    proxy("rds-proxy-subnets-in-two-zones", vpc_subnet_ids=[ground.open.a.id, ground.open.a2.id])
    proxy("rds-proxy-role-is-trusted", role_arn=ground.stranger.arn)
    proxy("rds-proxy-secrets-have-a-value", secret=empty)
    proxy("rds-proxy-role-reads-secrets", role_arn=role("proxy-bare", "rds.amazonaws.com").arn)
    proxy("rds-proxy-role-decrypts-secrets", role_arn=reader.arn)
    group = rds.ProxyDefaultTargetGroup("proxy", db_proxy_name=sound.name)
    rds.ProxyTarget(
        "rds-proxy-target-has-an-instance",
        db_proxy_name=sound.name,
        target_group_name=group.name,
        db_cluster_identifier=cluster("without-instance", ground).id,
    )


def buckets(ground: Ground) -> None:
    retention = {"default_retention": {"mode": "GOVERNANCE", "days": 1}}
    s3.BucketObjectLockConfiguration("s3-lock-needs-versioning", bucket=ground.bucket.bucket, rule=retention)
    locked = bucket("locked", object_lock_enabled=True)
    s3.BucketVersioning(
        "s3-locked-bucket-stays-versioned", bucket=locked.bucket, versioning_configuration={"status": "Suspended"}
    )
    private = bucket("private")
    block = s3.BucketPublicAccessBlock("private", bucket=private.bucket, block_public_policy=True)
    s3.BucketPolicy(
        "s3-policy-is-not-public",
        bucket=private.bucket,
        policy=document(allow("s3:GetObject", resources=private.arn.apply("{}/*".format), Principal="*")),
        opts=after(block),
    )
    far = {"encryption_type": "KMS", "kms_key": FAR_KEY}
    ecr.Repository("ecr-key-is-usable", encryption_configurations=[far])
    default = {"sse_algorithm": "aws:kms", "kms_master_key_id": FAR_KEY}
    s3.BucketServerSideEncryptionConfiguration(
        "s3-default-key-is-usable",
        bucket=private.bucket,
        rules=[{"apply_server_side_encryption_by_default": default}],
    )


def replication(ground: Ground) -> None:
    """Of a bucket into another one; each program lacks one thing of what that needs."""
    source, target = bucket("source"), bucket("target")
    locked = bucket("locked-source", object_lock_enabled=True)
    versioned = [
        s3.BucketVersioning(name, bucket=one.bucket, versioning_configuration={"status": "Enabled"})
        for name, one in (("source", source), ("target", target))
    ]
    full, bare = role("replicates", "s3.amazonaws.com"), role("may-not-replicate", "s3.amazonaws.com")
    rights = ["s3:GetReplicationConfiguration", "s3:GetObjectVersionForReplication", "s3:ReplicateObject"]
    allowed = iam.RolePolicy("replicates", role=full.name, policy=document(allow(rights)))

    def replicated(name: str, **given: object) -> None:
        settings = {"source": source, "target": target, "role": full, **given}
        to = {"bucket": settings["target"].arn}
        if key := settings.get("key"):
            to["encryption_configuration"] = {"replica_kms_key_id": key}
        s3.BucketReplicationConfig(
            name,
            bucket=settings["source"].bucket,
            role=settings["role"].arn,
            rules=[{"id": "all", "status": "Enabled", "destination": to}],
            opts=after(*versioned, allowed),
        )

    replicated("s3-replicated-buckets-are-versioned", target=ground.bucket)
    replicated("s3-replicas-are-locked-too", source=locked)
    replicated("s3-replication-role-is-trusted", role=ground.stranger)
    replicated("s3-replication-role-may-replicate", role=bare)
    replicated("s3-replica-key-is-usable", key=FAR_KEY)


def replicas(ground: Ground) -> None:
    shape = {"billing_mode": "PAY_PER_REQUEST", "hash_key": "id", "attributes": [{"name": "id", "type": "S"}]}
    still = dynamodb.Table("without-stream", **shape)
    streaming = dynamodb.Table("with-stream", stream_enabled=True, stream_view_type="NEW_AND_OLD_IMAGES", **shape)
    dynamodb.TableReplica("dynamodb-replicated-table-has-a-stream", region="eu-central-1", global_table_arn=still.arn)
    dynamodb.TableReplica(
        "dynamodb-replicas-key-is-usable",
        region="eu-central-1",
        global_table_arn=streaming.arn,
        kms_key_arn=ground.key.arn,
    )


def keys(ground: Ground) -> None:
    service = {"Service": "events.amazonaws.com"}
    kms.Key("kms-policy-keeps-the-account-in", policy=document(allow("kms:*", Principal=service)))
    root = allow("kms:*", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"})
    kms.Key(
        "kms-policy-names-existing-roles",
        policy=document(root, allow("kms:Decrypt", Principal={"AWS": MISSING_ROLE})),
    )
    kms.Key(
        "kms-only-symmetric-keys-rotate",
        customer_master_key_spec="ECC_NIST_P256",
        key_usage="SIGN_VERIFY",
        enable_key_rotation=True,
    )
    kms.Key("for-services", policy=key_for("sns.amazonaws.com"))
    secret = secretsmanager.Secret("far", kms_key_id=ground.off.arn, recovery_window_in_days=0)
    secretsmanager.SecretVersion("secretsmanager-key-is-usable", secret_id=secret.id, secret_string="x")


def identity() -> None:
    named = {"Effect": "Allow", "Principal": {"AWS": MISSING_ROLE}, "Action": "sts:AssumeRole"}
    iam.Role("iam-trusted-roles-exist", assume_role_policy=json.dumps({"Version": "2012-10-17", "Statement": [named]}))
    ssm.Parameter("ssm-parameter-fits-its-tier", type="String", tier="Advanced", value="x" * 8193)
    ssm.Parameter("parameter", type="String", tier="Advanced", value="x" * 8192)
