"""Aurora clusters and global clusters."""

from typing import Any

from botocore.exceptions import ClientError

from sandbox.aws.provider.calls import changed, code, or_none, tagging, without_none
from sandbox.aws.provider.model import Autoname, Context, Props, ResourceType
from sandbox.aws.provider.shapes import outputs, request
from sandbox.aws.table.parts import only_item, refused, until_status

CLUSTER = "aws:rds/cluster:Cluster"
GLOBAL = "aws:rds/globalCluster:GlobalCluster"

RENAMES = {
    "clusterIdentifier": "DBClusterIdentifier",
    "enabledCloudwatchLogsExports": "EnableCloudwatchLogsExports",
    "iamDatabaseAuthenticationEnabled": "EnableIAMDatabaseAuthentication",
    "performanceInsightsEnabled": "EnablePerformanceInsights",
    "masterPassword": "MasterUserPassword",
    "dbInstanceParameterGroupName": "DBInstanceParameterGroupName",
}

READ_RENAMES = {
    "arn": "DBClusterArn",
    "clusterIdentifier": "DBClusterIdentifier",
    "clusterMembers": "",
    "clusterResourceId": "DbClusterResourceId",
    "dbClusterParameterGroupName": "DBClusterParameterGroup",
    "dbSubnetGroupName": "DBSubnetGroup",
    "enableGlobalWriteForwarding": "GlobalWriteForwardingRequested",
    "enableHttpEndpoint": "HttpEndpointEnabled",
    "engineVersionActual": "EngineVersion",
    "masterUserSecrets": "MasterUserSecret",
    "scalingConfiguration": "",
    "vpcSecurityGroupIds": "",
    "iamRoles": "",
}

CHANGEABLE = (
    "allocatedStorage",
    "autoMinorVersionUpgrade",
    "backtrackWindow",
    "backupRetentionPeriod",
    "caCertificateIdentifier",
    "copyTagsToSnapshot",
    "databaseInsightsMode",
    "dbClusterInstanceClass",
    "dbClusterParameterGroupName",
    "deletionProtection",
    "domain",
    "domainIamRoleName",
    "enableGlobalWriteForwarding",
    "enableHttpEndpoint",
    "enableLocalWriteForwarding",
    "engineVersion",
    "iamDatabaseAuthenticationEnabled",
    "iops",
    "manageMasterUserPassword",
    "masterUserSecretKmsKeyId",
    "monitoringInterval",
    "monitoringRoleArn",
    "networkType",
    "performanceInsightsEnabled",
    "performanceInsightsKmsKeyId",
    "performanceInsightsRetentionPeriod",
    "port",
    "preferredBackupWindow",
    "preferredMaintenanceWindow",
    "scalingConfiguration",
    "serverlessv2ScalingConfiguration",
    "storageType",
    "vpcSecurityGroupIds",
)
"""What ModifyDBCluster changes in place (RDS API reference)."""

FAILED = ("failed", "inaccessible-encryption-credentials", "incompatible-parameters", "restore-error")


def version_covers(chosen: str, actual: str) -> bool:
    """``16`` asks for any 16.x; AWS answers the full version."""
    return actual == chosen or actual.startswith(f"{chosen}.")


def same_word(left: str, right: str) -> bool:
    """RDS keeps identifiers, groups and windows in lower case."""
    return left.lower() == right.lower()


def _create(ctx: Context, props: Props) -> str:
    client = ctx.client("rds")
    given = {**props, "masterPassword": props.get("masterPasswordWo") or props.get("masterPassword")}
    if props.get("s3Import"):
        raise ValueError("s3Import: not emulated")
    if props.get("snapshotIdentifier"):
        asked = request("rds", "RestoreDBClusterFromSnapshot", given, renames=RENAMES)
        client.restore_db_cluster_from_snapshot(**asked)
    elif source := props.get("restoreToPointInTime"):
        client.restore_db_cluster_to_point_in_time(**_point_in_time(given, source))
    else:
        client.create_db_cluster(**request("rds", "CreateDBCluster", given, renames=RENAMES))
    return str(props["clusterIdentifier"]).lower()


