"""The policy evaluator of the emulator and the tests against examples that AWS documents with their outcome."""

from dataclasses import replace

import pytest

from sandbox.aws.iam.evaluator import Call, Decision, arn_like, condition, decide, decide_all

ALLOWED, DENIED, NOT_ALLOWED = Decision.ALLOWED, Decision.DENIED, Decision.NOT_ALLOWED

REGIONS = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "DenyAllOutsideRequestedRegions",
            "Effect": "Deny",
            "NotAction": ["cloudfront:*", "iam:*", "organizations:*", "route53:*", "support:*"],
            "Resource": "*",
            "Condition": {"StringNotEquals": {"aws:RequestedRegion": ["eu-central-1", "eu-west-1"]}},
        }
    ],
}
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_examples_aws_deny-requested-region.html"""

EVERYTHING = {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}

SECURE = {
    "Statement": [
        {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": ["arn:aws:s3:::DOC-EXAMPLE-BUCKET", "arn:aws:s3:::DOC-EXAMPLE-BUCKET/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    ]
}
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/security-best-practices.html"""


@pytest.mark.parametrize(
    ("action", "region", "expected"),
    [
        ("ec2:RunInstances", "eu-west-1", ALLOWED),
        ("ec2:RunInstances", "us-east-1", DENIED),
        ("iam:CreateRole", "us-east-1", ALLOWED),
    ],
)
def test_a_deny_of_other_regions_leaves_global_services_and_named_regions(
    action: str, region: str, expected: Decision
) -> None:
    call = Call(action=action, context={"aws:RequestedRegion": region})
    assert decide_all([EVERYTHING, REGIONS], call) is expected


def test_without_an_allow_nothing_is_allowed() -> None:
    call = Call(action="ec2:RunInstances", context={"aws:RequestedRegion": "eu-west-1"})
    assert decide(REGIONS, call) is NOT_ALLOWED


def test_an_explicit_deny_wins_over_every_allow() -> None:
    call = Call(
        action="s3:GetObject", resource="arn:aws:s3:::DOC-EXAMPLE-BUCKET/a/b", context={"aws:SecureTransport": "false"}
    )
    assert decide_all([EVERYTHING, SECURE], call) is DENIED
    other = Call(action="s3:GetObject", resource="arn:aws:s3:::OTHER/a", context={"aws:SecureTransport": "false"})
    assert decide_all([EVERYTHING, SECURE], other) is ALLOWED


@pytest.mark.parametrize(("given", "expected"), [(["t2.micro"], True), (["m4.large"], False), (None, True)])
def test_if_exists_matches_a_missing_key_and_else_compares(given: list[str] | None, expected: bool) -> None:
    """AWS's example: StringLikeIfExists over ec2:InstanceType, which only RunInstances has."""
    assert condition("StringLikeIfExists", ["t1.*", "t2.*", "m3.*"], given) is expected


def test_a_missing_key_fails_positive_and_passes_negated_operators() -> None:
    assert not condition("StringEquals", "a", None)
    assert not condition("ArnLike", "arn:aws:iam::1:role/a", None)
    assert condition("StringNotEquals", "a", None)
    assert condition("ForAllValues:StringEquals", "a", None)
    assert not condition("ForAnyValue:StringEquals", "a", None)


def test_null_asks_whether_the_key_is_there() -> None:
    """AWS's example: `"Null": {"aws:TokenIssueTime": "true"}` is true of long-term credentials."""
    assert condition("Null", "true", None)
    assert not condition("Null", "true", ["2026-11-23T00:00:00Z"])
    assert condition("Null", False, ["2026-11-23T00:00:00Z"])


