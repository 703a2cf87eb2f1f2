"""Whom the gate lets pass before it looks at any policy."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from moto.core.utils import utcnow
from moto.iam.models import iam_backends
from moto.sts.models import AssumedRole, sts_backends

from sandbox.aws.iam.gate import Gate
from sandbox.aws.iam.refusals import EXPIRED, UNKNOWN_KEY, WRONG_TOKEN
from sandbox.aws.iam.requests import Credential

ACCOUNT = "111122223333"


@pytest.fixture
def session() -> Iterator[AssumedRole]:
    """A session of a role that people assume."""
    trust = {"Statement": {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}}
    role = iam_backends[ACCOUNT]["aws"].create_role(
        role_name="person",
        assume_role_policy_document=json.dumps(trust),
        path="/",
        permissions_boundary=None,
        description="",
        tags=[],
        max_session_duration="3600",
    )
    backend = sts_backends[ACCOUNT]["aws"]
    yield backend.assume_role("eu-west-1", "me", role.arn, None, 3600, None)
    backend.reset()
    iam_backends[ACCOUNT]["aws"].reset()


def who(key: str, token: str) -> Credential:
    return Credential(access_key_id=key, region="eu-west-1", service="kms", token=token)


def test_a_session_passes_with_its_token_until_it_expires(session: AssumedRole) -> None:
    gate = Gate()
    known = who(session.access_key_id, session.session_token)
    assert gate.refusal({}, known) is None
    assert gate.refusal({}, who(session.access_key_id, "other")) is WRONG_TOKEN
    session.expiration = utcnow() - timedelta(seconds=1)
    assert gate.refusal({}, known) is EXPIRED


@pytest.mark.usefixtures("session")
def test_a_temporary_key_that_sts_did_not_give_out_is_unknown_and_a_lasting_one_passes() -> None:
    assert Gate().refusal({}, who("ASIA" + "X" * 16, "t")) is UNKNOWN_KEY
    assert Gate().refusal({}, who("AKIA" + "X" * 16, "")) is None
