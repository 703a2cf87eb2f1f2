"""IAM in the emulator: what a pod may do with the credentials of its role, seen through boto3."""

import json
import urllib.error
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from used_actions import Use, ask, unused, used

from conftest import DEFAULT_REGION, PRODUCTION_ACCOUNT, Sandbox

pytestmark = pytest.mark.engine

ACCOUNT_ROOT = f"arn:aws:iam::{PRODUCTION_ACCOUNT}:root"
CLUSTER = f"arn:aws:eks:{DEFAULT_REGION}:{PRODUCTION_ACCOUNT}:cluster/cell"
TAGS = {
    "eks-cluster-arn": CLUSTER,
    "kubernetes-namespace": "payments",
    "kubernetes-service-account": "relay",
}

STREAM = f"arn:aws:kinesis:{DEFAULT_REGION}:{PRODUCTION_ACCOUNT}:stream/events"
QUEUE = f"arn:aws:sqs:{DEFAULT_REGION}:{PRODUCTION_ACCOUNT}:ledger"

TRUST = {
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "pods.eks.amazonaws.com"},
            "Action": ["sts:AssumeRole", "sts:TagSession"],
            "Condition": {
                "StringEquals": {
                    "aws:SourceAccount": PRODUCTION_ACCOUNT,
                    "aws:RequestTag/kubernetes-namespace": "payments",
                    "aws:RequestTag/kubernetes-service-account": "relay",
                },
                "ArnEquals": {"aws:SourceArn": CLUSTER},
            },
        }
    ]
}
"""As `components.pod_identity.pod_trust` makes it."""


@dataclass(frozen=True)
class World:
    """An account with a stream, a queue, a bucket and a secret under one key, and a role of pods."""

    sandbox: Sandbox
    key: str
    secret: str
    queue_url: str

    def may(self, *statements: Mapping[str, Any]) -> None:
        """Give the role exactly these statements."""
        document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        self.sandbox.client("iam").put_role_policy(RoleName="relay", PolicyName="may", PolicyDocument=document)

    def pod(self, service: str) -> Any:
        """A client of a pod with that role."""
        answer = self.sandbox.client("sts").assume_role(
            RoleArn=f"arn:aws:iam::{PRODUCTION_ACCOUNT}:role/relay",
            RoleSessionName="pod",
            Tags=[{"Key": key, "Value": value} for key, value in TAGS.items()],
        )["Credentials"]
        return client(self.sandbox, service, answer["AccessKeyId"], answer["SecretAccessKey"], answer["SessionToken"])


def client(sandbox: Sandbox, service: str, key: str, secret: str, token: str) -> Any:
    return boto3.client(
        service,
        region_name=DEFAULT_REGION,
        endpoint_url=sandbox.env["AWS_ENDPOINT_URL"],
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=token,
        config=Config(retries={"max_attempts": 1}),
    )


def allow(*actions: str, on: str, **condition: Any) -> Mapping[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": on, "Condition": condition}


def via(service: str) -> Mapping[str, Any]:
    return {"StringEquals": {"kms:ViaService": f"{service}.{DEFAULT_REGION}.amazonaws.com"}}


@pytest.fixture(scope="module")
def world(sandbox: Sandbox) -> World:
    iam, kms = sandbox.client("iam"), sandbox.client("kms")
    policy = {"Statement": [allow("kms:*", on="*") | {"Principal": {"AWS": ACCOUNT_ROOT}}]}
    key = kms.create_key(Policy=json.dumps(policy))["KeyMetadata"]["Arn"]
    kinesis = sandbox.client("kinesis")
    kinesis.create_stream(StreamName="events", ShardCount=1)
    kinesis.start_stream_encryption(StreamName="events", EncryptionType="KMS", KeyId=key)
    url = sandbox.client("sqs").create_queue(QueueName="ledger", Attributes={"KmsMasterKeyId": key})["QueueUrl"]
    s3 = sandbox.client("s3")
    s3.create_bucket(Bucket="archive", CreateBucketConfiguration={"LocationConstraint": DEFAULT_REGION})
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}
    s3.put_bucket_encryption(Bucket="archive", ServerSideEncryptionConfiguration={"Rules": [rule]})
    made = sandbox.client("secretsmanager").create_secret(Name="api-keys", SecretString="s", KmsKeyId=key)
    iam.create_role(RoleName="relay", AssumeRolePolicyDocument=json.dumps(TRUST))
    return World(sandbox=sandbox, key=key, secret=made["ARN"], queue_url=url)


