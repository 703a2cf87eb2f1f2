"""IAM-01: what a principal is granted, counting boundaries."""

import json
from typing import Any

import pytest

from policies.control import Status
from policies.documents import grants, like, statements
from policies.resources import Resource
from policies.testing import UNKNOWN, resource, verdicts

ROLE, INLINE, POLICY = "aws:iam/role:Role", "aws:iam/rolePolicy:RolePolicy", "aws:iam/policy:Policy"
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
KEY = "arn:aws:kms:eu-west-1:123456789012:key/1"


def document(*rows: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "*", **r} for r in rows]})


def inline(*rows: dict[str, Any], role: Resource | None = None) -> Resource:
    return resource(INLINE, "p", {"role": [role]} if role else None, role=UNKNOWN, policy=document(*rows))


def answered(subject: Resource, *others: Resource) -> dict[str, Status]:
    found = verdicts("IAM-01", subject, *others)
    return {clause: status for (name, clause), status in found.items() if name == subject.name}


@pytest.mark.parametrize(
    ("row", "broken"),
    [
        ({"Action": "*"}, "grants_no_star_on_star"),
        ({"Action": ["*:*"]}, "grants_no_star_on_star"),
        ({"Action": "iam:PassRole"}, "passes_no_unnamed_role"),
        ({"Action": "iam:Pass*", "Resource": "arn:aws:iam::123456789012:role/*"}, "passes_no_unnamed_role"),
        ({"NotAction": "s3:*"}, "passes_no_unnamed_role"),
        ({"Action": "KMS:decrypt"}, "decrypts_with_no_unnamed_key"),
        ({"Action": "kms:*", "Resource": [KEY, "arn:aws:kms:*:*:key/*"]}, "decrypts_with_no_unnamed_key"),
        ({"Action": "kms:Decrypt", "Resource": "arn:aws:kms:*"}, "decrypts_with_no_unnamed_key"),
        ({"Action": "kms:ReEncryptFrom", "Resource": None, "NotResource": KEY}, "decrypts_with_no_unnamed_key"),
    ],
)
def test_a_document_that_grants_too_much_fails_its_clause(row: dict[str, Any], broken: str) -> None:
    assert answered(inline(row))[broken] is Status.FAIL


@pytest.mark.parametrize(
    "row",
    [
        {"Action": "kms:Decrypt", "Resource": KEY},
        {"Action": ["kms:Decrypt", "s3:GetObject"], "Resource": [KEY, "arn:aws:s3:::*"]},
        {"Action": "iam:PassRole", "Resource": "arn:aws:iam::123456789012:role/cell-*"},
        {"Action": "ec2:DescribeVpcs"},
        {"Effect": "Deny", "Action": "*"},
    ],
)
def test_a_document_that_names_what_it_needs_passes(row: dict[str, Any]) -> None:
    assert set(answered(inline(row)).values()) == {Status.PASS}


def test_an_unknown_document_is_never_a_pass() -> None:
    role = resource(ROLE, "r")
    own = resource(INLINE, "p", {"role": [role]}, role=UNKNOWN, policy=UNKNOWN)
    assert set(answered(own, role).values()) == {Status.UNDETERMINED}
    clause = "cannot_raise_its_own_rights"
    assert answered(role, own)[clause] is Status.UNDETERMINED
    given = resource(ROLE, "r", {"inlinePolicies": [own]}, inlinePolicies=UNKNOWN)
    assert answered(given)[clause] is Status.UNDETERMINED
    left_to_aws = resource(ROLE, "r", inlinePolicies=UNKNOWN)
    assert answered(left_to_aws)[clause] is Status.PASS


def test_an_unknown_document_hides_no_known_grant() -> None:
    role = resource(ROLE, "r")
    dark = resource(INLINE, "dark", {"role": [role]}, role=UNKNOWN, policy=UNKNOWN)
    clear = inline({"Action": "iam:PutRolePolicy"}, role=role)
    assert answered(role, dark, clear)["cannot_raise_its_own_rights"] is Status.FAIL


