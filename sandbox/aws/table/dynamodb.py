"""DynamoDB tables with indexes, encryption, streams, point-in-time recovery and TTL; strongly consistent replicas.
Replicas of other tables are resources of their own (`dynamodb_replica.py`)."""

from collections.abc import Mapping
from typing import Any

from sandbox.aws.provider.calls import changed, or_none, tagging, without_none
from sandbox.aws.provider.model import Autoname, Context, Props, ResourceType
from sandbox.aws.provider.shapes import tag_list, tag_map
from sandbox.aws.table.dynamodb_replica import recovery, settle_protection, settle_recovery

PAY_PER_REQUEST = "PAY_PER_REQUEST"

STRONG = "STRONG"

ELSEWHERE = ("importTable", "restoreBackupArn", "restoreSourceName", "restoreSourceTableArn")
"""Arguments that make a table out of something else; refused rather than left out."""


def _throughput(props: Props) -> dict[str, int]:
    return {
        "ReadCapacityUnits": int(props.get("readCapacity") or 0),
        "WriteCapacityUnits": int(props.get("writeCapacity") or 0),
    }


def _keys(hash_key: str | None, range_key: str | None) -> list[dict[str, str]]:
    names = (("HASH", hash_key), ("RANGE", range_key))
    return [{"AttributeName": name, "KeyType": kind} for kind, name in names if name]


def _index(index: Mapping[str, Any], hash_key: str | None, *, provisioned: bool) -> dict[str, Any]:
    chosen = [(key["keyType"], key["attributeName"]) for key in index.get("keySchemas") or []]
    keys = [{"AttributeName": name, "KeyType": kind} for kind, name in chosen]
    projection = {"ProjectionType": index["projectionType"], "NonKeyAttributes": index.get("nonKeyAttributes") or None}
    request = {
        "IndexName": index["name"],
        "KeySchema": keys or _keys(hash_key or index.get("hashKey"), index.get("rangeKey")),
        "Projection": without_none(projection),
        "ProvisionedThroughput": _throughput(index) if provisioned else None,
    }
    return without_none(request)


def _globals(props: Props) -> list[dict[str, Any]]:
    provisioned = props.get("billingMode") != PAY_PER_REQUEST
    return [_index(index, None, provisioned=provisioned) for index in props.get("globalSecondaryIndexes") or []]


def _attributes(props: Props) -> list[dict[str, str]]:
    return [{"AttributeName": item["name"], "AttributeType": item["type"]} for item in props.get("attributes") or []]


def _encryption(props: Props) -> dict[str, Any] | None:
    wanted = props.get("serverSideEncryption")
    if not wanted:
        return None
    if not wanted.get("enabled"):
        return {"Enabled": False}
    return without_none({"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": wanted.get("kmsKeyArn")})


def _stream(props: Props) -> dict[str, Any] | None:
    if not props.get("streamEnabled"):
        return None
    return {"StreamEnabled": True, "StreamViewType": props.get("streamViewType")}


def _create(ctx: Context, props: Props) -> str:
    for name in ELSEWHERE:
        if props.get(name):
            raise ValueError(f"{name}: not emulated for a DynamoDB table")
    if any(replica.get("consistencyMode") != STRONG for replica in props.get("replicas") or ()):
        raise ValueError("replicas: only strongly consistent ones are emulated; use aws:dynamodb/tableReplica")
    locals_ = [_index(item, props["hashKey"], provisioned=False) for item in props.get("localSecondaryIndexes") or []]
    provisioned = props.get("billingMode") != PAY_PER_REQUEST
    request = {
        "TableName": props["name"],
        "AttributeDefinitions": _attributes(props),
        "KeySchema": _keys(props["hashKey"], props.get("rangeKey")),
        "BillingMode": props.get("billingMode"),
        "ProvisionedThroughput": _throughput(props) if provisioned else None,
        "GlobalSecondaryIndexes": _globals(props) or None,
        "LocalSecondaryIndexes": locals_ or None,
        "SSESpecification": _encryption(props),
        "StreamSpecification": _stream(props),
        "TableClass": props.get("tableClass"),
        "DeletionProtectionEnabled": props.get("deletionProtectionEnabled"),
        "Tags": tag_list(props.get("tags")) or None,
    }
    ctx.client("dynamodb").create_table(**without_none(request))
    return str(props["name"])


