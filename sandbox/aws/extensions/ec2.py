"""EC2: the description of a security group rule whose peer is a group or a prefix list, not a block of addresses
(https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_SecurityGroupRule.html), what AWS deletes along with a VPC
(https://docs.aws.amazon.com/vpc/latest/userguide/delete-vpc.html) and a NAT gateway
(https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteNatGateway.html), and whether a flow log that names
its log group by ARN is delivered (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_FlowLog.html).
"""

import inspect
from collections.abc import Callable
from typing import Any

from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend
from moto.ec2.models.flow_logs import FlowLogs, FlowLogsBackend
from moto.ec2.models.nat_gateways import NatGateway, NatGatewayBackend
from moto.ec2.models.security_groups import SecurityGroupRule
from moto.ec2.models.vpcs import VPC, VPCBackend
from moto.logs.models import logs_backends
from moto.utilities.utils import get_partition


def install() -> None:
    _describe_rules()
    _deliver_flow_logs()
    _list_regions()
    delete_gateway: Callable[..., NatGateway] = NatGatewayBackend.delete_nat_gateway
    delete_vpc: Callable[..., VPC] = VPCBackend.delete_vpc

    def with_interface(self: Any, nat_gateway_id: str) -> NatGateway:
        gone = delete_gateway(self, nat_gateway_id)
        self.enis.pop(gone._eni.id, None)
        return gone

    def with_acl(self: Any, vpc_id: str) -> VPC:
        gone = delete_vpc(self, vpc_id)
        for acl in [acl for acl in self.network_acls.values() if acl.vpc_id == vpc_id]:
            del self.network_acls[acl.id]
        return gone

    NatGatewayBackend.delete_nat_gateway = with_interface
    VPCBackend.delete_vpc = with_acl


def _list_regions() -> None:
    """An account has the regions of its own partition (EC2 API reference, DescribeRegions); moto has all."""
    describe: Callable[..., Any] = RegionsAndZonesBackend.describe_regions

    def of_partition(self: Any, *args: Any, **kwargs: Any) -> Any:
        own = get_partition(self.region_name)
        return [region for region in describe(self, *args, **kwargs) if get_partition(region.name) == own]

    RegionsAndZonesBackend.describe_regions = of_partition


def _describe_rules() -> None:
    make: Callable[..., None] = SecurityGroupRule.__init__
    signature = inspect.signature(make)

    def with_description(self: SecurityGroupRule, *args: Any, **kwargs: Any) -> None:
        make(self, *args, **kwargs)
        prefix_list = signature.bind(self, *args, **kwargs).arguments.get("prefix_list_id")
        self.peer_description = (prefix_list or {}).get("Description")

    SecurityGroupRule.__init__ = with_description
    SecurityGroupRule.description = property(_description)


def _description(rule: Any) -> Any:
    """A change of the description lands in the block, whatever the peer is."""
    for source in (rule.ip_range, rule.source_group):
        if "Description" in source:
            return str(source["Description"])
    return rule.peer_description


def _deliver_flow_logs() -> None:
    describe: Callable[..., list[FlowLogs]] = FlowLogsBackend.describe_flow_logs

    def with_delivery(self: Any, *args: Any, **kwargs: Any) -> list[FlowLogs]:
        found = describe(self, *args, **kwargs)
        for log in found:
            if log.log_destination_type == "cloud-watch-logs":
                name = log.log_group_name or log.log_destination.partition(":log-group:")[2].removesuffix(":*")
                there = name in logs_backends[self.account_id][self.region_name].groups
                log.deliver_logs_status = "SUCCESS" if there else "FAILED"
                log.deliver_logs_error_message = None if there else "Access error"
        return found

    FlowLogsBackend.describe_flow_logs = with_delivery
