"""BCK-03: vaults and copies."""

from dataclasses import replace
from typing import Any

import pytest
from pulumi_policy.proxy import unknown_checking_proxy

from policies.control import Status
from policies.resources import Resource
from policies.testing import MADE_UP, UNKNOWN, resource, verdicts

KEY, LOCKED, FINAL, COPIED, ENDS = (
    "vault_is_encrypted_with_a_key",
    "vault_is_locked",
    "lock_cannot_be_lifted",
    "backups_are_copied_to_another_account",
    "backups_end_in_time",
)
OWN, OTHER = (f"arn:aws:backup:eu-west-1:{account}:backup-vault:v" for account in ("111111111111", "222222222222"))


def vault(**props: Any) -> Resource:
    return resource("aws:backup/vault:Vault", "vault", **props)


def lock(*vaults: Resource, **props: Any) -> Resource:
    return resource(
        "aws:backup/vaultLockConfiguration:VaultLockConfiguration", "lock", {"backupVaultName": vaults}, **props
    )


def plan(*destinations: str, **props: Any) -> Resource:
    rules = [{"ruleName": "daily", "copyActions": [{"destinationVaultArn": arn} for arn in destinations]}]
    return resource("aws:backup/plan:Plan", "plan", **{"arn": OWN, "rules": rules, **props})


def test_a_vault_has_a_key_of_ones_own() -> None:
    key = resource("aws:kms/key:Key", "key")
    by_reference = resource("aws:backup/vault:Vault", "vault", {"kmsKeyArn": [key]}, kmsKeyArn=UNKNOWN)
    assert verdicts("BCK-03", by_reference, key)["vault", KEY] is Status.PASS
    assert verdicts("BCK-03", vault(kmsKeyArn="arn:key"))["vault", KEY] is Status.PASS
    assert verdicts("BCK-03", vault(kmsKeyArn=UNKNOWN))["vault", KEY] is Status.FAIL  # Left to AWS.
    assert verdicts("BCK-03", vault())["vault", KEY] is Status.FAIL


def test_a_vault_is_locked_for_good_in_production() -> None:
    def judged(*others: Resource) -> tuple[Status, Status]:
        found = verdicts("BCK-03", here, *others)
        return found["vault", LOCKED], found["vault", FINAL]

    here = vault()
    assert judged() == (Status.FAIL, Status.FAIL)
    assert judged(lock(here, backupVaultName=UNKNOWN)) == (Status.PASS, Status.FAIL)
    assert judged(lock(here, backupVaultName=UNKNOWN, changeableForDays=3)) == (Status.PASS, Status.PASS)
    assert judged(lock(here, changeableForDays=UNKNOWN)) == (Status.PASS, Status.UNDETERMINED)
    assert judged(lock(backupVaultName=UNKNOWN)) == (Status.UNDETERMINED, Status.UNDETERMINED)
    here = vault(tags=MADE_UP)
    assert judged(lock(here, backupVaultName=UNKNOWN)) == (Status.PASS, Status.NOT_APPLICABLE)


def test_a_lock_is_known_by_the_vaults_name() -> None:
    named = replace(vault(), props=unknown_checking_proxy({"name": "a"}))
    assert verdicts("BCK-03", named, lock(backupVaultName="a"))["vault", LOCKED] is Status.PASS
    assert verdicts("BCK-03", named, lock(backupVaultName="b"))["vault", LOCKED] is Status.FAIL


def test_a_plan_copies_to_another_account() -> None:
    def judged(subject: Resource) -> Status:
        return verdicts("BCK-03", subject)["plan", COPIED]

    assert judged(plan(OTHER)) is Status.PASS
    assert judged(plan(OWN, OTHER)) is Status.PASS
    assert judged(plan(OWN)) is Status.FAIL
    assert judged(plan()) is Status.FAIL
    assert judged(plan(UNKNOWN)) is Status.UNDETERMINED
    assert judged(plan(OTHER, arn=UNKNOWN)) is Status.UNDETERMINED
    assert judged(plan(tags=MADE_UP)) is Status.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("own", "copied", "expected"),
    [
        (365, 365, Status.PASS),
        (366, 35, Status.FAIL),
        (35, 366, Status.FAIL),
        (UNKNOWN, 366, Status.FAIL),
        (UNKNOWN, 35, Status.UNDETERMINED),
        (None, 35, Status.NOT_APPLICABLE),
        (None, 366, Status.FAIL),
    ],
)
def test_backups_and_copies_are_kept_no_longer_than_the_register_allows(
    own: Any, copied: Any, expected: Status
) -> None:
    copies = [{"destinationVaultArn": OTHER, "lifecycle": {"deleteAfter": copied}}]
    rule = {"ruleName": "a", "lifecycle": {"deleteAfter": own}, "copyActions": copies}
    for tags in ({}, MADE_UP):
        assert verdicts("BCK-03", plan(rules=[rule], tags=tags))["plan", ENDS] is expected
    assert verdicts("BCK-03", plan(rules=UNKNOWN))["plan", ENDS] is Status.UNDETERMINED
