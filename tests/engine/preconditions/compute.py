"""EC2 and EKS."""

from pulumi_aws import cloudwatch, codebuild, ec2, eks, iam

from preconditions.ground import (
    ACCOUNT,
    FAR_KEY,
    MISSING_ROLE,
    REGION,
    Ground,
    Network,
    after,
    allow,
    document,
    role,
    trust,
)


def declare(ground: Ground) -> None:
    network(ground)
    flow_logs(ground)
    clusters(ground)
    node_groups(ground)
    access(ground)
    builds(ground)


def builds(ground: Ground) -> None:
    may, may_not = role("builds", "codebuild.amazonaws.com"), role("builds-bare", "codebuild.amazonaws.com")
    rights = iam.RolePolicy("builds", role=may.name, policy=document(allow("ec2:*")))
    for name, who in (
        ("builds", may.arn),
        ("codebuild-role-is-trusted", ground.stranger.arn),
        ("codebuild-role-may-attach", may_not.arn),
    ):
        codebuild.Project(
            name,
            service_role=who,
            source={"type": "NO_SOURCE", "buildspec": "version: 0.2"},
            artifacts={"type": "NO_ARTIFACTS"},
            environment={"type": "ARM_CONTAINER", "compute_type": "BUILD_GENERAL1_SMALL", "image": "a/b:1"},
            vpc_config={
                "vpc_id": ground.open.vpc.id,
                "subnets": [ground.open.a.id],
                "security_group_ids": [ground.open.vpc.default_security_group_id],
            },
            opts=after(rights),
        )


def network(ground: Ground) -> None:
    open_, closed = ground.open, ground.closed
    address = ec2.Eip("nat", domain="vpc")
    ec2.NatGateway("nat", allocation_id=address.id, subnet_id=open_.a.id, opts=after(*open_.ready))
    free = ec2.Eip("free", domain="vpc")
    ec2.NatGateway("ec2-nat-needs-internet-gateway", allocation_id=free.id, subnet_id=closed.a.id)
    ec2.Route(
        "ec2-route-gateway-in-same-vpc",
        route_table_id=closed.table.id,
        destination_cidr_block="0.0.0.0/0",
        gateway_id=open_.gateway.id,
    )
    sts = {"service_name": f"com.amazonaws.{REGION}.sts", "vpc_endpoint_type": "Interface"}
    first = ec2.VpcEndpoint("sts", vpc_id=open_.vpc.id, subnet_ids=[open_.a.id], private_dns_enabled=True, **sts)
    ec2.VpcEndpoint(
        "ec2-endpoint-private-dns-needs-vpc-dns",
        vpc_id=closed.vpc.id,
        subnet_ids=[closed.a.id],
        private_dns_enabled=True,
        **sts,
    )
    ec2.VpcEndpoint(
        "ec2-endpoint-one-subnet-a-zone", vpc_id=closed.vpc.id, subnet_ids=[closed.a.id, closed.a2.id], **sts
    )
    ec2.VpcEndpoint(
        "ec2-endpoint-private-dns-is-free",
        vpc_id=open_.vpc.id,
        subnet_ids=[open_.b.id],
        private_dns_enabled=True,
        opts=after(first),
        **sts,
    )
    ec2.VpcEndpoint(
        "ec2-endpoint-route-tables-in-vpc",
        vpc_id=open_.vpc.id,
        service_name=f"com.amazonaws.{REGION}.s3",
        route_table_ids=[closed.table.id],
    )
    volume = {"kms_key_id": FAR_KEY, "encrypted": "true", "volume_size": 20}
    ec2.LaunchTemplate(
        "ec2-launch-template-key-is-usable", block_device_mappings=[{"device_name": "/dev/xvda", "ebs": volume}]
    )


def flow_logs(ground: Ground) -> None:
    group = cloudwatch.LogGroup("flows", name="flows")
    writer = role("flows", "vpc-flow-logs.amazonaws.com")
    common = {"vpc_id": ground.open.vpc.id, "traffic_type": "ALL"}
    ec2.FlowLog("flows", log_destination=group.arn, iam_role_arn=writer.arn, **common)
    ec2.FlowLog("ec2-flow-log-role-is-trusted", log_destination=group.arn, iam_role_arn=ground.stranger.arn, **common)
    ec2.FlowLog(
        "ec2-flow-log-group-exists",
        log_destination=f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:missing",
        iam_role_arn=writer.arn,
        **common,
    )


