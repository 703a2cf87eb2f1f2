"""A VPC over three zones: public, workload and data subnets, NAT, endpoints, flow logs."""

from ipaddress import IPv4Network

import pulumi

import catalogue
from components.addresses import address_plan
from components.keys import Keys, KeysArgs
from components.network import Network, NetworkArgs
from components.vocabulary import KeyUse

region = pulumi.Config("aws").require("region")
config = pulumi.Config()
account_id = config.require("accountId")
keys = Keys("network", KeysArgs(region=region, account_id=account_id, protected=False))
plan = address_plan(IPv4Network("10.40.0.0/16"), catalogue.region(region).zones[:3])
network = Network(
    "network",
    NetworkArgs(
        region=region,
        account_id=account_id,
        cidr=plan.vpc_cidr,
        subnets=plan.subnets,
        log_key_arn=keys.arns[KeyUse.LOGS],
        protected=False,
    ),
)

pulumi.export("vpcId", network.vpc_id)
pulumi.export("vpcCidr", network.cidr)
pulumi.export("s3PrefixListId", network.s3_prefix_list_id)
pulumi.export("subnets", {tier.value: zones for tier, zones in network.subnets.items()})
pulumi.export("zoneNames", network.zone_names)
pulumi.export("egressAddresses", network.nat_addresses)
