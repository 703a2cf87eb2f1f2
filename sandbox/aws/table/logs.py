"""CloudWatch log groups, their metric filters, and the resource policies that let AWS services write to them."""

from typing import Any

from sandbox.aws.provider.calls import changed, json_text, pages, tagging, void
from sandbox.aws.provider.model import Autoname, Context, Props, ResourceType
from sandbox.aws.provider.shapes import outputs, request

LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"

# ---- aws:cloudwatch/logGroup:LogGroup


def create_log_group(ctx: Context, props: Props) -> str:
    parameters = request("logs", "CreateLogGroup", props, renames={"name": "logGroupName"}, omit={"namePrefix"})
    ctx.client("logs").create_log_group(**parameters)
    return str(props["name"])


def settle_log_group(ctx: Context, id_: str, props: Props) -> None:
    """Retention is a call of its own; 0 days means for ever."""
    found = log_group(ctx, id_) or {}
    days = int(props.get("retentionInDays") or 0)
    if days and days != found.get("retentionInDays"):
        ctx.client("logs").put_retention_policy(logGroupName=id_, retentionInDays=days)
    elif not days and found.get("retentionInDays"):
        ctx.client("logs").delete_retention_policy(logGroupName=id_)


def log_group(ctx: Context, name: str) -> dict[str, Any] | None:
    rows = pages(ctx, "logs", "describe_log_groups", "logGroups", logGroupNamePrefix=name)
    return next((row for row in rows if row["logGroupName"] == name), None)


def read_log_group(ctx: Context, id_: str, _last: Props) -> Props | None:
    found = log_group(ctx, id_)
    if found is None:
        return None
    arn = str(found["arn"]).removesuffix(":*")
    return outputs(LOG_GROUP, found, renames={"name": "logGroupName"}) | {
        "arn": arn,
        "kmsKeyId": found.get("kmsKeyId"),
        "logGroupClass": found.get("logGroupClass", "STANDARD"),
        "retentionInDays": found.get("retentionInDays", 0),
        "tags": ctx.client("logs").list_tags_for_resource(resourceArn=arn).get("tags", {}),
    }


def update_log_group(ctx: Context, id_: str, old: Props, new: Props) -> None:
    if changed(old, new, "kmsKeyId"):
        if new.get("kmsKeyId"):
            ctx.client("logs").associate_kms_key(logGroupName=id_, kmsKeyId=new["kmsKeyId"])
        else:
            ctx.client("logs").disassociate_kms_key(logGroupName=id_)
    if new.get("deletionProtectionEnabled") is not None and changed(old, new, "deletionProtectionEnabled"):
        ctx.client("logs").put_log_group_deletion_protection(
            logGroupIdentifier=id_, deletionProtectionEnabled=new["deletionProtectionEnabled"]
        )


def delete_log_group(ctx: Context, id_: str, last: Props) -> None:
    if not last.get("skipDestroy"):
        ctx.client("logs").delete_log_group(logGroupName=id_)


LOG_GROUP_TYPE = ResourceType(
    token=LOG_GROUP,
    service="logs",
    create=create_log_group,
    settle=settle_log_group,
    read=read_log_group,
    update=update_log_group,
    delete=delete_log_group,
    tag=tagging("logs", arn="resourceArn", tags="tags", keys="tagKeys"),
    force_new=frozenset({"logGroupClass", "name", "namePrefix"}),
    autoname=Autoname(max_length=512),
    defaults={"retentionInDays": 0, "skipDestroy": False},
)

# ---- aws:cloudwatch/logResourcePolicy:LogResourcePolicy


def put_resource_policy(ctx: Context, props: Props) -> str:
    arn = props.get("resourceArn")
    ctx.client("logs").put_resource_policy(
        policyDocument=json_text(props["policyDocument"]),
        **({"resourceArn": arn} if arn else {"policyName": props["policyName"]}),
    )
    return str(arn or props["policyName"])


