"""EC2: the description of a security group rule whose peer is a group or a prefix list, not a block of addresses
(https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_SecurityGroupRule.html), and a deleted NAT gateway takes its
network interface along (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteNatGateway.html).
"""

import inspect
from collections.abc import Callable
from typing import Any

from moto.ec2.models.nat_gateways import NatGateway, NatGatewayBackend
from moto.ec2.models.security_groups import SecurityGroupRule


def install() -> None:
    _describe_rules()
    delete: Callable[..., NatGateway] = NatGatewayBackend.delete_nat_gateway

    def with_its_interface(self: Any, nat_gateway_id: str) -> NatGateway:
        gone = delete(self, nat_gateway_id)
        self.enis.pop(gone._eni.id, None)
        return gone

    NatGatewayBackend.delete_nat_gateway = with_its_interface


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
