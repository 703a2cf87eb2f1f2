"""What policy documents allow, as far as it can be told without a request.

Only what is certain counts against a policy: a condition on a key whose value is unknown is taken as met, a Deny counts
only without conditions. ``NotAction``, ``NotResource`` and ``NotPrincipal`` are taken as matching.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Document = Mapping[str, Any]

NEVER_FOR_SERVICES = (
    "kms:CallerAccount",
    "kms:ViaService",
    "aws:PrincipalArn",
    "aws:PrincipalAccount",
    "aws:PrincipalOrgID",
)
"""Condition keys that a request of an AWS service principal itself does not carry: a condition on one is never met
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """Who asks. ``facts``: condition keys whose values are known, e.g. ``{"aws:SourceAccount": "123456789012"}``."""

    principal: str
    """``events.amazonaws.com``, or the ARN of a role."""
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_service(self) -> bool:
        return not self.principal.startswith("arn:")

    @property
    def account(self) -> str:
        return "" if self.is_service else self.principal.split(":")[4]


def parsed(document: Any) -> Document:
    """A policy given as text or as an object; ``{}`` when it is neither."""
    if isinstance(document, Mapping):
        return document
    try:
        found = json.loads(document)
    except (TypeError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def statements(document: Any) -> list[Document]:
    """The statements of a policy; AWS takes a single one without a list too."""
    found = parsed(document).get("Statement", [])
    return [found] if isinstance(found, Mapping) else list(found)


def allows(document: Any, caller: Caller | None, action: str, resource: str | None = None) -> bool:
    """Whether the policy allows the action. Without ``caller`` it is an identity policy, without ``resource`` it is the
    resource's own."""
    return decides(statements(document), caller, action, resource)


def decides(rows: Sequence[Document], caller: Caller | None, action: str, resource: str | None) -> bool:
    """The same for statements gathered from several policies."""
    matching = [row for row in rows if _matches(row, caller, action, resource)]
    denied = any(row.get("Effect") == "Deny" and not row.get("Condition") for row in matching)
    return not denied and any(row.get("Effect") == "Allow" and _conditions_hold(row, caller) for row in matching)


def listed(value: Any) -> list[Any]:
    """A policy element that may be one value or several."""
    if value is None:
        return []
    return [value] if isinstance(value, (str, Mapping)) else list(value)


def like(pattern: str, value: str) -> bool:
    """IAM's wildcards: ``*`` any characters, ``?`` one."""
    expression = "".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in pattern)
    return re.fullmatch(expression, value, re.IGNORECASE | re.DOTALL) is not None


def principals(row: Document) -> Iterable[tuple[str, str]]:
    """(kind, value) of each principal of a statement: ``("Service", "sns.amazonaws.com")``, ``("AWS", "*")``."""
    principal = row.get("Principal")
    if isinstance(principal, str):
        yield "AWS", principal
    elif isinstance(principal, Mapping):
        for kind, values in principal.items():
            for value in listed(values):
                yield kind, str(value)


def is_public(row: Document) -> bool:
    """An Allow to everybody without any condition."""
    everybody = any(value == "*" for _, value in principals(row))
    return row.get("Effect") == "Allow" and everybody and not row.get("Condition")


def _matches(row: Document, caller: Caller | None, action: str, resource: str | None) -> bool:
    if caller is not None and "NotPrincipal" not in row and not _is_meant(row, caller):
        return False
    if "NotAction" not in row and not any(like(str(name), action) for name in listed(row.get("Action"))):
        return False
    if resource is None or "Resource" not in row:
        return True
    return any(like(str(name), resource) for name in listed(row["Resource"]))


def _is_meant(row: Document, caller: Caller) -> bool:
    for kind, value in principals(row):
        if kind == "AWS" and value in ("*", caller.principal):
            return True
        if kind == "AWS" and caller.account and value in (caller.account, f"arn:aws:iam::{caller.account}:root"):
            return True
        if kind == "Service" and value == caller.principal:
            return True
    return False


def _conditions_hold(row: Document, caller: Caller | None) -> bool:
    for operator, keys in (row.get("Condition") or {}).items():
        for key, values in keys.items():
            if caller and caller.is_service and key in NEVER_FOR_SERVICES and not operator.endswith("IfExists"):
                return False
            known = (caller.facts if caller else {}).get(key)
            if known is not None and not _holds(operator, [str(value) for value in listed(values)], known):
                return False
    return True


def _holds(operator: str, values: Sequence[str], known: str) -> bool:
    """Operators that need no request to judge; any other is taken as met."""
    kind = operator.split(":")[-1].removesuffix("IfExists")
    if kind in ("StringEquals", "StringEqualsIgnoreCase"):
        return known in values
    if kind in ("StringLike", "ArnLike", "ArnEquals"):
        return any(like(value, known) for value in values)
    return True
