"""Aurora and its proxies: they come up, stay, change, show drift and go; and what AWS refuses."""

import json

import pulumi
import pytest
from inline_stack import fails, stack
from pulumi_aws import ec2, iam, kms, rds, secretsmanager
from table_programs import ZONES, after, comes_up_and_changes, network, repairs, role

from conftest import Sandbox

pytestmark = pytest.mark.engine

ENGINE = "aurora-postgresql"
FAMILY = "aurora-postgresql16"
MONITORING = "arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"


def shard(version: int, key: kms.Key, subnets: rds.SubnetGroup, group: pulumi.Input[str]) -> rds.Cluster:
    """A shard as a payment cell has it: born in its own global cluster, with a write-only password."""
    forced = {"name": "rds.force_ssl", "value": "1", "apply_method": "pending-reboot"}
    slow = {"name": "log_min_duration_statement", "value": "100"}
    parameters = rds.ClusterParameterGroup(
        "shard", family=FAMILY, parameters=[forced, slow] if version == 1 else [forced]
    )
    born_in = rds.GlobalCluster(
        "shard",
        global_cluster_identifier="shard-0",
        engine=ENGINE,
        engine_version="16.6",
        storage_encrypted=True,
        deletion_protection=version == 1,
        tags={"version": str(version)},
    )
    return rds.Cluster(
        "shard",
        cluster_identifier="shard-0",
        engine=ENGINE,
        engine_version=born_in.engine_version,
        global_cluster_identifier=born_in.id,
        master_username="cell",
        master_password_wo=pulumi.Output.secret("open-sesame"),
        master_password_wo_version=version,
        database_name="payments",
        availability_zones=list(ZONES),
        db_subnet_group_name=subnets.name,
        vpc_security_group_ids=[group],
        db_cluster_parameter_group_name=parameters.name,
        kms_key_id=key.arn,
        storage_encrypted=True,
        storage_type="aurora-iopt1",
        backup_retention_period=7 * version,
        preferred_backup_window="02:00-03:00",
        preferred_maintenance_window="Sun:04:00-Sun:05:00",
        enabled_cloudwatch_logs_exports=["postgresql"],
        iam_database_authentication_enabled=True,
        deletion_protection=version == 1,
        copy_tags_to_snapshot=True,
        database_insights_mode="advanced",
        performance_insights_enabled=True,
        performance_insights_kms_key_id=key.arn,
        performance_insights_retention_period=465,
        serverlessv2_scaling_configuration={"min_capacity": 0.5 * version, "max_capacity": 4},
        skip_final_snapshot=True,
    )


def instances(version: int, cluster: rds.Cluster, key: kms.Key) -> list[rds.ClusterInstance]:
    monitoring = iam.Role("monitoring", assume_role_policy=_trust_monitoring())
    allowed = iam.RolePolicyAttachment("monitoring", role=monitoring.name, policy_arn=MONITORING)
    parameters = rds.ParameterGroup(
        "shard", family=FAMILY, parameters=[{"name": "log_statement", "value": "ddl" if version == 1 else "all"}]
    )
    return [
        rds.ClusterInstance(
            f"shard-{zone}",
            cluster_identifier=cluster.id,
            engine=ENGINE,
            engine_version=cluster.engine_version,
            instance_class="db.r8g.large" if version == 1 else "db.r8g.xlarge",
            availability_zone=zone,
            db_parameter_group_name=parameters.name,
            monitoring_interval=60,
            monitoring_role_arn=monitoring.arn,
            performance_insights_enabled=True,
            performance_insights_kms_key_id=key.arn,
            promotion_tier=index,
            auto_minor_version_upgrade=False,
            opts=after(allowed),
        )
        for index, zone in enumerate(ZONES[:2])
    ]


