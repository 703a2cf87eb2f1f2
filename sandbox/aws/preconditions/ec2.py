"""EC2: what gateways, routes, endpoints and flow logs need before they are made."""

from sandbox.aws.preconditions.account import (
    ask,
    forbidden,
    foreign,
    items,
    shared_zone,
    subnets,
    untrusted,
    unusable,
    without_gateway,
)
from sandbox.aws.preconditions.model import DOCS, ON_CHANGE, ON_CREATE, Precondition, Request

NAT = "aws:ec2/natGateway:NatGateway"
ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"

API = f"{DOCS}/AWSEC2/latest/APIReference"


def _nat_vpc(request: Request) -> str | None:
    if request.given("connectivityType") == "private":
        return None
    found = subnets(request, [request.props["subnetId"]])
    return str(found[0]["VpcId"]) if found else None


def nat_needs_internet_gateway(request: Request) -> str | None:
    vpc_id = _nat_vpc(request)
    if vpc_id and without_gateway(request, vpc_id):
        return f"network {vpc_id} has no internet gateway attached"
    return None


def route_gateway_is_attached(request: Request) -> str | None:
    gateway = request.given("gatewayId") or ""
    table = request.props["routeTableId"]
    if not gateway.startswith("igw-"):
        return None
    tables = items(request, "ec2", "describe_route_tables", "RouteTables", RouteTableIds=[table])
    found = items(request, "ec2", "describe_internet_gateways", "InternetGateways", InternetGatewayIds=[gateway])
    if not tables or not found:
        return None
    places = [link["VpcId"] for link in found[0].get("Attachments", [])]
    vpc_id = tables[0]["VpcId"]
    return (
        None
        if vpc_id in places
        else f"route table {table} is in {vpc_id}, {gateway} is attached to {places or 'nothing'}"
    )


def endpoint_dns_needs_vpc_dns(request: Request) -> str | None:
    if not (request.given("privateDnsEnabled") and request.given("vpcEndpointType") == "Interface"):
        return None
    vpc_id = request.props["vpcId"]
    off = []
    for name in ("enableDnsSupport", "enableDnsHostnames"):
        found = ask(request, "ec2", "describe_vpc_attribute", VpcId=vpc_id, Attribute=name)
        if found and not found[name[0].upper() + name[1:]]["Value"]:
            off.append(name)
    return f"{' and '.join(off)} of {vpc_id} is false" if off else None


def endpoint_one_subnet_a_zone(request: Request) -> str | None:
    if request.given("vpcEndpointType") != "Interface":
        return None
    return shared_zone(subnets(request, request.given("subnetIds") or ()))


def endpoint_dns_is_free(request: Request) -> str | None:
    if not (request.given("privateDnsEnabled") and request.given("vpcEndpointType") == "Interface"):
        return None
    vpc_id, service = request.props["vpcId"], request.props["serviceName"]
    where = [{"Name": "vpc-id", "Values": [vpc_id]}, {"Name": "service-name", "Values": [service]}]
    for other in items(request, "ec2", "describe_vpc_endpoints", "VpcEndpoints", Filters=where):
        gone = other.get("State", "").lower() in ("deleting", "deleted")
        if other.get("PrivateDnsEnabled") and not gone and other["VpcEndpointType"] == "Interface":
            return f"{other['VpcEndpointId']} already answers for {service} in {vpc_id}"
    return None


def endpoint_tables_in_vpc(request: Request) -> str | None:
    if request.given("vpcEndpointType") not in (None, "Gateway"):
        return None
    wanted, vpc_id = request.given("routeTableIds") or [], request.props["vpcId"]
    tables = (
        items(request, "ec2", "describe_route_tables", "RouteTables", RouteTableIds=sorted(wanted)) if wanted else []
    )
    strange = [table["RouteTableId"] for table in tables if table["VpcId"] != vpc_id]
    return f"route tables {', '.join(strange)} are not in {vpc_id}" if strange else None


def flow_log_role_is_trusted(request: Request) -> str | None:
    if request.given("logDestinationType") not in (None, "cloud-watch-logs"):
        return None
    return untrusted(request, request.given("iamRoleArn"), "vpc-flow-logs.amazonaws.com")


