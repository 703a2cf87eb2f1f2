"""VPC endpoints and flow logs."""

from typing import Any

from sandbox.aws.provider.calls import json_text, tag_map
from sandbox.aws.provider.model import Context, Props, ResourceType, WaitTimeout
from sandbox.aws.provider.shapes import outputs, request
from sandbox.aws.table.ec2 import first, retag, tagged

VPC_ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
FLOW_LOG = "aws:ec2/flowLog:FlowLog"


class FlowLogRefused(ValueError):
    """CreateFlowLogs answers 200 with a list of refused resources."""


# ---- aws:ec2/vpcEndpoint:VpcEndpoint


def create_endpoint(ctx: Context, props: Props) -> str:
    parameters = request("ec2", "CreateVpcEndpoint", props, renames={"policy": "PolicyDocument"}, omit={"tags"})
    made = ctx.client("ec2").create_vpc_endpoint(**parameters, **tagged("vpc-endpoint", props))
    return str(made["VpcEndpoint"]["VpcEndpointId"])


def endpoint(ctx: Context, id_: str) -> dict[str, Any] | None:
    return first(ctx.client("ec2").describe_vpc_endpoints(VpcEndpointIds=[id_])["VpcEndpoints"])


def settle_endpoint(ctx: Context, id_: str, _props: Props) -> None:
    def ready() -> bool:
        found = endpoint(ctx, id_) or {}
        state = str(found.get("State", "")).lower()
        if state in ("failed", "rejected", "expired"):
            raise WaitTimeout(f"VPC endpoint {id_} is {state}")
        return state in ("available", "pendingacceptance")

    ctx.wait(ready, f"VPC endpoint {id_} to be available")


def read_endpoint(ctx: Context, id_: str, last: Props) -> Props | None:
    found = endpoint(ctx, id_)
    if found is None or str(found["State"]).lower() in ("deleting", "deleted"):
        return None
    owner = found.get("OwnerId") or ctx.account_id
    groups = [group["GroupId"] for group in found.get("Groups") or []]
    return outputs(VPC_ENDPOINT, found, renames={"policy": "PolicyDocument", "cidrBlocks": ""}) | {
        "arn": ctx.arn("ec2", f"vpc-endpoint/{id_}", account_id=owner),
        "cidrBlocks": last.get("cidrBlocks") or [],
        "ownerId": owner,
        "prefixListId": _prefix_list(ctx, found),
        "securityGroupIds": groups or found.get("SecurityGroupIds") or last.get("securityGroupIds") or [],
        "tags": tag_map(found.get("Tags")),
        "vpcEndpointType": found.get("VpcEndpointType") or "Gateway",
    }


def _prefix_list(ctx: Context, found: dict[str, Any]) -> str | None:
    """Addresses of the service, which is what a gateway endpoint routes."""
    if found.get("VpcEndpointType") == "Interface":
        return None
    named = [{"Name": "prefix-list-name", "Values": [found["ServiceName"]]}]
    row = first(ctx.client("ec2").describe_managed_prefix_lists(Filters=named)["PrefixLists"])
    return str(row["PrefixListId"]) if row else None


def update_endpoint(ctx: Context, id_: str, old: Props, new: Props) -> None:
    """ModifyVpcEndpoint takes what to add and what to remove."""
    parameters: dict[str, Any] = {}
    for name, api in {
        "routeTableIds": "RouteTableIds",
        "subnetIds": "SubnetIds",
        "securityGroupIds": "SecurityGroupIds",
    }.items():
        before, after = set(old.get(name) or []), set(new.get(name) or [])
        if name in new and after - before:
            parameters[f"Add{api}"] = sorted(after - before)
        if name in new and before - after:
            parameters[f"Remove{api}"] = sorted(before - after)
    if new.get("policy") != old.get("policy"):
        parameters |= {"PolicyDocument": json_text(new["policy"])} if new.get("policy") else {"ResetPolicy": True}
    for name, api in {"privateDnsEnabled": "PrivateDnsEnabled", "ipAddressType": "IpAddressType"}.items():
        if new.get(name) is not None and new[name] != old.get(name):
            parameters[api] = new[name]
    if parameters:
        ctx.client("ec2").modify_vpc_endpoint(VpcEndpointId=id_, **parameters)


