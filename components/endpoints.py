"""VPC endpoints of a cell: what the cell calls on AWS stays on AWS's network, and only for this account."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_aws import ec2, vpc

from components.base import type_token
from components.iam import Statement, allow, policy
from components.vocabulary import DataClass, tags

HTTPS = 443


@dataclass(frozen=True, kw_only=True, slots=True)
class EndpointSpec:
    """What the endpoint policy of one service says."""

    actions: str
    """IAM prefix of the service's actions, which differs from the endpoint's name here and there."""
    own_resources: bool = True
    """Whether the resources too belong to the account. Not so where AWS's own are read: add-on images, public
    parameters, or where calls name no resource."""


INTERFACES: Final[Mapping[str, EndpointSpec]] = {
    "ec2": EndpointSpec(actions="ec2", own_resources=False),
    "ecr.api": EndpointSpec(actions="ecr", own_resources=False),
    "ecr.dkr": EndpointSpec(actions="ecr", own_resources=False),
    "eks": EndpointSpec(actions="eks"),
    "eks-auth": EndpointSpec(actions="eks-auth"),
    "events": EndpointSpec(actions="events"),
    "kinesis-streams": EndpointSpec(actions="kinesis"),
    "kms": EndpointSpec(actions="kms"),
    "logs": EndpointSpec(actions="logs"),
    "monitoring": EndpointSpec(actions="cloudwatch", own_resources=False),
    "secretsmanager": EndpointSpec(actions="secretsmanager"),
    "sns": EndpointSpec(actions="sns"),
    "sqs": EndpointSpec(actions="sqs"),
    "ssm": EndpointSpec(actions="ssm", own_resources=False),
    "ssmmessages": EndpointSpec(actions="ssmmessages", own_resources=False),
    "sts": EndpointSpec(actions="sts", own_resources=False),
}
"""Endpoint name (after `com.amazonaws.<region>.`) -> policy. What nodes, pods and the operator's tunnel call."""

GATEWAYS: Final[Mapping[str, EndpointSpec]] = {
    "s3": EndpointSpec(actions="s3"),
    "dynamodb": EndpointSpec(actions="dynamodb"),
}
"""Endpoints that are routes: they cost nothing."""


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

    def __post_init__(self) -> None:
        if unknown := sorted(self.services - INTERFACES.keys()):
            raise ValueError(f"endpoints.services: {unknown} have no policy; choose from {sorted(INTERFACES)}")


class Endpoints(pulumi.ComponentResource):
    """Gateway endpoints for S3 and DynamoDB, and an interface endpoint with private DNS for each service.

    Creation: about two minutes, in parallel. Cost: per interface and hour, so services x subnets.
    """

    security_group_id: pulumi.Output[str]
    """Guards the interfaces: HTTPS from the VPC, nothing outwards."""

    def __init__(self, name: str, args: EndpointsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(type_token(type(self)), name, {}, opts)
        self._child = pulumi.ResourceOptions(parent=self)
        group = self._security_group(name, args)
        for service in sorted(GATEWAYS):
            ec2.VpcEndpoint(
                f"{name}-{service}",
                region=args.region,
                vpc_id=args.vpc_id,
                service_name=f"com.amazonaws.{args.region}.{service}",
                vpc_endpoint_type="Gateway",
                route_table_ids=args.route_table_ids,
                policy=policy(*_statements(service, GATEWAYS[service], args)),
                tags=tags(DataClass.INTERNAL, name=f"{name}-{service}"),
                opts=self._child,
            )
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
                policy=policy(*_statements(service, INTERFACES[service], args)),
                tags=tags(DataClass.INTERNAL, name=f"{name}-{service}"),
                opts=self._child,
            )
        self.security_group_id = group.id
        self.register_outputs({"securityGroupId": group.id})

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


def _statements(service: str, spec: EndpointSpec, args: EndpointsArgs) -> list[Statement]:
    """Own principals on own resources; for S3 also the buckets of AWS that nodes cannot start without."""
    when: dict[str, dict[str, str]] = {"StringEquals": {"aws:PrincipalAccount": args.account_id}}
    if spec.own_resources:
        when["StringEqualsIfExists"] = {"aws:ResourceAccount": args.account_id}
    statements = [allow("OwnAccount", [f"{spec.actions}:*"], principal={"AWS": "*"}, when=when)]
    if service == "s3":
        statements.append(
            # ECR hands out layer URLs that are signed by ECR itself, so the principal is not ours
            # (https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html#ecr-setting-up-s3-gateway).
            allow(
                "ImageLayers",
                ["s3:GetObject"],
                [f"arn:aws:s3:::prod-{args.region}-starport-layer-bucket/*"],
                principal={"AWS": "*"},
                when={"Bool": {"aws:SecureTransport": "true"}},
            )
        )
    return statements
