"""What EventBridge moves by itself: stream to queue, stream to bus, bus to queue, each as far as policies let it."""

import base64
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from used_actions import unused, used

from conftest import DEFAULT_REGION, PRODUCTION_ACCOUNT, Sandbox

pytestmark = pytest.mark.engine

PREFIX = f"{DEFAULT_REGION}:{PRODUCTION_ACCOUNT}"
STREAM = f"arn:aws:kinesis:{PREFIX}:stream/events"
BUS = f"arn:aws:events:{PREFIX}:event-bus/cell"
READ = (
    "kinesis:DescribeStream", "kinesis:DescribeStreamSummary", "kinesis:GetRecords", "kinesis:GetShardIterator",
    "kinesis:ListShards",
)  # fmt: skip
SOURCE = {
    "StartingPosition": "TRIM_HORIZON", "BatchSize": 10, "MaximumRetryAttempts": -1, "MaximumRecordAgeInSeconds": -1,
}  # fmt: skip


@dataclass(frozen=True)
class Flow:
    """A stream of two shards in an empty account."""

    sandbox: Sandbox

    def client(self, service: str) -> Any:
        return self.sandbox.client(service)

    def put(self, account: str, *numbers: int) -> None:
        data = [json.dumps({"type": "payment.succeeded", "number": number}).encode() for number in numbers]
        records = [{"PartitionKey": account, "Data": one} for one in data]
        self.client("kinesis").put_records(StreamName="events", Records=records)

    def queue(self, name: str, policy: Mapping[str, Any] | None = None, **attributes: str) -> tuple[str, str]:
        """URL and ARN of a new queue."""
        if policy is not None:
            attributes["Policy"] = json.dumps({"Statement": [policy]})
        url = self.client("sqs").create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        return url, f"arn:aws:sqs:{PREFIX}:{name}"

    def role(self, pipe: str, *statements: Mapping[str, Any]) -> str:
        """The role of a pipe, which nothing but that pipe assumes."""
        source = {"aws:SourceArn": f"arn:aws:pipes:{PREFIX}:pipe/{pipe}"}
        trust = {
            "Effect": "Allow", "Principal": {"Service": "pipes.amazonaws.com"}, "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"aws:SourceAccount": PRODUCTION_ACCOUNT}, "ArnLike": source},
        }  # fmt: skip
        iam = self.client("iam")
        made = iam.create_role(RoleName=pipe, AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))
        self.may(pipe, *statements)
        return str(made["Role"]["Arn"])

    def may(self, role: str, *statements: Mapping[str, Any]) -> None:
        document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        self.client("iam").put_role_policy(RoleName=role, PolicyName="may", PolicyDocument=document)

    def pipe(self, name: str, role: str, target: str, **parameters: Any) -> None:
        self.client("pipes").create_pipe(
            Name=name, RoleArn=role, Source=STREAM, SourceParameters={"KinesisStreamParameters": SOURCE},
            Target=target, TargetParameters=parameters,
        )  # fmt: skip

    def received(self, url: str, count: int) -> list[Mapping[str, Any]]:
        """That many messages of a queue, in their order, each deleted; fewer after ten seconds."""
        sqs, found, until = self.client("sqs"), [], time.monotonic() + 10
        while len(found) < count and time.monotonic() < until:
            answer = sqs.receive_message(
                QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1, MessageAttributeNames=["All"],
                MessageSystemAttributeNames=["All"],
            )  # fmt: skip
            for one in answer.get("Messages", []):
                found.append(one)
                sqs.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
        return found


