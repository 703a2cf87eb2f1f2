"""Backups of a cell that outlive its databases: a locked vault, a plan, copies to another account, restore tests.

Aurora keeps its own point-in-time recovery beside it: that undoes an error of the last days, this a deleted cluster.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_aws import backup, cloudwatch, iam

from components.base import type_token
from components.iam import deny, from_source, policy, trust
from components.vocabulary import SUBJECT_KEYS, DataClass, TagKey, tags

SERVICE_POLICIES = "arn:aws:iam::aws:policy/service-role"
BACKUP_POLICY = f"{SERVICE_POLICIES}/AWSBackupServiceRolePolicyForBackup"
RESTORE_POLICY = f"{SERVICE_POLICIES}/AWSBackupServiceRolePolicyForRestores"
"""What AWS keeps up to date for its own service
(https://docs.aws.amazon.com/aws-backup/latest/devguide/security-iam-awsmanpol.html)."""

MIN_COOLING_OFF_DAYS = 3
"""Days in which a compliance lock can still be taken back, at least; afterwards nobody can, AWS included
(https://docs.aws.amazon.com/aws-backup/latest/devguide/API_PutBackupVaultLockConfiguration.html)."""

START_WINDOW_MIN, COMPLETION_WINDOW_MIN = 60, 480
"""Minutes in which a job begins, and in which it has to end, else it is EXPIRED."""

DAILY, WEEKLY, MONTHLY = "cron(0 4 * * ? *)", "cron(0 5 ? * SUN *)", "cron(0 6 1 * ? *)"
"""UTC, after the window of Aurora's own backups, each with an hour of its own."""

RESTORE_TEST = "cron(0 12 2 * ? *)"
"""Each month, after the monthly backup; control BCK-04 accepts a restore of the last 90 days."""

SELECTED = ("arn:aws:rds:*:*:cluster:*", "arn:aws:dynamodb:*:*:table/*")
"""Aurora clusters and tables. Buckets are not: the archive is locked and versioned, and is itself the second source."""

NEVER_SELECTED = (f"arn:aws:dynamodb:*:*:table/*{SUBJECT_KEYS}*",)
"""Whatever tag they carry (control KEY-07). A tag alone would not do: AWS does not say what StringNotEquals makes of a
resource that lacks the tag."""

FAILED_STATES = ("ABORTED", "EXPIRED", "FAILED")

_VAULT_ARN = re.compile(r"arn:aws:backup:[a-z0-9-]+:(?P<account>\d{12}):backup-vault:[A-Za-z0-9_-]{2,50}")


def account_of(vault_arn: str) -> str:
    """Account of a vault. Raises `ValueError` for anything but a vault's ARN."""
    found = _VAULT_ARN.fullmatch(vault_arn)
    if found is None:
        raise ValueError(
            f"backups.copy_vault_arn: {vault_arn!r} is not arn:aws:backup:<region>:<account>:backup-vault:<name>"
        )
    return found["account"]


@dataclass(frozen=True, kw_only=True, slots=True)
class BackupRetention:
    """Days until a recovery point is deleted."""

    daily_days: int
    weekly_days: int
    monthly_days: int

    def __post_init__(self) -> None:
        if not 1 <= self.daily_days <= self.weekly_days <= self.monthly_days <= 36_500:
            raise ValueError(
                f"backups.retention: {self.daily_days}, {self.weekly_days}, {self.monthly_days} days; daily, weekly "
                "and monthly backups are each kept as long as the one before, or longer (1 to 36,500 days)"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class VaultLock:
    """No recovery point is deleted, or kept shorter, before its retention ends."""

    cooling_off_days: int | None = None
    """Compliance mode: days until the lock is final, for everybody and for good. None: governance mode, which an
    administrator can lift."""

    def __post_init__(self) -> None:
        days = self.cooling_off_days
        if days is not None and not MIN_COOLING_OFF_DAYS <= days <= 36_500:
            raise ValueError(f"backups.lock.cooling_off_days: {days} is outside 3..36500 days, which AWS Backup takes")


@dataclass(frozen=True, kw_only=True, slots=True)
class RestoreTests:
    """Where a shard is restored to, once a month, and deleted again."""

    subnet_group: pulumi.Input[str]
    security_group_id: pulumi.Input[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class BackupsArgs:
    """What the backups of one cell need to know."""

    region: str
    account_id: str
    jurisdiction: str
    key_arn: pulumi.Input[str]
    """The vault's own key: who reads a database cannot read its backups."""
    retention: BackupRetention
    lock: VaultLock
    topic_arn: pulumi.Input[str]
    """Told of each job that fails."""
    topic_ready: Sequence[pulumi.Resource] = ()
    copy_vault_arn: str | None = None
    """Vault in another account that gets a copy of each recovery point."""
    restore_tests: RestoreTests | None = None
    protected: bool = True
    disposable: bool = False
    """The vault goes with all its recovery points when the cell goes."""

    def __post_init__(self) -> None:
        if self.disposable and self.lock.cooling_off_days is not None:
            raise ValueError("backups.lock: a disposable cell cannot have a lock that nobody can lift; leave it out")
        if self.copy_vault_arn is None:
            return
        if account_of(self.copy_vault_arn) == self.account_id:
            raise ValueError(
                f"backups.copy_vault_arn: {self.account_id} is the cell's own account; name a vault of another one, "
                "which survives the loss of this"
            )


class Backups(pulumi.ComponentResource):
    """Vault with lock and policy, plan, selection, restore tests, alarm on failures. Creation: seconds.

    It selects by tag (`components.vocabulary.tags(backup=True)`), so that a new shard is in the plan at once.
    """

    vault_arn: pulumi.Output[str]
    vault_name: pulumi.Output[str]
    plan_id: pulumi.Output[str]

    def __init__(self, name: str, args: BackupsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(type_token(type(self)), name, {}, opts)
        self._cell, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        # Lock and policy are kept with their vault.
        self._kept = pulumi.ResourceOptions(parent=self, retain_on_delete=not args.disposable)
        vault = self._vault()
        self.vault_arn, self.vault_name = vault.arn, vault.name
        role, allowed = self._role()
        self.plan_id = self._plan(role, allowed).id
        if args.restore_tests is not None:
            self._restore_tests(args.restore_tests, role, allowed)
        self._failures(role)
        self.register_outputs({"vaultArn": self.vault_arn, "planId": self.plan_id})

    def _vault(self) -> backup.Vault:
        args, kept = self._args, self._args.retention
        vault = backup.Vault(
            self._cell,
            region=args.region,
            kms_key_arn=args.key_arn,
            force_destroy=args.disposable,
            tags=tags(DataClass.PAYMENTS, jurisdiction=args.jurisdiction),
            opts=pulumi.ResourceOptions.merge(self._kept, pulumi.ResourceOptions(protect=args.protected)),
        )
        backup.VaultLockConfiguration(
            self._cell,
            region=args.region,
            backup_vault_name=vault.name,
            min_retention_days=kept.daily_days,
            max_retention_days=kept.monthly_days,
            changeable_for_days=args.lock.cooling_off_days,
            # Every change replaces it, and made first, the new lock would be deleted with the old one.
            opts=pulumi.ResourceOptions.merge(self._kept, pulumi.ResourceOptions(delete_before_replace=True)),
        )
        actions = ["DeleteBackupVault", "DeleteRecoveryPoint", "UpdateRecoveryPointLifecycle"]
        nobody = deny("NobodyDeletes", [f"backup:{action}" for action in actions], principal={"AWS": "*"})
        backup.VaultPolicy(
            self._cell, region=args.region, backup_vault_name=vault.name, policy=policy(nobody), opts=self._kept
        )
        return vault

    def _role(self) -> tuple[iam.Role, Sequence[pulumi.Resource]]:
        role = iam.Role(
            f"{self._cell}-backup",
            description=f"{self._cell}: AWS Backup",
            assume_role_policy=trust("backup", when=from_source(self._args.account_id)),
            tags=tags(DataClass.INTERNAL),
            opts=self._child,
        )
        policies = {"backup": BACKUP_POLICY} | ({"restore": RESTORE_POLICY} if self._args.restore_tests else {})
        attached = [
            iam.RolePolicyAttachment(f"{self._cell}-{key}", role=role.name, policy_arn=arn, opts=self._child)
            for key, arn in policies.items()
        ]
        return role, attached

    def _rules(self) -> Iterator[dict[str, Any]]:
        kept, copy = self._args.retention, self._args.copy_vault_arn
        for key, schedule, days in (
            ("daily", DAILY, kept.daily_days),
            ("weekly", WEEKLY, kept.weekly_days),
            ("monthly", MONTHLY, kept.monthly_days),
        ):
            # Aurora and DynamoDB have no cold storage, or only with features that cost the copy.
            lifecycle = {"delete_after": days}
            copies = [] if copy is None else [{"destination_vault_arn": copy, "lifecycle": lifecycle}]
            yield {
                "rule_name": key,
                "target_vault_name": self.vault_name,
                "schedule": schedule,
                "start_window": START_WINDOW_MIN,
                "completion_window": COMPLETION_WINDOW_MIN,
                "lifecycle": lifecycle,
                "copy_actions": copies,
            }

    def _plan(self, role: iam.Role, allowed: Sequence[pulumi.Resource]) -> backup.Plan:
        args = self._args
        plan = backup.Plan(
            self._cell, region=args.region, rules=list(self._rules()), tags=tags(DataClass.INTERNAL), opts=self._child
        )
        chosen = ((TagKey.CELL, self._cell), (TagKey.BACKUP, "vault"))
        backup.Selection(
            self._cell,
            region=args.region,
            plan_id=plan.id,
            iam_role_arn=role.arn,
            resources=list(SELECTED),
            not_resources=list(NEVER_SELECTED),
            # Conditions hold together; selection tags would be alternatives.
            conditions=[
                {"string_equals": [{"key": f"aws:ResourceTag/{key.value}", "value": value} for key, value in chosen]}
            ],
            opts=pulumi.ResourceOptions(parent=self, depends_on=allowed),
        )
        return plan

    def _restore_tests(self, where: RestoreTests, role: iam.Role, allowed: Sequence[pulumi.Resource]) -> None:
        """Restores the newest recovery point of every shard into the data subnets. A restored cluster has no instance:
        that rows can be read and are right is what a drill shows (control BCK-04)."""
        # Hyphens are refused in these two names.
        args, name = self._args, self._cell.replace("-", "_")
        plan = backup.RestoreTestingPlan(
            self._cell,
            region=args.region,
            name=name,
            schedule_expression=RESTORE_TEST,
            start_window_hours=1,
            recovery_point_selection={
                "algorithm": "LATEST_WITHIN_WINDOW",
                "include_vaults": [self.vault_arn],
                "recovery_point_types": ["SNAPSHOT"],
                "selection_window_days": 31,
            },
            tags=tags(DataClass.INTERNAL),
            opts=self._child,
        )
        backup.RestoreTestingSelection(
            self._cell,
            region=args.region,
            name=f"{name}_shards",
            restore_testing_plan_name=plan.name,
            protected_resource_type="Aurora",
            protected_resource_arns=["*"],
            iam_role_arn=role.arn,
            validation_window_hours=1,
            restore_metadata_overrides={
                "dbSubnetGroupName": where.subnet_group,
                "vpcSecurityGroupIds": pulumi.Output.json_dumps([where.security_group_id]),
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=allowed),
        )

    def _failures(self, role: iam.Role) -> None:
        """Jobs say `state`, restore jobs `status`
        (https://docs.aws.amazon.com/aws-backup/latest/devguide/eventbridge.html)."""
        args, failed = self._args, list(FAILED_STATES)
        pattern = role.arn.apply(
            lambda arn: json.dumps(
                {
                    "source": ["aws.backup"],
                    "detail-type": ["Backup Job State Change", "Copy Job State Change", "Restore Job State Change"],
                    "detail": {"iamRoleArn": [arn], "$or": [{"state": failed}, {"status": failed}]},
                },
                sort_keys=True,
            )
        )
        rule = cloudwatch.EventRule(
            f"{self._cell}-backup-failed",
            region=args.region,
            description=f"{self._cell}: a backup, copy or restore job did not end well",
            event_pattern=pattern,
            tags=tags(DataClass.INTERNAL),
            opts=self._child,
        )
        cloudwatch.EventTarget(
            f"{self._cell}-backup-failed",
            region=args.region,
            rule=rule.name,
            arn=args.topic_arn,
            opts=pulumi.ResourceOptions(parent=self, depends_on=args.topic_ready),
        )
