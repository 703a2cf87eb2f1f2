"""VPC: ways out of a network other than the internet, lists of networks, and the record of who talked to whom."""

from collections.abc import Iterator, Mapping
from typing import Any

from operations.audit.live.question import Question
from operations.audit.live.reader import Live, Reader
from operations.audit.live.region import Region, Unread
from operations.audit.live.tags import tags
from operations.audit.live.words import arn, given
from policies.resources import NotObservedError

ENDPOINTS = Question(service="ec2", operation="describe_vpc_endpoints", keep=("VpcEndpoints",), items="VpcEndpoints")
PEERINGS = Question(
    service="ec2",
    operation="describe_vpc_peering_connections",
    keep=("VpcPeeringConnections",),
    items="VpcPeeringConnections",
)
TRANSIT_PEERINGS = Question(
    service="ec2",
    operation="describe_transit_gateway_peering_attachments",
    keep=("TransitGatewayPeeringAttachments",),
    items="TransitGatewayPeeringAttachments",
)
PREFIX_LISTS = Question(
    service="ec2", operation="describe_managed_prefix_lists", keep=("PrefixLists",), items="PrefixLists"
)
ENTRIES = Question(service="ec2", operation="get_managed_prefix_list_entries", keep=("Entries",), items="Entries")
FLOW_LOGS = Question(service="ec2", operation="describe_flow_logs", keep=("FlowLogs",), items="FlowLogs")

_GONE = frozenset({"deleted", "deleting", "rejected", "rejecting", "expired", "failed", "failing"})
"""States in which an endpoint, a peering or an attachment carries nothing (EC2 API reference), in lower case."""

_WATCHED: Mapping[str, str] = {
    "vpc": "vpcId",
    "subnet": "subnetId",
    "eni": "eniId",
    "tgw": "transitGatewayId",
    "tgw-attach": "transitGatewayAttachmentId",
    "nat": "natGatewayId",
}
"""Beginning of the id of what a flow log watches -> the provider's property."""


def endpoints(region: Region) -> Iterator[Live]:
    """Endpoints of networks; those that a service of AWS asked for are its own."""
    for endpoint in region.pages(ENDPOINTS):
        if str(endpoint.get("State", "")).lower() in _GONE:
            continue
        tagged = tags(endpoint.get("Tags"))
        yield Live(
            id=endpoint["VpcEndpointId"],
            name=tagged.get("Name", ""),
            made_by_aws="requester-managed endpoint" if endpoint.get("RequesterManaged") else "",
            props={
                **given(
                    policy=endpoint.get("PolicyDocument"),
                    serviceName=endpoint.get("ServiceName"),
                    serviceRegion=endpoint.get("ServiceRegion"),
                    state=endpoint.get("State"),
                ),
                "arn": arn(region, "ec2", f"vpc-endpoint/{endpoint['VpcEndpointId']}"),
                "vpcId": endpoint["VpcId"],
                "vpcEndpointType": endpoint.get("VpcEndpointType", ""),
                "privateDnsEnabled": endpoint.get("PrivateDnsEnabled", False),
                "requesterManaged": endpoint.get("RequesterManaged", False),
                "routeTableIds": endpoint.get("RouteTableIds") or [],
                "subnetIds": endpoint.get("SubnetIds") or [],
                "securityGroupIds": [group["GroupId"] for group in endpoint.get("Groups") or ()],
                "tags": tagged,
            },
        )


def peerings(region: Region) -> Iterator[Live]:
    """Peerings of networks, seen from this end: the peer is the other one."""
    for one in region.pages(PEERINGS):
        if (one.get("Status") or {}).get("Code") in _GONE:
            continue
        mine, peer = _ends(region, one.get("RequesterVpcInfo") or {}, one.get("AccepterVpcInfo") or {}, "VpcId")
        tagged = tags(one.get("Tags"))
        yield Live(
            id=one["VpcPeeringConnectionId"],
            name=tagged.get("Name", ""),
            props={
                **given(vpcId=mine.get("VpcId"), peerVpcId=peer.get("VpcId")),
                **given(peerOwnerId=peer.get("OwnerId"), peerRegion=peer.get("Region")),
                "acceptStatus": (one.get("Status") or {}).get("Code", ""),
                "tags": tagged,
            },
        )


