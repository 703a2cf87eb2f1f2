"""Policy documents: wildcards have to be said aloud, and the same statements give the same JSON."""

import json
from typing import Any

import pulumi
import pytest

from components.iam import (
    Statement,
    allow,
    deny,
    deny_insecure_transport,
    from_source,
    policy,
    service,
    trust,
    via_service,
)

STREAM = "arn:aws:kinesis:eu-west-1:123456789012:stream/events"


def resolved(output: pulumi.Output[str]) -> Any:
    values: list[str] = []

    def body() -> pulumi.Output[None]:
        return output.apply(values.append)

    pulumi.runtime.test(body)()  # type: ignore[no-untyped-call]
    return json.loads(values[0])


def test_a_document_has_iams_shape() -> None:
    document = resolved(policy(allow("Read", ["kinesis:GetRecords"], [STREAM])))
    assert document == {
        "Version": "2012-10-17",
        "Statement": [{"Sid": "Read", "Effect": "Allow", "Action": ["kinesis:GetRecords"], "Resource": STREAM}],
    }


def test_outputs_are_resolved_wherever_they_stand() -> None:
    account = pulumi.Output.from_input("123456789012")
    statement = allow(
        "Read",
        ["kms:Decrypt"],
        [pulumi.Output.from_input(STREAM)],
        principal={"AWS": pulumi.Output.from_input("arn:aws:iam::123456789012:role/reader")},
        when=via_service(["kinesis", "sqs"], "eu-west-1", account),
    )
    (document,) = resolved(policy(statement))["Statement"]
    assert document["Resource"] == STREAM
    assert document["Principal"] == {"AWS": "arn:aws:iam::123456789012:role/reader"}
    assert document["Condition"]["StringEquals"] == {
        "kms:CallerAccount": "123456789012",
        "kms:ViaService": ["kinesis.eu-west-1.amazonaws.com", "sqs.eu-west-1.amazonaws.com"],
    }


def test_an_identity_policy_names_its_resources() -> None:
    for resources in ((), ("*",)):
        with pytest.raises(ValueError, match=r"iam\.Read\.resources: kinesis:GetRecords"):
            allow("Read", ["kinesis:GetRecords"], resources)


def test_actions_without_resource_type_may_have_the_wildcard() -> None:
    assert allow("Login", ["ecr:GetAuthorizationToken"]).document()["Resource"] == "*"


@pytest.mark.parametrize("action", ["*", "kms:*", "kms", "KMS:Decrypt", "kms:De*pt"])
def test_an_action_is_named_whole(action: str) -> None:
    with pytest.raises(ValueError, match="list the actions that are needed"):
        allow("Use", [action], [STREAM])


def test_a_whole_service_is_allowed_only_as_a_guardrail_for_principals_with_a_condition() -> None:
    when = {"StringEquals": {"aws:PrincipalAccount": "123456789012"}}
    assert allow("Own", ["kms:*"], principal={"AWS": "*"}, when=when).actions == ["kms:*"]
    with pytest.raises(ValueError, match="list the actions"):
        allow("Own", ["kms:*"], principal={"AWS": "arn:aws:iam::123456789012:root"})


@pytest.mark.parametrize("principal", ["*", {"AWS": "*"}])
def test_everybody_needs_a_condition(principal: Any) -> None:
    with pytest.raises(ValueError, match=r"iam\.Read\.principal"):
        allow("Read", ["kms:Decrypt"], principal=principal)


def test_statement_ids_are_words_and_do_not_repeat() -> None:
    with pytest.raises(ValueError, match="letters and digits"):
        allow("Read it", ["kinesis:GetRecords"], [STREAM])
    with pytest.raises(ValueError, match="letters and digits"):
        deny("no-http", ["s3:*"])
    with pytest.raises(ValueError, match="repeat"):
        policy(deny("A", ["s3:*"]), deny("A", ["sqs:*"]))


def test_a_trust_policy_has_a_service_and_no_resource() -> None:
    (statement,) = resolved(trust("pods.eks", actions=("sts:AssumeRole", "sts:TagSession")))["Statement"]
    assert statement["Principal"] == service("pods.eks") == {"Service": "pods.eks.amazonaws.com"}
    assert statement["Action"] == ["sts:AssumeRole", "sts:TagSession"]
    assert "Resource" not in statement


def test_a_source_condition_names_account_and_patterns() -> None:
    assert from_source("123456789012") == {"StringEquals": {"aws:SourceAccount": "123456789012"}}
    assert from_source("123456789012", "arn:1")["ArnLike"] == {"aws:SourceArn": "arn:1"}
    assert from_source("123456789012", "arn:1", "arn:2")["ArnLike"] == {"aws:SourceArn": ["arn:1", "arn:2"]}


def test_plain_http_is_denied_to_everybody() -> None:
    statement: Statement = deny_insecure_transport("s3:*", ["arn:aws:s3:::b", "arn:aws:s3:::b/*"])
    assert statement.document() == {
        "Sid": "DenyInsecureTransport",
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Action": ["s3:*"],
        "Resource": ["arn:aws:s3:::b", "arn:aws:s3:::b/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