def _point_in_time(props: Props, source: Props) -> dict[str, Any]:
    asked = request("rds", "RestoreDBClusterToPointInTime", props, renames=RENAMES)
    members = {
        "SourceDBClusterIdentifier": source.get("sourceClusterIdentifier"),
        "SourceDbClusterResourceId": source.get("sourceClusterResourceId"),
        "RestoreType": source.get("restoreType"),
        "RestoreToTime": source.get("restoreToTime"),
        "UseLatestRestorableTime": source.get("useLatestRestorableTime"),
    }
    return asked | without_none(members)


def _settle(ctx: Context, name: str, props: Props) -> None:
    until_status(ctx, lambda: _status(ctx, name), f"cluster {name}", good=("available",), bad=FAILED)
    client = ctx.client("rds")
    live = {role["RoleArn"] for role in (_find(ctx, name) or {}).get("AssociatedRoles") or ()}
    for role in sorted(set(props.get("iamRoles") or ()) - live):
        client.add_role_to_db_cluster(DBClusterIdentifier=name, RoleArn=role)


def _find(ctx: Context, name: str) -> dict[str, Any] | None:
    found = only_item(or_none(ctx.client("rds").describe_db_clusters, DBClusterIdentifier=name), "DBClusters")
    return dict(found) if found else None


def _status(ctx: Context, name: str) -> str | None:
    return (_find(ctx, name) or {}).get("Status")


def _update(ctx: Context, name: str, old: Props, new: Props) -> None:
    client = ctx.client("rds")
    _leave_or_refuse(ctx, name, old, new)
    names = [prop for prop in CHANGEABLE if prop in new and changed(old, new, prop)]
    asked = request("rds", "ModifyDBCluster", new, renames=RENAMES, only=names)
    if logs := _log_change(old, new):
        asked["CloudwatchLogsExportConfiguration"] = logs
    password = new.get("masterPasswordWo") or new.get("masterPassword")
    if password and changed(old, new, "masterPassword", "masterPasswordWoVersion"):
        asked["MasterUserPassword"] = password
    if asked:
        if "EngineVersion" in asked:
            asked["AllowMajorVersionUpgrade"] = bool(new.get("allowMajorVersionUpgrade"))
        # The official plugin waits for the maintenance window unless applyImmediately is set; there is none here.
        client.modify_db_cluster(DBClusterIdentifier=name, ApplyImmediately=True, **asked)
    for role in sorted(set(old.get("iamRoles") or ()) - set(new.get("iamRoles") or old.get("iamRoles") or ())):
        client.remove_role_from_db_cluster(DBClusterIdentifier=name, RoleArn=role)


def _leave_or_refuse(ctx: Context, name: str, old: Props, new: Props) -> None:
    """A cluster can leave its global cluster, and never join one: it has to be born there. What it replicates from is
    never set: the plugin refuses that, and promotes where it is to be none, which is not emulated
    (https://github.com/hashicorp/terraform-provider-aws/blob/0168cf6844f393420326f1426bf18ed357b56a77/internal/service/rds/cluster.go)."""
    if changed(old, new, "replicationSourceIdentifier"):
        raise ValueError(
            f"replicationSourceIdentifier: cluster {name} is not promoted here, and cannot be made a replica"
        )
    before, after = old.get("globalClusterIdentifier"), new.get("globalClusterIdentifier")
    if after and after != before:
        raise ValueError(f"globalClusterIdentifier: cluster {name} exists and cannot join {after}; create it there")
    if before and not after:
        _leave(ctx, str(before), old["arn"])


