"""The rows of the preconditions as data, and how policies are read."""

import functools
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.session import Session

from sandbox.aws.preconditions import PRECONDITIONS, Op, Request, violations
from sandbox.aws.preconditions.documentation import page
from sandbox.aws.preconditions.policies import Caller, allows
from sandbox.aws.table import entries

ROOT = Path(__file__).resolve().parents[2]

KEY = "arn:aws:kms:eu-west-1:123456789012:key/1"
EVENTS = Caller(principal="events.amazonaws.com", facts={"aws:SourceAccount": "123456789012"})

MODELLED = {
    "cloudtrail": "cloudtrail",
    "cfg": "config",
    "eks": "eks",
    "guardduty": "guardduty",
    "kinesis": "kinesis",
    "kms": "kms",
    "rds": "rds",
    "secretsmanager": "secretsmanager",
    "securityhub": "securityhub",
    "wafv2": "wafv2",
}
"""Service in a token -> botocore's name, for services that list their errors."""

COMMON_ERRORS = frozenset({"InvalidParameterCombination", "InvalidParameterValue"})
"""Errors of every service of the query protocol, RDS among them
(https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/CommonErrors.html)."""


class Account:
    """A context whose account has the given answers, by service and operation; all else does not exist."""

    region, account_id, partition = "eu-west-1", "123456789012", "aws"

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self.answers = answers
        self.calls: list[str] = []

    def client(self, service: str) -> Any:
        return _Client(self, service)

    def in_region(self, _region: str) -> "Account":
        return self


class _Client:
    def __init__(self, account: Account, service: str) -> None:
        self._account, self._service = account, service

    def __getattr__(self, operation: str) -> Any:
        name = f"{self._service}.{operation}"

        def call(**_params: Any) -> Any:
            self._account.calls.append(name)
            if name not in self._account.answers:
                raise ClientError({"Error": {"Code": "NotFoundException", "Message": name}}, operation)
            return self._account.answers[name]

        return call


@functools.cache
def errors(service: str) -> frozenset[str]:
    """The error codes in botocore's model of a service."""
    model = Session().get_service_model(service)
    return frozenset(e.error_code for op in model.operation_names for e in model.operation_model(op).error_shapes)


def ask(token: str, props: Mapping[str, Any], account: Account, *, op: Op = Op.CREATE, **more: Any) -> list[str]:
    given = {"id": "", "olds": {}, **more}
    return violations(Request(op=op, token=token, name="it", props=props, context=account, **given))  # type: ignore[arg-type]


def test_there_are_rows_enough_and_each_has_an_id_of_its_own() -> None:
    assert len(PRECONDITIONS) >= 80
    assert len({row.id for row in PRECONDITIONS}) == len(PRECONDITIONS)


@pytest.mark.parametrize("row", PRECONDITIONS, ids=lambda row: row.id)
def test_a_row_names_a_real_type_a_rule_and_a_page_of_aws(row: Any) -> None:
    assert row.token in entries()
    assert row.rule.endswith(".")
    assert row.source.startswith("https://docs.aws.amazon.com/")
    assert row.source.endswith(".html")
    assert row.on


@pytest.mark.parametrize("row", [row for row in PRECONDITIONS if not row.later], ids=lambda row: row.id)
def test_a_refusal_of_the_call_has_an_error_that_the_service_knows(row: Any) -> None:
    name = MODELLED.get(row.token.split(":")[1].split("/")[0])
    if name is None:
        assert re.fullmatch(r"[A-Z][A-Za-z.]+", row.code)
        return
    assert row.code in errors(name) | COMMON_ERRORS


def test_the_documentation_lists_the_rows_as_they_are() -> None:
    assert (ROOT / "docs" / "preconditions.md").read_text() == page(), (
        "docs/preconditions.md is old; run python -m sandbox.aws.preconditions.documentation > docs/preconditions.md"
    )


def test_a_refusal_says_code_fault_rule_and_source() -> None:
    (text,) = ask("aws:kms/key:Key", {"enableKeyRotation": True, "customerMasterKeySpec": "RSA_2048"}, Account({}))
    assert text.startswith("UnsupportedOperationException: enableKeyRotation is true for a key of RSA_2048. Automatic")
    assert text.endswith("(https://docs.aws.amazon.com/kms/latest/APIReference/API_EnableKeyRotation.html)")