def allow(*actions: str, on: str) -> Mapping[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": on}


@pytest.fixture
def flow(sandbox: Sandbox) -> Flow:
    sandbox.reset()
    sandbox.client("kinesis").create_stream(StreamName="events", ShardCount=2)
    return Flow(sandbox=sandbox)


def ordered(flow: Flow, **attributes: str) -> tuple[str, str]:
    return flow.queue("ledger.fifo", FifoQueue="true", DeduplicationScope="messageGroup",
                      FifoThroughputLimit="perMessageGroupId", **attributes)  # fmt: skip


FIFO = {"SqsQueueParameters": {"MessageGroupId": "$.partitionKey", "MessageDeduplicationId": "$.eventID"}}


def number(message: Mapping[str, Any]) -> int:
    return int(json.loads(base64.b64decode(json.loads(message["Body"])["data"]))["number"])


def test_a_pipe_brings_every_record_to_the_queue_once_and_each_account_in_order(flow: Flow) -> None:
    flow.put("a", 0, 1)  # before there is a pipe: TRIM_HORIZON
    url, arn = ordered(flow)
    own = [allow(*READ, on=STREAM), allow("sqs:SendMessage", on=arn)]
    role = flow.role("ledger", *own)
    flow.pipe("ledger", role, arn, **FIFO)
    for begin in range(2, 32, 10):
        for account in ("a", "b", "c"):
            flow.put(account, *range(begin, begin + 10))
    found = flow.received(url, 92)
    assert len(found) == 92
    for account, first in (("a", 0), ("b", 2), ("c", 2)):
        mine = [one for one in found if one["Attributes"]["MessageGroupId"] == account]
        assert [number(one) for one in mine] == list(range(first, 32))
    assert flow.client("pipes").describe_pipe(Name="ledger")["CurrentState"] == "RUNNING"
    assert unused({"Statement": own}, used(flow.sandbox)[role]) == []


@pytest.mark.parametrize("lacking", ["kinesis:GetRecords", "kinesis:ListShards", "sqs:SendMessage"])
def test_a_pipe_whose_role_lacks_an_action_moves_nothing_until_it_has_it(flow: Flow, lacking: str) -> None:
    url, arn = ordered(flow)

    def statements(keep: Callable[[str], bool]) -> list[Mapping[str, Any]]:
        return [allow(*filter(keep, READ), on=STREAM), allow(*filter(keep, ["sqs:SendMessage", "sqs:X"]), on=arn)]

    role = flow.role("ledger", *statements(lambda action: action != lacking))
    flow.pipe("ledger", role, arn, **FIFO)
    flow.put("a", 1, 2)
    until = time.monotonic() + 10
    while not any(use.action == lacking and not use.allowed for use in used(flow.sandbox).get(role, ())):
        assert time.monotonic() < until
    assert flow.client("sqs").receive_message(QueueUrl=url).get("Messages", []) == []
    flow.may("ledger", *statements(lambda _: True))
    assert [number(one) for one in flow.received(url, 2)] == [1, 2]


def test_a_stopped_pipe_goes_on_where_it_was(flow: Flow) -> None:
    url, arn = ordered(flow)
    role = flow.role("ledger", allow(*READ, on=STREAM), allow("sqs:SendMessage", on=arn))
    flow.pipe("ledger", role, arn, **FIFO)
    flow.put("a", 1)
    assert [number(one) for one in flow.received(url, 1)] == [1]
    pipes = flow.client("pipes")
    pipes.stop_pipe(Name="ledger")
    flow.put("a", 2)
    assert flow.client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=2).get("Messages", []) == []
    pipes.start_pipe(Name="ledger")
    assert [number(one) for one in flow.received(url, 1)] == [2]


def from_rule(arn: str) -> Mapping[str, Any]:
    source = {"aws:SourceArn": f"arn:aws:events:{PREFIX}:rule/cell/tax"}
    return {
        "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage",
        "Resource": arn, "Condition": {"ArnEquals": source},
    }  # fmt: skip


def to_bus(flow: Flow, target: str, dead_letters: str) -> None:
    """A pipe to a bus, and a rule from there to a queue."""
    events = flow.client("events")
    events.create_event_bus(Name="cell")
    pattern = json.dumps({"source": ["payment-cell.dev"], "detail-type": ["payment.succeeded"]})
    events.put_rule(Name="tax", EventBusName="cell", EventPattern=pattern)
    events.put_targets(
        Rule="tax", EventBusName="cell",
        Targets=[{"Id": "tax", "Arn": target, "DeadLetterConfig": {"Arn": dead_letters}}],
    )  # fmt: skip
    flow.pipe(
        "bus", flow.role("bus", allow(*READ, on=STREAM), allow("events:PutEvents", on=BUS)), BUS,
        EventBridgeEventBusParameters={"Source": "payment-cell.dev", "DetailType": "$.data.type"},
        InputTemplate='{"account": <$.partitionKey>, "sequence": <$.sequenceNumber>, "event": <$.data>}',
    )  # fmt: skip


def test_a_record_goes_over_the_bus_to_the_queue_that_wants_it(flow: Flow) -> None:
    arn = f"arn:aws:sqs:{PREFIX}:tax"
    url, _ = flow.queue("tax", from_rule(arn))
    _, dead = flow.queue("tax-dlq")
    to_bus(flow, arn, dead)
    flow.put("acct_1", 7)
    (message,) = flow.received(url, 1)
    event = json.loads(message["Body"])
    assert (event["source"], event["detail-type"]) == ("payment-cell.dev", "payment.succeeded")
    assert (event["account"], event["region"], event["version"]) == (PRODUCTION_ACCOUNT, DEFAULT_REGION, "0")
    assert event["detail"]["account"] == "acct_1"
    assert event["detail"]["event"] == {"type": "payment.succeeded", "number": 7}
    assert event["detail"]["sequence"].isdigit()


def test_what_a_queue_does_not_take_is_a_dead_letter_that_says_why(flow: Flow) -> None:
    _, arn = flow.queue("tax")  # no policy lets the rule in
    dead = f"arn:aws:sqs:{PREFIX}:tax-dlq"
    url, _ = flow.queue("tax-dlq", from_rule(dead))
    to_bus(flow, arn, dead)
    flow.put("acct_1", 7)
    (message,) = flow.received(url, 1)
    attributes = {key: value["StringValue"] for key, value in message["MessageAttributes"].items()}
    assert attributes["ERROR_CODE"] == "NO_PERMISSIONS"
    assert attributes["RULE_ARN"] == f"arn:aws:events:{PREFIX}:rule/cell/tax"
    assert attributes["TARGET_ARN"] == arn
    assert "sqs:SendMessage" in attributes["ERROR_MESSAGE"]
    assert json.loads(message["Body"])["detail"]["event"]["number"] == 7
