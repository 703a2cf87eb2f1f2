"""Access entries of a cluster and the access policies associated with them.

https://docs.aws.amazon.com/eks/latest/userguide/access-entries.html
"""

import re
import uuid
from collections.abc import Sequence
from typing import Any

from moto.core.utils import utcnow

from sandbox.aws.extensions.eks.records import Record, Wire, in_use, invalid_parameter, invalid_request, not_found
from sandbox.kubernetes.webhook import CLUSTER_ADMIN, AccessEntry, AccessPolicy

POLICY_PREFIX = "arn:aws:eks::aws:cluster-access-policy/"

POLICIES = (
    "AmazonEKSAdminPolicy",
    "AmazonEKSAdminViewPolicy",
    "AmazonEKSAutoNodePolicy",
    "AmazonEKSBlockStoragePolicy",
    "AmazonEKSClusterAdminPolicy",
    "AmazonEKSComputePolicy",
    "AmazonEKSEditPolicy",
    "AmazonEKSLoadBalancingPolicy",
    "AmazonEKSNetworkingPolicy",
    "AmazonEKSViewPolicy",
)
"""https://docs.aws.amazon.com/eks/latest/userguide/access-policy-permissions.html"""

NODE_TYPES = ("EC2_LINUX", "EC2_WINDOWS", "FARGATE_LINUX", "EC2", "HYBRID_LINUX", "HYPERPOD_LINUX")

_PRINCIPAL = re.compile(
    r"arn:aws[\w-]*:iam::(?P<account>\d{12}):(?P<kind>role|user|root)(?:/(?:.*/)?(?P<name>[\w+=,.@-]+))?"
)


class Entry(Record):
    def __init__(
        self, *, cluster: Any, principal: str, kind: str, username: str | None, groups: Sequence[str], tags: Any
    ) -> None:
        match = _PRINCIPAL.fullmatch(principal)
        if match is None:
            raise invalid_parameter(
                f"The specified principalArn is invalid: {principal}; it must be the ARN of an IAM role, user or root"
            )
        self._check(kind, username, groups)
        owner = f"{match['kind']}/{match['account']}/{match['name'] or 'root'}"
        super().__init__(cluster.child_arn("access-entry", owner, uuid.uuid4()), tags)
        self.cluster = cluster
        self.principal = principal
        self.kind = kind
        self.groups = list(groups) or (["system:nodes"] if kind in NODE_TYPES else [])
        self.username = username or _default_username(kind, principal, match)
        self.policies: dict[str, Wire] = {}

    @staticmethod
    def _check(kind: str, username: str | None, groups: Sequence[str]) -> None:
        if kind != "STANDARD" and kind not in NODE_TYPES:
            raise invalid_parameter(f"type {kind} is not one of STANDARD, {', '.join(NODE_TYPES)}")
        if kind != "STANDARD" and (groups or username):
            raise invalid_parameter(f"kubernetesGroups and username can only be set for type STANDARD, not {kind}")
        reserved = [group for group in groups if group.startswith(("system:", "eks:", "aws:", "amazon:", "iam:"))]
        if reserved:
            raise invalid_parameter(
                f"The kubernetes group name {reserved[0]} is invalid, it cannot start with a reserved prefix"
            )

    def change(self, username: str | None, groups: Sequence[str] | None) -> None:
        self._check(self.kind, username, groups or ())
        self.username = username or self.username
        self.groups = self.groups if groups is None else list(groups)
        self.modified_at = utcnow()

    def associate(self, policy: str, scope: Wire) -> Wire:
        """The association; EKS knows only its own policies, and only on entries of type STANDARD."""
        if self.kind != "STANDARD":
            raise invalid_request(f"access policies cannot be associated with an access entry of type {self.kind}")
        if not policy.startswith(POLICY_PREFIX) or policy.removeprefix(POLICY_PREFIX) not in POLICIES:
            raise invalid_parameter(f"The specified policyArn is invalid: policy not found: {policy}")
        namespaces = scope.get("namespaces") or []
        if (scope["type"] == "namespace") != bool(namespaces):
            raise invalid_parameter(
                "accessScope: namespaces are required for type namespace and refused for type cluster"
            )
        now = utcnow()
        self.policies[policy] = {
            "policyArn": policy,
            "accessScope": {"type": scope["type"], "namespaces": namespaces},
            "associatedAt": self.policies.get(policy, {}).get("associatedAt", now),
            "modifiedAt": now,
        }
        return self.policies[policy]

    def disassociate(self, policy: str) -> None:
        if self.policies.pop(policy, None) is None:
            raise not_found(f"No associated policy found for policyArn: {policy}")

    def described(self) -> Wire:
        return {
            "clusterName": self.cluster.name,
            "principalArn": self.principal,
            "kubernetesGroups": self.groups,
            "accessEntryArn": self.arn,
            "createdAt": self.created_at,
            "modifiedAt": self.modified_at,
            "tags": self.tags,
            "username": self.username,
            "type": self.kind,
        }

    def for_webhook(self) -> AccessEntry:
        policies = tuple(
            AccessPolicy(policy_arn=arn, namespaces=tuple(policy["accessScope"]["namespaces"]))
            for arn, policy in list(self.policies.items())
        )
        return AccessEntry(
            principal_arn=self.principal, username=self.username, groups=tuple(self.groups), policies=policies
        )