VPC_ENDPOINT_TYPE = ResourceType(
    token=VPC_ENDPOINT,
    service="ec2",
    create=create_endpoint,
    settle=settle_endpoint,
    read=read_endpoint,
    update=update_endpoint,
    delete=lambda ctx, id_, _last: ctx.client("ec2").delete_vpc_endpoints(VpcEndpointIds=[id_]),
    tag=retag,
    force_new=frozenset(
        {"resourceConfigurationArn", "serviceName", "serviceNetworkArn", "serviceRegion", "vpcEndpointType", "vpcId"}
    ),
    defaults={"vpcEndpointType": "Gateway"},
    settles_gone=True,
)

# ---- aws:ec2/flowLog:FlowLog

SOURCES = {
    "eniId": "NetworkInterface",
    "regionalNatGatewayId": "RegionalNatGateway",
    "subnetId": "Subnet",
    "transitGatewayAttachmentId": "TransitGatewayAttachment",
    "transitGatewayId": "TransitGateway",
    "vpcId": "VPC",
}
"""Property -> ResourceType of CreateFlowLogs."""


def create_flow_log(ctx: Context, props: Props) -> str:
    source = next((name for name in SOURCES if props.get(name)), None)
    if source is None:
        raise ValueError(f"one of {', '.join(SOURCES)} must be given")
    parameters = request(
        "ec2",
        "CreateFlowLogs",
        props,
        renames={"iamRoleArn": "DeliverLogsPermissionArn"},
        omit={"tags", *SOURCES},
    )
    # Transit gateways report all traffic and refuse the parameter.
    if source not in ("transitGatewayAttachmentId", "transitGatewayId"):
        parameters.setdefault("TrafficType", "ALL")
    made = ctx.client("ec2").create_flow_logs(
        ResourceIds=[props[source]], ResourceType=SOURCES[source], **parameters, **tagged("vpc-flow-log", props)
    )
    for refused in made.get("Unsuccessful") or []:
        raise FlowLogRefused(f"{refused['Error']['Code']}: {refused['Error']['Message']}")
    return str(made["FlowLogIds"][0])


def read_flow_log(ctx: Context, id_: str, last: Props) -> Props | None:
    found = first(ctx.client("ec2").describe_flow_logs(FlowLogIds=[id_])["FlowLogs"])
    if found is None:
        return None
    prefixes = {"eni-": "eniId", "subnet-": "subnetId", "tgw-attach-": "transitGatewayAttachmentId", "vpc-": "vpcId"}
    source = found.get("ResourceId", "")
    about = {name: source for prefix, name in prefixes.items() if source.startswith(prefix)}
    role = found.get("DeliverLogsPermissionArn")
    destination = found.get("LogDestination") or last.get("logDestination") or log_group_arn(ctx, found)
    return (
        outputs(FLOW_LOG, found, renames={"iamRoleArn": "DeliverLogsPermissionArn"})
        | about
        | {
            "arn": ctx.arn("ec2", f"vpc-flow-log/{id_}"),
            "iamRoleArn": role or None,
            "logDestination": destination,
            "logDestinationType": found.get("LogDestinationType") or "cloud-watch-logs",
            "maxAggregationInterval": int(found.get("MaxAggregationInterval") or 600),
            "tags": tag_map(found.get("Tags")),
        }
    )


def log_group_arn(ctx: Context, found: dict[str, Any]) -> str | None:
    name = found.get("LogGroupName")
    return ctx.arn("logs", f"log-group:{name}") if name else None


FLOW_LOG_TYPE = ResourceType(
    token=FLOW_LOG,
    service="ec2",
    create=create_flow_log,
    read=read_flow_log,
    delete=lambda ctx, id_, _last: ctx.client("ec2").delete_flow_logs(FlowLogIds=[id_]),
    tag=retag,
    defaults={"logDestinationType": "cloud-watch-logs", "maxAggregationInterval": 600},
)

TYPES = [VPC_ENDPOINT_TYPE, FLOW_LOG_TYPE]
