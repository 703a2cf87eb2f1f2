"""IAM-04: how a cluster is reached."""

import json

import pytest

from policies.control import Status
from policies.resources import Resource
from policies.testing import UNKNOWN, resource, verdicts

API, CREATOR = "is_reached_through_access_entries_only", "leaves_its_creator_without_rights"


def answered(**props: object) -> dict[str, Status]:
    found = verdicts("IAM-04", resource("aws:eks/cluster:Cluster", "c", **props))
    return {clause: status for (_, clause), status in found.items()}


def test_a_cluster_is_reached_through_access_entries_and_its_creator_is_nobody() -> None:
    good = {"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": False}
    assert answered(accessConfig=good) == {API: Status.PASS, CREATOR: Status.PASS}
    assert answered(accessConfig={**good, "authenticationMode": "API_AND_CONFIG_MAP"})[API] is Status.FAIL
    assert answered(accessConfig={"authenticationMode": "API"}) == {API: Status.PASS, CREATOR: Status.FAIL}
    assert answered(accessConfig={**good, "authenticationMode": UNKNOWN})[API] is Status.UNDETERMINED


@pytest.mark.parametrize("absent", [{}, {"accessConfig": UNKNOWN}])
def test_what_is_left_to_aws_is_its_default(absent: dict[str, object]) -> None:
    assert answered(**absent) == {API: Status.FAIL, CREATOR: Status.FAIL}


@pytest.mark.parametrize("kind", ["ClusterRoleBinding", "RoleBinding"])
def test_nobody_is_bound_to_cluster_admin(kind: str) -> None:
    def bound(role: object) -> Status:
        (status,) = verdicts(
            "IAM-04", resource(f"kubernetes:rbac.authorization.k8s.io/v1:{kind}", "b", roleRef=role)
        ).values()
        return status

    assert bound({"kind": "ClusterRole", "name": "cluster-admin"}) is Status.FAIL
    assert bound({"kind": "ClusterRole", "name": "view"}) is Status.PASS
    assert bound({"kind": "Role", "name": "cluster-admin"}) is Status.PASS
    assert bound({"kind": "ClusterRole", "name": UNKNOWN}) is Status.UNDETERMINED
    assert bound({}) is Status.PASS, "the API server refuses it"


@pytest.mark.parametrize("policy", ["AmazonEKSClusterAdminPolicy", "AmazonEKSAdminPolicy"])
def test_no_person_is_a_standing_administrator(policy: str) -> None:
    def associated(principal: str, policy: str = policy) -> Status:
        association = resource(
            "aws:eks/accessPolicyAssociation:AccessPolicyAssociation",
            "a",
            principalArn=principal,
            policyArn=policy if policy == UNKNOWN else f"arn:aws:eks::aws:cluster-access-policy/{policy}",
        )
        return verdicts("IAM-04", association)["a", "makes_nobody_a_standing_administrator"]

    person = "arn:aws:iam::1:role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Operators_1a2b"
    assert associated(person) is Status.FAIL
    assert associated("arn:aws:iam::1:user/ann") is Status.FAIL
    assert associated("arn:aws:iam::1:role/deploy") is Status.PASS
    assert associated(person, "AmazonEKSViewPolicy") is Status.PASS
    assert associated(UNKNOWN) is Status.UNDETERMINED
    assert associated(person, UNKNOWN) is Status.UNDETERMINED


ENTRY, ROLE = "aws:eks/accessEntry:AccessEntry", "aws:iam/role:Role"
ASSOCIATION = "aws:eks/accessPolicyAssociation:AccessPolicyAssociation"
ARN = "arn:aws:iam::111111111111:role/deploy"
JOBS = {"Federated": "arn:aws:iam::111111111111:oidc-provider/token.actions.githubusercontent.com"}


def becomes(*principals: object, policy: str = "AmazonEKSClusterAdminPolicy") -> Status:
    """Of the administrator whose role lets these in."""
    trust = [{"Effect": "Allow", "Principal": one, "Action": "sts:AssumeRole"} for one in principals]
    role = resource(ROLE, "r", arn=ARN, assumeRolePolicy=json.dumps({"Statement": trust}))
    policy_arn = f"arn:aws:eks::aws:cluster-access-policy/{policy}"
    return entered(resource(ASSOCIATION, "a", principalArn=ARN, policyArn=policy_arn), role)


def entered(*stack: Resource) -> Status:
    return verdicts("IAM-04", *stack)["a", "no_person_becomes_an_administrator"]


def test_services_and_jobs_alone_become_an_administrator() -> None:
    assert becomes({"Service": "codebuild.amazonaws.com"}, JOBS) is Status.PASS
    assert becomes({"AWS": "arn:aws:iam::111111111111:root"}, policy="AmazonEKSViewPolicy") is Status.NOT_APPLICABLE
    for people in (
        *("*", {"AWS": "111111111111"}, {"AWS": "arn:aws:iam::111111111111:root"}),
        {"AWS": "arn:aws:iam::111111111111:user/ann"},
        {"AWS": "arn:aws:iam::111111111111:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Operators_1a2b"},
        {"Federated": "arn:aws:iam::111111111111:saml-provider/office"},
    ):
        assert becomes(JOBS, people) is Status.FAIL
    assert becomes({"AWS": "arn:aws:iam::111111111111:role/pipeline"}) is Status.UNDETERMINED


def test_an_administrators_role_is_found_by_where_its_arn_comes_from() -> None:
    trust = json.dumps({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}]})
    role = resource(ROLE, "r", arn=UNKNOWN, assumeRolePolicy=trust)
    entry = resource(ENTRY, "e", {"principalArn": [role]}, principalArn=UNKNOWN)
    policy = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSAdminPolicy"
    for source in (role, entry):
        association = resource(ASSOCIATION, "a", {"principalArn": [source]}, principalArn=UNKNOWN, policyArn=policy)
        assert entered(association, entry, role) is Status.FAIL


def test_a_role_that_another_stack_has_is_seen_in_the_account_only() -> None:
    policy = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSAdminPolicy"
    association = resource(ASSOCIATION, "a", principalArn=ARN, policyArn=policy)
    assert entered(association) is Status.NOT_OBSERVED
    unknown = resource(ROLE, "r", arn=ARN, assumeRolePolicy=UNKNOWN)
    assert entered(association, unknown) is Status.UNDETERMINED
    assert entered(resource(ASSOCIATION, "a", principalArn=ARN, policyArn=UNKNOWN)) is Status.UNDETERMINED
