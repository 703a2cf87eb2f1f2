"""Another team's program in a cell's account: nothing of it is of this project, and nothing carries its tags."""

import json

import pulumi
import pulumi_aws as aws

in_region = pulumi.ResourceOptions(provider=aws.Provider("aws", region="eu-west-1"))

aws.s3.Bucket("uploads", opts=in_region)
aws.s3.Bucket("abroad", region="us-west-2", opts=in_region)
aws.dynamodb.Table(
    "orders",
    hash_key="id",
    billing_mode="PAY_PER_REQUEST",
    attributes=[{"name": "id", "type": "S"}],
    opts=in_region,
)
aws.sqs.Queue("jobs", opts=in_region)
vpc = aws.ec2.Vpc("office", cidr_block="10.250.0.0/16", opts=in_region)
aws.ec2.SecurityGroup(
    "shell",
    vpc_id=vpc.id,
    description="Maintenance",
    ingress=[{"protocol": "tcp", "from_port": 22, "to_port": 22, "cidr_blocks": ["0.0.0.0/0"]}],
    egress=[{"protocol": "-1", "from_port": 0, "to_port": 0, "cidr_blocks": ["0.0.0.0/0"]}],
    opts=in_region,
)
role = aws.iam.Role(
    "helper",
    assume_role_policy=json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
            ],
        }
    ),
    opts=in_region,
)
aws.iam.RolePolicy(
    "all",
    role=role.id,
    policy=json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}),
    opts=in_region,
)
