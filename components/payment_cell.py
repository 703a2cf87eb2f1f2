"""A payment cell: a complete, isolated copy of the platform in one region. Composes; every part also works alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil

import pulumi

from components.alarm_topic import AlarmTopic, AlarmTopicArgs
from components.backups import BackupRetention, Backups, BackupsArgs, RestoreTests, VaultLock, account_of
from components.base import type_token
from components.boundary import bounded
from components.buckets import ObjectLock
from components.cluster import Cluster, ClusterArgs
from components.controller_roles import ControllerRoles, ControllerRolesArgs
from components.data_events import DataEvents, DataEventsArgs
from components.edge import HEALTH_PATH, Edge, EdgeArgs
from components.event_log import ConsumerArgs, EventLog, EventLogArgs
from components.keys import Keys, KeysArgs
from components.network import Network, NetworkArgs
from components.nodes import NodeGroupArgs
from components.payment_path import PaymentPath, PaymentPathArgs
from components.registry import Registry, RegistryArgs
from components.runner import Runner, RunnerArgs, RunnerSetup
from components.sharded_database import DatabaseShard, ShardedDatabase, ShardedDatabaseArgs
from components.standby import Standby
from components.telemetry import Telemetry, TelemetryArgs
from components.vocabulary import Compute, KeyUse, Tier
from contracts.metrics import Subject
from contracts.shard_map import ShardMap

IMAGES = ("autoscaler", "gateway", "load-balancer", "model", "payments", "relay", "scaler", "scorer")
"""Programs that a cell runs: its own, and the controllers that a cluster with managed compute needs."""

EVENTS_A_DECISION = 3
"""Events of a payment (catalogue/workload.yaml); it has one decision, so that stream needs a third of the shards."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PaymentCellArgs:
    """Everything that makes one cell differ from another. Rules about single values are the parts' own."""

    region: str
    account_id: str
    jurisdiction: str
    domain_name: str
    """Name that clients of the cell call."""
    cidr: str
    subnets: Mapping[str, Mapping[str, str]]
    """Tier -> zone id -> CIDR."""
    zone_ids: Sequence[str]
    """Zones that database instances stand in; a subset of the subnets' zones."""
    kubernetes_version: str
    add_on_versions: Mapping[str, str]
    node_groups: Mapping[str, NodeGroupArgs]
    administrators: Mapping[str, pulumi.Input[str]]
    """Stable key -> role ARN with every right on the cluster."""
    engine_version: str
    ca_certificate: str
    shards: Sequence[DatabaseShard]
    shard_map: ShardMap
    consumers: Sequence[ConsumerArgs]
    archive_lock: ObjectLock
    archive_retention_days: int
    stream_shards: int | None
    stream_retention_h: int
    replay_days: int
    access_log_bucket: pulumi.Input[str]
    """The account's bucket for load-balancer logs in this region."""
    data_event_bucket: pulumi.Input[str]
    """The account's bucket for data events in this region."""
    audit_key_arn: pulumi.Input[str]
    """The account's audit key in this region."""
    tls_policy: str
    edge_rate_limit: int
    """Requests that one address may send in five minutes."""
    backup_retention: BackupRetention
    """Of the vault."""
    vault_lock: VaultLock
    backup_copy_vault_arn: str | None = None
    """Vault in another account of the same jurisdiction. None: no copies."""
    node_version: str | None = None
    """Kubernetes version of the node groups. None: `kubernetes_version`."""
    compute: Compute = Compute.MANAGED
    """Who runs the cluster's nodes."""
    images: Sequence[str] = IMAGES
    """Programs with a repository in the cell's registry."""
    backup_days: int = 35
    """Of Aurora's own point-in-time recovery."""
    log_retention_days: int = 365
    key_deletion_days: int = 30
    recovery_region: str | None = None
    """Decided at birth: shards become members of global clusters, secrets have replicas there, tables the streams that
    replicas need."""
    standby: Standby | None = None
    """The primary for which this cell stands by. None: a cell of its own."""
    pair_primary: str | None = None
    """Stack of the primary of the cell's pair, whose epoch store says who writes. None: it is of no pair."""
    public_access_cidrs: Sequence[str] = ()
    """Addresses that reach the cluster's API server over the internet. Empty: none."""
    viewers: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    alarm_subscribers: Mapping[str, str] = field(default_factory=dict)
    """Endpoint -> protocol."""
    slo_percent: float = 99.95
    """Share of requests at the edge that must not fail, over 30 days."""
    master_password_version: int = 1
    """A higher one gives every shard a new master password."""
    training_image: str | None = None
    """Trains the fraud model on a schedule. None: a person does."""
    runner: RunnerSetup | None = None
    """Builds inside the network that run the workloads stack. None: that is reached in another way."""
    organization_id: str | None = None
    """AWS organisation whose principals and resources pass the VPC endpoints. None: those of the account only."""
    permissions_boundary: pulumi.Input[str] | None = None
    """ARN of the managed policy that bounds every role of the cell (`components/boundary.py`)."""
    zone_id: pulumi.Input[str] | None = None
    """Hosted zone of `domain_name`. None: the cell makes one."""
    frugal: bool = False
    """One NAT gateway for all zones: development."""
    protected: bool = True
    """Nothing that holds data or a published address can be deleted by accident."""
    disposable: bool = False
    """Nothing stays in the account when the cell goes: development."""

    def __post_init__(self) -> None:
        if self.standby is not None and self.recovery_region is not None:
            raise ValueError("cell.recovery_region: a replica has none; its primary is in its own global databases")
        if missing := sorted(set(self.zone_ids) - set(self.subnets.get(Tier.DATA, {}))):
            raise ValueError(f"cell.zone_ids: {', '.join(missing)} has no data subnet; name zones of the address plan")


