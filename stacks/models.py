"""What a stack file may say: one model a stack kind. Everything not said has a default that follows from region,
environment and peak (``stacks/sizing.py``).

Field names are camelCase in YAML and snake_case in Python. Rules that need one file only are here, as pydantic checks
with the message "key: rule -> fix"; what one value may be is in ``stacks/values.py``, rules between files are in
``stacks/fleet.py``.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import (
    Field,
    model_validator,
)

import catalogue
from components.vocabulary import Compute, Environment, Program
from contracts.shard_map import ShardMapError, slot_of
from contracts.shard_plan import Change, ChangeKind, declared_map, equal_counts, nearest_counts
from stacks.gateway_models import GatewaySettings
from stacks.guardrail_models import (
    AdoptedSettings,
    BackupSettings,
    BreakGlassSettings,
    SecurityContactSettings,
)
from stacks.model_base import DataSettings, Day, Settings, ShardId
from stacks.values import (
    AccountId,
    BucketName,
    ClientNetwork,
    DatabaseTypeName,
    Digest,
    Domain,
    EcrImage,
    Email,
    HostedZoneId,
    JurisdictionName,
    KeyArn,
    NodeTypeName,
    OrganizationId,
    ProgramName,
    QuotaName,
    RecoveryRegion,
    RegionName,
    RoleArn,
    RootId,
    StackName,
    VpcNetwork,
    WordKey,
)
from stacks.versions import VersionSettings


class AccountSettings(DataSettings):
    """An AWS account: what it holds once for all its cells."""

    account_id: AccountId = Field(description="Twelve digits, in quotes.")
    environment: Environment = Field(default=Environment.PRODUCTION, description="The strictest of its cells.")
    home_region: RegionName = Field(description="Where the trail and the parts that an account has once are managed.")
    deploy_role_arn: RoleArn | None = Field(default=None, description="Deploys every stack of the account.")
    organization_id: OrganizationId | None = Field(default=None, description="Trusted as a whole by VPC endpoints.")
    organization_root_id: RootId | None = Field(
        default=None, description="Management account only: its accounts opt out of AI services' use of data."
    )
    guardrails: Literal["create", "adopt"] = Field(
        default="create",
        description="adopt: trail, recorder, detectors and defaults exist already, an organisation made them.",
    )
    adopted: AdoptedSettings = AdoptedSettings()
    break_glass: BreakGlassSettings | None = None
    contact_email: Email | None = Field(default=None, description="Receives the security alarms of the account.")
    security_contact: SecurityContactSettings | None = Field(
        default=None, description="Left out: the account keeps the one it has."
    )
    monthly_budget_usd: int | None = Field(
        default=None, ge=1, description="US dollars a month; contactEmail is told at 80% spent and 100% expected."
    )
    disarmed: bool = Field(default=False, description="Lifts deletion protection: written by `cell disarm`.")
    log_retention_days: int = Field(default=365, ge=365, le=3653, description="Days of audit logs (LOG-06).")

    @model_validator(mode="after")
    def _role_is_in_the_account(self) -> Self:
        if self.deploy_role_arn is not None and f"::{self.account_id}:" not in self.deploy_role_arn:
            raise ValueError("deployRoleArn: a role of another account -> use one of accountId")
        return self

    @model_validator(mode="after")
    def _adopts_what_it_names(self) -> Self:
        if self.guardrails == "create" and self.adopted != AdoptedSettings():
            raise ValueError("adopted: is for guardrails that exist -> set guardrails: adopt, or remove it")
        return self

    @model_validator(mode="after")
    def _break_glass_is_heard(self) -> Self:
        if self.break_glass is not None and self.guardrails == "adopt" and self.adopted.trail_log_group is None:
            raise ValueError("breakGlass: nobody would hear of its use (IAM-07) -> set adopted.trailLogGroup")
        if self.break_glass is not None and self.contact_email is None:
            raise ValueError("breakGlass: nobody would hear of its use (IAM-07) -> set contactEmail")
        return self

    @model_validator(mode="after")
    def _budget_has_a_reader(self) -> Self:
        if self.monthly_budget_usd is not None and self.contact_email is None:
            raise ValueError("monthlyBudgetUsd: tells nobody without contactEmail -> set contactEmail")
        return self


class ShardChange(Settings):
    """A later change of the shards. The list is a history: append to it, never edit or delete an entry."""

    kind: ChangeKind = Field(description="add (without slots), serve, weigh, read-only, drain or retire.")
    shard: ShardId
    weight: int | None = Field(default=None, ge=1, le=4096)
    at: Day = Field(description="The day on which the change was declared.")

    def as_change(self) -> Change:
        """The entry as contracts/shard_plan.py takes it."""
        return Change(kind=self.kind, shard=self.shard, weight=self.weight, at=self.at.isoformat())


class ShardSettings(Settings):
    """The database shards. Left out: number and class follow from the peak."""

    count: int | None = Field(default=None, ge=1, description="Equal shards of the first map: 1, 2, 4, 8, 16 or 32.")
    instance_class: DatabaseTypeName | None = None
    readers: int | None = Field(default=None, ge=0, le=15, description="Readers of a shard beside its writer.")
    master_password_version: int = Field(
        default=1, ge=1, description="Raise it by one, and every shard gets a new master password."
    )
    changes: tuple[ShardChange, ...] = ()
    overrides: dict[str, ShardId] = Field(
        default_factory=dict, description="account id -> shard, for test, quarantined and heavy accounts."
    )

    @model_validator(mode="after")
    def _slots_are_kept(self) -> Self:
        if self.count is None:
            if self.changes or self.overrides:
                raise ValueError(
                    "changes and overrides need a fixed count, a derived one can change -> set shards.count"
                )
            return self
        if self.count not in equal_counts():
            choices = " or ".join(map(str, nearest_counts(self.count)))
            raise ValueError(f"count: {self.count} does not divide 4,096 slots -> use {choices}")
        try:
            for account_id in self.overrides:
                slot_of(account_id)
            declared_map(self.count, [change.as_change() for change in self.changes], self.overrides)
        except ShardMapError as error:
            raise ValueError(f"{error} -> correct the entry") from None
        return self


class NodeSettings(Settings):
    """One node group."""

    instance_types: tuple[NodeTypeName, ...] = Field(min_length=1, max_length=20)
    minimum: int = Field(ge=1, le=450)
    maximum: int = Field(ge=1, le=450)

    @model_validator(mode="after")
    def _minimum_is_not_above(self) -> Self:
        if self.minimum > self.maximum:
            raise ValueError(f"minimum: {self.minimum} is above maximum {self.maximum} -> lower it or raise maximum")
        return self


class EndpointSettings(Settings):
    """Who reaches the Kubernetes API from outside the VPC: nobody, or the listed blocks (control NET-03)."""

    allowed_cidrs: tuple[ClientNetwork, ...] = Field(default=(), max_length=40, description="EKS takes 40 blocks.")


class RunnerSettings(Settings):
    """Builds inside the VPC that run the workloads stack, where nobody else reaches the Kubernetes API."""

    image: EcrImage = Field(description="This project with its packages and the CLIs, in ECR, by digest.")
    state_bucket: BucketName = Field(description="S3 bucket of the Pulumi state.")
    state_key_arns: tuple[KeyArn, ...] = Field(
        min_length=1, max_length=5, description="KMS keys of the stacks' secrets and of the state's bucket."
    )


class ClusterSettings(Settings):
    """The Kubernetes cluster."""

    compute: Compute = Field(
        default=Compute.MANAGED, description="managed: node groups and add-ons of ours; auto: EKS Auto Mode."
    )


class RetentionSettings(Settings):
    """Days that data is kept. Left out: by environment."""

    log_days: int | None = Field(default=None, description="One of the periods that CloudWatch Logs takes.")
    archive_days: int | None = Field(default=None, ge=1, le=3653, description="Event archive under Object Lock.")
    backup_days: int | None = Field(default=None, ge=1, le=35, description="Point-in-time recovery of the shards.")

    @model_validator(mode="after")
    def _period_exists(self) -> Self:
        if self.log_days is not None and self.log_days not in LOG_PERIODS_DAYS:
            below = max((days for days in LOG_PERIODS_DAYS if days < self.log_days), default=LOG_PERIODS_DAYS[0])
            above = min((days for days in LOG_PERIODS_DAYS if days > self.log_days), default=LOG_PERIODS_DAYS[-1])
            raise ValueError(
                f"logDays: {self.log_days} is not a period that CloudWatch Logs takes -> use {below} or {above}"
            )
        return self


LOG_PERIODS_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
"""Periods that CloudWatch Logs takes (API reference, PutRetentionPolicy: retentionInDays)."""


class ConsumerSettings(Settings):
    """A consumer of the cell's events."""

    ordered: bool = Field(description="true: FIFO queue, in order per account; false: standard queue behind the bus.")