def transit_peerings(region: Region) -> Iterator[Live]:
    """Attachments between transit gateways, seen from this end."""
    for one in region.pages(TRANSIT_PEERINGS):
        if str(one.get("State", "")).lower() in _GONE:
            continue
        ends = (one.get("RequesterTgwInfo") or {}, one.get("AccepterTgwInfo") or {})
        mine, peer = _ends(region, *ends, "TransitGatewayId")
        yield Live(
            id=one["TransitGatewayAttachmentId"],
            props={
                **given(
                    transitGatewayId=mine.get("TransitGatewayId"),
                    peerTransitGatewayId=peer.get("TransitGatewayId"),
                    peerAccountId=peer.get("OwnerId"),
                    peerRegion=peer.get("Region"),
                    state=one.get("State"),
                ),
                "tags": tags(one.get("Tags")),
            },
        )


def _ends(
    region: Region, requester: Mapping[str, Any], accepter: Mapping[str, Any], name: str
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """(this end, the other one): who asked is here, unless what accepts is and the other is not."""
    here = [(end.get("OwnerId", region.account), end.get("Region")) for end in (requester, accepter)]
    ours = (region.account, region.name)
    return (
        (accepter, requester) if here[0] != ours and here[1] == ours and accepter.get(name) else (requester, accepter)
    )


def prefix_lists(region: Region) -> Iterator[Live]:
    """Lists of networks with what they hold; AWS keeps lists of its own services' addresses."""
    for one in region.pages(PREFIX_LISTS):
        of_aws = one.get("OwnerId") == "AWS"
        yield Live(
            id=one["PrefixListId"],
            name=one.get("PrefixListName", ""),
            made_by_aws="AWS-managed prefix list" if of_aws else "",
            props={
                **given(addressFamily=one.get("AddressFamily"), maxEntries=one.get("MaxEntries")),
                "arn": one.get("PrefixListArn", ""),
                "name": one.get("PrefixListName", ""),
                "ownerId": one.get("OwnerId", ""),
                "entries": _entries(region, one["PrefixListId"]),
                "tags": tags(one.get("Tags")),
            },
        )


def _entries(region: Region, list_id: str) -> list[dict[str, Any]] | Unread:
    try:
        found = region.pages(ENTRIES, PrefixListId=list_id)
    except NotObservedError as error:
        return Unread(str(error))
    return [given(cidr=entry["Cidr"], description=entry.get("Description")) for entry in found]


def flow_logs(region: Region) -> Iterator[Live]:
    """Flow logs and what they watch."""
    for log in region.pages(FLOW_LOGS):
        watched = str(log.get("ResourceId", ""))
        group = log.get("LogGroupName")
        kind = next((name for name in sorted(_WATCHED, reverse=True) if watched.startswith(f"{name}-")), "")
        tagged = tags(log.get("Tags"))
        yield Live(
            id=log["FlowLogId"],
            name=tagged.get("Name", ""),
            props={
                **({_WATCHED[kind]: watched} if kind else {}),
                **given(
                    # Of a log group AWS may say the name only.
                    logDestination=log.get("LogDestination") or (group and arn(region, "logs", f"log-group:{group}")),
                    logDestinationType=log.get("LogDestinationType"),
                    iamRoleArn=log.get("DeliverLogsPermissionArn"),
                    logFormat=log.get("LogFormat"),
                    maxAggregationInterval=log.get("MaxAggregationInterval"),
                    trafficType=log.get("TrafficType"),
                    deliverLogsStatus=log.get("DeliverLogsStatus"),
                ),
                "arn": arn(region, "ec2", f"vpc-flow-log/{log['FlowLogId']}"),
                "tags": tagged,
            },
        )


Reader(type="aws:ec2/vpcEndpoint:VpcEndpoint", read=endpoints, source=ENDPOINTS)
Reader(type="aws:ec2/vpcPeeringConnection:VpcPeeringConnection", read=peerings, source=PEERINGS)
Reader(type="aws:ec2transitgateway/peeringAttachment:PeeringAttachment", read=transit_peerings, source=TRANSIT_PEERINGS)
Reader(type="aws:ec2/managedPrefixList:ManagedPrefixList", read=prefix_lists, source=PREFIX_LISTS)
Reader(type="aws:ec2/flowLog:FlowLog", read=flow_logs, source=FLOW_LOGS)