def _table(ctx: Context, name: str) -> dict[str, Any]:
    return dict(ctx.client("dynamodb").describe_table(TableName=name)["Table"])


def _active(ctx: Context, name: str) -> None:
    """Until table and indexes are ACTIVE: DynamoDB takes one change at a time."""

    def probe() -> bool:
        live = _table(ctx, name)
        parts = [live["TableStatus"], *(i.get("IndexStatus") for i in live.get("GlobalSecondaryIndexes") or ())]
        return all(status == "ACTIVE" for status in parts)

    ctx.wait(probe, f"table {name} to be ACTIVE")


def _settle(ctx: Context, name: str, props: Props) -> None:
    _active(ctx, name)
    client = ctx.client("dynamodb")
    wanted = props.get("pointInTimeRecovery") or {}
    settle_recovery(ctx, name, enabled=bool(wanted.get("enabled")), days=wanted.get("recoveryPeriodInDays"))
    _settle_ttl(client, name, props.get("ttl") or {})
    _active(ctx, name)
    _settle_replicas(ctx, name, props)


def _settle_replicas(ctx: Context, name: str, props: Props) -> None:
    """All places of a strongly consistent table come with one call; what each region has of its own follows."""
    wanted = props.get("replicas") or []
    if wanted and not _table(ctx, name).get("Replicas"):
        creates = [
            without_none({"RegionName": one["regionName"], "KMSMasterKeyId": one.get("kmsKeyArn")}) for one in wanted
        ]
        request = {"ReplicaUpdates": [{"Create": one} for one in creates], "MultiRegionConsistency": STRONG}
        ctx.client("dynamodb").update_table(TableName=name, **request, **_witness(props, "Create"))
        _active(ctx, name)
    for one in wanted:
        there = ctx.in_region(one["regionName"])
        settle_recovery(there, name, enabled=bool(one.get("pointInTimeRecovery")))
        settle_protection(there, name, enabled=bool(one.get("deletionProtectionEnabled")))
        if one.get("propagateTags") and props.get("tags"):
            arn = _table(there, name)["TableArn"]
            there.client("dynamodb").tag_resource(ResourceArn=arn, Tags=tag_list(props["tags"]))


def _witness(props: Props, kind: str) -> dict[str, Any]:
    witness = (props.get("globalTableWitness") or {}).get("regionName")
    return {"GlobalTableWitnessUpdates": [{kind: {"RegionName": witness}}]} if witness else {}


def _delete(ctx: Context, name: str, last: Props) -> None:
    """Replicas and witness first, in one call where the table is strongly consistent."""
    regions = [one["regionName"] for one in last.get("replicas") or () if one.get("consistencyMode") == STRONG]
    if regions:
        deletes = [{"Delete": {"RegionName": region}} for region in regions]
        ctx.client("dynamodb").update_table(TableName=name, ReplicaUpdates=deletes, **_witness(last, "Delete"))
        _active(ctx, name)
    ctx.client("dynamodb").delete_table(TableName=name)


def _settle_ttl(client: Any, name: str, wanted: Props) -> None:
    live = _ttl(client, name) or {}
    if bool(wanted.get("enabled")) == bool(live) and (not live or wanted["attributeName"] == live["attributeName"]):
        return
    if live:
        # One attribute has to be switched off before another can be switched on.
        off = {"Enabled": False, "AttributeName": live["attributeName"]}
        client.update_time_to_live(TableName=name, TimeToLiveSpecification=off)
    if wanted.get("enabled"):
        on = {"Enabled": True, "AttributeName": wanted["attributeName"]}
        client.update_time_to_live(TableName=name, TimeToLiveSpecification=on)


