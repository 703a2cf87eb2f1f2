"""CloudTrail trails."""

from typing import Any

from sandbox.aws.provider.model import Autoname, Context, Props, ResourceType
from sandbox.aws.provider.shapes import outputs, request, tag_map, to_shape
from sandbox.aws.table.parts import pair_tagger

TOKEN = "aws:cloudtrail/trail:Trail"

RENAMES = {"cloudWatchLogsGroupArn": "CloudWatchLogsLogGroupArn", "enableLogFileValidation": "EnableLogFileValidation"}

READ_RENAMES = {
    "arn": "TrailARN",
    "cloudWatchLogsGroupArn": "CloudWatchLogsLogGroupArn",
    "enableLogFileValidation": "LogFileValidationEnabled",
    "snsTopicArn": "SnsTopicARN",
}

CLEARABLE = ("cloudWatchLogsGroupArn", "cloudWatchLogsRoleArn", "kmsKeyId", "s3KeyPrefix", "snsTopicName")
"""Taken away by sending an empty string (CloudTrail API reference, UpdateTrail)."""

DEFAULT_SELECTOR = {"ReadWriteType": "All", "IncludeManagementEvents": True}
"""What a trail without selectors logs; CloudTrail answers it as if it had been set."""


def _create(ctx: Context, props: Props) -> str:
    asked = request("cloudtrail", "CreateTrail", props, renames=RENAMES | {"tags": "TagsList"})
    return str(ctx.client("cloudtrail").create_trail(**asked)["TrailARN"])


def _settle(ctx: Context, arn: str, props: Props) -> None:
    client = ctx.client("cloudtrail")
    for prop, shape, member, put in (
        ("advancedEventSelectors", "AdvancedEventSelectors", "AdvancedEventSelectors", client.put_event_selectors),
        ("eventSelectors", "EventSelectors", "EventSelectors", client.put_event_selectors),
        ("insightSelectors", "InsightSelectors", "InsightSelectors", client.put_insight_selectors),
    ):
        if props.get(prop):
            put(TrailName=arn, **{member: to_shape("cloudtrail", shape, props[prop], path=prop)})
    if props.get("enableLogging") is not False:
        client.start_logging(Name=arn)


def _update(ctx: Context, arn: str, old: Props, new: Props) -> None:
    client = ctx.client("cloudtrail")
    cleared = {name: "" for name in CLEARABLE if old.get(name) and not new.get(name)}
    asked = request("cloudtrail", "UpdateTrail", {**new, **cleared}, renames=RENAMES)
    client.update_trail(**{**asked, "Name": arn})
    had = old.get("eventSelectors") or old.get("advancedEventSelectors")
    if had and not (new.get("eventSelectors") or new.get("advancedEventSelectors")):
        client.put_event_selectors(TrailName=arn, EventSelectors=[DEFAULT_SELECTOR])
    if old.get("insightSelectors") and not new.get("insightSelectors"):
        client.put_insight_selectors(TrailName=arn, InsightSelectors=[])
    if new.get("enableLogging") is False:
        client.stop_logging(Name=arn)


def _read(ctx: Context, arn: str, _last: Props) -> Props | None:
    client = ctx.client("cloudtrail")
    # moto answers all trails, whatever names were asked for.
    found = client.describe_trails(trailNameList=[arn])["trailList"]
    live = next((trail for trail in found if trail["TrailARN"] == arn), None)
    if live is None:
        return None
    tags = client.list_tags(ResourceIdList=[live["TrailARN"]])["ResourceTagList"][0].get("TagsList")
    return {
        **dict.fromkeys(CLEARABLE),
        **outputs(TOKEN, live, renames=READ_RENAMES),
        **_selectors(client, live),
        "enableLogging": client.get_trail_status(Name=live["TrailARN"])["IsLogging"],
        "tags": tag_map(tags),
    }


def _selectors(client: Any, live: Props) -> dict[str, Any]:
    found: dict[str, Any] = {"eventSelectors": None, "advancedEventSelectors": None, "insightSelectors": None}
    answer = client.get_event_selectors(TrailName=live["TrailARN"])
    basic = [item for item in answer.get("EventSelectors") or [] if not _is_default(item)]
    chosen = {"EventSelectors": basic or None, "AdvancedEventSelectors": answer.get("AdvancedEventSelectors") or None}
    if live.get("HasInsightSelectors"):
        insight = client.get_insight_selectors(TrailName=live["TrailARN"])
        chosen["InsightSelectors"] = insight.get("InsightSelectors") or None
    return found | outputs(TOKEN, {name: value for name, value in chosen.items() if value})


def _is_default(selector: Props) -> bool:
    plain = selector.get("ReadWriteType", "All") == "All" and selector.get("IncludeManagementEvents", True)
    return bool(plain and not selector.get("DataResources") and not selector.get("ExcludeManagementEventSources"))


TYPES = [
    ResourceType(
        token=TOKEN,
        service="cloudtrail",
        create=_create,
        settle=_settle,
        read=_read,
        update=_update,
        # By name: the emulator takes no ARN here.
        delete=lambda ctx, arn, _last: ctx.client("cloudtrail").delete_trail(Name=arn.rpartition("/")[2]),
        tag=pair_tagger("cloudtrail", tag="add_tags", untag="remove_tags", arn="ResourceId", tags="TagsList"),
        force_new=frozenset({"name"}),
        autoname=Autoname(max_length=128),
        defaults={
            "enableLogging": True,
            "includeGlobalServiceEvents": True,
            "isMultiRegionTrail": False,
            "isOrganizationTrail": False,
            "enableLogFileValidation": False,
        },
    )
]
