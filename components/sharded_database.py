"""The database of a cell: N Aurora PostgreSQL shards behind a proxy each, and the map that says which account is
where.

Nothing here knows another shard's data: a shard is lost, grown or moved alone. Accounts find their shard by the
published map (`contracts.shard_map`), never by asking a shard.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import pulumi
from pulumi_aws import ec2, iam, rds, ssm, vpc

from components.alarms import Dimensions, Watched
from components.base import type_token
from components.iam import Statement, allow, from_source, trust
from components.shard import PORT, Shard, ShardArgs, ShardSettings
from components.standby import Standby
from components.vocabulary import DataClass, tags
from contracts.metrics import Subject
from contracts.shard_map import ADVANCED_PARAMETER_BYTES, STANDARD_PARAMETER_BYTES, ShardMap

MIN_BACKUP_DAYS, MAX_BACKUP_DAYS = 7, 35
"""Point-in-time recovery of Aurora in days: control BCK-01's minimum and Aurora's maximum."""

FIRST_FAMILY = "aurora-postgresql17"
"""The parameter group of this family has the cell's plain name: cells were born with it, a rename would replace it."""

CLUSTER_IDENTIFIER_MAX = 63
"""https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBCluster.html; `-global` and `-final`
included."""

PARAMETERS: Mapping[str, tuple[str, bool]] = {
    "rds.force_ssl": ("1", False),
    "ssl_min_protocol_version": ("TLSv1.2", False),
    # Roles that cannot sign in with a SCRAM verifier are not made by accident.
    "rds.accepted_password_auth_method": ("scram", False),
    "password_encryption": ("scram-sha-256", False),
    # Who changed schema and rights; what was read and written is audited per table with pgaudit.role.
    "shared_preload_libraries": ("pg_stat_statements,pgaudit", True),
    "pgaudit.log": ("ddl,role", False),
    "pgaudit.role": ("rds_pgaudit", False),
    "log_connections": ("1", False),
    "log_disconnections": ("1", False),
    "log_lock_waits": ("1", False),
    "log_statement": ("none", False),
    # Bind values are people's data: they stay out of logs, in errors too.
    "log_parameter_max_length": ("0", False),
    "log_parameter_max_length_on_error": ("0", False),
    # A forgotten transaction holds locks and stops vacuum for a whole shard.
    "idle_in_transaction_session_timeout": ("60000", False),
    # Resharding and the outbox read the log; turning this on later restarts every instance.
    "rds.logical_replication": ("1", True),
}
"""Cluster parameter -> (value, whether only a restart applies it)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DatabaseShard:
    """Size of one shard."""

    id: str
    instance_class: str
    readers: int
    engine_version: str | None = None
    """None: the database's `engine_version`. Another one while shards are upgraded one after the other."""
    upgrading: bool = False
    """Engine changes apply at once, not in the maintenance window, and may reach a new major version."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"s\d{2,3}", self.id):
            raise ValueError(f"shards: id {self.id!r} is not s00 to s999, as in the shard map")
        if not 0 <= self.readers <= 15:
            raise ValueError(f"shards.{self.id}.readers: {self.readers} is outside 0..15, which is what Aurora takes")


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardedDatabaseArgs:
    """What the database of one cell needs to know."""

    region: str
    account_id: str
    jurisdiction: str
    shards: Sequence[DatabaseShard]
    shard_map: ShardMap
    engine_version: str
    """`17.5`: major and minor."""
    ca_certificate: str
    """CA that signs the instances' certificates: rds-ca-rsa2048-g1. Clients have to know it before it changes."""
    vpc_id: pulumi.Input[str]
    subnet_ids: Mapping[str, pulumi.Input[str]]
    """Zone id -> data subnet; two zones at least."""
    zone_names: Mapping[str, pulumi.Input[str]]
    """Zones that instances stand in: zone id -> the account's name of that zone, which is what RDS takes."""
    client_security_group_id: pulumi.Input[str]
    """Workloads that may connect."""
    key_arn: pulumi.Input[str]
    secrets_key_arn: pulumi.Input[str]
    logs_key_arn: pulumi.Input[str]
    backup_days: int = MAX_BACKUP_DAYS
    global_members: bool = False
    """Each shard is born in a global cluster of its own: true where the environment has a recovery region, for good."""
    replica_region: str | None = None
    """Recovery region, which gets the masters' secrets."""
    standby: Standby | None = None
    """The primary whose shards have their secondaries here. None: the shards are the cell's own."""
    master_password_version: int = 1
    """A higher number sets a new master password in cluster and secret together."""
    log_retention_days: int = 365
    protected: bool = True
    """Deletion protection in RDS and in Pulumi."""
    disposable: bool = False
    """Nothing stays when the shards go; else a final snapshot does. Without 465 days of insights and I/O-optimised
    storage, which only a lasting database is worth."""

    def __post_init__(self) -> None:
        self._check_shards()
        if not MIN_BACKUP_DAYS <= self.backup_days <= MAX_BACKUP_DAYS:
            raise ValueError(
                f"database.backup_days: {self.backup_days} is outside {MIN_BACKUP_DAYS}..{MAX_BACKUP_DAYS} days "
                "(control BCK-01; Aurora's maximum)"
            )
        for version in (self.engine_version, *(shard.engine_version or self.engine_version for shard in self.shards)):
            if not re.fullmatch(r"\d+\.\d+", version):
                raise ValueError(f"database.engine_version: {version!r} is not major.minor, such as 17.5")
        if len(self.subnet_ids) < 2:
            raise ValueError("database.subnet_ids: Aurora needs subnets in two zones or more")
        if not self.zone_names or set(self.zone_names) - set(self.subnet_ids):
            raise ValueError(
                f"database.zone_names: instances stand in {sorted(self.zone_names)}, subnets in "
                f"{sorted(self.subnet_ids)}; name one or more of the subnets' zones"
            )
        if self.master_password_version < 1:
            raise ValueError(f"database.master_password_version: {self.master_password_version} is below 1")

    def _check_shards(self) -> None:
        if not self.shards:
            raise ValueError("database.shards: empty; a cell needs one shard or more")
        ids = [shard.id for shard in self.shards]
        if len(set(ids)) != len(ids):
            raise ValueError(f"database.shards: an id repeats in {ids}")
        if missing := sorted(set(self.shard_map.owners) - set(ids)):
            raise ValueError(f"database.shards: the map gives slots to {', '.join(missing)}, which is not declared")
        for shard in self.shards:
            if self.global_members and shard.instance_class.startswith("db.t"):
                raise ValueError(
                    f"shards.{shard.id}.instance_class: {shard.instance_class} is burstable, which a global database "
                    "refuses; use db.r6g.large or larger"
                )

    def version_of(self, shard: DatabaseShard) -> str:
        """The engine version of one shard."""
        return shard.engine_version or self.engine_version


