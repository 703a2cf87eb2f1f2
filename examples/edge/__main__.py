"""Load balancer, certificate, web ACL and DNS zone in front of a VPC that exists already."""

import pulumi
from pulumi_aws import ec2

from components.edge import Edge, EdgeArgs
from components.keys import Keys, KeysArgs
from components.vocabulary import KeyUse

region = pulumi.Config("aws").require("region")
config = pulumi.Config()
account_id = config.require("accountId")
keys = Keys("edge", KeysArgs(region=region, account_id=account_id, protected=False))
vpc_id = config.require("vpcId")
targets = ec2.SecurityGroup("targets", region=region, vpc_id=vpc_id, description="The gateway's pods")
edge = Edge(
    "edge",
    EdgeArgs(
        region=region,
        account_id=account_id,
        jurisdiction="eu",
        domain_name=config.require("domainName"),
        vpc_id=vpc_id,
        subnet_ids=list(config.require_object("subnets").values()),
        target_security_group_id=targets.id,
        access_log_bucket=config.require("accessLogBucket"),
        tls_policy="ELBSecurityPolicy-TLS13-1-2-2021-06",
        rate_limit=10_000,
        logs_key_arn=keys.arns[KeyUse.LOGS],
        protected=False,
    ),
)

pulumi.export("targetGroupArn", edge.target_group_arn)
pulumi.export("nameServers", edge.name_servers)
