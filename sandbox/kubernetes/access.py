"""What EKS access policies permit, as RBAC objects, and the rules of aggregated ClusterRoles.

EKS evaluates access policies in an authorizer of its own. Here a principal that an access entry associates with a
policy gets a group for it (`group`), and the group is bound to the role that AWS names as the policy's equivalent
(https://docs.aws.amazon.com/eks/latest/userguide/access-policy-permissions.html).
"""

from typing import Any

from sandbox.kubernetes.client import Client
from sandbox.kubernetes.errors import ApiError
from sandbox.kubernetes.objects import Manifest, Objects

RBAC = "rbac.authorization.k8s.io"
VERSION = f"{RBAC}/v1"
ADMIN_VIEW_ROLE = "eks:access-policy:admin-view"

ROLES = {
    "AmazonEKSClusterAdminPolicy": "cluster-admin",
    "AmazonEKSAdminPolicy": "admin",
    "AmazonEKSEditPolicy": "edit",
    "AmazonEKSViewPolicy": "view",
    "AmazonEKSAdminViewPolicy": ADMIN_VIEW_ROLE,
}
"""Access policy -> ClusterRole."""


def group(policy: str, namespace: str | None = None) -> str:
    """Group of the principals with an access policy: in the whole cluster, or in namespaces that match `namespace`,
    which may end in `*`."""
    return f"eks:access-policy:{policy}" + (f":{namespace}" if namespace else "")


def _binding(kind: str, policy: str, groups: list[str]) -> Manifest:
    return {
        "apiVersion": VERSION,
        "kind": kind,
        "metadata": {"name": f"eks:access-policy:{policy}"},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": ROLES[policy]},
        "subjects": [{"apiGroup": RBAC, "kind": "Group", "name": name} for name in groups],
    }


def role_bindings(namespace: str) -> list[Manifest]:
    """Bindings of a namespace: to its own name and to every pattern that matches it, so that a pattern of an access
    entry also holds for namespaces that are created later."""
    patterns = [namespace, *(f"{namespace[:length]}*" for length in range(len(namespace) + 1))]
    return [_binding("RoleBinding", policy, [group(policy, pattern) for pattern in patterns]) for policy in ROLES]


def bootstrap(client: Client) -> None:
    """Create the cluster-wide roles and bindings, and the StorageClass of an EKS cluster, where missing."""
    admin_view: Manifest = {
        "apiVersion": VERSION,
        "kind": "ClusterRole",
        "metadata": {"name": ADMIN_VIEW_ROLE},
        "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"]}],
    }
    gp2: Manifest = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": "gp2"},
        "provisioner": "kubernetes.io/aws-ebs",
        "parameters": {"type": "gp2", "fsType": "ext4"},
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "WaitForFirstConsumer",
    }
    bindings = [_binding("ClusterRoleBinding", policy, [group(policy)]) for policy in ROLES]
    for manifest in (admin_view, gp2, *bindings):
        path = client.resource(manifest["apiVersion"], manifest["kind"]).path(None)
        try:
            client.request("POST", path, body=manifest)
        except ApiError as error:
            if error.status != 409:
                raise


def aggregate(client: Client, objects: Objects, role: Manifest) -> None:
    """Give an aggregated ClusterRole the rules of all roles that its selectors choose."""
    selectors = (role.get("aggregationRule") or {}).get("clusterRoleSelectors")
    if not selectors:
        return
    rules: list[Any] = []
    chosen = [found for _, found in objects.of_kind("ClusterRole") if _selected(found, selectors)]
    for found in sorted(chosen, key=lambda manifest: str(manifest["metadata"]["name"])):
        if found["metadata"]["name"] != role["metadata"]["name"]:
            rules += [rule for rule in found.get("rules") or () if rule not in rules]
    if rules == (role.get("rules") or []):
        return
    path = client.resource(VERSION, "ClusterRole").path(None, role["metadata"]["name"])
    applied = {"apiVersion": VERSION, "kind": "ClusterRole", "metadata": {"name": role["metadata"]["name"]}}
    client.apply(path, {**applied, "rules": rules}, "clusterrole-aggregation-controller", force=True)


def _selected(role: Manifest, selectors: list[Manifest]) -> bool:
    labels = role["metadata"].get("labels") or {}
    return any(
        all(labels.get(key) == value for key, value in (selector.get("matchLabels") or {}).items())
        for selector in selectors
    )