def family_of(engine_version: str) -> str:
    """Parameter group family of an engine version."""
    return f"aurora-postgresql{engine_version.split('.')[0]}"


class ShardedDatabase(pulumi.ComponentResource):
    """Shards, what they share, and the published map. Creation: as long as one shard, about 15 minutes."""

    shards: Mapping[str, Shard]
    shard_map_parameter: pulumi.Output[str]
    """Name of the SSM parameter with the map."""
    proxy_endpoints: Mapping[str, pulumi.Output[str]]
    """Shard -> host that workloads connect to."""
    security_group_id: pulumi.Output[str]
    subnet_group: pulumi.Output[str]
    """Name of the data subnets' group."""
    watched: Watched
    """What has metrics."""

    def __init__(self, name: str, args: ShardedDatabaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        for shard in args.shards:
            if len(f"{name}-{shard.id}-global") > CLUSTER_IDENTIFIER_MAX:
                raise ValueError(
                    f"database {name!r}: {name}-{shard.id}-global is over {CLUSTER_IDENTIFIER_MAX} characters"
                )
        super().__init__(type_token(type(self)), name, {}, opts)
        self._prefix, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        database, proxy = self._security_groups()
        self.subnet_group = self._subnet_group().name
        # While shards move to a new major version one after the other, both families are in use.
        families = sorted({family_of(args.version_of(shard)) for shard in args.shards})
        groups = {family: self._parameter_group(family).name for family in families}
        settings = self._settings(database, proxy, groups[families[0]])
        self.shards = {shard.id: self._shard(shard, settings, groups) for shard in args.shards}
        self.proxy_endpoints = {key: shard.proxy_endpoint for key, shard in self.shards.items()}
        self.watched = self._watched()
        self.shard_map_parameter = self._publish().name
        self.security_group_id = database.id
        self.register_outputs(
            {
                "shardMapParameter": self.shard_map_parameter,
                "proxyEndpoints": self.proxy_endpoints,
                "securityGroupId": self.security_group_id,
            }
        )

    def connect_statement(self, user: str) -> Statement:
        """What a program's role needs to sign in as `user` at every shard's proxy."""
        arns = [shard.connect_arn(user) for shard in self.shards.values()]
        return allow(f"SignInAs{''.join(word.capitalize() for word in user.split('_'))}", ["rds-db:connect"], arns)

    def _shard(self, shard: DatabaseShard, settings: ShardSettings, groups: Mapping[str, pulumi.Input[str]]) -> Shard:
        version = self._args.version_of(shard)
        own = replace(settings, engine_version=version, parameter_group=groups[family_of(version)])
        return Shard(
            f"{self._prefix}-{shard.id}",
            ShardArgs(
                id=shard.id,
                instance_class=shard.instance_class,
                readers=shard.readers,
                first_zone=int(shard.id[1:]),
                upgrading=shard.upgrading,
                master_secret=self._args.standby.shard_secrets[shard.id] if self._args.standby else None,
                settings=own,
            ),
            self._child,
        )

    def _watched(self) -> Watched:
        read = {shard.id for shard in self._args.shards if shard.readers}

        def by_role(role: str, keys: Iterable[str]) -> Mapping[str, Dimensions]:
            return {key: {"DBClusterIdentifier": self.shards[key].cluster_identifier, "Role": role} for key in keys}

        return {
            Subject.SHARD_WRITER: by_role("WRITER", self.shards),
            Subject.SHARD_READERS: by_role("READER", [key for key in self.shards if key in read]),
            Subject.PROXY: {key: {"ProxyName": shard.proxy_name} for key, shard in self.shards.items()},
        }

    def _security_groups(self) -> tuple[ec2.SecurityGroup, ec2.SecurityGroup]:
        """(database, proxy): clients reach both, the proxy reaches the database, neither reaches anything else."""
        database = self._security_group("database", "Aurora shards")
        proxy = self._security_group("proxy", "RDS proxies")
        clients = self._args.client_security_group_id
        self._ingress("database-from-proxy", database, proxy.id, "RDS proxies")
        # Logical replication and migrations do not pass a proxy.
        self._ingress("database-from-workload", database, clients, "Workloads")
        self._ingress("proxy-from-workload", proxy, clients, "Workloads")
        vpc.SecurityGroupEgressRule(
            f"{self._prefix}-proxy-to-database",
            region=self._args.region,
            security_group_id=proxy.id,
            referenced_security_group_id=database.id,
            description="Aurora shards",
            ip_protocol="tcp",
            from_port=PORT,
            to_port=PORT,
            tags=tags(DataClass.INTERNAL),
            opts=self._child,
        )
        return database, proxy

    def _security_group(self, key: str, what: str) -> ec2.SecurityGroup:
        return ec2.SecurityGroup(
            f"{self._prefix}-{key}",
            region=self._args.region,
            vpc_id=self._args.vpc_id,
            description=f"{self._prefix}: {what}",
            tags=tags(DataClass.INTERNAL, name=f"{self._prefix}-{key}"),
            opts=self._child,
        )

    def _ingress(self, key: str, group: ec2.SecurityGroup, source: pulumi.Input[str], who: str) -> None:
        vpc.SecurityGroupIngressRule(
            f"{self._prefix}-{key}",
            region=self._args.region,
            security_group_id=group.id,
            referenced_security_group_id=source,
            description=who,
            ip_protocol="tcp",
            from_port=PORT,
            to_port=PORT,
            tags=tags(DataClass.INTERNAL),
            opts=self._child,
        )

    def _settings(
        self, database: ec2.SecurityGroup, proxy: ec2.SecurityGroup, parameter_group: pulumi.Input[str]
    ) -> ShardSettings:
        args = self._args
        role, allowed = self._monitoring()
        return ShardSettings(
            region=args.region,
            account_id=args.account_id,
            jurisdiction=args.jurisdiction,
            engine_version=args.engine_version,
            ca_certificate=args.ca_certificate,
            zones=args.zone_names,
            subnet_ids=list(args.subnet_ids.values()),
            subnet_group=self.subnet_group,
            parameter_group=parameter_group,
            monitoring_role_arn=role.arn,
            monitoring_allowed=allowed,
            security_group_id=database.id,
            proxy_security_group_id=proxy.id,
            key_arn=args.key_arn,
            secrets_key_arn=args.secrets_key_arn,
            logs_key_arn=args.logs_key_arn,
            log_retention_days=args.log_retention_days,
            backup_days=args.backup_days,
            global_member=args.global_members,
            replica_region=args.replica_region,
            primary=args.standby.primary if args.standby else None,
            master_password_version=args.master_password_version,
            advanced_insights=not args.disposable,
            protected=args.protected,
            disposable=args.disposable,
        )

    def _subnet_group(self) -> rds.SubnetGroup:
        return rds.SubnetGroup(
            self._prefix,
            region=self._args.region,
            description=f"{self._prefix}: data subnets",
            subnet_ids=list(self._args.subnet_ids.values()),
            tags=tags(DataClass.INTERNAL),
            opts=self._child,
        )

    def _parameter_group(self, family: str) -> rds.ClusterParameterGroup:
        return rds.ClusterParameterGroup(
            self._prefix if family == FIRST_FAMILY else f"{self._prefix}-{family}",
            region=self._args.region,
            family=family,
            description=f"{self._prefix}: shards",
            parameters=[
                {"name": key, "value": value, "apply_method": "pending-reboot" if restart else "immediate"}
                for key, (value, restart) in sorted(PARAMETERS.items())
            ],
            tags=tags(DataClass.INTERNAL),
            opts=self._child,
        )

    def _monitoring(self) -> tuple[iam.Role, iam.RolePolicyAttachment]:
        role = iam.Role(
            f"{self._prefix}-rds-monitoring",
            description=f"{self._prefix}: enhanced monitoring of the shards",
            assume_role_policy=trust("monitoring.rds", when=from_source(self._args.account_id)),
            tags=tags(DataClass.INTERNAL),
            opts=self._child,
        )
        allowed = iam.RolePolicyAttachment(
            f"{self._prefix}-rds-monitoring",
            role=role.name,
            policy_arn="arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole",
            opts=self._child,
        )
        return role, allowed

    def _publish(self) -> ssm.Parameter:
        """The map as a parameter: last of all, because whoever reads it connects."""
        text = self._args.shard_map.to_json()
        if len(text) > ADVANCED_PARAMETER_BYTES:
            raise ValueError(
                f"shard map: {len(text)} bytes; an SSM parameter holds {ADVANCED_PARAMETER_BYTES}. Remove overrides"
            )
        return ssm.Parameter(
            f"{self._prefix}-shard-map",
            region=self._args.region,
            name=f"/payment-cell/{self._prefix}/shard-map",
            description=f"Which shard holds an account; version {self._args.shard_map.version}",
            type="String",
            tier="Advanced" if len(text) > STANDARD_PARAMETER_BYTES else "Standard",
            # Not a secret: a plain value shows in previews which slots would move.
            insecure_value=text,
            tags=tags(DataClass.INTERNAL, jurisdiction=self._args.jurisdiction),
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(self.shards.values())),
        )
