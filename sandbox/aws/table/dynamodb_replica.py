"""Replicas of DynamoDB tables in other regions, and what every copy of a table has of its own."""

from typing import Any

from sandbox.aws.provider.calls import or_none, tagging, without_none
from sandbox.aws.provider.model import Context, Props, ResourceType
from sandbox.aws.provider.shapes import tag_list, tag_map


def recovery(client: Any, name: str) -> dict[str, Any]:
    """Point-in-time recovery of a table in the client's region, as an output."""
    answer = client.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    live = answer.get("PointInTimeRecoveryDescription") or {}
    enabled = live.get("PointInTimeRecoveryStatus") == "ENABLED"
    days = live.get("RecoveryPeriodInDays") if enabled else None
    return {"enabled": enabled} | ({"recoveryPeriodInDays": days} if days else {})


def settle_recovery(ctx: Context, name: str, *, enabled: bool, days: int | None = None) -> None:
    """Point-in-time recovery as wanted; each region has its own."""
    client = ctx.client("dynamodb")
    live = recovery(client, name)
    if enabled != live["enabled"] or days not in (None, live.get("recoveryPeriodInDays")):
        specification = {
            "PointInTimeRecoveryEnabled": enabled,
            "RecoveryPeriodInDays": days if enabled else None,
        }
        client.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification=without_none(specification))


def settle_protection(ctx: Context, name: str, *, enabled: bool) -> None:
    """Deletion protection as wanted; each region has its own."""
    client = ctx.client("dynamodb")
    if bool(client.describe_table(TableName=name)["Table"].get("DeletionProtectionEnabled")) != enabled:
        client.update_table(TableName=name, DeletionProtectionEnabled=enabled)


def _source(id_: str) -> tuple[str, str]:
    """``table:region``, the official id: name and region of the table that is replicated."""
    name, _, region = id_.partition(":")
    return name, region


def _create(ctx: Context, props: Props) -> str:
    arn = str(props["globalTableArn"])
    name, region = arn.rpartition("/")[2], arn.split(":")[3]
    if region == ctx.region:
        raise ValueError(f"region: {region} is the table's own; a replica is in another one")
    wanted = {
        "RegionName": ctx.region,
        "KMSMasterKeyId": props.get("kmsKeyArn"),
        "TableClassOverride": props.get("tableClassOverride"),
    }
    source = ctx.in_region(region).client("dynamodb")
    source.update_table(TableName=name, ReplicaUpdates=[{"Create": without_none(wanted)}])
    return f"{name}:{region}"


def _settle(ctx: Context, id_: str, props: Props) -> None:
    name, _ = _source(id_)
    client = ctx.client("dynamodb")
    ctx.wait(lambda: client.describe_table(TableName=name)["Table"]["TableStatus"] == "ACTIVE", f"replica of {name}")
    settle_recovery(ctx, name, enabled=bool(props.get("pointInTimeRecovery")))
    settle_protection(ctx, name, enabled=bool(props.get("deletionProtectionEnabled")))
    if props.get("tags"):
        arn = client.describe_table(TableName=name)["Table"]["TableArn"]
        client.tag_resource(ResourceArn=arn, Tags=tag_list(props["tags"]))


def _read(ctx: Context, id_: str, _last: Props) -> Props | None:
    name, region = _source(id_)
    client = ctx.client("dynamodb")
    answer = or_none(client.describe_table, TableName=name)
    if answer is None:
        return None
    live = answer["Table"]
    if region not in [one["RegionName"] for one in live.get("Replicas") or ()]:
        return None
    tags = client.list_tags_of_resource(ResourceArn=live["TableArn"]).get("Tags")
    return {
        "arn": live["TableArn"],
        "globalTableArn": ctx.arn("dynamodb", f"table/{name}", region=region),
        "kmsKeyArn": (live.get("SSEDescription") or {}).get("KMSMasterKeyArn"),
        "pointInTimeRecovery": recovery(client, name)["enabled"],
        "deletionProtectionEnabled": bool(live.get("DeletionProtectionEnabled")),
        "tableClassOverride": None,
        "tags": tag_map(tags),
    }


def _delete(ctx: Context, id_: str, _last: Props) -> None:
    name, region = _source(id_)
    source = ctx.in_region(region).client("dynamodb")
    source.update_table(TableName=name, ReplicaUpdates=[{"Delete": {"RegionName": ctx.region}}])


TYPES = [
    ResourceType(
        token="aws:dynamodb/tableReplica:TableReplica",
        service="dynamodb",
        create=_create,
        settle=_settle,
        read=_read,
        update=lambda _ctx, _id, _old, _new: None,  # settle does it
        delete=_delete,
        tag=tagging("dynamodb"),
        force_new=frozenset({"globalTableArn", "kmsKeyArn", "tableClassOverride"}),
        settles_gone=True,
    )
]
