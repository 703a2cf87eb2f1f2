"""CloudWatch: alarms and dashboards. Tags are not asked for: no clause reads them, and each would be a call."""

from collections.abc import Iterator

from operations.audit.live.question import Question
from operations.audit.live.reader import Live, Reader
from operations.audit.live.region import Region
from operations.audit.live.tags import tags
from operations.audit.live.words import picked

_ACTIONS = ("ActionsEnabled", "AlarmActions", "OKActions", "InsufficientDataActions")
_METRIC = (
    *("Namespace", "MetricName", "Dimensions", "Statistic", "ExtendedStatistic", "Period", "EvaluationPeriods"),
    *("DatapointsToAlarm", "Threshold", "ComparisonOperator", "TreatMissingData"),
)
LIST = Question(
    service="cloudwatch",
    operation="describe_alarms",
    keep=(
        *(f"MetricAlarms.{name}" for name in ("AlarmName", "AlarmArn", "AlarmDescription", *_ACTIONS, *_METRIC)),
        *(f"CompositeAlarms.{name}" for name in ("AlarmName", "AlarmArn", "AlarmDescription", *_ACTIONS, "AlarmRule")),
    ),
)
DASHBOARDS = Question(
    service="cloudwatch",
    operation="list_dashboards",
    keep=("DashboardEntries.DashboardName", "DashboardEntries.DashboardArn"),
    items="DashboardEntries",
)

KINDS = ["MetricAlarm", "CompositeAlarm"]
"""Without this only metric alarms are listed (CloudWatch API reference, DescribeAlarms, AlarmTypes)."""


def metric_alarms(region: Region) -> Iterator[Live]:
    """Alarms on one metric or on an expression of several."""
    for page in region.pages(LIST, AlarmTypes=KINDS):
        for raw in page.get("MetricAlarms") or ():
            yield Live(
                id=raw["AlarmName"],
                props={
                    **picked(
                        raw,
                        arn="AlarmArn",
                        name="AlarmName",
                        alarmDescription="AlarmDescription",
                        actionsEnabled="ActionsEnabled",
                        alarmActions="AlarmActions",
                        okActions="OKActions",
                        insufficientDataActions="InsufficientDataActions",
                        namespace="Namespace",
                        metricName="MetricName",
                        statistic="Statistic",
                        extendedStatistic="ExtendedStatistic",
                        period="Period",
                        evaluationPeriods="EvaluationPeriods",
                        datapointsToAlarm="DatapointsToAlarm",
                        threshold="Threshold",
                        comparisonOperator="ComparisonOperator",
                        treatMissingData="TreatMissingData",
                    ),
                    "dimensions": tags(raw.get("Dimensions"), key="Name"),
                },
            )


def composite_alarms(region: Region) -> Iterator[Live]:
    """Alarms on other alarms."""
    for page in region.pages(LIST, AlarmTypes=KINDS):
        for raw in page.get("CompositeAlarms") or ():
            yield Live(
                id=raw["AlarmName"],
                props=picked(
                    raw,
                    arn="AlarmArn",
                    alarmName="AlarmName",
                    alarmDescription="AlarmDescription",
                    actionsEnabled="ActionsEnabled",
                    alarmActions="AlarmActions",
                    okActions="OKActions",
                    insufficientDataActions="InsufficientDataActions",
                    alarmRule="AlarmRule",
                ),
            )


def dashboards(region: Region) -> Iterator[Live]:
    """Dashboards, of which every region lists all
    (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Dashboards.html)."""
    for raw in region.pages(DASHBOARDS):
        yield Live(
            id=raw["DashboardName"], props=picked(raw, dashboardName="DashboardName", dashboardArn="DashboardArn")
        )


Reader(type="aws:cloudwatch/compositeAlarm:CompositeAlarm", read=composite_alarms, source=LIST)
Reader(type="aws:cloudwatch/metricAlarm:MetricAlarm", read=metric_alarms, source=LIST)
Reader(type="aws:cloudwatch/dashboard:Dashboard", read=dashboards, source=DASHBOARDS, placeless=True)
