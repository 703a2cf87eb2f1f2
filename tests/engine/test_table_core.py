"""The table's entries for EC2, IAM, KMS, SNS, SQS and CloudWatch: each comes up, and nothing changes after that
without a reason.
"""

import json
from typing import Any

import pulumi
import pytest
from inline_stack import InlineStack, stack
from pulumi_aws import cloudwatch, ebs, ec2, iam, kms, sns, sqs, vpc

from conftest import Sandbox
from sandbox.aws.provider import schema
from sandbox.aws.provider.schema import Kind

pytestmark = pytest.mark.engine

DEFAULT_TAGS = {"aws:defaultTags": json.dumps({"tags": {"payment-cell:cell": "test"}})}

ASSUME_ROLE = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": ["vpc-flow-logs.amazonaws.com"]}, "Action": "sts:AssumeRole"}
    ],
}


def policy(action: str, resource: pulumi.Input[str] = "*", service: str = "events.amazonaws.com") -> pulumi.Output[str]:
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": action, "Resource": resource}
    return pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": [statement]})


def network() -> None:
    net = ec2.Vpc("net", cidr_block="10.0.0.0/16", enable_dns_hostnames=True, tags={"Name": "net"})
    ec2.DefaultSecurityGroup("default", vpc_id=net.id)
    subnets = [
        ec2.Subnet("a", vpc_id=net.id, cidr_block="10.0.0.0/24", availability_zone_id="euw1-az1"),
        ec2.Subnet("b", vpc_id=net.id, cidr_block="10.0.1.0/24", availability_zone="eu-west-1a"),
    ]
    public = ec2.Subnet("public", vpc_id=net.id, cidr_block="10.0.2.0/24", map_public_ip_on_launch=True)
    gateway = ec2.InternetGateway("gateway", vpc_id=net.id)
    table = ec2.RouteTable("table", vpc_id=net.id)
    routed = [
        ec2.Route("out", route_table_id=table.id, destination_cidr_block="0.0.0.0/0", gateway_id=gateway.id),
        ec2.RouteTableAssociation("public", route_table_id=table.id, subnet_id=public.id),
    ]
    address = ec2.Eip("nat", domain="vpc")
    nat = ec2.NatGateway(
        "nat",
        allocation_id=address.allocation_id,
        subnet_id=public.id,
        opts=pulumi.ResourceOptions(depends_on=routed),
    )
    ec2.RouteTable("private", vpc_id=net.id, routes=[{"cidr_block": "0.0.0.0/0", "nat_gateway_id": nat.id}])
    group = ec2.SecurityGroup("group", vpc_id=net.id, description="x")
    rules_of(group)
    ec2.VpcEndpoint(
        "s3",
        vpc_id=net.id,
        service_name="com.amazonaws.eu-west-1.s3",
        route_table_ids=[table.id],
        policy=policy("s3:*", service="ec2.amazonaws.com"),
    )
    ec2.VpcEndpoint(
        "sqs",
        vpc_id=net.id,
        service_name="com.amazonaws.eu-west-1.sqs",
        vpc_endpoint_type="Interface",
        subnet_ids=[subnet.id for subnet in subnets],
        security_group_ids=[group.id],
        private_dns_enabled=True,
    )


def rules_of(group: ec2.SecurityGroup) -> None:
    rules = {"security_group_id": group.id, "ip_protocol": "tcp"}
    vpc.SecurityGroupIngressRule("https", **rules, from_port=443, to_port=443, cidr_ipv4="10.0.0.0/16", description="d")
    vpc.SecurityGroupIngressRule("self", **rules, from_port=80, to_port=81, referenced_security_group_id=group.id)
    vpc.SecurityGroupEgressRule("all", security_group_id=group.id, ip_protocol="-1", cidr_ipv4="0.0.0.0/0")


def inline_rules() -> None:
    net = ec2.Vpc("inline", cidr_block="10.1.0.0/16")
    ec2.SecurityGroup(
        "inline",
        vpc_id=net.id,
        ingress=[
            {"protocol": "tcp", "from_port": 1, "to_port": 2, "cidr_blocks": ["10.0.0.0/8", "11.0.0.0/8"], "self": True}
        ],
        egress=[{"protocol": "-1", "from_port": 0, "to_port": 0, "cidr_blocks": ["0.0.0.0/0"]}],
    )


