"""CloudWatch, CloudWatch Logs and Kinesis: keys and topics that must let their writers in."""

import json
from collections.abc import Iterator
from typing import Any

from sandbox.aws.preconditions.account import arn_region, ask, foreign, items, locked_out, unusable
from sandbox.aws.preconditions.model import DOCS, ON_CHANGE, ON_DELETE, Precondition, Request

LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
COMPOSITE = "aws:cloudwatch/compositeAlarm:CompositeAlarm"
DASHBOARD = "aws:cloudwatch/dashboard:Dashboard"
METRIC_FILTER = "aws:cloudwatch/logMetricFilter:LogMetricFilter"
STREAM = "aws:kinesis/stream:Stream"

CLOUDWATCH = f"{DOCS}/AmazonCloudWatch/latest"

MAX_WIDGETS = MAX_WIDGET_METRICS = 500
"""https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html"""

WIDGET_TYPES = frozenset({"metric", "text", "log", "alarm", "explorer", "custom"})


def log_key_is_usable(request: Request) -> str | None:
    return unusable(request, request.given("kmsKeyId"))


def log_key_lets_logs_in(request: Request) -> str | None:
    region, account = request.context.region, request.context.account_id
    arn = f"arn:aws:logs:{region}:{account}:log-group:{request.props['name']}"
    actions = ("kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey", "kms:DescribeKey")
    # Logs sends no source: where a policy asks for one, the encryption context names the log group.
    facts = {"kms:EncryptionContext:aws:logs:arn": arn}
    return locked_out(request, request.given("kmsKeyId"), f"logs.{region}.amazonaws.com", actions, facts)


def _topics(request: Request) -> Iterator[str]:
    """Topics of this account among the actions of an alarm."""
    for name in ("alarmActions", "okActions", "insufficientDataActions"):
        for action in request.given(name) or []:
            if ":sns:" in action and not foreign(request, action):
                yield action


def alarm_topics_in_region(request: Request) -> str | None:
    for arn in _topics(request):
        if arn_region(arn) != request.context.region:
            return f"topic {arn} is in {arn_region(arn)}, the alarm in {request.context.region}"
    return None


def alarm_topics_exist(request: Request) -> str | None:
    for arn in _topics(request):
        if (
            arn_region(arn) == request.context.region
            and ask(request, "sns", "get_topic_attributes", TopicArn=arn) is None
        ):
            return f"topic {arn} does not exist"
    return None


def topic_keys_let_cloudwatch_in(request: Request) -> str | None:
    place = f"arn:aws:cloudwatch:{request.context.region}:{request.context.account_id}"
    facts = {"aws:SourceArn": f"{place}:alarm:{request.given('name') or request.given('alarmName')}"}
    for arn in _topics(request):
        if arn_region(arn) != request.context.region:
            continue
        found = ask(request, "sns", "get_topic_attributes", TopicArn=arn)
        reference = (found or {}).get("Attributes", {}).get("KmsMasterKeyId")
        actions = ("kms:Decrypt", "kms:GenerateDataKey")
        if reference == "alias/aws/sns":
            return f"topic {arn} is encrypted with alias/aws/sns, whose policy does not let cloudwatch.amazonaws.com in"
        if wrong := locked_out(request, reference, "cloudwatch.amazonaws.com", actions, facts):
            return f"topic {arn}: {wrong}"
    return None


def dashboard_is_valid(request: Request) -> str | None:
    body = request.given("dashboardBody")
    if isinstance(body, str):
        try:
            body = json.loads(body)
        except ValueError as error:
            return f"the body is not JSON: {error}"
    widgets = body.get("widgets") if isinstance(body, dict) else None
    if not isinstance(widgets, list):
        return "the body has no list of widgets"
    if len(widgets) > MAX_WIDGETS:
        return f"{len(widgets)} widgets are more than {MAX_WIDGETS}"
    for number, widget in enumerate(widgets):
        if wrong := _widget_wrong(widget):
            return f"/widgets/{number}: {wrong}"
    return None


def _widget_wrong(widget: Any) -> str | None:
    kind = widget.get("type") if isinstance(widget, dict) else None
    if kind not in WIDGET_TYPES:
        return f"type {kind!r} is not one of {', '.join(sorted(WIDGET_TYPES))}"
    about = widget.get("properties")
    if not isinstance(about, dict):
        return "properties are missing"
    if kind == "metric" and "region" not in about:
        return "a metric widget names its region"
    rows = about.get("metrics") or []
    if len(rows) > MAX_WIDGET_METRICS:
        return f"{len(rows)} metrics are more than {MAX_WIDGET_METRICS}"
    return next((f"metric {row!r} has no namespace and name" for row in rows if not _metric_row(row)), None)


def _metric_row(row: Any) -> bool:
    """An expression, or namespace, name and pairs of dimensions, with options behind."""
    if not isinstance(row, list) or not row:
        return False
    words = [part for part in row if isinstance(part, str)]
    options = [part for part in row if isinstance(part, dict)]
    if not words:
        return len(options) == 1 and "expression" in options[0]
    return len(words) % 2 == 0 and len(options) <= 1


