"""RES-13: whom policies of resources let in."""

import json
from typing import Any

import pytest

from policies.control import Status
from policies.controls.res_13 import TYPES
from policies.testing import UNKNOWN, resource, verdicts

EVERYONE, SERVICES = "everyone_is_held_to_an_account", "services_act_for_a_known_source"
TOPIC = "aws:sns/topicPolicy:TopicPolicy"


def judged(type_: str, principal: Any, effect: str = "Allow", **condition: Any) -> dict[str, Status]:
    one = {"Effect": effect, "Principal": principal, "Action": "*", "Resource": "*", "Condition": condition}
    found = verdicts("RES-13", resource(type_, "p", policy=json.dumps({"Statement": one})))
    return {clause: status for (_, clause), status in found.items()}


@pytest.mark.parametrize("type_", sorted(TYPES))
def test_a_service_is_held_to_a_source(type_: str) -> None:
    service = {"Service": "events.amazonaws.com"}
    assert judged(type_, service)[SERVICES] is Status.FAIL
    assert judged(type_, service, "Deny")[SERVICES] is Status.PASS
    assert judged(type_, service, StringEquals={"aws:SourceAccount": "1"})[SERVICES] is Status.PASS
    assert judged(type_, service, StringEquals={"AWS:SourceAccount": "1"})[SERVICES] is Status.PASS
    assert judged(type_, service, StringLike={"aws:SourceAccount": "*"})[SERVICES] is Status.FAIL
    assert judged(type_, service, StringEqualsIfExists={"aws:SourceAccount": "1"})[SERVICES] is Status.FAIL
    of_logs = {"kms:EncryptionContext:aws:logs:arn": "arn:aws:logs:eu-west-1:1:log-group:*"}
    assert judged(type_, service, ArnLike=of_logs)[SERVICES] is Status.PASS


def test_everyone_is_held_to_an_account() -> None:
    assert judged(TOPIC, "*")[EVERYONE] is Status.FAIL
    assert judged(TOPIC, "*", "Deny")[EVERYONE] is Status.PASS
    assert judged(TOPIC, "*", StringEquals={"aws:PrincipalOrgID": "o-1"})[EVERYONE] is Status.PASS
    assert judged(TOPIC, {"AWS": "arn:aws:iam::1:root"})[EVERYONE] is Status.PASS
    assert EVERYONE not in judged("aws:kms/key:Key", "*"), "asked by KEY-04"


def test_what_a_statement_excludes_is_read_strictly() -> None:
    def status(effect: str) -> Status:
        one = {"Effect": effect, "NotPrincipal": {"AWS": "arn:aws:iam::1:root"}, "NotAction": "sns:Publish"}
        found = verdicts("RES-13", resource(TOPIC, "p", policy=json.dumps({"Statement": [one]})))
        return found["p", EVERYONE]

    assert status("Allow") is Status.FAIL
    assert status("Deny") is Status.PASS


def test_a_policy_that_is_absent_or_unknown() -> None:
    role = resource("aws:iam/role:Role", "r")
    unknown = resource(TOPIC, "p", {"policy": [role]}, policy=UNKNOWN)
    assert set(verdicts("RES-13", unknown, role).values()) == {Status.UNDETERMINED}
    assert set(verdicts("RES-13", resource("aws:kms/key:Key", "k")).values()) == {Status.NOT_APPLICABLE}