def _ttl(client: Any, name: str) -> dict[str, Any] | None:
    live = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    if live.get("TimeToLiveStatus") not in ("ENABLED", "ENABLING"):
        return None
    return {"enabled": True, "attributeName": live["AttributeName"]}


def _update(ctx: Context, name: str, old: Props, new: Props) -> None:
    """One UpdateTable call for each kind of change: DynamoDB refuses several of them in one."""
    for request in _changes(old, new):
        ctx.client("dynamodb").update_table(TableName=name, **request)
        _active(ctx, name)


def _changes(old: Props, new: Props) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if changed(old, new, "billingMode", "readCapacity", "writeCapacity"):
        request: dict[str, Any] = {"BillingMode": new["billingMode"]}
        if new["billingMode"] != PAY_PER_REQUEST:
            request["ProvisionedThroughput"] = _throughput(new)
        found.append(request)
    if changed(old, new, "tableClass"):
        found.append({"TableClass": new["tableClass"]})
    if changed(old, new, "deletionProtectionEnabled"):
        found.append({"DeletionProtectionEnabled": bool(new.get("deletionProtectionEnabled"))})
    if changed(old, new, "serverSideEncryption"):
        found.append({"SSESpecification": _encryption(new) or {"Enabled": False}})
    if changed(old, new, "streamEnabled", "streamViewType"):
        if old.get("streamEnabled"):
            found.append({"StreamSpecification": {"StreamEnabled": False}})
        if stream := _stream(new):
            found.append({"StreamSpecification": stream})
    return found + _index_changes(old, new)


def _index_changes(old: Props, new: Props) -> list[dict[str, Any]]:
    before = {index["IndexName"]: index for index in _globals(old)}
    after = {index["IndexName"]: index for index in _globals(new)}
    definitions = _attributes(new)
    gone = [name for name in before if name not in after or _shape(before[name]) != _shape(after[name])]
    made = [index for name, index in after.items() if name not in before or name in gone]
    return [{"GlobalSecondaryIndexUpdates": [{"Delete": {"IndexName": name}}]} for name in gone] + [
        {"AttributeDefinitions": definitions, "GlobalSecondaryIndexUpdates": [{"Create": index}]} for index in made
    ]


def _shape(index: Mapping[str, Any]) -> tuple[str, str]:
    """What cannot change in an index without making it anew."""
    projection = index["Projection"]
    attributes = sorted(projection.get("NonKeyAttributes") or ())
    return repr(index["KeySchema"]), f"{projection['ProjectionType']} {attributes}"


def _read(ctx: Context, name: str, last: Props) -> Props | None:
    client = ctx.client("dynamodb")
    answer = or_none(client.describe_table, TableName=name)
    if answer is None:
        return None
    live = answer["Table"]
    billing = (live.get("BillingModeSummary") or {}).get("BillingMode", "PROVISIONED")
    provisioned = billing != PAY_PER_REQUEST
    capacity = live.get("ProvisionedThroughput") or {}
    stream = live.get("StreamSpecification") or {}
    tags = client.list_tags_of_resource(ResourceArn=live["TableArn"]).get("Tags")
    hash_key, range_key = _key_names(live["KeySchema"])
    return {
        "arn": live["TableArn"],
        "name": live["TableName"],
        "hashKey": hash_key,
        "rangeKey": range_key,
        "attributes": [{"name": a["AttributeName"], "type": a["AttributeType"]} for a in live["AttributeDefinitions"]],
        "billingMode": billing,
        "readCapacity": capacity.get("ReadCapacityUnits") if provisioned else None,
        "writeCapacity": capacity.get("WriteCapacityUnits") if provisioned else None,
        "globalSecondaryIndexes": [_index_out(i, provisioned) for i in live.get("GlobalSecondaryIndexes") or ()]
        or None,
        "localSecondaryIndexes": [_local_out(index) for index in live.get("LocalSecondaryIndexes") or ()] or None,
        "serverSideEncryption": _encryption_out(live.get("SSEDescription") or {}),
        "streamEnabled": bool(stream.get("StreamEnabled")),
        "streamViewType": stream.get("StreamViewType"),
        "streamArn": live.get("LatestStreamArn") or "",
        "streamLabel": live.get("LatestStreamLabel") or "",
        "tableClass": (live.get("TableClassSummary") or {}).get("TableClass", "STANDARD"),
        "deletionProtectionEnabled": bool(live.get("DeletionProtectionEnabled")),
        "pointInTimeRecovery": recovery(client, name),
        "replicas": [_replica_out(ctx, live, one, last) for one in live.get("Replicas") or ()] or None,
        "globalTableWitness": _witness_out(live),
        "ttl": _ttl(client, name),
        "tags": tag_map(tags),
    }


