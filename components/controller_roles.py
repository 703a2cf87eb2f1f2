"""AWS roles of the controllers that a cluster with managed compute runs (`components/controllers.py`): least privilege,
each bound to its one service account."""

from dataclasses import dataclass
from typing import Final

import pulumi

from components.base import type_token
from components.iam import allow, policy
from components.pod_identity import PodIdentity, PodIdentityArgs
from components.vocabulary import Controller

NAMESPACE = "controllers"
BALANCER, AUTOSCALER = Controller.BALANCER.value, Controller.AUTOSCALER.value

BALANCER_READS: Final = (
    "ec2:DescribeAvailabilityZones", "ec2:DescribeInstances", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets",
    "ec2:DescribeVpcs", "elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:DescribeTargetHealth",
)  # fmt: skip
AUTOSCALER_READS: Final = (
    "autoscaling:DescribeAutoScalingGroups", "autoscaling:DescribeAutoScalingInstances",
    "autoscaling:DescribeLaunchConfigurations", "autoscaling:DescribeScalingActivities", "autoscaling:DescribeTags",
    "ec2:DescribeImages", "ec2:DescribeInstanceTypes", "ec2:DescribeLaunchTemplateVersions",
)  # fmt: skip
"""https://github.com/kubernetes/autoscaler/blob/master/cluster-autoscaler/cloudprovider/aws/README.md"""


@dataclass(frozen=True, kw_only=True, slots=True)
class ControllerRolesArgs:
    """Whose controllers they are and what they act on."""

    region: str
    account_id: str
    cluster_name: pulumi.Input[str]
    cluster_arn: pulumi.Input[str]
    target_group_arn: pulumi.Input[str]
    """The only group whose targets the load balancer controller registers."""


class ControllerRoles(pulumi.ComponentResource):
    """A role and its association for each controller. Creation: seconds, once the cluster is there."""

    def __init__(self, name: str, args: ControllerRolesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(type_token(type(self)), name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        for controller, document in ((BALANCER, balancer_policy(args)), (AUTOSCALER, autoscaler_policy(args))):
            PodIdentity(
                f"{name}-{controller}",
                PodIdentityArgs(
                    region=args.region,
                    account_id=args.account_id,
                    cluster_name=args.cluster_name,
                    cluster_arn=args.cluster_arn,
                    namespace=NAMESPACE,
                    service_account=controller,
                    policy=document,
                ),
                child,
            )
        self.register_outputs({})


def balancer_policy(args: ControllerRolesArgs) -> pulumi.Output[str]:
    """Registers pods in the edge's target group and makes nothing: load balancers and groups are the edge's."""
    return policy(
        allow("Look", BALANCER_READS),
        allow(
            "RegisterPods",
            ["elasticloadbalancing:DeregisterTargets", "elasticloadbalancing:RegisterTargets"],
            [args.target_group_arn],
        ),
    )


def autoscaler_policy(args: ControllerRolesArgs) -> pulumi.Output[str]:
    """Changes the size of this cluster's node groups, which EKS tags with its name, and of nothing else."""
    groups = f"arn:aws:autoscaling:{args.region}:{args.account_id}:autoScalingGroup:*:autoScalingGroupName/eks-*"
    node_groups = pulumi.Output.concat(
        f"arn:aws:eks:{args.region}:{args.account_id}:nodegroup/", args.cluster_name, "/*"
    )
    return policy(
        allow("Look", AUTOSCALER_READS),
        allow("LookAtGroups", ["eks:DescribeNodegroup"], [node_groups]),
        allow(
            "Scale",
            ["autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"],
            [groups],
            when={"StringEquals": {"aws:ResourceTag/eks:cluster-name": args.cluster_name}},
        ),
    )
