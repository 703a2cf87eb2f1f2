"""An emulated account has the role that deploys to it, as a real one has before its first deployment."""

from collections.abc import Iterator

import pytest
from moto.iam.models import AccountSummary, iam_backends
from moto.sts import models
from moto.sts.exceptions import STSClientError

from policies.control import Status
from policies.documents import ROLE, statements
from policies.testing import resource, verdicts
from sandbox.aws.extensions import landing_zone

ACCOUNT = "210987654321"


@pytest.fixture
def sts(monkeypatch: pytest.MonkeyPatch) -> Iterator[models.STSBackend]:
    """STS of the management account, beside an empty member account."""
    monkeypatch.setenv("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
    monkeypatch.setattr(models.STSBackend, "assume_role", models.STSBackend.assume_role)
    monkeypatch.setattr(AccountSummary, "summary_map", AccountSummary.summary_map)
    iam_backends[ACCOUNT]["aws"].reset()
    landing_zone.install()
    yield models.sts_backends["123456789012"]["aws"]
    iam_backends[ACCOUNT]["aws"].reset()


def assume(sts: models.STSBackend, role: str) -> None:
    sts.assume_role(
        region_name="eu-west-1",
        role_session_name="test",
        role_arn=f"arn:aws:iam::{ACCOUNT}:role/{role}",
        policy=None,
        duration=3600,
        external_id=None,
    )


def roles() -> list[str]:
    return [role.arn for role in iam_backends[ACCOUNT]["aws"].roles.values()]


def test_the_first_role_assumed_in_an_empty_account_exists_from_then_on(sts: models.STSBackend) -> None:
    assume(sts, "ops/deploy")
    assert roles() == [f"arn:aws:iam::{ACCOUNT}:role/ops/deploy"]


def test_no_other_role_comes_out_of_nothing(sts: models.STSBackend) -> None:
    assume(sts, "deploy")
    with pytest.raises(STSClientError, match=r"AccessDenied: .*role/another"):
        assume(sts, "another")
    assert roles() == [f"arn:aws:iam::{ACCOUNT}:role/deploy"]


def test_no_person_becomes_the_role_that_deploys(sts: models.STSBackend) -> None:
    assume(sts, "deploy")
    (role,) = iam_backends[ACCOUNT]["aws"].roles.values()
    (trust,) = statements(role.assume_role_policy_document)
    assert list(trust.principals) == ["Federated"]
    assert (
        verdicts("IAM-03", resource(ROLE, "r", assumeRolePolicy=role.assume_role_policy_document))[
            "r", "web_identity_names_subject_and_audience"
        ]
        is Status.PASS
    )


@pytest.mark.usefixtures("sts")
def test_a_vended_account_has_no_root_password() -> None:
    assert iam_backends[ACCOUNT]["aws"].get_account_summary().summary_map["AccountPasswordPresent"] == 0
