"""BCK-02: databases in backup selections."""

from typing import Any

import pytest

from policies.control import Status
from policies.resources import Resource
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


def test_replicas_and_lower_classes_are_not_asked() -> None:
    assert judged(database(replicationSourceIdentifier="arn")) is Status.NOT_APPLICABLE
    assert judged(database(tags={"payment-cell:data-class": "confidential"})) is Status.NOT_APPLICABLE
