"""RDS: clusters, instances, global clusters, parameter groups, proxies and subnet groups.

Neptune and DocumentDB answer through the same API and are no resources of these types
(https://docs.aws.amazon.com/neptune/latest/userguide/api.html).
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from operations.audit.live.question import Question
from operations.audit.live.reader import Live, Reader
from operations.audit.live.region import Region
from operations.audit.live.tags import tags, tags_of
from operations.audit.live.words import picked
from policies.resources import region_of_arn

_CLUSTER_WORDS = {
    "DBClusterArn": "arn",
    "DBClusterIdentifier": "clusterIdentifier",
    "DBClusterParameterGroup": "dbClusterParameterGroupName",
    "DBSubnetGroup": "dbSubnetGroupName",
    "DBClusterInstanceClass": "dbClusterInstanceClass",
    "IAMDatabaseAuthenticationEnabled": "iamDatabaseAuthenticationEnabled",
    "ReplicationSourceIdentifier": "replicationSourceIdentifier",
}
_SHARED = (
    *("AvailabilityZone", "BackupRetentionPeriod", "CopyTagsToSnapshot", "DeletionProtection", "Engine"),
    *("EngineVersion", "KmsKeyId", "PubliclyAccessible", "StorageEncrypted", "MonitoringInterval"),
)
_CLUSTER = ("EngineMode", "AvailabilityZones", "DatabaseName", "MasterUsername", "Port", *_SHARED)
_INSTANCE_WORDS = {
    "DBInstanceArn": "arn",
    "DBInstanceIdentifier": "identifier",
    "DBInstanceClass": "instanceClass",
    "DBClusterIdentifier": "clusterIdentifier",
    "DbiResourceId": "dbiResourceId",
    "IAMDatabaseAuthenticationEnabled": "iamDatabaseAuthenticationEnabled",
    "MultiAZ": "multiAz",
    "ReadReplicaSourceDBInstanceIdentifier": "replicateSourceDb",
    "CACertificateIdentifier": "caCertIdentifier",
    "PerformanceInsightsEnabled": "performanceInsightsEnabled",
    "MonitoringRoleArn": "monitoringRoleArn",
    "PromotionTier": "promotionTier",
}
_ITS_CLUSTERS = ("backupRetentionPeriod", "deletionProtection", "vpcSecurityGroupIds")
"""What an instance of a cluster has from its cluster, and is no property of its own."""

_PROXY_WORDS = {
    "DBProxyArn": "arn",
    "DBProxyName": "name",
    "Auth": "auths",
    "RequireTLS": "requireTls",
    "IAMAuth": "iamAuth",
}
_PROXY = (
    *("EngineFamily", "RoleArn", "VpcSecurityGroupIds", "VpcSubnetIds", "IdleClientTimeout", "DebugLogging"),
    *("DefaultAuthScheme", "Endpoint"),
)
_AUTH = ("AuthScheme", "SecretArn", "IAMAuth", "ClientPasswordAuthType")
_GLOBAL_WORDS = {
    "GlobalClusterArn": "arn",
    "GlobalClusterIdentifier": "globalClusterIdentifier",
    "GlobalClusterResourceId": "globalClusterResourceId",
}
_GLOBAL = ("DeletionProtection", "Engine", "EngineVersion", "StorageEncrypted")

CLUSTERS = Question(
    service="rds",
    operation="describe_db_clusters",
    action="rds:DescribeDBClusters",
    keep=tuple(
        f"DBClusters.{name}"
        for name in (
            *(*_CLUSTER, *_CLUSTER_WORDS, "EnabledCloudwatchLogsExports", "TagList"),
            "VpcSecurityGroups.VpcSecurityGroupId",
        )
    ),
    items="DBClusters",
)
INSTANCES = Question(
    service="rds",
    operation="describe_db_instances",
    action="rds:DescribeDBInstances",
    keep=tuple(
        f"DBInstances.{name}"
        for name in (
            *(*_SHARED, *_INSTANCE_WORDS, "EnabledCloudwatchLogsExports", "TagList"),
            *("DBSubnetGroup.DBSubnetGroupName", "DBParameterGroups.DBParameterGroupName"),
            "VpcSecurityGroups.VpcSecurityGroupId",
        )
    ),
    items="DBInstances",
)
GLOBAL_CLUSTERS = Question(
    service="rds",
    operation="describe_global_clusters",
    keep=tuple(f"GlobalClusters.{name}" for name in (*_GLOBAL, *_GLOBAL_WORDS, "GlobalClusterMembers", "TagList")),
    items="GlobalClusters",
)
CLUSTER_GROUPS = Question(
    service="rds",
    operation="describe_db_cluster_parameter_groups",
    action="rds:DescribeDBClusterParameterGroups",
    keep=("DBClusterParameterGroups",),
    items="DBClusterParameterGroups",
)
GROUPS = Question(
    service="rds",
    operation="describe_db_parameter_groups",
    action="rds:DescribeDBParameterGroups",
    keep=("DBParameterGroups",),
    items="DBParameterGroups",
)
_KEPT_OF_PARAMETERS = tuple(f"Parameters.{name}" for name in ("ParameterName", "ParameterValue", "ApplyMethod"))
CLUSTER_PARAMETERS = Question(
    service="rds",
    operation="describe_db_cluster_parameters",
    action="rds:DescribeDBClusterParameters",
    keep=_KEPT_OF_PARAMETERS,
    items="Parameters",
)
PARAMETERS = Question(
    service="rds",
    operation="describe_db_parameters",
    action="rds:DescribeDBParameters",
    keep=_KEPT_OF_PARAMETERS,
    items="Parameters",
)
PROXIES = Question(
    service="rds",
    operation="describe_db_proxies",
    action="rds:DescribeDBProxies",
    keep=tuple(
        f"DBProxies.{name}"
        for name in (*_PROXY, "DBProxyArn", "DBProxyName", "RequireTLS", *(f"Auth.{one}" for one in _AUTH))
    ),
    items="DBProxies",
)
TARGET_GROUPS = Question(
    service="rds",
    operation="describe_db_proxy_target_groups",
    action="rds:DescribeDBProxyTargetGroups",
    keep=("TargetGroups.TargetGroupName",),
    items="TargetGroups",
)
TARGETS = Question(
    service="rds",
    operation="describe_db_proxy_targets",
    action="rds:DescribeDBProxyTargets",
    keep=("Targets.RdsResourceId", "Targets.Type"),
    items="Targets",
)
SUBNET_GROUPS = Question(
    service="rds",
    operation="describe_db_subnet_groups",
    action="rds:DescribeDBSubnetGroups",
    keep=("DBSubnetGroups",),
    items="DBSubnetGroups",
)
TAGS = Question(service="rds", operation="list_tags_for_resource", keep=("TagList",), items="TagList")

Answer = Mapping[str, Any]


def clusters(region: Region) -> Iterator[Live]:
    """Clusters of Aurora and of RDS."""
    members = {
        member["DBClusterArn"]: one["GlobalClusterIdentifier"]
        for one in region.pages(GLOBAL_CLUSTERS)
        for member in one.get("GlobalClusterMembers") or ()
    }
    for cluster in _relational(region.pages(CLUSTERS)):
        source = {"sourceRegion": region_of_arn(cluster.get("ReplicationSourceIdentifier"))}
        yield Live(
            id=cluster["DBClusterIdentifier"],
            props={
                **picked(cluster, _CLUSTER, _CLUSTER_WORDS),
                **_common(cluster),
                "globalClusterIdentifier": members.get(cluster["DBClusterArn"], ""),
                **(source if source["sourceRegion"] else {}),
            },
        )


def cluster_instances(region: Region) -> Iterator[Live]:
    """Instances of clusters."""
    for instance in _relational(region.pages(INSTANCES)):
        if instance.get("DBClusterIdentifier"):
            aurora = instance["Engine"].startswith("aurora")
            props = _instance(instance, "dbParameterGroupName")
            yield Live(
                id=instance["DBInstanceIdentifier"],
                props={name: value for name, value in props.items() if name not in _ITS_CLUSTERS},
                made_by_aws="" if aurora else "Instance of a Multi-AZ cluster",
            )


def instances(region: Region) -> Iterator[Live]:
    """Instances of no cluster. The provider takes their resource id."""
    for instance in _relational(region.pages(INSTANCES)):
        if not instance.get("DBClusterIdentifier"):
            yield Live(
                id=instance["DbiResourceId"],
                name=instance["DBInstanceIdentifier"],
                props=_instance(instance, "parameterGroupName"),
            )


def global_clusters(region: Region) -> Iterator[Live]:
    """Global clusters where their writer is: their ARN names no region, and each one lists them."""
    for cluster in region.pages(GLOBAL_CLUSTERS):
        writers = [one["DBClusterArn"] for one in cluster.get("GlobalClusterMembers") or () if one.get("IsWriter")]
        if not writers or region_of_arn(writers[0]) == region.name:
            yield Live(
                id=cluster["GlobalClusterIdentifier"],
                props={**picked(cluster, _GLOBAL, _GLOBAL_WORDS), "tags": tags(cluster.get("TagList"))},
            )


def proxy_targets(region: Region) -> Iterator[Live]:
    """What proxies stand before: a cluster, whose members AWS lists beside it, or an instance
    (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy.howitworks.html)."""
    for proxy in region.pages(PROXIES):
        name = proxy["DBProxyName"]
        for group in region.pages(TARGET_GROUPS, DBProxyName=name):
            named = {"DBProxyName": name, "TargetGroupName": group["TargetGroupName"]}
            targets = region.pages(TARGETS, **named)
            tracked = [one for one in targets if one.get("Type") == "TRACKED_CLUSTER"]
            for one in tracked or targets:
                props = picked(one, rdsResourceId="RdsResourceId", type="Type")
                yield Live(
                    id="/".join((*named.values(), one.get("Type", ""), one["RdsResourceId"])),
                    props={"dbProxyName": name, "targetGroupName": named["TargetGroupName"], **props},
                )


def proxies(region: Region) -> Iterator[Live]:
    """Proxies; of the secrets that they use the ARN alone."""
    for proxy in region.pages(PROXIES):
        props = picked(proxy, _PROXY, _PROXY_WORDS)
        yield Live(
            id=proxy["DBProxyName"],
            props={**props, "tags": tags_of(region, TAGS, ResourceName=proxy["DBProxyArn"])},
        )


def subnet_groups(region: Region) -> Iterator[Live]:
    """Subnet groups of databases."""
    for group in region.pages(SUBNET_GROUPS):
        yield Live(
            id=group["DBSubnetGroupName"],
            props={
                "arn": group["DBSubnetGroupArn"],
                "name": group["DBSubnetGroupName"],
                "subnetIds": [subnet["SubnetIdentifier"] for subnet in group.get("Subnets") or ()],
                "vpcId": group.get("VpcId", ""),
                "tags": tags_of(region, TAGS, ResourceName=group["DBSubnetGroupArn"]),
            },
        )


def _parameter_groups(groups: Question, parameters: Question, prefix: str) -> Callable[[Region], Iterator[Live]]:
    """Parameter groups with what somebody set in them, which Source ``user`` is for
    (https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBParameters.html). AWS's own cannot be
    changed."""

    def read(region: Region) -> Iterator[Live]:
        for group in region.pages(groups):
            name, arn = group[f"{prefix}Name"], group[f"{prefix}Arn"]
            own = name.startswith("default.")
            found = [] if own else region.pages(parameters, Source="user", **{f"{prefix}Name": name})
            yield Live(
                id=name,
                made_by_aws="Default parameter group" if own else "",
                props={
                    "arn": arn,
                    "name": name,
                    "family": group.get("DBParameterGroupFamily", ""),
                    "parameters": [_parameter(one) for one in found if "ParameterValue" in one],
                    "tags": tags_of(region, TAGS, ResourceName=arn),
                },
            )

    return read


def _parameter(one: Answer) -> dict[str, str]:
    return {"name": one["ParameterName"], "value": one["ParameterValue"], "applyMethod": one.get("ApplyMethod", "")}


def _relational(listed: list[Answer]) -> Iterator[Answer]:
    return (one for one in listed if one["Engine"] not in ("neptune", "docdb"))


def _common(database: Answer) -> dict[str, Any]:
    return {
        "enabledCloudwatchLogsExports": database.get("EnabledCloudwatchLogsExports") or [],
        "vpcSecurityGroupIds": [one["VpcSecurityGroupId"] for one in database.get("VpcSecurityGroups") or ()],
        "tags": tags(database.get("TagList")),
    }


def _instance(instance: Answer, parameter_group: str) -> dict[str, Any]:
    groups = instance.get("DBParameterGroups") or [{}]
    return {
        **picked(instance, _SHARED, _INSTANCE_WORDS),
        **_common(instance),
        "dbSubnetGroupName": (instance.get("DBSubnetGroup") or {}).get("DBSubnetGroupName", ""),
        parameter_group: groups[0].get("DBParameterGroupName", ""),
    }


Reader(type="aws:rds/cluster:Cluster", read=clusters, source=CLUSTERS)
Reader(type="aws:rds/clusterInstance:ClusterInstance", read=cluster_instances, source=INSTANCES)
Reader(type="aws:rds/instance:Instance", read=instances, source=INSTANCES)
Reader(type="aws:rds/globalCluster:GlobalCluster", read=global_clusters, source=GLOBAL_CLUSTERS, placeless=True)
Reader(type="aws:rds/proxy:Proxy", read=proxies, source=PROXIES)
Reader(
    type="aws:rds/proxyTarget:ProxyTarget",
    read=proxy_targets,
    source=PROXIES,
    identity=("dbProxyName", "targetGroupName", "rdsResourceId"),
)
Reader(type="aws:rds/subnetGroup:SubnetGroup", read=subnet_groups, source=SUBNET_GROUPS)
Reader(
    type="aws:rds/clusterParameterGroup:ClusterParameterGroup",
    read=_parameter_groups(CLUSTER_GROUPS, CLUSTER_PARAMETERS, "DBClusterParameterGroup"),
    source=CLUSTER_GROUPS,
)
Reader(
    type="aws:rds/parameterGroup:ParameterGroup",
    read=_parameter_groups(GROUPS, PARAMETERS, "DBParameterGroup"),
    source=GROUPS,
)
