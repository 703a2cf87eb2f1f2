"""The EKS cluster of one cell: control plane, access, add-ons and a node group per workload class.

Order, each step an AWS rule:

- log group before cluster, else EKS makes one without retention and key;
- a role's policies before what assumes it;
- vpc-cni and the pod identity agent before nodes, else nodes stay NotReady until EKS fails their group
  (https://aws-samples.github.io/sample-apex-skills/docs/skills/eks-build/references/lessons-learned, item 1), and the
  first pods start without the NetworkPolicy agent;
- NAT routes before nodes, else they never join;
- nodes before the add-ons that run as Deployments, else those never become active.

With `Compute.AUTO` AWS does most of that itself (`components/auto_mode.py`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import pulumi
from pulumi_aws import cloudwatch, eks, iam

from components import auto_mode, program_logs
from components.addresses import SERVICE_CIDR
from components.base import type_token
from components.iam import from_source, trust
from components.nodes import NodeGroupArgs, Nodes, NodesArgs
from components.pod_identity import pod_trust
from components.vocabulary import Compute, DataClass, tags

LOG_TYPES: Final = ("api", "audit", "authenticator", "controllerManager", "scheduler")
"""All that EKS has (https://docs.aws.amazon.com/eks/latest/userguide/control-plane-logs.html)."""

ADD_ONS_BEFORE_NODES: Final = ("vpc-cni", "kube-proxy", "eks-pod-identity-agent")
"""DaemonSets: active without nodes, and needed by the first pod."""
ADD_ONS_ON_NODES: Final = ("coredns", "aws-ebs-csi-driver", "metrics-server", program_logs.ADD_ON)
"""Deployments: degraded until a node takes them."""
ADD_ONS: Final = frozenset(ADD_ONS_BEFORE_NODES + ADD_ONS_ON_NODES)

ADD_ON_SETTINGS: Final[Mapping[str, Mapping[str, object]]] = {
    "vpc-cni": {"enableNetworkPolicy": "true", "nodeAgent": {"enablePolicyEventLogs": "true"}},
}
"""Without enableNetworkPolicy the API server takes NetworkPolicy objects and nobody enforces them
(https://docs.aws.amazon.com/eks/latest/userguide/cni-network-policy-configure.html)."""

ADD_ON_IDENTITIES: Final[Mapping[str, tuple[str, str, str | None]]] = {
    "vpc-cni": ("kube-system", "aws-node", "arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy"),
    "aws-ebs-csi-driver": (
        "kube-system",
        "ebs-csi-controller-sa",
        "arn:aws:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy",
    ),
    program_logs.ADD_ON: (program_logs.NAMESPACE, program_logs.SERVICE_ACCOUNT, None),
}
"""Add-on -> namespace, service account and the policy of its own role, so that nodes do not hold these rights. None:
AWS's policy (CloudWatchAgentServerPolicy) lets it write every log group of the account, so it has one of ours."""

CLUSTER_POLICY = "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy"
ACCESS_POLICY = "arn:aws:eks::aws:cluster-access-policy/"
ADMINISTER, VIEW = ACCESS_POLICY + "AmazonEKSClusterAdminPolicy", ACCESS_POLICY + "AmazonEKSViewPolicy"
"""View leaves secrets out (https://docs.aws.amazon.com/eks/latest/userguide/access-policy-permissions.html)."""

KUBELET_SKEW = 3
"""Minor versions that nodes may be older than the control plane
(https://docs.aws.amazon.com/eks/latest/userguide/kubernetes-versions.html)."""

MAX_NAME = 34
"""IAM role names take 64 characters: `-ebs-csi-controller-sa` and the suffix of autonaming leave 34."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterArgs:
    """What the cluster of one cell needs to know. Its physical name is the component's name."""

    region: str
    account_id: str
    kubernetes_version: str
    """Minor version: "1.36"."""
    add_on_versions: Mapping[str, str]
    """Add-on -> version, for each of `ADD_ONS`; Auto Mode reads those of `auto_mode.ADD_ONS`."""
    subnet_ids: Sequence[pulumi.Input[str]]
    """Workload subnets, in two zones or more: where EKS puts the control plane's interfaces."""
    node_groups: Mapping[str, NodeGroupArgs]
    """Workload class -> group; one without taint for the add-ons."""
    administrators: Mapping[str, pulumi.Input[str]]
    """Stable key -> ARN of a role that administers the cluster: whoever creates it gets no rights by that."""
    secrets_key_arn: pulumi.Input[str]
    volume_key_arn: pulumi.Input[str]
    log_key_arn: pulumi.Input[str]
    node_version: str | None = None
    """Kubernetes version of the node groups, behind the control plane's in an upgrade. None: `kubernetes_version`."""
    node_subnet_ids: Sequence[pulumi.Input[str]] = ()
    """Where nodes run, if not in all of `subnet_ids`: a cell that pays for one zone only."""
    viewers: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    """Stable key -> ARN of a role that reads everything but secrets."""
    public_access_cidrs: Sequence[str] = ()
    """Addresses from which the API server is reachable over the internet. Empty: from the VPC only."""
    service_cidr: str = str(SERVICE_CIDR)
    log_retention_days: int = 365
    jurisdiction: str | None = None
    """Tag of the control-plane logs, which name people."""
    egress: Sequence[pulumi.Resource] = ()
    """Routes that nodes need before they start: `Network.egress`."""
    compute: Compute = Compute.MANAGED
    """A cluster can be moved from one to the other in place; see docs/components/cluster.md."""
    protected: bool = True
    """EKS and Pulumi both refuse to delete the cluster."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"1\.\d+", self.kubernetes_version):
            raise ValueError(
                f"cluster.kubernetes_version: {self.kubernetes_version!r} is not a minor version such as 1.36"
            )
        if self.node_version is not None:
            behind = _minor(self.kubernetes_version) - _minor(self.node_version)
            if not 0 <= behind <= KUBELET_SKEW:
                raise ValueError(
                    f"cluster.node_version: {self.node_version} does not go with a control plane of "
                    f"{self.kubernetes_version}; use that or one of the {KUBELET_SKEW} before"
                )
        if difference := sorted(ADD_ONS ^ set(self.add_on_versions)):
            raise ValueError(f"cluster.add_on_versions: {difference} missing or unknown; give {sorted(ADD_ONS)}")
        if not self.administrators:
            raise ValueError("cluster.administrators: empty, so nobody could reach the cluster; name the deploy role")
        if open_to := [cidr for cidr in self.public_access_cidrs if cidr in ("0.0.0.0/0", "::/0")]:
            raise ValueError(
                f"cluster.public_access_cidrs: {open_to[0]} is the whole internet (NET-03); list your own addresses "
                "or leave it empty for a private endpoint"
            )


def _minor(version: str) -> int:
    return int(version.split(".")[1])


class Cluster(pulumi.ComponentResource):
    """EKS control plane, access, add-ons, nodes.

    Creation: about ten minutes for the control plane, three for nodes, one for add-ons. Cost: control plane and nodes,
    per hour.
    """

    name: pulumi.Output[str]
    arn: pulumi.Output[str]
    endpoint: pulumi.Output[str]
    certificate_authority: pulumi.Output[str]
    """Base64 of the API server's CA in PEM, as a kubeconfig has it."""
    security_group_id: pulumi.Output[str]
    """Made by EKS for control plane and nodes; what pods call must let it in."""
    node_role_arn: pulumi.Output[str]
    node_role_name: pulumi.Output[str]
    """What a node class names."""
    program_log_group: pulumi.Output[str]
    """Where the lines of the cell's programs arrive."""
    ready: Sequence[pulumi.Resource]
    """What has to exist before pods are scheduled: nodes, add-ons and access entries."""

    def __init__(self, name: str, args: ClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        if len(name) > MAX_NAME:
            raise ValueError(f"cluster: name {name!r} has {len(name)} characters; use at most {MAX_NAME} (IAM roles)")
        super().__init__(type_token(type(self)), name, {}, opts)
        self._prefix, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        self._auto = args.compute is Compute.AUTO
        auto_role, attached = auto_mode.node_role(name, self._child) if self._auto else (None, [])
        self._programs = self._logs("programs", program_logs.group_name(name))
        cluster = self._cluster(auto_role, attached)
        access = [
            *(self._access(cluster, key, arn, ADMINISTER) for key, arn in args.administrators.items()),
            *(self._access(cluster, key, arn, VIEW) for key, arn in args.viewers.items()),
        ]
        if auto_role is not None:
            self.node_role_arn, self.node_role_name = auto_role.arn, auto_role.name
            workers: list[pulumi.Resource] = [self._add_on(cluster, add_on, ()) for add_on in auto_mode.ADD_ONS]
        else:
            workers = self._workers(cluster)
        self.name, self.arn, self.endpoint = cluster.name, cluster.arn, cluster.endpoint
        self.certificate_authority = cluster.certificate_authority.data
        self.security_group_id = cluster.vpc_config.cluster_security_group_id
        self.program_log_group = self._programs.name
        self.ready = [*access, *workers]
        self.register_outputs(
            {
                "name": self.name,
                "arn": self.arn,
                "endpoint": self.endpoint,
                "certificateAuthority": self.certificate_authority,
                "securityGroupId": self.security_group_id,
                "nodeRoleArn": self.node_role_arn,
            }
        )

    def _workers(self, cluster: eks.Cluster) -> list[pulumi.Resource]:
        """Node groups, and the add-ons before and after them."""
        before = [self._add_on(cluster, add_on, ()) for add_on in ADD_ONS_BEFORE_NODES]
        nodes = Nodes(self._prefix, self._nodes(cluster, before), self._child)
        groups = list(nodes.groups.values())
        self.node_role_arn, self.node_role_name = nodes.role_arn, nodes.role_name
        return [*before, *groups, *(self._add_on(cluster, add_on, groups) for add_on in ADD_ONS_ON_NODES)]

    def _role(self) -> tuple[iam.Role, list[pulumi.Resource]]:
        args, name = self._args, f"{self._prefix}-control-plane"
        policies = auto_mode.CLUSTER_POLICIES if self._auto else {"control-plane": CLUSTER_POLICY}
        role = iam.Role(
            name,
            description=f"{self._prefix}: EKS control plane",
            assume_role_policy=auto_mode.control_plane_trust(args.account_id)
            if self._auto
            else trust("eks", when=from_source(args.account_id)),
            tags=tags(DataClass.INTERNAL),
            opts=self._child,
        )
        attached: list[pulumi.Resource] = [
            iam.RolePolicyAttachment(f"{self._prefix}-{key}", role=role.name, policy_arn=arn, opts=self._child)
            for key, arn in policies.items()
        ]
        if self._auto:
            document = auto_mode.volume_key_policy(args.volume_key_arn)
            attached.append(iam.RolePolicy(name, role=role.name, policy=document, opts=self._child))
        return role, attached

    def _logs(self, key: str, name: str) -> cloudwatch.LogGroup:
        return cloudwatch.LogGroup(
            f"{self._prefix}-{key}",
            region=self._args.region,
            name=name,
            kms_key_id=self._args.log_key_arn,
            retention_in_days=self._args.log_retention_days,
            tags=tags(DataClass.CONFIDENTIAL, jurisdiction=self._args.jurisdiction),
            opts=pulumi.ResourceOptions(parent=self, protect=self._args.protected),
        )

    def _cluster(self, auto_role: iam.Role | None, after: Sequence[pulumi.Resource]) -> eks.Cluster:
        args = self._args
        role, attached = self._role()
        egress = args.egress if auto_role else ()  # its nodes start with it
        logs = self._logs("control-plane", f"/aws/eks/{self._prefix}/cluster")
        provider = eks.ClusterEncryptionConfigProviderArgs(key_arn=args.secrets_key_arn)
        return eks.Cluster(
            self._prefix,
            region=args.region,
            name=self._prefix,
            role_arn=role.arn,
            version=args.kubernetes_version,
            vpc_config=eks.ClusterVpcConfigArgs(
                subnet_ids=args.subnet_ids,
                endpoint_private_access=True,
                endpoint_public_access=bool(args.public_access_cidrs),
                public_access_cidrs=list(args.public_access_cidrs) or None,
            ),
            access_config=eks.ClusterAccessConfigArgs(
                authentication_mode="API", bootstrap_cluster_creator_admin_permissions=False
            ),
            encryption_config=eks.ClusterEncryptionConfigArgs(provider=provider, resources=["secrets"]),
            kubernetes_network_config=eks.ClusterKubernetesNetworkConfigArgs(
                ip_family="ipv4",
                service_ipv4_cidr=args.service_cidr,
                elastic_load_balancing={"enabled": True} if auto_role else None,
            ),
            compute_config=auto_mode.compute(auto_role) if auto_role else None,
            storage_config={"block_storage": {"enabled": True}} if auto_role else None,
            enabled_cluster_log_types=list(LOG_TYPES),
            bootstrap_self_managed_addons=False,  # EKS would install its own CNI, outside of our versions
            upgrade_policy=eks.ClusterUpgradePolicyArgs(support_type="STANDARD"),
            zonal_shift_config=eks.ClusterZonalShiftConfigArgs(enabled=True),
            deletion_protection=args.protected,
            tags=tags(DataClass.CONFIDENTIAL),
            opts=pulumi.ResourceOptions(
                parent=self, protect=args.protected, depends_on=[*attached, *after, *egress, logs]
            ),
        )

    def _access(
        self, cluster: eks.Cluster, key: str, role_arn: pulumi.Input[str], policy_arn: str
    ) -> eks.AccessPolicyAssociation:
        entry = eks.AccessEntry(
            f"{self._prefix}-{key}",
            region=self._args.region,
            cluster_name=cluster.name,
            principal_arn=role_arn,
            type="STANDARD",
            tags=tags(DataClass.INTERNAL),
            opts=self._child,
        )
        return eks.AccessPolicyAssociation(
            f"{self._prefix}-{key}",
            region=self._args.region,
            cluster_name=cluster.name,
            principal_arn=entry.principal_arn,
            policy_arn=policy_arn,
            access_scope=eks.AccessPolicyAssociationAccessScopeArgs(type="cluster"),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[entry]),
        )

    def _add_on(self, cluster: eks.Cluster, add_on: str, after: Sequence[pulumi.Resource]) -> eks.Addon:
        settings = ADD_ON_SETTINGS.get(add_on)
        if add_on == program_logs.ADD_ON:
            settings, after = program_logs.settings(self._prefix), [*after, self._programs]
        identity, attached = self._add_on_identity(add_on)
        return eks.Addon(
            f"{self._prefix}-{add_on}",
            region=self._args.region,
            cluster_name=cluster.name,
            addon_name=add_on,
            addon_version=self._args.add_on_versions[add_on],
            configuration_values=json.dumps(settings, sort_keys=True) if settings else None,
            pod_identity_associations=identity,
            resolve_conflicts_on_create="OVERWRITE",
            resolve_conflicts_on_update="OVERWRITE",
            tags=tags(DataClass.INTERNAL),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[*attached, *after]),
        )

    def _add_on_identity(
        self, add_on: str
    ) -> tuple[list[eks.AddonPodIdentityAssociationArgs] | None, Sequence[pulumi.Resource]]:
        """The add-on's own role, which EKS binds with it, and what has to be attached before.

        The trust policy has the cluster's future ARN, so that the role does not wait ten minutes for the cluster.
        """
        if add_on not in ADD_ON_IDENTITIES:
            return None, ()
        namespace, service_account, policy_arn = ADD_ON_IDENTITIES[add_on]
        arn = f"arn:aws:eks:{self._args.region}:{self._args.account_id}:cluster/{self._prefix}"
        role = iam.Role(
            f"{self._prefix}-{service_account}",
            description=f"{self._prefix}: add-on {add_on}",
            assume_role_policy=pod_trust(self._args.account_id, arn, namespace, service_account),
            tags=tags(DataClass.INTERNAL),
            opts=self._child,
        )
        name = f"{self._prefix}-{service_account}"
        allowed: pulumi.Resource
        if policy_arn is None:
            document = program_logs.write_policy(self._args.region, self._args.account_id, self._prefix)
            allowed = iam.RolePolicy(name, role=role.name, policy=document, opts=self._child)
        else:
            allowed = iam.RolePolicyAttachment(name, role=role.name, policy_arn=policy_arn, opts=self._child)
        identity = eks.AddonPodIdentityAssociationArgs(role_arn=role.arn, service_account=service_account)
        return [identity], [allowed]

    def _nodes(self, cluster: eks.Cluster, before: Sequence[pulumi.Resource]) -> NodesArgs:
        return NodesArgs(
            region=self._args.region,
            cluster_name=cluster.name,
            kubernetes_version=self._args.node_version or self._args.kubernetes_version,
            subnet_ids=self._args.node_subnet_ids or self._args.subnet_ids,
            volume_key_arn=self._args.volume_key_arn,
            groups=self._args.node_groups,
            after=[*self._args.egress, *before],
        )
