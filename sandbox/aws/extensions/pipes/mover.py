"""Moves the records of Kinesis streams through pipes, in a thread of the emulator that sleeps while nothing arrives.

A pipe reads and sends under its own role, which is evaluated, and assumes it as EventBridge does. Of a shard one batch
is in flight, so order holds within it. A batch that fails is tried again, later each time, until it is through or the
pipe's own limits say otherwise (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-kinesis.html).
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from moto.events.models import events_backends
from moto.kinesis.models import kinesis_backends
from moto.pipes.models import pipes_backends
from moto.sqs.models import sqs_backends

from sandbox.aws.extensions.kinesis import ARRIVALS
from sandbox.aws.extensions.pipes.records import event, message, parsed, resolved
from sandbox.aws.iam.encryption import BOTH, READ, of_queue, of_stream
from sandbox.aws.iam.needs import put_event
from sandbox.aws.iam.sessions import Principal, service_session
from sandbox.aws.iam.used import USED
from sandbox.aws.iam.verdict import Need, judge_service
from sandbox.aws.outages import REGIONS
from sandbox.regions import RegionFault

SERVICE = "pipes.amazonaws.com"

OPENING = ("DescribeStream", "DescribeStreamSummary", "ListShards", "GetShardIterator")
"""What a pipe asks of its source before it reads
(https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-permissions.html)."""

BATCH_SIZE = 100
"""Of a Kinesis source that names none
(https://docs.aws.amazon.com/eventbridge/latest/pipes-reference/API_PipeSourceKinesisStreamParameters.html)."""

SEND_AT_ONCE = 10
"""Entries of one SendMessageBatch or PutEvents."""

IDLE_S = 1.0
"""Between two looks at pipes that nothing was written for: new ones, and those that wait for another attempt."""

COLLECT_S = 0.02
"""From the first record written to the look at it: what comes meanwhile goes along, and writers are not slowed."""

FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 10.0
"""Between two attempts, doubling."""


class Failed(Exception):
    """A batch that did not get through; the message says why."""


@dataclass(kw_only=True, slots=True)
class Reader:
    """Where a pipe stands in one shard."""

    position: str
    open: bool = False
    attempts: int = 0
    not_before: float = 0.0
    """Monotonic seconds."""


def run_forever(stopped: threading.Event) -> None:
    """Serve all pipes of all accounts. In a region that is dead nothing moves."""
    seen = 0
    while not stopped.is_set():
        seen = ARRIVALS.wait(seen, IDLE_S)
        stopped.wait(COLLECT_S)
        for _, _, backend in list(pipes_backends.iter_backends()):
            for pipe in list(backend.pipes.values()):
                if pipe.moves() and not REGIONS.has(pipe.region_name, RegionFault.DEAD):
                    move(pipe)


def move(pipe: Any) -> None:
    """Bring a pipe up to date, or to its first failure in each shard."""
    region, account, name = pipe.source.split(":")[3:6]
    stream = kinesis_backends[account][region].streams.get(name.removeprefix("stream/"))
    for shard in list(stream.shards.values()) if stream else ():
        reader = pipe.reader(shard.shard_id)
        while time.monotonic() >= reader.not_before and _batch(pipe, stream, shard, reader):
            pass


def _batch(pipe: Any, stream: Any, shard: Any, reader: Reader) -> bool:
    """Move one batch; False where there was none or it failed."""
    settings = pipe.source_parameters["KinesisStreamParameters"]
    records, last, _ = shard.get_records(reader.position, settings.get("BatchSize", BATCH_SIZE))
    if not records:
        return False
    try:
        principal = _assume(pipe)
        _permitted(principal, _reading(pipe.source, reader), pipe.region_name)
        reader.open = True
        events = [event(record, shard.shard_id, stream.arn, pipe.role_arn) for record in _young(records, settings)]
        for begin in range(0, len(events), SEND_AT_ONCE):
            _send(pipe, principal, events[begin : begin + SEND_AT_ONCE])
            # What is through is not sent again.
            reader.position = events[begin : begin + SEND_AT_ONCE][-1]["sequenceNumber"]
    except Exception as error:  # whatever a target raises, the pipe lives on and tries again
        return _failed(pipe, settings, reader, str(last), error)
    reader.position, reader.attempts = str(last), 0
    return True


def _young(records: Sequence[Any], settings: dict[str, Any]) -> list[Any]:
    oldest_s = settings.get("MaximumRecordAgeInSeconds", -1)
    return [record for record in records if oldest_s < 0 or time.time() - record.created_at <= oldest_s]


def _failed(pipe: Any, settings: dict[str, Any], reader: Reader, last: str, error: Exception) -> bool:
    reader.attempts += 1
    limit = settings.get("MaximumRetryAttempts", -1)
    if 0 <= limit < reader.attempts:
        logging.error("pipe %s: gave up on records up to %s: %s", pipe.name, last, error)
        reader.position, reader.attempts = last, 0
        return True
    wait_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** min(reader.attempts - 1, 10))
    reader.not_before = time.monotonic() + wait_s
    logging.warning("pipe %s: attempt %d: %s; next in %.1f s", pipe.name, reader.attempts, error, wait_s)
    return False


