"""What happened in a cell, in order: a stream per cell, its locked archive, and a queue for each consumer.

    writer -> Kinesis stream --- pipe per ordered consumer ---> FIFO queue, group = partition key = account
                     |
                     `---------- one pipe ---> EventBridge bus (archive, replay) --- rule per consumer ---> queue

Order holds per account up to the stream and the FIFO queues. It is lost on the bus: only consumers that do not need
it sit behind it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import cloudwatch, kinesis

from components.alarms import Watched
from components.base import type_token
from components.buckets import ObjectLock, PrivateBucket, PrivateBucketArgs
from components.consumer_queue import ConsumerQueue, ConsumerQueueArgs, Grants
from components.iam import Statement, allow, from_source, policy, service, via_service
from components.stream_pipe import StreamPipe, StreamPipeArgs, log_group_name, pipe_role
from components.vocabulary import DataClass, tags
from contracts.metrics import Subject

EVENT_SOURCE_PREFIX = "payment-cell"
"""First part of the `source` of the cell's events on its bus: `payment-cell.<cell>`."""

ARCHIVE_COLD_AFTER_DAYS = 90
"""Days after which archived events are read for audits and replays only."""

RETRY_AGE_S = 86_400
"""Seconds that EventBridge keeps trying a target; its maximum."""
RETRIES = 185
"""Attempts in that time; its maximum
(https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html)."""

_CONSUMER_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")


@dataclass(frozen=True, kw_only=True, slots=True)
class ConsumerArgs:
    """Who reads events, and how."""

    name: str
    ordered: bool
    """True: every event of an account in order (ledger, invoicing). False: through the bus, any order (tax, fraud)."""
    event_types: Sequence[str] = ()
    """Detail types an unordered consumer wants; empty: all."""
    visibility_timeout_s: int = 60
    max_age_s: int = 300

    def __post_init__(self) -> None:
        if not _CONSUMER_NAME.fullmatch(self.name):
            raise ValueError(f"consumer {self.name!r}: use a-z, 0-9 and -, a letter first, 31 characters at most")
        if self.ordered and self.event_types:
            raise ValueError(
                f"consumer {self.name}.event_types: an ordered consumer gets all events; filter in the consumer"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class EventLogArgs:
    """What the event log of one cell needs to know."""

    region: str
    account_id: str
    jurisdiction: str
    consumers: Sequence[ConsumerArgs]
    events_key_arn: pulumi.Input[str]
    """Encrypts messages in flight; its policy lets EventBridge deliver."""
    archive_key_arn: pulumi.Input[str]
    logs_key_arn: pulumi.Input[str]
    alarm_topic_arn: pulumi.Input[str]
    """Pages."""
    archive_lock: ObjectLock
    archive_retention_days: int
    stream_shards: int | None = None
    """Each takes 1 MB or 1,000 records a second. None: on demand, which doubles only after it was throttled."""
    stream_retention_h: int = 168
    """Hours a record stays readable; Kinesis takes 24 to 8760."""
    replay_days: int = 30
    """Days that the bus can replay."""
    log_retention_days: int = 365
    protected: bool = True
    """Pulumi refuses to delete stream, archive and bus archive."""
    disposable: bool = False
    """The archive bucket goes with its stack; else it stays in the account."""

    def __post_init__(self) -> None:
        names = [consumer.name for consumer in self.consumers]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"event_log.consumers: {', '.join(repeated)} more than once; each has one queue")
        if "bus" in names:
            raise ValueError("event_log.consumers: 'bus' is the name of the pipe to the bus; choose another")
        if not 24 <= self.stream_retention_h <= 8760:
            raise ValueError(f"event_log.stream_retention_h: {self.stream_retention_h} is outside 24..8760 h (Kinesis)")
        if self.stream_shards is not None and self.stream_shards < 1:
            raise ValueError(
                f"event_log.stream_shards: {self.stream_shards} is below 1; leave it out for on-demand mode"
            )
        if self.replay_days < 1:
            raise ValueError(f"event_log.replay_days: {self.replay_days} is below 1 day")


