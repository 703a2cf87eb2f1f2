"""KEY-06: personal data, the audit trail and backups are under different keys."""

from policies.control import (
    GDPR,
    Control,
    Severity,
    StackClause,
    Strength,
    Verdict,
    failed,
    not_applicable,
    passed,
)
from policies.key_users import keys_of, sharer
from policies.resources import Resource, Stack
from policies.stores import STORES, at_least

_TRAIL, _VAULT = "aws:cloudtrail/trail:Trail", "aws:backup/vault:Vault"


def audit_has_a_key_of_its_own(trail: Resource, stack: Stack) -> Verdict:
    return _apart(trail, [*_personal(stack), *stack.of(_VAULT)], stack)


def backups_have_a_key_of_their_own(vault: Resource, stack: Stack) -> Verdict:
    return _apart(vault, _personal(stack), stack)


def _apart(store: Resource, others: list[Resource], stack: Stack) -> Verdict:
    if not keys_of(store, stack):
        return not_applicable("no key of one's own is named (KEY-01)")
    other = sharer(store, others, stack)
    return failed(f"its key is also the key of {other.name}") if other else passed()


def _personal(stack: Stack) -> list[Resource]:
    """Stores of personal data; the buckets that a trail writes to are audit, whatever their class."""
    audit = {source.urn for trail in stack.of(_TRAIL) for source in stack.sources(trail, "s3BucketName")}
    stores = stack.of(*(set(STORES) - {_TRAIL, _VAULT}))
    return [store for store in stores if store.urn not in audit and at_least(store, "personal")]


KEY_06 = Control(
    id="KEY-06",
    title="Personal data, the audit trail and backups are under different keys",
    severity=Severity.HIGH,
    clauses=(
        StackClause(resource_types=frozenset({_TRAIL}), check=audit_has_a_key_of_its_own),
        StackClause(resource_types=frozenset({_VAULT}), check=backups_have_a_key_of_their_own),
    ),
    maps_to=(GDPR("25", Strength.PARTIAL),),
    risk="One key for all three: who may read the data may read and forge its evidence, and loses all with one key.",
    remediation="Give the trail and the backup vault a customer-managed key each, which no store of data uses.",
)
