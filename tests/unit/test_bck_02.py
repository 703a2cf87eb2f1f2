"""BCK-02: databases in backup selections; what buckets and tables are recovered from."""

from types import MappingProxyType
from typing import Any

import pytest

from policies.catalogue import controls
from policies.control import Status, answers
from policies.resources import Resource, Stack
from policies.testing import UNKNOWN, resource, verdicts

CLUSTERS = "arn:aws:rds:*:*:cluster:*"
TAGGED = {"payment-cell:backup": "vault"}
ASKS = [{"stringEquals": [{"key": "aws:ResourceTag/payment-cell:backup", "value": "vault"}]}]


def database(**props: Any) -> Resource:
    return resource("aws:rds/cluster:Cluster", "db", region="eu-west-1", **props)


def selection(*named: Resource, region: str = "eu-west-1", **props: Any) -> Resource:
    return resource("aws:backup/selection:Selection", "selection", {"resources": named}, region=region, **props)


def judged(subject: Resource, *others: Resource) -> Status:
    return verdicts("BCK-02", subject, *others)["db", "database_is_in_a_backup_selection"]


def test_a_selection_by_tags_holds_what_has_them() -> None:
    chosen = selection(resources=[CLUSTERS], conditions=ASKS)
    assert judged(database(tags=TAGGED), chosen) is Status.PASS
    assert judged(database(), chosen) is Status.FAIL
    assert judged(database(tags={"payment-cell:backup": "none"}), chosen) is Status.FAIL
    assert judged(database(tags=TAGGED), selection(conditions=ASKS)) is Status.PASS


def test_one_of_several_selection_tags_is_enough() -> None:
    tags = [{"type": "STRINGEQUALS", "key": key, "value": "vault"} for key in ("other", "payment-cell:backup")]
    assert judged(database(tags=TAGGED), selection(selectionTags=tags)) is Status.PASS
    assert judged(database(tags=TAGGED), selection(selectionTags=tags[:1])) is Status.FAIL


@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [
        ("stringLikes", "va*", Status.PASS),
        ("stringLikes", "no*", Status.FAIL),
        ("stringNotEquals", "vault", Status.FAIL),
        ("stringNotEquals", "none", Status.PASS),
        ("stringNotLikes", "va*", Status.FAIL),
    ],
)
def test_every_kind_of_condition_is_read(operator: str, value: str, expected: Status) -> None:
    conditions = [{operator: [{"key": "aws:ResourceTag/payment-cell:backup", "value": value}]}]
    assert judged(database(tags=TAGGED), selection(conditions=conditions)) is expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*", Status.PASS),
        (CLUSTERS, Status.PASS),
        ("arn:aws:rds:us-east-1:*:cluster:*", Status.FAIL),
        ("arn:aws:rds:*:*:db:*", Status.FAIL),
        ("arn:aws:dynamodb:*:*:table/*", Status.FAIL),
        ("arn:aws:rds:*:*:cluster:ours-*", Status.PASS),
        ("arn:aws:rds:*:*:cluster:theirs-*", Status.FAIL),
        ("arn:aws:rds:*:*:*", Status.PASS),
    ],
)
@pytest.mark.parametrize("arn", ["arn:aws:rds:eu-west-1:123456789012:cluster:ours-1", UNKNOWN])
def test_a_pattern_is_judged_with_and_without_the_arn(arn: str, pattern: str, expected: Status) -> None:
    subject = database(arn=arn, clusterIdentifier="ours-1")
    assert judged(subject, selection(resources=[pattern])) is expected


def test_name_and_account_are_read_from_the_arn_too() -> None:
    subject = database(arn="arn:aws:rds:eu-west-1:123456789012:cluster:ours-1")
    assert judged(subject, selection(resources=["arn:aws:rds:*:123456789012:cluster:ours-*"])) is Status.PASS
    assert judged(subject, selection(resources=["arn:aws:rds:*:*:cluster:theirs-*"])) is Status.FAIL
    assert judged(subject, selection(resources=["arn:aws:rds:*:210987654321:cluster:*"])) is Status.FAIL
    assert judged(database(), selection(resources=["arn:aws:rds:*:210987654321:cluster:*"])) is Status.UNDETERMINED


def test_what_is_excluded_is_not_held() -> None:
    assert judged(database(), selection(resources=["*"], notResources=[CLUSTERS])) is Status.FAIL


def test_a_named_database_is_held() -> None:
    subject = database()
    assert judged(subject, selection(subject, resources=UNKNOWN)) is Status.PASS


def test_what_cannot_be_said_is_undetermined() -> None:
    named = "arn:aws:rds:*:*:cluster:ours-*"
    assert judged(database()) is Status.UNDETERMINED
    assert judged(database(), selection(region="us-east-1", resources=["*"])) is Status.UNDETERMINED
    assert judged(database(), selection(resources=[named])) is Status.UNDETERMINED
    assert judged(database(), selection(resources=["*"], notResources=[named])) is Status.UNDETERMINED
    assert judged(database(tags=UNKNOWN), selection(conditions=ASKS)) is Status.UNDETERMINED


def test_where_all_of_an_account_is_seen_no_other_stack_has_the_selection() -> None:
    table = resource("aws:dynamodb/table:Table", "table", region="eu-west-1")
    alone = Stack((database(), BUCKET, table), whole=True)
    found = answers(next(one for one in controls() if one.id == "BCK-02"), alone, live=True)
    assert {one.verdict.status for one in found} == {Status.FAIL}