def flow_log_group_exists(request: Request) -> str | None:
    if request.given("logDestinationType") not in (None, "cloud-watch-logs"):
        return None
    arn = request.given("logDestination") or ""
    if ":log-group:" not in arn or foreign(request, arn):
        return None
    name = arn.split(":log-group:")[1].removesuffix(":*")
    groups = items(request, "logs", "describe_log_groups", "logGroups", logGroupNamePrefix=name)
    if any(found["logGroupName"] == name for found in groups):
        return None
    role, group = request.given("iamRoleArn") or "", arn.removesuffix(":*")
    wrong = [forbidden(request, role, [("logs:CreateLogGroup", written)]) for written in (group, f"{group}:*")]
    return f"log group {name} does not exist, and {wrong[0]}" if all(wrong) else None


def launch_template_key_is_usable(request: Request) -> str | None:
    for mapping in request.given("blockDeviceMappings") or []:
        volume = mapping.get("ebs") or {}
        if wrong := unusable(request, volume.get("kmsKeyId")):
            return wrong
    return None


ROWS = (
    Precondition(
        id="ec2-nat-needs-internet-gateway",
        token=NAT,
        on=ON_CREATE,
        rule="A public NAT gateway needs an internet gateway attached to its VPC.",
        source=f"{API}/API_NatGateway.html",
        code="Gateway.NotAttached",
        check=nat_needs_internet_gateway,
        later=True,
    ),
    Precondition(
        id="ec2-route-gateway-in-same-vpc",
        token="aws:ec2/route:Route",
        on=ON_CHANGE,
        rule="The internet gateway of a route must be attached to the VPC of the route table.",
        source=f"{API}/API_CreateRoute.html",
        code="InvalidParameterValue",
        check=route_gateway_is_attached,
    ),
    Precondition(
        id="ec2-endpoint-private-dns-needs-vpc-dns",
        token=ENDPOINT,
        on=ON_CREATE,
        rule="Private DNS of an interface endpoint needs enableDnsSupport and enableDnsHostnames of its VPC.",
        source=f"{API}/API_CreateVpcEndpoint.html",
        code="InvalidParameter",
        check=endpoint_dns_needs_vpc_dns,
    ),
    Precondition(
        id="ec2-endpoint-one-subnet-a-zone",
        token=ENDPOINT,
        on=ON_CREATE,
        rule="An interface endpoint takes at most one subnet of each Availability Zone.",
        source=f"{DOCS}/vpc/latest/privatelink/create-interface-endpoint.html",
        code="DuplicateSubnetsInSameZone",
        check=endpoint_one_subnet_a_zone,
    ),
    Precondition(
        id="ec2-endpoint-private-dns-is-free",
        token=ENDPOINT,
        on=ON_CREATE,
        rule="One interface endpoint of a VPC can have the private DNS name of a service.",
        source=f"{DOCS}/vpc/latest/privatelink/manage-dns-names.html",
        code="InvalidParameter",
        check=endpoint_dns_is_free,
    ),
    Precondition(
        id="ec2-endpoint-route-tables-in-vpc",
        token=ENDPOINT,
        on=ON_CREATE,
        rule="The route tables of a gateway endpoint must be in the endpoint's VPC.",
        source=f"{DOCS}/vpc/latest/privatelink/gateway-endpoints.html",
        code="InvalidParameter",
        check=endpoint_tables_in_vpc,
    ),
    Precondition(
        id="ec2-flow-log-role-is-trusted",
        token="aws:ec2/flowLog:FlowLog",
        on=ON_CREATE,
        rule="The role of a flow log must exist and trust vpc-flow-logs.amazonaws.com.",
        source=f"{DOCS}/vpc/latest/userguide/flow-logs-iam-role.html",
        code="InvalidParameter",
        check=flow_log_role_is_trusted,
    ),
    Precondition(
        id="ec2-flow-log-group-exists",
        token="aws:ec2/flowLog:FlowLog",
        on=ON_CREATE,
        rule="A flow log delivers to a log group that exists or that its role may create.",
        source=f"{DOCS}/vpc/latest/userguide/flow-logs-troubleshooting.html",
        code="Access error",
        check=flow_log_group_exists,
        later=True,
    ),
    Precondition(
        id="ec2-launch-template-key-is-usable",
        token="aws:ec2/launchTemplate:LaunchTemplate",
        on=ON_CHANGE,
        rule="The key of a volume must be an enabled symmetric key in the instance's Region, or the launch fails.",
        source=f"{API}/API_CreateVolume.html",
        code="Client.InvalidKMSKey.InvalidState",
        check=launch_template_key_is_usable,
        later=True,
    ),
)
