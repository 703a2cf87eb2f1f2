"""What a stack file may say about an account's guardrails and a cell's vault; part of ``stacks/models.py``."""

from __future__ import annotations

from types import MappingProxyType
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

import catalogue
from stacks.model_base import Settings


def _region(name: str) -> str:
    if name not in catalogue.regions():
        raise ValueError("is not a region of catalogue/regions.yaml -> name one of its regions")
    return name


def _pattern(alias: Any) -> str:
    """The pattern of an annotated string type."""
    return next(str(part.pattern) for part in alias.__metadata__ if isinstance(part, StringConstraints))


VaultArn = Annotated[
    str, StringConstraints(pattern=r"^arn:aws:backup:[a-z0-9-]+:[0-9]{12}:backup-vault:[A-Za-z0-9_-]{2,50}$")
]
TrailArn = Annotated[
    str, StringConstraints(pattern=r"^arn:aws:cloudtrail:[a-z0-9-]+:[0-9]{12}:trail/[A-Za-z0-9._-]{3,128}$")
]
UserArn = Annotated[str, StringConstraints(pattern=r"^arn:aws:iam::[0-9]{12}:user/[A-Za-z0-9+=,.@_/-]{1,128}$")]
LogGroupName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._/#-]{1,512}$")]
BucketName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
Phone = Annotated[str, StringConstraints(pattern=r"^\+[0-9][0-9 ()-]{5,23}$")]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=20, max_length=200)]
Email = Annotated[str, StringConstraints(pattern=r"^[^@\s]{1,64}@[a-z0-9-]+(\.[a-z0-9-]+)+$", max_length=254)]

GUARDRAIL_RULES = MappingProxyType(
    {
        _pattern(VaultArn): (
            "is not the ARN of a backup vault",
            "write arn:aws:backup:<region>:<account>:backup-vault:<name>",
        ),
        _pattern(TrailArn): ("is not the ARN of a trail", "write arn:aws:cloudtrail:<region>:<account>:trail/<name>"),
        _pattern(UserArn): (
            "is not the ARN of an IAM user",
            "write arn:aws:iam::<account>:user/<name>, of an account for identities: MFA is theirs",
        ),
        _pattern(LogGroupName): ("is not the name of a log group", "write its name, not its ARN"),
        _pattern(BucketName): ("is not the name of a bucket", "write its name, not its ARN"),
        _pattern(Phone): ("is not a telephone number", 'write it with its country in quotes: "+353 1 555 0100"'),
        _pattern(Email): ("is not one e-mail address", "write it as security@example.com"),
    }
)
"""Pattern -> rule and fix, in words."""


class AdoptedSettings(Settings):
    """What an organisation made in the account, where `guardrails` is `adopt`."""

    trail_arn: TrailArn | None = Field(default=None, description="Shown among the outputs.")
    trail_log_group: LogGroupName | None = Field(
        default=None, description="Log group of a trail, in the home region of this account: alarms are made over it."
    )
    load_balancer_log_buckets: dict[Annotated[str, AfterValidator(_region)], BucketName] = Field(
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
