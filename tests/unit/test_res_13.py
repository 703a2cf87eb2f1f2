"""RES-13: whom policies of resources let in."""

import dataclasses
import json
from typing import Any

import pytest

import catalogue
from policies.control import Status
from policies.controls.res_13 import ROLE, TYPES
from policies.resources import Resource
from policies.testing import UNKNOWN, resource, verdicts

EVERYONE, SERVICES = "everyone_is_held_to_an_account", "services_act_for_a_known_source"
STRANGERS = "lets_no_stranger_in"
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
    queue = resource("aws:sqs/queue:Queue", "q")
    unknown = resource(TOPIC, "p", {"policy": [queue]}, policy=UNKNOWN)
    assert set(verdicts("RES-13", unknown, queue).values()) == {Status.UNDETERMINED}
    assert set(verdicts("RES-13", resource("aws:kms/key:Key", "k")).values()) == {Status.NOT_APPLICABLE}


HERE, STRANGER, OF_AWS = "111111111111", "999999999999", "156460612806"


def let_in(principal: Any, *others: Resource, type_: str = TOPIC, **condition: Any) -> Status:
    """In the stack of account `HERE`, which a queue of it tells, unless others say something else."""
    one = {"Effect": "Allow", "Principal": principal, "Action": "*", "Resource": "*", "Condition": condition}
    name = "assumeRolePolicy" if type_ == ROLE else "policy"
    holder = resource(type_, "p", **{name: json.dumps({"Statement": [one]})})
    queue = resource("aws:sqs/queue:Queue", "q", arn=f"arn:aws:sqs:eu-west-1:{HERE}:q")
    return verdicts("RES-13", holder, *(others or (queue,)))["p", STRANGERS]


@pytest.mark.parametrize("type_", sorted(TYPES | {ROLE}))
def test_only_own_accounts_and_those_of_aws_are_let_in(type_: str) -> None:
    listed = min(catalogue.accounts().own)
    for account in (HERE, listed, OF_AWS):
        assert let_in({"AWS": account}, type_=type_) is Status.PASS
        assert let_in({"AWS": f"arn:aws:iam::{account}:role/r"}, type_=type_) is Status.PASS
    assert let_in({"AWS": STRANGER}, type_=type_) is Status.FAIL
    assert let_in({"AWS": [f"arn:aws:iam::{HERE}:root", f"arn:aws:iam::{STRANGER}:root"]}, type_=type_) is Status.FAIL
    assert let_in({"Service": "sns.amazonaws.com"}, type_=type_) is Status.PASS


def test_a_stranger_may_be_held_to_own_accounts(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = catalogue.accounts().model_copy(update={"organizations": frozenset({"o-1234567890"})})
    monkeypatch.setattr("policies.controls.res_13.accounts", lambda: ours)
    by = {"AWS": STRANGER}
    for principal in (by, "*"):
        assert let_in(principal, StringEquals={"aws:PrincipalOrgID": "o-1234567890"}) is Status.PASS
        assert let_in(principal, StringEquals={"aws:PrincipalOrgID": "o-0987654321"}) is Status.FAIL
        assert let_in(principal, StringEquals={"aws:PrincipalAccount": HERE}) is Status.PASS
        assert let_in(principal, StringEquals={"aws:PrincipalAccount": [HERE, STRANGER]}) is Status.FAIL
        assert let_in(principal, ArnLike={"aws:PrincipalArn": f"arn:aws:iam::{HERE}:role/*"}) is Status.PASS
        assert let_in(principal, ArnLike={"aws:PrincipalArn": f"arn:aws:iam::{STRANGER}:role/*"}) is Status.FAIL
    assert let_in("*", ArnLike={"aws:SourceArn": "arn:aws:s3:::b"}) is Status.UNDETERMINED
    assert let_in("*") is Status.PASS, "said by everyone_is_held_to_an_account"


def test_the_account_of_a_stack_is_told_by_its_own_things_or_its_provider() -> None:
    target = resource("aws:cloudwatch/eventTarget:EventTarget", "t", arn=f"arn:aws:sqs:eu-west-1:{STRANGER}:q")
    assert let_in({"AWS": STRANGER}, target) is Status.UNDETERMINED, "a program gives that ARN"
    planned = resource("aws:sqs/queue:Queue", "q", arn=UNKNOWN)
    assert let_in({"AWS": STRANGER}, planned) is Status.UNDETERMINED
    for allowed in ([STRANGER], json.dumps([STRANGER])):
        told = dataclasses.replace(planned, provider_props={"allowedAccountIds": allowed})
        assert let_in({"AWS": STRANGER}, told) is Status.PASS
        assert let_in({"AWS": HERE}, told) is Status.FAIL


@pytest.mark.parametrize("kind", ["AWS", "CanonicalUser"])
def test_a_principal_that_names_no_account_is_not_known(kind: str) -> None:
    assert let_in({kind: "AROAEXAMPLEID"}) is Status.UNDETERMINED
    assert let_in({kind: [f"arn:aws:iam::{STRANGER}:root", "AROAEXAMPLEID"]}) is Status.FAIL
