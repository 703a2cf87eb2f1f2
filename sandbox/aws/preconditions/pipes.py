"""EventBridge Pipes: source, target, and a role that reads the one and writes the other."""

from collections.abc import Mapping
from typing import Any

from sandbox.aws.preconditions.account import arn_region, ask, forbidden, foreign, key, untrusted
from sandbox.aws.preconditions.model import DOCS, ON_CHANGE, ON_CREATE, Precondition, Request

PIPE = "aws:pipes/pipe:Pipe"

GUIDE = f"{DOCS}/eventbridge/latest/userguide"

READ: Mapping[str, tuple[str, ...]] = {
    "kinesis": ("kinesis:DescribeStream", "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards"),
    "sqs": ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"),
}
WRITE = {"sqs": "sqs:SendMessage", "sns": "sns:Publish", "kinesis": "kinesis:PutRecords", "events": "events:PutEvents"}
"""Service in an ARN -> what a pipe's role needs (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-permissions.html)."""


def _service(arn: str) -> str:
    return arn.split(":")[2] if arn.count(":") >= 5 else ""


def _named(arn: str) -> str:
    return arn.rpartition(":")[2].rpartition("/")[2]


def _there(request: Request, arn: str) -> Any:
    """What the ARN names; anything true for services and accounts that cannot be looked into."""
    if foreign(request, arn) or arn_region(arn) != request.context.region:
        return True
    match _service(arn):
        case "kinesis":
            return ask(request, "kinesis", "describe_stream_summary", StreamName=_named(arn))
        case "sqs":
            return ask(request, "sqs", "get_queue_url", QueueName=_named(arn))
        case "events":
            return ask(request, "events", "describe_event_bus", Name=_named(arn))
        case "sns":
            return ask(request, "sns", "get_topic_attributes", TopicArn=arn)
    return True


def source_exists(request: Request) -> str | None:
    arn = str(request.given("source") or "")
    return None if _there(request, arn) else f"source {arn} does not exist"


def target_exists(request: Request) -> str | None:
    arn = str(request.given("target") or "")
    return None if _there(request, arn) else f"target {arn} does not exist"


def role_is_trusted(request: Request) -> str | None:
    return untrusted(request, request.given("roleArn"), "pipes.amazonaws.com")


def role_reads_source(request: Request) -> str | None:
    arn, role = str(request.given("source") or ""), str(request.given("roleArn") or "")
    needs = [(action, arn) for action in READ.get(_service(arn), ())]
    return forbidden(request, role, needs)


def role_decrypts_source(request: Request) -> str | None:
    arn, role = str(request.given("source") or ""), str(request.given("roleArn") or "")
    stream = _there(request, arn) if _service(arn) == "kinesis" else None
    summary = stream.get("StreamDescriptionSummary", {}) if isinstance(stream, Mapping) else {}
    reference = str(summary.get("KeyId") or "")
    found = key(request, reference) if reference and "alias/aws/" not in reference else None
    return forbidden(request, role, [("kms:Decrypt", found["Arn"])]) if found else None


def role_writes_target(request: Request) -> str | None:
    arn, role = str(request.given("target") or ""), str(request.given("roleArn") or "")
    action = WRITE.get(_service(arn))
    return forbidden(request, role, [(action, arn)]) if action else None


def fifo_target_has_group(request: Request) -> str | None:
    arn = str(request.given("target") or "")
    if _service(arn) != "sqs" or not arn.endswith(".fifo"):
        return None
    group = request.given("targetParameters", "sqsQueueParameters", "messageGroupId")
    return None if group else f"target {arn} is FIFO and sqsQueueParameters has no messageGroupId"


ROWS = (
    Precondition(
        id="pipes-source-exists",
        token=PIPE,
        on=ON_CREATE,
        rule="The source of a pipe must exist.",
        source=f"{GUIDE}/eb-pipes-event-source.html",
        code="CREATE_FAILED",
        check=source_exists,
        later=True,
    ),
    Precondition(
        id="pipes-target-exists",
        token=PIPE,
        on=ON_CHANGE,
        rule="The target of a pipe must exist.",
        source=f"{GUIDE}/eb-pipes-error-troubleshooting.html",
        code="TargetStageFailed",
        check=target_exists,
        later=True,
    ),
    Precondition(
        id="pipes-role-is-trusted",
        token=PIPE,
        on=ON_CHANGE,
        rule="The role of a pipe must exist and trust pipes.amazonaws.com.",
        source=f"{GUIDE}/eb-pipes-permissions.html",
        code="CREATE_FAILED",
        check=role_is_trusted,
        later=True,
    ),
    Precondition(
        id="pipes-role-reads-source",
        token=PIPE,
        on=ON_CHANGE,
        rule="The role of a pipe must be allowed to read its source before the pipe starts.",
        source=f"{GUIDE}/eb-pipes-permissions.html",
        code="CREATE_FAILED",
        check=role_reads_source,
        later=True,
    ),
    Precondition(
        id="pipes-role-decrypts-source",
        token=PIPE,
        on=ON_CHANGE,
        rule="The role of a pipe must be allowed kms:Decrypt on the customer-managed key of its stream.",
        source=f"{GUIDE}/eb-pipes-error-troubleshooting.html",
        code="CREATE_FAILED",
        check=role_decrypts_source,
        later=True,
    ),
    Precondition(
        id="pipes-role-writes-target",
        token=PIPE,
        on=ON_CHANGE,
        rule="The role of a pipe must be allowed to write to its target.",
        source=f"{GUIDE}/eb-pipes-error-troubleshooting.html",
        code="TargetStageFailed",
        check=role_writes_target,
        later=True,
    ),
    Precondition(
        id="pipes-fifo-target-has-group",
        token=PIPE,
        on=ON_CHANGE,
        rule="A pipe to a FIFO queue needs a message group id.",
        source=f"{DOCS}/eventbridge/latest/pipes-reference/API_PipeTargetSqsQueueParameters.html",
        code="ValidationException",
        check=fifo_target_has_group,
    ),
)