def test_a_way_to_more_rights_is_found_over_all_policies_of_a_role() -> None:
    clause = "cannot_raise_its_own_rights"
    role = resource(ROLE, "r", id="r")
    assert answered(role)[clause] is Status.PASS
    assert answered(role, inline({"Action": "iam:AttachRolePolicy"}, role=role))[clause] is Status.FAIL
    by_name = resource(INLINE, "p", role="r", policy=document({"Action": "iam:*"}))
    assert answered(role, by_name)[clause] is Status.FAIL
    managed = resource(POLICY, "m", policy=document({"Action": "iam:CreatePolicyVersion"}))
    link = resource(ATTACHMENT, "a", {"role": [role], "policyArn": [managed]}, role=UNKNOWN, policyArn=UNKNOWN)
    assert answered(role, managed, link)[clause] is Status.FAIL
    denied = inline({"Action": "iam:*"}, {"Effect": "Deny", "Action": "iam:*"}, role=role)
    assert answered(role, denied)[clause] is Status.PASS
    delegated = {
        "Action": "iam:PutRolePolicy",
        "Condition": {"StringEquals": {"iam:PermissionsBoundary": "arn:aws:iam::1:policy/b"}},
    }
    assert answered(role, inline(delegated, role=role))[clause] is Status.PASS
    assert answered(role, inline(delegated, {"Action": "iam:*"}, role=role))[clause] is Status.FAIL


def test_policies_inside_a_role_and_shared_attachments_count() -> None:
    row = {"Action": ["iam:PassRole", "iam:PutRolePolicy"]}
    role = resource(ROLE, "r", inlinePolicies=[{"name": "a", "policy": document(row)}])
    found = answered(role)
    assert (found["passes_no_unnamed_role"], found["cannot_raise_its_own_rights"]) == (Status.FAIL, Status.FAIL)
    assert found["decrypts_with_no_unnamed_key"] is Status.PASS
    everything = resource(ROLE, "r", inlinePolicies=[{"name": "a", "policy": document({"Action": "*"})}])
    assert answered(everything)["grants_no_star_on_star"] is Status.FAIL
    bare, managed = resource(ROLE, "r"), resource(POLICY, "m", policy=document(row))
    shared = resource(
        "aws:iam/policyAttachment:PolicyAttachment",
        "a",
        {"roles": [bare], "policyArn": [managed]},
        roles=[UNKNOWN],
        policyArn=UNKNOWN,
    )
    assert answered(bare, managed, shared)["cannot_raise_its_own_rights"] is Status.FAIL
    assert answered(shared, managed)["attaches_no_administrator"] is Status.NOT_APPLICABLE


def test_a_boundary_of_one_bearer_excuses_no_other() -> None:
    shut = resource(POLICY, "b", policy=document({"Effect": "Deny", "Action": "*"}))
    managed = resource(POLICY, "m", policy=document({"Action": "iam:PassRole"}))
    bounded = resource(ROLE, "r1", {"permissionsBoundary": [shut]}, permissionsBoundary=UNKNOWN)
    elsewhere = resource(ROLE, "r2", permissionsBoundary="arn:aws:iam::1:policy/b")
    bare = resource(ROLE, "r3")

    def answer(*roles: Resource) -> Status:
        links = [
            resource(ATTACHMENT, f"a-{role.name}", {"role": [role], "policyArn": [managed]}, role=UNKNOWN)
            for role in roles
        ]
        return answered(managed, shut, *roles, *links)["passes_no_unnamed_role"]

    assert answer(bounded) is Status.PASS
    assert answer(bounded, elsewhere) is Status.UNDETERMINED
    assert answer(bounded, elsewhere, bare) is Status.FAIL


def test_a_boundary_that_takes_one_action_away_excuses_no_other() -> None:
    half = resource(POLICY, "b", policy=document({"Action": "*"}, {"Effect": "Deny", "Action": "kms:Decrypt"}))
    role = resource(ROLE, "r", {"permissionsBoundary": [half]}, permissionsBoundary=UNKNOWN)
    both = inline({"Action": ["kms:Decrypt", "kms:ReEncryptFrom"]}, role=role)
    assert answered(both, role, half)["decrypts_with_no_unnamed_key"] is Status.FAIL
    one = inline({"Action": "kms:Decrypt"}, role=role)
    assert answered(one, role, half)["decrypts_with_no_unnamed_key"] is Status.PASS


