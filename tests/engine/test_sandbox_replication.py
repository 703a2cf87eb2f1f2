"""What the emulator carries from one region to another, seen through boto3."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from conftest import PRODUCTION_ACCOUNT, Sandbox

pytestmark = pytest.mark.engine

HOME, AWAY = "eu-west-1", "eu-central-1"
SOURCE, TARGET = "replication-home", "replication-away"
ROLE = "replication"
RIGHTS = {
    "s3:GetReplicationConfiguration": f"arn:aws:s3:::{SOURCE}",
    "s3:GetObjectVersionForReplication": f"arn:aws:s3:::{SOURCE}/*",
    "s3:ReplicateObject": f"arn:aws:s3:::{TARGET}/*",
    "s3:ReplicateDelete": f"arn:aws:s3:::{TARGET}/*",
}


class Buckets:
    """One under Object Lock in each of two regions."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.home, self.away = (sandbox.client("s3", region=region) for region in (HOME, AWAY))
        self.iam = sandbox.client("iam")
        trust = {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        self.iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=document)
        self.allow(RIGHTS)
        for client, name, region in ((self.home, SOURCE, HOME), (self.away, TARGET, AWAY)):
            client.create_bucket(
                Bucket=name,
                CreateBucketConfiguration={"LocationConstraint": region},
                ObjectLockEnabledForBucket=True,
            )

    def allow(self, rights: Mapping[str, str]) -> None:
        statements = [{"Effect": "Allow", "Action": action, "Resource": on} for action, on in rights.items()]
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        self.iam.put_role_policy(RoleName=ROLE, PolicyName=ROLE, PolicyDocument=document)

    def rule(self, **more: Any) -> None:
        """The only rule of the source, on `archive/`."""
        rule = {
            "ID": "to-away",
            "Status": "Enabled",
            "Priority": 1,
            "Filter": {"Prefix": "archive/"},
            "DeleteMarkerReplication": {"Status": "Disabled"},
            "Destination": {"Bucket": f"arn:aws:s3:::{TARGET}"},
            **more,
        }
        role = f"arn:aws:iam::{PRODUCTION_ACCOUNT}:role/{ROLE}"
        configuration = {"Role": role, "Rules": [rule]}
        self.home.put_bucket_replication(Bucket=SOURCE, ReplicationConfiguration=configuration)
        assert self.home.get_bucket_replication(Bucket=SOURCE)["ReplicationConfiguration"] == configuration

    def put(self, key: str, **more: Any) -> dict[str, Any]:
        return dict(self.home.put_object(Bucket=SOURCE, Key=key, Body=b"event", **more))

    def arrived(self, key: str, version: str) -> dict[str, Any]:
        waiter = self.away.get_waiter("object_exists")
        waiter.wait(Bucket=TARGET, Key=key, VersionId=version, WaiterConfig={"Delay": 0.1, "MaxAttempts": 100})
        return dict(self.away.head_object(Bucket=TARGET, Key=key, VersionId=version))

    def status(self, key: str, until: Callable[[str], bool]) -> str:
        """The source's replication status, once it is no longer pending."""
        for _ in range(1000):
            found = str(self.home.head_object(Bucket=SOURCE, Key=key).get("ReplicationStatus", ""))
            if until(found):
                return found
        raise AssertionError(found)

    def absent(self, key: str) -> bool:
        return not self.away.list_object_versions(Bucket=TARGET, Prefix=key).get("Versions")


def settled(status: str) -> bool:
    return status != "PENDING"


@pytest.fixture(scope="module")
def buckets(sandbox: Sandbox) -> Buckets:
    return Buckets(sandbox)