def test_replicas_and_lower_classes_are_not_asked() -> None:
    assert judged(database(replicationSourceIdentifier="arn")) is Status.NOT_APPLICABLE
    assert judged(database(tags={"payment-cell:data-class": "confidential"})) is Status.NOT_APPLICABLE


BUCKET = resource("aws:s3/bucket:Bucket", "store", region="eu-west-1", bucket="ours-archive")
NOTHING = selection(resources=["arn:aws:rds:*:*:cluster:*"])


def versions(*buckets: Resource, status: Any = "Enabled") -> Resource:
    found = {"status": status}
    type_ = "aws:s3/bucketVersioning:BucketVersioning"
    return resource(type_, "versions", {"bucket": buckets}, bucket=UNKNOWN, versioningConfiguration=found)


def lock(*buckets: Resource, rule: Any = MappingProxyType({"defaultRetention": {"mode": "GOVERNANCE"}})) -> Resource:
    type_ = "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration"
    return resource(type_, "lock", {"bucket": buckets}, bucket=UNKNOWN, rule=dict(rule) if rule else rule)


def replication(*buckets: Resource, status: Any = "Enabled") -> Resource:
    type_ = "aws:s3/bucketReplicationConfig:BucketReplicationConfig"
    return resource(type_, "replication", {"bucket": buckets}, bucket=UNKNOWN, rules=[{"status": status}])


def recovered(subject: Resource, *others: Resource) -> Status:
    found = verdicts("BCK-02", subject, *others)
    return next(status for (name, _), status in found.items() if name == "store")


def test_a_bucket_is_recovered_from_locked_versions() -> None:
    assert recovered(BUCKET, NOTHING, versions(BUCKET), lock(BUCKET)) is Status.PASS
    assert recovered(BUCKET, NOTHING, versions(BUCKET)) is Status.FAIL
    assert recovered(BUCKET, NOTHING, lock(BUCKET)) is Status.FAIL
    assert recovered(BUCKET, NOTHING, versions(BUCKET), lock(BUCKET, rule=None)) is Status.FAIL
    assert recovered(BUCKET, NOTHING, versions(BUCKET, status="Suspended"), lock(BUCKET)) is Status.FAIL
    assert recovered(BUCKET, NOTHING) is Status.FAIL


def test_a_bucket_is_recovered_from_a_replica_or_a_vault() -> None:
    assert recovered(BUCKET, NOTHING, replication(BUCKET)) is Status.PASS
    assert recovered(BUCKET, NOTHING, replication(BUCKET, status="Disabled")) is Status.FAIL
    for pattern, expected in (
        ("arn:aws:s3:::*", Status.PASS),
        ("arn:aws:s3:::ours-*", Status.PASS),
        ("arn:aws:s3:::theirs-*", Status.FAIL),
        ("arn:aws:dynamodb:*:*:table/*", Status.FAIL),
    ):
        assert recovered(BUCKET, selection(resources=[pattern])) is expected
    assert recovered(BUCKET, selection(BUCKET, resources=UNKNOWN)) is Status.PASS


def test_what_may_recover_a_bucket_is_undetermined() -> None:
    assert recovered(BUCKET, NOTHING, versions(), lock(BUCKET)) is Status.UNDETERMINED
    assert recovered(BUCKET, NOTHING, replication(BUCKET, status=UNKNOWN)) is Status.UNDETERMINED
    assert recovered(BUCKET) is Status.UNDETERMINED, "a plan of another stack may hold it"
    unnamed = resource("aws:s3/bucket:Bucket", "store", region="eu-west-1", bucket=UNKNOWN)
    assert recovered(unnamed, selection(resources=["arn:aws:s3:::ours-*"])) is Status.UNDETERMINED
    assert recovered(unnamed, selection(resources=["arn:aws:s3:::*"])) is Status.PASS


@pytest.mark.parametrize(
    ("props", "expected"),
    [
        ({"pointInTimeRecovery": {"enabled": True}}, Status.PASS),
        ({"pointInTimeRecovery": {"enabled": False}}, Status.FAIL),
        ({}, Status.FAIL),
        ({"pointInTimeRecovery": UNKNOWN}, Status.UNDETERMINED),
        ({"replicas": [{"regionName": "eu-central-1"}]}, Status.PASS),
        ({"tags": {"payment-cell:use": "subject-keys"}}, Status.NOT_APPLICABLE),
        ({"tags": {"payment-cell:data-class": "confidential"}}, Status.NOT_APPLICABLE),
    ],
)
def test_a_table_is_recovered_to_a_point_in_time_or_from_a_replica(props: dict[str, Any], expected: Status) -> None:
    assert recovered(resource("aws:dynamodb/table:Table", "store", region="eu-west-1", **props), NOTHING) is expected


def test_a_table_is_recovered_from_a_replica_of_its_own_or_a_vault() -> None:
    table = resource("aws:dynamodb/table:Table", "store", region="eu-west-1")
    named = resource("aws:dynamodb/tableReplica:TableReplica", "replica", {"globalTableArn": [table]})
    assert recovered(table, NOTHING, named) is Status.PASS
    unknown = resource("aws:dynamodb/tableReplica:TableReplica", "replica", globalTableArn=UNKNOWN)
    assert recovered(table, NOTHING, unknown) is Status.UNDETERMINED
    assert recovered(table, selection(resources=["arn:aws:dynamodb:*:*:table/*"])) is Status.PASS
    assert recovered(table, selection(resources=["arn:aws:dynamodb:*:*:table/a-*"])) is Status.UNDETERMINED
    assert recovered(table) is Status.UNDETERMINED