def _trust_monitoring() -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "monitoring.rds.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def proxy(
    version: int, members: list[rds.ClusterInstance], subnets: list[ec2.Subnet], group: pulumi.Input[str]
) -> None:
    secret = secretsmanager.Secret("shard", recovery_window_in_days=0)
    login = json.dumps({"username": "cell", "password": "open-sesame"})
    current = secretsmanager.SecretVersion("shard", secret_id=secret.id, secret_string=pulumi.Output.secret(login))
    reader, grant = role("proxy", "rds.amazonaws.com", allow=["secretsmanager:GetSecretValue"])
    made = rds.Proxy(
        "shard",
        engine_family="POSTGRESQL",
        role_arn=reader.arn,
        vpc_subnet_ids=[subnet.id for subnet in subnets],
        vpc_security_group_ids=[group],
        require_tls=True,
        idle_client_timeout=600 * version,
        default_auth_scheme="IAM_AUTH" if version > 1 else "NONE",
        auths=[{"auth_scheme": "SECRETS", "iam_auth": "REQUIRED", "secret_arn": secret.arn}],
        opts=after(current, grant),
    )
    pool = {"max_connections_percent": 90 - version, "session_pinning_filters": ["EXCLUDE_VARIABLE_SETS"]}
    default = rds.ProxyDefaultTargetGroup("shard", db_proxy_name=made.name, connection_pool_config=pool)
    target = rds.ProxyTarget(
        "shard",
        db_proxy_name=made.name,
        target_group_name=default.name,
        db_cluster_identifier=members[0].cluster_identifier,
        opts=after(*members),
    )
    pulumi.export("target", target.id)
    pulumi.export("proxy", made.name)


def program(version: int) -> None:
    _, subnets, group = network()
    key = kms.Key("key", deletion_window_in_days=7)
    places = rds.SubnetGroup("Shard", subnet_ids=[subnet.id for subnet in subnets], tags={"version": str(version)})
    cluster = shard(version, key, places, group.id)
    proxy(version, instances(version, cluster, key), subnets, group.id)


def drift(sandbox: Sandbox, outputs: dict[str, str]) -> None:
    """Three changes behind the program's back."""
    client = sandbox.client("rds")
    client.modify_db_cluster(DBClusterIdentifier="shard-0", BackupRetentionPeriod=1, ApplyImmediately=True)
    client.modify_db_proxy(DBProxyName=outputs["proxy"], RequireTLS=False)
    group = client.describe_db_clusters(DBClusterIdentifier="shard-0")["DBClusters"][0]["DBClusterParameterGroup"]
    change = {"ParameterName": "rds.force_ssl", "ParameterValue": "0", "ApplyMethod": "pending-reboot"}
    client.modify_db_cluster_parameter_group(DBClusterParameterGroupName=group, Parameters=[change])


def test_a_shard_comes_up_changes_in_place_and_goes(sandbox: Sandbox) -> None:
    with stack(sandbox, lambda: program(1)) as made:
        # Subnet group, global cluster, cluster, 2 instances, 2 parameter groups, proxy, pool.
        comes_up_and_changes(made, program, update=9)
        assert "open-sesame" not in made.state_text()
        assert made.outputs()["target"].endswith("/default/TRACKED_CLUSTER/shard-0")
        drift(sandbox, made.outputs())
        repairs(made, 3)
    client = sandbox.client("rds")
    assert client.describe_db_clusters()["DBClusters"] == []
    assert client.describe_global_clusters()["GlobalClusters"] == []
    assert client.describe_db_proxies()["DBProxies"] == []
    assert client.describe_db_subnet_groups()["DBSubnetGroups"] == []
    assert client.describe_db_cluster_snapshots(SnapshotType="manual")["DBClusterSnapshots"] == []


def small(*, protected: bool, **final: object) -> None:
    _, subnets, _ = network()
    places = rds.SubnetGroup("small", subnet_ids=[subnet.id for subnet in subnets])
    born_in = rds.GlobalCluster("small", global_cluster_identifier="small", engine=ENGINE, engine_version="16.6")
    rds.Cluster(
        "small",
        cluster_identifier="small",
        engine=ENGINE,
        engine_version="16.6",
        global_cluster_identifier=born_in.id,
        master_username="cell",
        master_password=pulumi.Output.secret("open-sesame"),
        db_subnet_group_name=places.name,
        deletion_protection=protected,
        **final,
    )


def test_a_cluster_goes_only_unprotected_and_with_its_snapshot_rule(sandbox: Sandbox) -> None:
    client = sandbox.client("rds")
    with stack(sandbox, lambda: small(protected=True)) as made:
        made.up()
        assert "Cannot delete protected Cluster" in fails(made.destroy)
        # Refused means refused: it is still in its global cluster.
        assert client.describe_global_clusters()["GlobalClusters"][0]["GlobalClusterMembers"]

        made.use(lambda: small(protected=False))
        made.up()
        assert "FinalDBSnapshotIdentifier is required" in fails(made.destroy)

        made.use(lambda: small(protected=False, final_snapshot_identifier="last-one"))
        made.up()
    snapshots = client.describe_db_cluster_snapshots(SnapshotType="manual")["DBClusterSnapshots"]
    assert [snapshot["DBClusterSnapshotIdentifier"] for snapshot in snapshots] == ["last-one"]
