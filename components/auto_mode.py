"""EKS Auto Mode: what the cluster's stack declares for it. Its node pools are Kubernetes objects (`auto_nodes.py`).

AWS then runs nodes, CNI, proxy, DNS, volumes, load balancing and the pod identity agent; of our add-ons the metrics
server and what ships log lines stay (https://docs.aws.amazon.com/eks/latest/userguide/automode.html).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pulumi
from pulumi_aws import eks, iam

from components import program_logs
from components.iam import allow, from_source, policy, trust
from components.vocabulary import DataClass, tags

_MANAGED = "arn:aws:iam::aws:policy/"

CLUSTER_POLICIES: Final[Mapping[str, str]] = {
    "control-plane": _MANAGED + "AmazonEKSClusterPolicy",
    "compute": _MANAGED + "AmazonEKSComputePolicy",
    "volumes": _MANAGED + "AmazonEKSBlockStoragePolicy",
    "balancing": _MANAGED + "AmazonEKSLoadBalancingPolicy",
    "networking": _MANAGED + "AmazonEKSNetworkingPolicy",
}
"""What the control plane needs to do the nodes' work (https://docs.aws.amazon.com/eks/latest/userguide/auto-cluster-iam-role.html)."""

NODE_POLICIES: Final[Mapping[str, str]] = {
    "worker": _MANAGED + "AmazonEKSWorkerNodeMinimalPolicy",
    "pull": _MANAGED + "AmazonEC2ContainerRegistryPullOnly",
}
"""No Session Manager: nobody gets onto a node (https://docs.aws.amazon.com/eks/latest/userguide/auto-create-node-role.html)."""

BUILT_IN_POOLS: Final = ("system",)
"""AWS's own pool, tainted for add-ons: ours start there before our pools exist. With it EKS also makes the access entry
of the node role (https://docs.aws.amazon.com/eks/latest/userguide/set-builtin-node-pools.html)."""

ADD_ONS: Final = ("metrics-server", program_logs.ADD_ON)

CLUSTER_TAG = "eks:eks-cluster-name"
"""AmazonEKSLoadBalancingPolicy registers targets only in groups that carry it with the cluster's name
(https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AmazonEKSLoadBalancingPolicy.html)."""


def control_plane_trust(account_id: str) -> pulumi.Output[str]:
    """EKS of this account; Auto Mode also tags its sessions with the cluster's name."""
    return trust("eks", actions=("sts:AssumeRole", "sts:TagSession"), when=from_source(account_id))


def volume_key_policy(key_arn: pulumi.Input[str]) -> pulumi.Output[str]:
    """What the control plane's role needs to launch nodes with volumes under our own key."""
    return policy(
        allow("UseVolumeKey", ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKeyWithoutPlaintext"], [key_arn]),
        allow("GrantVolumeKey", ["kms:CreateGrant"], [key_arn], when={"Bool": {"kms:GrantIsForAWSResource": "true"}}),
    )


def node_role(name: str, child: pulumi.ResourceOptions) -> tuple[iam.Role, list[pulumi.Resource]]:
    """The role of the nodes, and what has to be attached before a node starts."""
    role = iam.Role(
        f"{name}-node",
        description=f"{name}: worker nodes",
        assume_role_policy=trust("ec2"),
        tags=tags(DataClass.INTERNAL),
        opts=child,
    )
    attached: list[pulumi.Resource] = [
        iam.RolePolicyAttachment(f"{name}-node-{key}", role=role.name, policy_arn=arn, opts=child)
        for key, arn in NODE_POLICIES.items()
    ]
    return role, attached


def compute(role: iam.Role) -> eks.ClusterComputeConfigArgs:
    """Switched on together with storage and load balancing: EKS takes all three or none."""
    return eks.ClusterComputeConfigArgs(enabled=True, node_pools=list(BUILT_IN_POOLS), node_role_arn=role.arn)
