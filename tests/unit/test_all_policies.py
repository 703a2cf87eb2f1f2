"""Every policy document that the committed stack files come to: no wildcard where a resource is known, no action that
does not exist, and no role without its boundary. Whatever a component adds is judged here without being listed."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
from mocks import Registered
from service_authorization import actions
from test_component_cell_pair import STACK as PAIR
from test_component_cell_pair import scheduled
from test_stacks import ACCOUNT_OUTPUTS, STACKS, made

from components.boundary import ACCOUNT, MAX_CHARACTERS, boundary, boundary_arn, boundary_name
from components.iam import UNSCOPABLE, document
from components.vocabulary import Compute
from sandbox.aws.iam.evaluator import Call, Decision, decide, like
from stacks import cell
from stacks.fleet import Fleet, load_fleet
from stacks.guardrail_models import AdoptedSettings, BackupSettings, BreakGlassSettings
from stacks.models import ClusterSettings

DECLARED = ("account", "account-dev", "eu-west-1", "us-east-1", "dev")
"""Stacks whose policies are looked at, besides `variants`: of each kind, in production and development, in two
jurisdictions. A pair is among the variants: no committed file declares one."""

STANDS_FOR_ITS_RESOURCE = frozenset({"aws:kms/key:Key"})
"""`*` in a key policy is the key (https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-overview.html)."""

ENDPOINT, ROLE, POLICY = "aws:ec2/vpcEndpoint:VpcEndpoint", "aws:iam/role:Role", "aws:iam/policy:Policy"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
_CEILING = "grants nothing: a ceiling over the policies of principal and resource"
_ENDPOINTS = "https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html"

EXCEPTIONS: Mapping[tuple[str, str, str], tuple[str, str, str]] = {
    (ROLE_POLICY, f"{PAIR}-drill", "LookAtAlarms"): (
        "composite alarms are shown to a permission on * only; held to the pair's regions by a condition",
        "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/permissions-reference-cw.html",
        "2026-11-29",
    ),
    (ENDPOINT, "-ec2", "OwnResources"): (_CEILING, _ENDPOINTS, "2026-11-23"),
    (ENDPOINT, "-monitoring", "OwnResources"): (_CEILING, _ENDPOINTS, "2026-11-23"),
    (ENDPOINT, "-ssm", "OwnResources"): (_CEILING, _ENDPOINTS, "2026-11-23"),
    (ENDPOINT, "-ssmmessages", "OwnResources"): (_CEILING, _ENDPOINTS, "2026-11-23"),
    (POLICY, "payment-cell-boundary-", "Ceiling"): (
        _CEILING,
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html",
        "2026-11-23",
    ),
}
"""(type, begin or end of the name, Sid) of an Allow with `*` as resource though its actions take one -> why, source,
date."""

TRUST_CHARACTERS, INLINE_CHARACTERS = 2_048, 10_240
"""Of a trust policy and of a role's inline policies together, white space not counted
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html, read 2026-11-23)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Declared:
    """One statement, and where it stands."""

    stack: str
    type: str
    name: str
    statement: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.stack}: {self.type} {self.name}, {self.statement.get('Sid')}"

    @property
    def actions(self) -> list[str]:
        found = self.statement.get("Action", [])
        return [found] if isinstance(found, str) else list(found)

    @property
    def resources(self) -> list[str]:
        found = self.statement.get("Resource", [])
        return [found] if isinstance(found, str) else list(found)

    @property
    def exception(self) -> tuple[str, str, str] | None:
        def named(part: str) -> bool:
            return self.name.endswith(part) or self.name.startswith(part)

        sid = self.statement.get("Sid")
        return next((k for k in EXCEPTIONS if k[0] == self.type and named(k[1]) and k[2] == sid), None)


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return load_fleet(STACKS)


@pytest.fixture(scope="module")
def stacks(fleet: Fleet) -> dict[str, Registered]:
    return {stack: made(stack, fleet, ACCOUNT_OUTPUTS) for stack in DECLARED} | variants(fleet)


def variants(fleet: Fleet) -> dict[str, Registered]:
    """The same stacks as other settings make them: `<stack>, <what is other>`."""
    auto = ClusterSettings(compute=Compute.AUTO)
    adopted = AdoptedSettings(trail_log_group="org-trail", load_balancer_log_buckets={"eu-west-1": "org-lb-logs"})
    people = BreakGlassSettings(principal_arns=("arn:aws:iam::210987654321:user/emergency-1",))
    uncopied = BackupSettings(no_copy_reason="the copies of these tests are elsewhere")
    found = {
        f"{PAIR}, drilled": scheduled(),
        "eu-west-1, auto": made("eu-west-1", fleet, ACCOUNT_OUTPUTS, cluster=auto, backups=uncopied),
        "dev, auto": made("dev", fleet, ACCOUNT_OUTPUTS, cluster=auto),
        "account, break-glass": made("account", fleet, ACCOUNT_OUTPUTS, break_glass=people),
        "account, adopt": made("account", fleet, ACCOUNT_OUTPUTS, guardrails="adopt", adopted=adopted),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cell, "load_fleet", lambda _folder: organisation(fleet))
        found["eu-west-1, organisation"] = made("eu-west-1", fleet, ACCOUNT_OUTPUTS)
    return found


