"""Endpoint policies, evaluated: what passes an endpoint goes from own principals to the cell's own resources."""

import json
from pathlib import Path
from typing import Any

import pulumi
import pytest
from service_authorization import actions

from components.endpoint_policies import GATEWAYS, INTERFACES, MAX_POLICY_CHARACTERS, Perimeter, statements
from components.iam import document
from sandbox.aws.iam.evaluator import Call, Decision, decide

ACCOUNT, FOREIGN, ORGANIZATION = "123456789012", "999999999999", "o-abcdefghij"
ALONE = Perimeter(cell="eu-west-1", region="eu-west-1", account_id=ACCOUNT)
MEMBER = Perimeter(cell="eu-west-1", region="eu-west-1", account_id=ACCOUNT, organization_id=ORGANIZATION)
ALL = {**INTERFACES, **GATEWAYS}


def policy(service: str, perimeter: Perimeter = ALONE) -> dict[str, Any]:
    return document(*statements(service, ALL[service], perimeter))


def call(
    action: str,
    resource: str,
    *,
    owner: str = ACCOUNT,
    caller: str = ACCOUNT,
    owner_org: str | None = None,
    caller_org: str | None = None,
) -> Call:
    """A signed call over TLS by a role of `caller` on a resource of `owner`."""
    context = {"aws:PrincipalAccount": caller, "aws:ResourceAccount": owner, "aws:SecureTransport": "true"}
    context |= {k: v for k, v in {"aws:PrincipalOrgID": caller_org, "aws:ResourceOrgID": owner_org}.items() if v}
    return Call(action=action, resource=resource, principal=f"arn:aws:iam::{caller}:role/pod", context=context)


def allowed(service: str, request: Call, perimeter: Perimeter = ALONE) -> bool:
    return decide(policy(service, perimeter), request) is Decision.ALLOWED


OWN = [
    ("s3", "s3:PutObject", "arn:aws:s3:::eu-west-1-archive-1a2b3c4/key"),
    ("s3", "s3:ListBucket", "arn:aws:s3:::eu-west-1-archive-1a2b3c4"),
    ("dynamodb", "dynamodb:GetItem", "arn:aws:dynamodb:eu-west-1:{}:table/eu-west-1-features"),
    ("sqs", "sqs:SendMessage", "arn:aws:sqs:eu-west-1:{}:eu-west-1-ledger.fifo"),
    ("sns", "sns:Publish", "arn:aws:sns:eu-west-1:{}:eu-west-1-alarms-1a2b3c4"),
    ("kinesis-streams", "kinesis:PutRecord", "arn:aws:kinesis:eu-west-1:{}:stream/eu-west-1-1a2b3c4"),
    (
        "secretsmanager",
        "secretsmanager:GetSecretValue",
        "arn:aws:secretsmanager:eu-west-1:{}:secret:eu-west-1-s00-x-Ab",
    ),
    ("events", "events:PutEvents", "arn:aws:events:eu-west-1:{}:event-bus/eu-west-1"),
    ("kms", "kms:Decrypt", "arn:aws:kms:eu-west-1:{}:key/1234"),
    ("logs", "logs:PutLogEvents", "arn:aws:logs:eu-west-1:{}:log-group:/payment-cell/eu-west-1/pods:log-stream:a"),
    ("eks", "eks:DescribeCluster", "arn:aws:eks:eu-west-1:{}:cluster/eu-west-1"),
    ("eks-auth", "eks-auth:AssumeRoleForPodIdentity", "arn:aws:eks:eu-west-1:{}:cluster/eu-west-1"),
    (
        "elasticloadbalancing",
        "elasticloadbalancing:RegisterTargets",
        "arn:aws:elasticloadbalancing:eu-west-1:{}:targetgroup/eu-west-1-1a2b3c4/5d6e",
    ),
    (
        "autoscaling",
        "autoscaling:SetDesiredCapacity",
        "arn:aws:autoscaling:eu-west-1:{}:autoScalingGroup:1a2b:autoScalingGroupName/eks-system-3c4d",
    ),
    ("ecr.api", "ecr:PutImage", "arn:aws:ecr:eu-west-1:{}:repository/payments"),
    ("sts", "sts:AssumeRole", "arn:aws:iam::{}:role/eu-west-1-tunnel"),
]


@pytest.mark.parametrize(("service", "action", "resource"), OWN)
def test_own_resources_pass_for_own_principals_only(service: str, action: str, resource: str) -> None:
    assert allowed(service, call(action, resource.format(ACCOUNT)))
    assert not allowed(service, call(action, resource.format(ACCOUNT), caller=FOREIGN))


@pytest.mark.parametrize(("service", "action", "resource"), OWN)
def test_a_foreign_resource_is_refused_even_under_a_name_of_ours(service: str, action: str, resource: str) -> None:
    assert not allowed(service, call(action, resource.format(FOREIGN), owner=FOREIGN))


@pytest.mark.parametrize(
    ("service", "action", "resource"),
    [row for row in OWN if row[0] not in ("kms", "ecr.api")],
)
def test_another_cells_resource_in_the_same_account_is_refused(service: str, action: str, resource: str) -> None:
    other = resource.format(ACCOUNT).replace("eu-west-1", "us-east-1")
    assert not allowed(service, call(action, other))


