"""What the violating programs stand on: sound networks, roles, keys, buckets, a cluster. None of it may be refused."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pulumi
from pulumi_aws import ec2, eks, iam, kms, rds, s3

ACCOUNT = "123456789012"
REGION = "eu-west-1"

MISSING_ROLE = f"arn:aws:iam::{ACCOUNT}:role/missing"
MISSING_KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/00000000-0000-4000-8000-000000000000"
FAR_KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/00000000-0000-4000-8000-000000000000"

EKS_POLICY = "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy"
NODE_POLICIES = ("AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly")


def document(*statements: Any) -> pulumi.Output[str]:
    return pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(actions: Any, *, resources: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": resources, **more}


def trust(*services: str, actions: Any = "sts:AssumeRole") -> str:
    statement = {"Effect": "Allow", "Principal": {"Service": list(services)}, "Action": actions}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def key_for(*services: str) -> pulumi.Output[str]:
    """A key policy that lets the account administer and the services encrypt."""
    administer = allow("kms:*", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"})
    actions = ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey*", "kms:DescribeKey"]
    use = allow(actions, Principal={"Service": list(services)})
    return document(administer, use) if services else document(administer)


def role(name: str, *services: str, **more: Any) -> iam.Role:
    return iam.Role(name, assume_role_policy=trust(*services, **more))


class Network:
    """A VPC with two subnets in zone a and one in b; `public`: with an internet gateway that a and b lead to."""

    def __init__(self, name: str, number: int, *, public: bool) -> None:
        self.vpc = ec2.Vpc(name, cidr_block=f"10.{number}.0.0/16", enable_dns_support=True, enable_dns_hostnames=public)
        self.a, self.a2, self.b = (
            ec2.Subnet(
                f"{name}-{place}",
                vpc_id=self.vpc.id,
                cidr_block=f"10.{number}.{third}.0/24",
                availability_zone=f"{REGION}{place[0]}",
            )
            for third, place in enumerate(("a", "a2", "b"))
        )
        self.table = ec2.RouteTable(name, vpc_id=self.vpc.id)
        self.ready: list[pulumi.Resource] = [self.vpc]
        if public:
            self.gateway = ec2.InternetGateway(name, vpc_id=self.vpc.id)
            route = ec2.Route(
                name, route_table_id=self.table.id, destination_cidr_block="0.0.0.0/0", gateway_id=self.gateway.id
            )
            links = [
                ec2.RouteTableAssociation(f"{name}-{key}", route_table_id=self.table.id, subnet_id=subnet.id)
                for key, subnet in (("a", self.a), ("b", self.b))
            ]
            self.ready = [self.gateway, route, *links]

    @property
    def two_zones(self) -> Sequence[pulumi.Output[str]]:
        return [self.a.id, self.b.id]


class Ground:
    def __init__(self) -> None:
        self.open = Network("open", 1, public=True)
        self.closed = Network("closed", 2, public=False)
        self.key = kms.Key("plain")
        self.signing = kms.Key("signing", customer_master_key_spec="ECC_NIST_P256", key_usage="SIGN_VERIFY")
        self.off = kms.Key("off", is_enabled=False)
        self.stranger = role("stranger", "lambda.amazonaws.com")
        self.node_role = role("node", "ec2.amazonaws.com")
        self.node_policies = [
            iam.RolePolicyAttachment(
                f"node-{policy}", role=self.node_role.name, policy_arn=f"arn:aws:iam::aws:policy/{policy}"
            )
            for policy in NODE_POLICIES
        ]
        self.cluster_role = role("cluster", "eks.amazonaws.com")
        self.cluster_policy = iam.RolePolicyAttachment("cluster", role=self.cluster_role.name, policy_arn=EKS_POLICY)
        self.cluster = eks.Cluster(
            "valid",
            name="valid",
            version="1.34",
            role_arn=self.cluster_role.arn,
            vpc_config={"subnet_ids": self.open.two_zones, "endpoint_private_access": True},
            access_config={"authentication_mode": "API"},
            opts=pulumi.ResourceOptions(depends_on=[self.cluster_policy]),
        )
        self.group = rds.SubnetGroup("valid", name="valid", subnet_ids=self.open.two_zones)
        self.bucket = bucket("plain")


def bucket(name: str, **settings: Any) -> s3.Bucket:
    return s3.Bucket(name, bucket=f"preconditions-{name}", force_destroy=True, **settings)


def after(*resources: pulumi.Resource) -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions(depends_on=list(resources))


def statements(*pairs: tuple[Any, Any]) -> Iterator[dict[str, Any]]:
    """(actions, resources) as Allow statements of an identity policy."""
    for actions, resources in pairs:
        yield allow(actions, resources=resources)
