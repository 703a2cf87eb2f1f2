"""CloudWatch alarms, metric and composite, and dashboards."""

from collections.abc import Mapping
from typing import Any

from sandbox.aws.provider.calls import changed, json_text, tag_list, tag_map, tagging, void
from sandbox.aws.provider.model import Autoname, Context, Props, ResourceType
from sandbox.aws.provider.shapes import outputs, request

METRIC_ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
COMPOSITE_ALARM = "aws:cloudwatch/compositeAlarm:CompositeAlarm"

METRIC_RENAMES = {
    "name": "AlarmName",
    "alarmActions": "AlarmActions",
    "evaluateLowSampleCountPercentiles": "EvaluateLowSampleCountPercentile",
    "metricQueries": "Metrics",
    "okActions": "OKActions",
    # These two differ in form, not only in name: see `dimensions` and `metric_query`.
    "dimensions": "",
}

# ---- aws:cloudwatch/metricAlarm:MetricAlarm


def dimensions(values: Mapping[str, str] | None) -> list[dict[str, str]]:
    """``{"QueueName": "q"}`` -> ``[{"Name": "QueueName", "Value": "q"}]``."""
    return [{"Name": name, "Value": value} for name, value in (values or {}).items()]


def dimension_map(rows: list[dict[str, str]] | None) -> dict[str, str]:
    """The inverse of :func:`dimensions`."""
    return {row["Name"]: row["Value"] for row in rows or []}


def metric_query(query: Props) -> dict[str, Any]:
    """One ``metricQueries`` block as a MetricDataQuery."""
    names = {"id": "Id", "accountId": "AccountId", "expression": "Expression", "label": "Label", "period": "Period"}
    found = {api: query[name] for name, api in names.items() if query.get(name) not in (None, "")}
    if query.get("returnData") is not None:
        found["ReturnData"] = query["returnData"]
    metric = query.get("metric")
    if metric:
        about = {"MetricName": metric["metricName"], "Dimensions": dimensions(metric.get("dimensions"))}
        about |= {"Namespace": metric["namespace"]} if metric.get("namespace") else {}
        found["MetricStat"] = {"Metric": about, "Period": int(metric["period"]), "Stat": metric["stat"]}
        found["MetricStat"] |= {"Unit": metric["unit"]} if metric.get("unit") else {}
    return found


