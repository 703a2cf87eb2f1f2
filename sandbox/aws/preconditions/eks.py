"""EKS: what a cluster and its node groups need before they are made, and how their versions move."""

from sandbox.aws.preconditions.account import (
    ask,
    attached,
    default_target,
    forbidden,
    foreign,
    items,
    role,
    subnets,
    too_few_zones,
    untrusted,
    unusable,
)
from sandbox.aws.preconditions.model import DOCS, ON_CHANGE, ON_CREATE, ON_UPDATE, Op, Precondition, Request

CLUSTER = "aws:eks/cluster:Cluster"
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"

GUIDE = f"{DOCS}/eks/latest/userguide"

PULL_POLICIES = ("AmazonEC2ContainerRegistryPullOnly", "AmazonEC2ContainerRegistryReadOnly")

NODE_ENDPOINTS = ("ec2", "ecr.api", "ecr.dkr", "s3")
"""Services that nodes without a way to the internet need endpoints for, at the least
(https://docs.aws.amazon.com/eks/latest/userguide/private-clusters.html)."""

KUBELET_SKEW = 3
"""Minor versions that a kubelet may be older than the control plane
(https://docs.aws.amazon.com/eks/latest/userguide/kubernetes-versions.html)."""


def cluster_role_is_trusted(request: Request) -> str | None:
    return untrusted(request, request.given("roleArn"), "eks.amazonaws.com")


def cluster_role_has_policy(request: Request) -> str | None:
    arn = request.given("roleArn") or ""
    if foreign(request, arn) or role(request, arn) is None or "AmazonEKSClusterPolicy" in attached(request, arn):
        return None
    return forbidden(request, arn, [("ec2:DescribeSubnets", None), ("ec2:CreateSecurityGroup", None)])


def cluster_subnets_in_two_zones(request: Request) -> str | None:
    return too_few_zones(request, request.given("vpcConfig", "subnetIds"))


def cluster_subnets_in_one_vpc(request: Request) -> str | None:
    found = subnets(request, request.given("vpcConfig", "subnetIds") or ())
    vpcs = sorted({row["VpcId"] for row in found})
    return f"the subnets are in {', '.join(vpcs)}" if len(vpcs) > 1 else None


def cluster_key_is_usable(request: Request) -> str | None:
    return unusable(request, request.given("encryptionConfig", "provider", "keyArn"))


def cluster_has_an_endpoint(request: Request) -> str | None:
    config = request.given("vpcConfig") or {}
    if config.get("endpointPublicAccess") is False and not config.get("endpointPrivateAccess"):
        return "endpointPublicAccess is false and endpointPrivateAccess is not true"
    return None


def cluster_goes_one_minor_up(request: Request) -> str | None:
    before, after = _minor(request.olds.get("version")), _minor(request.props.get("version"))
    if before is None or after is None or abs(after - before) <= 1:
        return None
    return f"from {request.olds['version']} to {request.props['version']}"


def _minor(version: object) -> int | None:
    parts = str(version or "").split(".")
    return int(parts[1]) if len(parts) > 1 and parts[1].isdigit() else None


def node_role_is_trusted(request: Request) -> str | None:
    return untrusted(request, request.given("nodeRoleArn"), "ec2.amazonaws.com")


def node_role_has_policies(request: Request) -> str | None:
    arn = request.given("nodeRoleArn") or ""
    if foreign(request, arn) or role(request, arn) is None:
        return None
    has = attached(request, arn)
    missing = (
        []
        if {"AmazonEKSWorkerNodePolicy", "AmazonEKSWorkerNodeMinimalPolicy"} & set(has)
        else ["AmazonEKSWorkerNodePolicy"]
    )
    missing += [] if set(PULL_POLICIES) & set(has) else [PULL_POLICIES[0]]
    if not missing or not forbidden(
        request, arn, [("ec2:DescribeInstances", None), ("ecr:GetAuthorizationToken", None)]
    ):
        return None
    return f"role {arn} has {', '.join(has) or 'no policy'}; {' and '.join(missing)} is missing"


def node_subnets_lead_out(request: Request) -> str | None:
    for row in subnets(request, request.given("subnetIds") or ()):
        if default_target(request, row["VpcId"], row["SubnetId"]):
            continue
        if absent := _missing_endpoints(request, row["VpcId"]):
            without = f"{row['VpcId']} no endpoint for {', '.join(absent)}"
            return f"subnet {row['SubnetId']} has no route for 0.0.0.0/0 and {without}"
    return None


def _missing_endpoints(request: Request, vpc_id: str) -> list[str]:
    where = [{"Name": "vpc-id", "Values": [vpc_id]}]
    found = items(request, "ec2", "describe_vpc_endpoints", "VpcEndpoints", Filters=where)
    there = {row["ServiceName"].partition(f"{request.context.region}.")[2] for row in found}
    return [service for service in NODE_ENDPOINTS if service not in there]


def public_node_subnets_give_addresses(request: Request) -> str | None:
    for row in subnets(request, request.given("subnetIds") or ()):
        target = default_target(request, row["VpcId"], row["SubnetId"])
        if target.startswith("igw-") and not row.get("MapPublicIpOnLaunch"):
            return f"0.0.0.0/0 of subnet {row['SubnetId']} goes to {target}, and mapPublicIpOnLaunch is false"
    return None


