"""Kinesis data streams."""

from typing import Any

from sandbox.aws.provider.calls import tagging, without_none
from sandbox.aws.provider.model import Autoname, Context, Props, ResourceType

ON_DEMAND = "ON_DEMAND"

MIN_RETENTION_HOURS = 24
"""Retention of a new stream (Kinesis API reference, StreamDescription)."""

NO_ENCRYPTION = "NONE"


def _mode(props: Props) -> str:
    return str((props.get("streamModeDetails") or {}).get("streamMode") or "PROVISIONED")


def _create(ctx: Context, props: Props) -> str:
    on_demand = _mode(props) == ON_DEMAND
    if not on_demand and not props.get("shardCount"):
        raise ValueError("shardCount: required when streamModeDetails.streamMode is PROVISIONED")
    ctx.client("kinesis").create_stream(
        **without_none(
            {
                "StreamName": props["name"],
                "ShardCount": None if on_demand else int(props["shardCount"]),
                "StreamModeDetails": {"StreamMode": _mode(props)},
                "Tags": dict(props.get("tags") or {}) or None,
                "MaxRecordSizeInKiB": props.get("maxRecordSizeInKib"),
            }
        )
    )
    return ctx.arn("kinesis", f"stream/{props['name']}")


def _name(id_: str) -> str:
    """Import takes the plain name, everything else has the ARN."""
    return id_.rpartition("/")[2]


def _summary(ctx: Context, id_: str) -> dict[str, Any]:
    answer = ctx.client("kinesis").describe_stream_summary(StreamName=_name(id_))
    return dict(answer["StreamDescriptionSummary"])


def _active(ctx: Context, id_: str) -> dict[str, Any]:
    """The stream once it is ACTIVE: Kinesis refuses a change while another one is under way."""

    def probe() -> dict[str, Any] | None:
        found = _summary(ctx, id_)
        return found if found["StreamStatus"] == "ACTIVE" else None

    return ctx.wait(probe, f"stream {_name(id_)} to be ACTIVE")


def _settle(ctx: Context, id_: str, props: Props) -> None:
    """Bring a stream to what is wanted, one change at a time, each followed by a wait."""
    client = ctx.client("kinesis")
    if props.get("tags"):
        _active(ctx, id_)
        client.add_tags_to_stream(StreamName=_name(id_), Tags=dict(props["tags"]))
    _apply_capacity(ctx, client, id_, props)
    _apply_retention(client, _active(ctx, id_), props)
    _apply_encryption(client, _active(ctx, id_), props)
    _apply_metrics(client, _active(ctx, id_), props)
    _apply_record_size(client, _active(ctx, id_), props)
    _active(ctx, id_)


def _update(_ctx: Context, _id: str, _old: Props, _new: Props) -> None:
    """Every property that can change is brought up to date by :func:`_settle`, which follows."""


def _apply_capacity(ctx: Context, client: Any, id_: str, props: Props) -> None:
    live = _active(ctx, id_)
    if live.get("StreamModeDetails", {}).get("StreamMode", "PROVISIONED") != _mode(props):
        client.update_stream_mode(StreamARN=live["StreamARN"], StreamModeDetails={"StreamMode": _mode(props)})
        live = _active(ctx, id_)
    shards = props.get("shardCount")
    if _mode(props) != ON_DEMAND and shards and live["OpenShardCount"] != int(shards):
        client.update_shard_count(
            StreamName=live["StreamName"], TargetShardCount=int(shards), ScalingType="UNIFORM_SCALING"
        )


def _apply_retention(client: Any, live: dict[str, Any], props: Props) -> None:
    wanted, now = int(props.get("retentionPeriod") or MIN_RETENTION_HOURS), live["RetentionPeriodHours"]
    if wanted > now:
        client.increase_stream_retention_period(StreamName=live["StreamName"], RetentionPeriodHours=wanted)
    elif wanted < now:
        client.decrease_stream_retention_period(StreamName=live["StreamName"], RetentionPeriodHours=wanted)


