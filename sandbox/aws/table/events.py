"""EventBridge: buses, rules, targets, archives."""

from typing import Any

from sandbox.aws.provider.calls import tag_list, tag_map, tagging, void
from sandbox.aws.provider.model import Autoname, Context, Props, ResourceType
from sandbox.aws.provider.shapes import outputs, request, to_shape

EVENT_BUS = "aws:cloudwatch/eventBus:EventBus"
EVENT_RULE = "aws:cloudwatch/eventRule:EventRule"
EVENT_TARGET = "aws:cloudwatch/eventTarget:EventTarget"
EVENT_ARCHIVE = "aws:cloudwatch/eventArchive:EventArchive"

DEFAULT_BUS = "default"


class TargetRefused(ValueError):
    """PutTargets answers 200 with a list of refused entries."""


# ---- aws:cloudwatch/eventBus:EventBus


def create_event_bus(ctx: Context, props: Props) -> str:
    ctx.client("events").create_event_bus(**request("events", "CreateEventBus", props))
    return str(props["name"])


def read_event_bus(ctx: Context, id_: str, _last: Props) -> Props | None:
    found = ctx.client("events").describe_event_bus(Name=id_)
    return outputs(EVENT_BUS, found) | {"tags": event_tags(ctx, found["Arn"])}


def event_tags(ctx: Context, arn: str) -> dict[str, str]:
    return tag_map(ctx.client("events").list_tags_for_resource(ResourceARN=arn).get("Tags"))


def update_event_bus(ctx: Context, _id: str, _old: Props, new: Props) -> None:
    ctx.client("events").update_event_bus(**request("events", "UpdateEventBus", new))


EVENT_BUS_TYPE = ResourceType(
    token=EVENT_BUS,
    service="events",
    create=create_event_bus,
    read=read_event_bus,
    update=update_event_bus,
    delete=lambda ctx, id_, _last: ctx.client("events").delete_event_bus(Name=id_),
    tag=tagging("events", arn="ResourceARN"),
    force_new=frozenset({"eventSourceName", "name"}),
    autoname=Autoname(max_length=256),
)

# ---- aws:cloudwatch/eventRule:EventRule


def put_rule(ctx: Context, props: Props, **extra: Any) -> str:
    parameters = request("events", "PutRule", props, omit={"namePrefix", "isEnabled", "tags"}, **extra)
    if props.get("isEnabled") is not None and props.get("state") in (None, "ENABLED"):
        parameters["State"] = "ENABLED" if props["isEnabled"] else "DISABLED"
    ctx.client("events").put_rule(**parameters)
    return rule_id(props.get("eventBusName"), props["name"])


def rule_id(bus: str | None, rule: str) -> str:
    """``<bus>/<rule>``; the default bus is left out."""
    return rule if bus in (None, "", DEFAULT_BUS) else f"{bus}/{rule}"


def bus_and_rule(id_: str) -> tuple[str, str]:
    bus, _, rule = id_.rpartition("/")
    return bus or DEFAULT_BUS, rule


def read_rule(ctx: Context, id_: str, last: Props) -> Props | None:
    bus, name = bus_and_rule(id_)
    found = ctx.client("events").describe_rule(Name=name, EventBusName=bus)
    state = found.get("State", "ENABLED")
    enabled = {"isEnabled": state != "DISABLED"} if last.get("isEnabled") is not None else {}
    return (
        outputs(EVENT_RULE, found)
        | {name: found.get(api) or None for name, api in RULE_OPTIONS.items()}
        | enabled
        | {"eventBusName": bus, "state": state, "tags": event_tags(ctx, found["Arn"])}
    )


RULE_OPTIONS = {
    "description": "Description",
    "eventPattern": "EventPattern",
    "roleArn": "RoleArn",
    "scheduleExpression": "ScheduleExpression",
}


def delete_rule(ctx: Context, id_: str, last: Props) -> None:
    bus, name = bus_and_rule(id_)
    force = bool(last.get("forceDestroy"))
    events = ctx.client("events")
    if force:
        targets = events.list_targets_by_rule(Rule=name, EventBusName=bus).get("Targets", [])
        if targets:
            events.remove_targets(Rule=name, EventBusName=bus, Ids=[target["Id"] for target in targets], Force=True)
    events.delete_rule(Name=name, EventBusName=bus, Force=force)


EVENT_RULE_TYPE = ResourceType(
    token=EVENT_RULE,
    service="events",
    create=lambda ctx, props: put_rule(ctx, props, Tags=tag_list(props.get("tags"))),
    read=read_rule,
    update=lambda ctx, _id, _old, new: void(put_rule(ctx, new)),
    delete=delete_rule,
    tag=tagging("events", arn="ResourceARN"),
    force_new=frozenset({"eventBusName", "name", "namePrefix"}),
    autoname=Autoname(max_length=64),
    defaults={
        "eventBusName": DEFAULT_BUS,
        "forceDestroy": False,
        "state": lambda p: None if "isEnabled" in p else "ENABLED",
    },
    unread=frozenset({"state"}),
)

# ---- aws:cloudwatch/eventTarget:EventTarget

