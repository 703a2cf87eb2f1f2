"""RDS: what Aurora clusters, global members and instances need and cannot combine."""

from typing import Any

from sandbox.aws.preconditions.account import forbidden, items, too_few_zones, untrusted, unusable
from sandbox.aws.preconditions.model import DOCS, ON_CHANGE, ON_CREATE, ON_DELETE, Precondition, Request

CLUSTER = "aws:rds/cluster:Cluster"
INSTANCE = "aws:rds/clusterInstance:ClusterInstance"

API = f"{DOCS}/AmazonRDS/latest/APIReference"
AURORA = f"{DOCS}/AmazonRDS/latest/AuroraUserGuide"


def subnet_group_covers_two_zones(request: Request) -> str | None:
    return too_few_zones(request, request.given("subnetIds"))


def cluster_key_is_usable(request: Request) -> str | None:
    return unusable(request, request.given("kmsKeyId"))


def insights_key_is_usable(request: Request) -> str | None:
    return unusable(request, request.given("performanceInsightsKmsKeyId"))


def _global(request: Request, name: str) -> Any:
    found = items(request, "rds", "describe_global_clusters", "GlobalClusters", GlobalClusterIdentifier=name)
    return found[0] if found else None


def global_member_is_alike(request: Request) -> str | None:
    name = request.given("globalClusterIdentifier")
    world = _global(request, name) if name else None
    if world is None:
        return None
    mine = [request.given("engine"), request.given("engineVersion") or world.get("EngineVersion")]
    theirs = [world.get("Engine"), world.get("EngineVersion")]
    if mine == theirs or None in theirs:
        return None
    return f"cluster of {' '.join(map(str, mine))}, global cluster {name} of {' '.join(map(str, theirs))}"


def global_member_manages_its_password(request: Request) -> str | None:
    name = request.given("globalClusterIdentifier")
    if not (name and request.given("manageMasterUserPassword")):
        return None
    return f"manageMasterUserPassword is true in a member of {name}"


def parameter_group_fits_engine(request: Request) -> str | None:
    name, engine, version = (request.given(key) for key in ("dbClusterParameterGroupName", "engine", "engineVersion"))
    if not (name and version) or not str(engine).startswith("aurora-postgresql"):
        return None
    asked = {"DBClusterParameterGroupName": name}
    found = items(request, "rds", "describe_db_cluster_parameter_groups", "DBClusterParameterGroups", **asked)
    family = f"{engine}{str(version).split('.')[0]}"
    if not found or found[0]["DBParameterGroupFamily"] == family:
        return None
    return (
        f"parameter group {name} is of family {found[0]['DBParameterGroupFamily']}, {engine} {version} needs {family}"
    )


def _cluster(request: Request) -> Any:
    asked = {"DBClusterIdentifier": request.props["clusterIdentifier"]}
    found = items(request, "rds", "describe_db_clusters", "DBClusters", **asked)
    return found[0] if found else None


def instance_has_clusters_engine(request: Request) -> str | None:
    cluster, engine = _cluster(request), request.given("engine")
    if cluster is None or cluster["Engine"] == engine:
        return None
    return f"the instance's engine {engine} is not {cluster['Engine']} of cluster {cluster['DBClusterIdentifier']}"


def global_instance_is_not_burstable(request: Request) -> str | None:
    size = str(request.given("instanceClass") or "")
    if not size.startswith("db.t"):
        return None
    cluster = _cluster(request)
    for world in items(request, "rds", "describe_global_clusters", "GlobalClusters") if cluster else ():
        members = [member["DBClusterArn"] for member in world.get("GlobalClusterMembers") or ()]
        if cluster["DBClusterArn"] in members:
            return f"{size} in {cluster['DBClusterIdentifier']}, a member of {world['GlobalClusterIdentifier']}"
    return None