def refused(call: Any, **arguments: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        call(**arguments)
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


RECORD = {"StreamName": "events", "PartitionKey": "a", "Data": b"x"}


def test_a_call_that_no_policy_allows_is_refused_in_the_words_of_aws(world: World) -> None:
    world.may(allow("kinesis:GetRecords", on=STREAM))
    session = f"arn:aws:sts::{PRODUCTION_ACCOUNT}:assumed-role/relay/pod"
    assert refused(world.pod("kinesis").put_record, **RECORD) == (
        "AccessDeniedException",
        f"User: {session} is not authorized to perform: kinesis:PutRecord on resource: {STREAM} because no "
        "identity-based policy allows the kinesis:PutRecord action",
    )
    assert refused(world.pod("s3").get_object, Bucket="archive", Key="k")[0] == "AccessDenied"
    assert refused(world.pod("sqs").receive_message, QueueUrl=world.queue_url)[0] == "AccessDenied"
    assert refused(world.pod("iam").list_roles)[0] == "AccessDenied"
    assert refused(world.pod("eks").describe_cluster, name="cell")[0] == "AccessDeniedException"
    assert world.pod("sts").get_caller_identity()["Arn"] == session


def test_writing_to_a_stream_needs_its_key_through_kinesis(world: World) -> None:
    put = allow("kinesis:PutRecord", on=STREAM)
    for other in ([], [allow("kms:GenerateDataKey", on=world.key, **via("sqs"))]):
        world.may(put, *other)
        code, message = refused(world.pod("kinesis").put_record, **RECORD)
        assert code == "AccessDeniedException"
        assert f"kms:GenerateDataKey on resource: {world.key}" in message
    world.may(put, allow("kms:GenerateDataKey", on=world.key, **via("kinesis")))
    assert world.pod("kinesis").put_record(**RECORD)["ShardId"] == "shardId-000000000000"
    code, _ = refused(world.pod("kms").generate_data_key, KeyId=world.key, KeySpec="AES_256")
    assert code == "AccessDeniedException", "the key is open through Kinesis only"


def test_queue_bucket_and_secret_need_their_key_too(world: World) -> None:
    own = [
        allow("sqs:SendMessage", "sqs:ReceiveMessage", on=QUEUE),
        allow("s3:PutObject", "s3:GetObject", on="arn:aws:s3:::archive/*"),
        allow("secretsmanager:GetSecretValue", on=world.secret),
    ]
    calls = [
        ("sqs", "send_message", {"QueueUrl": world.queue_url, "MessageBody": "m"}),
        ("s3", "put_object", {"Bucket": "archive", "Key": "k", "Body": b"x"}),
        ("s3", "get_object", {"Bucket": "archive", "Key": "k"}),
        ("secretsmanager", "get_secret_value", {"SecretId": "api-keys"}),
    ]
    world.sandbox.client("s3").put_object(Bucket="archive", Key="k", Body=b"x")
    world.may(*own)
    for service, call, arguments in calls:
        assert "kms:" in refused(getattr(world.pod(service), call), **arguments)[1]
    services = [f"{name}.{DEFAULT_REGION}.amazonaws.com" for name in ("sqs", "s3", "secretsmanager")]
    through = {"StringEquals": {"kms:ViaService": services}}
    world.may(*own, allow("kms:GenerateDataKey", "kms:Decrypt", on=world.key, **through))
    for service, call, arguments in calls:
        getattr(world.pod(service), call)(**arguments)


def test_a_deny_of_a_bucket_or_of_a_boundary_wins(world: World) -> None:
    iam, s3 = world.sandbox.client("iam"), world.sandbox.client("s3")
    world.may(allow("s3:ListBucket", on="arn:aws:s3:::archive"))
    world.pod("s3").list_objects_v2(Bucket="archive")
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::archive"}
    s3.put_bucket_policy(Bucket="archive", Policy=json.dumps({"Statement": [deny]}))
    message = refused(world.pod("s3").list_objects_v2, Bucket="archive")[1]
    assert message.endswith("with an explicit deny in a resource-based policy")
    s3.delete_bucket_policy(Bucket="archive")
    boundary = {"Version": "2012-10-17", "Statement": [allow("sqs:*", on="*")]}
    made = iam.create_policy(PolicyName="boundary", PolicyDocument=json.dumps(boundary))["Policy"]["Arn"]
    iam.put_role_permissions_boundary(RoleName="relay", PermissionsBoundary=made)
    message = refused(world.pod("s3").list_objects_v2, Bucket="archive")[1]
    iam.delete_role_permissions_boundary(RoleName="relay")
    assert message.endswith("because no permissions boundary allows the s3:ListBucket action")


def test_a_queue_policy_lets_a_role_in_that_has_nothing_of_its_own(world: World) -> None:
    sqs, role = world.sandbox.client("sqs"), f"arn:aws:iam::{PRODUCTION_ACCOUNT}:role/relay"
    url = sqs.create_queue(QueueName="open")["QueueUrl"]
    world.may(allow("kinesis:GetRecords", on=STREAM))
    for principal, passes in ((ACCOUNT_ROOT, False), (role, True)):
        statement = {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sqs:SendMessage", "Resource": "*"}
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Statement": [statement]})})
        if passes:
            world.pod("sqs").send_message(QueueUrl=url, MessageBody="m")
        else:
            assert refused(world.pod("sqs").send_message, QueueUrl=url, MessageBody="m")[0] == "AccessDenied"


def test_a_pod_of_another_service_account_or_cluster_does_not_get_the_role(world: World) -> None:
    sts = world.sandbox.client("sts")
    for wrong in (
        {"kubernetes-service-account": "scorer"},
        {"kubernetes-namespace": "fraud"},
        {"eks-cluster-arn": CLUSTER + "-2"},
    ):
        tags = [{"Key": key, "Value": value} for key, value in {**TAGS, **wrong}.items()]
        role = f"arn:aws:iam::{PRODUCTION_ACCOUNT}:role/relay"
        code, message = refused(sts.assume_role, RoleArn=role, RoleSessionName="pod", Tags=tags)
        assert code == "AccessDenied"
        assert message.startswith("User: pods.eks.amazonaws.com is not authorized to perform: sts:AssumeRole")


@pytest.mark.usefixtures("cell")
def test_the_agents_endpoint_gives_the_role_of_the_association(world: World) -> None:
    pod = {"clusterArn": CLUSTER, "namespace": "payments", "serviceAccount": "relay", "podName": "relay-1"}
    given = ask(world.sandbox, "pod-identity", pod)
    caller = client(world.sandbox, "sts", given["AccessKeyId"], given["SecretAccessKey"], given["Token"])
    assert caller.get_caller_identity()["Arn"].endswith(":assumed-role/relay/eks-cell-relay-1")
    for changed, status in (({"serviceAccount": "nobody"}, 404), ({"serviceAccount": "scorer"}, 403)):
        with pytest.raises(urllib.error.HTTPError) as error:
            ask(world.sandbox, "pod-identity", {**pod, **changed})
        assert error.value.code == status


@pytest.fixture
def cell(world: World) -> None:
    """A cluster with two associations, of which the role trusts one."""
    ec2, eks = world.sandbox.client("ec2"), world.sandbox.client("eks")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    blocks = [("10.0.0.0/24", "eu-west-1a"), ("10.0.1.0/24", "eu-west-1b")]
    made = [ec2.create_subnet(VpcId=vpc, CidrBlock=cidr, AvailabilityZone=zone) for cidr, zone in blocks]
    role = f"arn:aws:iam::{PRODUCTION_ACCOUNT}:role/relay"
    subnets = {"subnetIds": [subnet["Subnet"]["SubnetId"] for subnet in made]}
    eks.create_cluster(name="cell", roleArn=role, version="1.35", resourcesVpcConfig=subnets)
    waiter = eks.get_waiter("cluster_active")
    waiter.config.delay, waiter.config.max_attempts = 0.2, 300
    waiter.wait(name="cell")
    for account in ("relay", "scorer"):
        eks.create_pod_identity_association(
            clusterName="cell", namespace="payments", serviceAccount=account, roleArn=role
        )


def test_wrong_and_unknown_tokens_are_refused(world: World) -> None:
    answer = world.sandbox.client("sts").assume_role(
        RoleArn=f"arn:aws:iam::{PRODUCTION_ACCOUNT}:role/relay", RoleSessionName="pod"
    )["Credentials"]
    keys = (answer["AccessKeyId"], answer["SecretAccessKey"])
    assert refused(client(world.sandbox, "kms", *keys, "other").list_keys)[0] == "UnrecognizedClientException"
    assert refused(client(world.sandbox, "iam", *keys, "other").list_roles)[0] == "InvalidClientTokenId"
    assert refused(client(world.sandbox, "s3", *keys, "other").list_buckets)[0] == "InvalidToken"
    made_up = client(world.sandbox, "kms", "ASIA" + "A" * 16, "s", "t")
    assert refused(made_up.list_keys)[0] == "UnrecognizedClientException"


def test_the_sandboxs_own_key_and_roles_of_people_may_everything(world: World) -> None:
    iam = world.sandbox.client("iam")
    trust = {"Statement": {"Effect": "Allow", "Principal": {"AWS": ACCOUNT_ROOT}, "Action": "sts:AssumeRole"}}
    arn = iam.create_role(RoleName="person", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    answer = world.sandbox.client("sts").assume_role(RoleArn=arn, RoleSessionName="me")["Credentials"]
    keys = (answer["AccessKeyId"], answer["SecretAccessKey"], answer["SessionToken"])
    assert client(world.sandbox, "iam", *keys).list_roles()["Roles"]


def test_what_a_role_used_shows_what_its_policy_has_too_much(world: World) -> None:
    statements = [
        allow("kinesis:PutRecord", "kinesis:ListShards", on=STREAM),
        allow("kms:GenerateDataKey", on=world.key, **via("kinesis")),
    ]
    world.may(*statements)
    world.pod("kinesis").put_record(**RECORD)
    uses = used(world.sandbox)[f"arn:aws:iam::{PRODUCTION_ACCOUNT}:role/relay"]
    assert Use(action="kinesis:PutRecord", resource=STREAM, allowed=True) in uses
    assert Use(action="kms:GenerateDataKey", resource=world.key, allowed=True) in uses
    assert unused({"Statement": statements}, uses) == [f"kinesis:ListShards on {STREAM}"]
    with pytest.raises(urllib.error.HTTPError) as error:
        ask(Sandbox(home=world.sandbox.home, env={**world.sandbox.env}), "no-such-thing")
    assert error.value.code == 404