def clusters(ground: Ground) -> None:
    sound = {"subnet_ids": ground.open.two_zones}

    def cluster(name: str, **settings: object) -> None:
        given = {"role_arn": ground.cluster_role.arn, "vpc_config": sound, **settings}
        eks.Cluster(name, opts=after(ground.cluster_policy), **given)

    cluster("eks-cluster-role-is-trusted", role_arn=MISSING_ROLE)
    cluster("eks-cluster-role-has-policy", role_arn=role("cluster-bare", "eks.amazonaws.com").arn)
    cluster("eks-cluster-subnets-in-two-zones", vpc_config={"subnet_ids": [ground.open.a.id, ground.open.a2.id]})
    cluster("eks-cluster-subnets-in-one-vpc", vpc_config={"subnet_ids": [ground.open.a.id, ground.closed.b.id]})
    cluster(
        "eks-cluster-key-is-usable",
        encryption_config={"provider": {"key_arn": ground.signing.arn}, "resources": ["secrets"]},
    )
    nowhere = {"endpoint_public_access": False, "endpoint_private_access": False}
    cluster("eks-cluster-has-an-endpoint", vpc_config={**sound, **nowhere})
    whole = {
        "storage_config": {"block_storage": {"enabled": True}},
        "kubernetes_network_config": {"elastic_load_balancing": {"enabled": True}},
        "bootstrap_self_managed_addons": False,
    }
    cluster("eks-auto-mode-role-has-policies", compute_config={"enabled": True}, **whole)
    stranger = {"enabled": True, "node_pools": ["system"], "node_role_arn": MISSING_ROLE}
    cluster("eks-auto-mode-node-role-is-trusted", compute_config=stranger, **whole)


def node_groups(ground: Ground) -> None:
    lead_out = Network("nodes", 3, public=True)
    inside = ec2.RouteTable("nodes-nat", vpc_id=ground.open.vpc.id)
    gateway = ec2.NatGateway(
        "nodes",
        allocation_id=ec2.Eip("nodes", domain="vpc").id,
        subnet_id=ground.open.b.id,
        opts=after(*ground.open.ready),
    )
    route = ec2.Route(
        "nodes-nat", route_table_id=inside.id, destination_cidr_block="0.0.0.0/0", nat_gateway_id=gateway.id
    )
    link = ec2.RouteTableAssociation("nodes-nat", route_table_id=inside.id, subnet_id=ground.open.a2.id)
    sizes = {"min_size": 1, "desired_size": 1, "max_size": 1}

    def group(name: str, **settings: object) -> None:
        given = {"node_role_arn": ground.node_role.arn, "subnet_ids": [ground.open.a2.id], **settings}
        ready = after(*ground.node_policies, route, link, *lead_out.ready)
        eks.NodeGroup(name, cluster_name=ground.cluster.name, scaling_config=sizes, opts=ready, **given)

    group("nodes")
    group("eks-node-role-is-trusted", node_role_arn=ground.stranger.arn)
    group("eks-node-role-has-policies", node_role_arn=role("node-bare", "ec2.amazonaws.com").arn)
    group("eks-node-subnets-lead-out", subnet_ids=[ground.closed.a.id])
    group("eks-public-node-subnets-give-addresses", subnet_ids=[ground.open.a.id])
    group("eks-node-version-fits-cluster", version="1.35")
    group("eks-node-subnets-in-cluster-vpc", subnet_ids=[lead_out.a.id])


def access(ground: Ground) -> None:
    cluster = ground.cluster.name
    pod = role("pod", "pods.eks.amazonaws.com", actions=["sts:AssumeRole", "sts:TagSession"])
    half = role("pod-half", "pods.eks.amazonaws.com")
    admin = iam.Role("admin", assume_role_policy=trust("ec2.amazonaws.com"))
    eks.AccessEntry("admin", cluster_name=cluster, principal_arn=admin.arn)
    eks.AccessEntry("eks-access-principal-exists", cluster_name=cluster, principal_arn=MISSING_ROLE)
    eks.AccessPolicyAssociation(
        "eks-access-policy-needs-entry",
        cluster_name=cluster,
        principal_arn=ground.stranger.arn,
        policy_arn="arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy",
        access_scope={"type": "cluster"},
    )
    eks.PodIdentityAssociation("pod", cluster_name=cluster, namespace="a", service_account="a", role_arn=pod.arn)
    eks.PodIdentityAssociation(
        "eks-pod-role-is-trusted", cluster_name=cluster, namespace="b", service_account="b", role_arn=half.arn
    )
    eks.Addon(
        "eks-add-on-role-is-trusted",
        cluster_name=cluster,
        addon_name="vpc-cni",
        pod_identity_associations=[{"role_arn": half.arn, "service_account": "aws-node"}],
    )
