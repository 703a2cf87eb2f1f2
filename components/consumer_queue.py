"""The queue that one consumer reads, with its dead-letter queue, their policies, and the alarms for a stuck one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import cloudwatch, sqs

from components.base import type_token
from components.iam import Statement, deny_insecure_transport, policy
from components.vocabulary import DataClass, tags

QUEUE_NAME_MAX = 80
"""Longest queue name, `.fifo` included
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html)."""

RETENTION_S = 4 * 86_400
"""Seconds that a message waits for its consumer."""

DEAD_LETTER_RETENTION_S = 14 * 86_400
"""Seconds that a dead letter waits for a person; the most that SQS accepts. More than `RETENTION_S`, because on
standard queues the clock of a message runs on when it is moved (control EVT-01)."""

MAX_RECEIVE_COUNT = 5
"""Attempts before a message is a dead letter."""

LONG_POLL_S = 20
"""Seconds that an empty receive waits; the most that SQS accepts, which costs the fewest calls."""

KEY_REUSE_S = 300
"""Seconds that SQS reuses a data key (60 to 86,400): one KMS call in five minutes, and so long after a key is
disabled the queue still opens."""

Grants = Callable[[pulumi.Output[str]], Sequence[Statement]]
"""Queue ARN -> statements that let its sender in."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ConsumerQueueArgs:
    """What the queue of one consumer needs to know."""

    region: str
    account_id: str
    jurisdiction: str
    ordered: bool
    """FIFO, ordered within a message group. A dead letter lets the messages behind it pass: the consumer has to stop
    the account it belongs to."""
    key_arn: pulumi.Input[str]
    grants: Grants
    dead_letter_grants: Grants | None = None
    """For the dead-letter queue, where the sender itself puts what it cannot deliver."""
    visibility_timeout_s: int = 60
    """Longer than the consumer works on one message."""
    max_age_s: int = 300
    """Age of the oldest message that raises the alarm."""

    def __post_init__(self) -> None:
        if not 0 < self.visibility_timeout_s <= 43_200:
            raise ValueError(f"consumer.visibility_timeout_s: {self.visibility_timeout_s} is outside 1..43200 s (SQS)")
        if not 60 <= self.max_age_s < RETENTION_S:
            raise ValueError(
                f"consumer.max_age_s: {self.max_age_s} is outside 60..{RETENTION_S - 1} s: the metric has "
                "one-minute steps, and older messages are gone"
            )


