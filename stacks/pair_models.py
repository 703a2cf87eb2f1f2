"""What the files of a replica and of a pair may say. A replica is its primary's cell in another region: everything that
is not its place follows from the primary's file."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from components.pair_drill import Weekday
from components.vocabulary import Strategy
from stacks.guardrail_models import BackupSettings
from stacks.model_base import Settings
from stacks.models import CellSettings, EndpointSettings, RunnerSettings
from stacks.values import (
    Domain,
    EcrImage,
    HostedZoneId,
    PrincipalArn,
    QuotaName,
    RegionName,
    RoleArn,
    StackName,
    VpcNetwork,
    WordKey,
)


class ReplicaSettings(Settings):
    """A cell that stands by for another one, in a recovery region of the same jurisdiction."""

    of: StackName = Field(description="Stack of the primary cell: environment, peak, shards and versions are its own.")
    region: RegionName
    strategy: Strategy = Field(default=Strategy.WARM_STANDBY, description="How much of it runs while it waits.")
    domain: Domain = Field(description="The replica's own DNS name; clients call the pair's.")
    hosted_zone_id: HostedZoneId | None = Field(
        default=None, description="Public hosted zone of domain. Left out: the cell makes one."
    )
    zones: int | None = Field(default=None, ge=1, le=3, description="Zones that nodes and databases use.")
    cidr: VpcNetwork | None = Field(default=None, description="Replaces the block of the address plan.")
    quotas: dict[QuotaName, int] = Field(default_factory=dict, description="Quotas that AWS granted here.")
    endpoint: EndpointSettings = EndpointSettings()
    backups: BackupSettings = BackupSettings()
    administrators: dict[WordKey, RoleArn] = Field(default_factory=dict)
    viewers: dict[WordKey, RoleArn] = Field(default_factory=dict)
    runner: RunnerSettings | None = None
    monthly_ceiling_usd: float | None = Field(default=None, gt=0)
    disarmed: bool = Field(default=False, description="Lifts deletion protection: written by `cell disarm`.")

    @model_validator(mode="after")
    def _has_something_to_stand_in(self) -> Self:
        if self.strategy is Strategy.BACKUP_RESTORE:
            raise ValueError(
                "strategy: backup-restore has no replica cell, only copies -> remove this file and name "
                "backups.copyVaultArn in the recovery region in the primary's, or choose pilot-light"
            )
        return self


class StandbySettings(CellSettings):
    """A replica's settings as a cell's: its primary's, in its own place. Never read from a file."""

    replica_of: StackName
    home_region: RegionName
    strategy: Strategy


class DrillSettings(Settings):
    """The weekly drill: the writer moves to the replica and back, unless an alarm rings. Left out: none on a
    schedule."""

    weekday: Weekday = Field(description="In UTC. Payments are refused for a minute or more each way.")
    hour_utc: int = Field(ge=0, le=23, description="Full hour at which it begins.")
    image: EcrImage | None = Field(
        default=None, description="This project with its packages, by digest. Left out: that of the primary's runner."
    )


class PairSettings(Settings):
    """What joins a cell and its replica."""

    primary: StackName = Field(description="Stack of the cell that was there first.")
    replica: StackName = Field(description="Stack of its replica.")
    writer: StackName = Field(description="The one of both that writes; changed by the commands that move it.")
    domain: Domain = Field(description="DNS name that clients of the pair call; it follows the writer.")
    hosted_zone_id: HostedZoneId | None = Field(
        default=None, description="Public hosted zone of domain. Left out: the pair makes one."
    )
    rpo_seconds: int = Field(
        default=30, ge=1, le=3600, description="Recovery point objective of the database: a failover beyond is refused."
    )
    approvals: int = Field(
        default=0, ge=0, le=2, description="Other people who approve a failover, switchover or failback first."
    )
    operators: tuple[PrincipalArn, ...] = Field(
        default=(),
        max_length=10,
        description="IAM users and roles that move the writer. Left out: whoever the account's own policies let.",
    )
    drill_schedule: DrillSettings | None = None
    disarmed: bool = Field(default=False, description="Lifts deletion protection: written by `cell disarm`.")

    @model_validator(mode="after")
    def _writer_is_one_of_both(self) -> Self:
        if self.primary == self.replica:
            raise ValueError("replica: is the primary itself -> name the replica's stack")
        if self.writer not in (self.primary, self.replica):
            raise ValueError(f"writer: {self.writer} is not in the pair -> use {self.primary} or {self.replica}")
        return self
