"""Live databases, tables and file systems in the words of the provider."""

from typing import Any

from recorded import Refusal, read, region

from operations.audit.live.collect import collect, linked
from policies.catalogue import control
from policies.control import Finding, Status, answers
from policies.resources import Stack

ARN = "arn:aws:rds:eu-west-1:123456789012"
KEY_ARN = "arn:aws:kms:eu-west-1:123456789012:key/k"
CLUSTER: dict[str, Any] = {
    "DBClusterIdentifier": "c",
    "DBClusterArn": f"{ARN}:cluster:c",
    "Engine": "aurora-postgresql",
    "DBClusterParameterGroup": "g",
    "StorageEncrypted": True,
    "KmsKeyId": KEY_ARN,
    "IAMDatabaseAuthenticationEnabled": True,
    "TagList": [{"Key": "a", "Value": "b"}],
}
INSTANCE: dict[str, Any] = {
    "DBInstanceIdentifier": "i",
    "DbiResourceId": "db-ABC",
    "DBInstanceArn": f"{ARN}:db:i",
    "Engine": "postgres",
    "MultiAZ": True,
    "DBParameterGroups": [{"DBParameterGroupName": "p"}],
}
GROUP = {"DBClusterParameterGroupName": "g", "DBClusterParameterGroupArn": f"{ARN}:cluster-pg:g"}


def props(type_: str, recorded: dict[str, Any]) -> Any:
    (found,) = read(type_, recorded).found
    return found.resource.props


def live(control_id: str, types: list[str], recorded: dict[str, Any]) -> list[Finding]:
    account = collect([region(recorded)], types)
    return list(answers(control(control_id), Stack(linked(account.found), account.unobserved), live=True))


def test_a_cluster_is_read_with_its_global_cluster_and_the_region_of_its_source() -> None:
    members = [{"DBClusterArn": f"{ARN}:cluster:c", "IsWriter": True}]
    source = "arn:aws:rds:eu-central-1:123456789012:cluster:s"
    found = props(
        "aws:rds/cluster:Cluster",
        {
            "rds.describe_db_clusters": {"DBClusters": [CLUSTER | {"ReplicationSourceIdentifier": source}]},
            "rds.describe_global_clusters": {
                "GlobalClusters": [{"GlobalClusterIdentifier": "g", "GlobalClusterMembers": members}]
            },
        },
    )
    assert (found["globalClusterIdentifier"], found["sourceRegion"]) == ("g", "eu-central-1")
    assert (found["dbClusterParameterGroupName"], found["iamDatabaseAuthenticationEnabled"]) == ("g", True)
    assert (found["tags"]["a"], found["enabledCloudwatchLogsExports"]) == ("b", [])


def test_databases_of_neptune_and_documentdb_are_not_of_rds() -> None:
    listed = {"DBClusters": [CLUSTER | {"Engine": "neptune"}, CLUSTER | {"Engine": "docdb"}]}
    assert read("aws:rds/cluster:Cluster", {"rds.describe_db_clusters": listed}).found == []


def test_an_instance_is_known_by_its_resource_id_and_one_of_a_cluster_by_its_name() -> None:
    alone, member = "aws:rds/instance:Instance", "aws:rds/clusterInstance:ClusterInstance"
    (found,) = read(alone, {"rds.describe_db_instances": {"DBInstances": [INSTANCE]}}).found
    assert found.identity == ("db-ABC",)
    assert (found.resource.props["multiAz"], found.resource.props["parameterGroupName"]) == (True, "p")
    listed = {"rds.describe_db_instances": {"DBInstances": [INSTANCE | {"DBClusterIdentifier": "c"}]}}
    assert read(alone, listed).found == []
    (found,) = read(member, listed).found
    assert (found.identity, found.resource.props["clusterIdentifier"]) == (("i",), "c")
    assert found.made_by_aws == "Instance of a Multi-AZ cluster", "its engine is none of Aurora's"


def test_a_cluster_under_a_key_of_aws_is_found() -> None:
    def recorded(manager: str) -> dict[str, Any]:
        return {
            "rds.describe_db_clusters": {"DBClusters": [CLUSTER]},
            "kms.list_keys": {"Keys": [{"KeyId": "k"}]},
            "kms.describe_key": {"KeyMetadata": {"KeyId": "k", "Arn": KEY_ARN, "KeyManager": manager}},
            "kms.get_key_policy": {"Policy": "{}"},
        }

    types = ["aws:rds/cluster:Cluster", "aws:kms/key:Key"]
    for manager, status in (("CUSTOMER", Status.PASS), ("AWS", Status.FAIL)):
        (finding,) = live("KEY-01", types, recorded(manager))
        assert finding.verdict.status is status
    (finding,) = live("KEY-01", types, recorded("AWS") | {"kms.list_keys": Refusal("AccessDeniedException")})
    assert finding.verdict.status is Status.NOT_OBSERVED, "an ARN does not say whose key it is"


def test_a_parameter_group_has_what_was_set_and_aws_own_is_known_as_such() -> None:
    asked: list[Any] = []

    def parameters(**given: Any) -> Any:
        asked.append(given)
        return {"Parameters": [{"ParameterName": "rds.force_ssl", "ParameterValue": "1", "ApplyMethod": "immediate"}]}

    default = GROUP | {"DBClusterParameterGroupName": "default.aurora-postgresql17"}
    type_ = "aws:rds/clusterParameterGroup:ClusterParameterGroup"
    recorded = {
        "rds.describe_db_cluster_parameter_groups": {"DBClusterParameterGroups": [GROUP, default]},
        "rds.describe_db_cluster_parameters": parameters,
        "rds.describe_db_clusters": {"DBClusters": [CLUSTER]},
    }
    own, aws = sorted(read(type_, recorded).found, key=lambda one: one.made_by_aws)
    assert own.resource.props["parameters"] == [{"name": "rds.force_ssl", "value": "1", "applyMethod": "immediate"}]
    assert (aws.made_by_aws, aws.resource.props["parameters"]) == ("Default parameter group", [])
    assert asked == [{"Source": "user", "DBClusterParameterGroupName": "g"}]
    assert [one.verdict.status for one in live("TLS-02", ["aws:rds/cluster:Cluster", type_], recorded)] == [Status.PASS]


