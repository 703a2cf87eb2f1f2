"""Live identities in the words of the provider."""

import json
from typing import Any

from recorded import ACCOUNT, REGION, Refusal, read, region

from operations.audit.live.collect import collect, linked
from policies.catalogue import control
from policies.control import Status, answers
from policies.resources import Stack

ROLE, POLICY = "aws:iam/role:Role", "aws:iam/policy:Policy"
INLINE, ATTACHED = "aws:iam/rolePolicy:RolePolicy", "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
TRUST = {"Statement": {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}}
OWN = f"arn:aws:iam::{ACCOUNT}:policy/team/own"
EVERYTHING = {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}


def role(name: str = "app", path: str = "/", **more: Any) -> dict[str, Any]:
    arn = f"arn:aws:iam::{ACCOUNT}:role{path}{name}"
    return {"RoleName": name, "Path": path, "Arn": arn, "AssumeRolePolicyDocument": json.dumps(TRUST), **more}


def recorded(*roles: dict[str, Any], **lists: Any) -> dict[str, Any]:
    versions = [
        {"VersionId": "v2", "IsDefaultVersion": True, "Document": json.dumps(EVERYTHING)},
        {"VersionId": "v1", "IsDefaultVersion": False, "Document": "{}"},
    ]
    policies = [{"PolicyName": "own", "Arn": OWN, "Path": "/team/", "PolicyVersionList": versions}]
    answer = {"RoleDetailList": list(roles), "Policies": policies, **lists}
    return {
        "iam.get_account_authorization_details": answer,
        "iam.list_roles": {"Roles": [{"RoleName": "app", "MaxSessionDuration": 7200}]},
        "iam.get_policy": {"Policy": {"DefaultVersionId": "v2"}},
        "iam.get_policy_version": {"PolicyVersion": {"Document": "{}"}},
        "iam.list_policy_tags": {"Tags": [{"Key": "a", "Value": "b"}]},
    }


