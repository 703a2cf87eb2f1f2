"""A build project inside a VPC that reaches a private cluster and runs a stack there."""

import pulumi

from components.keys import Keys, KeysArgs
from components.runner import Runner, RunnerArgs, RunnerSetup
from components.vocabulary import KeyUse

region = pulumi.Config("aws").require("region")
config = pulumi.Config()
account_id = config.require("accountId")
keys = Keys("runner", KeysArgs(region=region, account_id=account_id, protected=False))
runner = Runner(
    "runner",
    RunnerArgs(
        region=region,
        account_id=account_id,
        cluster_name=config.require("clusterName"),
        cluster_security_group_id=config.require("clusterSecurityGroupId"),
        vpc_id=config.require("vpcId"),
        vpc_cidr=config.require("vpcCidr"),
        subnet_ids=list(config.require_object("subnets").values()),
        s3_prefix_list_id=config.require("s3PrefixListId"),
        stack="workloads",
        setup=RunnerSetup(
            image=config.require("image"),
            state_bucket=config.require("stateBucket"),
            state_key_arns=[config.require("stateKeyArn")],
        ),
        log_key_arn=keys.arns[KeyUse.LOGS],
        protected=False,
    ),
)

pulumi.export("projectName", runner.project_name)