def test_a_global_cluster_is_read_where_its_writer_is() -> None:
    def recorded(where: str) -> dict[str, Any]:
        member = {"DBClusterArn": f"arn:aws:rds:{where}:123456789012:cluster:c", "IsWriter": True}
        listed = {"GlobalClusterIdentifier": "g", "DeletionProtection": True, "GlobalClusterMembers": [member]}
        return {"rds.describe_global_clusters": {"GlobalClusters": [listed]}}

    type_ = "aws:rds/globalCluster:GlobalCluster"
    assert props(type_, recorded("eu-west-1"))["deletionProtection"] is True
    assert read(type_, recorded("eu-central-1")).found == []


def test_a_proxy_and_a_subnet_group_have_the_words_of_the_provider() -> None:
    auth = {"AuthScheme": "SECRETS", "IAMAuth": "REQUIRED", "SecretArn": "s", "UserName": "dropped"}
    proxy = {"DBProxyName": "p", "DBProxyArn": f"{ARN}:db-proxy:p", "RequireTLS": True, "Auth": [auth]}
    found = props("aws:rds/proxy:Proxy", {"rds.describe_db_proxies": {"DBProxies": [proxy]}})
    assert (found["requireTls"], found["name"]) == (True, "p")
    assert found["auths"] == [{"authScheme": "SECRETS", "iamAuth": "REQUIRED", "secretArn": "s"}]
    group = {"DBSubnetGroupName": "g", "DBSubnetGroupArn": f"{ARN}:subgrp:g", "Subnets": [{"SubnetIdentifier": "s-1"}]}
    found = props("aws:rds/subnetGroup:SubnetGroup", {"rds.describe_db_subnet_groups": {"DBSubnetGroups": [group]}})
    assert found["subnetIds"] == ["s-1"]


def table(**more: Any) -> dict[str, Any]:
    arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/cell"
    return {
        "dynamodb.list_tables": {"TableNames": ["cell"]},
        "dynamodb.describe_table": {"Table": {"TableArn": arn, **more}},
        "dynamodb.describe_continuous_backups": {
            "ContinuousBackupsDescription": {
                "ContinuousBackupsStatus": "ENABLED",
                "PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": "ENABLED", "RecoveryPeriodInDays": 7},
            }
        },
        "dynamodb.describe_time_to_live": {
            "TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires"}
        },
    }


def test_a_table_is_read_with_encryption_recovery_expiry_and_replicas() -> None:
    encrypted = {"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": KEY_ARN}
    replicas = [{"RegionName": "eu-central-1"}, {"RegionName": "eu-west-1"}]
    found = props("aws:dynamodb/table:Table", table(SSEDescription=encrypted, Replicas=replicas))
    assert (found["serverSideEncryption"]["enabled"], found["serverSideEncryption"]["kmsKeyArn"]) == (True, KEY_ARN)
    assert (found["pointInTimeRecovery"]["enabled"], found["pointInTimeRecovery"]["recoveryPeriodInDays"]) == (True, 7)
    assert found["ttl"]["attributeName"] == "expires"
    assert [one["regionName"] for one in found["replicas"]] == ["eu-central-1"]
    assert (found["deletionProtectionEnabled"], found["billingMode"]) == (False, "PROVISIONED")


def test_a_table_under_the_key_that_aws_owns_has_no_encryption_of_its_own() -> None:
    assert props("aws:dynamodb/table:Table", table())["serverSideEncryption"]["enabled"] is False


def test_a_refused_recovery_of_a_table_is_not_observed() -> None:
    recorded = table() | {"dynamodb.describe_continuous_backups": Refusal("AccessDeniedException")}
    (finding,) = live("BCK-01", ["aws:dynamodb/table:Table"], recorded)
    assert finding.verdict.status is Status.NOT_OBSERVED


def test_a_file_system_is_read() -> None:
    listed = {"FileSystems": [{"FileSystemId": "fs-1", "FileSystemArn": "arn", "Encrypted": True, "KmsKeyId": KEY_ARN}]}
    found = props("aws:efs/fileSystem:FileSystem", {"efs.describe_file_systems": listed})
    assert (found["id"], found["encrypted"], found["kmsKeyId"]) == ("fs-1", True, KEY_ARN)


def test_the_target_of_a_proxy_is_its_cluster_or_its_instance() -> None:
    def targets(*types: str) -> set[tuple[str, ...]]:
        listed = [{"RdsResourceId": kind.lower(), "Type": kind} for kind in types]
        recorded = {
            "rds.describe_db_proxies": {"DBProxies": [{"DBProxyName": "p", "DBProxyArn": f"{ARN}:db-proxy:p"}]},
            "rds.describe_db_proxy_target_groups": {"TargetGroups": [{"TargetGroupName": "default"}]},
            "rds.describe_db_proxy_targets": {"Targets": listed},
        }
        return {one.identity for one in read("aws:rds/proxyTarget:ProxyTarget", recorded).found}

    cluster, instance = (("p", "default", name) for name in ("tracked_cluster", "rds_instance"))
    assert targets("TRACKED_CLUSTER", "RDS_INSTANCE") == {cluster}, "members come with their cluster"
    assert targets("RDS_INSTANCE") == {instance}
    assert targets() == set()