def node_version_fits_cluster(request: Request) -> str | None:
    wanted = _minor(request.given("version"))
    if wanted is None or (request.op is Op.UPDATE and not request.changed("version")):
        return None
    found = ask(request, "eks", "describe_cluster", name=request.props["clusterName"])
    cluster = _minor(found["cluster"]["version"]) if found else None
    if cluster is None or cluster - KUBELET_SKEW <= wanted <= cluster:
        return None
    return f"nodes of {request.props['version']}, cluster {request.props['clusterName']} of 1.{cluster}"


def node_subnets_are_the_clusters_vpc(request: Request) -> str | None:
    found = ask(request, "eks", "describe_cluster", name=request.props["clusterName"])
    config = found["cluster"].get("resourcesVpcConfig") or {} if found else {}
    rows = subnets(request, request.given("subnetIds") or ())
    homes = {row["VpcId"] for row in subnets(request, config.get("subnetIds") or ())}
    strange = [row["SubnetId"] for row in rows if homes and row["VpcId"] not in homes]
    return f"subnets {', '.join(strange)} are not in {', '.join(sorted(homes))}" if strange else None


ROWS = (
    Precondition(
        id="eks-cluster-role-is-trusted",
        token=CLUSTER,
        on=ON_CREATE,
        rule="The cluster role must exist and trust eks.amazonaws.com.",
        source=f"{GUIDE}/cluster-iam-role.html",
        code="InvalidParameterException",
        check=cluster_role_is_trusted,
    ),
    Precondition(
        id="eks-cluster-role-has-policy",
        token=CLUSTER,
        on=ON_CREATE,
        rule="The cluster role needs AmazonEKSClusterPolicy, or its equal, before the cluster is made.",
        source=f"{GUIDE}/cluster-iam-role.html",
        code="AccessDenied",
        check=cluster_role_has_policy,
        later=True,
    ),
    Precondition(
        id="eks-cluster-subnets-in-two-zones",
        token=CLUSTER,
        on=ON_CREATE,
        rule="A cluster needs subnets in at least two Availability Zones.",
        source=f"{GUIDE}/network-reqs.html",
        code="InvalidParameterException",
        check=cluster_subnets_in_two_zones,
    ),
    Precondition(
        id="eks-cluster-subnets-in-one-vpc",
        token=CLUSTER,
        on=ON_CREATE,
        rule="The subnets of a cluster must be in one VPC.",
        source=f"{GUIDE}/network-reqs.html",
        code="InvalidParameterException",
        check=cluster_subnets_in_one_vpc,
    ),
    Precondition(
        id="eks-cluster-key-is-usable",
        token=CLUSTER,
        on=ON_CREATE,
        rule="The key that encrypts secrets must be an enabled symmetric key in the cluster's Region.",
        source=f"{GUIDE}/enable-kms.html",
        code="InvalidParameterException",
        check=cluster_key_is_usable,
    ),
    Precondition(
        id="eks-cluster-has-an-endpoint",
        token=CLUSTER,
        on=ON_CHANGE,
        rule="The API server needs a public or a private endpoint.",
        source=f"{GUIDE}/cluster-endpoint.html",
        code="InvalidParameterException",
        check=cluster_has_an_endpoint,
    ),
    Precondition(
        id="eks-cluster-goes-one-minor-up",
        token=CLUSTER,
        on=ON_UPDATE,
        rule="A cluster moves to the next minor version, or rolls back to the previous one.",
        source=f"{GUIDE}/update-cluster.html",
        code="InvalidParameterException",
        check=cluster_goes_one_minor_up,
    ),
    Precondition(
        id="eks-node-role-is-trusted",
        token=NODE_GROUP,
        on=ON_CREATE,
        rule="The node role must exist and trust ec2.amazonaws.com.",
        source=f"{GUIDE}/create-node-role.html",
        code="InvalidParameterException",
        check=node_role_is_trusted,
    ),
    Precondition(
        id="eks-node-role-has-policies",
        token=NODE_GROUP,
        on=ON_CREATE,
        rule="The node role needs AmazonEKSWorkerNodePolicy and a policy to pull images, or no node joins.",
        source=f"{GUIDE}/create-node-role.html",
        code="NodeCreationFailure",
        check=node_role_has_policies,
        later=True,
    ),
    Precondition(
        id="eks-node-subnets-lead-out",
        token=NODE_GROUP,
        on=ON_CREATE,
        rule="Nodes join only through a NAT or internet gateway, or VPC endpoints for what they need.",
        source=f"{GUIDE}/troubleshooting.html",
        code="NodeCreationFailure",
        check=node_subnets_lead_out,
        later=True,
    ),
    Precondition(
        id="eks-public-node-subnets-give-addresses",
        token=NODE_GROUP,
        on=ON_CREATE,
        rule="A public subnet with managed nodes must assign public addresses on launch.",
        source=f"{DOCS}/eks/latest/APIReference/API_Issue.html",
        code="Ec2SubnetInvalidConfiguration",
        check=public_node_subnets_give_addresses,
        later=True,
    ),
    Precondition(
        id="eks-node-version-fits-cluster",
        token=NODE_GROUP,
        on=ON_CHANGE,
        rule="Nodes are never newer than the control plane and at most three minor versions older.",
        source=f"{GUIDE}/kubernetes-versions.html",
        code="InvalidParameterException",
        check=node_version_fits_cluster,
    ),
    Precondition(
        id="eks-node-subnets-in-cluster-vpc",
        token=NODE_GROUP,
        on=ON_CREATE,
        rule="The subnets of a node group must be in the cluster's VPC.",
        source=f"{DOCS}/eks/latest/APIReference/API_CreateNodegroup.html",
        code="InvalidParameterException",
        check=node_subnets_are_the_clusters_vpc,
    ),
)