def _leave(ctx: Context, global_cluster: str, arn: str) -> None:
    """Take a cluster out of its global cluster and wait until it is out."""
    client = ctx.client("rds")
    or_none(client.remove_from_global_cluster, GlobalClusterIdentifier=global_cluster, DbClusterIdentifier=arn)
    ctx.wait(lambda: arn not in _members(ctx, global_cluster), f"{arn} to leave global cluster {global_cluster}")


def _members(ctx: Context, global_cluster: str) -> list[str]:
    live = _find_global(ctx, global_cluster) or {}
    return [member["DBClusterArn"] for member in live.get("GlobalClusterMembers") or ()]


def _log_change(old: Props, new: Props) -> dict[str, list[str]]:
    before = set(old.get("enabledCloudwatchLogsExports") or ())
    after = set(new.get("enabledCloudwatchLogsExports") or ())
    change = {"EnableLogTypes": sorted(after - before), "DisableLogTypes": sorted(before - after)}
    return {name: types for name, types in change.items() if types}


def _read(ctx: Context, name: str, _last: Props) -> Props | None:
    live = _find(ctx, name)
    if live is None:
        return None
    certificate = live.get("CertificateDetails") or {}
    found = outputs(CLUSTER, live, renames=READ_RENAMES)
    found |= {
        "clusterMembers": sorted(member["DBInstanceIdentifier"] for member in live.get("DBClusterMembers") or ()),
        "globalClusterIdentifier": live.get("GlobalClusterIdentifier") or None,
        # A writer has no source: what it followed before is gone from state, too.
        "replicationSourceIdentifier": live.get("ReplicationSourceIdentifier"),
        "masterUsername": live.get("MasterUsername"),
        "iamRoles": sorted(role["RoleArn"] for role in live.get("AssociatedRoles") or ()),
        "vpcSecurityGroupIds": sorted(group["VpcSecurityGroupId"] for group in live.get("VpcSecurityGroups") or ()),
        "tags": {tag["Key"]: tag.get("Value", "") for tag in live.get("TagList") or ()},
    }
    found.setdefault("enabledCloudwatchLogsExports", [])
    if certificate.get("CAIdentifier"):
        found["caCertificateIdentifier"] = certificate["CAIdentifier"]
    return found


def _delete(ctx: Context, name: str, last: Props) -> None:
    """Snapshot rule and deletion protection first: a cluster that stays must not be taken out of its global cluster."""
    live = _find(ctx, name)
    if live is None:
        return
    if live.get("DeletionProtection"):
        raise refused(
            "DeleteDBCluster",
            "InvalidParameterCombination",
            "Cannot delete protected Cluster, please disable deletion protection and try again.",
        )
    final = final_snapshot(last, "DeleteDBCluster")
    if live.get("GlobalClusterIdentifier"):
        _leave(ctx, live["GlobalClusterIdentifier"], live["DBClusterArn"])
    ctx.client("rds").delete_db_cluster(
        DBClusterIdentifier=name,
        DeleteAutomatedBackups=last.get("deleteAutomatedBackups") is not False,
        **final,
    )


def final_snapshot(last: Props, operation: str) -> dict[str, Any]:
    """Either the final snapshot is named, or it is explicitly not wanted (RDS API reference, DeleteDBCluster)."""
    if last.get("skipFinalSnapshot"):
        return {"SkipFinalSnapshot": True}
    if not last.get("finalSnapshotIdentifier"):
        raise refused(
            operation,
            "InvalidParameterCombination",
            "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified "
            "(set finalSnapshotIdentifier, or skipFinalSnapshot to true)",
        )
    return {"SkipFinalSnapshot": False, "FinalDBSnapshotIdentifier": last["finalSnapshotIdentifier"]}


# ---- global clusters


def _create_global(ctx: Context, props: Props) -> str:
    ctx.client("rds").create_global_cluster(**request("rds", "CreateGlobalCluster", props))
    return str(props["globalClusterIdentifier"]).lower()


