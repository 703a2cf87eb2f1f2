"""EC2: the description of a security group rule whose peer is a group or a prefix list, not a block of addresses
(https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_SecurityGroupRule.html), and what AWS deletes along with a
VPC (https://docs.aws.amazon.com/vpc/latest/userguide/delete-vpc.html) and a NAT gateway
(https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteNatGateway.html).
"""

import inspect
from collections.abc import Callable
from typing import Any

from moto.ec2.models.nat_gateways import NatGateway, NatGatewayBackend
from moto.ec2.models.security_groups import SecurityGroupRule
from moto.ec2.models.vpcs import VPC, VPCBackend


def install() -> None:
    _describe_rules()
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
