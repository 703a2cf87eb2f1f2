"""The network of a cell: tiers, routes, NAT, endpoints, flow logs."""

from dataclasses import replace
from ipaddress import IPv4Network
from typing import Any

import pulumi
import pytest
from mocks import Registered, assert_children_of_components, assert_regional, is_unknown, run

from components.addresses import address_plan
from components.endpoint_policies import INTERFACES
from components.network import Network, NetworkArgs
from components.vocabulary import DataClass, TagKey, Tier

ZONES = ("euw1-az1", "euw1-az2", "euw1-az3")
PLAN = address_plan(IPv4Network("10.4.0.0/16"), ZONES)
ARGS = NetworkArgs(
    region="eu-west-1",
    account_id="123456789012",
    cidr=PLAN.vpc_cidr,
    subnets=PLAN.subnets,
    log_key_arn="arn:aws:kms:eu-west-1:123456789012:key/logs",
    jurisdiction="eu",
)
SUBNET, ROUTE, ASSOCIATION = (
    "aws:ec2/subnet:Subnet",
    "aws:ec2/route:Route",
    "aws:ec2/routeTableAssociation:RouteTableAssociation",
)
NAT, EIP, ENDPOINT = "aws:ec2/natGateway:NatGateway", "aws:ec2/eip:Eip", "aws:ec2/vpcEndpoint:VpcEndpoint"
VPC, LOG_GROUP = "aws:ec2/vpc:Vpc", "aws:cloudwatch/logGroup:LogGroup"


def made(args: NetworkArgs = ARGS, *, preview: bool = False) -> Registered:
    return run(lambda: Network("test", args), preview=preview)


@pytest.fixture(scope="module")
def network() -> Registered:
    return made()


def routes_of(network: Registered, tier: Tier) -> list[dict[str, Any]]:
    """Routes of the tables that the subnets of a tier are associated with."""
    tables = {
        a.inputs["routeTableId"] for name, a in network.of(ASSOCIATION).items() if name.startswith(f"test-{tier}-")
    }
    return [dict(r.inputs) for r in network.of(ROUTE).values() if r.inputs["routeTableId"] in tables]


def test_each_tier_has_a_subnet_in_each_zone_by_zone_id(network: Registered) -> None:
    for tier in Tier:
        for zone in ZONES:
            inputs = network.of(SUBNET)[f"test-{tier}-{zone}"].inputs
            assert inputs["availabilityZoneId"] == zone
            assert inputs["cidrBlock"] == PLAN.subnets[tier][zone]
            assert "availabilityZone" not in inputs
    assert len(network.of(SUBNET)) == 9


def test_zone_names_are_asked_of_the_subnets() -> None:
    names: dict[str, str] = {}

    def program() -> None:
        for zone, name in Network("test", ARGS).zone_names.items():
            pulumi.Output.all(zone, name).apply(lambda pair: names.update([(pair[0], pair[1])]))

    run(program)
    assert names == {zone: f"name-of-{zone}" for zone in ZONES}


def test_the_vpc_resolves_names_for_private_dns(network: Registered) -> None:
    inputs = network.one(VPC).inputs
    assert inputs["cidrBlock"] == "10.4.0.0/16"
    assert inputs["enableDnsSupport"] is True
    assert inputs["enableDnsHostnames"] is True


def test_no_subnet_gives_out_public_addresses(network: Registered) -> None:
    assert {s.inputs["mapPublicIpOnLaunch"] for s in network.of(SUBNET).values()} == {False}


def test_kubernetes_finds_public_and_internal_load_balancer_subnets(network: Registered) -> None:
    tags = {name: subnet.inputs["tags"] for name, subnet in network.of(SUBNET).items()}
    for zone in ZONES:
        assert tags[f"test-public-{zone}"]["kubernetes.io/role/elb"] == "1"
        assert tags[f"test-workload-{zone}"]["kubernetes.io/role/internal-elb"] == "1"
        assert not [key for key in tags[f"test-data-{zone}"] if key.startswith("kubernetes.io")]


def test_every_subnet_has_an_explicit_route_table(network: Registered) -> None:
    associated = {a.inputs["subnetId"] for a in network.of(ASSOCIATION).values()}
    assert associated == {f"{name}-id" for name in network.of(SUBNET)}


def test_data_subnets_have_no_route_that_leaves_the_vpc(network: Registered) -> None:
    assert routes_of(network, Tier.DATA) == []