def read_resource_policy(ctx: Context, id_: str, _last: Props) -> Props | None:
    logs = ctx.client("logs")
    if id_.startswith("arn:"):
        rows = logs.describe_resource_policies(resourceArn=id_, policyScope="RESOURCE").get("resourcePolicies", [])
        found = rows[0] if rows else None
    else:
        rows = logs.describe_resource_policies().get("resourcePolicies", [])
        found = next((row for row in rows if row["policyName"] == id_), None)
    if found is None:
        return None
    scope = found.get("policyScope") or "ACCOUNT"
    about = {"resourceArn": id_} if id_.startswith("arn:") else {"policyName": id_}
    return about | {
        "policyDocument": found["policyDocument"],
        "policyScope": scope,
        "revisionId": found.get("revisionId"),
    }


def delete_resource_policy(ctx: Context, id_: str, last: Props) -> None:
    if id_.startswith("arn:"):
        revision = {"expectedRevisionId": last["revisionId"]} if last.get("revisionId") else {}
        ctx.client("logs").delete_resource_policy(resourceArn=id_, **revision)
    else:
        ctx.client("logs").delete_resource_policy(policyName=id_)


LOG_RESOURCE_POLICY = ResourceType(
    token="aws:cloudwatch/logResourcePolicy:LogResourcePolicy",
    service="logs",
    create=put_resource_policy,
    read=read_resource_policy,
    update=lambda ctx, _id, _old, new: void(put_resource_policy(ctx, new)),
    delete=delete_resource_policy,
    force_new=frozenset({"policyName", "resourceArn"}),
    delete_before_replace=True,
)

# ---- aws:cloudwatch/logMetricFilter:LogMetricFilter

METRIC_FILTER = "aws:cloudwatch/logMetricFilter:LogMetricFilter"


def put_metric_filter(ctx: Context, props: Props) -> str:
    """One transformation; AWS takes a list of exactly one. Its value may be text, its default is a number."""
    wanted = dict(props["metricTransformation"])
    transformation = {
        "metricName": wanted["name"],
        "metricNamespace": wanted["namespace"],
        "metricValue": str(wanted["value"]),
    }
    if wanted.get("defaultValue") not in (None, ""):
        transformation["defaultValue"] = float(wanted["defaultValue"])
    transformation |= {key: wanted[key] for key in ("dimensions", "unit") if wanted.get(key)}
    ctx.client("logs").put_metric_filter(
        logGroupName=props["logGroupName"],
        filterName=props["name"],
        filterPattern=props["pattern"].strip(),
        metricTransformations=[transformation],
    )
    return str(props["name"])


def read_metric_filter(ctx: Context, id_: str, last: Props) -> Props | None:
    group = last.get("logGroupName")
    if group is None:  # import gives GROUP:NAME
        group, _, id_ = id_.rpartition(":")
    rows = pages(ctx, "logs", "describe_metric_filters", "metricFilters", logGroupName=group, filterNamePrefix=id_)
    found = next((row for row in rows if row["filterName"] == id_), None)
    if found is None:
        return None
    (live,) = found["metricTransformations"]
    default = live.get("defaultValue")
    return {
        "logGroupName": group,
        "name": id_,
        "pattern": found["filterPattern"],
        "applyOnTransformedLogs": found.get("applyOnTransformedLogs", False),
        "metricTransformation": {
            "name": live["metricName"],
            "namespace": live["metricNamespace"],
            "value": live["metricValue"],
            "defaultValue": None if default is None else f"{float(default):g}",
            "dimensions": live.get("dimensions") or None,
            "unit": live.get("unit") or "None",
        },
    }


METRIC_FILTER_TYPE = ResourceType(
    token=METRIC_FILTER,
    service="logs",
    create=put_metric_filter,
    read=read_metric_filter,
    update=lambda ctx, _id, _old, new: void(put_metric_filter(ctx, new)),
    delete=lambda ctx, id_, last: ctx.client("logs").delete_metric_filter(
        logGroupName=last["logGroupName"], filterName=id_
    ),
    force_new=frozenset({"logGroupName", "name"}),
    autoname=Autoname(max_length=512),
)

TYPES = [LOG_GROUP_TYPE, LOG_RESOURCE_POLICY, METRIC_FILTER_TYPE]
