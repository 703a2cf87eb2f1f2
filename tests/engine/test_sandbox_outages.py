"""Regions of the emulator that are dead, cut off, or without a control plane, seen through boto3."""

import json
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError
from test_sandbox_pipes import FIFO, READ, STREAM, Flow, allow, number, ordered
from test_sandbox_replication import Buckets

from conftest import PRODUCTION_ACCOUNT, Sandbox
from sandbox.lifecycle.emulator_client import FAULTS, TOKEN_HEADER
from sandbox.regions import OWN_HEADER, RegionFault

pytestmark = pytest.mark.engine

HOME, AWAY = "eu-west-1", "eu-central-1"
ONCE = Config(retries={"total_max_attempts": 1})

Suffers = Callable[..., AbstractContextManager[None]]


def told(sandbox: Sandbox, faults: list[list[str]]) -> None:
    """As the data plane tells them."""
    token = json.loads((sandbox.home / "secrets.json").read_text())["admin_token"]
    request = urllib.request.Request(
        sandbox.env["AWS_ENDPOINT_URL"] + FAULTS, data=json.dumps(faults).encode(), headers={TOKEN_HEADER: token}
    )
    with urllib.request.urlopen(request) as answer:
        assert json.load(answer)["faults"] == sorted(faults)


@pytest.fixture(scope="module")
def world(bare_sandbox: Sandbox) -> Sandbox:
    return bare_sandbox


@pytest.fixture
def suffers(world: Sandbox) -> Iterator[Suffers]:
    @contextmanager
    def during(fault: RegionFault, *regions: str) -> Iterator[None]:
        told(world, [[fault, region] for region in regions])
        try:
            yield
        finally:
            told(world, [])

    yield during
    told(world, [])