class ConsumerQueue(pulumi.ComponentResource):
    """Queue, dead-letter queue, policies and two alarms of one consumer. Creation: seconds. The alarms tell nobody: a
    composite alarm over them does (`components/event_log.py`).

    Physical names are the component's name (`<name>`, `<name>-dlq`, with `.fifo` where ordered): the two queues name
    each other in their redrive policies, which only works with names known beforehand.
    """

    url: pulumi.Output[str]
    arn: pulumi.Output[str]
    dead_letter_url: pulumi.Output[str]
    dead_letter_arn: pulumi.Output[str]
    alarm_arns: Sequence[pulumi.Output[str]]
    name: str
    """Physical name; that of the dead-letter queue is"""
    dead_letter_name: str
    ready: Sequence[pulumi.Resource]
    """What a sender has to wait for: the policies that let it in."""

    def __init__(self, name: str, args: ConsumerQueueArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        suffix = ".fifo" if args.ordered else ""
        if len(f"{name}-dlq{suffix}") > QUEUE_NAME_MAX:
            raise ValueError(
                f"consumer {name!r}: -dlq{suffix} makes it longer than {QUEUE_NAME_MAX} characters; shorten it"
            )
        super().__init__(type_token(type(self)), name, {}, opts)
        self._args, self._suffix = args, suffix
        self._child = pulumi.ResourceOptions(parent=self)
        source_arn = f"arn:aws:sqs:{args.region}:{args.account_id}:{name}{suffix}"
        dead = self._queue(
            f"{name}-dlq",
            message_retention_seconds=DEAD_LETTER_RETENTION_S,
            redrive_allow_policy=pulumi.Output.json_dumps(
                {"redrivePermission": "byQueue", "sourceQueueArns": [source_arn]}, sort_keys=True
            ),
        )
        queue = self._queue(
            name,
            message_retention_seconds=RETENTION_S,
            visibility_timeout_seconds=args.visibility_timeout_s,
            receive_wait_time_seconds=LONG_POLL_S,
            redrive_policy=pulumi.Output.json_dumps(
                {"deadLetterTargetArn": dead.arn, "maxReceiveCount": MAX_RECEIVE_COUNT}, sort_keys=True
            ),
        )
        self.ready = [
            self._policy(name, queue, args.grants(queue.arn)),
            self._policy(f"{name}-dlq", dead, args.dead_letter_grants(dead.arn) if args.dead_letter_grants else ()),
        ]
        self.alarm_arns = [self._dead_letter_alarm(name), self._age_alarm(name)]
        self.name, self.dead_letter_name = f"{name}{suffix}", f"{name}-dlq{suffix}"
        self.url, self.arn = queue.url, queue.arn
        self.dead_letter_url, self.dead_letter_arn = dead.url, dead.arn
        self.register_outputs({"url": self.url, "arn": self.arn, "deadLetterUrl": self.dead_letter_url})

    def _queue(self, name: str, **settings: pulumi.Input[str | int]) -> sqs.Queue:
        if self._args.ordered:
            # High throughput: limits count per account, not per queue
            # (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/high-throughput-fifo.html).
            settings |= {
                "fifo_queue": True,
                "deduplication_scope": "messageGroup",
                "fifo_throughput_limit": "perMessageGroupId",
            }
        return sqs.Queue(
            name,
            region=self._args.region,
            name=f"{name}{self._suffix}",
            kms_master_key_id=self._args.key_arn,
            kms_data_key_reuse_period_seconds=KEY_REUSE_S,
            tags=tags(DataClass.PAYMENTS, jurisdiction=self._args.jurisdiction),
            opts=self._child,
            **settings,
        )

    def _policy(self, name: str, queue: sqs.Queue, grants: Sequence[Statement]) -> sqs.QueuePolicy:
        return sqs.QueuePolicy(
            name,
            region=self._args.region,
            queue_url=queue.url,
            policy=policy(deny_insecure_transport("sqs:*", [queue.arn]), *grants),
            opts=self._child,
        )

    def _dead_letter_alarm(self, name: str) -> pulumi.Output[str]:
        return self._alarm(
            f"{name}-dead-letters",
            queue=f"{name}-dlq{self._suffix}",
            metric="ApproximateNumberOfMessagesVisible",
            threshold=0,
            periods=1,
            why=f"{name} gave up on a message: read {name}-dlq, repair the cause, then redrive.",
        )

    def _age_alarm(self, name: str) -> pulumi.Output[str]:
        return self._alarm(
            f"{name}-age",
            queue=f"{name}{self._suffix}",
            metric="ApproximateAgeOfOldestMessage",
            threshold=self._args.max_age_s,
            periods=3,
            why=f"{name} is behind: its oldest message waits longer than {self._args.max_age_s} s.",
        )

    def _alarm(
        self, name: str, *, queue: str, metric: str, threshold: int, periods: int, why: str
    ) -> pulumi.Output[str]:
        alarm = cloudwatch.MetricAlarm(
            name,
            region=self._args.region,
            alarm_description=why,
            namespace="AWS/SQS",
            metric_name=metric,
            dimensions={"QueueName": queue},
            statistic="Maximum",
            period=60,
            evaluation_periods=periods,
            threshold=threshold,
            comparison_operator="GreaterThanThreshold",
            # SQS stops its metrics for a queue that was idle for six hours: silence is not an incident.
            treat_missing_data="notBreaching",
            tags=tags(DataClass.INTERNAL),
            opts=self._child,
        )
        arn: pulumi.Output[str] = alarm.arn
        return arn
