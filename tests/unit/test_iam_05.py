"""IAM-05: what an application's role may do to the evidence."""

import json

import pytest
from policy_sentry.querying.all import get_all_actions

from policies.control import Status
from policies.controls.iam_01 import DECRYPTS, TAKES_RIGHTS
from policies.controls.iam_05 import EVIDENCE
from policies.resources import Resource
from policies.testing import UNKNOWN, resource, verdicts


def answered(action: str, service: str = "pods.eks", boundary: Resource | None = None, **props: object) -> Status:
    trust = json.dumps({"Statement": [{"Effect": "Allow", "Principal": {"Service": f"{service}.amazonaws.com"}}]})
    role = resource(
        "aws:iam/role:Role",
        "r",
        {"permissionsBoundary": [boundary]} if boundary else None,
        assumeRolePolicy=trust,
        **props,
    )
    policy = action if action == UNKNOWN else document(action)
    own = resource("aws:iam/rolePolicy:RolePolicy", "p", {"role": [role]}, role=UNKNOWN, policy=policy)
    return verdicts("IAM-05", role, own, *([boundary] if boundary else []))["r", "leaves_the_evidence_alone"]


def document(action: str, effect: str = "Allow") -> str:
    rows = [{"Effect": "Allow", "Action": "*", "Resource": "*"}] if effect == "Deny" else []
    return json.dumps({"Statement": [*rows, {"Effect": effect, "Action": action, "Resource": "*"}]})


@pytest.mark.parametrize("action", EVIDENCE)
def test_an_application_that_could_touch_the_evidence_fails(action: str) -> None:
    assert answered(action) is Status.FAIL


def test_a_wildcard_is_every_action_that_it_matches() -> None:
    assert answered("logs:*", "lambda") is Status.FAIL
    assert answered("logs:PutLogEvents") is Status.PASS


def test_a_role_of_no_application_is_not_its_business() -> None:
    assert answered("logs:DeleteLogGroup", "backup") is Status.NOT_APPLICABLE


def test_unknown_documents_and_boundaries_are_undetermined() -> None:
    assert answered(UNKNOWN) is Status.UNDETERMINED
    assert answered("logs:DeleteLogGroup", permissionsBoundary="arn:aws:iam::1:policy/b") is Status.UNDETERMINED
    unknown = verdicts("IAM-05", resource("aws:iam/role:Role", "r", assumeRolePolicy=UNKNOWN))
    assert set(unknown.values()) == {Status.UNDETERMINED}


def test_a_known_boundary_takes_a_grant_away() -> None:
    ceiling = resource("aws:iam/policy:Policy", "b", policy=document("logs:Delete*", "Deny"))
    assert answered("logs:DeleteLogGroup", boundary=ceiling, permissionsBoundary=UNKNOWN) is Status.PASS
    assert answered("logs:PutRetentionPolicy", boundary=ceiling, permissionsBoundary=UNKNOWN) is Status.FAIL


def test_every_action_that_the_controls_name_is_one_of_aws() -> None:
    known = {action.lower() for action in get_all_actions()}
    assert {action for action in (*EVIDENCE, *TAKES_RIGHTS, *DECRYPTS) if action.lower() not in known} == set()
