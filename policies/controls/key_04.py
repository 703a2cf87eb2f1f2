"""KEY-04: a key policy opens the key to no stranger, and who administers a key does not use it."""

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

from policies.control import (
    SOC2,
    Control,
    Severity,
    StackClause,
    Strength,
    Verdict,
    failed,
    not_applicable,
    passed,
    undetermined,
)
from policies.resource_policies import Statement, holds_everyone, statements
from policies.resources import Resource, Stack

ADMINISTERS = ("kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "kms:DisableKey")
USES = ("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:Sign", "kms:GenerateMac")
_TYPES = frozenset({"aws:kms/key:Key", "aws:kms/keyPolicy:KeyPolicy", "aws:kms/replicaKey:ReplicaKey"})


def everyone_is_held_to_an_account(key: Resource, _stack: Stack) -> Verdict:
    policy = key.given("policy")
    if not policy:
        return not_applicable("no policy is declared: AWS's default names the account only")
    return holds_everyone(policy)


def administrators_do_not_use_the_key(key: Resource, _stack: Stack) -> Verdict:
    policy = key.given("policy")
    if not policy:
        return undetermined("no policy is declared: the account's IAM decides who administers and who uses the key")
    allowed = [statement for statement in statements(policy) if statement.effect == "Allow"]
    administrators, users = set(_named(allowed, ADMINISTERS)), set(_named(allowed, USES))
    both = sorted(a for a in administrators for u in users if not _root(a) and (fnmatchcase(a, u) or fnmatchcase(u, a)))
    if both:
        return failed(f"policy: {both[0]} administers the key and uses it")
    if any(map(_root, administrators & users)):
        return undetermined("the account's IAM decides who administers and who uses the key")
    return passed()


def _named(allowed: Iterable[Statement], actions: Iterable[str]) -> Iterator[str]:
    """Principals that statements with one of the actions name, by themselves or in a condition. Everyone who comes
    through a service is nobody by name."""
    for statement in allowed:
        if any(map(statement.does, actions)):
            names = statement.principals.get("AWS", ())
            in_condition = statement.limits("aws:principalarn")
            yield from in_condition or (name for name in names if name != "*")


def _root(principal: str) -> bool:
    return principal.isdigit() or principal.endswith(":root")


KEY_04 = Control(
    id="KEY-04",
    title="A key policy opens the key to no stranger, and its administrators do not use it",
    severity=Severity.CRITICAL,
    clauses=tuple(
        StackClause(resource_types=_TYPES, check=check)
        for check in (everyone_is_held_to_an_account, administrators_do_not_use_the_key)
    ),
    maps_to=(SOC2("CC6.1", Strength.PARTIAL), SOC2("CC6.3", Strength.PARTIAL)),
    risk="Who may use a key reads all data under it; who also administers it can give that to anybody.",
    remediation="Hold a statement about * to kms:CallerAccount; name different roles for administration and for use.",
)