def monitoring_role_is_trusted(request: Request) -> str | None:
    if not request.given("monitoringInterval"):
        return None
    return untrusted(request, request.given("monitoringRoleArn"), "monitoring.rds.amazonaws.com")


def monitoring_role_may_write(request: Request) -> str | None:
    arn = request.given("monitoringRoleArn")
    if not request.given("monitoringInterval") or not arn:
        return None
    return forbidden(request, arn, [("logs:CreateLogStream", None), ("logs:PutLogEvents", None)])


def instance_zone_is_in_group(request: Request) -> str | None:
    zone, cluster = request.given("availabilityZone"), _cluster(request)
    name = cluster.get("DBSubnetGroup") if cluster and zone else None
    groups = (
        items(request, "rds", "describe_db_subnet_groups", "DBSubnetGroups", DBSubnetGroupName=name) if name else []
    )
    covered = sorted({row["SubnetAvailabilityZone"]["Name"] for group in groups for row in group["Subnets"]})
    return (
        f"{zone} is not among {', '.join(covered)} of subnet group {name}" if covered and zone not in covered else None
    )


def subnet_group_is_unused(request: Request) -> str | None:
    found = items(request, "rds", "describe_db_clusters", "DBClusters")
    users = [row["DBClusterIdentifier"] for row in found if row.get("DBSubnetGroup") == request.id]
    return f"subnet group {request.id} is used by {', '.join(users)}" if users else None


def parameter_group_is_unused(request: Request) -> str | None:
    found = items(request, "rds", "describe_db_clusters", "DBClusters")
    users = [row["DBClusterIdentifier"] for row in found if row.get("DBClusterParameterGroup") == request.id]
    return f"parameter group {request.id} is used by {', '.join(users)}" if users else None


def backup_and_maintenance_are_apart(request: Request) -> str | None:
    backup, upkeep = request.given("preferredBackupWindow"), request.given("preferredMaintenanceWindow")
    if not backup or not upkeep:
        return None
    try:
        daily, weekly = _minutes(backup.split("-")), _minutes([part[4:] for part in upkeep.split("-")])
    except ValueError:
        return None
    crosses = any(daily[0] < weekly[1] + shift and weekly[0] + shift < daily[1] for shift in (-1440, 0, 1440))
    return f"backup {backup} overlaps maintenance {upkeep}" if crosses else None


def _minutes(window: list[str]) -> tuple[int, int]:
    """Start and end in minutes of a day; an end past midnight is over 1440."""
    start, end = (int(clock[:2]) * 60 + int(clock[3:]) for clock in window)
    return start, end if end > start else end + 1440


