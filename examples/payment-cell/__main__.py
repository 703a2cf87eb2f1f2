"""A whole cell at its smallest: one database shard, one consumer, one node group, one NAT gateway."""

from ipaddress import IPv4Network

import pulumi

import catalogue
from components.addresses import address_plan
from components.backups import BackupRetention, VaultLock
from components.buckets import ObjectLock
from components.event_log import ConsumerArgs
from components.nodes import NodeGroupArgs
from components.payment_cell import PaymentCell, PaymentCellArgs
from components.sharded_database import DatabaseShard
from contracts.shard_plan import first_map

region = pulumi.Config("aws").require("region")
config = pulumi.Config()
versions, zones = catalogue.versions(), catalogue.region(region).zones[:3]
plan = address_plan(IPv4Network("10.44.0.0/16"), zones)
cell = PaymentCell(
    "payment-cell",
    PaymentCellArgs(
        region=region,
        account_id=config.require("accountId"),
        jurisdiction="eu",
        domain_name=config.require("domainName"),
        cidr=plan.vpc_cidr,
        subnets=plan.subnets,
        zone_ids=zones,
        kubernetes_version=versions.kubernetes.default,
        add_on_versions=versions.addons.of(versions.kubernetes.default),
        node_groups={"system": NodeGroupArgs(instance_types=["m7g.large"], min_size=2, desired_size=2, max_size=4)},
        administrators={"deploy": config.require("administratorRoleArn")},
        engine_version=versions.aurora_postgresql.default,
        ca_certificate=versions.database_ca.identifier,
        shards=[DatabaseShard(id="s00", instance_class="db.r7g.large", readers=1)],
        shard_map=first_map(1),
        consumers=[ConsumerArgs(name="ledger", ordered=True)],
        archive_lock=ObjectLock(mode="GOVERNANCE", days=1),
        archive_retention_days=30,
        stream_shards=1,
        stream_retention_h=24,
        replay_days=7,
        access_log_bucket=config.require("accessLogBucket"),
        data_event_bucket=config.require("dataEventBucket"),
        audit_key_arn=config.require("auditKeyArn"),
        tls_policy="ELBSecurityPolicy-TLS13-1-2-2021-06",
        edge_rate_limit=10_000,
        backup_retention=BackupRetention(daily_days=35, weekly_days=90, monthly_days=365),
        vault_lock=VaultLock(),
        frugal=True,
        protected=False,
        disposable=True,
    ),
)

pulumi.export("clusterName", cell.cluster.name)
pulumi.export("healthCheckId", cell.telemetry.health_check_id)
