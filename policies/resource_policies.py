"""Policies of resources, such as keys, buckets and queues: whom they let in, under which conditions. Read for the
worst; `documents` reads what an identity is granted."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from policies import documents
from policies.control import Verdict, failed, passed

LIMITING = frozenset({"stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike"})
"""Operators that hold only where the key is there and has one of the values: none that ends in ``IfExists``, and none
that negates (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html)."""


OWN = (
    *("kms:calleraccount", "aws:principalaccount", "aws:sourceaccount"),
    *("aws:principalorgid", "aws:principalarn", "aws:sourcearn"),
)
"""Condition keys that hold everyone to an account, an organisation or a source
(https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-caller-account,
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html)."""

FOR_A_SOURCE = (
    *("aws:sourceaccount", "aws:sourcearn", "aws:sourceorgid"),
    "kms:encryptioncontext:aws:logs:arn",
)
"""Condition keys that hold a service to whom it acts for. CloudWatch Logs sends a key the log group's ARN in the
encryption context in place of a source
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html)."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement, what it leaves out filled in for the worst."""

    sid: str
    effect: str
    principals: Mapping[str, tuple[str, ...]]
    """Kind (``AWS``, ``Service``, ``Federated``) -> names; ``*`` alone is everyone of kind ``AWS``."""
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: Mapping[str, Mapping[str, tuple[str, ...]]]
    """Operator -> condition key -> values; operators and keys in lower case, since IAM reads them so."""

    @property
    def everyone(self) -> bool:
        """Whether the statement speaks about any principal."""
        return "*" in self.principals.get("AWS", ())

    def limits(self, key: str) -> tuple[str, ...]:
        """The values that a condition holds this key to; none where no condition does."""
        return tuple(
            value for operator, keys in self.conditions.items() if operator in LIMITING for value in keys.get(key, ())
        )

    def does(self, action: str) -> bool:
        """Whether the statement speaks about an action; its own actions may hold wildcards."""
        return any(documents.like(pattern.lower(), action.lower()) for pattern in self.actions)


def statements(document: Any) -> tuple[Statement, ...]:
    """The statements of a policy: JSON or what it says. ``NotPrincipal``, ``NotAction`` and ``NotResource`` are read
    strictly: of an Allow as everything, of a Deny as nothing."""
    return tuple(map(_strict, documents.statements(document)))


def everyone_held(statement: Statement) -> bool:
    """Whether conditions hold a statement about everyone to an account, an organisation or a source."""
    return _held(statement, OWN)


def holds_everyone(policy: Any) -> Verdict:
    """Whether a policy allows nothing to any principal of any account."""
    for one in statements(policy):
        if one.effect == "Allow" and one.everyone and not everyone_held(one):
            return failed(f"policy: {one.sid} allows any principal of any account")
    return passed()


def held_to_a_source(statement: Statement) -> bool:
    """Whether conditions hold a statement about a service to whom it acts for."""
    return _held(statement, FOR_A_SOURCE)


def _held(statement: Statement, keys: tuple[str, ...]) -> bool:
    limits = [statement.limits(name) for name in keys]
    return any(values and not any(map(_of_anyone, values)) for values in limits)


def _of_anyone(value: str) -> bool:
    """Whether a value matches more than one account; the fifth part of an ARN is its account."""
    parts = value.split(":")
    return "*" in (parts[4] if len(parts) >= 6 else value)


def _strict(one: documents.Statement) -> Statement:
    rest = ("*",) if one.allows else ()
    return Statement(
        sid=one.sid,
        effect="Allow" if one.allows else "Deny",
        principals=one.principals or ({"AWS": rest} if one.not_principals and rest else {}),
        actions=one.actions or rest,
        resources=one.resources or (rest if one.not_resources else ("*",)),
        conditions={
            operator.lower(): {key.lower(): values for key, values in keys.items()}
            for operator, keys in one.conditions.items()
        },
    )