def test_values_are_alternatives_and_keys_all_have_to_hold() -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-logic-multiple-context-keys-or-values.html"""
    statement = {
        "Effect": "Allow",
        "Action": "ec2:*",
        "Resource": "*",
        "Condition": {
            "StringEquals": {"aws:PrincipalTag/department": ["finance", "hr"], "aws:PrincipalTag/role": "audit"}
        },
    }
    both = {"aws:PrincipalTag/department": "hr", "aws:PrincipalTag/role": "audit"}
    assert decide({"Statement": statement}, Call(action="ec2:RunInstances", context=both)) is ALLOWED
    one = {"aws:PrincipalTag/department": "hr"}
    assert decide({"Statement": statement}, Call(action="ec2:RunInstances", context=one)) is NOT_ALLOWED


def test_sets_of_values_are_all_or_any() -> None:
    wanted, given = ["Environment", "CostCenter"], ["Environment", "Other"]
    assert not condition("ForAllValues:StringEquals", wanted, given)
    assert condition("ForAnyValue:StringEquals", wanted, given)


def test_a_wildcard_of_an_arn_condition_stays_in_its_part() -> None:
    assert arn_like("arn:aws:sns:*:123456789012:topic", "arn:aws:sns:eu-west-1:123456789012:topic")
    assert arn_like("arn:aws:s3:::b*", "arn:aws:s3:::bucket/key:with:colons")
    assert not arn_like("arn:aws:sns:*:topic", "arn:aws:sns:eu-west-1:123456789012:topic")


def test_principals_are_accounts_roles_services_or_everybody() -> None:
    role = "arn:aws:iam::123456789012:role/a"

    def allows(principal: object, caller: str) -> bool:
        statement = {"Effect": "Allow", "Principal": principal, "Action": "sqs:*", "Resource": "*"}
        return decide({"Statement": statement}, Call(action="sqs:SendMessage", principal=caller)) is ALLOWED

    assert allows({"AWS": "123456789012"}, role)
    assert allows({"AWS": "arn:aws:iam::123456789012:root"}, role)
    assert allows({"AWS": ["arn:aws:iam::123456789012:role/b", role]}, role)
    assert not allows({"AWS": "arn:aws:iam::123456789012:role/b"}, role)
    assert allows({"Service": "sns.amazonaws.com"}, "sns.amazonaws.com")
    assert not allows({"AWS": "*"}, "sns.amazonaws.com")
    assert allows({"AWS": "*"}, "anonymous")


def test_actions_are_compared_without_case_and_resources_with() -> None:
    statement = {"Effect": "Allow", "Action": "S3:getobject", "Resource": "arn:aws:s3:::Bucket/*"}
    assert decide({"Statement": statement}, Call(action="s3:GetObject", resource="arn:aws:s3:::Bucket/k")) is ALLOWED
    assert (
        decide({"Statement": statement}, Call(action="s3:GetObject", resource="arn:aws:s3:::bucket/k")) is NOT_ALLOWED
    )


def test_an_operator_that_is_not_known_is_an_error() -> None:
    with pytest.raises(KeyError):
        condition("BinaryEquals", "QmluYXJ5", ["QmluYXJ5"])


def test_dates_and_addresses_are_compared_as_such() -> None:
    assert condition("DateGreaterThan", "2026-01-01T00:00:00Z", ["2026-11-23T12:00:00+02:00"])
    assert not condition("DateLessThan", "1767225600", ["2026-11-23T12:00:00Z"])
    assert condition("IpAddress", ["10.0.0.0/8", "127.0.0.0/8"], ["127.3.4.5"])
    assert condition("NotIpAddress", "10.0.0.0/8", ["127.3.4.5"])


def test_a_variable_stands_for_the_requests_value_and_matches_nothing_without_one() -> None:
    own = "arn:aws:s3:::b/${aws:PrincipalTag/kubernetes-namespace}/*"
    document = {"Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": own}}
    call = Call(action="s3:GetObject", resource="arn:aws:s3:::b/fraud/1")
    tagged = {"aws:PrincipalTag/kubernetes-namespace": "fraud"}
    assert decide(document, replace(call, context=tagged)) is ALLOWED
    assert decide(document, replace(call, context={"aws:PrincipalTag/kubernetes-namespace": "bank"})) is NOT_ALLOWED
    assert decide(document, call) is NOT_ALLOWED


def test_a_session_is_named_by_its_own_arn_its_role_or_its_account() -> None:
    role = "arn:aws:iam::111122223333:role/app"
    call = Call(action="sqs:SendMessage", principal="arn:aws:sts::111122223333:assumed-role/app/pod", role=role)
    for name in (role, call.principal, "111122223333"):
        document = {"Statement": {"Effect": "Allow", "Principal": {"AWS": name}, "Action": "sqs:*", "Resource": "*"}}
        assert decide(document, call) is ALLOWED
        assert decide(document, replace(call, account_counts=False)) is (ALLOWED if "app" in name else NOT_ALLOWED)