def _witness_out(live: Mapping[str, Any]) -> dict[str, str] | None:
    return next(({"regionName": one["RegionName"]} for one in live.get("GlobalTableWitnesses") or ()), None)


def _replica_out(ctx: Context, live: Mapping[str, Any], one: Mapping[str, Any], last: Props) -> dict[str, Any]:
    region = one["RegionName"]
    there = ctx.in_region(region)
    table = _table(there, live["TableName"])
    kept: list[Props] = last.get("replicas") or []
    before: Props = next((row for row in kept if row["regionName"] == region), {})
    return {
        "regionName": region,
        "arn": table["TableArn"],
        "consistencyMode": live.get("MultiRegionConsistency", "EVENTUAL"),
        "kmsKeyArn": one.get("KMSMasterKeyId") or "",
        "pointInTimeRecovery": recovery(there.client("dynamodb"), live["TableName"])["enabled"],
        "deletionProtectionEnabled": bool(table.get("DeletionProtectionEnabled")),
        # DynamoDB does not tell.
        "propagateTags": bool(before.get("propagateTags")),
        "streamArn": table.get("LatestStreamArn") or "",
        "streamLabel": table.get("LatestStreamLabel") or "",
    }


def _key_names(schema: list[dict[str, str]]) -> tuple[str | None, str | None]:
    names = {key["KeyType"]: key["AttributeName"] for key in schema}
    return names.get("HASH"), names.get("RANGE")


def _index_out(index: Mapping[str, Any], provisioned: bool) -> dict[str, Any]:
    hash_key, range_key = _key_names(index["KeySchema"])
    projection, capacity = index["Projection"], index.get("ProvisionedThroughput") or {}
    return without_none(
        {
            "name": index["IndexName"],
            "hashKey": hash_key,
            "rangeKey": range_key,
            "projectionType": projection.get("ProjectionType"),
            "nonKeyAttributes": projection.get("NonKeyAttributes") or None,
            "readCapacity": capacity.get("ReadCapacityUnits") if provisioned else None,
            "writeCapacity": capacity.get("WriteCapacityUnits") if provisioned else None,
        }
    )


def _local_out(index: Mapping[str, Any]) -> dict[str, Any]:
    found = _index_out(index, False)
    del found["hashKey"]
    return found


def _encryption_out(live: Mapping[str, Any]) -> dict[str, Any] | None:
    if live.get("Status") not in ("ENABLED", "ENABLING", "UPDATING"):
        return None
    return without_none({"enabled": True, "kmsKeyArn": live.get("KMSMasterKeyArn")})


TYPES = [
    ResourceType(
        token="aws:dynamodb/table:Table",
        service="dynamodb",
        create=_create,
        settle=_settle,
        read=_read,
        update=_update,
        delete=_delete,
        tag=tagging("dynamodb"),
        force_new=frozenset(
            {
                *("name", "hashKey", "rangeKey", "localSecondaryIndexes", "globalTableWitness"),
                *("replicas.regionName", "replicas.consistencyMode", "replicas.kmsKeyArn"),
            }
        ),
        autoname=Autoname(max_length=255),
        defaults={"billingMode": "PROVISIONED", "tableClass": "STANDARD"},
        settles_gone=True,
    )
]
