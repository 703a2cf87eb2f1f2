"""Evaluates IAM policy documents as AWS documents it; moto's own evaluator knows no conditions but trust's.

    decide(document, Call(action="s3:GetObject", resource="arn:aws:s3:::b/k", context={...})) is Decision.ALLOWED

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html and
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html (read 2026-11-23).
Variables: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html. An operator that is not
here is an error, never a match.
"""

import functools
import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
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
    role: str | None = None
    """ARN of the role, where the principal is a session of one: statements may name either."""
    account_counts: bool = True
    """Whether a `Principal` that is the whole account is the principal's too. In a resource policy such an Allow only
    hands the question on to the account's own policies."""
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
        _principal(statement, call)
        and _element(statement, "Action", lambda pattern: like(pattern.lower(), call.action.lower()))
        and _element(statement, "Resource", lambda pattern: _resource(pattern, call))
        and all(
            condition(operator, _filled_all(wanted, call.context), _value(call.context, key))
            for operator, keys in statement.get("Condition", {}).items()
            for key, wanted in keys.items()
        )
    )


def like(pattern: str, text: str) -> bool:
    """`*` is any number of characters, `?` is one."""
    return _expression(pattern).fullmatch(text) is not None


@functools.lru_cache(maxsize=4096)
def _expression(pattern: str) -> re.Pattern[str]:
    parts = (".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern)
    return re.compile("".join(parts), re.DOTALL)


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
    "NumericGreaterThanEquals": lambda wanted, given: float(given) >= float(wanted),
    "DateLessThan": lambda wanted, given: _date(given) < _date(wanted),
    "DateLessThanEquals": lambda wanted, given: _date(given) <= _date(wanted),
    "DateGreaterThan": lambda wanted, given: _date(given) > _date(wanted),
    "DateGreaterThanEquals": lambda wanted, given: _date(given) >= _date(wanted),
    "IpAddress": lambda wanted, given: ipaddress.ip_address(given) in ipaddress.ip_network(wanted, strict=False),
}
_NEGATED: Mapping[str, str] = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
    "NumericNotEquals": "NumericEquals",
    "NotIpAddress": "IpAddress",
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


def _date(text: str) -> datetime:
    """ISO 8601, or seconds since 1970."""
    if text.isdigit():
        return datetime.fromtimestamp(int(text), UTC)
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _principal(statement: Mapping[str, Any], call: Call) -> bool:
    if "Principal" not in statement:
        return True
    wanted, principal = statement["Principal"], call.principal
    if wanted == "*":
        return True
    accepted = {principal, call.role}
    if principal.startswith("arn:") and call.account_counts:
        account = principal.split(":")[4]
        accepted |= {account, f"arn:aws:iam::{account}:root"}
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


def _resource(pattern: str, call: Call) -> bool:
    filled = _filled(pattern, call.context)
    return filled is not None and like(filled, call.resource)


_VARIABLE = re.compile(r"\$\{([^}]+)\}")


def _filled(text: str, context: Mapping[str, str | Sequence[str]]) -> str | None:
    """The text with its `${key}` variables replaced; None where the request has no such key: then nothing matches."""
    if "${" not in text:
        return text
    values = {name: _value(context, name) for name in _VARIABLE.findall(text)}
    if any(value is None or len(value) != 1 for value in values.values()):
        return None
    return _VARIABLE.sub(lambda found: (values[found[1]] or [""])[0], text)


def _filled_all(wanted: Any, context: Mapping[str, str | Sequence[str]]) -> Any:
    if not any(isinstance(value, str) and "${" in value for value in _list(wanted)):
        return wanted
    filled = (_filled(value, context) if isinstance(value, str) else value for value in _list(wanted))
    return [value for value in filled if value is not None]


def _value(context: Mapping[str, str | Sequence[str]], key: str) -> Sequence[str] | None:
    found = context.get(key)
    if found is None:
        found = next((value for name, value in context.items() if name.lower() == key.lower()), None)
    return [found] if isinstance(found, str) else found


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]