LOG_ACTIONS = ("CreateLogStream", "PutLogEvents", "DescribeLogGroups", "DescribeLogStreams")

WRITE_LOGS = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": [f"logs:{name}" for name in LOG_ACTIONS], "Resource": "*"}],
    }
)


def hosts() -> None:
    net = ec2.Vpc("hosts", cidr_block="10.2.0.0/16")
    group = cloudwatch.LogGroup("flows", retention_in_days=30)
    role = iam.Role("flows", assume_role_policy=ASSUME_ROLE)
    grant = iam.RolePolicy(
        "flows",
        role=role.name,
        policy=WRITE_LOGS,
    )
    ec2.FlowLog(
        "flows",
        vpc_id=net.id,
        traffic_type="ALL",
        log_destination=group.arn,
        iam_role_arn=role.arn,
        opts=pulumi.ResourceOptions(depends_on=[grant]),
    )
    ec2.LaunchTemplate(
        "nodes",
        metadata_options={"http_tokens": "required", "http_put_response_hop_limit": 1},
        block_device_mappings=[
            {"device_name": "/dev/xvda", "ebs": {"encrypted": "true", "volume_size": 20, "volume_type": "gp3"}}
        ],
        tag_specifications=[{"resource_type": "instance", "tags": {"a": "b"}}],
        update_default_version=True,
    )
    ebs.EncryptionByDefault("volumes", enabled=True)


def identities() -> None:
    role = iam.Role("role", assume_role_policy=ASSUME_ROLE, description="d", tags={"a": "b"})
    read = json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "*"}]}
    )
    managed = iam.Policy("managed", policy=read)
    iam.RolePolicyAttachment("attached", role=role.name, policy_arn=managed.arn)
    iam.RolePolicy("own", role=role.id, policy=read)
    iam.Role(
        "inside",
        assume_role_policy=json.dumps(ASSUME_ROLE),
        managed_policy_arns=[managed.arn],
        inline_policies=[{"name": "x", "policy": read}],
    )


def keys() -> None:
    key = kms.Key("key", description="d", enable_key_rotation=True, deletion_window_in_days=7, tags={"a": "b"})
    kms.Alias("alias", target_key_id=key.id)
    kms.Alias("fixed", name="alias/table-test", target_key_id=key.arn)
    root = {
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
        "Action": "kms:*",
        "Resource": "*",
    }
    kms.Key("own-policy", multi_region=True, policy=json.dumps({"Version": "2012-10-17", "Statement": [root]}))
    kms.Key("signing", customer_master_key_spec="ECC_NIST_P256", key_usage="SIGN_VERIFY")


def queues() -> None:
    key = kms.Key("queues")
    dead = sqs.Queue("dead", kms_master_key_id=key.id)
    redrive = pulumi.Output.json_dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": 4})
    queue = sqs.Queue("queue", redrive_policy=redrive, visibility_timeout_seconds=60)
    sqs.QueuePolicy("queue", queue_url=queue.url, policy=policy("sqs:SendMessage", queue.arn))
    sqs.Queue("ordered", fifo_queue=True, content_based_deduplication=True)
    topic = sns.Topic("topic", display_name="x")
    sns.TopicPolicy("topic", arn=topic.arn, policy=policy("sns:Publish", topic.arn))
    sns.TopicSubscription(
        "queue",
        topic=topic.arn,
        protocol="sqs",
        endpoint=queue.arn,
        raw_message_delivery=True,
        filter_policy=json.dumps({"a": ["b"]}),
    )


