"""IAM policy documents as controls see them: what a principal is granted, counting boundaries.

Reads declarations, not requests: a condition narrows an Allow but it stays one, and a Deny under a condition takes
nothing away for certain. So an answer errs towards "granted".
Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html and
https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html.
"""

import functools
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pulumi_policy.proxy import UnknownValueError

from policies.resources import Resource, Stack

ROLE = "aws:iam/role:Role"
POLICY = "aws:iam/policy:Policy"
PRINCIPALS: Mapping[str, tuple[str, str, str]] = {
    ROLE: ("aws:iam/rolePolicy:RolePolicy", "aws:iam/rolePolicyAttachment:RolePolicyAttachment", "role"),
    "aws:iam/user:User": ("aws:iam/userPolicy:UserPolicy", "aws:iam/userPolicyAttachment:UserPolicyAttachment", "user"),
    "aws:iam/group:Group": (
        "aws:iam/groupPolicy:GroupPolicy",
        "aws:iam/groupPolicyAttachment:GroupPolicyAttachment",
        "group",
    ),
}
"""Principal -> (its inline policies, its attachments, the property of both that names it)."""

INLINE = frozenset(inline for inline, _, _ in PRINCIPALS.values())
DOCUMENTS = INLINE | {POLICY}
"""Resources whose ``policy`` is an identity policy."""

SHARED_ATTACHMENT = "aws:iam/policyAttachment:PolicyAttachment"
"""Names several principals of each kind: ``roles``, ``users``, ``groups``."""

ATTACHMENTS = frozenset(attachment for _, attachment, _ in PRINCIPALS.values()) | {SHARED_ATTACHMENT}

KINDS: Mapping[str, str] = {"role": "iam", "key": "kms"}
"""Kind of resource -> the service in its ARN."""