def client(world: Sandbox, service: str, region: str) -> Any:
    """One that does not ask twice."""
    session: Any = boto3.Session(
        region_name=region,
        aws_access_key_id=world.env["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=world.env["AWS_SECRET_ACCESS_KEY"],
    )
    return session.client(service, endpoint_url=world.env["AWS_ENDPOINT_URL"], config=ONCE)


def as_the_sandbox(request: Any, **_: Any) -> None:
    """Handler of boto3: the call is one of the sandbox's own."""
    request.headers.add_header(OWN_HEADER, "1")


def test_a_dead_region_answers_nothing_and_the_others_do(world: Sandbox, suffers: Suffers) -> None:
    with suffers(RegionFault.DEAD, HOME):
        with pytest.raises(HTTPClientError):
            client(world, "sqs", HOME).list_queues()
        assert "QueueUrls" not in client(world, "sqs", AWAY).list_queues()
        assert "Roles" in client(world, "iam", HOME).list_roles()
        assert "HostedZones" in client(world, "route53", HOME).list_hosted_zones()
    assert "QueueUrls" not in client(world, "sqs", HOME).list_queues()


def test_a_bucket_is_dead_with_its_region_whoever_asks(world: Sandbox, suffers: Suffers) -> None:
    s3 = client(world, "s3", HOME)
    s3.create_bucket(Bucket="dead-home", CreateBucketConfiguration={"LocationConstraint": HOME})
    with suffers(RegionFault.DEAD, HOME), pytest.raises(HTTPClientError):
        client(world, "s3", AWAY).list_objects_v2(Bucket="dead-home")
    assert s3.list_objects_v2(Bucket="dead-home")["KeyCount"] == 0


def test_the_sandboxs_own_calls_pass_a_dead_region(world: Sandbox, suffers: Suffers) -> None:
    own = client(world, "sqs", HOME)
    own.meta.events.register("before-sign", as_the_sandbox)
    with suffers(RegionFault.DEAD, HOME):
        assert own.list_queues()["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_a_pipe_of_a_dead_region_moves_nothing_until_it_is_back(world: Sandbox, suffers: Suffers) -> None:
    flow = Flow(sandbox=world)
    kinesis, sqs = (client(world, service, HOME) for service in ("kinesis", "sqs"))
    kinesis.create_stream(StreamName="events", ShardCount=1)
    url, arn = ordered(flow)
    flow.pipe("ledger", flow.role("ledger", allow(*READ, on=STREAM), allow("sqs:SendMessage", on=arn)), arn, **FIFO)
    flow.put("a", 1)
    assert len(flow.received(url, 1)) == 1
    for one in (kinesis, sqs):
        one.meta.events.register("before-sign", as_the_sandbox)
    with suffers(RegionFault.DEAD, HOME):
        kinesis.put_record(StreamName="events", PartitionKey="a", Data=b'{"number": 2}')
        assert not sqs.receive_message(QueueUrl=url, WaitTimeSeconds=3).get("Messages")
    assert [number(one) for one in flow.received(url, 1)] == [2]


def test_without_its_control_plane_a_region_reads_and_writes_and_changes_nothing(
    world: Sandbox, suffers: Suffers
) -> None:
    s3, sqs, kms = (client(world, service, HOME) for service in ("s3", "sqs", "kms"))
    s3.create_bucket(Bucket="still-there", CreateBucketConfiguration={"LocationConstraint": HOME})
    queue, key = sqs.create_queue(QueueName="still-there")["QueueUrl"], kms.create_key()["KeyMetadata"]["KeyId"]
    with suffers(RegionFault.CONTROL_PLANE_DEAD, HOME):
        s3.put_object(Bucket="still-there", Key="one", Body=b"1")
        sqs.send_message(QueueUrl=queue, MessageBody="one")
        kms.encrypt(KeyId=key, Plaintext=b"one")
        for refused in (
            lambda: client(world, "eks", HOME).list_clusters(),
            lambda: client(world, "rds", HOME).describe_db_clusters(),
            lambda: client(world, "ec2", HOME).describe_vpcs(),
            lambda: s3.put_bucket_versioning(Bucket="still-there", VersioningConfiguration={"Status": "Enabled"}),
            lambda: kms.create_key(),
        ):
            with pytest.raises(ClientError) as error:
                refused()
            assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
        assert client(world, "eks", AWAY).list_clusters()["clusters"] == []


def test_pods_of_a_cut_region_reach_its_own_api_only(world: Sandbox, suffers: Suffers) -> None:
    iam, sts = client(world, "iam", HOME), client(world, "sts", HOME)
    trust = {"Effect": "Allow", "Principal": {"Service": "pods.eks.amazonaws.com"}, "Action": "*"}
    allow = {"Effect": "Allow", "Action": "sqs:ListQueues", "Resource": "*"}
    document, policy = ({"Version": "2012-10-17", "Statement": [one]} for one in (trust, allow))
    role = iam.create_role(RoleName="pod", AssumeRolePolicyDocument=json.dumps(document))["Role"]["Arn"]
    iam.put_role_policy(RoleName="pod", PolicyName="pod", PolicyDocument=json.dumps(policy))
    arn = f"arn:aws:eks:{HOME}:{PRODUCTION_ACCOUNT}:cluster/cell"
    tags = [{"Key": "eks-cluster-arn", "Value": arn}]
    keys = sts.assume_role(RoleArn=role, RoleSessionName="pod", Tags=tags)["Credentials"]

    def lists(region: str) -> int:
        session: Any = boto3.Session(
            region_name=region,
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
        )
        answer = session.client("sqs", endpoint_url=world.env["AWS_ENDPOINT_URL"], config=ONCE).list_queues()
        return int(answer["ResponseMetadata"]["HTTPStatusCode"])

    assert [lists(region) for region in (HOME, AWAY)] == [200, 200]
    with suffers(RegionFault.CUT, HOME):
        assert lists(HOME) == 200
        with pytest.raises(HTTPClientError):
            lists(AWAY)
        assert client(world, "sqs", HOME).list_queues()["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_versions_wait_for_a_cut_to_be_mended(world: Sandbox, suffers: Suffers) -> None:
    buckets = Buckets(world)
    buckets.rule()
    with suffers(RegionFault.CUT, AWAY):
        put = buckets.put("archive/cut")
        assert buckets.status("archive/cut", bool) == "PENDING"
        for _ in range(200):
            assert buckets.absent("archive/cut")
    buckets.arrived("archive/cut", put["VersionId"])


def test_what_replicates_out_of_a_cut_region_arrives_once_it_is_mended(world: Sandbox, suffers: Suffers) -> None:
    home, away = (client(world, "dynamodb", region) for region in (HOME, AWAY))
    home.create_table(
        TableName="late",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    home.update_table(TableName="late", ReplicaUpdates=[{"Create": {"RegionName": AWAY}}])

    def has(key: str) -> bool:
        return "Item" in away.get_item(TableName="late", Key={"id": {"S": key}})

    home.put_item(TableName="late", Item={"id": {"S": "before"}})
    assert any(has("before") for _ in range(1000))
    with suffers(RegionFault.CUT, HOME):
        home.put_item(TableName="late", Item={"id": {"S": "during"}})
        away.put_item(TableName="late", Item={"id": {"S": "of-away"}})
        assert not any(has("during") for _ in range(200))
    assert any(has("during") for _ in range(1000))