def test_a_version_arrives_with_id_metadata_tags_and_lock(buckets: Buckets) -> None:
    buckets.rule()
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)
    lock = {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": until}
    put = buckets.put("archive/1", Metadata={"day": "1"}, Tagging="kind=event", **lock)
    found = buckets.arrived("archive/1", put["VersionId"])
    assert found["Metadata"] == {"day": "1"}
    assert found["ReplicationStatus"] == "REPLICA"
    assert (found["ObjectLockMode"], found["ObjectLockRetainUntilDate"]) == ("COMPLIANCE", until)
    assert buckets.away.get_object(Bucket=TARGET, Key="archive/1")["Body"].read() == b"event"
    assert buckets.away.get_object_tagging(Bucket=TARGET, Key="archive/1")["TagSet"] == [
        {"Key": "kind", "Value": "event"}
    ]
    assert buckets.status("archive/1", settled) == "COMPLETED"
    with pytest.raises(ClientError, match="AccessDenied"):
        buckets.away.delete_object(Bucket=TARGET, Key="archive/1", VersionId=put["VersionId"])


def test_what_no_rule_takes_stays(buckets: Buckets) -> None:
    buckets.rule()
    buckets.put("other/1")
    put = buckets.put("archive/2")
    buckets.arrived("archive/2", put["VersionId"])
    assert buckets.absent("other/")
    assert buckets.status("other/1", settled) == ""


def test_a_deletion_marker_arrives_only_where_the_rule_says_so(buckets: Buckets) -> None:
    buckets.rule()
    buckets.arrived("archive/3", buckets.put("archive/3")["VersionId"])
    buckets.home.delete_object(Bucket=SOURCE, Key="archive/3")
    buckets.rule(DeleteMarkerReplication={"Status": "Enabled"})
    buckets.arrived("archive/4", buckets.put("archive/4")["VersionId"])
    buckets.home.delete_object(Bucket=SOURCE, Key="archive/4")
    waiter = buckets.away.get_waiter("object_not_exists")
    waiter.wait(Bucket=TARGET, Key="archive/4", WaiterConfig={"Delay": 0.1, "MaxAttempts": 100})
    assert buckets.away.get_object(Bucket=TARGET, Key="archive/3")["Body"].read() == b"event"


def test_objects_under_a_key_arrive_under_the_destinations_own(buckets: Buckets) -> None:
    encrypted = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": f"arn:aws:kms:{HOME}:{PRODUCTION_ACCOUNT}:key/home"}
    buckets.rule()
    buckets.put("archive/5", **encrypted)
    assert buckets.status("archive/5", settled) == ""
    key = f"arn:aws:kms:{AWAY}:{PRODUCTION_ACCOUNT}:key/away"
    buckets.rule(
        SourceSelectionCriteria={"SseKmsEncryptedObjects": {"Status": "Enabled"}},
        Destination={"Bucket": f"arn:aws:s3:::{TARGET}", "EncryptionConfiguration": {"ReplicaKmsKeyID": key}},
    )
    put = buckets.put("archive/6", **encrypted)
    assert buckets.arrived("archive/6", put["VersionId"])["SSEKMSKeyId"] == key
    assert buckets.absent("archive/5")


def test_a_role_without_the_permission_replicates_nothing(buckets: Buckets) -> None:
    buckets.rule()
    buckets.allow({action: on for action, on in RIGHTS.items() if action != "s3:ReplicateObject"})
    try:
        buckets.put("archive/7")
        assert buckets.status("archive/7", settled) == "FAILED"
        assert buckets.absent("archive/7")
    finally:
        buckets.allow(RIGHTS)


@pytest.mark.parametrize(("name", "problem"), [("nowhere", "must exist"), ("plain", "versioning"), ("kept", "lock")])
def test_a_bucket_that_cannot_take_versions_is_refused(buckets: Buckets, name: str, problem: str) -> None:
    if name != "nowhere":
        location = {"LocationConstraint": AWAY}
        buckets.away.create_bucket(Bucket=name, CreateBucketConfiguration=location)
    if name == "kept":
        buckets.away.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    with pytest.raises(ClientError, match=problem):
        buckets.rule(Destination={"Bucket": f"arn:aws:s3:::{name}"})


TABLE = "features"


class Tables:
    """A global table of two regions."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.clients = {region: sandbox.client("dynamodb", region=region) for region in (HOME, AWAY)}
        home = self.clients[HOME]
        home.create_table(
            TableName=TABLE,
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
            SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": "alias/home"},
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )
        home.put_item(TableName=TABLE, Item=item("before"))
        self.create(RegionName=AWAY, KMSMasterKeyId="alias/away")

    def create(self, **wanted: str) -> None:
        self.clients[HOME].update_table(TableName=TABLE, ReplicaUpdates=[{"Create": wanted}])

    def put(self, region: str, key: str, value: int = 1) -> None:
        self.clients[region].put_item(TableName=TABLE, Item=item(key, value))

    def until(self, region: str, key: str, value: int | None) -> None:
        """Asks again until the item has this value; None: until it is gone."""
        wanted = None if value is None else item(key, value)
        for _ in range(1000):
            found = self.clients[region].get_item(TableName=TABLE, Key={"id": {"S": key}}).get("Item")
            if found == wanted:
                return
        raise AssertionError(found)


def item(key: str, value: int = 1) -> dict[str, Any]:
    return {"id": {"S": key}, "value": {"N": str(value)}}


@pytest.fixture(scope="module")
def tables(sandbox: Sandbox) -> Tables:
    return Tables(sandbox)


def test_a_replica_has_what_was_there_and_what_is_written_on_either_side(tables: Tables) -> None:
    tables.until(AWAY, "before", 1)
    tables.put(HOME, "of-home")
    tables.until(AWAY, "of-home", 1)
    tables.put(AWAY, "of-away")
    tables.until(HOME, "of-away", 1)
    update = {"UpdateExpression": "SET #v = :v", "ExpressionAttributeNames": {"#v": "value"}}
    key = {"id": {"S": "of-home"}}
    tables.clients[AWAY].update_item(TableName=TABLE, Key=key, **update, ExpressionAttributeValues={":v": {"N": "2"}})
    tables.until(HOME, "of-home", 2)
    tables.clients[HOME].delete_item(TableName=TABLE, Key=key)
    tables.until(AWAY, "of-home", None)


def test_a_table_is_written_by_its_arn_too(tables: Tables) -> None:
    home = tables.clients[HOME]
    arn = home.describe_table(TableName=TABLE)["Table"]["TableArn"]
    home.put_item(TableName=arn, Item=item("by-arn"))
    tables.until(AWAY, "by-arn", 1)


def test_a_transaction_arrives_whole_and_a_failed_one_not_at_all(tables: Tables) -> None:
    two = [{"Put": {"TableName": TABLE, "Item": item(key)}} for key in ("one", "two")]
    tables.clients[HOME].transact_write_items(TransactItems=two)
    for key in ("one", "two"):
        tables.until(AWAY, key, 1)
    never = {
        "ConditionCheck": {
            "TableName": TABLE,
            "Key": {"id": {"S": "absent"}},
            "ConditionExpression": "attribute_exists(id)",
        }
    }
    with pytest.raises(ClientError, match="TransactionCanceled"):
        tables.clients[HOME].transact_write_items(
            TransactItems=[{"Put": {"TableName": TABLE, "Item": item("undone")}}, never]
        )
    tables.put(HOME, "later")
    tables.until(AWAY, "later", 1)
    tables.until(AWAY, "undone", None)


def test_of_two_writes_the_later_wins_everywhere(tables: Tables) -> None:
    tables.put(HOME, "both", 1)
    tables.put(AWAY, "both", 2)
    tables.put(HOME, "mark")
    tables.until(AWAY, "mark", 1)
    tables.until(HOME, "both", 2)
    tables.until(AWAY, "both", 2)


def test_each_region_describes_the_others(tables: Tables) -> None:
    found = {
        region: client.describe_table(TableName=TABLE)["Table"]["Replicas"] for region, client in tables.clients.items()
    }
    assert [(one["RegionName"], one["KMSMasterKeyId"]) for one in found[HOME]] == [(AWAY, "alias/away")]
    assert [one["RegionName"] for one in found[AWAY]] == [HOME]


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"RegionName": AWAY, "KMSMasterKeyId": "alias/away"}, "ResourceInUseException"),
        ({"RegionName": "eu-north-1"}, "ValidationException"),
    ],
)
def test_a_replica_that_cannot_be_is_refused(tables: Tables, wanted: dict[str, str], code: str) -> None:
    with pytest.raises(ClientError) as refused:
        tables.create(**wanted)
    assert refused.value.response["Error"]["Code"] == code


def test_a_replica_that_leaves_is_gone_and_hears_nothing_more(tables: Tables) -> None:
    leaves = [{"Delete": {"RegionName": AWAY}}]
    tables.clients[HOME].update_table(TableName=TABLE, ReplicaUpdates=leaves)
    assert tables.clients[AWAY].list_tables()["TableNames"] == []
    assert "Replicas" not in tables.clients[HOME].describe_table(TableName=TABLE)["Table"]
