"""IAM-04: people and programs reach a cluster through access entries only.

Live: who has an access entry with which policy, a human's standing one among them.
Source: https://docs.aws.amazon.com/eks/latest/userguide/access-entries.html (a cluster's default is
``CONFIG_MAP``, and its creator is an administrator).
"""

from collections.abc import Mapping
from typing import Any

from policies.control import SAFEGUARDS, SOC2, Clause, Control, Severity, StackClause, Strength, Verdict, failed, passed
from policies.resources import Resource, Stack

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


def binds_nobody_to_cluster_admin(binding: Mapping[str, Any]) -> Verdict:
    role = binding["roleRef"]
    if role.get("kind") == "ClusterRole" and role.get("name") == "cluster-admin":
        return failed("roleRef.name is cluster-admin")
    return passed()


IAM_04 = Control(
    id="IAM-04",
    title="A cluster is reached through access entries only, and nobody is its standing administrator",
    severity=Severity.HIGH,
    clauses=(
        StackClause(resource_types=CLUSTER, check=is_reached_through_access_entries_only),
        StackClause(resource_types=CLUSTER, check=leaves_its_creator_without_rights),
        Clause(resource_types=BINDINGS, check=binds_nobody_to_cluster_admin),
    ),
    maps_to=(SOC2("CC6.3", Strength.PARTIAL), *SAFEGUARDS),
    risk="Rights that stand only inside the cluster are in no access review, and no trail shows who was given them.",
    remediation="Set authenticationMode to API, bootstrapClusterCreatorAdminPermissions to false; use access entries.",
)
