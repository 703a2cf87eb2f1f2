"""VPC endpoints of a cell: what the cell calls on AWS stays on AWS's network, and only for this account."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pulumi
from pulumi_aws import ec2, vpc

from components.base import type_token
from components.endpoint_policies import GATEWAYS, INTERFACES, EndpointSpec, Perimeter, statements
from components.iam import policy
from components.vocabulary import DataClass, tags

HTTPS = 443


@dataclass(frozen=True, kw_only=True, slots=True)
class EndpointsArgs:
    """Where the endpoints stand and whom they serve."""

    region: str
    account_id: str
    vpc_id: pulumi.Input[str]
    vpc_cidr: str
    subnet_ids: Sequence[pulumi.Input[str]]
    """One interface of each endpoint stands in each of these subnets; at most one subnet a zone."""
    route_table_ids: Sequence[pulumi.Input[str]]
    """Tables that get the gateway endpoints' routes."""
    services: frozenset[str] = frozenset(INTERFACES)
    shared_buckets: Sequence[str] = ()
    """Buckets of the account or organisation beside the cell's own that may be reached: the state's."""
    primary: str | None = None
    """Cell whose tables and secrets have replicas here under their names. None: the cell is no replica."""
    organization_id: str | None = None
    """AWS organisation whose principals and resources are trusted. None: those of the account only."""

    def __post_init__(self) -> None:
        if unknown := sorted(self.services - INTERFACES.keys()):
            raise ValueError(f"endpoints.services: {unknown} have no policy; choose from {sorted(INTERFACES)}")


class Endpoints(pulumi.ComponentResource):
    """Gateway endpoints for S3 and DynamoDB, and an interface endpoint with private DNS for each service.

    Its name is the cell's: policies know the cell's resources by it.

    Creation: about two minutes, in parallel. Cost: per interface and hour, so services x subnets.
    """

    s3_prefix_list_id: pulumi.Output[str]
    """The addresses of S3, for rules of security groups."""
    security_group_id: pulumi.Output[str]
    """Guards the interfaces: HTTPS from the VPC, nothing outwards."""

    def __init__(self, name: str, args: EndpointsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(type_token(type(self)), name, {}, opts)
        self._child = pulumi.ResourceOptions(parent=self)
        group = self._security_group(name, args)
        gateways = {service: self._gateway(name, service, args) for service in sorted(GATEWAYS)}
        for service in sorted(args.services):
            ec2.VpcEndpoint(
                f"{name}-{service}",
                region=args.region,
                vpc_id=args.vpc_id,
                service_name=f"com.amazonaws.{args.region}.{service}",
                vpc_endpoint_type="Interface",
                private_dns_enabled=True,
                subnet_ids=args.subnet_ids,
                security_group_ids=[group.id],
                policy=_policy(name, service, INTERFACES[service], args),
                tags=tags(DataClass.INTERNAL, name=f"{name}-{service}"),
                opts=self._child,
            )
        self.s3_prefix_list_id = gateways["s3"].prefix_list_id
        self.security_group_id = group.id
        self.register_outputs({"securityGroupId": group.id})

    def _gateway(self, name: str, service: str, args: EndpointsArgs) -> ec2.VpcEndpoint:
        return ec2.VpcEndpoint(
            f"{name}-{service}",
            region=args.region,
            vpc_id=args.vpc_id,
            service_name=f"com.amazonaws.{args.region}.{service}",
            vpc_endpoint_type="Gateway",
            route_table_ids=args.route_table_ids,
            policy=_policy(name, service, GATEWAYS[service], args),
            tags=tags(DataClass.INTERNAL, name=f"{name}-{service}"),
            opts=self._child,
        )

    def _security_group(self, name: str, args: EndpointsArgs) -> ec2.SecurityGroup:
        group = ec2.SecurityGroup(
            f"{name}-endpoints",
            region=args.region,
            vpc_id=args.vpc_id,
            description=f"{name}: interface endpoints",
            tags=tags(DataClass.INTERNAL, name=f"{name}-endpoints"),
            opts=self._child,
        )
        vpc.SecurityGroupIngressRule(
            f"{name}-endpoints-https",
            region=args.region,
            security_group_id=group.id,
            description="HTTPS from the VPC",
            ip_protocol="tcp",
            from_port=HTTPS,
            to_port=HTTPS,
            cidr_ipv4=args.vpc_cidr,
            tags=tags(DataClass.INTERNAL),
            opts=self._child,
        )
        return group


def _policy(cell: str, service: str, spec: EndpointSpec, args: EndpointsArgs) -> pulumi.Output[str]:
    if service == "s3":
        buckets = (f"arn:aws:s3:::{bucket}{objects}" for bucket in args.shared_buckets for objects in ("", "/*"))
        spec = replace(spec, resources=(*spec.resources, *buckets))
    if args.primary is not None and service in ("dynamodb", "secretsmanager"):
        shared = tuple(resource.replace("{cell}", args.primary) for resource in spec.resources)
        spec = replace(spec, resources=(*spec.resources, *shared))
    perimeter = Perimeter(
        cell=cell, region=args.region, account_id=args.account_id, organization_id=args.organization_id
    )
    return policy(*statements(service, spec, perimeter))
