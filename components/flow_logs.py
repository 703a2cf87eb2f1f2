"""Flow logs of a VPC: who talked to whom, kept encrypted, for controls NET-07 and LOG-06."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_aws import cloudwatch, ec2, iam

from components.base import type_token
from components.iam import allow, from_source, policy, trust
from components.vocabulary import DataClass, tags

INTERVAL_S = 60
"""Seconds of traffic in one record; the other choice is 600 (EC2 API reference, CreateFlowLogs)."""

FORMAT: Final = " ".join(
    f"${{{field}}}"
    for field in (
        "version", "account-id", "vpc-id", "subnet-id", "az-id", "interface-id", "srcaddr", "dstaddr", "pkt-srcaddr",
        "pkt-dstaddr", "srcport", "dstport", "protocol", "packets", "bytes", "tcp-flags", "flow-direction",
        "pkt-dst-aws-service", "start", "end", "action", "log-status",
    )
)  # fmt: skip
"""The default fields, and those that tell pods behind NAT apart (pkt-*), direction, zone and AWS destination
(https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FlowLogsArgs:
    """Whose traffic is logged, and for how long."""

    region: str
    account_id: str
    vpc_id: pulumi.Input[str]
    key_arn: pulumi.Input[str]
    """Its policy lets CloudWatch Logs use it."""
    retention_days: int
    jurisdiction: str | None = None
    protected: bool = True


class FlowLogs(pulumi.ComponentResource):
    """Log group, delivery role and flow log of one VPC. Creation: seconds. Cost: per GB delivered."""

    log_group_name: str

    def __init__(self, name: str, args: FlowLogsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(type_token(type(self)), name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        key = f"{name}-flow-logs"
        self.log_group_name = f"/payment-cell/{name}/flow-logs"
        group = cloudwatch.LogGroup(
            key,
            region=args.region,
            name=self.log_group_name,
            kms_key_id=args.key_arn,
            retention_in_days=args.retention_days,
            tags=tags(DataClass.CONFIDENTIAL, jurisdiction=args.jurisdiction),
            opts=pulumi.ResourceOptions(parent=self, protect=args.protected),
        )
        role, deliver = _delivery(key, args, group, child)
        ec2.FlowLog(
            key,
            region=args.region,
            vpc_id=args.vpc_id,
            traffic_type="ALL",
            log_destination_type="cloud-watch-logs",
            log_destination=group.arn,
            iam_role_arn=role.arn,
            log_format=FORMAT,
            max_aggregation_interval=INTERVAL_S,
            tags=tags(DataClass.INTERNAL, name=key),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[deliver]),  # without it the first records are lost
        )
        self.register_outputs({"logGroupName": self.log_group_name})


def _delivery(
    key: str, args: FlowLogsArgs, group: cloudwatch.LogGroup, child: pulumi.ResourceOptions
) -> tuple[iam.Role, iam.RolePolicy]:
    """The role that EC2 delivers with, for flow logs of this account and region only."""
    flow_logs = f"arn:aws:ec2:{args.region}:{args.account_id}:vpc-flow-log/*"
    role = iam.Role(
        key,
        description=f"{key}: delivers to CloudWatch Logs",
        assume_role_policy=trust("vpc-flow-logs", when=from_source(args.account_id, flow_logs)),
        tags=tags(DataClass.INTERNAL),
        opts=child,
    )
    streams = group.arn.apply(lambda arn: f"{arn}:*")
    deliver = iam.RolePolicy(
        key,
        role=role.name,
        policy=policy(
            allow("Deliver", ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"], [streams]),
            allow("Find", ["logs:DescribeLogGroups"]),
        ),
        opts=child,
    )
    return role, deliver