def test_public_subnets_route_to_the_internet_gateway(network: Registered) -> None:
    (route,) = routes_of(network, Tier.PUBLIC)
    assert (route["destinationCidrBlock"], route["gatewayId"]) == ("0.0.0.0/0", "test-id")


def test_each_zone_leaves_through_its_own_nat_gateway(network: Registered) -> None:
    for zone in ZONES:
        assert network.one(NAT, f"test-nat-{zone}").inputs["subnetId"] == f"test-public-{zone}-id"
        assert network.one(ROUTE, f"test-workload-{zone}").inputs["natGatewayId"] == f"test-nat-{zone}-id"


def test_a_frugal_network_has_one_nat_gateway_and_one_interface_an_endpoint() -> None:
    frugal = made(replace(ARGS, frugal=True))
    assert set(frugal.of(NAT)) == {"test-nat-euw1-az1"}
    for zone in ZONES:
        assert frugal.one(ROUTE, f"test-workload-{zone}").inputs["natGatewayId"] == "test-nat-euw1-az1-id"
    assert frugal.one(ENDPOINT, "test-sts").inputs["subnetIds"] == ["test-workload-euw1-az1-id"]


def test_nat_addresses_are_protected_outputs(network: Registered) -> None:
    assert all(address.protect for address in network.of(EIP).values())
    outputs = network.one("payment-cell:components:Network").outputs
    assert outputs["natAddresses"] == dict.fromkeys(ZONES, "198.51.100.7")


def test_without_protection_nothing_is_protected() -> None:
    assert not [r.name for r in made(replace(ARGS, protected=False)) if r.protect]


def test_nat_gateways_wait_for_internet_gateway_and_public_route(network: Registered) -> None:
    for address in network.of(EIP).values():
        assert "aws:ec2/internetGateway:InternetGateway test" in network.waits_for(address)
    for zone in ZONES:
        before = network.waits_for(network.one(NAT, f"test-nat-{zone}"))
        assert {f"{ROUTE} test-public", f"{ASSOCIATION} test-public-{zone}"} <= before


def test_egress_names_every_workload_route_and_association() -> None:
    names: set[str] = set()

    def program() -> None:
        network = Network("test", ARGS)
        names.update(type(resource).__name__ + " " + resource.pulumi_resource_name for resource in network.egress)

    run(program)
    assert names == {f"{kind} test-workload-{zone}" for kind in ("Route", "RouteTableAssociation") for zone in ZONES}


def test_gateway_endpoints_for_s3_and_dynamodb_serve_the_workload_tables(network: Registered) -> None:
    for service in ("s3", "dynamodb"):
        inputs = network.one(ENDPOINT, f"test-{service}").inputs
        assert inputs["vpcEndpointType"] == "Gateway"
        assert inputs["routeTableIds"] == [f"test-workload-{zone}-id" for zone in ZONES]


def test_interface_endpoints_have_private_dns_in_every_zone(network: Registered) -> None:
    for service in INTERFACES:
        inputs = network.one(ENDPOINT, f"test-{service}").inputs
        assert inputs["serviceName"] == f"com.amazonaws.eu-west-1.{service}"
        assert inputs["privateDnsEnabled"] is True
        assert inputs["subnetIds"] == [f"test-workload-{zone}-id" for zone in ZONES]
        assert inputs["securityGroupIds"] == ["test-endpoints-id"]


def test_nodes_and_pods_find_the_services_they_call(network: Registered) -> None:
    needed = {"ecr.api", "ecr.dkr", "sts", "logs", "kms", "secretsmanager", "sqs", "sns", "kinesis-streams", "events"}
    assert needed | {"eks", "eks-auth", "ec2", "ssm"} <= {e.removeprefix("test-") for e in network.of(ENDPOINT)}


def test_every_endpoint_policy_is_limited_to_this_account(network: Registered) -> None:
    for endpoint in network.of(ENDPOINT).values():
        statement = endpoint.statement("OwnResources")
        assert statement["Condition"]["StringEquals"] == {
            "aws:PrincipalAccount": "123456789012",
            "aws:ResourceAccount": "123456789012",
        }
    secrets = network.one(ENDPOINT, "test-secretsmanager").statement("OwnResources")
    assert secrets["Resource"] == "arn:aws:secretsmanager:eu-west-1:123456789012:secret:test-*"


