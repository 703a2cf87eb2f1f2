"""BCK-03: backups are encrypted, locked, copied to another account, and kept no longer than the register of retention
(catalogue/processing.yaml) allows. RES-05 has the copies' region, RET-01 that they end at all."""

from collections.abc import Mapping
from typing import Any

from policies.control import (
    SAFEGUARDS,
    SOC2,
    Control,
    Environment,
    Severity,
    StackClause,
    Status,
    Strength,
    Verdict,
    failed,
    not_applicable,
    passed,
    undetermined,
)
from policies.every import every
from policies.relations import may_name, naming
from policies.resources import Resource, Stack
from policies.retention import within_register
from policies.stores import UNTAGGED, under_a_key_of_aws

_VAULT = "aws:backup/vault:Vault"
_LOCK = "aws:backup/vaultLockConfiguration:VaultLockConfiguration"


def vault_is_encrypted_with_a_key(vault: Resource, stack: Stack) -> Verdict:
    if under_a_key_of_aws(vault, "kmsKeyArn", stack):
        return failed("kmsKeyArn is a key that AWS manages")
    if stack.sources(vault, "kmsKeyArn") or vault.given("kmsKeyArn"):
        return passed()
    return failed("kmsKeyArn is not set: AWS's own key is used")


def vault_is_locked(vault: Resource, stack: Stack) -> Verdict:
    return passed() if _locks(vault, stack) else _no_lock(vault, stack)


def lock_cannot_be_lifted(vault: Resource, stack: Stack) -> Verdict:
    """A lock with changeableForDays cannot be changed by anybody once these days are over; one without always can. A
    live account says the day, lockDate
    (https://docs.aws.amazon.com/aws-backup/latest/devguide/vault-lock.html)."""
    locks = _locks(vault, stack)
    if not locks:
        return _no_lock(vault, stack)
    return (
        passed()
        if any(lock.props.get("changeableForDays") or lock.props.get("lockDate") for lock in locks)
        else failed("changeableForDays is not set: the lock can be lifted at any time")
    )


def backups_are_copied_to_another_account(plan: Resource, _: Stack) -> Verdict:
    copies = [copy for rule in plan.props.get("rules") or () for copy in rule.get("copyActions") or ()]
    if not copies:
        return failed("no rule has copyActions")
    accounts = {_account(copy["destinationVaultArn"]) for copy in copies}
    if not (own := plan.maybe("arn")):
        return undetermined("the plan's own account is not known here")
    return passed() if accounts - {_account(own), ""} else failed("destinationVaultArn is in the plan's account")


def backups_end_in_time(plan: Resource, _: Stack) -> Verdict:
    """A plan does not say what it backs up: the strict case holds."""

    def ends(kept: Mapping[str, Any]) -> Verdict:
        days = (kept.get("lifecycle") or {}).get("deleteAfter")
        endless.append(not days)
        return within_register(days, "lifecycle.deleteAfter", _VAULT, UNTAGGED) if days else passed()

    def both(rule: Mapping[str, Any]) -> Verdict:
        return every((rule, *(rule.get("copyActions") or ())), ends)

    endless: list[bool] = []
    verdict = every(plan.props.get("rules") or (), both)
    if verdict.status is Status.PASS and any(endless):
        return not_applicable("backups of a rule, or copies, are kept for ever: RET-01")
    return verdict


def _locks(vault: Resource, stack: Stack) -> list[Resource]:
    """A lock names its vault by name."""
    name = vault.maybe("name")
    by_name = [lock for lock in stack.of(_LOCK) if name and lock.maybe("backupVaultName") == name]
    return [*by_name, *naming(vault, stack, [_LOCK], "backupVaultName")]


def _no_lock(vault: Resource, stack: Stack) -> Verdict:
    if unknown := may_name(vault, stack, [_LOCK], "backupVaultName"):
        return undetermined(unknown)
    return failed("no VaultLockConfiguration names this vault")


def _account(arn: str) -> str:
    return arn.split(":")[4] if arn.count(":") > 4 else ""


_KEPT = frozenset({Environment.PRODUCTION, Environment.STAGING})
"""A development stack leaves nothing behind, as for BCK-05."""

BCK_03 = Control(
    id="BCK-03",
    title="Backups are encrypted, locked, copied to another account, and kept no longer than the register allows",
    severity=Severity.HIGH,
    clauses=(
        StackClause(resource_types=frozenset({_VAULT}), check=vault_is_encrypted_with_a_key),
        StackClause(resource_types=frozenset({_VAULT}), check=vault_is_locked),
        StackClause(
            resource_types=frozenset({_VAULT}),
            check=lock_cannot_be_lifted,
            environments=frozenset({Environment.PRODUCTION}),
        ),
        StackClause(
            resource_types=frozenset({"aws:backup/plan:Plan"}),
            check=backups_are_copied_to_another_account,
            environments=_KEPT,
        ),
        StackClause(resource_types=frozenset({"aws:backup/plan:Plan"}), check=backups_end_in_time),
    ),
    maps_to=(SOC2("A1.2", Strength.PARTIAL), *SAFEGUARDS),
    risk="Whoever holds the account deletes the data and the backups with one role.",
    remediation="Set kmsKeyArn, declare a VaultLockConfiguration (changeableForDays in production) and copyActions to a"
    " vault of another account, and a deleteAfter that retention in catalogue/processing.yaml allows.",
)
