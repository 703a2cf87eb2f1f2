"""KEY-07: the table of the subjects' keys."""

from typing import Any

from policies.control import Status
from policies.resources import Resource
from policies.testing import UNKNOWN, resource, verdicts

TABLE, KEY, SELECTION = "aws:dynamodb/table:Table", "aws:kms/key:Key", "aws:backup/selection:Selection"
OWN = resource(KEY, "own")
USE = {"payment-cell:use": "subject-keys", "payment-cell:jurisdiction": "eu", "cell": "a"}


def table(**props: Any) -> Resource:
    whole = {
        "tags": USE,
        "arn": "arn:aws:dynamodb:eu-west-1:1:table/subject-keys",
        "serverSideEncryption": {"enabled": True, "kmsKeyArn": UNKNOWN},
        "pointInTimeRecovery": {"enabled": True, "recoveryPeriodInDays": 7.0},
        "replicas": [{"regionName": "eu-central-1"}],
    }
    return resource(TABLE, "t", {"serverSideEncryption": [OWN]}, **{**whole, **props})


def judged(subject: Resource, *others: Resource) -> dict[Status, list[str]]:
    found: dict[Status, list[str]] = {}
    for (name, clause), status in verdicts("KEY-07", OWN, subject, *others).items():
        if name == subject.name:
            found.setdefault(status, []).append(clause)
    return found


def test_a_table_whose_keys_are_gone_within_a_month_passes() -> None:
    assert set(judged(table())) == {Status.PASS}
    assert set(judged(table(pointInTimeRecovery=None))) == {Status.PASS}
    assert set(judged(table(tags={}))) == {Status.NOT_APPLICABLE}


def test_the_key_of_the_table_is_no_other_stores() -> None:
    other = resource("aws:sqs/queue:Queue", "q", {"kmsMasterKeyId": [OWN]}, kmsMasterKeyId=UNKNOWN)
    assert judged(table(), other)[Status.FAIL] == ["is_under_a_key_of_its_own"]
    stranger = resource("pulumi:pulumi:StackReference", "stranger")
    hidden = resource("aws:sqs/queue:Queue", "hidden", {"kmsMasterKeyId": [stranger]}, kmsMasterKeyId=UNKNOWN)
    assert judged(table(), hidden)[Status.UNDETERMINED] == ["is_under_a_key_of_its_own"]
    assert judged(table(), hidden, other)[Status.FAIL] == ["is_under_a_key_of_its_own"], "what is known comes first"
    assert judged(resource(TABLE, "t", tags=USE))[Status.FAIL] == ["is_under_a_key_of_its_own"]


def test_no_backup_selects_the_table() -> None:
    subject = table()
    everything = ["arn:aws:dynamodb:*:*:table/*"]

    def selected(references: Any = None, **props: Any) -> bool:
        found = judged(subject, resource(SELECTION, "s", references, **props))
        return found.get(Status.FAIL) == ["is_in_no_backup"]

    assert selected(resources=everything)
    assert selected({"resources": [subject]}, resources=[UNKNOWN])
    assert selected(selectionTags=[{"key": "cell", "value": "a"}])
    assert not selected(selectionTags=[{"key": "cell", "value": "b"}])
    assert not selected(resources=everything, notResources=["arn:aws:dynamodb:*:*:table/*subject-keys*"])
    named = {"key": "aws:ResourceTag/backup", "value": "vault"}
    assert not selected(resources=everything, conditions=[{"stringEquals": [named]}])
    unknown = resource(SELECTION, "s", resources=[UNKNOWN])
    assert judged(subject, unknown)[Status.UNDETERMINED] == ["is_in_no_backup"]


def test_recovery_and_handling_fit_into_a_month() -> None:
    def days(count: Any) -> dict[Status, list[str]]:
        return judged(table(pointInTimeRecovery={"enabled": True, "recoveryPeriodInDays": count}))

    assert set(days(23.0)) == {Status.PASS}
    assert days(24.0)[Status.FAIL] == ["is_gone_within_a_month"]
    assert days(None)[Status.FAIL] == ["is_gone_within_a_month"]
    assert days(UNKNOWN)[Status.UNDETERMINED] == ["is_gone_within_a_month"]


def test_replicas_of_the_table_stay_inside() -> None:
    assert judged(table(replicas=[{"regionName": "us-east-1"}]))[Status.FAIL] == ["replicas_are_inside"]


def test_replicas_that_are_not_known_yet_are_undetermined() -> None:
    assert "replicas_are_inside" in judged(table(replicas=UNKNOWN))[Status.UNDETERMINED]
    assert "replicas_are_inside" in judged(table(replicas=[{"regionName": UNKNOWN}]))[Status.UNDETERMINED]
