"""What `cell audit --iam-policy` prints is enough for an audit, is all that an audit calls, and each part is needed."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import botocore
import pytest

from conftest import Sandbox
from operations.audit.live.collect import Account, collect, readers
from operations.audit.live.question import QUESTIONS
from operations.audit.live.region import DENIED, Recorder, Region
from operations.audit.rights import NEVER, audit_policy

pytestmark = pytest.mark.engine

ROLE, ACCOUNT = "auditor-under-test", "123456789012"
REGION = "eu-west-1"

MAX_INLINE_POLICIES = 10_240
"""Characters of a role's inline policies without white space; a managed policy has 6,144
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html)."""


def allowed(policy: dict[str, Any]) -> set[str]:
    return {action for one in policy["Statement"] if one["Effect"] == "Allow" for action in one["Action"]}


class Auditor:
    """Acts as a role that has this policy and no other. The emulator judges roles that a service may assume."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._iam = sandbox.client("iam")
        trust = {
            "Effect": "Allow",
            "Principal": {"Service": "codebuild.amazonaws.com", "AWS": f"arn:aws:iam::{ACCOUNT}:root"},
            "Action": "sts:AssumeRole",
        }
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        self._iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=document)
        self.called: set[tuple[str, str]] = set()
        self._clients: dict[str, Any] = {}

    def has(self, policy: dict[str, Any]) -> None:
        self._iam.put_role_policy(RoleName=ROLE, PolicyName="audit", PolicyDocument=json.dumps(policy))
        given = self._sandbox.client("sts").assume_role(
            RoleArn=f"arn:aws:iam::{ACCOUNT}:role/{ROLE}", RoleSessionName="test"
        )["Credentials"]
        self._session = boto3.Session(
            aws_access_key_id=given["AccessKeyId"],
            aws_secret_access_key=given["SecretAccessKey"],
            aws_session_token=given["SessionToken"],
            region_name=REGION,
        )
        self._clients = {}

    def collect(self, types: set[str]) -> tuple[Account, Recorder]:
        recorder = Recorder()
        region = Region(account=ACCOUNT, name=REGION, caller=ROLE, recorder=recorder, client=self._client)
        return collect([region], types), recorder

    def gone(self) -> None:
        self._iam.delete_role_policy(RoleName=ROLE, PolicyName="audit")
        self._iam.delete_role(RoleName=ROLE)

    def _client(self, service: str, region: str) -> Any:
        if service not in self._clients:
            url = self._sandbox.env["AWS_ENDPOINT_URL"]
            client = self._session.client(service, region_name=region, endpoint_url=url)
            client.meta.events.register("before-call", self._note)
            self._clients[service] = client
        return self._clients[service]

    def _note(self, model: Any, **_: Any) -> None:
        self.called.add((model.service_model.service_name, botocore.xform_name(model.name)))


@pytest.fixture(scope="module")
def auditor(sandbox: Sandbox) -> Iterator[Auditor]:
    made = Auditor(sandbox)
    yield made
    made.gone()


def test_the_policy_is_enough_and_nothing_beside_it_is_called(auditor: Auditor) -> None:
    auditor.has(audit_policy())
    _, recorder = auditor.collect(set(readers()))
    assert not [f"{one.operation}: {one.error}" for one in recorder.calls if one.error in DENIED]
    assert auditor.called <= QUESTIONS.keys()
    assert {QUESTIONS[call].permission for call in auditor.called} <= allowed(audit_policy())


def services() -> list[str]:
    return sorted({one.source.permission.partition(":")[0] for one in readers().values()})


@pytest.mark.parametrize("service", services())
def test_without_a_statement_its_types_are_not_observed(auditor: Auditor, service: str) -> None:
    policy = audit_policy()
    allows = [one for one in policy["Statement"] if one["Effect"] == "Allow"]
    mine = [one for one in allows if one["Action"][0].startswith(f"{service}:")]
    left = [one for one in policy["Statement"] if one not in mine]
    assert len(mine) == 1
    auditor.has({**policy, "Statement": left})
    types = {type_ for type_, one in readers().items() if one.source.permission.startswith(f"{service}:")}
    account, _ = auditor.collect(types)
    assert account.unobserved.keys() == types
    assert account.found == []


def test_the_policy_names_no_pattern_fits_a_role_and_denies_data() -> None:
    policy = audit_policy()
    assert not [action for action in allowed(policy) if "*" in action]
    assert len(json.dumps(policy, separators=(",", ":"))) <= MAX_INLINE_POLICIES
    (deny,) = [one for one in policy["Statement"] if one["Effect"] == "Deny"]
    assert {"secretsmanager:GetSecretValue", "kms:Decrypt", "s3:GetObject*", "dynamodb:Scan"} <= set(deny["Action"])
    assert not allowed(policy) & set(NEVER)
