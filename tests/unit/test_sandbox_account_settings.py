"""EC2 of the emulator: what an account sets for a Region, and whether flow logs arrive."""

from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws
from moto.ec2 import urls
from moto.ec2.models.flow_logs import FlowLogsBackend
from moto.ec2.responses import EC2Response

from sandbox.aws.extensions import ebs, ec2

REGION = "eu-west-1"
GROUP = "arn:aws:logs:eu-west-1:123456789012:log-group:flows"


@pytest.fixture(autouse=True)
def emulated(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(FlowLogsBackend, "describe_flow_logs", FlowLogsBackend.describe_flow_logs)
    monkeypatch.setattr(urls, "url_paths", dict.fromkeys(urls.url_paths, EC2Response.dispatch))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "emulated")
    ec2._deliver_flow_logs()
    ebs.install()
    with mock_aws():
        yield


def test_the_metadata_service_keeps_what_an_account_sets_until_it_has_no_preference() -> None:
    client = boto3.client("ec2", REGION)
    assert client.get_instance_metadata_defaults()["AccountLevel"] == {}
    client.modify_instance_metadata_defaults(HttpTokens="required", HttpPutResponseHopLimit=1)
    assert client.get_instance_metadata_defaults()["AccountLevel"] == {
        "HttpTokens": "required",
        "HttpPutResponseHopLimit": 1,
    }
    client.modify_instance_metadata_defaults(HttpTokens="no-preference")
    assert client.get_instance_metadata_defaults()["AccountLevel"] == {"HttpPutResponseHopLimit": 1}


def test_a_flow_log_is_delivered_for_as_long_as_its_group_is_there() -> None:
    client, logs = boto3.client("ec2", REGION), boto3.client("logs", REGION)
    logs.create_log_group(logGroupName="flows")
    vpc_id = client.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    client.create_flow_logs(
        ResourceIds=[vpc_id],
        ResourceType="VPC",
        TrafficType="ALL",
        LogDestinationType="cloud-watch-logs",
        LogDestination=GROUP,
        DeliverLogsPermissionArn="arn:aws:iam::123456789012:role/flows",
    )
    assert client.describe_flow_logs()["FlowLogs"][0]["DeliverLogsStatus"] == "SUCCESS"
    logs.delete_log_group(logGroupName="flows")
    assert client.describe_flow_logs()["FlowLogs"][0]["DeliverLogsStatus"] == "FAILED"