DEVELOPMENT_CEILING_USD = 1500.0
"""What a development cell may cost a month where its file does not say: not quite twice what `dev` costs."""


class CellSettings(DataSettings):
    """A cell: the AWS resources of one copy of the platform in one region."""

    region: RegionName
    environment: Environment
    account: StackName = Field(description="Name of the account's stack.")
    jurisdiction: JurisdictionName | None = Field(default=None, description="Left out: the region's own.")
    peak_payments_per_second: int = Field(ge=1, le=100_000, description="What the cell must take, payments/s.")
    accounts: int | None = Field(default=None, ge=1, description="Merchant accounts. Left out: follows from the peak.")
    recovery_region: RecoveryRegion | None = Field(
        default=None, description="Left out: in production the catalogue's region of the same jurisdiction, else none."
    )
    domain: Domain = Field(description="The cell's own DNS name; its certificate is made for it.")
    hosted_zone_id: HostedZoneId | None = Field(
        default=None, description="Public hosted zone of domain. Left out: the cell makes one."
    )
    zones: int | None = Field(default=None, ge=1, le=3, description="Zones that nodes and databases use.")
    cidr: VpcNetwork | None = Field(default=None, description="Replaces the block of the address plan.")
    shards: ShardSettings = ShardSettings()
    nodes: dict[WordKey, NodeSettings] = Field(default_factory=dict, description="Replaces node groups by name.")
    endpoint: EndpointSettings = EndpointSettings()
    cluster: ClusterSettings = ClusterSettings()
    retention: RetentionSettings = RetentionSettings()
    backups: BackupSettings = BackupSettings()
    administrators: dict[WordKey, RoleArn] = Field(
        default_factory=dict, description="Roles that administer the cluster beside the account's deploy role."
    )
    viewers: dict[WordKey, RoleArn] = Field(default_factory=dict, description="Roles that read all but secrets.")
    disarmed: bool = Field(default=False, description="Lifts deletion protection: written by `cell disarm`.")
    consumers: dict[WordKey, ConsumerSettings] | None = Field(default=None, min_length=1, max_length=20)
    versions: VersionSettings = VersionSettings()
    quotas: dict[QuotaName, Annotated[int, Field(gt=0)]] = Field(
        default_factory=dict, description="Quotas that AWS granted above the default."
    )
    monthly_ceiling_usd: float | None = Field(
        default=None,
        gt=0,
        description="`cell up` and `cell preview` refuse a cell that costs more. Plain pulumi does not.",
    )
    runner: RunnerSettings | None = None
    training_image: Digest | None = Field(
        default=None, description="Of `model` in the cell's registry: trains the fraud model every week."
    )
    slo: float = Field(
        default=99.95, ge=95, lt=100, description="Percent of requests at the edge that must not fail, over 30 days."
    )
    series_budget: int = Field(
        default=2_000, ge=1, le=100_000, description="Time series that the cell's alarms and dashboards may have."
    )
    expires: Day | None = Field(
        default=None, description="Last day of the cell; after it `cell reap` destroys it. Not in production."
    )
    clone_of: StackName | None = Field(
        default=None, description="Of which cell: `cell clone` wrote this file, and `cell reap` removes it."
    )

    @property
    def effective_recovery_region(self) -> str | None:
        """The declared recovery region, else in production the catalogue's; None: the cell has none."""
        if self.recovery_region is not None:
            return None if self.recovery_region == "none" else self.recovery_region
        return catalogue.region(self.region).recovery if self.environment is Environment.PRODUCTION else None

    @property
    def effective_jurisdiction(self) -> str:
        """The declared jurisdiction, else the region's."""
        return self.jurisdiction or catalogue.region(self.region).jurisdiction

    @property
    def ceiling_usd(self) -> float | None:
        """What the cell may cost a month; None: no limit."""
        development = self.environment is Environment.DEVELOPMENT
        return self.monthly_ceiling_usd or (DEVELOPMENT_CEILING_USD if development else None)

    @model_validator(mode="after")
    def _stays_in_its_jurisdiction(self) -> Self:
        allowed = catalogue.regions_of(self.effective_jurisdiction)
        if self.region not in allowed:
            raise ValueError(
                f"region: {self.region} is outside jurisdiction {self.jurisdiction} -> use {', '.join(allowed)}, "
                "or change jurisdiction"
            )
        target = self.recovery_region
        if target in (None, "none"):
            return self
        others = [name for name in allowed if name != self.region]
        if target not in others:
            outside = f"outside jurisdiction {self.effective_jurisdiction}"
            where = "the cell's own region" if target == self.region else outside
            fix = f"use {', '.join(others)} or none" if others else "use none: the jurisdiction has no other region"
            raise ValueError(f"recoveryRegion: {target} is {where} -> {fix}")
        return self

    @model_validator(mode="after")
    def _copies_stay_in_the_jurisdiction(self) -> Self:
        arn = self.backups.copy_vault_arn
        allowed = catalogue.regions_of(self.effective_jurisdiction)
        if arn is not None and (region := arn.split(":")[3]) not in allowed:
            raise ValueError(
                f"backups.copyVaultArn: {region} is outside jurisdiction {self.effective_jurisdiction} "
                f"-> use a vault in {', '.join(allowed)}"
            )
        if self.backups.cooling_off_days is not None and self.environment is not Environment.PRODUCTION:
            raise ValueError(
                "backups.coolingOffDays: makes a lock that nobody can lift -> remove it, it is for production"
            )
        return self

    @model_validator(mode="after")
    def _has_an_end_where_it_may(self) -> Self:
        if self.expires is not None and self.environment is Environment.PRODUCTION:
            raise ValueError("expires: production has no last day -> remove it, or set another environment")
        if self.clone_of is not None and self.expires is None:
            raise ValueError("cloneOf: a clone has a last day -> add expires, or remove cloneOf and keep the cell")
        return self

    @model_validator(mode="after")
    def _zones_exist(self) -> Self:
        usable = len(catalogue.region(self.region).zones)
        if self.zones is not None and self.zones > usable:
            raise ValueError(f"zones: {self.zones} is more than {self.region} has for a cell -> use {usable} or fewer")
        if self.environment is Environment.PRODUCTION and self.zones == 1:
            raise ValueError("zones: 1 leaves production without a second zone -> use 2 or 3")
        return self

    @model_validator(mode="after")
    def _class_fits(self) -> Self:
        chosen = self.shards.instance_class
        if chosen is None or not catalogue.instances().databases.types[chosen].burstable:
            return self
        if self.environment is Environment.PRODUCTION:
            raise ValueError(f"shards.instanceClass: {chosen} runs out of CPU credits -> use a db.r7g class")
        if self.effective_recovery_region is not None:
            raise ValueError(
                f"shards.instanceClass: {chosen} is refused by the global database of a cell with a recoveryRegion "
                "-> use a db.r7g class"
            )
        return self

    @model_validator(mode="after")
    def _production_is_durable(self) -> Self:
        if self.environment is not Environment.PRODUCTION:
            return self
        if self.shards.readers == 0:
            raise ValueError("shards.readers: 0 leaves a shard without a standby (control BCK-06) -> use 1 or more")
        if self.retention.backup_days is not None and self.retention.backup_days < 7:
            raise ValueError("retention.backupDays: fewer than 7 days (control BCK-01) -> use 7 to 35")
        return self


class WorkloadsSettings(Settings):
    """The Kubernetes objects of one cell."""

    cell: StackName = Field(description="Name of the cell's stack.")
    images: dict[ProgramName, Digest] = Field(
        default_factory=dict, description="program -> digest in the cell's registry; the programs named here run."
    )

    gateway: GatewaySettings = GatewaySettings()

    @model_validator(mode="after")
    def _carries_payments_whole(self) -> Self:
        named = [program for program in Program if program.value in self.images]
        if named and (missing := [program.value for program in Program if program not in named]):
            raise ValueError(f"images: a payment needs {', '.join(missing)} too -> name all of them, or none")
        return self

    @property
    def carries_payments(self) -> bool:
        """Whether the programs on a payment's way run."""
        return Program.GATEWAY.value in self.images