def _find_global(ctx: Context, name: str) -> dict[str, Any] | None:
    answer = or_none(ctx.client("rds").describe_global_clusters, GlobalClusterIdentifier=name) or {}
    return next((dict(g) for g in answer.get("GlobalClusters", []) if g["GlobalClusterIdentifier"] == name), None)


def _settle_global(ctx: Context, name: str, _props: Props) -> None:
    def status() -> str | None:
        return (_find_global(ctx, name) or {}).get("Status")

    until_status(ctx, status, f"global cluster {name}", good=("available",))


def _read_global(ctx: Context, name: str, _last: Props) -> Props | None:
    live = _find_global(ctx, name)
    if live is None:
        return None
    renames = {"arn": "GlobalClusterArn", "engineVersionActual": "EngineVersion"}
    found = outputs(GLOBAL, live, renames=renames)
    return found | {"tags": {tag["Key"]: tag.get("Value", "") for tag in live.get("TagList") or ()}}


def _update_global(ctx: Context, name: str, old: Props, new: Props) -> None:
    asked: dict[str, Any] = {}
    if changed(old, new, "deletionProtection"):
        asked["DeletionProtection"] = bool(new.get("deletionProtection"))
    if changed(old, new, "engineVersion") and new.get("engineVersion"):
        asked |= {"EngineVersion": new["engineVersion"], "AllowMajorVersionUpgrade": True}
    if asked:
        ctx.client("rds").modify_global_cluster(GlobalClusterIdentifier=name, **asked)


def _delete_global(ctx: Context, name: str, last: Props) -> None:
    client = ctx.client("rds")
    if last.get("forceDestroy"):
        for arn in _members(ctx, name):
            _leave(ctx, name, arn)
    try:
        client.delete_global_cluster(GlobalClusterIdentifier=name)
    except ClientError as error:
        if code(error) != "GlobalClusterNotFoundFault":
            raise


TYPES = [
    ResourceType(
        token=CLUSTER,
        service="rds",
        create=_create,
        settle=_settle,
        read=_read,
        update=_update,
        delete=_delete,
        tag=tagging("rds", tag="add_tags_to_resource", untag="remove_tags_from_resource", arn="ResourceName"),
        force_new=frozenset(
            {
                "availabilityZones",
                "clusterIdentifier",
                "clusterIdentifierPrefix",
                "clusterScalabilityType",
                "databaseName",
                "dbSubnetGroupName",
                "dbSystemId",
                "engine",
                "engineMode",
                "kmsKeyId",
                "masterUsername",
                "restoreToPointInTime",
                "s3Import",
                "snapshotIdentifier",
                "sourceRegion",
                "storageEncrypted",
            }
        ),
        autoname=Autoname(prop="clusterIdentifier", max_length=63, transform=str.lower),
        defaults={
            "copyTagsToSnapshot": False,
            "deleteAutomatedBackups": True,
            "enableGlobalWriteForwarding": False,
            "enableHttpEndpoint": False,
            "enableLocalWriteForwarding": False,
            "engineMode": "provisioned",
            "skipFinalSnapshot": False,
        },
        equal={
            "clusterIdentifier": same_word,
            "dbSubnetGroupName": same_word,
            "engineVersion": version_covers,
            "preferredBackupWindow": same_word,
            "preferredMaintenanceWindow": same_word,
        },
        settles_gone=True,
        timeout_s=1800,
    ),
    ResourceType(
        token=GLOBAL,
        service="rds",
        create=_create_global,
        settle=_settle_global,
        read=_read_global,
        update=_update_global,
        delete=_delete_global,
        tag=tagging("rds", tag="add_tags_to_resource", untag="remove_tags_from_resource", arn="ResourceName"),
        force_new=frozenset(
            {"databaseName", "engine", "globalClusterIdentifier", "sourceDbClusterIdentifier", "storageEncrypted"}
        ),
        delete_before_replace=True,
        defaults={"forceDestroy": False},
        equal={"engineVersion": version_covers, "globalClusterIdentifier": same_word},
        settles_gone=True,
    ),
]
