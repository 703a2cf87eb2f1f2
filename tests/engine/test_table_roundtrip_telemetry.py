"""Dashboards, metric filters, alarms on expressions and bands, health checks: they come up, stay, change, show drift
and go."""

import json
from typing import Any

import pulumi
import pytest
from inline_stack import stack
from pulumi_aws import cloudwatch, route53
from table_programs import comes_up_and_changes, repairs

from conftest import Sandbox

pytestmark = pytest.mark.engine

PLAIN: dict[str, Any] = {
    "namespace": "AWS/ApplicationELB",
    "metric_name": "HealthyHostCount",
    "dimensions": {"TargetGroup": "targetgroup/a/1", "LoadBalancer": "app/a/1"},
    "statistic": "Minimum",
    "period": 60,
    "evaluation_periods": 3,
    "threshold": 1,
    "comparison_operator": "LessThanThreshold",
    "treat_missing_data": "breaching",
}


def query(id_: str, name: str, period: int) -> dict[str, Any]:
    about = {"namespace": "AWS/ApplicationELB", "metric_name": name, "period": period, "stat": "Sum"}
    return {"id": id_, "metric": {**about, "dimensions": {"LoadBalancer": "app/a/1"}}, "return_data": False}


def alarms(version: int) -> cloudwatch.MetricAlarm:
    cloudwatch.MetricAlarm(
        "ratio",
        metric_queries=[
            query("failed", "HTTPCode_ELB_5XX_Count", 3600),
            query("requests", "RequestCount", 3600),
            {"id": "share", "expression": "100 * FILL(failed, 0) / requests", "label": "share", "return_data": True},
        ],
        threshold=0.72 * version,
        comparison_operator="GreaterThanThreshold",
        evaluation_periods=1,
        treat_missing_data="notBreaching",
    )
    cloudwatch.MetricAlarm(
        "unusual",
        metric_queries=[
            {**query("observed", "RequestCount", 300), "return_data": True},
            {"id": "band", "expression": f"ANOMALY_DETECTION_BAND(observed, {version})", "return_data": True},
        ],
        threshold_metric_id="band",
        comparison_operator="LessThanLowerOrGreaterThanUpperThreshold",
        evaluation_periods=4,
        datapoints_to_alarm=3,
    )
    return cloudwatch.MetricAlarm("plain", **PLAIN)


def health_checks(version: int, plain: cloudwatch.MetricAlarm) -> None:
    endpoint = route53.HealthCheck(
        "endpoint",
        type="HTTPS",
        fqdn="cell.example.com",
        port=443,
        resource_path="/ready" if version == 1 else "/health",
        failure_threshold=3,
        request_interval=30,
        enable_sni=True,
        tags={"version": "1"},
    )
    alarm = route53.HealthCheck(
        "alarm",
        type="CLOUDWATCH_METRIC",
        cloudwatch_alarm_name=plain.name,
        cloudwatch_alarm_region="eu-west-1",
        insufficient_data_health_status="LastKnownStatus" if version == 1 else "Unhealthy",
    )
    whole = route53.HealthCheck(
        "whole", type="CALCULATED", child_healthchecks=[endpoint.id, alarm.id], child_health_threshold=version
    )
    pulumi.export("checks", {"endpoint": endpoint.id, "alarm": alarm.id, "whole": whole.id})


def program(version: int) -> None:
    group = cloudwatch.LogGroup("errors", name="/errors", retention_in_days=7)
    cloudwatch.LogMetricFilter(
        "refused",
        name="refused",
        log_group_name=group.name,
        pattern="",
        metric_transformation={
            "name": "Refused",
            "namespace": "Own",
            "value": str(version),
            "default_value": "0",
            "unit": "Count",
        },
    )
    row = ["AWS/ApplicationELB", "RequestCount", "LoadBalancer", "app/a/1", {"stat": "Sum"}]
    widget = {"type": "metric", "x": 0, "y": 0, "width": 8 * version, "height": 6}
    properties = {"title": "Requests", "region": "eu-west-1", "metrics": [row], "period": 60}
    body = json.dumps({"widgets": [{**widget, "properties": properties}]})
    cloudwatch.Dashboard("cell", dashboard_name="cell", dashboard_body=body)
    health_checks(version, alarms(version))


def drift(sandbox: Sandbox, outputs: dict[str, Any]) -> None:
    """Three changes behind the program's back."""
    empty = json.dumps({"widgets": [{"type": "text", "properties": {"markdown": "mine"}}]})
    sandbox.client("cloudwatch").put_dashboard(DashboardName="cell", DashboardBody=empty)
    other = {"metricName": "Refused", "metricNamespace": "Elsewhere", "metricValue": "2", "defaultValue": 0}
    sandbox.client("logs").put_metric_filter(
        logGroupName="/errors",
        filterName="refused",
        filterPattern="",
        metricTransformations=[{**other, "unit": "Count"}],
    )
    sandbox.client("route53").update_health_check(
        HealthCheckId=outputs["checks"]["endpoint"], Inverted=False, Port=8443
    )


def test_telemetry_comes_up_changes_in_place_and_goes(sandbox: Sandbox) -> None:
    with stack(sandbox, lambda: program(1)) as made:
        # Filter, dashboard, ratio, band, three health checks.
        comes_up_and_changes(made, program, update=7)
        route = sandbox.client("route53")
        checks = made.outputs()["checks"]
        seen = route.get_health_check(HealthCheckId=checks["alarm"])["HealthCheck"]["HealthCheckConfig"]
        assert seen["AlarmIdentifier"]["Region"] == "eu-west-1"
        assert (seen["InsufficientDataHealthStatus"], "Port" in seen) == ("Unhealthy", False)
        whole = route.get_health_check(HealthCheckId=checks["whole"])["HealthCheck"]["HealthCheckConfig"]
        assert sorted(whole["ChildHealthChecks"]) == sorted([checks["endpoint"], checks["alarm"]])
        drift(sandbox, made.outputs())
        repairs(made, 3)
    assert sandbox.client("cloudwatch").list_dashboards()["DashboardEntries"] == []
    assert sandbox.client("logs").describe_metric_filters()["metricFilters"] == []
    assert route.list_health_checks()["HealthChecks"] == []
