"""KEY-04: who a key policy opens the key to, and whether administrators use it."""

import json
from typing import Any

import pytest
from judged import status, unasked

from policies.control import Status
from policies.testing import UNKNOWN, resource, verdicts

OPEN, APART = "everyone_is_held_to_an_account", "administrators_do_not_use_the_key"
ADMINISTRATOR, USER = "arn:aws:iam::123456789012:role/administrator", "arn:aws:iam::123456789012:role/user"


def allow(principal: Any, action: str, **condition: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": principal, "Action": action, "Resource": "*", "Condition": condition}


def judged(*statements: dict[str, Any]) -> dict[str, Status]:
    key = resource("aws:kms/key:Key", "k", policy=json.dumps({"Statement": list(statements)}))
    return {clause: status for (_, clause), status in verdicts("KEY-04", key).items()}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({}, Status.FAIL),
        ({"StringEquals": {"kms:CallerAccount": "123456789012"}}, Status.PASS),
        ({"StringEquals": {"aws:PrincipalOrgID": "o-1"}}, Status.PASS),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:events:eu-west-1:123456789012:rule/*"}}, Status.PASS),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:events:eu-west-1:*:rule/mine"}}, Status.FAIL),
        ({"StringLike": {"kms:CallerAccount": "*"}}, Status.FAIL),
        ({"StringEqualsIfExists": {"kms:CallerAccount": "123456789012"}}, Status.FAIL),
        ({"StringNotEquals": {"kms:CallerAccount": "123456789012"}}, Status.FAIL),
        ({"StringEquals": {"kms:ViaService": "s3.eu-west-1.amazonaws.com"}}, Status.FAIL),
    ],
)
@pytest.mark.parametrize("everyone", ["*", {"AWS": "*"}, {"AWS": ["*"]}])
def test_everyone_has_to_be_held_to_an_account(everyone: Any, condition: Any, expected: Status) -> None:
    assert judged(allow(everyone, "kms:Decrypt", **condition))[OPEN] is expected


def test_a_role_that_administers_and_uses_a_key_fails() -> None:
    administers = allow({"AWS": ADMINISTRATOR}, "kms:PutKeyPolicy")
    assert judged(administers, allow({"AWS": USER}, "kms:Decrypt"))[APART] is Status.PASS
    assert judged(administers, allow({"AWS": [USER, ADMINISTRATOR]}, "kms:Decrypt"))[APART] is Status.FAIL
    assert judged(allow({"AWS": ADMINISTRATOR}, "kms:*"))[APART] is Status.FAIL
    by_name = {"StringEquals": {"kms:CallerAccount": "123456789012"}, "ArnLike": {"aws:PrincipalArn": "*:role/admin*"}}
    assert judged(administers, allow("*", "kms:Decrypt", **by_name))[APART] is Status.FAIL


def test_what_the_iam_of_the_account_decides_is_undetermined() -> None:
    root = {"AWS": "arn:aws:iam::123456789012:root"}
    assert judged(allow(root, "kms:*"))[APART] is Status.UNDETERMINED
    assert judged(allow(root, "kms:PutKeyPolicy"), allow({"AWS": USER}, "kms:Decrypt"))[APART] is Status.PASS
    assert verdicts("KEY-04", resource("aws:kms/key:Key", "k")) == {
        ("k", OPEN): Status.NOT_APPLICABLE,
        ("k", APART): Status.UNDETERMINED,
    }


@pytest.mark.parametrize("clause", [OPEN, APART])
def test_a_policy_that_is_not_known_yet_is_undetermined(clause: str) -> None:
    role = resource("aws:iam/role:Role", "user")
    key = resource("aws:kms/key:Key", "k", {"policy": [role]}, policy=UNKNOWN)
    assert status("KEY-04", key, role, clause=clause) is Status.UNDETERMINED


def test_grants_are_not_read() -> None:
    assert unasked("KEY-04", resource("aws:kms/grant:Grant", "g"))