def _default_username(kind: str, principal: str, match: "re.Match[str]") -> str:
    if kind in NODE_TYPES:
        return "system:node:{{EC2PrivateDNSName}}"
    if match["kind"] == "role":
        partition = principal.split(":")[1]
        return f"arn:{partition}:sts::{match['account']}:assumed-role/{match['name']}/{{{{SessionName}}}}"
    return principal


class AccessOperations:
    """The access operations of the EKS API over `clusters`; mixed into the backend."""

    def _cluster(self, name: str) -> Any:
        raise NotImplementedError

    def _with_entries(self, name: str) -> Any:
        """The cluster, if its authentication mode has access entries."""
        cluster = self._cluster(name)
        if cluster.access_config["authenticationMode"] == "CONFIG_MAP":
            raise invalid_request(
                "The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] "
                "to perform this operation."
            )
        return cluster

    def create_access_entry(self, cluster: str, principal: str, **arguments: Any) -> Entry:
        owner = self._with_entries(cluster)
        if principal in owner.access:
            raise in_use(f"The specified access entry resource is already in use on this cluster: {principal}")
        entry = Entry(cluster=owner, principal=principal, **arguments)
        owner.access[principal] = entry
        return entry

    def access_entry(self, cluster: str, principal: str) -> Entry:
        entry = self._with_entries(cluster).access.get(principal)
        if entry is None:
            raise not_found(f"The specified principalArn could not be found: {principal} has no access entry")
        return entry  # type: ignore[no-any-return]

    def delete_access_entry(self, cluster: str, principal: str) -> None:
        self.access_entry(cluster, principal)
        del self._cluster(cluster).access[principal]

    def list_access_entries(self, cluster: str, policy: str | None) -> list[str]:
        entries = self._with_entries(cluster).access.values()
        return sorted(entry.principal for entry in entries if policy is None or policy in entry.policies)


def admit_creator(cluster: Any, principal: str) -> None:
    """The entry that EKS makes for whoever created the cluster, unless told not to."""
    entry = Entry(cluster=cluster, principal=principal, kind="STANDARD", username=None, groups=(), tags=None)
    entry.associate(CLUSTER_ADMIN, {"type": "cluster"})
    cluster.access[principal] = entry


def admit_nodes(cluster: Any, role: str) -> None:
    """The entry that EKS makes for the role of a managed node group, unless there is one."""
    if cluster.access_config["authenticationMode"] != "CONFIG_MAP" and role not in cluster.access:
        cluster.access[role] = Entry(
            cluster=cluster, principal=role, kind="EC2_LINUX", username=None, groups=(), tags=None
        )