class EventLog(pulumi.ComponentResource):
    """Stream, archive, bus, and a queue with pipe or rule for each consumer. Creation: about two minutes.

    The stream is written by the relay and archived by the archiver (`components/event_path.py`).
    """

    stream_name: pulumi.Output[str]
    stream_arn: pulumi.Output[str]
    bus_name: pulumi.Output[str]
    bus_arn: pulumi.Output[str]
    archive_bucket: pulumi.Output[str]
    archive_arn: pulumi.Output[str]
    queue_urls: Mapping[str, pulumi.Output[str]]
    """Consumer -> queue URL."""
    queue_arns: Mapping[str, pulumi.Output[str]]
    dead_letter_urls: Mapping[str, pulumi.Output[str]]
    stuck_alarm_arn: pulumi.Output[str]
    """The composite alarm that pages."""
    watched: Watched

    def __init__(self, name: str, args: EventLogArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(type_token(type(self)), name, {}, opts)
        self._prefix, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        self._lasting = pulumi.ResourceOptions(parent=self, protect=args.protected)
        self._stream, throttled = self._make_stream()
        self._bus = self._make_bus()
        archive = self._archive()
        self._log_policy = self._pipe_logs()
        pipes: dict[str, StreamPipe] = {}
        if any(not consumer.ordered for consumer in args.consumers):
            pipes["bus"] = self._pipe_to_bus()
        queues = {}
        for consumer in args.consumers:
            if consumer.ordered:
                queues[consumer.name], pipes[consumer.name] = self._ordered(consumer)
            else:
                queues[consumer.name] = self._unordered(consumer)
        leaves = [arn for queue in queues.values() for arn in queue.alarm_arns]
        self.stuck_alarm_arn = self._stuck_alarm([throttled, *leaves, *(pipe.alarm_arn for pipe in pipes.values())])
        self.watched = self._watched(queues, pipes)
        self.stream_name, self.stream_arn = self._stream.name, self._stream.arn
        self.bus_name, self.bus_arn = self._bus.name, self._bus.arn
        self.archive_bucket, self.archive_arn = archive.bucket, archive.arn
        self.queue_urls = {key: queue.url for key, queue in queues.items()}
        self.queue_arns = {key: queue.arn for key, queue in queues.items()}
        self.dead_letter_urls = {key: queue.dead_letter_url for key, queue in queues.items()}
        self.register_outputs(
            {
                "streamArn": self.stream_arn,
                "busArn": self.bus_arn,
                "archiveBucket": self.archive_bucket,
                "queueUrls": self.queue_urls,
                "deadLetterUrls": self.dead_letter_urls,
            }
        )

    @property
    def event_source(self) -> str:
        """`source` of this cell's events on its bus."""
        return f"{EVENT_SOURCE_PREFIX}.{self._prefix}"

    def _make_stream(self) -> tuple[kinesis.Stream, pulumi.Output[str]]:
        args = self._args
        stream = kinesis.Stream(
            self._prefix,
            region=args.region,
            stream_mode_details={"stream_mode": "PROVISIONED" if args.stream_shards else "ON_DEMAND"},
            shard_count=args.stream_shards,
            retention_period=args.stream_retention_h,
            encryption_type="KMS",
            kms_key_id=args.events_key_arn,
            shard_level_metrics=["IncomingRecords", "IteratorAgeMilliseconds", "WriteProvisionedThroughputExceeded"],
            enforce_consumer_deletion=not args.protected,
            tags=tags(DataClass.PAYMENTS, jurisdiction=args.jurisdiction),
            opts=self._lasting,
        )
        throttled = cloudwatch.MetricAlarm(
            f"{self._prefix}-stream-throttled",
            region=args.region,
            alarm_description="Writers are refused: a shard is over 1 MB or 1,000 records a second. Add shards.",
            namespace="AWS/Kinesis",
            metric_name="WriteProvisionedThroughputExceeded",
            dimensions={"StreamName": stream.name},
            statistic="Sum",
            period=60,
            evaluation_periods=3,
            threshold=0,
            comparison_operator="GreaterThanThreshold",
            treat_missing_data="notBreaching",
            tags=tags(DataClass.INTERNAL),
            opts=self._child,
        )
        return stream, throttled.arn

    def _make_bus(self) -> cloudwatch.EventBus:
        args = self._args
        bus = cloudwatch.EventBus(
            self._prefix,
            region=args.region,
            name=self._prefix,
            description=f"{self._prefix}: events for consumers that need no order",
            kms_key_identifier=args.events_key_arn,
            tags=tags(DataClass.PAYMENTS, jurisdiction=args.jurisdiction),
            opts=self._child,
        )
        cloudwatch.EventArchive(
            self._prefix,
            region=args.region,
            name=self._prefix,
            event_source_arn=bus.arn,
            retention_days=args.replay_days,
            kms_key_identifier=args.events_key_arn,
            opts=self._lasting,
        )
        return bus

    def _archive(self) -> PrivateBucket:
        args = self._args
        cold = ARCHIVE_COLD_AFTER_DAYS if args.archive_retention_days > ARCHIVE_COLD_AFTER_DAYS else None
        return PrivateBucket(
            f"{self._prefix}-archive",
            PrivateBucketArgs(
                region=args.region,
                data_class=DataClass.PAYMENTS,
                jurisdiction=args.jurisdiction,
                retention_days=args.archive_retention_days,
                key_arn=args.archive_key_arn,
                lock=args.archive_lock,
                archive_after_days=cold,
                protected=args.protected,
                disposable=args.disposable,
            ),
            self._child,
        )

    def _pipe_logs(self) -> cloudwatch.LogResourcePolicy:
        """Lets the delivery service write the pipes' logs: one policy for all, because an account has ten a region."""
        args = self._args
        groups = f"arn:aws:logs:{args.region}:{args.account_id}:log-group:{log_group_name(self._prefix)}-*:log-stream:*"
        return cloudwatch.LogResourcePolicy(
            f"{self._prefix}-pipes",
            region=args.region,
            policy_name=f"{self._prefix}-pipes",
            policy_document=policy(
                allow(
                    "PipeLogs",
                    ["logs:CreateLogStream", "logs:PutLogEvents"],
                    [groups],
                    principal=service("delivery.logs"),
                    when=from_source(args.account_id, f"arn:aws:logs:{args.region}:{args.account_id}:*"),
                )
            ),
            opts=self._child,
        )

    def _ordered(self, consumer: ConsumerArgs) -> tuple[ConsumerQueue, StreamPipe]:
        name, args = f"{self._prefix}-{consumer.name}", self._args
        role = pipe_role(name, args.region, args.account_id, self._child)
        queue = self._queue(
            consumer,
            grants=lambda arn: [allow("FromPipe", ["sqs:SendMessage"], [arn], principal={"AWS": role.arn})],
        )
        encrypt = via_service(["sqs"], args.region, args.account_id)
        pipe = self._pipe(
            name,
            role=role,
            target_arn=queue.arn,
            target_parameters={
                "sqs_queue_parameters": {"message_group_id": "$.partitionKey", "message_deduplication_id": "$.eventID"}
            },
            target_statements=[
                allow("SendMessages", ["sqs:SendMessage"], [queue.arn]),
                allow("EncryptMessages", ["kms:Decrypt", "kms:GenerateDataKey"], [args.events_key_arn], when=encrypt),
            ],
        )
        return queue, pipe

    def _pipe_to_bus(self) -> StreamPipe:
        name, args = f"{self._prefix}-bus", self._args
        return self._pipe(
            name,
            role=pipe_role(name, args.region, args.account_id, self._child),
            target_arn=self._bus.arn,
            target_parameters={
                "eventbridge_event_bus_parameters": {"source": self.event_source, "detail_type": "$.data.type"},
                # The sequence number lets a consumer tell a duplicate and put events back in order.
                "input_template": '{"account": <$.partitionKey>, "sequence": <$.sequenceNumber>, "event": <$.data>}',
            },
            target_statements=[allow("PutEvents", ["events:PutEvents"], [self._bus.arn])],
        )

    def _pipe(self, name: str, **settings: object) -> StreamPipe:
        args = self._args
        return StreamPipe(
            name,
            StreamPipeArgs(
                region=args.region,
                jurisdiction=args.jurisdiction,
                account_id=args.account_id,
                stream_arn=self._stream.arn,
                stream_key_arn=args.events_key_arn,
                logs_key_arn=args.logs_key_arn,
                log_retention_days=args.log_retention_days,
                logs_allowed=self._log_policy,
                **settings,  # type: ignore[arg-type]
            ),
            self._child,
        )

    def _unordered(self, consumer: ConsumerArgs) -> ConsumerQueue:
        name, args = f"{self._prefix}-{consumer.name}", self._args
        pattern: dict[str, object] = {"source": [self.event_source]}
        if consumer.event_types:
            pattern["detail-type"] = sorted(consumer.event_types)
        rule = cloudwatch.EventRule(
            name,
            region=args.region,
            name=name,
            description=f"Events for {consumer.name}",
            event_bus_name=self._bus.name,
            event_pattern=pulumi.Output.json_dumps(pattern, sort_keys=True),
            tags=tags(DataClass.INTERNAL),
            opts=self._child,
        )

        def from_rule(arn: pulumi.Output[str]) -> list[Statement]:
            when = from_source(args.account_id, rule.arn)
            return [allow("FromRule", ["sqs:SendMessage"], [arn], principal=service("events"), when=when)]

        queue = self._queue(consumer, grants=from_rule, dead_letter_grants=from_rule)
        cloudwatch.EventTarget(
            name,
            region=args.region,
            event_bus_name=self._bus.name,
            rule=rule.name,
            target_id=consumer.name,
            arn=queue.arn,
            dead_letter_config={"arn": queue.dead_letter_arn},
            retry_policy={"maximum_event_age_in_seconds": RETRY_AGE_S, "maximum_retry_attempts": RETRIES},
            # Before its policies the queue refuses what the rule sends.
            opts=pulumi.ResourceOptions(parent=self, depends_on=queue.ready),
        )
        return queue

    def _queue(self, consumer: ConsumerArgs, **grants: Grants) -> ConsumerQueue:
        args = self._args
        return ConsumerQueue(
            f"{self._prefix}-{consumer.name}",
            ConsumerQueueArgs(
                region=args.region,
                account_id=args.account_id,
                jurisdiction=args.jurisdiction,
                ordered=consumer.ordered,
                key_arn=args.events_key_arn,
                visibility_timeout_s=consumer.visibility_timeout_s,
                max_age_s=consumer.max_age_s,
                **grants,
            ),
            self._child,
        )

    def _stuck_alarm(self, alarm_arns: Sequence[pulumi.Output[str]]) -> pulumi.Output[str]:
        """One page for the whole flow: a single cause usually trips several of the alarms at once."""
        alarm = cloudwatch.CompositeAlarm(
            f"{self._prefix}-events-stuck",
            region=self._args.region,
            alarm_name=f"{self._prefix}-events-stuck",
            alarm_description="Events do not reach every consumer in time.",
            alarm_rule=pulumi.Output.all(*alarm_arns).apply(
                lambda arns: " OR ".join(f'ALARM("{arn}")' for arn in arns)
            ),
            actions_enabled=True,
            alarm_actions=[self._args.alarm_topic_arn],
            ok_actions=[self._args.alarm_topic_arn],
            tags=tags(DataClass.INTERNAL),
            opts=self._child,
        )
        arn: pulumi.Output[str] = alarm.arn
        return arn

    def _watched(self, queues: Mapping[str, ConsumerQueue], pipes: Mapping[str, StreamPipe]) -> Watched:
        stream = {"StreamName": self._stream.name}
        unordered = [consumer.name for consumer in self._args.consumers if not consumer.ordered]
        return {
            Subject.STREAM: {"stream": stream},
            Subject.STREAM_SHARD: {"stream": stream},
            Subject.QUEUE: {key: {"QueueName": queue.name} for key, queue in queues.items()}
            | {f"{key}-dlq": {"QueueName": queue.dead_letter_name} for key, queue in queues.items()},
            Subject.PIPE: {key: {"PipeName": pipe.name} for key, pipe in pipes.items()},
            Subject.RULE: {
                key: {"EventBusName": self._bus.name, "RuleName": f"{self._prefix}-{key}"} for key in unordered
            },
        }
