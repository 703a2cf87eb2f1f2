"""AWS Backup: keys of vaults, what a lock admits, and roles that may back up and restore."""

from collections.abc import Iterator

from sandbox.aws.preconditions.account import (
    arn_account,
    arn_region,
    ask,
    attached,
    forbidden,
    foreign,
    role,
    untrusted,
    unusable,
)
from sandbox.aws.preconditions.model import DOCS, ON_CHANGE, ON_CREATE, Precondition, Request

VAULT = "aws:backup/vault:Vault"
LOCK = "aws:backup/vaultLockConfiguration:VaultLockConfiguration"
PLAN = "aws:backup/plan:Plan"
SELECTION = "aws:backup/selection:Selection"
RESTORE_SELECTION = "aws:backup/restoreTestingSelection:RestoreTestingSelection"

GUIDE = f"{DOCS}/aws-backup/latest/devguide"
LOCK_PAGE = f"{GUIDE}/API_PutBackupVaultLockConfiguration.html"
ROLES = f"{GUIDE}/iam-service-roles.html"

BACKUP_POLICY = "AWSBackupServiceRolePolicyForBackup"
RESTORE_POLICY = "AWSBackupServiceRolePolicyForRestores"


def vault_key_is_usable(request: Request) -> str | None:
    return unusable(request, request.given("kmsKeyArn"))


def lock_periods_fit(request: Request) -> str | None:
    least, most, days = (request.given(name) for name in ("minRetentionDays", "maxRetentionDays", "changeableForDays"))
    if least is not None and most is not None and least > most:
        return f"minRetentionDays {least:g} is more than maxRetentionDays {most:g}"
    return f"changeableForDays is {days:g}" if days is not None and days < 3 else None


def _kept(request: Request) -> Iterator[tuple[str, str, float | None]]:
    """(rule, vault of this account and Region, days) of each backup and copy of a plan."""
    for rule in request.given("rules") or []:
        yield rule["ruleName"], rule.get("targetVaultName") or "", (rule.get("lifecycle") or {}).get("deleteAfter")
        for copy in rule.get("copyActions") or []:
            arn = copy["destinationVaultArn"]
            if not foreign(request, arn) and arn_region(arn) == request.context.region:
                yield rule["ruleName"], arn.rpartition(":")[2], (copy.get("lifecycle") or {}).get("deleteAfter")


def plan_vaults_exist(request: Request) -> str | None:
    for rule, vault, _ in _kept(request):
        if ask(request, "backup", "describe_backup_vault", BackupVaultName=vault) is None:
            return f"rule {rule} writes to vault {vault}, which does not exist in {request.context.region}"
    return None


def plan_keeps_what_the_lock_admits(request: Request) -> str | None:
    for rule, vault, days in _kept(request):
        lock = ask(request, "backup", "describe_backup_vault", BackupVaultName=vault) or {}
        if not lock.get("Locked"):
            continue
        least, most = lock.get("MinRetentionDays") or 1, lock.get("MaxRetentionDays")
        if (days is not None and days < least) or (most is not None and (days is None or days > most)):
            kept = "for ever" if days is None else f"{days:g} days"
            return f"rule {rule} keeps {kept} in vault {vault}, whose lock admits {least} to {most or 'any'} days"
    return None


def copies_leave_the_vault(request: Request) -> str | None:
    here = (request.context.region, request.context.account_id)
    for rule in request.given("rules") or []:
        for copy in rule.get("copyActions") or []:
            arn = copy["destinationVaultArn"]
            if (arn_region(arn), arn_account(arn)) == here and arn.rpartition(":")[2] == rule.get("targetVaultName"):
                return f"rule {rule['ruleName']} copies into {arn}, its own vault"
    return None


def role_is_trusted(request: Request) -> str | None:
    return untrusted(request, request.given("iamRoleArn"), "backup.amazonaws.com")


def _lacks(request: Request, policy: str, action: str) -> str | None:
    arn = request.given("iamRoleArn") or ""
    if foreign(request, arn) or role(request, arn) is None or policy in attached(request, arn):
        return None
    return forbidden(request, arn, [(action, None)])


def role_may_back_up(request: Request) -> str | None:
    return _lacks(request, BACKUP_POLICY, "backup:CopyIntoBackupVault")


def role_may_restore(request: Request) -> str | None:
    return _lacks(request, RESTORE_POLICY, "rds:RestoreDBClusterFromSnapshot")


ROWS = (
    Precondition(
        id="backup-vault-key-is-usable",
        token=VAULT,
        on=ON_CREATE,
        rule="The key of a vault must be an enabled symmetric key in its Region.",
        source=f"{GUIDE}/API_CreateBackupVault.html",
        code="InvalidParameterValueException",
        check=vault_key_is_usable,
    ),
    Precondition(
        id="backup-lock-periods-fit",
        token=LOCK,
        on=ON_CREATE,
        rule="A lock's minimum is not above its maximum, and a lock that becomes final leaves three days or more.",
        source=LOCK_PAGE,
        code="InvalidParameterValueException",
        check=lock_periods_fit,
    ),
    Precondition(
        id="backup-plan-vaults-exist",
        token=PLAN,
        on=ON_CHANGE,
        rule="The vaults of this account that a plan writes and copies to must exist when a job runs.",
        source=f"{GUIDE}/API_BackupRule.html",
        code="FAILED",
        check=plan_vaults_exist,
        later=True,
    ),
    Precondition(
        id="backup-plan-keeps-what-the-lock-admits",
        token=PLAN,
        on=ON_CHANGE,
        rule="A job whose retention is outside of the vault lock's minimum and maximum fails.",
        source=LOCK_PAGE,
        code="FAILED",
        check=plan_keeps_what_the_lock_admits,
        later=True,
    ),
    Precondition(
        id="backup-copies-leave-the-vault",
        token=PLAN,
        on=ON_CHANGE,
        rule="A copy goes to another vault than the one that it is taken from.",
        source=f"{GUIDE}/recov-point-create-a-copy.html",
        code="InvalidParameterValueException",
        check=copies_leave_the_vault,
    ),
    Precondition(
        id="backup-selection-role-is-trusted",
        token=SELECTION,
        on=ON_CREATE,
        rule="The role of a selection must exist and trust backup.amazonaws.com.",
        source=ROLES,
        code="InvalidParameterValueException",
        check=role_is_trusted,
    ),
    Precondition(
        id="backup-selection-role-may-back-up",
        token=SELECTION,
        on=ON_CREATE,
        rule="The role of a selection needs AWSBackupServiceRolePolicyForBackup, or its equal, or every job fails.",
        source=ROLES,
        code="FAILED",
        check=role_may_back_up,
        later=True,
    ),
    Precondition(
        id="backup-restore-role-is-trusted",
        token=RESTORE_SELECTION,
        on=ON_CHANGE,
        rule="The role of a restore test must exist and trust backup.amazonaws.com.",
        source=f"{GUIDE}/API_RestoreTestingSelectionForCreate.html",
        code="InvalidParameterValueException",
        check=role_is_trusted,
    ),
    Precondition(
        id="backup-restore-role-may-restore",
        token=RESTORE_SELECTION,
        on=ON_CHANGE,
        rule="The role of a restore test needs AWSBackupServiceRolePolicyForRestores or its equal, else it fails.",
        source=ROLES,
        code="FAILED",
        check=role_may_restore,
        later=True,
    ),
)
