"""EC2: what cannot go while something still uses it."""

from typing import Any

from sandbox.aws.preconditions.account import items
from sandbox.aws.preconditions.model import DOCS, ON_DELETE, Precondition, Request

API = f"{DOCS}/AWSEC2/latest/APIReference"


def _in_vpc(vpc_id: str) -> list[dict[str, Any]]:
    return [{"Name": "vpc-id", "Values": [vpc_id]}]


def _nat_gateways(request: Request, **where: Any) -> list[Any]:
    found = items(request, "ec2", "describe_nat_gateways", "NatGateways", **where)
    return [row for row in found if row["State"] not in ("deleted", "deleting", "failed")]


def _endpoints(request: Request, vpc_id: str) -> list[Any]:
    found = items(request, "ec2", "describe_vpc_endpoints", "VpcEndpoints", Filters=_in_vpc(vpc_id))
    return [row for row in found if row.get("State", "").lower() not in ("deleting", "deleted")]


def _load_balancers(request: Request, vpc_id: str) -> list[Any]:
    found = items(request, "elbv2", "describe_load_balancers", "LoadBalancers")
    return [row for row in found if row.get("VpcId") == vpc_id]


def internet_gateway_is_unused(request: Request) -> str | None:
    vpc_id = request.given("vpcId")
    if not vpc_id:
        return None
    users = [row["NatGatewayId"] for row in _nat_gateways(request, Filters=_in_vpc(vpc_id))]
    users += [
        row["LoadBalancerArn"] for row in _load_balancers(request, vpc_id) if row.get("Scheme") == "internet-facing"
    ]
    return f"network {vpc_id} has mapped public addresses of {', '.join(users)}" if users else None


def subnet_is_empty(request: Request) -> str | None:
    subnet, vpc_id = request.id, request.props["vpcId"]
    where = [{"Name": "subnet-id", "Values": [subnet]}]
    users = [row["NatGatewayId"] for row in _nat_gateways(request, Filters=where)]
    users += [row["VpcEndpointId"] for row in _endpoints(request, vpc_id) if subnet in (row.get("SubnetIds") or ())]
    users += [
        row["LoadBalancerArn"]
        for row in _load_balancers(request, vpc_id)
        if subnet in [zone.get("SubnetId") for zone in row.get("AvailabilityZones") or ()]
    ]
    for proxy in items(request, "rds", "describe_db_proxies", "DBProxies"):
        if subnet in (proxy.get("VpcSubnetIds") or ()) and proxy.get("Status") != "deleting":
            users.append(proxy["DBProxyArn"])
    return f"subnet {subnet} holds network interfaces of {', '.join(users)}" if users else None


def security_group_is_unreferenced(request: Request) -> str | None:
    group, vpc_id = request.id, request.props.get("vpcId") or ""
    users = []
    for other in items(request, "ec2", "describe_security_groups", "SecurityGroups", Filters=_in_vpc(vpc_id)):
        rules = [*other.get("IpPermissions", ()), *other.get("IpPermissionsEgress", ())]
        named = {pair.get("GroupId") for rule in rules for pair in rule.get("UserIdGroupPairs") or ()}
        if other["GroupId"] != group and group in named:
            users.append(other["GroupId"])
    users += [row["VpcEndpointId"] for row in _endpoints(request, vpc_id) if group in _groups(row)]
    users += [
        row["LoadBalancerArn"] for row in _load_balancers(request, vpc_id) if group in (row.get("SecurityGroups") or ())
    ]
    return f"resource {group} is used by {', '.join(users)}" if users else None


def _groups(endpoint: Any) -> list[Any]:
    """moto keeps the ids as they were given, AWS answers pairs."""
    return [row.get("GroupId") if isinstance(row, dict) else row for row in endpoint.get("Groups") or ()]


def vpc_is_empty(request: Request) -> str | None:
    where = _in_vpc(request.id)
    attached = [{"Name": "attachment.vpc-id", "Values": [request.id]}]
    users = [
        row["InternetGatewayId"]
        for row in items(request, "ec2", "describe_internet_gateways", "InternetGateways", Filters=attached)
    ]
    users += [
        row["GroupId"]
        for row in items(request, "ec2", "describe_security_groups", "SecurityGroups", Filters=where)
        if row["GroupName"] != "default"
    ]
    users += [row["VpcEndpointId"] for row in _endpoints(request, request.id)]
    return f"vpc {request.id} has {', '.join(users)}" if users else None


def address_is_free(request: Request) -> str | None:
    for row in items(request, "ec2", "describe_addresses", "Addresses", AllocationIds=[request.id]):
        for gateway in _nat_gateways(request):
            used = [address.get("AllocationId") for address in gateway.get("NatGatewayAddresses") or ()]
            if request.id in used:
                return f"address {row.get('PublicIp')} ({request.id}) belongs to {gateway['NatGatewayId']}"
    return None


ROWS = (
    Precondition(
        id="ec2-internet-gateway-is-unused",
        token="aws:ec2/internetGateway:InternetGateway",
        on=ON_DELETE,
        rule="An internet gateway is detached only when nothing in its VPC has a public address.",
        source=f"{API}/API_DetachInternetGateway.html",
        code="DependencyViolation",
        check=internet_gateway_is_unused,
    ),
    Precondition(
        id="ec2-subnet-is-empty",
        token="aws:ec2/subnet:Subnet",
        on=ON_DELETE,
        rule="A subnet is deleted only when no network interface is left in it.",
        source=f"{API}/API_DeleteSubnet.html",
        code="DependencyViolation",
        check=subnet_is_empty,
    ),
    Precondition(
        id="ec2-security-group-is-unreferenced",
        token="aws:ec2/securityGroup:SecurityGroup",
        on=ON_DELETE,
        rule="A security group is deleted only when nothing uses it and no rule of another group names it.",
        source=f"{API}/API_DeleteSecurityGroup.html",
        code="DependencyViolation",
        check=security_group_is_unreferenced,
    ),
    Precondition(
        id="ec2-vpc-is-empty",
        token="aws:ec2/vpc:Vpc",
        on=ON_DELETE,
        rule="A VPC is deleted only when its gateways, endpoints and security groups but the default one are gone.",
        source=f"{API}/API_DeleteVpc.html",
        code="DependencyViolation",
        check=vpc_is_empty,
    ),
    Precondition(
        id="ec2-address-is-free",
        token="aws:ec2/eip:Eip",
        on=ON_DELETE,
        rule="An Elastic IP address is released only after it was disassociated.",
        source=f"{API}/API_ReleaseAddress.html",
        code="InvalidIPAddress.InUse",
        check=address_is_free,
    ),
)
