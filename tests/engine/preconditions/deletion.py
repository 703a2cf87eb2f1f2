"""What is still used when it should go, and what moves too far."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pulumi
from pulumi_aws import ec2, eks, iam, kinesis, rds, wafv2

from preconditions.ground import EKS_POLICY, REGION, Network, after, role, trust


def changing(version: str) -> None:
    """A cluster whose version moves."""
    network = Network("versions", 5, public=False)
    owner = role("versions", "eks.amazonaws.com")
    policy = iam.RolePolicyAttachment("versions", role=owner.name, policy_arn=EKS_POLICY)
    eks.Cluster(
        "eks-cluster-goes-one-minor-up",
        version=version,
        role_arn=owner.arn,
        vpc_config={"subnet_ids": network.two_zones},
        opts=after(policy),
    )


def impatient(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult:
    """What is in use is waited for; here it stays in use."""
    patience = pulumi.ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(delete="5s"))
    return pulumi.ResourceTransformationResult(args.props, pulumi.ResourceOptions.merge(args.opts, patience))


def declare() -> None:
    pulumi.runtime.register_stack_transformation(impatient)
    vpc = ec2.Vpc("used", cidr_block="10.8.0.0/16")
    gateway = ec2.InternetGateway("ec2-internet-gateway-is-unused", vpc_id=vpc.id)
    subnet = ec2.Subnet("ec2-subnet-is-empty", vpc_id=vpc.id, cidr_block="10.8.0.0/24", availability_zone=f"{REGION}a")
    address = ec2.Eip("ec2-address-is-free", domain="vpc")
    full = ec2.Vpc("ec2-vpc-is-empty", cidr_block="10.9.0.0/16")
    group = ec2.SecurityGroup("ec2-security-group-is-unreferenced", vpc_id=vpc.id, description="used")
    subnets = rds.SubnetGroup("rds-subnet-group-is-unused", subnet_ids=Network("groups", 6, public=False).two_zones)
    parameters = rds.ClusterParameterGroup("rds-parameter-group-is-unused", family="aurora-postgresql16")
    statement = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}
    policy = iam.Policy(
        "iam-policy-is-detached", policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    )
    quiet = {"cloudwatch_metrics_enabled": False, "metric_name": "x", "sampled_requests_enabled": False}
    acl = wafv2.WebAcl("waf-acl-is-unused", scope="REGIONAL", default_action={"allow": {}}, visibility_config=quiet)
    stream = kinesis.Stream("kinesis-consumers-are-gone", shard_count=1)
    for name, value in {
        "gateway": gateway.id,
        "vpc": vpc.id,
        "subnet": subnet.id,
        "address": address.id,
        "full": full.id,
        "group": group.id,
        "subnets": subnets.name,
        "parameters": parameters.name,
        "policy": policy.arn,
        "acl": acl.arn,
        "stream": stream.arn,
    }.items():
        pulumi.export(name, value)


def use(sandbox: Any, made: Mapping[str, Any]) -> Callable[[], None]:
    """Make, beside the program, one user of each thing; what is returned removes them."""
    undo = [*_network(sandbox, made), *_others(sandbox, made)]

    def remove() -> None:
        for step in reversed(undo):
            step()

    return remove


def _network(sandbox: Any, made: Mapping[str, Any]) -> list[Callable[[], Any]]:
    aws, balancing, waf = sandbox.client("ec2"), sandbox.client("elbv2"), sandbox.client("wafv2")
    nat = aws.create_nat_gateway(SubnetId=made["subnet"], AllocationId=made["address"])["NatGateway"]["NatGatewayId"]
    group = aws.create_security_group(GroupName="user", Description="user", VpcId=made["vpc"])["GroupId"]
    pair = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "UserIdGroupPairs": [{"GroupId": made["group"]}]}
    aws.authorize_security_group_ingress(GroupId=group, IpPermissions=[pair])
    stray = aws.create_security_group(GroupName="stray", Description="stray", VpcId=made["full"])["GroupId"]
    where = {"Subnets": [made["subnet"]], "Scheme": "internal"}
    balancer = balancing.create_load_balancer(Name="user", **where)["LoadBalancers"][0]
    arn = balancer["LoadBalancerArn"]
    waf.associate_web_acl(WebACLArn=made["acl"], ResourceArn=arn)
    return [
        lambda: aws.delete_security_group(GroupId=group),
        lambda: aws.delete_security_group(GroupId=stray),
        lambda: aws.delete_nat_gateway(NatGatewayId=nat),
        lambda: balancing.delete_load_balancer(LoadBalancerArn=arn),
        lambda: waf.disassociate_web_acl(ResourceArn=arn),
    ]


def _others(sandbox: Any, made: Mapping[str, Any]) -> list[Callable[[], Any]]:
    rds_, iam_, kinesis_ = sandbox.client("rds"), sandbox.client("iam"), sandbox.client("kinesis")
    rds_.create_db_cluster(
        DBClusterIdentifier="user",
        Engine="aurora-postgresql",
        EngineVersion="16.6",
        MasterUsername="owner",
        MasterUserPassword="not-a-secret-1",
        DBSubnetGroupName=made["subnets"],
        DBClusterParameterGroupName=made["parameters"],
    )
    iam_.create_role(RoleName="user", AssumeRolePolicyDocument=trust("ec2.amazonaws.com"))
    iam_.attach_role_policy(RoleName="user", PolicyArn=made["policy"])
    consumer = kinesis_.register_stream_consumer(StreamARN=made["stream"], ConsumerName="user")["Consumer"][
        "ConsumerARN"
    ]
    return [
        lambda: rds_.delete_db_cluster(DBClusterIdentifier="user", SkipFinalSnapshot=True),
        lambda: iam_.delete_role(RoleName="user"),
        lambda: iam_.detach_role_policy(RoleName="user", PolicyArn=made["policy"]),
        lambda: kinesis_.deregister_stream_consumer(ConsumerARN=consumer),
    ]