class PaymentCell(pulumi.ComponentResource):
    """Keys and network first, then cluster, database, event log and edge side by side.

    Creation: as long as the slowest part, about 20 minutes (EKS with nodes and add-ons, or a shard with its proxy).
    """

    keys: Keys
    network: Network
    registry: Registry
    cluster: Cluster
    database: ShardedDatabase
    event_log: EventLog
    edge: Edge
    path: PaymentPath
    runner: Runner | None
    alarms: AlarmTopic
    backups: Backups
    telemetry: Telemetry

    def __init__(self, name: str, args: PaymentCellArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(type_token(type(self)), name, {}, bounded(opts, args.permissions_boundary))
        self._prefix, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        self.keys = Keys(name, self._keys(), self._child)
        self.network = Network(name, self._network(), self._child)
        self.alarms = AlarmTopic(name, self._alarms(), self._child)
        self.registry = Registry(name, self._registry(), self._child)
        self.cluster = Cluster(name, self._cluster(), self._child)
        self.database = ShardedDatabase(name, self._database(), self._child)
        self.event_log = EventLog(name, self._event_log(), self._child)
        self.edge = Edge(name, self._edge(), self._child)
        self.path = PaymentPath(name, self._path(), self._child)
        DataEvents(name, self._data_events(), self._child)
        self.backups = Backups(name, self._backups(), self._child)
        self.runner = None if args.runner is None else Runner(name, self._runner(args.runner), self._child)
        self.telemetry = Telemetry(name, self._telemetry(), self._child)
        if args.compute is Compute.MANAGED:
            ControllerRoles(name, self._controller_roles(), self._child)
        self.register_outputs(self.outputs())

    def outputs(self) -> Mapping[str, object]:
        """What the workloads stack and operators read; names are part of the contract between stacks."""
        database, events, edge = self.database, self.event_log, self.edge
        return {
            "region": self._args.region,
            "accountId": self._args.account_id,
            "jurisdiction": self._args.jurisdiction,
            "clusterName": self.cluster.name,
            "clusterArn": self.cluster.arn,
            "clusterEndpoint": self.cluster.endpoint,
            "clusterCertificateAuthority": self.cluster.certificate_authority,
            "imageUrls": self.registry.urls,
            "clusterSecurityGroupId": self.cluster.security_group_id,
            "nodeRoleName": self.cluster.node_role_name,
            "nodeSubnetIds": self._node_subnets(),
            "vpcId": self.network.vpc_id,
            "egressAddresses": self.network.nat_addresses,
            "shards": {
                key: {
                    "proxyEndpoint": shard.proxy_endpoint,
                    "writerEndpoint": shard.endpoint,
                    "readerEndpoint": shard.reader_endpoint,
                    "resourceId": shard.resource_id,
                    "secretArn": shard.secret_arn,
                }
                for key, shard in database.shards.items()
            },
            "shardMap": self._args.shard_map.to_json(),
            "shardMapParameter": database.shard_map_parameter,
            "streamName": events.stream_name,
            "streamArn": events.stream_arn,
            "busName": events.bus_name,
            "busArn": events.bus_arn,
            "archiveBucket": events.archive_bucket,
            "queueUrls": events.queue_urls,
            "deadLetterUrls": events.dead_letter_urls,
            "alarmTopicArn": self.alarms.arn,
            "backupVaultArn": self.backups.vault_arn,
            "ticketTopicArn": self.alarms.ticket_arn,
            "unconfirmedAlarmSubscribers": self.alarms.unconfirmed,
            "healthCheckId": self.telemetry.health_check_id,
            "domainName": self._args.domain_name,
            "nameServers": edge.name_servers,
            "loadBalancerDnsName": edge.dns_name,
            "loadBalancerZoneId": edge.zone_id,
            "listenerArn": edge.listener_arn,
            "targetGroupArn": edge.target_group_arn,
            **self.path.outputs(),
            "keyArns": {use.value: arn for use, arn in self.keys.arns.items()},
        }

    def _node_subnets(self) -> list[pulumi.Output[str]]:
        return [self.network.subnets[Tier.WORKLOAD][zone] for zone in self._args.zone_ids]

    def _keys(self) -> KeysArgs:
        args = self._args
        return KeysArgs(
            region=args.region,
            account_id=args.account_id,
            replicated=args.standby.keys if args.standby else {},
            deletion_window_days=args.key_deletion_days,
            copy_account_id=account_of(args.backup_copy_vault_arn) if args.backup_copy_vault_arn else None,
            protected=args.protected,
            disposable=args.disposable,
        )

    def _network(self) -> NetworkArgs:
        args = self._args
        return NetworkArgs(
            region=args.region,
            account_id=args.account_id,
            cidr=args.cidr,
            subnets=args.subnets,
            log_key_arn=self.keys.arns[KeyUse.LOGS],
            flow_log_retention_days=args.log_retention_days,
            jurisdiction=args.jurisdiction,
            shared_buckets=[args.runner.state_bucket] if args.runner else [],
            primary=args.standby.primary if args.standby else None,
            organization_id=args.organization_id,
            frugal=args.frugal,
            protected=args.protected,
        )

    def _alarms(self) -> AlarmTopicArgs:
        args = self._args
        return AlarmTopicArgs(
            region=args.region,
            jurisdiction=args.jurisdiction,
            account_id=args.account_id,
            key_arn=self.keys.arns[KeyUse.EVENTS],
            subscribers=args.alarm_subscribers,
            tickets=True,
            from_rules=True,
        )

    def _runner(self, setup: RunnerSetup) -> RunnerArgs:
        args, network = self._args, self.network
        return RunnerArgs(
            region=args.region,
            account_id=args.account_id,
            cluster_name=self.cluster.name,
            cluster_security_group_id=self.cluster.security_group_id,
            vpc_id=network.vpc_id,
            vpc_cidr=args.cidr,
            subnet_ids=network.subnet_ids(Tier.WORKLOAD),
            s3_prefix_list_id=network.s3_prefix_list_id,
            stack=f"{self._prefix}-workloads",
            setup=setup,
            log_key_arn=self.keys.arns[KeyUse.LOGS],
            log_retention_days=args.log_retention_days,
            jurisdiction=args.jurisdiction,
            protected=args.protected,
        )

    def _registry(self) -> RegistryArgs:
        args = self._args
        return RegistryArgs(
            region=args.region,
            account_id=args.account_id,
            images=args.images,
            cell=args.standby.primary if args.standby else None,
            key_arn=self.keys.arns[KeyUse.IMAGES],
            protected=args.protected,
        )

    def _cluster(self) -> ClusterArgs:
        args, keys = self._args, self.keys.arns
        return ClusterArgs(
            region=args.region,
            account_id=args.account_id,
            kubernetes_version=args.kubernetes_version,
            node_version=args.node_version,
            add_on_versions=args.add_on_versions,
            subnet_ids=self.network.subnet_ids(Tier.WORKLOAD),
            node_subnet_ids=self._node_subnets(),
            node_groups=args.node_groups,
            administrators=args.administrators,
            viewers=args.viewers,
            public_access_cidrs=args.public_access_cidrs,
            secrets_key_arn=keys[KeyUse.CLUSTER],
            volume_key_arn=keys[KeyUse.VOLUMES],
            log_key_arn=keys[KeyUse.LOGS],
            log_retention_days=args.log_retention_days,
            jurisdiction=args.jurisdiction,
            egress=self.network.egress,
            compute=args.compute,
            protected=args.protected,
        )

    def _controller_roles(self) -> ControllerRolesArgs:
        return ControllerRolesArgs(
            region=self._args.region,
            account_id=self._args.account_id,
            cluster_name=self.cluster.name,
            cluster_arn=self.cluster.arn,
            target_group_arn=self.edge.target_group_arn,
        )

    def _database(self) -> ShardedDatabaseArgs:
        args, keys, network = self._args, self.keys.arns, self.network
        return ShardedDatabaseArgs(
            region=args.region,
            account_id=args.account_id,
            jurisdiction=args.jurisdiction,
            shards=args.shards,
            shard_map=args.shard_map,
            master_password_version=args.master_password_version,
            engine_version=args.engine_version,
            ca_certificate=args.ca_certificate,
            vpc_id=network.vpc_id,
            subnet_ids=network.subnets[Tier.DATA],
            zone_names={zone: network.zone_names[zone] for zone in args.zone_ids},
            client_security_group_id=self.cluster.security_group_id,
            key_arn=keys[KeyUse.PAYMENTS],
            secrets_key_arn=keys[KeyUse.SECRETS],
            logs_key_arn=keys[KeyUse.LOGS],
            backup_days=args.backup_days,
            global_members=args.recovery_region is not None,
            replica_region=args.recovery_region,
            standby=args.standby,
            log_retention_days=args.log_retention_days,
            protected=args.protected,
            disposable=args.disposable,
        )

    def _event_log(self) -> EventLogArgs:
        args, keys = self._args, self.keys.arns
        return EventLogArgs(
            region=args.region,
            account_id=args.account_id,
            jurisdiction=args.jurisdiction,
            consumers=args.consumers,
            events_key_arn=keys[KeyUse.EVENTS],
            archive_key_arn=keys[KeyUse.ARCHIVE],
            logs_key_arn=keys[KeyUse.LOGS],
            alarm_topic_arn=self.alarms.arn,
            archive_lock=args.archive_lock,
            archive_retention_days=args.archive_retention_days,
            stream_shards=args.stream_shards,
            stream_retention_h=args.stream_retention_h,
            replay_days=args.replay_days,
            log_retention_days=args.log_retention_days,
            protected=args.protected,
            disposable=args.disposable,
        )

    def _path(self) -> PaymentPathArgs:
        args = self._args
        return PaymentPathArgs(
            region=args.region,
            account_id=args.account_id,
            jurisdiction=args.jurisdiction,
            keys=self.keys.arns,
            cluster_name=self.cluster.name,
            cluster_arn=self.cluster.arn,
            database=self.database,
            event_log=self.event_log,
            ordered_consumers=[consumer.name for consumer in args.consumers if consumer.ordered],
            decision_shards=None if args.stream_shards is None else ceil(args.stream_shards / EVENTS_A_DECISION),
            alarm_topic_arn=self.alarms.arn,
            pair_primary=args.pair_primary,
            replica_region=args.recovery_region,
            standby=args.standby,
            training_image=args.training_image,
            log_retention_days=args.log_retention_days,
            protected=args.protected,
            disposable=args.disposable,
        )

    def _edge(self) -> EdgeArgs:
        args, network = self._args, self.network
        return EdgeArgs(
            region=args.region,
            account_id=args.account_id,
            jurisdiction=args.jurisdiction,
            domain_name=args.domain_name,
            zone_id=args.zone_id,
            vpc_id=network.vpc_id,
            subnet_ids=network.subnet_ids(Tier.PUBLIC),
            target_security_group_id=self.cluster.security_group_id,
            internet=network.internet,
            auto_mode_cluster=self._prefix if args.compute is Compute.AUTO else None,
            access_log_bucket=args.access_log_bucket,
            tls_policy=args.tls_policy,
            rate_limit=args.edge_rate_limit,
            logs_key_arn=self.keys.arns[KeyUse.LOGS],
            log_retention_days=args.log_retention_days,
            protected=args.protected,
        )

    def _data_events(self) -> DataEventsArgs:
        """Whatever bucket or table of the cell holds personal data; databases have logs of their own (LOG-09)."""
        args, path = self._args, self.path
        return DataEventsArgs(
            region=args.region,
            jurisdiction=args.jurisdiction,
            bucket=args.data_event_bucket,
            key_arn=args.audit_key_arn,
            buckets=[self.event_log.archive_arn],
            tables=[path.subject_keys_arn, path.fraud.feature_table_arn],
            protected=args.protected,
        )

    def _backups(self) -> BackupsArgs:
        args, database = self._args, self.database
        where = RestoreTests(subnet_group=database.subnet_group, security_group_id=database.security_group_id)
        return BackupsArgs(
            region=args.region,
            account_id=args.account_id,
            jurisdiction=args.jurisdiction,
            key_arn=self.keys.arns[KeyUse.BACKUP],
            retention=args.backup_retention,
            lock=args.vault_lock,
            topic_arn=self.alarms.arn,
            topic_ready=[self.alarms],
            copy_vault_arn=args.backup_copy_vault_arn,
            # A test that runs while the cell goes would leave its cluster behind.
            restore_tests=None if args.disposable else where,
            protected=args.protected,
            disposable=args.disposable,
        )

    def _telemetry(self) -> TelemetryArgs:
        args = self._args
        return TelemetryArgs(
            region=args.region,
            domain_name=args.domain_name,
            health_path=HEALTH_PATH,
            slo_percent=args.slo_percent,
            watched={
                **self.edge.watched,
                **self.database.watched,
                **self.event_log.watched,
                Subject.NAT_GATEWAY: {
                    zone: {"NatGatewayId": nat} for zone, nat in self.network.nat_gateway_ids.items()
                },
                Subject.CLUSTER: {"cluster": {"ClusterName": self.cluster.name}},
            },
            login_logs={key: shard.login_log for key, shard in self.database.shards.items()},
            program_log_group=self.cluster.program_log_group,
            page_topic_arn=self.alarms.arn,
            ticket_topic_arn=self.alarms.ticket_arn,
            flow_alarm_arns=[self.event_log.stuck_alarm_arn],
        )