def test_a_boundary_counts_where_it_is_known() -> None:
    clause = "cannot_raise_its_own_rights"
    row = {"Action": ["iam:PutRolePolicy", "iam:PassRole"]}
    shut = resource(POLICY, "b", policy=document({"Action": "*"}, {"Effect": "Deny", "Action": "iam:*"}))
    open_ = resource(POLICY, "b", policy=document({"Action": "*"}, {"Effect": "Deny", "Action": "s3:*"}))

    def bearer(boundary: Resource) -> Resource:
        return resource(ROLE, "r", {"permissionsBoundary": [boundary]}, permissionsBoundary=UNKNOWN)

    for boundary, expected in ((shut, Status.PASS), (open_, Status.FAIL)):
        role = bearer(boundary)
        assert answered(role, boundary, inline(row, role=role))[clause] is expected
        assert answered(inline(row, role=role), role, boundary)["passes_no_unnamed_role"] is expected
        assert answered(boundary, role)["grants_no_star_on_star"] is Status.NOT_APPLICABLE
    elsewhere = resource(ROLE, "r", permissionsBoundary="arn:aws:iam::1:policy/b")
    assert answered(elsewhere, inline(row, role=elsewhere))[clause] is Status.UNDETERMINED
    assert answered(inline(row, role=elsewhere), elsewhere)["passes_no_unnamed_role"] is Status.UNDETERMINED
    everything = {"Action": "*"}
    assert answered(inline(everything, role=elsewhere), elsewhere)["grants_no_star_on_star"] is Status.FAIL


def test_a_managed_policy_is_a_boundary_by_its_tag_and_only_while_nobody_has_it() -> None:
    tagged = {"payment-cell:use": "permissions-boundary"}
    ceiling = resource(POLICY, "b", policy=document({"Action": "*"}), tags=tagged)
    assert set(answered(ceiling).values()) == {Status.NOT_APPLICABLE}
    assert answered(resource(POLICY, "b", policy=document({"Action": "*"})))["grants_no_star_on_star"] is Status.FAIL
    role = resource(ROLE, "r")
    link = resource(ATTACHMENT, "a", {"role": [role], "policyArn": [ceiling]}, role=UNKNOWN, policyArn=UNKNOWN)
    assert answered(ceiling, role, link)["grants_no_star_on_star"] is Status.FAIL


def test_no_administrators_policy_of_aws_is_attached() -> None:
    def attached(arn: str) -> Status:
        return answered(resource(ATTACHMENT, "a", role="r", policyArn=arn))["attaches_no_administrator"]

    assert attached("arn:aws:iam::aws:policy/AdministratorAccess") is Status.FAIL
    assert attached("arn:aws:iam::aws:policy/AmazonEKSClusterPolicy") is Status.PASS
    assert attached("arn:aws:iam::123456789012:policy/AdministratorAccess") is Status.PASS
    assert attached(UNKNOWN) is Status.UNDETERMINED
    role = resource(ROLE, "r", managedPolicyArns=[UNKNOWN, "arn:aws:iam::aws:policy/IAMFullAccess"])
    assert answered(role)["manages_no_administrator"] is Status.FAIL
    assert answered(resource(ROLE, "r"))["manages_no_administrator"] is Status.PASS


def test_the_parser_reads_words_lists_and_wildcards() -> None:
    (one,) = statements({"Statement": {"Effect": "Allow", "Action": "s3:Get?bject", "Resource": "*"}})
    assert one.speaks_of("s3:getobject")
    assert not one.speaks_of("s3:PutObject")
    assert like("a*c", "abbc")
    assert not like("a.c", "abc")
    assert grants([one], "s3:GetObject") == (one,)
    assert grants([], "s3:GetObject") == ()
