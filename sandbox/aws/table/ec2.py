"""VPCs, subnets, internet gateways and addresses; EBS encryption by default. What the other EC2 modules share is here
too.
"""

from collections.abc import Mapping
from typing import Any

from sandbox.aws.provider.calls import tag_list, tag_map
from sandbox.aws.provider.model import Context, Props, ResourceType, Tags
from sandbox.aws.provider.shapes import outputs, request

VPC = "aws:ec2/vpc:Vpc"
SUBNET = "aws:ec2/subnet:Subnet"
INTERNET_GATEWAY = "aws:ec2/internetGateway:InternetGateway"
EIP = "aws:ec2/eip:Eip"


def tagged(kind: str, props: Props) -> dict[str, Any]:
    """``TagSpecifications`` of a create call, nothing when there are no tags."""
    tags = props.get("tags")
    return {"TagSpecifications": [{"ResourceType": kind, "Tags": tag_list(tags)}]} if tags else {}


def retag(ctx: Context, id_: str, _last: Props, put: Tags, drop: list[str]) -> None:
    """EC2 has one pair of calls for the tags of everything."""
    ec2 = ctx.client("ec2")
    if drop:
        ec2.delete_tags(Resources=[id_], Tags=[{"Key": key} for key in drop])
    if put:
        ec2.create_tags(Resources=[id_], Tags=tag_list(put))