def organisation(fleet: Fleet) -> Fleet:
    """The fleet, its production account in an organisation."""
    account = fleet.stacks["account"]
    settings = account.settings.model_copy(update={"organization_id": "o-a1b2c3d4e5"})
    return replace(fleet, stacks={**fleet.stacks, "account": replace(account, settings=settings)})


@pytest.fixture(scope="module")
def declared(stacks: dict[str, Registered]) -> list[Declared]:
    return [
        Declared(stack=stack, type=resource.type, name=resource.name, statement=statement)
        for stack, registered in stacks.items()
        for resource in registered
        for body in documents(resource.inputs)
        for statement in body["Statement"]
    ]


def documents(inputs: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Every input that is a policy document, whatever its name."""
    for value in inputs.values():
        if isinstance(value, str) and value.startswith("{") and '"Statement"' in value:
            yield json.loads(value)


def allows(declared: list[Declared]) -> list[Declared]:
    return [one for one in declared if one.statement["Effect"] == "Allow"]


def in_one_organisation(one: Declared) -> bool:
    return "aws:ResourceOrgID" in one.statement.get("Condition", {}).get("StringEquals", {})


def test_policies_of_every_kind_are_looked_at(declared: list[Declared]) -> None:
    assert {one.type for one in declared} >= {
        "aws:cloudwatch/logResourcePolicy:LogResourcePolicy",
        ENDPOINT, POLICY, ROLE,
        ROLE_POLICY,
        "aws:kms/key:Key",
        "aws:s3/bucketPolicy:BucketPolicy",
        "aws:sns/topicPolicy:TopicPolicy",
        "aws:sqs/queuePolicy:QueuePolicy",
    }  # fmt: skip


def test_no_allow_has_a_wildcard_where_a_resource_is_known(declared: list[Declared]) -> None:
    def scopable(one: Declared) -> bool:
        return any("*" in a or actions()[a].resource_types for a in one.actions)

    found = [
        str(one)
        for one in allows(declared)
        if "*" in one.resources and scopable(one) and one.type not in STANDS_FOR_ITS_RESOURCE and not one.exception
    ]
    assert found == [], "name the resource, or give the reason in EXCEPTIONS"


def test_no_allow_leaves_account_or_region_open(declared: list[Declared]) -> None:
    """Where an ARN has the part at all: those of S3 have neither, those of IAM no region. An organisation's registry
    may be in any of its accounts: an account is open only where a condition names the organisation of the resource."""
    found = [
        f"{one}: {resource}"
        for one in allows(declared)
        for resource in one.resources
        if resource != "*" and "*" in "".join(resource.split(":", 5)[1 : 4 if in_one_organisation(one) else 5])
    ]
    assert found == []
    assert any(in_one_organisation(one) for one in declared)


def test_every_action_exists(declared: list[Declared]) -> None:
    known: dict[str, list[str]] = {}
    for action in actions():
        known.setdefault(action.partition(":")[0], []).append(action.lower())
    patterns = {action.lower() for one in declared for action in [*one.actions, *one.statement.get("NotAction", [])]}

    def exists(pattern: str) -> bool:
        return any(like(pattern, action) for action in known.get(pattern.partition(":")[0], []))

    assert sorted(pattern for pattern in patterns if pattern != "*" and not exists(pattern)) == []


def test_whole_services_are_allowed_in_ceilings_only(declared: list[Declared]) -> None:
    found = [str(one) for one in allows(declared) if any("*" in a for a in one.actions)]
    assert [text for text in found if ENDPOINT not in text and "Ceiling" not in text] == []


def test_everybody_is_allowed_only_under_a_condition_on_the_caller(declared: list[Declared]) -> None:
    open_ = [one for one in allows(declared) if one.statement.get("Principal") in ("*", {"AWS": "*"})]
    assert open_
    for one in open_:
        keys = {key for keys in one.statement.get("Condition", {}).values() for key in keys}
        ours = {"aws:PrincipalAccount", "aws:PrincipalOrgID", "kms:CallerAccount"}
        assert keys & ours or one.statement["Sid"] == "BucketsOfAws", str(one)


def test_services_act_for_this_account_only(declared: list[Declared]) -> None:
    """Against the confused deputy; a service principal without a source has to be one that gives none."""
    without = {"ec2.amazonaws.com"}
    for one in allows(declared):
        principal = one.statement.get("Principal")
        service = principal.get("Service") if isinstance(principal, dict) else None
        if service and service not in without:
            keys = {key for keys in one.statement.get("Condition", {}).values() for key in keys}
            source = {"aws:SourceAccount", "aws:SourceArn", "aws:SourceOrgID"}
            assert keys & source or any(":EncryptionContext:" in key for key in keys), str(one)


def test_every_exception_is_used_sourced_and_dated(declared: list[Declared]) -> None:
    assert {one.exception for one in allows(declared) if "*" in one.resources} - {None} == EXCEPTIONS.keys()
    for why, source, date in EXCEPTIONS.values():
        assert why
        assert source.startswith("https://docs.aws.amazon.com/")
        assert re.fullmatch(r"2026-\d\d-\d\d", date)


def test_actions_that_may_have_the_wildcard_take_no_resource() -> None:
    assert [action for action in sorted(UNSCOPABLE) if actions()[action].resource_types] == []


def test_policies_fit_into_the_sizes_that_iam_takes(stacks: dict[str, Registered]) -> None:
    for registered in stacks.values():
        inline: dict[str, int] = {}
        for resource in registered:
            sizes = [len(json.dumps(body, separators=(",", ":"))) for body in documents(resource.inputs)]
            if resource.type == ROLE:
                assert sum(sizes) <= TRUST_CHARACTERS, resource.name
            if resource.type == POLICY:
                assert sum(sizes) <= MAX_CHARACTERS, resource.name
            if resource.type == ROLE_POLICY:
                inline[resource.inputs["role"]] = inline.get(resource.inputs["role"], 0) + sum(sizes)
        assert all(size <= INLINE_CHARACTERS for size in inline.values()), inline


def test_every_role_carries_the_boundary_of_its_jurisdiction(stacks: dict[str, Registered], fleet: Fleet) -> None:
    for variant, registered in stacks.items():
        stack, roles = variant.partition(",")[0], registered.of(ROLE)
        key = ACCOUNT if stack in fleet.accounts else fleet.plan(stack.removesuffix("-pair")).jurisdiction
        assert roles or stack == "account-dev"
        for role in roles.values():
            assert role.inputs["permissionsBoundary"].rpartition("payment-cell-")[2] == f"boundary-{key}", role.name


def test_the_account_makes_the_boundary_of_each_jurisdiction_it_has_cells_in(
    stacks: dict[str, Registered], fleet: Fleet
) -> None:
    names = {policy.inputs["name"] for policy in stacks["account"].of(POLICY).values()}
    used = {fleet.plan(cell).jurisdiction for cell, settings in fleet.cells.items() if settings.account == "account"}
    assert names == {boundary_name(key) for key in (*used, ACCOUNT)}
    eu = stacks["account"].one(POLICY, boundary_name("eu")).document()
    (away,) = [s for s in eu["Statement"] if s["Sid"] == "LeaveTheJurisdiction"]
    assert set(away["Condition"]["StringNotEquals"]["aws:RequestedRegion"]) >= {"eu-west-1", "eu-central-1"}
    assert "us-east-1" not in str(away)
    assert boundary_arn("123456789012", "eu") == "arn:aws:iam::123456789012:policy/payment-cell-boundary-eu"


def test_a_boundary_takes_nothing_away_that_a_cells_roles_are_given(declared: list[Declared]) -> None:
    given = {action for one in allows(declared) if one.type == ROLE_POLICY for action in one.actions}
    assert given
    for action in given:
        assert bounds(action) is Decision.ALLOWED, action


@pytest.mark.parametrize(
    "action",
    [
        "iam:CreateUser", "iam:CreateAccessKey", "iam:PutRolePolicy", "iam:DeleteRolePermissionsBoundary",
        "iam:PutRolePermissionsBoundary", "iam:UpdateAssumeRolePolicy", "organizations:LeaveOrganization",
        "account:CloseAccount", "cloudtrail:StopLogging", "cloudtrail:DeleteTrail", "config:StopConfigurationRecorder",
        "guardduty:DeleteDetector", "securityhub:DisableSecurityHub", "kms:ScheduleKeyDeletion",
        "s3:BypassGovernanceRetention", "s3:PutBucketPolicy", "logs:DeleteLogGroup", "ec2:DeleteFlowLogs",
    ],
)  # fmt: skip
def test_no_role_changes_identities_accounts_or_guardrails(action: str) -> None:
    assert action in actions()
    assert bounds(action) is Decision.DENIED


def test_no_role_leaves_its_jurisdiction_or_account() -> None:
    assert bounds("kinesis:PutRecord", region="eu-central-1") is Decision.ALLOWED
    assert bounds("kinesis:PutRecord", region="us-east-1") is Decision.DENIED
    assert bounds("route53:GetHostedZone", region="us-east-1") is Decision.ALLOWED
    assert bounds("sts:AssumeRole", owner="999999999999") is Decision.DENIED
    assert bounds("sts:AssumeRole") is Decision.ALLOWED
    assert bounds("iam:CreateServiceLinkedRole") is Decision.ALLOWED


def bounds(action: str, *, region: str = "eu-west-1", owner: str = "123456789012") -> Decision:
    """What the boundary of `eu` says of an action."""
    context = {"aws:RequestedRegion": region, "aws:ResourceAccount": owner}
    body = document(*boundary("123456789012", ["eu-west-1", "eu-central-1"]))
    return decide(body, Call(action=action, context=context))
