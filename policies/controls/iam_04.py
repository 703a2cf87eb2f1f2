"""IAM-04: people and programs reach a cluster through access entries only.

Live: who may act as a role that has an access entry.
Source: https://docs.aws.amazon.com/eks/latest/userguide/access-entries.html (a cluster's default is
``CONFIG_MAP``, and its creator is an administrator).
"""

from collections.abc import Mapping
from typing import Any

from policies.control import SAFEGUARDS, SOC2, Clause, Control, Severity, StackClause, Strength, Verdict, failed, passed
from policies.resources import Resource, Stack

ASSOCIATION = "aws:eks/accessPolicyAssociation:AccessPolicyAssociation"
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
        Clause(resource_types=BINDINGS, check=binds_nobody_to_cluster_admin),
    ),
    maps_to=(SOC2("CC6.3", Strength.PARTIAL), *SAFEGUARDS),
    risk="Rights that stand only inside the cluster are in no access review, and no trail shows who was given them.",
    remediation="Set authenticationMode to API, bootstrapClusterCreatorAdminPermissions to false; use access entries.",
)