def first(rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    return rows[0] if rows else None


def filters(**values: str) -> list[dict[str, Any]]:
    """``vpc_id="vpc-1"`` -> ``[{"Name": "vpc-id", "Values": ["vpc-1"]}]``."""
    return [{"Name": name.replace("_", "-"), "Values": [value]} for name, value in values.items()]


# ---- aws:ec2/vpc:Vpc

VPC_ATTRIBUTES = {
    "enableDnsSupport": "EnableDnsSupport",
    "enableDnsHostnames": "EnableDnsHostnames",
    "enableNetworkAddressUsageMetrics": "EnableNetworkAddressUsageMetrics",
}


def create_vpc(ctx: Context, props: Props) -> str:
    parameters = request(
        "ec2",
        "CreateVpc",
        props,
        renames={"assignGeneratedIpv6CidrBlock": "AmazonProvidedIpv6CidrBlock"},
        omit={"tags"},
    )
    return str(ctx.client("ec2").create_vpc(**parameters, **tagged("vpc", props))["Vpc"]["VpcId"])


def settle_vpc(ctx: Context, id_: str, props: Props) -> None:
    ec2 = ctx.client("ec2")
    ctx.wait(
        lambda: first(ec2.describe_vpcs(VpcIds=[id_])["Vpcs"] or [{}])["State"] == "available",  # type: ignore[index]
        f"VPC {id_} to be available",
    )
    for name, value in vpc_attributes(ctx, id_).items():
        if props.get(name) is not None and props[name] != value:
            ec2.modify_vpc_attribute(VpcId=id_, **{VPC_ATTRIBUTES[name]: {"Value": props[name]}})


def vpc_attributes(ctx: Context, id_: str) -> dict[str, bool]:
    found = {}
    for name, api in VPC_ATTRIBUTES.items():
        answer = ctx.client("ec2").describe_vpc_attribute(VpcId=id_, Attribute=name)
        found[name] = bool(answer.get(api, {}).get("Value"))
    return found


def read_vpc(ctx: Context, id_: str, _last: Props) -> Props | None:
    ec2 = ctx.client("ec2")
    found = first(ec2.describe_vpcs(VpcIds=[id_])["Vpcs"])
    if found is None:
        return None
    main = [*filters(vpc_id=id_), {"Name": "association.main", "Values": ["true"]}]
    tables = ec2.describe_route_tables(Filters=main)["RouteTables"]
    groups = ec2.describe_security_groups(Filters=filters(vpc_id=id_, group_name="default"))["SecurityGroups"]
    acls = ec2.describe_network_acls(Filters=filters(vpc_id=id_, default="true"))["NetworkAcls"]
    owner = found.get("OwnerId") or ctx.account_id
    ipv6 = first(found.get("Ipv6CidrBlockAssociationSet") or []) or {}
    table = (first(tables) or {}).get("RouteTableId")
    return (
        outputs(VPC, found)
        | vpc_attributes(ctx, id_)
        | {
            "arn": ctx.arn("ec2", f"vpc/{id_}", account_id=owner),
            "assignGeneratedIpv6CidrBlock": bool(ipv6),
            "defaultNetworkAclId": (first(acls) or {}).get("NetworkAclId"),
            "defaultRouteTableId": table,
            "defaultSecurityGroupId": (first(groups) or {}).get("GroupId"),
            "ipv6AssociationId": ipv6.get("AssociationId"),
            "ipv6CidrBlock": ipv6.get("Ipv6CidrBlock"),
            "mainRouteTableId": table,
            "ownerId": owner,
            "tags": tag_map(found.get("Tags")),
        }
    )


def delete_vpc(ctx: Context, id_: str, _last: Props) -> None:
    ctx.client("ec2").delete_vpc(VpcId=id_)


VPC_TYPE = ResourceType(
    token=VPC,
    service="ec2",
    create=create_vpc,
    settle=settle_vpc,
    read=read_vpc,
    # Everything that can change in place is an attribute, and `settle` sets those.
    update=lambda _ctx, _id, _old, _new: None,
    delete=delete_vpc,
    tag=retag,
    force_new=frozenset(
        {"cidrBlock", "instanceTenancy", "ipv4IpamPoolId", "ipv4NetmaskLength", "assignGeneratedIpv6CidrBlock"}
    ),
    defaults={"enableDnsSupport": True, "instanceTenancy": "default"},
)

# ---- aws:ec2/subnet:Subnet

SUBNET_ATTRIBUTES = {
    "assignIpv6AddressOnCreation": "AssignIpv6AddressOnCreation",
    "enableDns64": "EnableDns64",
    "enableResourceNameDnsARecordOnLaunch": "EnableResourceNameDnsARecordOnLaunch",
    "enableResourceNameDnsAaaaRecordOnLaunch": "EnableResourceNameDnsAAAARecordOnLaunch",
    "mapPublicIpOnLaunch": "MapPublicIpOnLaunch",
}
"""Property -> parameter of ModifySubnetAttribute, which takes one at a time."""


def create_subnet(ctx: Context, props: Props) -> str:
    parameters = request("ec2", "CreateSubnet", props, omit={"tags"})
    return str(ctx.client("ec2").create_subnet(**parameters, **tagged("subnet", props))["Subnet"]["SubnetId"])


def settle_subnet(ctx: Context, id_: str, props: Props) -> None:
    now = ctx.wait(lambda: available_subnet(ctx, id_), f"subnet {id_} to be available")
    for name, api in SUBNET_ATTRIBUTES.items():
        if props.get(name) is not None and props[name] != now.get(name, False):
            ctx.client("ec2").modify_subnet_attribute(SubnetId=id_, **{api: {"Value": props[name]}})
    kind = props.get("privateDnsHostnameTypeOnLaunch")
    if kind and kind != now.get("privateDnsHostnameTypeOnLaunch"):
        ctx.client("ec2").modify_subnet_attribute(SubnetId=id_, PrivateDnsHostnameTypeOnLaunch=kind)


def available_subnet(ctx: Context, id_: str) -> Props | None:
    found = first(ctx.client("ec2").describe_subnets(SubnetIds=[id_])["Subnets"])
    return subnet_outputs(ctx, found) if found and found["State"] == "available" else None


def subnet_outputs(ctx: Context, found: Mapping[str, Any]) -> dict[str, Any]:
    ipv6 = first(found.get("Ipv6CidrBlockAssociationSet") or []) or {}
    dns = found.get("PrivateDnsNameOptionsOnLaunch") or {}
    owner = found.get("OwnerId") or ctx.account_id
    return outputs(SUBNET, found) | {
        "arn": found.get("SubnetArn") or ctx.arn("ec2", f"subnet/{found['SubnetId']}", account_id=owner),
        "enableResourceNameDnsARecordOnLaunch": bool(dns.get("EnableResourceNameDnsARecord")),
        "enableResourceNameDnsAaaaRecordOnLaunch": bool(dns.get("EnableResourceNameDnsAAAARecord")),
        "ipv6CidrBlock": ipv6.get("Ipv6CidrBlock"),
        "ipv6CidrBlockAssociationId": ipv6.get("AssociationId"),
        "ownerId": owner,
        "privateDnsHostnameTypeOnLaunch": dns.get("HostnameType") or "ip-name",
        "tags": tag_map(found.get("Tags")),
    }


def read_subnet(ctx: Context, id_: str, _last: Props) -> Props | None:
    found = first(ctx.client("ec2").describe_subnets(SubnetIds=[id_])["Subnets"])
    return subnet_outputs(ctx, found) if found else None


SUBNET_TYPE = ResourceType(
    token=SUBNET,
    service="ec2",
    create=create_subnet,
    settle=settle_subnet,
    read=read_subnet,
    update=lambda _ctx, _id, _old, _new: None,
    delete=lambda ctx, id_, _last: ctx.client("ec2").delete_subnet(SubnetId=id_),
    tag=retag,
    force_new=frozenset(
        {"availabilityZone", "availabilityZoneId", "cidrBlock", "ipv6CidrBlock", "ipv6Native", "outpostArn", "vpcId"}
    ),
    defaults={
        "assignIpv6AddressOnCreation": False,
        "enableDns64": False,
        "enableResourceNameDnsARecordOnLaunch": False,
        "enableResourceNameDnsAaaaRecordOnLaunch": False,
        "ipv6Native": False,
        "mapPublicIpOnLaunch": False,
    },
)

# ---- aws:ec2/internetGateway:InternetGateway


def create_internet_gateway(ctx: Context, props: Props) -> str:
    made = ctx.client("ec2").create_internet_gateway(**tagged("internet-gateway", props))
    return str(made["InternetGateway"]["InternetGatewayId"])


def settle_internet_gateway(ctx: Context, id_: str, props: Props) -> None:
    """Attached to the VPC that the program names; to none when it names none."""
    now = attached_vpc(internet_gateway(ctx, id_) or {})
    wanted = props.get("vpcId")
    if now and wanted and now != wanted:
        ctx.client("ec2").detach_internet_gateway(InternetGatewayId=id_, VpcId=now)
        now = None
    if wanted and now != wanted:
        ctx.client("ec2").attach_internet_gateway(InternetGatewayId=id_, VpcId=wanted)


def internet_gateway(ctx: Context, id_: str) -> dict[str, Any] | None:
    return first(ctx.client("ec2").describe_internet_gateways(InternetGatewayIds=[id_])["InternetGateways"])


def attached_vpc(found: Mapping[str, Any]) -> str | None:
    return (first(found.get("Attachments") or []) or {}).get("VpcId")


def read_internet_gateway(ctx: Context, id_: str, _last: Props) -> Props | None:
    found = internet_gateway(ctx, id_)
    if found is None:
        return None
    owner = found.get("OwnerId") or ctx.account_id
    return {
        "arn": ctx.arn("ec2", f"internet-gateway/{id_}", account_id=owner),
        "ownerId": owner,
        "tags": tag_map(found.get("Tags")),
        "vpcId": attached_vpc(found),
    }


def delete_internet_gateway(ctx: Context, id_: str, _last: Props) -> None:
    vpc = attached_vpc(internet_gateway(ctx, id_) or {})
    if vpc:
        ctx.client("ec2").detach_internet_gateway(InternetGatewayId=id_, VpcId=vpc)
    ctx.client("ec2").delete_internet_gateway(InternetGatewayId=id_)


INTERNET_GATEWAY_TYPE = ResourceType(
    token=INTERNET_GATEWAY,
    service="ec2",
    create=create_internet_gateway,
    settle=settle_internet_gateway,
    read=read_internet_gateway,
    update=lambda _ctx, _id, _old, _new: None,
    delete=delete_internet_gateway,
    tag=retag,
)

# ---- aws:ec2/eip:Eip


def allocate(ctx: Context, props: Props) -> str:
    parameters = request("ec2", "AllocateAddress", props, only={"address", "networkBorderGroup", "publicIpv4Pool"})
    made = ctx.client("ec2").allocate_address(
        Domain=props.get("domain") or "vpc", **parameters, **tagged("elastic-ip", props)
    )
    return str(made["AllocationId"])


def settle_eip(ctx: Context, id_: str, props: Props) -> None:
    target = {"InstanceId": props.get("instance"), "NetworkInterfaceId": props.get("networkInterface")}
    wanted = {name: value for name, value in target.items() if value}
    now = address(ctx, id_) or {}
    if wanted and any(now.get(name) != value for name, value in wanted.items()):
        private = {"PrivateIpAddress": props["associateWithPrivateIp"]} if props.get("associateWithPrivateIp") else {}
        ctx.client("ec2").associate_address(AllocationId=id_, AllowReassociation=True, **wanted, **private)


def address(ctx: Context, id_: str) -> dict[str, Any] | None:
    return first(ctx.client("ec2").describe_addresses(AllocationIds=[id_])["Addresses"])


def read_eip(ctx: Context, id_: str, _last: Props) -> Props | None:
    found = address(ctx, id_)
    if found is None:
        return None
    dashed = str(found["PublicIp"]).replace(".", "-")
    zone = "compute-1" if ctx.region == "us-east-1" else f"{ctx.region}.compute"
    return outputs(EIP, found, renames={"networkInterface": "NetworkInterfaceId", "instance": "InstanceId"}) | {
        "allocationId": id_,
        "arn": ctx.arn("ec2", f"elastic-ip/{id_}"),
        "domain": found.get("Domain") or "vpc",
        "networkBorderGroup": found.get("NetworkBorderGroup") or ctx.region,
        "privateIp": found.get("PrivateIpAddress"),
        "publicDns": f"ec2-{dashed}.{zone}.amazonaws.com",
        "publicIpv4Pool": found.get("PublicIpv4Pool") or "amazon",
        "tags": tag_map(found.get("Tags")),
    }


def release(ctx: Context, id_: str, _last: Props) -> None:
    found = address(ctx, id_) or {}
    if found.get("AssociationId") and found.get("InstanceId"):
        ctx.client("ec2").disassociate_address(AssociationId=found["AssociationId"])
    ctx.client("ec2").release_address(AllocationId=id_)


EIP_TYPE = ResourceType(
    token=EIP,
    service="ec2",
    create=allocate,
    settle=settle_eip,
    read=read_eip,
    update=lambda _ctx, _id, _old, _new: None,
    delete=release,
    tag=retag,
    force_new=frozenset({"address", "domain", "networkBorderGroup", "publicIpv4Pool"}),
)

# ---- aws:ebs/encryptionByDefault:EncryptionByDefault


def set_encryption(ctx: Context, props: Props) -> str:
    ec2 = ctx.client("ec2")
    if props["enabled"]:
        ec2.enable_ebs_encryption_by_default()
    else:
        ec2.disable_ebs_encryption_by_default()
    return f"ebs-encryption-by-default-{ctx.region}"


def read_encryption(ctx: Context, _id: str, _last: Props) -> Props | None:
    return {"enabled": bool(ctx.client("ec2").get_ebs_encryption_by_default()["EbsEncryptionByDefault"])}


def update_encryption(ctx: Context, _id: str, _old: Props, new: Props) -> None:
    set_encryption(ctx, new)


ENCRYPTION_BY_DEFAULT = ResourceType(
    token="aws:ebs/encryptionByDefault:EncryptionByDefault",
    service="ec2",
    create=set_encryption,
    read=read_encryption,
    update=update_encryption,
    delete=lambda ctx, _id, _last: ctx.client("ec2").disable_ebs_encryption_by_default(),
    defaults={"enabled": True},
)

TYPES = [VPC_TYPE, SUBNET_TYPE, INTERNET_GATEWAY_TYPE, EIP_TYPE, ENCRYPTION_BY_DEFAULT]
