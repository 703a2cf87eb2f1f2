"""IAM-03: whom the trust of a workload's role names."""

import json
from typing import Any

import pytest
from judged import status

from policies.control import Status
from policies.testing import UNKNOWN, resource, verdicts

ISSUER = "oidc.eks.eu-west-1.amazonaws.com/id/A1"
POD = {
    "aws:RequestTag/kubernetes-namespace": "payments",
    "aws:requesttag/kubernetes-service-account": "relay",
    "aws:SourceAccount": "123456789012",
}


def answered(clause: str, principal: dict[str, Any], conditions: dict[str, Any] | None = None) -> Status:
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal, "Condition": conditions or {}}
    role = resource("aws:iam/role:Role", "r", assumeRolePolicy=json.dumps({"Statement": [trust]}))
    return verdicts("IAM-03", role)["r", clause]


def pods(conditions: dict[str, Any] | None = None) -> Status:
    return answered("pod_identity_names_its_pods", {"Service": "pods.eks.amazonaws.com"}, conditions)


def web(conditions: dict[str, Any], issuer: str = ISSUER) -> Status:
    federated = {"Federated": f"arn:aws:iam::123456789012:oidc-provider/{issuer}"}
    return answered("web_identity_names_subject_and_audience", federated, conditions)


def test_a_pod_identity_role_names_namespace_service_account_and_account() -> None:
    assert pods({"StringEquals": POD}) is Status.PASS
    assert pods({"StringEqualsIfExists": POD}) is Status.FAIL
    assert pods({"StringLike": {**POD, "aws:SourceAccount": "*"}}) is Status.FAIL
    assert pods() is Status.FAIL
    assert answered("pod_identity_names_its_pods", {"Service": "backup.amazonaws.com"}) is Status.NOT_APPLICABLE


@pytest.mark.parametrize("missing", POD)
def test_each_missing_name_of_a_pod_identity_role_is_caught(missing: str) -> None:
    assert pods({"StringEquals": {key: value for key, value in POD.items() if key != missing}}) is Status.FAIL


def test_a_web_identity_role_names_sub_and_aud() -> None:
    aud = {f"{ISSUER}:aud": "sts.amazonaws.com"}
    sub = {f"{ISSUER}:sub": "system:serviceaccount:payments:relay"}
    assert web({"StringEquals": {**aud, **sub}}) is Status.PASS
    assert web({"StringEquals": aud}) is Status.FAIL
    assert web({"StringEquals": sub}) is Status.FAIL
    assert (
        web({"StringEquals": aud, "StringLike": {f"{ISSUER}:sub": "system:serviceaccount:payments:*"}}) is Status.FAIL
    )
    builds = "token.actions.githubusercontent.com"
    named = {f"{builds}:aud": "sts.amazonaws.com", f"{builds}:sub": "repo:ours/cell:*"}
    assert web({"StringLike": named}, builds) is Status.PASS
    assert web({"StringLike": {**named, f"{builds}:sub": "*"}}, builds) is Status.FAIL


def test_an_unknown_trust_is_undetermined() -> None:
    found = verdicts("IAM-03", resource("aws:iam/role:Role", "r", assumeRolePolicy=UNKNOWN))
    assert set(found.values()) == {Status.UNDETERMINED}


def test_a_trust_without_principal_or_condition_is_read_strictly() -> None:
    def judged(clause: str, **trust: Any) -> Status:
        document = json.dumps({"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", **trust}]})
        return status("IAM-03", resource("aws:iam/role:Role", "r", assumeRolePolicy=document), clause=clause)

    pod, federated = "pod_identity_names_its_pods", "web_identity_names_subject_and_audience"
    assert judged(pod) is Status.NOT_APPLICABLE
    assert judged(pod, Principal={"Service": "pods.eks.amazonaws.com"}) is Status.FAIL
    assert judged(federated, Principal={"Federated": f"arn:aws:iam::1:oidc-provider/{ISSUER}"}) is Status.FAIL