CEILING = "permissions-boundary"
"""Value of ``payment-cell:use`` of a managed policy that is nobody's policy but a boundary: it grants nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Statement:
    """One statement; elements that a document may give as one word are tuples."""

    sid: str
    allows: bool
    actions: tuple[str, ...] = ()
    not_actions: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    not_resources: tuple[str, ...] = ()
    principals: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    not_principals: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    conditions: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)

    def speaks_of(self, action: str) -> bool:
        """Whether the statement matches an action such as ``iam:PassRole``; names are compared without case."""
        if self.not_actions:
            return not any(like(pattern.lower(), action.lower()) for pattern in self.not_actions)
        return any(like(pattern.lower(), action.lower()) for pattern in self.actions)

    @property
    def all_actions(self) -> bool:
        """Whether it matches every action of every service."""
        return any(not pattern.strip("*") or pattern == "*:*" for pattern in self.actions)

    def reaches_every(self, kind: str) -> bool:
        """Whether it matches all resources of a kind of ``KINDS``: ``*``, or an ARN that names none. All but some is
        all."""
        return bool(self.not_resources) or any(_names_no(kind, pattern) for pattern in self.resources)

    @property
    def all_resources(self) -> bool:
        """Whether it matches every resource of every service."""
        return any(not pattern.strip("*") for pattern in self.resources)

    def removes(self, action: str) -> bool:
        """Whether it is a Deny that always holds: of this action, on everything, without a condition."""
        return not self.allows and not self.conditions and "*" in self.resources and self.speaks_of(action)


@functools.lru_cache(maxsize=4096)
def _expression(pattern: str) -> re.Pattern[str]:
    parts = (".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern)
    return re.compile("".join(parts), re.DOTALL)


def like(pattern: str, text: str) -> bool:
    """``*`` is any number of characters, ``?`` is one."""
    return _expression(pattern).fullmatch(text) is not None


def statements(document: Any) -> tuple[Statement, ...]:
    """The statements of a document, JSON or a mapping. Raises ValueError where it is none."""
    body = json.loads(document) if isinstance(document, str) else document
    if not isinstance(body, Mapping):
        raise ValueError("a policy document is a JSON object")
    return tuple(
        Statement(
            sid=str(one.get("Sid") or f"statement {number}"),
            allows=one.get("Effect") == "Allow",
            actions=_words(one.get("Action")),
            not_actions=_words(one.get("NotAction")),
            resources=_words(one.get("Resource")),
            not_resources=_words(one.get("NotResource")),
            principals=_principals(one.get("Principal")),
            not_principals=_principals(one.get("NotPrincipal")),
            conditions={
                operator: {key: _words(values) for key, values in keys.items()}
                for operator, keys in (one.get("Condition") or {}).items()
            },
        )
        for number, one in enumerate(_list(body.get("Statement")), start=1)
    )


def grants(found: Iterable[Statement], action: str) -> tuple[Statement, ...]:
    """The Allows of an action; none where a Deny of the same policies removes it."""
    known = tuple(found)
    if any(one.removes(action) for one in known):
        return ()
    return tuple(one for one in known if one.allows and one.speaks_of(action))


@dataclass(frozen=True, slots=True)
class Granted:
    """What the identity policies of a principal say that this stack declares, as far as they are known."""

    statements: tuple[Statement, ...]
    unknown: str = ""
    """Name of a policy whose document is not known yet; a boundary aside, nothing takes a known grant back."""


def granted(principal: Resource, stack: Stack) -> Granted:
    """A principal's identity policies. Those of other stacks are not read; those that AWS manages are in a live account
    only, whose attachments hold them as ``policyDocument``."""
    found: list[Statement] = []
    unknown = ""
    for name, document in _documents(principal, stack):
        if document is None:
            unknown = name
        else:
            found.extend(statements(document))
    return Granted(tuple(found), unknown)


def _documents(principal: Resource, stack: Stack) -> Iterator[tuple[str, Any]]:
    inline, _, name = PRINCIPALS[principal.type]
    try:
        yield from (("inlinePolicies", document) for document in written_in(principal))
    except UnknownValueError:
        yield "inlinePolicies", None
    for own in _of_principal(principal, stack, inline, name):
        yield own.name, own.maybe("policy")
    for link in _links(principal, stack):
        declared = [source for source in stack.sources(link, "policyArn") if source.type == POLICY]
        yield from ((source.name, source.maybe("policy")) for source in declared)
        if not declared and (document := link.maybe("policyDocument")):
            yield link.name, document


def written_in(resource: Resource) -> Iterator[Any]:
    """The identity policies that a resource of ``DOCUMENTS``, or a role, holds itself."""
    if resource.type in DOCUMENTS:
        yield resource.props["policy"]
    else:
        yield from (one["policy"] for one in resource.given("inlinePolicies") or () if one.get("policy"))


def principals_of(document: Resource, stack: Stack) -> tuple[Resource, ...]:
    """Who has an identity policy, as far as this stack says so."""
    if document.type in PRINCIPALS:
        return (document,)
    found = []
    for type_, (inline, _, name) in PRINCIPALS.items():
        for principal in stack.of(type_):
            if document.type == POLICY:
                held = (source.urn for link in _links(principal, stack) for source in stack.sources(link, "policyArn"))
            else:
                held = (own.urn for own in _of_principal(principal, stack, inline, name))
            if document.urn in held:
                found.append(principal)
    return tuple(found)


def boundary_of(principal: Resource, stack: Stack) -> tuple[Statement, ...] | None:
    """The statements of a principal's boundary: () where it has none, None where the boundary is not in this stack.
    Raises ``UnknownValueError`` where its document is not known yet."""
    for source in stack.sources(principal, "permissionsBoundary"):
        if source.type == POLICY:
            return statements(source.props["policy"])
    return None if principal.given("permissionsBoundary") else ()


def within(boundary: Iterable[Statement], action: str) -> bool:
    """Whether a boundary leaves an action to its bearers; the empty one is none and leaves everything."""
    known = tuple(boundary)
    return not known or bool(grants(known, action))


def _links(principal: Resource, stack: Stack) -> Iterator[Resource]:
    """What attaches managed policies to a principal."""
    _, attachment, name = PRINCIPALS[principal.type]
    yield from _of_principal(principal, stack, attachment, name)
    yield from stack.pointing_at(principal, SHARED_ATTACHMENT, f"{name}s")


def _of_principal(principal: Resource, stack: Stack, type_: str, name: str) -> Iterator[Resource]:
    """Resources whose property ``name`` is the principal: by reference, id or name."""
    names = {known for key in ("id", "name") if (known := principal.maybe(key))}
    for resource in stack.of(type_):
        if principal.urn in resource.references.get(name, ()) or resource.maybe(name) in names:
            yield resource


def _names_no(kind: str, pattern: str) -> bool:
    """``*``, ``arn:aws:iam::*:role/*``, ``arn:aws:kms:eu-west-1:123456789012:key/*``, ``arn:aws:kms:*``."""
    parts = pattern.split(":", 5)
    if parts[2:3] not in ([], ["*"], [KINDS[kind]]):
        return False
    return pattern.endswith("*") and (len(parts) < 6 or parts[5].strip("*") in ("", kind, f"{kind}/"))


def _principals(value: Any) -> Mapping[str, tuple[str, ...]]:
    if isinstance(value, Mapping):
        return {kind: _words(names) for kind, names in value.items()}
    return {"AWS": _words(value)} if value else {}


def _words(value: Any) -> tuple[str, ...]:
    return tuple(str(one).lower() if isinstance(one, bool) else str(one) for one in _list(value))


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]
