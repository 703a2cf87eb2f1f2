"""One shard: an Aurora PostgreSQL cluster, its instances over the zones, its master secret and its proxy."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_aws import cloudwatch, rds, secretsmanager

from components.base import type_token
from components.database_proxy import DatabaseProxy, DatabaseProxyArgs, connect_arn
from components.secret_replicas import in_region
from components.vocabulary import DataClass, tags

ENGINE = "aurora-postgresql"
PORT = 5432
DATABASE = "payments"

MASTER_USER = "cell_master"
"""Owner of the schema, whom migrations sign in as; the one user with a password, which only the proxy reads. `postgres`
and `admin` would be guessed first."""

USERS = ("payments", "relay", "auditor")
"""Users of programs: made by the migrations, without a password, signed in with IAM from end to end."""

LOG_EXPORTS = ("postgresql", "iam-db-auth-error", "instance")
"""All that Aurora PostgreSQL exports."""

MONITORING_INTERVAL_S = 15
"""Seconds between two operating-system samples; 1, 5, 10, 15, 30 or 60."""

ADVANCED_INSIGHTS_DAYS = 465
STANDARD_INSIGHTS_DAYS = 7
"""Retention that goes with each mode of Database Insights; advanced takes no other
(https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/USER_DatabaseInsights.html)."""

PASSWORD_BYTES = 32
"""Random bytes in a master password: 43 characters in base64url, none of which RDS refuses (/, @, ", blank)."""

MOVED = ("databaseName", "globalClusterIdentifier", "masterUsername", "replicationSourceIdentifier")
"""What a cluster is born with, and what AWS answers differently, or may, once the writer has moved
(docs/moving-the-writer.md). The former writer gets a source and the new one loses it: the plugin takes a source that
the program does not name for one to be removed, which promotes
(https://github.com/hashicorp/terraform-provider-aws/issues/43214). Until a lost region is back its cluster may be in no
global database, and nothing published says whether a secondary has a name of its database and a master user, for which
the plugin would replace it. So none of them can be changed by a program: a cluster leaves its global database by
RemoveFromGlobalCluster or when it is deleted."""

BACKUP_WINDOW = "02:00-03:00"
MAINTENANCE_WINDOW = "sun:03:30-sun:04:30"
"""UTC; must not overlap. Only pending reboots wait for it: minor upgrades are made by changing the version."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardSettings:
    """What is the same for each shard of a cell."""

    region: str
    account_id: str
    jurisdiction: str
    engine_version: str
    ca_certificate: str
    zones: Mapping[str, pulumi.Input[str]]
    """Zone id -> zone name, in the order in which instances are placed."""
    subnet_ids: Sequence[pulumi.Input[str]]
    subnet_group: pulumi.Input[str]
    parameter_group: pulumi.Input[str]
    monitoring_role_arn: pulumi.Input[str]
    monitoring_allowed: pulumi.Resource
    security_group_id: pulumi.Input[str]
    proxy_security_group_id: pulumi.Input[str]
    key_arn: pulumi.Input[str]
    secrets_key_arn: pulumi.Input[str]
    logs_key_arn: pulumi.Input[str]
    log_retention_days: int
    backup_days: int
    global_member: bool
    replica_region: str | None
    """Recovery region, which gets the master's secret."""
    primary: str | None
    """Cell whose shards' secondaries these are. None: they are its own."""
    master_password_version: int
    advanced_insights: bool
    protected: bool
    disposable: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardArgs:
    """What is one shard's own."""

    id: str
    """`s00` to `s999`, never used twice."""
    instance_class: str
    readers: int
    first_zone: int
    """Where the first instance stands, as a number that is taken modulo the zones: writers spread over them."""
    settings: ShardSettings
    upgrading: bool = False
    """Engine changes apply at once and may reach a new major version."""
    master_secret: pulumi.Input[str] | None = None
    """Of a secondary: the replica of the primary's secret. None: the shard makes its own."""

    def __post_init__(self) -> None:
        if (self.master_secret is None) != (self.settings.primary is None):
            raise ValueError(f"shard {self.id}: a secondary has its primary's secret, and nobody else's; give both")


class Shard(pulumi.ComponentResource):
    """Cluster, instances, secret and proxy. Creation: about 15 minutes (cluster 5, instances 8 in parallel, proxy
    beside)."""

    endpoint: pulumi.Output[str]
    """Writer host name. For migrations and logical replication; workloads use the proxy."""
    reader_endpoint: pulumi.Output[str]
    proxy_endpoint: pulumi.Output[str]
    cluster_arn: pulumi.Output[str]
    resource_id: pulumi.Output[str]
    """`cluster-...`: what the proxy's own policy for rds-db:connect names."""
    secret_arn: pulumi.Output[str]
    cluster_identifier: pulumi.Output[str]
    proxy_name: pulumi.Output[str]
    proxy_resource_id: pulumi.Output[str]
    """`prx-...`: what a program's policy for rds-db:connect names."""
    login_log: pulumi.Output[str]
    """Name of the log group of refused IAM logins."""

    def __init__(self, name: str, args: ShardArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(type_token(type(self)), name, {}, opts)
        self._name, self._args, self._settings = name, args, args.settings
        self._child = pulumi.ResourceOptions(parent=self)
        self._lasting = pulumi.ResourceOptions(parent=self, protect=args.settings.protected)
        self._tags = tags(DataClass.PAYMENTS, jurisdiction=args.settings.jurisdiction)
        log_groups = dict(zip(LOG_EXPORTS, self._log_groups(), strict=True))
        version: list[pulumi.Resource] = []
        if args.master_secret is not None:
            cluster = self._cluster(self._follows(), list(log_groups.values()))
            self.secret_arn = pulumi.Output.from_input(args.master_secret)
        else:
            # Write-only on both sides: a new value at each run changes nothing until the version does. A preview has
            # none: the next run would not fit a saved plan that held one, and the engine would print both.
            value: Any = pulumi.UNKNOWN if pulumi.runtime.is_dry_run() else secrets.token_urlsafe(PASSWORD_BYTES)
            password: pulumi.Output[str] = pulumi.Output.secret(value)
            cluster = self._cluster(self._leads(password), list(log_groups.values()))
            secret, current = self._secret(password)
            self.secret_arn, version = secret.arn, [current]
        instances = [self._instance(cluster, *place) for place in self._places()]
        proxy = self._proxy(cluster, instances, version)
        self.endpoint, self.reader_endpoint = cluster.endpoint, cluster.reader_endpoint
        self.proxy_endpoint, self.proxy_name, self.proxy_resource_id = proxy.endpoint, proxy.name, proxy.resource_id
        self.cluster_identifier, self.login_log = cluster.cluster_identifier, log_groups["iam-db-auth-error"].name
        self.cluster_arn, self.resource_id = cluster.arn, cluster.cluster_resource_id
        self.register_outputs(
            {
                "endpoint": self.endpoint,
                "readerEndpoint": self.reader_endpoint,
                "proxyEndpoint": self.proxy_endpoint,
                "clusterArn": self.cluster_arn,
                "secretArn": self.secret_arn,
            }
        )

    def connect_arn(self, user: str) -> pulumi.Output[str]:
        """What a program's role needs rds-db:connect on to be `user` of this shard. ValueError for an unknown user."""
        if user not in (*USERS, MASTER_USER):
            raise ValueError(
                f"database user {user!r}: the proxy knows {', '.join((*USERS, MASTER_USER))} (shard.USERS)"
            )
        return connect_arn(self._settings.region, self._settings.account_id, self.proxy_resource_id, user)

    def _log_groups(self) -> Iterator[cloudwatch.LogGroup]:
        """RDS makes missing groups itself, without retention and key: so they exist before the cluster."""
        for export in LOG_EXPORTS:
            yield cloudwatch.LogGroup(
                f"{self._name}-{export}",
                region=self._settings.region,
                name=f"/aws/rds/cluster/{self._name}/{export}",
                retention_in_days=self._settings.log_retention_days,
                kms_key_id=self._settings.logs_key_arn,
                tags=tags(DataClass.CONFIDENTIAL, jurisdiction=self._settings.jurisdiction),
                opts=self._child,
            )

    def _global(self) -> rds.GlobalCluster | None:
        """A cluster cannot join a global one later: where a recovery region is meant it is born as the only member."""
        if not self._settings.global_member:
            return None
        return rds.GlobalCluster(
            self._name,
            region=self._settings.region,
            global_cluster_identifier=f"{self._name}-global",
            engine=ENGINE,
            engine_version=self._settings.engine_version,
            storage_encrypted=True,
            deletion_protection=self._settings.protected,
            tags=self._tags,
            opts=self._lasting,
        )

    def _leads(self, password: pulumi.Output[str]) -> Mapping[str, object]:
        """What a cluster has that was born with data of its own."""
        world = self._global()
        return {
            "global_cluster_identifier": world.id if world else None,
            "database_name": DATABASE,
            "master_username": MASTER_USER,
            "master_password_wo": password,
            "master_password_wo_version": self._settings.master_password_version,
        }

    def _follows(self) -> Mapping[str, object]:
        """What a secondary has: users, passwords and databases come by replication
        (https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-global-database-attaching.html)."""
        return {"global_cluster_identifier": f"{self._settings.primary}-{self._args.id}-global"}

    def _cluster(self, born: Mapping[str, object], log_groups: Sequence[pulumi.Resource]) -> rds.Cluster:
        settings = self._settings
        days = ADVANCED_INSIGHTS_DAYS if settings.advanced_insights else STANDARD_INSIGHTS_DAYS
        return rds.Cluster(
            self._name,
            region=settings.region,
            cluster_identifier=self._name,
            engine=ENGINE,
            engine_version=settings.engine_version,
            port=PORT,
            **born,
            iam_database_authentication_enabled=True,
            db_subnet_group_name=settings.subnet_group,
            db_cluster_parameter_group_name=settings.parameter_group,
            vpc_security_group_ids=[settings.security_group_id],
            storage_encrypted=True,
            # Every commit is read and written: with the standard storage the I/O would be the larger part of the bill.
            storage_type=None if settings.disposable else "aurora-iopt1",
            kms_key_id=settings.key_arn,
            backup_retention_period=settings.backup_days,
            preferred_backup_window=BACKUP_WINDOW,
            preferred_maintenance_window=MAINTENANCE_WINDOW,
            copy_tags_to_snapshot=True,
            delete_automated_backups=settings.disposable,
            deletion_protection=settings.protected,
            skip_final_snapshot=settings.disposable,
            final_snapshot_identifier=None if settings.disposable else f"{self._name}-final",
            allow_major_version_upgrade=self._args.upgrading,
            apply_immediately=self._args.upgrading or not settings.protected,
            enabled_cloudwatch_logs_exports=list(LOG_EXPORTS),
            database_insights_mode="advanced" if settings.advanced_insights else "standard",
            performance_insights_enabled=True,
            performance_insights_kms_key_id=settings.key_arn,
            performance_insights_retention_period=days,
            tags=tags(DataClass.PAYMENTS, jurisdiction=settings.jurisdiction, backup=True),
            opts=pulumi.ResourceOptions.merge(
                self._lasting, pulumi.ResourceOptions(depends_on=log_groups, ignore_changes=list(MOVED))
            ),
        )

    def _places(self) -> Iterator[tuple[str, pulumi.Input[str], int]]:
        """(stable key, zone name, promotion tier) of each instance: zone after zone, the writer's first."""
        zones = list(self._settings.zones.items())
        for number in range(1 + self._args.readers):
            zone_id, zone = zones[(self._args.first_zone + number) % len(zones)]
            lap = number // len(zones)
            yield zone_id if lap == 0 else f"{zone_id}-{lap + 1}", zone, 0 if number == 0 else 1

    def _instance(self, cluster: rds.Cluster, key: str, zone: pulumi.Input[str], tier: int) -> rds.ClusterInstance:
        settings = self._settings
        return rds.ClusterInstance(
            f"{self._name}-{key}",
            region=settings.region,
            identifier=f"{self._name}-{key}",
            cluster_identifier=cluster.id,
            engine=ENGINE,
            engine_version=settings.engine_version,
            instance_class=self._args.instance_class,
            availability_zone=zone,
            promotion_tier=tier,
            db_subnet_group_name=settings.subnet_group,
            publicly_accessible=False,
            # A minor upgrade restarts the writer: we choose the hour, by changing the version.
            auto_minor_version_upgrade=False,
            apply_immediately=self._args.upgrading or not settings.protected,
            ca_cert_identifier=settings.ca_certificate,
            copy_tags_to_snapshot=True,
            monitoring_interval=MONITORING_INTERVAL_S,
            monitoring_role_arn=settings.monitoring_role_arn,
            tags=self._tags,
            opts=pulumi.ResourceOptions.merge(
                self._lasting, pulumi.ResourceOptions(depends_on=[settings.monitoring_allowed])
            ),
        )

    def _secret(self, password: pulumi.Output[str]) -> tuple[secretsmanager.Secret, secretsmanager.SecretVersion]:
        settings = self._settings
        secret = secretsmanager.Secret(
            f"{self._name}-master",
            region=settings.region,
            description=f"{self._name}: master user; for the proxy and for break-glass",
            kms_key_id=settings.secrets_key_arn,
            replicas=in_region(settings.replica_region),
            recovery_window_in_days=0 if settings.disposable else 30,
            tags=tags(DataClass.CONFIDENTIAL, jurisdiction=settings.jurisdiction),
            opts=self._lasting,
        )
        version = secretsmanager.SecretVersion(
            f"{self._name}-master",
            region=settings.region,
            secret_id=secret.id,
            secret_string_wo=pulumi.Output.json_dumps({"username": MASTER_USER, "password": password}),
            secret_string_wo_version=settings.master_password_version,
            opts=self._child,
        )
        return secret, version

    def _proxy(
        self,
        cluster: rds.Cluster,
        instances: Sequence[rds.ClusterInstance],
        version: Sequence[pulumi.Resource],
    ) -> DatabaseProxy:
        settings = self._settings
        return DatabaseProxy(
            self._name,
            DatabaseProxyArgs(
                region=settings.region,
                account_id=settings.account_id,
                jurisdiction=settings.jurisdiction,
                subnet_ids=settings.subnet_ids,
                security_group_id=settings.proxy_security_group_id,
                cluster_identifier=cluster.id,
                cluster_resource_id=cluster.cluster_resource_id,
                users=USERS,
                secret_arn=self.secret_arn,
                secrets_key_arn=settings.secrets_key_arn,
                instances=instances,
                secret_version=version,
            ),
            self._child,
        )
