"""Two Aurora PostgreSQL shards with proxies and a shard map, in a VPC that exists already."""

import pulumi
from pulumi_aws import ec2

import catalogue
from components.keys import Keys, KeysArgs
from components.sharded_database import DatabaseShard, ShardedDatabase, ShardedDatabaseArgs
from components.vocabulary import KeyUse
from contracts.shard_plan import first_map

region = pulumi.Config("aws").require("region")
config = pulumi.Config()
account_id = config.require("accountId")
keys = Keys("sharded-database", KeysArgs(region=region, account_id=account_id, protected=False))
versions = catalogue.versions()
vpc_id = config.require("vpcId")
clients = ec2.SecurityGroup("clients", region=region, vpc_id=vpc_id, description="May connect to the shards")
database = ShardedDatabase(
    "sharded-database",
    ShardedDatabaseArgs(
        region=region,
        account_id=account_id,
        jurisdiction="eu",
        shards=[DatabaseShard(id=f"s0{n}", instance_class="db.r7g.large", readers=1) for n in range(2)],
        shard_map=first_map(2),
        engine_version=versions.aurora_postgresql.default,
        ca_certificate=versions.database_ca.identifier,
        vpc_id=vpc_id,
        subnet_ids=config.require_object("subnets"),
        zone_names=config.require_object("zoneNames"),
        client_security_group_id=clients.id,
        key_arn=keys.arns[KeyUse.PAYMENTS],
        secrets_key_arn=keys.arns[KeyUse.SECRETS],
        logs_key_arn=keys.arns[KeyUse.LOGS],
        protected=False,
        disposable=True,
    ),
)

pulumi.export("proxyEndpoints", {key: shard.proxy_endpoint for key, shard in database.shards.items()})