def test_in_an_organisation_endpoints_trust_the_organisation() -> None:
    network = made(replace(ARGS, organization_id="o-abcdefghij"))
    for endpoint in network.of(ENDPOINT).values():
        assert endpoint.statement("OwnResources")["Condition"]["StringEquals"] == {
            "aws:PrincipalOrgID": "o-abcdefghij",
            "aws:ResourceOrgID": "o-abcdefghij",
        }


def test_the_s3_endpoint_lets_image_layers_through(network: Registered) -> None:
    statement = network.one(ENDPOINT, "test-s3").statement("BucketsOfAws")
    assert "arn:aws:s3:::prod-eu-west-1-starport-layer-bucket/*" in statement["Resource"]
    assert statement["Action"] == ["s3:GetObject"]


def test_endpoints_take_https_from_the_vpc_only(network: Registered) -> None:
    rule = network.one("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule").inputs
    assert (rule["cidrIpv4"], rule["fromPort"], rule["toPort"], rule["ipProtocol"]) == ("10.4.0.0/16", 443, 443, "tcp")
    assert not network.of("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule")


def test_the_default_security_group_is_empty(network: Registered) -> None:
    inputs = network.one("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup").inputs
    assert (inputs["ingress"], inputs["egress"]) == ([], [])


def test_flow_logs_are_complete_encrypted_and_kept(network: Registered) -> None:
    flow_log, group = network.one("aws:ec2/flowLog:FlowLog").inputs, network.one(LOG_GROUP)
    assert (flow_log["trafficType"], flow_log["maxAggregationInterval"]) == ("ALL", 60)
    assert "${flow-direction}" in flow_log["logFormat"]
    assert flow_log["logDestination"] == "arn:aws:cloudwatch:eu-west-1:123456789012:test-flow-logs"
    assert group.inputs["kmsKeyId"] == ARGS.log_key_arn
    assert group.inputs["retentionInDays"] == 365
    assert group.protect


def test_flow_logs_wait_for_their_delivery_permission(network: Registered) -> None:
    before = network.waits_for(network.one("aws:ec2/flowLog:FlowLog"))
    assert "aws:iam/rolePolicy:RolePolicy test-flow-logs" in before


def test_the_delivery_role_writes_to_its_log_group_only(network: Registered) -> None:
    statement = network.one("aws:iam/rolePolicy:RolePolicy").statement("Deliver")
    assert statement["Resource"] == "arn:aws:cloudwatch:eu-west-1:123456789012:test-flow-logs:*"
    trust = network.one("aws:iam/role:Role").statement("Trust", "assumeRolePolicy")
    assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": "123456789012"}


def test_network_resources_carry_data_class_and_jurisdiction(network: Registered) -> None:
    group = network.one(LOG_GROUP).inputs["tags"]
    assert group[TagKey.DATA_CLASS] == DataClass.CONFIDENTIAL
    assert group[TagKey.JURISDICTION] == "eu"
    assert network.one(VPC).inputs["tags"]["Name"] == "test"


def test_every_network_resource_is_in_the_cells_region(network: Registered) -> None:
    assert_regional(network, "eu-west-1")
    assert_children_of_components(network)


def test_a_preview_of_the_network_works_with_unknown_ids() -> None:
    planned = made(preview=True)
    assert {(r.type, r.name) for r in planned} == {(r.type, r.name) for r in made()}
    assert is_unknown(planned.one(ROUTE, "test-workload-euw1-az1").inputs["natGatewayId"])
    assert planned.one(VPC).inputs["cidrBlock"] == "10.4.0.0/16"
    assert planned.one(ENDPOINT, "test-sts").statement("OwnResources")["Action"] == ["sts:*"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"subnets": {"public": PLAN.subnets["public"]}}, "network.subnets: tiers are"),
        ({"subnets": {t: {"euw1-az1": PLAN.subnets[t]["euw1-az1"]} for t in Tier}}, "need 2 or more"),
        ({"subnets": {**PLAN.subnets, "data": {"euw1-az9": "10.4.48.0/21"}}}, "zones differ by tier"),
        ({"cidr": "10.5.0.0/16"}, "is outside the VPC's 10.5.0.0/16"),
        ({"subnets": {**PLAN.subnets, "data": PLAN.subnets["public"]}}, "overlaps"),
        ({"cidr": "10.4.0.1/16"}, "network.cidr: .* has host bits set"),
        ({"endpoint_services": frozenset({"bedrock"})}, r"endpoint_services|endpoints.services"),
    ],
)
def test_an_address_plan_that_aws_would_refuse_is_refused_before(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        made(replace(ARGS, **change))