def test_a_role_is_read_with_its_trust_boundary_and_longest_session() -> None:
    boundary = {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": OWN}
    (found,) = read(ROLE, recorded(role(PermissionsBoundary=boundary, Tags=[{"Key": "a", "Value": "b"}]))).found
    props = found.resource.props
    assert (found.identity, found.made_by_aws) == (("app",), "")
    assert (props["permissionsBoundary"], props["maxSessionDuration"], props["tags"]["a"]) == (OWN, 7200, "b")
    assert json.loads(props["assumeRolePolicy"]) == TRUST


def test_a_role_without_a_boundary_has_none() -> None:
    (found,) = read(ROLE, recorded(role())).found
    assert "permissionsBoundary" not in found.resource.props
    assert dict(found.resource.props["tags"]) == {}


def test_roles_of_services_and_of_the_identity_center_are_made_by_aws_with_what_they_hold() -> None:
    held: dict[str, Any] = {"AttachedManagedPolicies": [{"PolicyName": "p", "PolicyArn": "arn:aws:iam::aws:policy/p"}]}
    answers_ = recorded(
        role("s", "/aws-service-role/x.amazonaws.com/", **held),
        role("i", "/aws-reserved/sso.amazonaws.com/eu-west-1/", **held),
        role("a", **held),
    )
    for type_ in (ROLE, ATTACHED):
        assert [bool(one.made_by_aws) for one in sorted(read(type_, answers_).found, key=lambda one: one.key)] == [
            False,
            True,
            True,
        ]


def test_a_policy_is_read_in_the_version_that_is_in_force() -> None:
    (found,) = read(POLICY, recorded()).found
    assert found.identity == (OWN,)
    assert json.loads(found.resource.props["policy"]) == EVERYTHING
    assert (found.resource.props["name"], found.resource.props["path"]) == ("own", "/team/")


def test_what_a_live_role_is_granted_reaches_the_clauses() -> None:
    inline = [{"PolicyName": "in", "PolicyDocument": json.dumps(EVERYTHING)}]
    attached = [{"PolicyName": "own", "PolicyArn": OWN}]
    account = collect(
        [region(recorded(role(RolePolicyList=inline, AttachedManagedPolicies=attached)))],
        [
            *(f"aws:iam/{kind}:{kind.capitalize()}" for kind in ("role", "user", "group")),
            *(f"aws:iam/{kind}Policy:{kind.capitalize()}Policy" for kind in ("role", "user", "group")),
            *(
                f"aws:iam/{kind}PolicyAttachment:{kind.capitalize()}PolicyAttachment"
                for kind in ("role", "user", "group")
            ),
            POLICY,
        ],
    )
    assert {one.resource.props["id"] for one in account.found} >= {"app:in", f"app/{OWN}"}
    found = {
        (one.urn.split("|")[0], one.clause): one.verdict.status
        for one in answers(control("IAM-01"), Stack(linked(account.found)), live=True)
    }
    assert found[ROLE, "cannot_raise_its_own_rights"] is Status.FAIL
    assert found[INLINE, "grants_no_star_on_star"] is Status.FAIL
    assert found[POLICY, "grants_no_star_on_star"] is Status.FAIL


def test_what_a_policy_of_aws_grants_is_read_and_counts() -> None:
    arn = "arn:aws:iam::aws:policy/IAMFullAccess"
    raises = {"Statement": {"Effect": "Allow", "Action": "iam:*", "Resource": "*"}}
    recordings = recorded(role(AttachedManagedPolicies=[{"PolicyName": "IAMFullAccess", "PolicyArn": arn}])) | {
        "iam.get_policy": {"Policy": {"Arn": arn, "DefaultVersionId": "v2"}},
        "iam.get_policy_version": {"PolicyVersion": {"VersionId": "v2", "Document": json.dumps(raises)}},
    }

    def judged(recordings: dict[str, Any]) -> dict[str, Status]:
        found = linked([*read(ROLE, recordings).found, *read(ATTACHED, recordings).found])
        return {one.clause: one.verdict.status for one in answers(control("IAM-01"), Stack(found), live=True)}

    assert judged(recordings)["cannot_raise_its_own_rights"] is Status.FAIL
    for call in ("iam.get_policy", "iam.get_policy_version"):
        refused = judged(recordings | {call: Refusal("AccessDenied")})
        assert refused["cannot_raise_its_own_rights"] is Status.NOT_OBSERVED


def test_users_and_groups_are_read_with_what_they_hold() -> None:
    held = {"Path": "/", "AttachedManagedPolicies": [{"PolicyName": "own", "PolicyArn": OWN}]}
    policy = [{"PolicyName": "in", "PolicyDocument": "{}"}]
    answers_ = recorded(
        UserDetailList=[{"UserName": "u", "Arn": "arn:aws:iam::1:user/u", "UserPolicyList": policy, **held}],
        GroupDetailList=[{"GroupName": "g", "Arn": "arn:aws:iam::1:group/g", "GroupPolicyList": policy, **held}],
    )
    for kind, name in (("user", "u"), ("group", "g")):
        word = kind.capitalize()
        (principal,) = read(f"aws:iam/{kind}:{word}", answers_).found
        (inline,) = read(f"aws:iam/{kind}Policy:{word}Policy", answers_).found
        (link,) = read(f"aws:iam/{kind}PolicyAttachment:{word}PolicyAttachment", answers_).found
        assert principal.resource.props["name"] == name
        assert (inline.identity, inline.resource.props[kind]) == ((f"{name}:in",), name)
        assert link.identity == (name, OWN)


def test_a_refused_list_of_sessions_leaves_only_the_session_unread() -> None:
    account = read(ROLE, recorded(role()) | {"iam.list_roles": Refusal("AccessDenied")})
    (found,) = account.found
    assert found.resource.props["name"] == "app"
    (verdict, *_) = answers(control("IAM-03"), Stack((found.resource,)), live=True)
    assert verdict.verdict.status is Status.NOT_APPLICABLE


def test_identities_that_cannot_be_listed_are_not_observed() -> None:
    account = read(INLINE, {"iam.get_account_authorization_details": Refusal("AccessDenied")})
    assert account.unobserved == {INLINE: f"{REGION}: iam:GetAccountAuthorizationDetails: AccessDenied"}


def test_an_account_without_a_password_policy_has_none() -> None:
    type_ = "aws:iam/accountPasswordPolicy:AccountPasswordPolicy"
    assert read(type_, {"iam.get_account_password_policy": Refusal("NoSuchEntity")}).found == []
    policy = {"MinimumPasswordLength": 14, "RequireSymbols": True}
    (found,) = read(type_, {"iam.get_account_password_policy": {"PasswordPolicy": policy}}).found
    assert found.resource.props["minimumPasswordLength"] == 14


def test_access_keys_of_users_are_found_without_their_secrets() -> None:
    type_ = "aws:iam/accessKey:AccessKey"
    users = recorded(UserDetailList=[{"UserName": "u", "Arn": "arn:aws:iam::1:user/u"}])
    listed = {"AccessKeyMetadata": [{"AccessKeyId": "AKIAXXXXXXXXXXXXXXXX", "UserName": "u", "Status": "Active"}]}
    (found,) = read(type_, users | {"iam.list_access_keys": listed}).found
    assert (found.identity, found.resource.props["user"]) == (("AKIAXXXXXXXXXXXXXXXX",), "u")
    (answer,) = answers(control("IAM-02"), Stack((found.resource,)), live=True)
    assert answer.verdict.status is Status.FAIL
    assert list(read(type_, users | {"iam.list_access_keys": Refusal("AccessDenied")}).unobserved) == [type_]


def test_an_answer_of_another_shape_ends_one_type_only() -> None:
    odd = {"iam.get_account_authorization_details": {"RoleDetailList": [{"Path": "/"}]}}
    account = collect([region(odd)], [ROLE, POLICY])
    assert "KeyError 'RoleName'" in account.unobserved[ROLE]
    assert [one.listed for one in account.populations if one.type == POLICY] == [0]