def test_rows_of_one_request_ask_the_account_once() -> None:
    policy = {"Statement": {"Effect": "Allow", "Principal": {"Service": "logs.eu-west-1.amazonaws.com"}, "Action": "*"}}
    account = Account(
        {
            "kms.describe_key": {"KeyMetadata": {"KeyState": "Enabled", "KeySpec": "SYMMETRIC_DEFAULT", "Arn": KEY}},
            "kms.get_key_policy": {"Policy": json.dumps(policy)},
        }
    )
    assert not ask("aws:cloudwatch/logGroup:LogGroup", {"name": "a", "kmsKeyId": KEY}, account)
    assert sorted(account.calls) == ["kms.describe_key", "kms.get_key_policy"]


def test_what_is_in_another_account_is_not_judged() -> None:
    foreign = KEY.replace("123456789012", "999999999999")
    account = Account({})
    assert not ask("aws:cloudwatch/logGroup:LogGroup", {"name": "a", "kmsKeyId": foreign}, account)
    assert not account.calls


@pytest.mark.parametrize(
    ("principal", "condition", "allowed"),
    [
        ({"Service": "events.amazonaws.com"}, None, True),
        ({"Service": ["sns.amazonaws.com", "events.amazonaws.com"]}, None, True),
        ({"Service": "sns.amazonaws.com"}, None, False),
        ("*", None, True),
        ({"AWS": "*"}, {"StringEquals": {"kms:ViaService": "sqs.eu-west-1.amazonaws.com"}}, False),
        ({"AWS": "*"}, {"StringEquals": {"aws:SourceAccount": "123456789012"}}, True),
        ({"Service": "events.amazonaws.com"}, {"StringEquals": {"aws:SourceAccount": "999999999999"}}, False),
        ({"Service": "events.amazonaws.com"}, {"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}, True),
    ],
)
def test_a_service_gets_in_by_name_and_by_conditions_that_it_can_meet(
    principal: Any, condition: Any, allowed: bool
) -> None:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "kms:*", "Resource": "*"}
    document = {"Statement": [statement | ({"Condition": condition} if condition else {})]}
    assert allows(document, EVENTS, "kms:Decrypt") is allowed


def test_a_role_gets_in_through_its_accounts_root_and_through_conditions() -> None:
    caller = Caller(principal="arn:aws:iam::123456789012:role/x")
    for principal in (
        {"AWS": "arn:aws:iam::123456789012:root"},
        {"AWS": "123456789012"},
        {"AWS": caller.principal},
        "*",
    ):
        condition = {"StringEquals": {"kms:CallerAccount": "123456789012"}}
        row = {"Effect": "Allow", "Principal": principal, "Action": "kms:Decrypt", "Condition": condition}
        assert allows({"Statement": row}, caller, "kms:Decrypt")
    other = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::999999999999:root"}, "Action": "kms:*"}
    assert not allows({"Statement": [other]}, caller, "kms:Decrypt")


def test_a_deny_without_conditions_wins() -> None:
    rows = [
        {"Effect": "Allow", "Action": "s3:*", "Resource": "*"},
        {"Effect": "Deny", "Action": "s3:Put*", "Resource": "arn:aws:s3:::a/*"},
    ]
    assert not allows({"Statement": rows}, None, "s3:PutObject", "arn:aws:s3:::a/b")
    assert allows({"Statement": rows}, None, "s3:PutObject", "arn:aws:s3:::b/b")
    assert allows({"Statement": rows}, None, "s3:GetObject", "arn:aws:s3:::a/b")


@pytest.mark.parametrize(
    ("backup", "maintenance", "refused"),
    [
        ("02:00-03:00", "sun:03:30-sun:04:30", False),
        ("02:00-03:00", "sun:02:30-sun:03:30", True),
        ("23:30-00:30", "mon:00:00-mon:01:00", True),
        ("00:00-00:30", "sun:23:30-mon:00:15", True),
        ("03:00-04:00", "sun:04:00-sun:05:00", False),
    ],
)
def test_backup_and_maintenance_windows_overlap_over_midnight_too(backup: str, maintenance: str, refused: bool) -> None:
    props = {"preferredBackupWindow": backup, "preferredMaintenanceWindow": maintenance, "engine": "aurora-postgresql"}
    assert bool(ask("aws:rds/cluster:Cluster", props, Account({}))) is refused


@pytest.mark.parametrize(
    ("before", "after", "refused"),
    [
        ("1.32", "1.33", False),
        ("1.32", "1.34", True),
        ("1.33", "1.32", False),
        ("1.33", "1.31", True),
        ("1.33", "1.33", False),
    ],
)
def test_a_cluster_moves_by_one_minor_version(before: str, after: str, refused: bool) -> None:
    found = ask(
        "aws:eks/cluster:Cluster", {"version": after}, Account({}), op=Op.UPDATE, id="x", olds={"version": before}
    )
    assert bool(found) is refused
