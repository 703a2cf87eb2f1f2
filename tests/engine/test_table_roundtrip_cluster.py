"""An EKS cluster with nodes, add-ons and access comes up, stays, changes, shows drift and goes."""

import json

import pulumi
import pytest
from inline_stack import fails, stack
from pulumi_aws import ec2, eks, iam, kms
from table_programs import ACCOUNT, after, comes_up_and_changes, document, network, repairs, trust

from conftest import Sandbox

pytestmark = pytest.mark.engine

POLICIES = "arn:aws:iam::aws:policy"
ADMIN_POLICY = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
LOGS = ["api", "audit", "authenticator", "controllerManager", "scheduler"]


def routes(net: ec2.Vpc, subnets: list[ec2.Subnet]) -> list[pulumi.Resource]:
    """A way out for the nodes: they cannot join without one."""
    gateway = ec2.InternetGateway("net", vpc_id=net.id)
    public = ec2.Subnet("public", vpc_id=net.id, cidr_block="10.0.9.0/24", availability_zone="eu-west-1a")
    outside = ec2.RouteTable("public", vpc_id=net.id)
    out = ec2.Route("public", route_table_id=outside.id, destination_cidr_block="0.0.0.0/0", gateway_id=gateway.id)
    joined = ec2.RouteTableAssociation("public", route_table_id=outside.id, subnet_id=public.id)
    address = ec2.Eip("nat", domain="vpc", opts=after(gateway))
    nat = ec2.NatGateway(
        "nat", allocation_id=address.allocation_id, subnet_id=public.id, opts=after(gateway, out, joined)
    )
    inside = ec2.RouteTable("nodes", vpc_id=net.id)
    through = ec2.Route("nodes", route_table_id=inside.id, destination_cidr_block="0.0.0.0/0", nat_gateway_id=nat.id)
    members = [
        ec2.RouteTableAssociation(f"nodes-{index}", route_table_id=inside.id, subnet_id=subnet.id)
        for index, subnet in enumerate(subnets)
    ]
    return [through, *members]


def allowed(
    name: str, principal: str, *policies: str, actions: tuple[str, ...] = ()
) -> tuple[iam.Role, list[pulumi.Resource]]:
    """A role with AWS's own policies attached."""
    made = iam.Role(name, assume_role_policy=trust(principal, *actions))
    attached: list[pulumi.Resource] = [
        iam.RolePolicyAttachment(f"{name}-{policy}", role=made.name, policy_arn=f"{POLICIES}/{policy}")
        for policy in policies
    ]
    return made, attached


def cluster(
    version: int, subnets: list[ec2.Subnet], group: ec2.SecurityGroup, ready: list[pulumi.Resource]
) -> eks.Cluster:
    key = kms.Key("key", deletion_window_in_days=7)
    own, attached = allowed("cluster", "eks.amazonaws.com", "AmazonEKSClusterPolicy")
    return eks.Cluster(
        "cell",
        role_arn=own.arn,
        version="1.34" if version == 1 else "1.35",
        vpc_config={
            "subnet_ids": [subnet.id for subnet in subnets],
            "security_group_ids": [group.id],
            "endpoint_private_access": True,
            "endpoint_public_access": False,
        },
        enabled_cluster_log_types=LOGS if version == 1 else LOGS[:2],
        encryption_config={"provider": {"key_arn": key.arn}, "resources": ["secrets"]},
        access_config={"authentication_mode": "API", "bootstrap_cluster_creator_admin_permissions": False},
        bootstrap_self_managed_addons=False,
        upgrade_policy={"support_type": "STANDARD"},
        zonal_shift_config={"enabled": True},
        kubernetes_network_config={"ip_family": "ipv4", "service_ipv4_cidr": "172.20.0.0/16"},
        deletion_protection=version == 1,
        tags={"version": str(version)},
        opts=after(*attached, *ready),
    )