def filter_group_exists(request: Request) -> str | None:
    name = request.given("logGroupName")
    groups = items(request, "logs", "describe_log_groups", "logGroups", logGroupNamePrefix=name)
    return None if any(group["logGroupName"] == name for group in groups) else f"log group {name} does not exist"


def stream_key_is_usable(request: Request) -> str | None:
    return unusable(request, request.given("kmsKeyId")) if request.given("encryptionType") == "KMS" else None


def stream_consumers_are_gone(request: Request) -> str | None:
    arn = request.given("arn")
    if not arn or request.given("enforceConsumerDeletion"):
        return None
    found = items(request, "kinesis", "list_stream_consumers", "Consumers", StreamARN=arn)
    names = [row["ConsumerName"] for row in found if row.get("ConsumerStatus") != "DELETING"]
    return f"stream {arn} has consumers {', '.join(names)}" if names else None


ROWS = (
    Precondition(
        id="logs-key-is-usable",
        token=LOG_GROUP,
        on=ON_CHANGE,
        rule="The key of a log group must be an enabled symmetric key in its Region.",
        source=f"{CLOUDWATCH}/logs/encrypt-log-data-kms.html",
        code="InvalidParameterException",
        check=log_key_is_usable,
    ),
    Precondition(
        id="logs-key-lets-logs-in",
        token=LOG_GROUP,
        on=ON_CHANGE,
        rule="The key policy must let logs.REGION.amazonaws.com encrypt and decrypt for the log group.",
        source=f"{CLOUDWATCH}/logs/encrypt-log-data-kms.html",
        code="AccessDeniedException",
        check=log_key_lets_logs_in,
    ),
    Precondition(
        id="cloudwatch-alarm-topics-in-region",
        token=ALARM,
        on=ON_CHANGE,
        rule="An alarm acts on topics of its own Region.",
        source=f"{CLOUDWATCH}/APIReference/API_PutMetricAlarm.html",
        code="ValidationError",
        check=alarm_topics_in_region,
    ),
    Precondition(
        id="cloudwatch-alarm-topics-exist",
        token=ALARM,
        on=ON_CHANGE,
        rule="The topics that an alarm notifies must exist.",
        source=f"{CLOUDWATCH}/monitoring/AlarmThatSendsEmail.html",
        code="NotFound",
        check=alarm_topics_exist,
        later=True,
    ),
    Precondition(
        id="cloudwatch-topic-keys-let-alarms-in",
        token=ALARM,
        on=ON_CHANGE,
        rule="The key of an encrypted topic must let cloudwatch.amazonaws.com generate data keys and decrypt.",
        source=f"{DOCS}/sns/latest/dg/sns-key-management.html",
        code="KMSAccessDenied",
        check=topic_keys_let_cloudwatch_in,
        later=True,
    ),
    Precondition(
        id="cloudwatch-composite-topics-exist",
        token=COMPOSITE,
        on=ON_CHANGE,
        rule="The topics that a composite alarm notifies must exist.",
        source=f"{CLOUDWATCH}/monitoring/AlarmThatSendsEmail.html",
        code="NotFound",
        check=alarm_topics_exist,
        later=True,
    ),
    Precondition(
        id="cloudwatch-topic-keys-let-composites-in",
        token=COMPOSITE,
        on=ON_CHANGE,
        rule="The key of an encrypted topic must let cloudwatch.amazonaws.com generate data keys and decrypt.",
        source=f"{DOCS}/sns/latest/dg/sns-key-management.html",
        code="KMSAccessDenied",
        check=topic_keys_let_cloudwatch_in,
        later=True,
    ),
    Precondition(
        id="cloudwatch-dashboard-is-valid",
        token=DASHBOARD,
        on=ON_CHANGE,
        rule="A dashboard's body is JSON with at most 500 widgets, each of a known type and with at most 500 metrics.",
        source=f"{CLOUDWATCH}/APIReference/CloudWatch-Dashboard-Body-Structure.html",
        code="InvalidParameterInput",
        check=dashboard_is_valid,
    ),
    Precondition(
        id="logs-filtered-group-exists",
        token=METRIC_FILTER,
        on=ON_CHANGE,
        rule="A metric filter reads a log group that exists.",
        source=f"{DOCS}/AmazonCloudWatchLogs/latest/APIReference/API_PutMetricFilter.html",
        code="ResourceNotFoundException",
        check=filter_group_exists,
    ),
    Precondition(
        id="kinesis-key-is-usable",
        token=STREAM,
        on=ON_CHANGE,
        rule="The key of a stream must be an enabled symmetric key in its Region.",
        source=f"{DOCS}/kinesis/latest/APIReference/API_StartStreamEncryption.html",
        code="KMSNotFoundException",
        check=stream_key_is_usable,
    ),
    Precondition(
        id="kinesis-consumers-are-gone",
        token=STREAM,
        on=ON_DELETE,
        rule="A stream with registered consumers is deleted only with EnforceConsumerDeletion.",
        source=f"{DOCS}/kinesis/latest/APIReference/API_DeleteStream.html",
        code="ResourceInUseException",
        check=stream_consumers_are_gone,
    ),
)