def metric_query_props(query: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse of :func:`metric_query`."""
    names = {"id": "Id", "accountId": "AccountId", "expression": "Expression", "label": "Label", "period": "Period"}
    found: dict[str, Any] = {name: query[api] for name, api in names.items() if api in query}
    found["returnData"] = bool(query.get("ReturnData", False))
    stat = query.get("MetricStat")
    if stat:
        about = stat["Metric"]
        found["metric"] = {
            "dimensions": dimension_map(about.get("Dimensions")),
            "metricName": about["MetricName"],
            "namespace": about.get("Namespace"),
            "period": stat["Period"],
            "stat": stat["Stat"],
            "unit": stat.get("Unit"),
        }
    return found


def put_metric_alarm(ctx: Context, props: Props, **extra: Any) -> str:
    parameters = request("cloudwatch", "PutMetricAlarm", props, renames=METRIC_RENAMES, omit={"tags", "metricQueries"})
    if props.get("dimensions"):
        parameters["Dimensions"] = dimensions(props["dimensions"])
    if props.get("metricQueries"):
        parameters["Metrics"] = [metric_query(query) for query in props["metricQueries"]]
    ctx.client("cloudwatch").put_metric_alarm(**parameters, **extra)
    return str(props["name"])


def read_metric_alarm(ctx: Context, id_: str, _last: Props) -> Props | None:
    found = describe_alarm(ctx, id_, "MetricAlarm", "MetricAlarms")
    if found is None:
        return None
    return outputs(METRIC_ALARM, found, renames={"name": "AlarmName", "arn": "AlarmArn"} | METRIC_RENAMES) | {
        "dimensions": dimension_map(found.get("Dimensions")),
        "metricQueries": [metric_query_props(query) for query in found.get("Metrics") or []],
        "tags": alarm_tags(ctx, found["AlarmArn"]),
    }


def describe_alarm(ctx: Context, name: str, kind: str, key: str) -> dict[str, Any] | None:
    """An alarm by name; a name that is a prefix of others is asked for exactly."""
    rows = ctx.client("cloudwatch").describe_alarms(AlarmNames=[name], AlarmTypes=[kind]).get(key, [])
    return next((row for row in rows if row["AlarmName"] == name), None)


def alarm_tags(ctx: Context, arn: str) -> dict[str, str]:
    return tag_map(ctx.client("cloudwatch").list_tags_for_resource(ResourceARN=arn).get("Tags"))


METRIC_ALARM_TYPE = ResourceType(
    token=METRIC_ALARM,
    service="cloudwatch",
    create=lambda ctx, props: put_metric_alarm(ctx, props, Tags=tag_list(props.get("tags"))),
    read=read_metric_alarm,
    update=lambda ctx, _id, _old, new: void(put_metric_alarm(ctx, new)),
    delete=lambda ctx, id_, _last: ctx.client("cloudwatch").delete_alarms(AlarmNames=[id_]),
    tag=tagging("cloudwatch", arn="ResourceARN"),
    force_new=frozenset({"name"}),
    autoname=Autoname(max_length=255),
    defaults={"actionsEnabled": True, "treatMissingData": "missing"},
)

# ---- aws:cloudwatch/compositeAlarm:CompositeAlarm


def put_composite_alarm(ctx: Context, props: Props, **extra: Any) -> str:
    parameters = request(
        "cloudwatch",
        "PutCompositeAlarm",
        props,
        renames={"okActions": "OKActions"},
        omit={"tags", "actionsSuppressor"},
    )
    suppressor = props.get("actionsSuppressor")
    if suppressor:
        parameters |= {
            "ActionsSuppressor": suppressor["alarm"],
            "ActionsSuppressorExtensionPeriod": int(suppressor["extensionPeriod"]),
            "ActionsSuppressorWaitPeriod": int(suppressor["waitPeriod"]),
        }
    ctx.client("cloudwatch").put_composite_alarm(**parameters, **extra)
    return str(props["alarmName"])


def read_composite_alarm(ctx: Context, id_: str, _last: Props) -> Props | None:
    found = describe_alarm(ctx, id_, "CompositeAlarm", "CompositeAlarms")
    if found is None:
        return None
    suppressor = found.get("ActionsSuppressor") and {
        "alarm": found["ActionsSuppressor"],
        "extensionPeriod": found.get("ActionsSuppressorExtensionPeriod"),
        "waitPeriod": found.get("ActionsSuppressorWaitPeriod"),
    }
    renames = {"arn": "AlarmArn", "okActions": "OKActions", "actionsSuppressor": ""}
    return outputs(COMPOSITE_ALARM, found, renames=renames) | {
        "actionsSuppressor": suppressor or None,
        "tags": alarm_tags(ctx, found["AlarmArn"]),
    }


def update_composite_alarm(ctx: Context, _id: str, old: Props, new: Props) -> None:
    if changed(old, new, *COMPOSITE_INPUTS):
        put_composite_alarm(ctx, new)


COMPOSITE_INPUTS = (
    "actionsEnabled",
    "actionsSuppressor",
    "alarmActions",
    "alarmDescription",
    "alarmRule",
    "insufficientDataActions",
    "okActions",
)

COMPOSITE_ALARM_TYPE = ResourceType(
    token=COMPOSITE_ALARM,
    service="cloudwatch",
    create=lambda ctx, props: put_composite_alarm(ctx, props, Tags=tag_list(props.get("tags"))),
    read=read_composite_alarm,
    update=update_composite_alarm,
    delete=lambda ctx, id_, _last: ctx.client("cloudwatch").delete_alarms(AlarmNames=[id_]),
    tag=tagging("cloudwatch", arn="ResourceARN"),
    force_new=frozenset({"alarmName", "actionsEnabled"}),
    defaults={"actionsEnabled": True},
    delete_before_replace=True,
)

# ---- aws:cloudwatch/dashboard:Dashboard


def put_dashboard(ctx: Context, props: Props) -> str:
    name = str(props["dashboardName"])
    ctx.client("cloudwatch").put_dashboard(DashboardName=name, DashboardBody=json_text(props["dashboardBody"]))
    return name


def read_dashboard(ctx: Context, id_: str, _last: Props) -> Props | None:
    found = ctx.client("cloudwatch").get_dashboard(DashboardName=id_)
    return {
        "dashboardName": found["DashboardName"],
        "dashboardBody": found["DashboardBody"],
        "dashboardArn": found["DashboardArn"],
    }


DASHBOARD_TYPE = ResourceType(
    token="aws:cloudwatch/dashboard:Dashboard",
    service="cloudwatch",
    create=put_dashboard,
    read=read_dashboard,
    update=lambda ctx, _id, _old, new: void(put_dashboard(ctx, new)),
    delete=lambda ctx, id_, _last: ctx.client("cloudwatch").delete_dashboards(DashboardNames=[id_]),
    force_new=frozenset({"dashboardName"}),
    delete_before_replace=True,
)

TYPES = [METRIC_ALARM_TYPE, COMPOSITE_ALARM_TYPE, DASHBOARD_TYPE]