def nodes(version: int, made: eks.Cluster, subnets: list[ec2.Subnet], ready: list[pulumi.Resource]) -> None:
    names = ("AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly", "AmazonEKS_CNI_Policy")
    own, attached = allowed("node", "ec2.amazonaws.com", *names)
    eks.NodeGroup(
        "gateway",
        cluster_name=made.name,
        node_role_arn=own.arn,
        subnet_ids=[subnet.id for subnet in subnets],
        scaling_config={"min_size": 1, "max_size": 2 + version, "desired_size": 1},
        instance_types=["m7g.large"],
        ami_type="AL2023_ARM_64_STANDARD",
        labels={"class": "gateway", "version": str(version)},
        taints=[{"key": "class", "value": "gateway", "effect": "NO_SCHEDULE"}],
        update_config={"max_unavailable_percentage": 33},
        node_repair_config={"enabled": True},
        version=made.version,
        opts=after(*attached, *ready),
    )


def access(version: int, made: eks.Cluster) -> None:
    person = iam.Role(
        "admin",
        assume_role_policy=document({"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}),
    )
    entry = eks.AccessEntry(
        "admin",
        cluster_name=made.name,
        principal_arn=person.arn,
        kubernetes_groups=["operators"] if version == 1 else ["operators", "auditors"],
    )
    eks.AccessPolicyAssociation(
        "admin",
        cluster_name=made.name,
        principal_arn=entry.principal_arn,
        policy_arn=ADMIN_POLICY,
        access_scope={"type": "cluster"} if version == 1 else {"type": "namespace", "namespaces": ["payments"]},
    )
    pulumi.export("person", person.arn)


def pods(version: int, made: eks.Cluster) -> eks.Addon:
    actions = ("sts:AssumeRole", "sts:TagSession")
    own, attached = allowed("pod", "pods.eks.amazonaws.com", "AmazonEKS_CNI_Policy", actions=actions)
    eks.Addon("agent", cluster_name=made.name, addon_name="eks-pod-identity-agent", tags={"version": str(version)})
    eks.PodIdentityAssociation(
        "scorer",
        cluster_name=made.name,
        namespace="payments",
        service_account="scorer",
        role_arn=own.arn,
        disable_session_tags=version == 2,
    )
    return eks.Addon(
        "network",
        cluster_name=made.name,
        addon_name="vpc-cni",
        configuration_values=json.dumps({"enableNetworkPolicy": "true" if version == 1 else "false"}),
        resolve_conflicts_on_create="OVERWRITE",
        pod_identity_associations=[{"role_arn": own.arn, "service_account": "aws-node"}],
        opts=after(*attached),
    )


def program(version: int) -> None:
    net, subnets, group = network()
    ready = routes(net, subnets)
    made = cluster(version, subnets, group, ready)
    nodes(version, made, subnets, [*ready, pods(version, made)])
    access(version, made)
    pulumi.export("name", made.name)
    pulumi.export("endpoint", made.endpoint)
    pulumi.export("authority", made.certificate_authority.data)
    pulumi.export("ownGroup", made.vpc_config.cluster_security_group_id)


def drift(sandbox: Sandbox, outputs: dict[str, str]) -> None:
    """Two changes behind the program's back."""
    client, name = sandbox.client("eks"), outputs["name"]
    client.update_access_entry(clusterName=name, principalArn=outputs["person"], kubernetesGroups=["intruders"])
    client.update_cluster_config(name=name, resourcesVpcConfig={"endpointPublicAccess": True})


def test_a_cluster_comes_up_changes_in_place_and_goes(sandbox: Sandbox) -> None:
    with stack(sandbox, lambda: program(1)) as made:
        made.up()
        outputs = made.outputs()
        assert outputs["endpoint"].startswith("https://")
        assert outputs["authority"]
        assert outputs["ownGroup"].startswith("sg-")
        assert "deletion protection" in fails(made.destroy).lower()
        # Cluster, nodes, two add-ons, entry, pod identity; a policy's scope is set anew.
        comes_up_and_changes(made, program, update=6, replace=1)
        drift(sandbox, outputs)
        repairs(made, 2)
    assert sandbox.client("eks").list_clusters()["clusters"] == []