def _assume(pipe: Any) -> Principal:
    principal = service_session(pipe.role_arn, pipe.name)
    if principal is None:
        raise Failed(f"role {pipe.role_arn} does not exist")
    source = {"aws:SourceArn": pipe.arn, "aws:SourceAccount": pipe.account_id}
    if refusal := judge_service(SERVICE, Need(action="sts:AssumeRole", resource=pipe.role_arn), source):
        raise Failed(refusal.message)
    return principal


def _reading(stream_arn: str, reader: Reader) -> Iterable[Need]:
    for operation in () if reader.open else OPENING:
        yield Need(action=f"kinesis:{operation}", resource=stream_arn)
    yield Need(action="kinesis:GetRecords", resource=stream_arn)
    yield from of_stream(stream_arn, *READ)


def _permitted(principal: Principal, needs: Iterable[Need], region: str) -> None:
    if refusal := USED.judge(principal, needs, region):
        raise Failed(refusal.message)


def _send(pipe: Any, principal: Principal, events: list[dict[str, Any]]) -> None:
    TARGETS[pipe.target.split(":")[2]](pipe, principal, events)


def _to_queue(pipe: Any, principal: Principal, events: list[dict[str, Any]]) -> None:
    region, account, name = pipe.target.split(":")[3:6]
    needs = [Need(action="sqs:SendMessage", resource=pipe.target), *of_queue(pipe.target, *BOTH)]
    _permitted(principal, needs, pipe.region_name)
    settings = (pipe.target_parameters or {}).get("SqsQueueParameters") or {}
    entries: dict[str, dict[str, Any]] = {}
    for index, (given, body) in enumerate((one, parsed(one)) for one in events):
        entries[str(index)] = {
            "Id": str(index),
            "MessageBody": message(pipe.template, given, body),
            "MessageAttributes": {},
            "DelaySeconds": None,
            "MessageGroupId": resolved(settings.get("MessageGroupId"), body),
            "MessageDeduplicationId": resolved(settings.get("MessageDeduplicationId"), body),
        }
    _, failed = sqs_backends[account][region].send_message_batch(name, entries)
    if failed:
        raise Failed(str(failed[0]))


def _to_bus(pipe: Any, principal: Principal, events: list[dict[str, Any]]) -> None:
    region, account = pipe.target.split(":")[3:5]
    settings = (pipe.target_parameters or {}).get("EventBridgeEventBusParameters") or {}
    entries = []
    for given, body in ((one, parsed(one)) for one in events):
        entry = {
            "Source": resolved(settings.get("Source", f"Pipe {pipe.name}"), body),
            "DetailType": resolved(settings.get("DetailType", "Event from aws:kinesis"), body),
            "Detail": message(pipe.template, given, body),
            "Resources": [resolved(one, body) for one in settings.get("Resources") or []],
            "EventBusName": pipe.target,
        }
        _permitted(principal, [put_event(account, region, entry)], pipe.region_name)
        entries.append(entry)
    answers = events_backends[account][region].put_events(entries)
    if failed := [answer for answer in answers if "ErrorCode" in answer]:
        raise Failed(str(failed[0]))


TARGETS: dict[str, Callable[[Any, Principal, list[dict[str, Any]]], None]] = {"events": _to_bus, "sqs": _to_queue}
"""Service of a target's ARN -> what sends there."""
