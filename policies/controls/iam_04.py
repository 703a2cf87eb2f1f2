"""IAM-04: people and programs reach a cluster through access entries only.

A pipeline has to be an administrator of the cluster that it makes: what bounds it is who becomes its role. People have
break-glass (IAM-07).
Source: https://docs.aws.amazon.com/eks/latest/userguide/access-entries.html (a cluster's default is
``CONFIG_MAP``, and its creator is an administrator).
"""

from collections.abc import Mapping
from typing import Any

from policies.control import (
    SAFEGUARDS,
    SOC2,
    Clause,
    Control,
    Severity,
    StackClause,
    Strength,
    Verdict,
    failed,
    not_applicable,
    not_observed,
    passed,
    undetermined,
)
from policies.documents import ROLE, statements
from policies.every import every
from policies.resources import Resource, Stack

ASSOCIATION = "aws:eks/accessPolicyAssociation:AccessPolicyAssociation"
ENTRY = "aws:eks/accessEntry:AccessEntry"
ADMINISTRATORS = ("AmazonEKSAdminPolicy", "AmazonEKSClusterAdminPolicy")
"""Access policies with every right in their scope
(https://docs.aws.amazon.com/eks/latest/userguide/access-policy-permissions.html)."""

PEOPLE = (":user/", ":role/aws-reserved/sso.amazonaws.com/")
"""In ARNs of principals that people sign in as: users, and permission sets of IAM Identity Center
(https://docs.aws.amazon.com/singlesignon/latest/userguide/referencingpermissionsets.html)."""

CLUSTER = frozenset({"aws:eks/cluster:Cluster"})
BINDINGS = frozenset(
    f"kubernetes:rbac.authorization.k8s.io/v1:{kind}" for kind in ("ClusterRoleBinding", "RoleBinding")
)


def is_reached_through_access_entries_only(cluster: Resource, _stack: Stack) -> Verdict:
    mode = (cluster.given("accessConfig") or {}).get("authenticationMode") or "CONFIG_MAP"
    return passed() if mode == "API" else failed(f"accessConfig.authenticationMode is {mode}, not API")


def leaves_its_creator_without_rights(cluster: Resource, _stack: Stack) -> Verdict:
    creator = (cluster.given("accessConfig") or {}).get("bootstrapClusterCreatorAdminPermissions", True)
    return failed("accessConfig.bootstrapClusterCreatorAdminPermissions is not false") if creator else passed()


def makes_nobody_a_standing_administrator(association: Mapping[str, Any]) -> Verdict:
    policy = str(association["policyArn"]).rpartition("/")[2]
    if policy not in ADMINISTRATORS:
        return passed()
    person = any(part in str(association["principalArn"]) for part in PEOPLE)
    return failed(f"principalArn is a person's, and policyArn is {policy}") if person else passed()


def no_person_becomes_an_administrator(association: Resource, stack: Stack) -> Verdict:
    """Its role trusts services, and jobs of an OpenID Connect provider, which IAM-03 holds to subject and audience. An
    account lets in whomever it likes, and people sign in by SAML."""
    policy = str(association.props["policyArn"]).rpartition("/")[2]
    if policy not in ADMINISTRATORS:
        return not_applicable("makes nobody an administrator")
    role = _role(association, stack)
    if role is None:
        return not_observed("principalArn is a role that is declared elsewhere, with who becomes it")
    allowed = [one for one in statements(role.props["assumeRolePolicy"]) if one.allows]
    return every([(kind, name) for one in allowed for kind in one.principals for name in one.principals[kind]], _entry)


def _role(association: Resource, stack: Stack) -> Resource | None:
    """By its ARN, or, where a preview does not know that, by where that comes from: the access entry has it too."""
    arn = association.maybe("principalArn")
    for role in stack.of(ROLE):
        if arn and role.maybe("arn") == arn:
            return role
    found = stack.sources(association, "principalArn")
    behind = (one for entry in found if entry.type == ENTRY for one in stack.sources(entry, "principalArn"))
    return next((one for one in (*found, *behind) if one.type == ROLE), None)


def _entry(principal: tuple[str, str]) -> Verdict:
    kind, name = principal
    if kind == "Service" or ":oidc-provider/" in name:
        return passed()
    if ":role/" in name and not any(part in name for part in PEOPLE):
        return undetermined(
            f"assumeRolePolicy of the administrator lets in {name}, and who becomes that is not known here"
        )
    return failed(f"assumeRolePolicy of the administrator lets in {name}: people")


def binds_nobody_to_cluster_admin(binding: Mapping[str, Any]) -> Verdict:
    role = binding["roleRef"]
    if role.get("kind") == "ClusterRole" and role.get("name") == "cluster-admin":
        return failed("roleRef.name is cluster-admin")
    return passed()


IAM_04 = Control(
    id="IAM-04",
    title="A cluster is reached through access entries only, and no person is its standing administrator",
    severity=Severity.HIGH,
    clauses=(
        StackClause(resource_types=CLUSTER, check=is_reached_through_access_entries_only),
        StackClause(resource_types=CLUSTER, check=leaves_its_creator_without_rights),
        Clause(resource_types=frozenset({ASSOCIATION}), check=makes_nobody_a_standing_administrator),
        StackClause(resource_types=frozenset({ASSOCIATION}), check=no_person_becomes_an_administrator),
        Clause(resource_types=BINDINGS, check=binds_nobody_to_cluster_admin),
    ),
    maps_to=(SOC2("CC6.3", Strength.PARTIAL), *SAFEGUARDS),
    risk="Rights that stand only inside the cluster are in no access review, and no trail shows who was given them.",
    remediation="Set authenticationMode to API, bootstrapClusterCreatorAdminPermissions to false; use access entries; "
    "let services and jobs alone become an administrator's role.",
)
