"""Evaluates IAM policy documents as AWS documents it; the emulator's own evaluator knows no conditions but trust's.

    decide(document, Call(action="s3:GetObject", resource="arn:aws:s3:::b/k", context={...})) is Decision.ALLOWED

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html and
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html (read 2026-11-23).
An operator that is not here is an error, never a match.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Decision(StrEnum):
    """What a set of policies says of a call."""

    ALLOWED = "allowed"
    DENIED = "explicitly denied"
    NOT_ALLOWED = "implicitly denied"


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One request as the evaluation sees it."""

    action: str
    resource: str = "*"
    """ARN; "*" where the action has no resource."""
    principal: str = "anonymous"
    """ARN, or a service's name; only statements with `Principal` look at it."""
    context: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    """Condition key -> value or values. Keys are compared without case."""


def decide(document: Mapping[str, Any], call: Call) -> Decision:
    """One policy: an explicit Deny wins, then an Allow, else the implicit deny."""
    effects = {s["Effect"] for s in _list(document["Statement"]) if applies(s, call)}
    if "Deny" in effects:
        return Decision.DENIED
    return Decision.ALLOWED if "Allow" in effects else Decision.NOT_ALLOWED


def decide_all(documents: Iterable[Mapping[str, Any]], call: Call) -> Decision:
    """Policies of one kind, such as all of a role: a Deny in any wins, an Allow in any is enough."""
    found = {decide(document, call) for document in documents}
    return next((d for d in (Decision.DENIED, Decision.ALLOWED) if d in found), Decision.NOT_ALLOWED)


def applies(statement: Mapping[str, Any], call: Call) -> bool:
    """Whether principal, action, resource and every condition of a statement match."""
    return (
        _principal(statement, call.principal)
        and _element(statement, "Action", lambda pattern: like(pattern.lower(), call.action.lower()))
        and _element(statement, "Resource", lambda pattern: like(pattern, call.resource))
        and all(
            condition(operator, wanted, _value(call.context, key))
            for operator, keys in statement.get("Condition", {}).items()
            for key, wanted in keys.items()
        )
    )


def like(pattern: str, text: str) -> bool:
    """`*` is any number of characters, `?` is one."""
    parts = (".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern)
    return re.fullmatch("".join(parts), text, re.DOTALL) is not None


def arn_like(pattern: str, text: str) -> bool:
    """Each of the six parts of an ARN on its own: a `*` does not reach over a colon of the first five."""
    wanted, given = pattern.split(":", 5), text.split(":", 5)
    return len(wanted) == len(given) == 6 and all(map(like, wanted, given))


_POSITIVE: Mapping[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda wanted, given: wanted == given,
    "StringEqualsIgnoreCase": lambda wanted, given: wanted.lower() == given.lower(),
    "StringLike": like,
    "ArnEquals": arn_like,
    "ArnLike": arn_like,
    "Bool": lambda wanted, given: wanted.lower() == given.lower(),
    "NumericEquals": lambda wanted, given: float(wanted) == float(given),
    "NumericLessThan": lambda wanted, given: float(given) < float(wanted),
    "NumericLessThanEquals": lambda wanted, given: float(given) <= float(wanted),
    "NumericGreaterThan": lambda wanted, given: float(given) > float(wanted),
}
_NEGATED: Mapping[str, str] = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
    "NumericNotEquals": "NumericEquals",
}


def condition(operator: str, wanted: Any, given: Sequence[str] | None) -> bool:
    """One key of a condition block. Wanted values are alternatives; negated operators want none of them. A missing key
    (`given` is None) matches negated operators and those that end in IfExists. Raises KeyError for an operator that is
    not known."""
    prefix, _, name = operator.rpartition(":")
    name, if_exists = name.removesuffix("IfExists"), name.endswith("IfExists")
    values = [str(value).lower() if isinstance(value, bool) else str(value) for value in _list(wanted)]
    if name == "Null":
        return values == [str(given is None).lower()]
    test = _POSITIVE[_NEGATED.get(name, name)]
    if given is None:
        return if_exists or name in _NEGATED or prefix == "ForAllValues"

    def matches(one: str) -> bool:
        return any(test(value, one) for value in values) != (name in _NEGATED)

    return all(map(matches, given)) if prefix == "ForAllValues" else any(map(matches, given))


def _principal(statement: Mapping[str, Any], principal: str) -> bool:
    if "Principal" not in statement:
        return True
    wanted = statement["Principal"]
    if wanted == "*":
        return True
    account = principal.split(":")[4] if principal.startswith("arn:") else None
    accepted = {principal, account, f"arn:aws:iam::{account}:root"}
    for kind, names in wanted.items():
        for name in _list(names):
            # AWS: everybody, anonymous callers too; never a service by its own name.
            everybody = kind == "AWS" and name == "*" and not principal.endswith(".amazonaws.com")
            if everybody or name in accepted:
                return True
    return False


def _element(statement: Mapping[str, Any], name: str, match: Callable[[str], bool]) -> bool:
    if f"Not{name}" in statement:
        return not any(map(match, _list(statement[f"Not{name}"])))
    # A trust policy has no Resource: it stands for its role.
    return name not in statement or any(map(match, _list(statement[name])))


def _value(context: Mapping[str, str | Sequence[str]], key: str) -> Sequence[str] | None:
    found = next((value for name, value in context.items() if name.lower() == key.lower()), None)
    return [found] if isinstance(found, str) else found


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]
