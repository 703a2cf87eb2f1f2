"""An EventBridge pipe that reads the cell's Kinesis stream, under a role that can do this and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_aws import cloudwatch, iam, pipes

from components.base import type_token
from components.iam import Statement, allow, from_source, policy, trust, via_service
from components.vocabulary import DataClass, tags

PIPE_NAME_MAX = 64
"""https://docs.aws.amazon.com/eventbridge/latest/pipes-reference/API_CreatePipe.html"""

READ_STREAM = (
    "kinesis:DescribeStream",
    "kinesis:DescribeStreamSummary",
    "kinesis:GetRecords",
    "kinesis:GetShardIterator",
    "kinesis:ListShards",
)
"""What a pipe does to its source (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-permissions.html);
kinesis:ListStreams of that list is for the console."""

BATCH_SIZE = 10
"""Records a batch: as many as one SQS or EventBridge call takes."""

PARALLEL_BATCHES = 4
"""Batches of one shard in flight, each with accounts of its own, so that order within an account holds. A shard takes
1,000 records a second; at 20 ms for a call of 10 records one batch at a time moves 500 of them. Two would do, four
leaves half."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamPipeArgs:
    """What one pipe needs to know."""

    region: str
    jurisdiction: str
    account_id: str
    stream_arn: pulumi.Input[str]
    stream_key_arn: pulumi.Input[str]
    target_arn: pulumi.Input[str]
    target_parameters: Mapping[str, Any]
    """`PipeTargetParametersArgs` as a mapping."""
    target_statements: Sequence[Statement]
    """What the pipe's role may do to its target."""
    logs_key_arn: pulumi.Input[str]
    log_retention_days: int
    logs_allowed: pulumi.Resource
    """Policy that lets the log delivery service write to groups under `log_group_name`."""
    role: iam.Role
    """The pipe's role, made beforehand by `pipe_role`: its target's policy names it."""


def pipe_role(name: str, region: str, account_id: str, opts: pulumi.ResourceOptions) -> iam.Role:
    """The role of the pipe called `name`; only that pipe of this account can assume it."""
    source = f"arn:aws:pipes:{region}:{account_id}:pipe/{name}"
    return iam.Role(
        f"{name}-pipe",
        description=f"EventBridge pipe {name}: stream to target",
        assume_role_policy=trust("pipes", when=from_source(account_id, source)),
        tags=tags(DataClass.INTERNAL),
        opts=opts,
    )


class StreamPipe(pulumi.ComponentResource):
    """Pipe, its role's policy, its log group and an alarm. Creation: about a minute."""

    arn: pulumi.Output[str]
    alarm_arn: pulumi.Output[str]
    """Tells nobody: a composite alarm over it does."""
    name: pulumi.Output[str]

    def __init__(self, name: str, args: StreamPipeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        if len(name) > PIPE_NAME_MAX:
            raise ValueError(f"pipe {name!r}: {len(name)} characters; AWS takes {PIPE_NAME_MAX}")
        super().__init__(type_token(type(self)), name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        allowed = iam.RolePolicy(name, role=args.role.id, policy=policy(*self._statements(args)), opts=child)
        log_group = cloudwatch.LogGroup(
            name,
            region=args.region,
            name=log_group_name(name),
            retention_in_days=args.log_retention_days,
            kms_key_id=args.logs_key_arn,
            tags=tags(DataClass.CONFIDENTIAL, jurisdiction=args.jurisdiction),
            opts=child,
        )
        pipe = pipes.Pipe(
            name,
            region=args.region,
            name=name,
            role_arn=args.role.arn,
            source=args.stream_arn,
            source_parameters={"kinesis_stream_parameters": _source()},
            target=args.target_arn,
            target_parameters=dict(args.target_parameters),
            log_configuration={
                "level": "ERROR",
                "cloudwatch_logs_log_destination": {"log_group_arn": log_group.arn},
            },
            tags=tags(DataClass.PAYMENTS),
            # A pipe tries its permissions when it starts.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[allowed, args.logs_allowed]),
        )
        self.name = pipe.name
        self.arn, self.alarm_arn = pipe.arn, self._failing_alarm(name, args, child)
        self.register_outputs({"arn": self.arn})

    @staticmethod
    def _failing_alarm(name: str, args: StreamPipeArgs, child: pulumi.ResourceOptions) -> pulumi.Output[str]:
        alarm = cloudwatch.MetricAlarm(
            f"{name}-pipe-failing",
            region=args.region,
            alarm_description=f"Pipe {name} retries the same records: nothing behind them is delivered.",
            namespace="AWS/EventBridge/Pipes",
            metric_name="ExecutionFailed",
            dimensions={"PipeName": name},
            statistic="Sum",
            period=60,
            evaluation_periods=3,
            threshold=0,
            comparison_operator="GreaterThanThreshold",
            treat_missing_data="notBreaching",
            tags=tags(DataClass.INTERNAL),
            opts=child,
        )
        arn: pulumi.Output[str] = alarm.arn
        return arn

    @staticmethod
    def _statements(args: StreamPipeArgs) -> Sequence[Statement]:
        decrypt = via_service(["kinesis"], args.region, args.account_id)
        return [
            allow("ReadStream", READ_STREAM, [args.stream_arn]),
            allow("DecryptStream", ["kms:Decrypt"], [args.stream_key_arn], when=decrypt),
            *args.target_statements,
        ]


def log_group_name(pipe: str) -> str:
    """Log group of a pipe; the prefix is what one resource policy opens for vended logs."""
    return f"/aws/vendedlogs/pipes/{pipe}"


def _source() -> Mapping[str, Any]:
    return {
        # What was written before the pipe existed belongs to its consumer too.
        "starting_position": "TRIM_HORIZON",
        "batch_size": BATCH_SIZE,
        "parallelization_factor": PARALLEL_BATCHES,
        # Never give up on a record while the stream still has it: skipping one would break the order of its account. So
        # nothing ever reaches a dead-letter queue here; the alarm on failed executions takes its place.
        "maximum_retry_attempts": -1,
        "maximum_record_age_in_seconds": -1,
        "on_partial_batch_item_failure": "AUTOMATIC_BISECT",
    }
