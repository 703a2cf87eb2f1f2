"""The emulated bus: rules deliver to queues beside targets of other kinds."""

import json
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.events import models as events_models
from moto.sqs.models import sqs_backends

from sandbox.aws.extensions import events

ACCOUNT, REGION, SOURCE = "123456789012", "eu-west-1", "payment-cell.test"


@pytest.fixture(autouse=True)
def own_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """The emulator's rules in place of moto's, as `install` puts them, and policies that let everything pass."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setattr(events_models, "Rule", events.Rule)
    monkeypatch.setattr(events, "judge_service", lambda *_: None)


@mock_aws
def test_an_event_reaches_the_queue_of_a_rule_and_the_archive_of_the_bus() -> None:
    bus: Any = boto3.client("events", region_name=REGION)
    queue_url = boto3.client("sqs", region_name=REGION).create_queue(QueueName="fraud")["QueueUrl"]
    arn = bus.create_event_bus(Name="cell")["EventBusArn"]
    bus.create_archive(ArchiveName="cell", EventSourceArn=arn)
    bus.put_rule(Name="fraud", EventBusName="cell", EventPattern=json.dumps({"source": [SOURCE]}))
    target = {"Id": "queue", "Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:fraud"}
    bus.put_targets(Rule="fraud", EventBusName="cell", Targets=[target])
    entry = {"Source": SOURCE, "DetailType": "x", "Detail": '{"event": {"id": "evt_1"}}', "EventBusName": "cell"}
    assert bus.put_events(Entries=[entry])["FailedEntryCount"] == 0
    assert queue_url.endswith("/fraud")
    (message,) = sqs_backends[ACCOUNT][REGION].receive_message("fraud", 10, 0, 30, "Body")
    assert json.loads(message.body)["detail"] == {"event": {"id": "evt_1"}}
    assert bus.describe_archive(ArchiveName="cell")["EventCount"] == 1
