"""The network of one cell: a VPC over several zones, named by zone id, with public, workload and data subnets.

Zone ids (`euw1-az1`) name the same place in every account; zone names (`eu-west-1a`) do not
(https://docs.aws.amazon.com/ram/latest/userguide/working-with-az-ids.html).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from itertools import combinations
from typing import Final

import pulumi
from pulumi_aws import ec2

from components.base import type_token
from components.endpoint_policies import INTERFACES
from components.endpoints import Endpoints, EndpointsArgs
from components.flow_logs import FlowLogs, FlowLogsArgs
from components.vocabulary import DataClass, Tier, tags

MIN_ZONES = 2
"""EKS, Aurora subnet groups and load balancers each refuse subnets of fewer than two zones."""

ANYWHERE = "0.0.0.0/0"

ROLE_TAGS: Final[Mapping[Tier, Mapping[str, str]]] = {
    Tier.PUBLIC: {"kubernetes.io/role/elb": "1"},
    Tier.WORKLOAD: {"kubernetes.io/role/internal-elb": "1"},
    Tier.DATA: {},
}
"""Where Kubernetes may place load balancers (https://docs.aws.amazon.com/eks/latest/userguide/network-reqs.html)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkArgs:
    """Addresses are explicit: `components.addresses.address_plan` makes them, any other plan does too."""

    region: str
    account_id: str
    cidr: str
    subnets: Mapping[str, Mapping[str, str]]
    """Tier -> zone id -> CIDR: the same zones in each tier, at least two."""
    log_key_arn: pulumi.Input[str]
    """KMS key of the flow log group; its policy lets CloudWatch Logs use it."""
    flow_log_retention_days: int = 365
    jurisdiction: str | None = None
    """Tag of the flow logs, which hold addresses."""
    endpoint_services: frozenset[str] = frozenset(INTERFACES)
    shared_buckets: Sequence[str] = ()
    """Buckets beside the cell's own that the S3 endpoint lets through."""
    primary: str | None = None
    """Cell whose tables and secrets have replicas here. None: the cell is no replica."""
    organization_id: str | None = None
    """Trusted by the endpoints' policies in place of the account alone."""
    frugal: bool = False
    """One NAT gateway and one interface an endpoint for all zones: all feel the loss of that zone. Development."""
    protected: bool = True
    """Pulumi refuses to delete the VPC, the flow logs and the NAT addresses: banks allow-list the latter."""

    def __post_init__(self) -> None:
        if set(self.subnets) != set(Tier):
            raise ValueError(f"network.subnets: tiers are {sorted(self.subnets)}; give {sorted(Tier)}")
        zones = {tier: sorted(self.subnets[tier]) for tier in Tier}
        if any(zones[tier] != zones[Tier.WORKLOAD] for tier in Tier):
            raise ValueError(f"network.subnets: zones differ by tier ({zones}); give each tier the same zone ids")
        if len(self.zone_ids) < MIN_ZONES:
            raise ValueError(
                f"network.subnets: {len(self.zone_ids)} zone; EKS, Aurora and load balancers need {MIN_ZONES} or more"
            )
        self._check_addresses()

    def _check_addresses(self) -> None:
        vpc = _block("cidr", self.cidr)
        blocks = {
            place: _block(f"subnets.{place}", self.subnets[tier][zone])
            for tier in Tier
            for zone in self.zone_ids
            for place in (f"{tier}.{zone}",)
        }
        for place, block in blocks.items():
            if not block.subnet_of(vpc):
                raise ValueError(f"network.subnets.{place}: {block} is outside the VPC's {vpc}; choose a block within")
        for one, other in combinations(blocks, 2):
            if blocks[one].overlaps(blocks[other]):
                raise ValueError(f"network.subnets.{one}: {blocks[one]} overlaps {other} ({blocks[other]}); move one")

    @property
    def zone_ids(self) -> Sequence[str]:
        return tuple(self.subnets[Tier.WORKLOAD])

    @property
    def nat_zone_ids(self) -> Sequence[str]:
        return self.zone_ids[:1] if self.frugal else self.zone_ids


def _block(path: str, cidr: str) -> IPv4Network:
    try:
        return IPv4Network(cidr)
    except ValueError as reason:
        raise ValueError(f"network.{path}: {reason}; give an IPv4 block such as 10.0.0.0/16") from reason


class Network(pulumi.ComponentResource):
    """VPC, subnets, routes, NAT, endpoints and flow logs.

    Creation: about three minutes (NAT gateways and endpoints, in parallel). Cost: NAT gateways and interface endpoints
    per zone and hour, and traffic through either.
    """

    vpc_id: pulumi.Output[str]
    cidr: str
    subnets: Mapping[Tier, Mapping[str, pulumi.Output[str]]]
    """Tier -> zone id -> subnet id."""
    zone_names: Mapping[str, pulumi.Output[str]]
    """Zone id -> this account's name of the zone, which is what RDS takes."""
    nat_addresses: Mapping[str, pulumi.Output[str]]
    """Zone id of the gateway -> public IPv4 address. Every call to a bank comes from one of these."""
    nat_gateway_ids: Mapping[str, pulumi.Output[str]]
    """Zone id -> NAT gateway."""
    s3_prefix_list_id: pulumi.Output[str]
    """The addresses of S3, for rules of security groups."""
    endpoint_security_group_id: pulumi.Output[str]
    internet: Sequence[pulumi.Resource]
    """What has to exist before a load balancer can face the internet: the gateway and the public subnets' routes."""
    egress: Sequence[pulumi.Resource]
    """What has to exist before a node can reach anything: the workload subnets' routes with their associations."""

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(type_token(type(self)), name, {}, opts)
        self._prefix, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        self._lasting = pulumi.ResourceOptions(parent=self, protect=args.protected)
        vpc = self._vpc()
        subnets = {tier: dict(self._subnets(vpc, tier)) for tier in Tier}
        gateway = ec2.InternetGateway(
            name, region=args.region, vpc_id=vpc.id, tags=self._tags("internet"), opts=self._child
        )
        public = self._public_routes(vpc, gateway, subnets[Tier.PUBLIC])
        self.internet = [gateway, *public]
        addresses, gateways = self._nat(gateway, public, subnets[Tier.PUBLIC])
        tables, self.egress = self._workload_routes(vpc, gateways, subnets[Tier.WORKLOAD])
        self._data_routes(vpc, subnets[Tier.DATA])
        FlowLogs(name, self._flow_logs(vpc), self._child)
        endpoints = Endpoints(name, self._endpoints(vpc, subnets[Tier.WORKLOAD], tables), self._child)
        self.vpc_id, self.cidr = vpc.id, args.cidr
        self.subnets = {tier: {zone: subnet.id for zone, subnet in of.items()} for tier, of in subnets.items()}
        self.zone_names = {zone: subnet.availability_zone for zone, subnet in subnets[Tier.DATA].items()}
        self.nat_addresses = {zone: address.public_ip for zone, address in addresses.items()}
        self.nat_gateway_ids = {zone: nat.id for zone, nat in gateways.items()}
        self.endpoint_security_group_id = endpoints.security_group_id
        self.s3_prefix_list_id = endpoints.s3_prefix_list_id
        self.register_outputs(
            {
                "vpcId": self.vpc_id,
                "cidr": self.cidr,
                "subnets": {tier.value: ids for tier, ids in self.subnets.items()},
                "natAddresses": self.nat_addresses,
            }
        )

    def subnet_ids(self, tier: Tier) -> Sequence[pulumi.Output[str]]:
        """Subnet ids of a tier, in the order of the zones in the address plan."""
        return list(self.subnets[tier].values())

    def _tags(self, key: str) -> dict[str, str]:
        return dict(tags(DataClass.INTERNAL, name=f"{self._prefix}-{key}"))

    def _vpc(self) -> ec2.Vpc:
        vpc = ec2.Vpc(
            self._prefix,
            region=self._args.region,
            cidr_block=self._args.cidr,
            enable_dns_support=True,
            enable_dns_hostnames=True,  # private DNS of interface endpoints needs both
            tags=dict(tags(DataClass.INTERNAL, name=self._prefix)),
            opts=self._lasting,
        )
        # Adopted and emptied: what forgets to name a group must not be able to talk.
        ec2.DefaultSecurityGroup(
            self._prefix,
            region=self._args.region,
            vpc_id=vpc.id,
            ingress=[],
            egress=[],
            tags=self._tags("default-unused"),
            opts=self._child,
        )
        return vpc

    def _subnets(self, vpc: ec2.Vpc, tier: Tier) -> Iterator[tuple[str, ec2.Subnet]]:
        for zone, cidr in self._args.subnets[tier].items():
            key = f"{tier}-{zone}"
            subnet = ec2.Subnet(
                f"{self._prefix}-{key}",
                region=self._args.region,
                vpc_id=vpc.id,
                cidr_block=cidr,
                availability_zone_id=zone,
                map_public_ip_on_launch=False,  # load balancers and NAT gateways bring their own addresses
                tags={**self._tags(key), **ROLE_TAGS[tier]},
                opts=self._child,
            )
            yield zone, subnet

    def _table(self, vpc: ec2.Vpc, key: str) -> ec2.RouteTable:
        return ec2.RouteTable(
            f"{self._prefix}-{key}", region=self._args.region, vpc_id=vpc.id, tags=self._tags(key), opts=self._child
        )

    def _associate(self, key: str, table: ec2.RouteTable, subnet: ec2.Subnet) -> ec2.RouteTableAssociation:
        return ec2.RouteTableAssociation(
            f"{self._prefix}-{key}",
            region=self._args.region,
            route_table_id=table.id,
            subnet_id=subnet.id,
            opts=self._child,
        )

    def _public_routes(
        self, vpc: ec2.Vpc, gateway: ec2.InternetGateway, subnets: Mapping[str, ec2.Subnet]
    ) -> Sequence[pulumi.Resource]:
        table = self._table(vpc, "public")
        route = ec2.Route(
            f"{self._prefix}-public",
            region=self._args.region,
            route_table_id=table.id,
            destination_cidr_block=ANYWHERE,
            gateway_id=gateway.id,
            opts=self._child,
        )
        return [route, *(self._associate(f"public-{zone}", table, subnet) for zone, subnet in subnets.items())]

    def _nat(
        self, gateway: ec2.InternetGateway, public: Sequence[pulumi.Resource], subnets: Mapping[str, ec2.Subnet]
    ) -> tuple[dict[str, ec2.Eip], dict[str, ec2.NatGateway]]:
        """Zone id -> address and gateway. A NAT gateway works once its subnet's route to the internet does."""
        addresses, gateways = {}, {}
        for zone in self._args.nat_zone_ids:
            key = f"nat-{zone}"
            addresses[zone] = ec2.Eip(
                f"{self._prefix}-{key}",
                region=self._args.region,
                domain="vpc",
                tags=self._tags(key),
                opts=pulumi.ResourceOptions(parent=self, protect=self._args.protected, depends_on=[gateway]),
            )
            gateways[zone] = ec2.NatGateway(
                f"{self._prefix}-{key}",
                region=self._args.region,
                allocation_id=addresses[zone].id,
                subnet_id=subnets[zone].id,
                tags=self._tags(key),
                opts=pulumi.ResourceOptions(parent=self, depends_on=[gateway, *public]),
            )
        return addresses, gateways

    def _workload_routes(
        self, vpc: ec2.Vpc, gateways: Mapping[str, ec2.NatGateway], subnets: Mapping[str, ec2.Subnet]
    ) -> tuple[Sequence[ec2.RouteTable], Sequence[pulumi.Resource]]:
        """The tables, one a zone so that its traffic leaves through its own gateway, and what nodes wait for."""
        tables: list[ec2.RouteTable] = []
        egress: list[pulumi.Resource] = []
        for zone, subnet in subnets.items():
            key = f"{Tier.WORKLOAD}-{zone}"
            table = self._table(vpc, key)
            route = ec2.Route(
                f"{self._prefix}-{key}",
                region=self._args.region,
                route_table_id=table.id,
                destination_cidr_block=ANYWHERE,
                nat_gateway_id=gateways.get(zone, gateways[self._args.nat_zone_ids[0]]).id,
                opts=self._child,
            )
            tables.append(table)
            egress += [route, self._associate(key, table, subnet)]
        return tables, egress

    def _data_routes(self, vpc: ec2.Vpc, subnets: Mapping[str, ec2.Subnet]) -> None:
        """A table of its own without any route but the VPC's: the main table is nobody's decision."""
        table = self._table(vpc, Tier.DATA)
        for zone, subnet in subnets.items():
            self._associate(f"{Tier.DATA}-{zone}", table, subnet)

    def _flow_logs(self, vpc: ec2.Vpc) -> FlowLogsArgs:
        return FlowLogsArgs(
            region=self._args.region,
            account_id=self._args.account_id,
            vpc_id=vpc.id,
            key_arn=self._args.log_key_arn,
            retention_days=self._args.flow_log_retention_days,
            jurisdiction=self._args.jurisdiction,
            protected=self._args.protected,
        )

    def _endpoints(
        self, vpc: ec2.Vpc, subnets: Mapping[str, ec2.Subnet], tables: Sequence[ec2.RouteTable]
    ) -> EndpointsArgs:
        return EndpointsArgs(
            region=self._args.region,
            account_id=self._args.account_id,
            vpc_id=vpc.id,
            vpc_cidr=self._args.cidr,
            subnet_ids=[subnets[zone].id for zone in self._args.nat_zone_ids],
            route_table_ids=[table.id for table in tables],
            services=self._args.endpoint_services,
            shared_buckets=self._args.shared_buckets,
            primary=self._args.primary,
            organization_id=self._args.organization_id,
        )
