"""IAM-01: nobody is granted everything, a way to more rights, or every role or key.

Live: the documents of policies that AWS manages, but for the administrators' of ``ADMINISTRATORS``.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from policies.control import (
    GDPR,
    SAFEGUARDS,
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
from policies.documents import (
    ATTACHMENTS,
    CEILING,
    DOCUMENTS,
    POLICY,
    PRINCIPALS,
    ROLE,
    Statement,
    boundary_of,
    granted,
    grants,
    principals_of,
    statements,
    within,
    written_in,
)
from policies.every import every
from policies.resources import Resource, Stack

TAKES_RIGHTS = (
    "iam:AddUserToGroup",
    "iam:AttachGroupPolicy",
    "iam:AttachRolePolicy",
    "iam:AttachUserPolicy",
    "iam:CreateAccessKey",
    "iam:CreateLoginProfile",
    "iam:CreatePolicyVersion",
    "iam:DeleteRolePermissionsBoundary",
    "iam:DeleteUserPermissionsBoundary",
    "iam:PutGroupPolicy",
    "iam:PutRolePermissionsBoundary",
    "iam:PutRolePolicy",
    "iam:PutUserPermissionsBoundary",
    "iam:PutUserPolicy",
    "iam:SetDefaultPolicyVersion",
    "iam:UpdateAssumeRolePolicy",
    "iam:UpdateLoginProfile",
)
"""Each alone raises its bearer's rights or those of a principal that it can become. Ways that need a second service
(start an instance, function or build with a role) need ``iam:PassRole``, which has a clause of its own.
Source: Rhino Security Labs, "AWS IAM Privilege Escalation: Methods and Mitigation"; the boundary actions:
https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html."""

DECRYPTS = ("kms:Decrypt", "kms:ReEncryptFrom")
"""Of all keys, whatever the conditions: control KMS.1 of
https://docs.aws.amazon.com/securityhub/latest/userguide/kms-controls.html."""

ADMINISTRATORS = ("AdministratorAccess", "IAMFullAccess", "PowerUserAccess")
"""Policies of AWS that fail a clause of this control by their own text
(https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html). ``PowerUserAccess`` reaches every
key."""


def grants_no_star_on_star(document: Resource, stack: Stack) -> Verdict:
    """A boundary does not excuse it: what it forgot would be granted."""
    if _is_a_ceiling(document, stack):
        return not_applicable("a permissions boundary grants nothing")

    def check(text: Any) -> Verdict:
        for one in statements(text):
            if one.allows and one.all_actions and one.all_resources:
                return failed(f"{one.sid} allows every action on every resource")
        return passed()

    return every(written_in(document), check)


def passes_no_unnamed_role(document: Resource, stack: Stack) -> Verdict:
    return _reaches_every(document, stack, ("iam:PassRole",), "role")


def decrypts_with_no_unnamed_key(document: Resource, stack: Stack) -> Verdict:
    return _reaches_every(document, stack, DECRYPTS, "key")


def cannot_raise_its_own_rights(principal: Resource, stack: Stack) -> Verdict:
    own = granted(principal, stack)
    taken = [action for action in TAKES_RIGHTS if not all(map(_delegates, grants(own.statements, action)))]
    if not taken:
        return undetermined(f"the document of {own.unknown} is not known yet") if own.unknown else passed()
    boundary = boundary_of(principal, stack)
    if boundary is None:
        return undetermined(f"{taken[0]} is granted, and the boundary that may take it away is not in this stack")
    left = [action for action in taken if within(boundary, action)]
    return failed(f"{', '.join(left[:3])} is granted") if left else passed()


def attaches_no_administrator(link: Resource, stack: Stack) -> Verdict:
    if any(source.type == POLICY for source in stack.sources(link, "policyArn")):
        return not_applicable("a policy of this stack, judged by its document")
    return _administrator((link.props["policyArn"],))


def manages_no_administrator(role: Resource, _stack: Stack) -> Verdict:
    return _administrator(role.given("managedPolicyArns") or ())


def _administrator(arns: Iterable[Any]) -> Verdict:
    def check(arn: Any) -> Verdict:
        owner, _, path = str(arn).partition(":policy/")
        return failed(f"{path} is attached") if owner.endswith("iam::aws") and path in ADMINISTRATORS else passed()

    return every(arns, check)


def _reaches_every(document: Resource, stack: Stack, actions: tuple[str, ...], kind: str) -> Verdict:
    if _is_a_ceiling(document, stack):
        return not_applicable("a permissions boundary grants nothing")

    def check(text: Any) -> Verdict:
        known = statements(text)
        return every(actions, lambda action: _names_some(document, stack, known, action, kind))

    return every(written_in(document), check)


def _names_some(document: Resource, stack: Stack, known: tuple[Statement, ...], action: str, kind: str) -> Verdict:
    wide = [one.sid for one in grants(known, action) if one.reaches_every(kind)]
    if not wide:
        return passed()
    reason = f"{wide[0]} allows {action} on every {kind}"
    bearers = principals_of(document, stack)
    if not bearers:
        return failed(reason)
    return every(bearers, lambda bearer: _counting_its_boundary(bearer, stack, action, reason))


def _counting_its_boundary(bearer: Resource, stack: Stack, action: str, reason: str) -> Verdict:
    boundary = boundary_of(bearer, stack)
    if boundary is None:
        return undetermined(f"{reason}, and the boundary that may take it away is not in this stack")
    return failed(reason) if within(boundary, action) else passed()


def _delegates(one: Statement) -> bool:
    """AWS's way to delegate: only with a boundary on what is made
    (https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html)."""
    return "iam:PermissionsBoundary" in one.conditions.get("StringEquals", {})


def _is_a_ceiling(document: Resource, stack: Stack) -> bool:
    if document.type != POLICY or principals_of(document, stack):
        return False
    bears = any(
        document.urn in one.references.get("permissionsBoundary", ()) for type_ in PRINCIPALS for one in stack.of(type_)
    )
    return bears or document.tag("payment-cell:use") == CEILING


_CHECKS: Mapping[Any, frozenset[str]] = {
    grants_no_star_on_star: DOCUMENTS | {ROLE},
    passes_no_unnamed_role: DOCUMENTS | {ROLE},
    decrypts_with_no_unnamed_key: DOCUMENTS | {ROLE},
    cannot_raise_its_own_rights: frozenset(PRINCIPALS),
    attaches_no_administrator: ATTACHMENTS,
}

IAM_01 = Control(
    id="IAM-01",
    title="Nobody is granted everything, a way to more rights, or every role or key",
    severity=Severity.CRITICAL,
    clauses=(
        *(StackClause(resource_types=types, check=check) for check, types in _CHECKS.items()),
        StackClause(
            resource_types=frozenset({ROLE}),
            check=manages_no_administrator,
            not_live="an account has one list of what is attached to a role, which attaches_no_administrator judges",
        ),
    ),
    maps_to=(SOC2("CC6.3", Strength.DIRECT), GDPR("25(2)", Strength.PARTIAL), *SAFEGUARDS),
    risk="Whoever takes over one such principal has the account, all personal data included.",
    remediation="Name the actions and the ARNs that are needed; keep changes of identities to the deploy role.",
)
