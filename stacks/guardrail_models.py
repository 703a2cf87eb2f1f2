"""What a stack file may say about an account's guardrails and a cell's vault; part of ``stacks/models.py``."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from stacks.model_base import Settings
from stacks.values import BucketName, Email, LogGroupName, Phone, Reason, RegionName, TrailArn, UserArn, VaultArn


class AdoptedSettings(Settings):
    """What an organisation made in the account, where `guardrails` is `adopt`."""

    trail_arn: TrailArn | None = Field(default=None, description="Shown among the outputs.")
    trail_log_group: LogGroupName | None = Field(
        default=None, description="Log group of a trail, in the home region of this account: alarms are made over it."
    )
    load_balancer_log_buckets: dict[RegionName, BucketName] = Field(
        default_factory=dict, description="Region -> bucket that takes load-balancer logs. Left out: one is made."
    )


class BreakGlassSettings(Settings):
    """A role for emergencies (IAM-07). Left out: the account has none."""

    principal_arns: tuple[UserArn, ...] = Field(
        min_length=1, max_length=10, description="IAM users of an account for identities, who sign in with MFA."
    )
    session_hours: int = Field(default=1, ge=1, le=4, description="Longest session; IAM-07 accepts four hours.")


class SecurityContactSettings(Settings):
    """Whom AWS writes to and calls about the security of the account."""

    name: str = Field(min_length=1, max_length=64)
    title: str = Field(min_length=1, max_length=50)
    email: Email
    phone: Phone


class BackupSettings(Settings):
    """Vault of the cell. Left out: by environment."""

    daily_days: int | None = Field(default=None, ge=1, le=36_500, description="Days that a daily backup is kept.")
    weekly_days: int | None = Field(default=None, ge=1, le=36_500, description="Days that a weekly backup is kept.")
    monthly_days: int | None = Field(default=None, ge=1, le=36_500, description="Days that a monthly backup is kept.")
    cooling_off_days: int | None = Field(
        default=None, ge=3, le=36_500, description="Production: days until the vault's lock is final, for good."
    )
    copy_vault_arn: VaultArn | None = Field(
        default=None, description="Vault in another account and the same jurisdiction that gets a copy of each backup."
    )
    no_copy_reason: Reason | None = Field(
        default=None, description="Production without copyVaultArn: why, and who answers for it."
    )

    @model_validator(mode="after")
    def _copies_or_a_reason(self) -> Self:
        if self.copy_vault_arn is not None and self.no_copy_reason is not None:
            raise ValueError("noCopyReason: backups are copied to copyVaultArn -> remove one of the two")
        return self
