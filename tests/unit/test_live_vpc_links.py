"""Live endpoints, peerings, prefix lists and flow logs, in the words of the provider."""

from typing import Any

from recorded import Refusal, read

from policies.catalogue import control
from policies.control import Status, answers
from policies.resources import Stack

ENDPOINT, PEERING = "aws:ec2/vpcEndpoint:VpcEndpoint", "aws:ec2/vpcPeeringConnection:VpcPeeringConnection"
TRANSIT = "aws:ec2transitgateway/peeringAttachment:PeeringAttachment"
LIST, FLOW_LOG = "aws:ec2/managedPrefixList:ManagedPrefixList", "aws:ec2/flowLog:FlowLog"
HERE = {"OwnerId": "123456789012", "Region": "eu-west-1"}
THERE = {"OwnerId": "123456789012", "Region": "us-east-1"}


def verdict(control_id: str, type_: str, recorded: dict[str, Any]) -> Status:
    stack = Stack(tuple(one.resource for one in read(type_, recorded).found))
    (finding,) = answers(control(control_id), stack, live=True)
    return finding.verdict.status


def endpoints(**more: Any) -> dict[str, Any]:
    endpoint = {"VpcEndpointId": "vpce-1", "VpcId": "vpc-1", "ServiceName": "com.amazonaws.eu-west-1.s3", **more}
    return {"ec2.describe_vpc_endpoints": {"VpcEndpoints": [endpoint]}}


def test_an_endpoint_is_read_with_its_policy_and_groups() -> None:
    (found,) = read(ENDPOINT, endpoints(PolicyDocument="{}", Groups=[{"GroupId": "sg-1"}], State="available")).found
    assert (found.resource.props["policy"], found.resource.props["securityGroupIds"]) == ("{}", ["sg-1"])


def test_endpoints_that_are_gone_are_left_out_and_those_of_a_service_are_known() -> None:
    assert read(ENDPOINT, endpoints(State="Deleted")).found == []
    assert read(ENDPOINT, endpoints(RequesterManaged=True)).found[0].made_by_aws == "requester-managed endpoint"


def peering(requester: dict[str, Any], accepter: dict[str, Any], code: str = "active") -> dict[str, Any]:
    one = {
        "VpcPeeringConnectionId": "pcx-1",
        "Status": {"Code": code},
        "RequesterVpcInfo": {**requester, "VpcId": "vpc-1"},
        "AccepterVpcInfo": {**accepter, "VpcId": "vpc-2"},
    }
    return {"ec2.describe_vpc_peering_connections": {"VpcPeeringConnections": [one]}}


def test_the_peer_is_the_other_end_on_either_side() -> None:
    for recorded in (peering(HERE, THERE), peering(THERE, HERE)):
        (found,) = read(PEERING, recorded).found
        assert found.resource.props["peerRegion"] == "us-east-1"
        assert verdict("RES-10", PEERING, recorded) is Status.FAIL
    assert verdict("RES-10", PEERING, peering(HERE, HERE)) is Status.PASS
    assert read(PEERING, peering(HERE, THERE, "deleted")).found == []


def test_a_transit_gateways_peer_abroad_fails_res_10() -> None:
    attachment = {
        "TransitGatewayAttachmentId": "tgw-attach-1",
        "State": "available",
        "RequesterTgwInfo": {**HERE, "TransitGatewayId": "tgw-1"},
        "AccepterTgwInfo": {**THERE, "TransitGatewayId": "tgw-2"},
    }
    recorded = {"ec2.describe_transit_gateway_peering_attachments": {"TransitGatewayPeeringAttachments": [attachment]}}
    assert verdict("RES-10", TRANSIT, recorded) is Status.FAIL


def test_prefix_lists_are_read_with_their_entries_and_those_of_aws_are_known() -> None:
    lists = [
        {"PrefixListId": "pl-1", "PrefixListName": "partners", "OwnerId": "123456789012"},
        {"PrefixListId": "pl-2", "PrefixListName": "com.amazonaws.eu-west-1.s3", "OwnerId": "AWS"},
    ]
    recorded = {
        "ec2.describe_managed_prefix_lists": {"PrefixLists": lists},
        "ec2.get_managed_prefix_list_entries": {"Entries": [{"Cidr": "192.0.2.0/24"}]},
    }
    own, of_aws = read(LIST, recorded).found
    assert own.resource.props["entries"] == [{"cidr": "192.0.2.0/24"}]
    assert (own.made_by_aws, of_aws.made_by_aws) == ("", "AWS-managed prefix list")
    refused = recorded | {"ec2.get_managed_prefix_list_entries": Refusal("UnauthorizedOperation")}
    assert len(read(LIST, refused).found) == 2


def test_a_flow_log_is_read_with_what_it_watches_and_where_it_sends() -> None:
    logs = [
        {"FlowLogId": "fl-1", "ResourceId": "vpc-1", "LogGroupName": "flows"},
        {"FlowLogId": "fl-2", "ResourceId": "tgw-attach-1", "LogDestination": "arn:aws:s3:::logs"},
    ]
    group, bucket = read(FLOW_LOG, {"ec2.describe_flow_logs": {"FlowLogs": logs}}).found
    assert group.resource.props["vpcId"] == "vpc-1"
    assert group.resource.props["logDestination"] == "arn:aws:logs:eu-west-1:123456789012:log-group:flows"
    assert bucket.resource.props["transitGatewayAttachmentId"] == "tgw-attach-1"
    assert bucket.resource.props["logDestination"] == "arn:aws:s3:::logs"


def test_a_flow_log_that_does_not_arrive_fails_net_07() -> None:
    def delivered(**status: str) -> Status:
        log = {"FlowLogId": "fl-1", "ResourceId": "vpc-1", "LogGroupName": "flows", **status}
        return verdict("NET-07", FLOW_LOG, {"ec2.describe_flow_logs": {"FlowLogs": [log]}})

    assert delivered(DeliverLogsStatus="SUCCESS") is Status.PASS
    assert delivered(DeliverLogsStatus="FAILED") is Status.FAIL
    assert delivered() is Status.UNDETERMINED
