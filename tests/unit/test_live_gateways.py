"""Live gateways and addresses, in the words of the provider."""

from recorded import read

INTERNET, NAT = "aws:ec2/internetGateway:InternetGateway", "aws:ec2/natGateway:NatGateway"
ADDRESS = "aws:ec2/eip:Eip"


def test_the_gateway_of_a_default_network_is_aws_own() -> None:
    recorded = {
        "ec2.describe_vpcs": {"Vpcs": [{"VpcId": "vpc-0", "IsDefault": True}, {"VpcId": "vpc-1", "IsDefault": False}]},
        "ec2.describe_internet_gateways": {
            "InternetGateways": [
                {"InternetGatewayId": "igw-0", "Attachments": [{"VpcId": "vpc-0"}]},
                {"InternetGatewayId": "igw-1", "Attachments": [{"VpcId": "vpc-1"}]},
                {"InternetGatewayId": "igw-2"},
            ]
        },
    }
    found = read(INTERNET, recorded).found
    assert {one.identity[0]: one.made_by_aws for one in found} == {"igw-0": "default VPC", "igw-1": "", "igw-2": ""}


def test_a_nat_gateway_that_is_gone_is_left_out() -> None:
    gateways = [
        {"NatGatewayId": "nat-1", "State": "available", "NatGatewayAddresses": [{"AllocationId": "eipalloc-1"}]},
        {"NatGatewayId": "nat-2", "State": "deleted"},
    ]
    (found,) = read(NAT, {"ec2.describe_nat_gateways": {"NatGateways": gateways}}).found
    assert (found.identity, found.resource.props["allocationId"]) == (("nat-1",), "eipalloc-1")


def test_addresses_of_a_service_are_its_own() -> None:
    addresses = [{"AllocationId": "a-1", "PublicIp": "192.0.2.1"}, {"AllocationId": "a-2", "ServiceManaged": "alb"}]
    found = read(ADDRESS, {"ec2.describe_addresses": {"Addresses": addresses}}).found
    assert [one.made_by_aws for one in found] == ["", "address of a service"]