def test_an_unsigned_call_to_an_own_bucket_is_refused() -> None:
    request = Call(
        action="s3:GetObject",
        resource="arn:aws:s3:::eu-west-1-archive-1a2b3c4/key",
        context={"aws:ResourceAccount": ACCOUNT, "aws:SecureTransport": "true"},
    )
    assert not allowed("s3", request)


@pytest.mark.parametrize(
    "bucket", ["prod-eu-west-1-starport-layer-bucket", "al2023-repos-eu-west-1-de612dc2", "amazon-ssm-eu-west-1"]
)
def test_buckets_of_aws_can_be_read_and_nothing_else(bucket: str) -> None:
    unsigned = {"aws:ResourceAccount": FOREIGN, "aws:SecureTransport": "true"}
    read = Call(action="s3:GetObject", resource=f"arn:aws:s3:::{bucket}/layer", context=unsigned)
    assert allowed("s3", read)
    for action in ("s3:PutObject", "s3:DeleteObject", "s3:ListBucket", "s3:GetObjectAcl"):
        assert not allowed("s3", call(action, f"arn:aws:s3:::{bucket}/layer", owner=FOREIGN))
    plain = Call(action="s3:GetObject", resource=read.resource, context={"aws:SecureTransport": "false"})
    assert not allowed("s3", plain)


def test_the_layer_bucket_of_another_region_is_refused() -> None:
    resource = "arn:aws:s3:::prod-us-east-1-starport-layer-bucket/layer"
    assert not allowed("s3", call("s3:GetObject", resource, owner=FOREIGN))


def test_images_of_add_ons_can_be_pulled_and_nothing_pushed_to_their_registry() -> None:
    repository = "arn:aws:ecr:eu-west-1:602401143452:repository/eks/coredns"
    assert allowed("ecr.api", call("ecr:BatchGetImage", repository, owner="602401143452"))
    assert not allowed("ecr.api", call("ecr:PutImage", repository, owner="602401143452"))
    assert allowed("ecr.api", call("ecr:GetAuthorizationToken", "*"))
    foreign = "arn:aws:ecr:eu-west-1:999999999999:repository/x"
    assert not allowed("ecr.api", call("ecr:BatchGetImage", foreign, owner=FOREIGN))


def test_documents_of_aws_are_read_by_own_principals() -> None:
    parameter = "arn:aws:ssm:eu-west-1::parameter/aws/service/eks/optimized-ami"
    assert allowed("ssm", call("ssm:GetParameter", parameter, owner="aws"))
    assert not allowed("ssm", call("ssm:PutParameter", parameter, owner="aws"))
    assert not allowed("ssm", call("ssm:GetParameter", parameter, owner="aws", caller=FOREIGN))


def test_a_member_of_an_organisation_trusts_the_organisation_and_nobody_else() -> None:
    bucket = "arn:aws:s3:::eu-west-1-shared/key"
    inside = call("s3:GetObject", bucket, owner=FOREIGN, owner_org=ORGANIZATION, caller_org=ORGANIZATION)
    assert allowed("s3", inside, MEMBER)
    for owner, caller in ((None, ORGANIZATION), (ORGANIZATION, "o-zzzzzzzzzz"), ("o-zzzzzzzzzz", ORGANIZATION)):
        assert not allowed("s3", call("s3:GetObject", bucket, owner_org=owner, caller_org=caller), MEMBER)
    shared = "arn:aws:ecr:eu-west-1:999999999999:repository/payments"
    pull = call("ecr:BatchGetImage", shared, owner=FOREIGN, owner_org=ORGANIZATION, caller_org=ORGANIZATION)
    assert allowed("ecr.api", pull, MEMBER)


@pytest.mark.parametrize("perimeter", [ALONE, MEMBER], ids=["account", "organisation"])
@pytest.mark.parametrize("service", sorted(ALL))
def test_every_endpoint_policy_names_principal_and_resource_owner(service: str, perimeter: Perimeter) -> None:
    own = next(s for s in policy(service, perimeter)["Statement"] if s["Sid"] == "OwnResources")
    kind = "OrgID" if perimeter.organization_id else "Account"
    assert set(own["Condition"]["StringEquals"]) == {f"aws:Principal{kind}", f"aws:Resource{kind}"}


@pytest.mark.parametrize("service", sorted(ALL))
def test_endpoint_policies_keep_the_rules_that_aws_has_for_them(service: str) -> None:
    """Size, and no wildcard in keys that are system-generated identifiers."""
    text = json.dumps(policy(service))
    assert len(text) <= MAX_POLICY_CHARACTERS
    for statement in policy(service)["Statement"]:
        for keys in statement["Condition"].values():
            assert "*" not in "".join(str(value) for value in keys.values())


@pytest.mark.parametrize("service", sorted(ALL))
def test_what_an_endpoint_lets_pass_without_a_resource_has_none(service: str) -> None:
    assert [action for action in ALL[service].unnamed if actions()[action].resource_types] == []


def test_policies_are_of_plain_values() -> None:
    assert not any(isinstance(value, pulumi.Output) for service in ALL for value in policy(service).values())


def test_the_documented_support_of_policies_is_that_of_the_specs() -> None:
    page = (Path(__file__).parents[2] / "docs" / "components" / "network.md").read_text()
    for service, spec in ALL.items():
        said = f"[yes]({spec.source})" if spec.source else "not confirmed"
        assert f"| `{service}` | {said} |" in page, service