TARGET_RENAMES = {
    "targetId": "Id",
    "appsyncTarget": "AppSyncParameters",
    "batchTarget": "BatchParameters",
    "ecsTarget": "EcsParameters",
    "httpTarget": "HttpParameters",
    "inputTransformer.inputPaths": "InputPathsMap",
    "kinesisTarget": "KinesisParameters",
    "redshiftTarget": "RedshiftDataParameters",
    "sagemakerPipelineTarget": "SageMakerPipelineParameters",
    "sqsTarget": "SqsParameters",
}


def put_target(ctx: Context, props: Props) -> str:
    skipped = {"rule", "eventBusName", "forceDestroy", "region", "runCommandTargets"}
    target = to_shape("events", "Target", {k: v for k, v in props.items() if k not in skipped}, renames=TARGET_RENAMES)
    if props.get("runCommandTargets"):
        rows = [{"Key": row["key"], "Values": row["values"]} for row in props["runCommandTargets"]]
        target["RunCommandParameters"] = {"RunCommandTargets": rows}
    bus = props.get("eventBusName") or DEFAULT_BUS
    answer = ctx.client("events").put_targets(Rule=props["rule"], EventBusName=bus, Targets=[target])
    for refused in answer.get("FailedEntries") or []:
        raise TargetRefused(f"{refused.get('ErrorCode')}: {refused.get('ErrorMessage')}")
    return target_id(bus, props["rule"], props["targetId"])


def target_id(bus: str, rule: str, target: str) -> str:
    """``[<bus>-]<rule>-<target>`` as the official plugin writes it."""
    return f"{rule}-{target}" if bus == DEFAULT_BUS else f"{bus}-{rule}-{target}"


def target_address(id_: str, last: Props) -> tuple[str, str, str]:
    """(bus, rule, target id); an import is given ``[<bus>/]<rule>/<target>``, which unlike the id can be split."""
    if last.get("rule"):
        return last.get("eventBusName") or DEFAULT_BUS, last["rule"], last["targetId"]
    parts = id_.split("/")
    if len(parts) < 2:
        raise ValueError(f"import id {id_!r}: expected <rule>/<target> or <bus>/<rule>/<target>")
    return "/".join(parts[:-2]) or DEFAULT_BUS, parts[-2], parts[-1]


def read_target(ctx: Context, id_: str, last: Props) -> Props | None:
    bus, rule, target = target_address(id_, last)
    rows = ctx.client("events").list_targets_by_rule(Rule=rule, EventBusName=bus).get("Targets", [])
    found = next((row for row in rows if row["Id"] == target), None)
    if found is None:
        return None
    return outputs(EVENT_TARGET, found, renames=TARGET_RENAMES) | {
        **{name: found.get(api) for name, api in TARGET_OPTIONS.items()},
        "eventBusName": bus,
        "rule": rule,
        "targetId": target,
    }


TARGET_OPTIONS = {"input": "Input", "inputPath": "InputPath", "roleArn": "RoleArn"}


def delete_target(ctx: Context, id_: str, last: Props) -> None:
    bus, rule, target = target_address(id_, last)
    force = {"Force": True} if last.get("forceDestroy") else {}
    ctx.client("events").remove_targets(Rule=rule, EventBusName=bus, Ids=[target], **force)


EVENT_TARGET_TYPE = ResourceType(
    token=EVENT_TARGET,
    service="events",
    create=put_target,
    read=read_target,
    update=lambda ctx, _id, _old, new: void(put_target(ctx, new)),
    delete=delete_target,
    force_new=frozenset({"eventBusName", "rule", "targetId"}),
    autoname=Autoname(prop="targetId", max_length=64),
    defaults={"eventBusName": DEFAULT_BUS, "forceDestroy": False},
)

# ---- aws:cloudwatch/eventArchive:EventArchive


def create_archive(ctx: Context, props: Props) -> str:
    ctx.client("events").create_archive(**archive_parameters("CreateArchive", props))
    return str(props["name"])


def archive_parameters(operation: str, props: Props) -> dict[str, Any]:
    return request("events", operation, props, renames={"name": "ArchiveName"})


def read_archive(ctx: Context, id_: str, _last: Props) -> Props | None:
    found = ctx.client("events").describe_archive(ArchiveName=id_)
    return outputs(EVENT_ARCHIVE, found, renames={"name": "ArchiveName", "arn": "ArchiveArn"}) | {
        "description": found.get("Description") or None,
        "eventPattern": found.get("EventPattern") or None,
        "retentionDays": found.get("RetentionDays") or 0,
    }


EVENT_ARCHIVE_TYPE = ResourceType(
    token=EVENT_ARCHIVE,
    service="events",
    create=create_archive,
    read=read_archive,
    update=lambda ctx, _id, _old, new: void(
        ctx.client("events").update_archive(**archive_parameters("UpdateArchive", new))
    ),
    delete=lambda ctx, id_, _last: ctx.client("events").delete_archive(ArchiveName=id_),
    force_new=frozenset({"eventSourceArn", "name"}),
    autoname=Autoname(max_length=48),
    defaults={"retentionDays": 0},
)

TYPES = [EVENT_BUS_TYPE, EVENT_RULE_TYPE, EVENT_TARGET_TYPE, EVENT_ARCHIVE_TYPE]