def _apply_encryption(client: Any, live: dict[str, Any], props: Props) -> None:
    wanted, now = props.get("encryptionType") or NO_ENCRYPTION, live.get("EncryptionType") or NO_ENCRYPTION
    if (wanted, props.get("kmsKeyId") if wanted == "KMS" else None) == (
        now,
        live.get("KeyId") if now == "KMS" else None,
    ):
        return
    if wanted == "KMS":
        if not props.get("kmsKeyId"):
            raise ValueError("kmsKeyId: required when encryptionType is KMS")
        client.start_stream_encryption(StreamName=live["StreamName"], EncryptionType="KMS", KeyId=props["kmsKeyId"])
    else:
        client.stop_stream_encryption(StreamName=live["StreamName"], EncryptionType="KMS", KeyId=live["KeyId"])


def _metrics(live: dict[str, Any]) -> set[str]:
    return {metric for group in live.get("EnhancedMonitoring", ()) for metric in group.get("ShardLevelMetrics", ())}


def _apply_metrics(client: Any, live: dict[str, Any], props: Props) -> None:
    wanted, now = set(props.get("shardLevelMetrics") or ()), _metrics(live)
    if off := now - wanted:
        client.disable_enhanced_monitoring(StreamName=live["StreamName"], ShardLevelMetrics=sorted(off))
    if on := wanted - now:
        client.enable_enhanced_monitoring(StreamName=live["StreamName"], ShardLevelMetrics=sorted(on))


def _apply_record_size(client: Any, live: dict[str, Any], props: Props) -> None:
    wanted = props.get("maxRecordSizeInKib")
    if wanted and int(wanted) != live.get("MaxRecordSizeInKiB"):
        client.update_max_record_size(StreamARN=live["StreamARN"], MaxRecordSizeInKiB=int(wanted))


def _read(ctx: Context, id_: str, _last: Props) -> Props | None:
    live = _summary(ctx, id_)
    mode = live.get("StreamModeDetails", {}).get("StreamMode", "PROVISIONED")
    encryption = live.get("EncryptionType") or NO_ENCRYPTION
    tags = ctx.client("kinesis").list_tags_for_stream(StreamName=live["StreamName"]).get("Tags", [])
    found = {
        "arn": live["StreamARN"],
        "name": live["StreamName"],
        "retentionPeriod": live["RetentionPeriodHours"],
        "encryptionType": encryption,
        "kmsKeyId": live.get("KeyId") if encryption == "KMS" else None,
        "shardLevelMetrics": sorted(_metrics(live)) or None,
        "streamModeDetails": {"streamMode": mode},
        "shardCount": None if mode == ON_DEMAND else live["OpenShardCount"],
        "tags": {tag["Key"]: tag.get("Value", "") for tag in tags},
    }
    size = live.get("MaxRecordSizeInKiB")
    return found | ({"maxRecordSizeInKib": size} if size else {})


def _delete(ctx: Context, id_: str, last: Props) -> None:
    ctx.client("kinesis").delete_stream(
        StreamName=_name(id_), EnforceConsumerDeletion=bool(last.get("enforceConsumerDeletion"))
    )


TYPES = [
    ResourceType(
        token="aws:kinesis/stream:Stream",
        service="kinesis",
        create=_create,
        settle=_settle,
        read=_read,
        update=_update,
        delete=_delete,
        tag=tagging("kinesis", tag="add_tags_to_stream", untag="remove_tags_from_stream", arn="StreamName", of="name"),
        force_new=frozenset({"name"}),
        autoname=Autoname(max_length=128),
        defaults={
            "retentionPeriod": MIN_RETENTION_HOURS,
            "encryptionType": NO_ENCRYPTION,
            "enforceConsumerDeletion": False,
        },
        settles_gone=True,
    )
]
