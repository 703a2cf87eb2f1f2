"""Route 53 health checks: of an endpoint, of a CloudWatch alarm, calculated from others."""

import uuid
from typing import Any

from sandbox.aws.provider.calls import tag_list, tag_map, without_none
from sandbox.aws.provider.model import Context, Props, ResourceType, Tags

MEMBERS = {
    "fqdn": "FullyQualifiedDomainName",
    "ipAddress": "IPAddress",
    "port": "Port",
    "resourcePath": "ResourcePath",
    "searchString": "SearchString",
    "failureThreshold": "FailureThreshold",
    "invertHealthcheck": "Inverted",
    "disabled": "Disabled",
    "enableSni": "EnableSNI",
    "childHealthchecks": "ChildHealthChecks",
    "childHealthThreshold": "HealthThreshold",
    "insufficientDataHealthStatus": "InsufficientDataHealthStatus",
    "regions": "Regions",
}
"""Input -> member of HealthCheckConfig that can be changed."""

FIXED = {
    "type": "Type",
    "requestInterval": "RequestInterval",
    "measureLatency": "MeasureLatency",
    "routingControlArn": "RoutingControlArn",
}
"""Those that cannot."""

NUMBERS = frozenset({"port", "failureThreshold", "childHealthThreshold", "requestInterval"})


def _config(props: Props, members: dict[str, str]) -> dict[str, Any]:
    given = {name: props[name] for name in members if props.get(name) is not None}
    config = {members[name]: int(value) if name in NUMBERS else value for name, value in given.items()}
    if props.get("cloudwatchAlarmName"):
        config["AlarmIdentifier"] = {
            "Name": props["cloudwatchAlarmName"],
            "Region": props["cloudwatchAlarmRegion"],
        }
    return config


def _create(ctx: Context, props: Props) -> str:
    made = ctx.client("route53").create_health_check(
        CallerReference=f"{props.get('referenceName') or ''}{uuid.uuid4()}"[:64],
        HealthCheckConfig=_config(props, MEMBERS | FIXED),
    )
    return str(made["HealthCheck"]["Id"])


def _settle(ctx: Context, id_: str, props: Props) -> None:
    if props.get("tags"):
        _tag(ctx, id_, props, props["tags"], [])


def _read(ctx: Context, id_: str, last: Props) -> Props | None:
    client = ctx.client("route53")
    config = client.get_health_check(HealthCheckId=id_)["HealthCheck"]["HealthCheckConfig"]
    alarm = config.get("AlarmIdentifier") or {}
    tags = client.list_tags_for_resource(ResourceType="healthcheck", ResourceId=id_)["ResourceTagSet"].get("Tags")
    return {
        **{name: config.get(member) for name, member in (MEMBERS | FIXED).items()},
        "cloudwatchAlarmName": alarm.get("Name"),
        "cloudwatchAlarmRegion": alarm.get("Region"),
        "arn": ctx.arn("route53", f"healthcheck/{id_}", region="", account_id=""),
        "referenceName": last.get("referenceName"),
        "triggers": last.get("triggers"),
        "tags": tag_map(tags),
    }


def _update(ctx: Context, id_: str, _old: Props, new: Props) -> None:
    ctx.client("route53").update_health_check(HealthCheckId=id_, **_config(new, MEMBERS))


def _tag(ctx: Context, id_: str, _last: Props, added: Tags, removed: list[str]) -> None:
    changes = {"AddTags": tag_list(added) or None, "RemoveTagKeys": removed or None}
    client = ctx.client("route53")
    client.change_tags_for_resource(ResourceType="healthcheck", ResourceId=id_, **without_none(changes))


TYPES = [
    ResourceType(
        token="aws:route53/healthCheck:HealthCheck",
        service="route53",
        create=_create,
        settle=_settle,
        read=_read,
        update=_update,
        delete=lambda ctx, id_, _last: ctx.client("route53").delete_health_check(HealthCheckId=id_),
        tag=_tag,
        force_new=frozenset({*FIXED, "referenceName"}),
        defaults={"disabled": False},
        # Route 53 answers its own defaults for what was left out, by type.
        unread=frozenset(MEMBERS) | frozenset(FIXED),
        global_service=True,
    ),
]
