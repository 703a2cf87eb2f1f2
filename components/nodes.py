"""Worker nodes of a cluster: one managed node group per workload class, with one role and a launch template each."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import pulumi
from pulumi_aws import ec2, eks, iam

from components.base import type_token
from components.iam import trust
from components.vocabulary import DataClass, tags

NODE_POLICIES: Final[Mapping[str, str]] = {
    "worker": "arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy",
    "pull": "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly",
    "sessions": "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore",
}
"""What a node itself needs: join, pull, be reached without SSH. The CNI has a role of its own
(https://docs.aws.amazon.com/eks/latest/userguide/create-node-role.html)."""

WORKLOAD_CLASS_LABEL = "payment-cell/workload-class"

MAX_UNAVAILABLE_PERCENT = 33
"""Part of a group that an update takes away at a time: what the fleet's rolling rule allows."""

IMAGES: Final[Mapping[str, str]] = {"arm64": "AL2023_ARM_64_STANDARD", "x86_64": "AL2023_x86_64_STANDARD"}
"""EKS AMI type of an architecture (EKS API reference, Nodegroup.amiType)."""

ROOT_DEVICE = "/dev/xvda"
"""Root volume of Amazon Linux 2023 images."""

_INSTANCE_TYPE = re.compile(r"(?P<family>[a-z]+\d+)(?P<attributes>[a-z-]*)\.(?P<size>[a-z0-9-]+)")


def architecture(instance_type: str) -> str:
    """`arm64` or `x86_64`: a `g` right after the generation means Graviton
    (https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html).

    Raises `ValueError` for what is not an instance type.
    """
    match = _INSTANCE_TYPE.fullmatch(instance_type)
    if match is None:
        raise ValueError(f"nodes.instance_types: {instance_type!r} is not an instance type such as m7g.large")
    return "arm64" if match["attributes"].startswith("g") else "x86_64"


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeGroupArgs:
    """One workload class: which machines, how many."""

    instance_types: Sequence[str]
    """In order of preference; one architecture."""
    min_size: int
    desired_size: int
    """At creation; afterwards whoever scales the group decides."""
    max_size: int
    disk_gib: int = 50
    capacity: Literal["ON_DEMAND", "SPOT"] = "ON_DEMAND"
    taints: Mapping[str, str] = field(default_factory=dict)
    """Taint key -> value; pods without the toleration are not scheduled here."""

    def __post_init__(self) -> None:
        if not self.instance_types:
            raise ValueError("nodes.instance_types: empty; name at least one")
        if len({architecture(instance_type) for instance_type in self.instance_types}) > 1:
            raise ValueError(
                f"nodes.instance_types: {', '.join(self.instance_types)} mix ARM and x86; a group has one image"
            )
        if not (0 <= self.min_size <= self.desired_size <= self.max_size and self.max_size >= 1):
            raise ValueError(
                f"nodes.sizes: min {self.min_size}, desired {self.desired_size}, max {self.max_size}; "
                "keep 0 <= min <= desired <= max and max at least 1"
            )
        if self.disk_gib < 20:
            raise ValueError(f"nodes.disk_gib: {self.disk_gib} GiB is below 20, the size of the image's own volume")


@dataclass(frozen=True, kw_only=True, slots=True)
class NodesArgs:
    """Where the groups run and what has to be there first."""

    region: str
    cluster_name: pulumi.Input[str]
    kubernetes_version: str
    subnet_ids: Sequence[pulumi.Input[str]]
    volume_key_arn: pulumi.Input[str]
    """Its policy lets the Auto Scaling service-linked role create grants, else instances end at launch."""
    groups: Mapping[str, NodeGroupArgs]
    """Workload class -> group."""
    after: Sequence[pulumi.Resource] = ()
    """What a node needs to join: routes and the add-ons that run on every node."""

    def __post_init__(self) -> None:
        if not any(not group.taints for group in self.groups.values()):
            raise ValueError(
                "nodes.groups: every group is tainted or there is none; the add-ons need one without taint"
            )


class Nodes(pulumi.ComponentResource):
    """Managed node groups. Creation: two to three minutes, all groups in parallel. Cost: the instances."""

    role_arn: pulumi.Output[str]
    role_name: pulumi.Output[str]
    groups: Mapping[str, eks.NodeGroup]
    """Workload class -> group, to wait for."""

    def __init__(self, name: str, args: NodesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(type_token(type(self)), name, {}, opts)
        self._child = pulumi.ResourceOptions(parent=self)
        role = iam.Role(
            f"{name}-node",
            description=f"{name}: worker nodes",
            assume_role_policy=trust("ec2"),
            tags=tags(DataClass.INTERNAL),
            opts=self._child,
        )
        policies = [
            iam.RolePolicyAttachment(f"{name}-node-{key}", role=role.name, policy_arn=arn, opts=self._child)
            for key, arn in NODE_POLICIES.items()
        ]
        after = [*policies, *args.after]
        self.groups = {key: self._group(name, key, args, role, after) for key in args.groups}
        self.role_arn, self.role_name = role.arn, role.name
        self.register_outputs({"roleArn": role.arn})

    def _group(
        self, name: str, key: str, args: NodesArgs, role: iam.Role, after: Sequence[pulumi.Resource]
    ) -> eks.NodeGroup:
        group = args.groups[key]
        template = self._template(f"{name}-{key}", group, args)
        return eks.NodeGroup(
            f"{name}-{key}",
            region=args.region,
            cluster_name=args.cluster_name,
            node_role_arn=role.arn,
            subnet_ids=args.subnet_ids,
            version=args.kubernetes_version,
            ami_type=IMAGES[architecture(group.instance_types[0])],
            capacity_type=group.capacity,
            instance_types=list(group.instance_types),
            launch_template=eks.NodeGroupLaunchTemplateArgs(
                id=template.id, version=template.latest_version.apply(lambda version: str(int(version)))
            ),
            scaling_config=eks.NodeGroupScalingConfigArgs(
                min_size=group.min_size, desired_size=group.desired_size, max_size=group.max_size
            ),
            update_config=eks.NodeGroupUpdateConfigArgs(max_unavailable_percentage=MAX_UNAVAILABLE_PERCENT),
            node_repair_config=eks.NodeGroupNodeRepairConfigArgs(enabled=True),
            labels={WORKLOAD_CLASS_LABEL: key},
            taints=[
                eks.NodeGroupTaintArgs(key=taint, value=value, effect="NO_SCHEDULE")
                for taint, value in sorted(group.taints.items())
            ],
            tags=tags(DataClass.INTERNAL),
            opts=pulumi.ResourceOptions(parent=self, depends_on=after, ignore_changes=["scalingConfig.desiredSize"]),
        )

    def _template(self, name: str, group: NodeGroupArgs, args: NodesArgs) -> ec2.LaunchTemplate:
        """No security group here: EKS adds the cluster's own only where the template names none."""
        volume = ec2.LaunchTemplateBlockDeviceMappingEbsArgs(
            volume_type="gp3",
            volume_size=group.disk_gib,
            encrypted="true",
            kms_key_id=args.volume_key_arn,
            delete_on_termination="true",
        )
        made = dict(tags(DataClass.CONFIDENTIAL, name=name))
        return ec2.LaunchTemplate(
            name,
            region=args.region,
            description=f"{name}: worker nodes",
            update_default_version=True,
            metadata_options=ec2.LaunchTemplateMetadataOptionsArgs(
                http_endpoint="enabled",
                http_tokens="required",
                http_put_response_hop_limit=1,  # pods are one hop further: they use their own role, not the node's
            ),
            block_device_mappings=[ec2.LaunchTemplateBlockDeviceMappingArgs(device_name=ROOT_DEVICE, ebs=volume)],
            tag_specifications=[
                ec2.LaunchTemplateTagSpecificationArgs(resource_type=kind, tags=made)
                for kind in ("instance", "volume", "network-interface")
            ],
            tags=tags(DataClass.INTERNAL, name=name),
            opts=self._child,
        )
