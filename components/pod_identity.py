"""Roles for pods: EKS Pod Identity binds one service account of one namespace of one cluster to one role.

bind = PodIdentity("eu-west-1-ledger", PodIdentityArgs(..., namespace="ledger", service_account="ledger",
                   policy=policy(allow("Read", ["kinesis:GetRecords"], [stream_arn]))))
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi
from pulumi_aws import eks, iam

from components.base import type_token
from components.iam import trust
from components.vocabulary import DataClass, tags

MAX_ROLE_NAME = 56
"""IAM takes 64 characters, of which autonaming adds eight."""


def pod_trust(
    account_id: str, cluster_arn: pulumi.Input[str], namespace: str, service_account: str
) -> pulumi.Output[str]:
    """Trust policy of a role that only this service account can assume, and only in this cluster: session tags, source
    account and source ARN come from EKS (https://docs.aws.amazon.com/eks/latest/userguide/pod-id-role.html)."""
    return trust(
        "pods.eks",
        actions=("sts:AssumeRole", "sts:TagSession"),
        when={
            "StringEquals": {
                "aws:SourceAccount": account_id,
                "aws:RequestTag/kubernetes-namespace": namespace,
                "aws:RequestTag/kubernetes-service-account": service_account,
            },
            "ArnEquals": {"aws:SourceArn": cluster_arn},
        },
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class PodIdentityArgs:
    """Who the pods are and what they may do."""

    region: str
    account_id: str
    cluster_name: pulumi.Input[str]
    cluster_arn: pulumi.Input[str]
    namespace: str
    service_account: str
    policy: pulumi.Input[str] | None = None
    """Inline policy; `components.iam.policy` makes one."""
    managed_policies: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    """Stable key -> ARN of a managed policy."""

    def __post_init__(self) -> None:
        if self.policy is None and not self.managed_policies:
            raise ValueError(
                f"pod_identity.policy: {self.namespace}/{self.service_account} gets a role that allows nothing; "
                "give it a policy or no identity"
            )


class PodIdentity(pulumi.ComponentResource):
    """Role, its policies, and the association. Creation: seconds, once the cluster is there."""

    role_arn: pulumi.Output[str]

    def __init__(self, name: str, args: PodIdentityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        if len(name) > MAX_ROLE_NAME:
            raise ValueError(f"pod_identity: name {name!r} has {len(name)} characters; use at most {MAX_ROLE_NAME}")
        super().__init__(type_token(type(self)), name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        role = iam.Role(
            name,
            description=f"Pods of {args.namespace}/{args.service_account}",
            assume_role_policy=pod_trust(args.account_id, args.cluster_arn, args.namespace, args.service_account),
            tags=tags(DataClass.INTERNAL),
            opts=child,
        )
        allowed: list[pulumi.Resource] = [
            iam.RolePolicyAttachment(f"{name}-{key}", role=role.name, policy_arn=arn, opts=child)
            for key, arn in args.managed_policies.items()
        ]
        if args.policy is not None:
            allowed.append(iam.RolePolicy(name, role=role.name, policy=args.policy, opts=child))
        eks.PodIdentityAssociation(
            name,
            region=args.region,
            cluster_name=args.cluster_name,
            namespace=args.namespace,
            service_account=args.service_account,
            role_arn=role.arn,
            tags=tags(DataClass.INTERNAL),
            opts=pulumi.ResourceOptions(parent=self, depends_on=allowed),
        )
        self.role_arn = role.arn
        self.register_outputs({"roleArn": role.arn})
