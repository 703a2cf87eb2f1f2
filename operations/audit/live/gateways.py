"""VPC: gateways to the internet and their addresses."""

from collections.abc import Iterator

from operations.audit.live.question import Question
from operations.audit.live.reader import Live, Reader
from operations.audit.live.region import Region
from operations.audit.live.tags import tags
from operations.audit.live.vpc import VPCS
from operations.audit.live.words import arn, given

INTERNET = Question(
    service="ec2", operation="describe_internet_gateways", keep=("InternetGateways",), items="InternetGateways"
)
NAT = Question(service="ec2", operation="describe_nat_gateways", keep=("NatGateways",), items="NatGateways")
ADDRESSES = Question(service="ec2", operation="describe_addresses", keep=("Addresses",), items="Addresses")


def internet_gateways(region: Region) -> Iterator[Live]:
    """Gateways through which a network reaches the internet, and is reached."""
    default = {vpc["VpcId"] for vpc in region.pages(VPCS) if vpc.get("IsDefault")}
    for gateway in region.pages(INTERNET):
        networks = [one["VpcId"] for one in gateway.get("Attachments") or ()]
        tagged = tags(gateway.get("Tags"))
        yield Live(
            id=gateway["InternetGatewayId"],
            name=tagged.get("Name", ""),
            made_by_aws="default VPC" if default & set(networks) else "",
            props={
                **given(vpcId=networks[0] if networks else None),
                "arn": arn(region, "ec2", f"internet-gateway/{gateway['InternetGatewayId']}"),
                "tags": tagged,
            },
        )


def nat_gateways(region: Region) -> Iterator[Live]:
    """Gateways through which a network reaches the internet and is not reached; deleted ones stay listed an hour."""
    for gateway in region.pages(NAT):
        if gateway.get("State") in ("deleted", "deleting", "failed"):
            continue
        tagged = tags(gateway.get("Tags"))
        addresses = gateway.get("NatGatewayAddresses") or [{}]
        yield Live(
            id=gateway["NatGatewayId"],
            name=tagged.get("Name", ""),
            props={
                **given(subnetId=gateway.get("SubnetId"), connectivityType=gateway.get("ConnectivityType")),
                **given(allocationId=addresses[0].get("AllocationId"), publicIp=addresses[0].get("PublicIp")),
                "vpcId": gateway.get("VpcId", ""),
                "tags": tagged,
            },
        )


def addresses(region: Region) -> Iterator[Live]:
    """Addresses that the account holds; those of a service of AWS say which."""
    for address in region.pages(ADDRESSES):
        tagged = tags(address.get("Tags"))
        yield Live(
            id=address["AllocationId"],
            name=tagged.get("Name", ""),
            made_by_aws="address of a service" if address.get("ServiceManaged") else "",
            props={
                **given(publicIp=address.get("PublicIp"), domain=address.get("Domain")),
                "allocationId": address["AllocationId"],
                "arn": arn(region, "ec2", f"elastic-ip/{address['AllocationId']}"),
                "tags": tagged,
            },
        )


Reader(type="aws:ec2/internetGateway:InternetGateway", read=internet_gateways, source=INTERNET)
Reader(type="aws:ec2/natGateway:NatGateway", read=nat_gateways, source=NAT)
Reader(type="aws:ec2/eip:Eip", read=addresses, source=ADDRESSES)
