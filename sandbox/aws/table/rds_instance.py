"""Instances of Aurora clusters."""

from typing import Any

from sandbox.aws.provider.calls import changed, or_none, tagging
from sandbox.aws.provider.model import Autoname, Context, Props, ResourceType
from sandbox.aws.provider.shapes import outputs, request
from sandbox.aws.table.parts import only_item, until_status
from sandbox.aws.table.rds_cluster import same_word, version_covers

TOKEN = "aws:rds/clusterInstance:ClusterInstance"

RENAMES = {
    "identifier": "DBInstanceIdentifier",
    "clusterIdentifier": "DBClusterIdentifier",
    "instanceClass": "DBInstanceClass",
    "caCertIdentifier": "CACertificateIdentifier",
    "performanceInsightsEnabled": "EnablePerformanceInsights",
}

READ_RENAMES = {
    **RENAMES,
    "arn": "DBInstanceArn",
    "dbParameterGroupName": "",
    "dbSubnetGroupName": "",
    "endpoint": "",
    "port": "",
    "engineVersionActual": "EngineVersion",
    "performanceInsightsEnabled": "PerformanceInsightsEnabled",
}

CHANGEABLE = (
    "autoMinorVersionUpgrade",
    "caCertIdentifier",
    "copyTagsToSnapshot",
    "dbParameterGroupName",
    "instanceClass",
    "monitoringInterval",
    "monitoringRoleArn",
    "performanceInsightsEnabled",
    "performanceInsightsKmsKeyId",
    "performanceInsightsRetentionPeriod",
    "preferredBackupWindow",
    "preferredMaintenanceWindow",
    "promotionTier",
    "publiclyAccessible",
)
"""What ModifyDBInstance changes in an Aurora instance; its engine version follows the cluster's."""

FAILED = ("failed", "incompatible-network", "incompatible-parameters", "storage-full")


def _find(ctx: Context, name: str) -> dict[str, Any] | None:
    found = only_item(or_none(ctx.client("rds").describe_db_instances, DBInstanceIdentifier=name), "DBInstances")
    return dict(found) if found else None


def _create(ctx: Context, props: Props) -> str:
    ctx.client("rds").create_db_instance(**request("rds", "CreateDBInstance", props, renames=RENAMES))
    return str(props["identifier"]).lower()


def _settle(ctx: Context, name: str, _props: Props) -> None:
    def status() -> str | None:
        return (_find(ctx, name) or {}).get("DBInstanceStatus")

    until_status(ctx, status, f"instance {name}", good=("available",), bad=FAILED)


def _update(ctx: Context, name: str, old: Props, new: Props) -> None:
    names = [prop for prop in CHANGEABLE if prop in new and changed(old, new, prop)]
    asked = request("rds", "ModifyDBInstance", new, renames=RENAMES, only=names)
    if asked:
        # The official plugin waits for the maintenance window unless applyImmediately is set; there is none here.
        ctx.client("rds").modify_db_instance(DBInstanceIdentifier=name, ApplyImmediately=True, **asked)


def _read(ctx: Context, name: str, _last: Props) -> Props | None:
    live = _find(ctx, name)
    if live is None:
        return None
    endpoint, groups = live.get("Endpoint") or {}, live.get("DBParameterGroups") or []
    found = outputs(TOKEN, live, renames=READ_RENAMES)
    found |= {
        "endpoint": endpoint.get("Address", ""),
        "port": endpoint.get("Port"),
        "writer": _is_writer(ctx, live),
        "tags": {tag["Key"]: tag.get("Value", "") for tag in live.get("TagList") or ()},
    }
    if groups:
        found["dbParameterGroupName"] = groups[0]["DBParameterGroupName"]
    if live.get("DBSubnetGroup"):
        found["dbSubnetGroupName"] = live["DBSubnetGroup"]["DBSubnetGroupName"]
    return found


def _is_writer(ctx: Context, live: Props) -> bool:
    cluster = live.get("DBClusterIdentifier")
    answer = or_none(ctx.client("rds").describe_db_clusters, DBClusterIdentifier=cluster) if cluster else None
    members = (only_item(answer, "DBClusters") or {}).get("DBClusterMembers") or []
    return any(m["DBInstanceIdentifier"] == live["DBInstanceIdentifier"] and m["IsClusterWriter"] for m in members)


TYPES = [
    ResourceType(
        token=TOKEN,
        service="rds",
        create=_create,
        settle=_settle,
        read=_read,
        update=_update,
        # An Aurora instance holds no data of its own: it has no final snapshot.
        delete=lambda ctx, name, _last: ctx.client("rds").delete_db_instance(
            DBInstanceIdentifier=name, SkipFinalSnapshot=True
        ),
        tag=tagging("rds", tag="add_tags_to_resource", untag="remove_tags_from_resource", arn="ResourceName"),
        force_new=frozenset(
            {
                "availabilityZone",
                "clusterIdentifier",
                "customIamInstanceProfile",
                "dbSubnetGroupName",
                "engine",
                "identifier",
                "identifierPrefix",
            }
        ),
        autoname=Autoname(prop="identifier", max_length=63, transform=str.lower),
        defaults={
            "autoMinorVersionUpgrade": True,
            "copyTagsToSnapshot": False,
            "forceDestroy": False,
            "monitoringInterval": 0,
            "promotionTier": 0,
        },
        equal={
            "dbSubnetGroupName": same_word,
            "engineVersion": version_covers,
            "identifier": same_word,
            "preferredBackupWindow": same_word,
            "preferredMaintenanceWindow": same_word,
        },
        settles_gone=True,
        timeout_s=1800,
    )
]