ROWS = (
    Precondition(
        id="rds-subnet-group-covers-two-zones",
        token="aws:rds/subnetGroup:SubnetGroup",
        on=ON_CHANGE,
        rule="A DB subnet group needs subnets in at least two Availability Zones.",
        source=f"{API}/API_CreateDBSubnetGroup.html",
        code="DBSubnetGroupDoesNotCoverEnoughAZs",
        check=subnet_group_covers_two_zones,
    ),
    Precondition(
        id="rds-cluster-key-is-usable",
        token=CLUSTER,
        on=ON_CREATE,
        rule="The key of a cluster's storage must be an enabled symmetric key in its Region.",
        source=f"{API}/API_CreateDBCluster.html",
        code="KMSKeyNotAccessibleFault",
        check=cluster_key_is_usable,
    ),
    Precondition(
        id="rds-insights-key-is-usable",
        token=CLUSTER,
        on=ON_CHANGE,
        rule="The key of Performance Insights must be an enabled symmetric key in the cluster's Region.",
        source=f"{API}/API_CreateDBCluster.html",
        code="KMSKeyNotAccessibleFault",
        check=insights_key_is_usable,
    ),
    Precondition(
        id="rds-global-member-is-alike",
        token=CLUSTER,
        on=ON_CREATE,
        rule="A cluster joins a global cluster of the same engine and version.",
        source=f"{AURORA}/aurora-global-database-attach.html",
        code="InvalidParameterCombination",
        check=global_member_is_alike,
    ),
    Precondition(
        id="rds-global-member-manages-its-password",
        token=CLUSTER,
        on=ON_CHANGE,
        rule="RDS does not manage master passwords of clusters in a global database.",
        source=f"{AURORA}/rds-secrets-manager.html",
        code="InvalidParameterCombination",
        check=global_member_manages_its_password,
    ),
    Precondition(
        id="rds-parameter-group-fits-engine",
        token=CLUSTER,
        on=ON_CREATE,
        rule="The family of a cluster parameter group must be that of the engine's major version.",
        source=f"{API}/API_CreateDBClusterParameterGroup.html",
        code="InvalidParameterCombination",
        check=parameter_group_fits_engine,
    ),
    Precondition(
        id="rds-backup-and-maintenance-are-apart",
        token=CLUSTER,
        on=ON_CHANGE,
        rule="The backup window and the maintenance window must not overlap.",
        source=f"{API}/API_CreateDBCluster.html",
        code="InvalidParameterValue",
        check=backup_and_maintenance_are_apart,
    ),
    Precondition(
        id="rds-instance-has-clusters-engine",
        token=INSTANCE,
        on=ON_CREATE,
        rule="An instance has the engine of its cluster.",
        source=f"{API}/API_CreateDBInstance.html",
        code="InvalidParameterCombination",
        check=instance_has_clusters_engine,
    ),
    Precondition(
        id="rds-global-instance-is-not-burstable",
        token=INSTANCE,
        on=ON_CHANGE,
        rule="Clusters of a global database take no db.t instance classes.",
        source=f"{AURORA}/aurora-global-database.configuration.requirements.html",
        code="InvalidParameterCombination",
        check=global_instance_is_not_burstable,
    ),
    Precondition(
        id="rds-instance-zone-is-in-subnet-group",
        token=INSTANCE,
        on=ON_CREATE,
        rule="An instance stands in a zone that its cluster's subnet group covers.",
        source=f"{AURORA}/USER_VPC.WorkingWithRDSInstanceinaVPC.html",
        code="InvalidVPCNetworkStateFault",
        check=instance_zone_is_in_group,
    ),
    Precondition(
        id="rds-monitoring-role-is-trusted",
        token=INSTANCE,
        on=ON_CHANGE,
        rule="The role of enhanced monitoring must exist and trust monitoring.rds.amazonaws.com.",
        source=f"{AURORA}/USER_Monitoring.OS.Enabling.html",
        code="InvalidParameterValue",
        check=monitoring_role_is_trusted,
    ),
    Precondition(
        id="rds-monitoring-role-may-write",
        token=INSTANCE,
        on=ON_CHANGE,
        rule="The role of enhanced monitoring needs AmazonRDSEnhancedMonitoringRole, or its equal, before it is used.",
        source=f"{AURORA}/USER_Monitoring.OS.Enabling.html",
        code="InvalidParameterValue",
        check=monitoring_role_may_write,
    ),
    Precondition(
        id="rds-subnet-group-is-unused",
        token="aws:rds/subnetGroup:SubnetGroup",
        on=ON_DELETE,
        rule="A DB subnet group is deleted only when no cluster uses it.",
        source=f"{API}/API_DeleteDBSubnetGroup.html",
        code="InvalidDBSubnetGroupStateFault",
        check=subnet_group_is_unused,
    ),
    Precondition(
        id="rds-parameter-group-is-unused",
        token="aws:rds/clusterParameterGroup:ClusterParameterGroup",
        on=ON_DELETE,
        rule="A cluster parameter group is deleted only when no cluster uses it.",
        source=f"{API}/API_DeleteDBClusterParameterGroup.html",
        code="InvalidDBParameterGroupState",
        check=parameter_group_is_unused,
    ),
)
