"""What a cell's settings come to: every number that the components are given, and how each was found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from components.addresses import AddressPlan
from components.vocabulary import Compute, Environment, Strategy
from contracts.shard_map import ShardMap, ShardState


@dataclass(frozen=True, kw_only=True, slots=True)
class Derived:
    """One number or choice with its reason."""

    name: str
    """Dotted, as in the plan: ``shards.count``."""
    value: str | int | float | bool
    unit: str
    formula: str
    """With the numbers in it: ``ceil(2,284 / (8 * 75 * 0.6)) = 7, next divisor of 4,096``."""
    source: str
    """Where the figures in the formula come from: a setting, a catalogue file, a page."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cap:
    """An upper bound of the cell, and how much of it the declared peak uses."""

    dimension: str
    """payments, accounts, bytes, addresses or the name of a quota"""
    demand: float
    limit: float
    unit: str
    formula: str
    source: str
    remedy: str
    """What raises the bound."""
    grows: bool
    """The demand grows with payments while the configuration stays as it is."""

    @property
    def used(self) -> float:
        """Share of the limit at the declared peak; above 1 the cell cannot take it."""
        return self.demand / self.limit


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardSpec:
    """One Aurora cluster."""

    id: str
    instance_class: str
    readers: int
    weight: int
    state: ShardState


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeGroupSpec:
    """One managed node group."""

    instance_types: tuple[str, ...]
    minimum: int
    desired: int
    maximum: int
    disk_gib: int
    taints: Mapping[str, str]
    """Key -> value of a NO_SCHEDULE taint; empty for the group that takes the add-ons."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ConsumerSpec:
    """A consumer of the cell's events."""

    name: str
    ordered: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Retention:
    """How long data is kept."""

    log_days: int
    archive_days: int
    backup_days: int
    replay_days: int
    """Days that the bus can replay."""
    stream_hours: int
    key_deletion_days: int


@dataclass(frozen=True, kw_only=True, slots=True)
class RunnerSpec:
    """Builds inside the network that run the workloads stack."""

    image: str
    state_bucket: str
    state_key_arns: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class BackupSpec:
    """What the vault keeps."""

    daily_days: int
    weekly_days: int
    monthly_days: int
    cooling_off_days: int | None = None
    """Days until the vault's lock is final; None: an administrator can lift it."""
    copy_vault_arn: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class StandbySpec:
    """What a replica stands by for."""

    primary: str
    """The primary cell's stack."""
    home_region: str
    """The primary's region."""
    strategy: Strategy


@dataclass(frozen=True, kw_only=True, slots=True)
class CellPlan:
    """A cell, ready to be declared."""

    cell: str
    """The stack's name; first part of all logical names."""
    account: str
    """Stack name of its account."""
    region: str
    environment: Environment
    jurisdiction: str
    peak_payments_per_second: int
    domain: str
    hosted_zone_id: str | None
    """Of ``domain``; None: the cell makes one."""
    recovery_region: str | None
    standby: StandbySpec | None
    """None: a cell of its own, no replica."""

    network: AddressPlan
    """Subnets of ``subnet_zone_ids``."""
    subnet_zone_ids: tuple[str, ...]
    """Zones that have subnets: at least two, which EKS, RDS subnet groups and ALBs each ask for."""
    zone_ids: tuple[str, ...]
    """Zones in which nodes, databases and NAT gateways run; the first of the above."""
    service_cidr: str

    kubernetes_version: str
    node_version: str
    """Kubernetes version of the node groups: behind ``kubernetes_version`` in an upgrade only."""
    addons: Mapping[str, str]
    compute: Compute
    """Who runs the nodes."""
    node_groups: Mapping[str, NodeGroupSpec]
    administrators: Mapping[str, str]
    viewers: Mapping[str, str]
    endpoint_cidrs: tuple[str, ...]
    """Blocks that reach the Kubernetes API from outside; empty: private endpoint only."""

    shards: tuple[ShardSpec, ...]
    """Those that exist: all but the retired ones."""
    shard_map: ShardMap
    master_password_version: int
    engine_version: str
    shard_versions: Mapping[str, str]
    """Shards that run another engine version, in an upgrade."""
    upgrading_shard: str | None
    """The one whose engine changes at once and may reach a new major version."""
    ca_identifier: str
    tls_policy: str

    stream_shards: int
    consumers: tuple[ConsumerSpec, ...]
    retention: Retention
    backups: BackupSpec
    runner: RunnerSpec | None
    training_image: str | None
    """Digest of the image that trains the fraud model on a schedule; None: a person does."""
    slo: float
    """Percent of requests at the edge that must not fail, over 30 days."""

    protected: bool
    """Deletion protection of the service and Pulumi's protect: off in development and where the cell is disarmed."""
    object_lock_mode: str
    """COMPLIANCE in production, else GOVERNANCE."""

    derived: tuple[Derived, ...]
    caps: tuple[Cap, ...]
    """The fullest first."""

    @property
    def serves(self) -> str:
        """The cell whose accounts, events and markets these are: a replica has its primary's."""
        return self.cell if self.standby is None else self.standby.primary

    @property
    def pair_primary(self) -> str | None:
        """Primary of the pair that the cell may be in; None: it has no recovery region."""
        return self.serves if self.standby or self.recovery_region else None

    @property
    def vpc_cidr(self) -> str:
        """The VPC's block."""
        return self.network.vpc_cidr

    @property
    def subnets(self) -> Mapping[str, Mapping[str, str]]:
        """tier -> zone id -> CIDR"""
        return self.network.subnets

    @property
    def deletion_protection(self) -> bool:
        """The same decision as ``protected``, by its AWS name."""
        return self.protected

    @property
    def frugal(self) -> bool:
        """One zone: one NAT gateway and no standby."""
        return len(self.zone_ids) == 1

    @property
    def first_cap(self) -> Cap:
        """The bound that is reached first when payments grow and the configuration stays as it is."""
        return next(cap for cap in self.caps if cap.grows)

    @property
    def carries_payments_per_second(self) -> int:
        """Payments a second at which that bound is reached."""
        return int(self.peak_payments_per_second / self.first_cap.used)