def events() -> None:
    queue = sqs.Queue("for-queue")
    ordered = sqs.Queue("for-ordered", fifo_queue=True)
    granted = [
        sqs.QueuePolicy(f"for-{name}", queue_url=target.url, policy=policy("sqs:SendMessage", target.arn))
        for name, target in {"queue": queue, "ordered": ordered}.items()
    ]
    bus = cloudwatch.EventBus("bus", description="d")
    rule = cloudwatch.EventRule(
        "rule", event_bus_name=bus.name, event_pattern=json.dumps({"source": ["x"]}), description="d"
    )
    after = pulumi.ResourceOptions(depends_on=granted)
    cloudwatch.EventTarget(
        "queue",
        rule=rule.name,
        event_bus_name=bus.name,
        arn=queue.arn,
        retry_policy={"maximum_retry_attempts": 3, "maximum_event_age_in_seconds": 60},
        opts=after,
    )
    cloudwatch.EventTarget(
        "ordered",
        rule=rule.name,
        event_bus_name=bus.name,
        arn=ordered.arn,
        sqs_target={"message_group_id": "x"},
        input_transformer={"input_paths": {"a": "$.b"}, "input_template": '"<a>"'},
        opts=after,
    )
    cloudwatch.EventArchive(
        "archive", event_source_arn=bus.arn, retention_days=7, event_pattern=json.dumps({"source": ["x"]})
    )
    cloudwatch.EventRule("hourly", schedule_expression="rate(1 hour)", state="DISABLED")


def sum_of(name: str, metric: str, **dimensions: str) -> dict[str, Any]:
    about = {"metric_name": metric, "namespace": "AWS/SQS", "period": 60, "stat": "Sum"}
    return {"id": name, "metric": about | ({"dimensions": dimensions} if dimensions else {})}


RATIO = [
    {"id": "e", "expression": "a/b", "return_data": True, "label": "x"},
    sum_of("a", "x"),
    sum_of("b", "y", QueueName="q"),
]


def observed() -> None:
    cloudwatch.LogGroup("group", retention_in_days=7, tags={"x": "y"})
    cloudwatch.LogResourcePolicy(
        "dns", policy_name="dns", policy_document=policy("logs:PutLogEvents", service="route53.amazonaws.com")
    )
    topic = sns.Topic("alarms")
    age = cloudwatch.MetricAlarm(
        "age",
        comparison_operator="GreaterThanThreshold",
        evaluation_periods=2,
        metric_name="ApproximateAgeOfOldestMessage",
        namespace="AWS/SQS",
        period=60,
        statistic="Maximum",
        threshold=300,
        dimensions={"QueueName": "q"},
        alarm_actions=[topic.arn],
        tags={"a": "b"},
    )
    ratio = cloudwatch.MetricAlarm(
        "ratio",
        comparison_operator="GreaterThanThreshold",
        evaluation_periods=2,
        threshold=0.5,
        treat_missing_data="notBreaching",
        metric_queries=RATIO,
    )
    cloudwatch.CompositeAlarm(
        "either",
        alarm_name="either",
        alarm_rule=pulumi.Output.format("ALARM({0}) OR ALARM({1})", age.name, ratio.name),
        alarm_actions=[topic.arn],
    )


# Few stacks, because a run of the engine costs more than a resource.
PROGRAMS = {
    "network": [network, inline_rules, hosts],
    "identities": [identities, keys, queues],
    "events": [events, observed],
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_nothing_changes_after_the_first_run(sandbox: Sandbox, name: str) -> None:
    def program() -> None:
        for part in PROGRAMS[name]:
            part()

    with stack(sandbox, program, config=DEFAULT_TAGS) as made:
        assert set(made.up()) == {"create"}
        made.assert_stable()
        assert_official_outputs(made)


def assert_official_outputs(made: InlineStack) -> None:
    """Every resource has the outputs that the SDK promises, and AWS's own are not empty."""
    for resource in made.state():
        types = schema.resource(resource["type"])
        if types:
            outputs = resource["outputs"]
            promised = {n for n, prop in types.outputs.items() if prop.required and prop.type.kind is not Kind.OBJECT}
            assert promised <= outputs.keys(), resource["type"]
            empty = {name for name in promised - types.inputs.keys() if outputs[name] in ("", None)}
            assert empty <= SELDOM_SET, f"{resource['type']}: {empty - SELDOM_SET}"


SELDOM_SET = {
    "associationId",
    "beginningArchiveTime",
    "carrierIp",
    "customerOwnedIp",
    "instanceId",
    "instanceOwnerId",
    "ipv6AssociationId",
    "ipv6CidrBlockAssociationId",
    "namePrefix",
    "prefixListId",
    "privateDns",
    "privateIp",
    "ptrRecord",
    "regionalNatGatewayAutoMode",
    "revisionId",
    "routeTableId",
    "autoProvisionZones",
    "autoScalingIps",
}
"""Outputs that stay empty for resources as they are made here (no instance behind an address, no IPv6, no archive)."""
