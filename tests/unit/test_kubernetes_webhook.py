"""Tokens of EKS clusters: who signed, for which cluster, and as whom the principal acts there."""

import base64
import time
from collections.abc import Sequence
from typing import Any

import pytest
from botocore.credentials import Credentials

from sandbox.kubernetes import get_token, token
from sandbox.kubernetes.token import Secret
from sandbox.kubernetes.webhook import AccessEntry, AccessPolicy, Caller, TokenReviewer, same_principal

ROLE = "arn:aws:iam::123456789012:role/team/deployer"
VIEW = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"
SESSION = Secret("wJalr/+secret", "session-token", time.time() + 3600)
ENTRY = AccessEntry(principal_arn=ROLE, username="arn:{{AccountID}}:{{SessionName}}", groups=("ops",))


def caller(key_id: str) -> Caller | None:
    if key_id != "ASIAKEY":
        return None
    return Caller(
        secret=SESSION,
        account="123456789012",
        arn="arn:aws:sts::123456789012:assumed-role/deployer/ci@build",
        principal_arn=ROLE,
        user_id="AROA1",
        session_name="ci@build",
    )


def review(text: str, entries: Sequence[AccessEntry] = (ENTRY,), cluster: str = "cell") -> dict[str, Any]:
    reviewer = TokenReviewer(caller, lambda *_: entries)
    status = reviewer.review("123456789012", "eu-west-1", cluster, {"spec": {"token": text}})["status"]
    assert isinstance(status, dict)
    return status


def made(key_id: str = "ASIAKEY", secret: Secret = SESSION, cluster: str = "cell") -> str:
    return get_token.token(Credentials(key_id, secret.access_key, secret.session_token), "eu-west-1", cluster)


def changed(text: str, old: str, new: str) -> str:
    encoded = text.removeprefix(token.PREFIX)
    url = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
    assert old in url
    return token.PREFIX + base64.urlsafe_b64encode(url.replace(old, new).encode()).decode().rstrip("=")


def test_a_session_becomes_the_user_of_its_roles_entry() -> None:
    status = review(made())
    assert status["authenticated"] is True
    assert status["user"]["username"] == "arn:123456789012:ci-build"
    assert status["user"]["groups"] == ["ops"]
    assert status["user"]["extra"]["canonicalArn"] == [ROLE]


def test_access_policies_become_groups_with_their_scope() -> None:
    policies = (AccessPolicy(policy_arn=VIEW), AccessPolicy(policy_arn=VIEW, namespaces=("a", "team-*")))
    status = review(made(), [AccessEntry(principal_arn=ROLE, username="u", policies=policies)])
    group = "eks:access-policy:AmazonEKSViewPolicy"
    assert status["user"]["groups"] == [group, f"{group}:a", f"{group}:team-*"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "does not start with k8s-aws-v1."),
        ("k8s-aws-v1.%%%", "not a URL in base64"),
        (made(key_id="AKIAOTHER"), "belongs to no principal"),
        (made(secret=Secret("guessed", "session-token")), "signature does not match"),
        (made(secret=Secret("wJalr/+secret", "other")), "session token is not that"),
        (made(cluster="other"), "signature does not match"),
        (changed(made(), "GetCallerIdentity", "AssumeRole"), "not a GetCallerIdentity request"),
        (changed(made(), "sts.eu-west-1.amazonaws.com", "example.com"), "not a request to STS"),
        (changed(made(), "%3Bx-k8s-aws-id", ""), "does not sign the headers"),
        (changed(made(), "X-Amz-Expires=60", "X-Amz-Expires=9000"), "X-Amz-Expires has to be"),
        (changed(made(), "Version=2011-06-15", "Version=2011-06-15&Extra=1"), "repeated or unknown parameters"),
    ],
)
def test_a_token_that_is_not_genuine_is_refused(text: str, reason: str) -> None:
    status = review(text)
    assert status["authenticated"] is False
    assert reason in status["error"]
    assert SESSION.access_key not in status["error"]


def test_a_token_ends_after_fifteen_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    text, now = made(), time.time()
    monkeypatch.setattr(time, "time", lambda: now + token.VALIDITY_S + 2)
    assert "it is valid for 900 s" in review(text)["error"]


def test_a_principal_without_entry_is_refused() -> None:
    assert "has no access entry in cluster cell" in review(made(), ())["error"]


def test_an_unknown_cluster_is_refused() -> None:
    def entries(*_: str) -> list[AccessEntry]:
        raise KeyError

    reviewer = TokenReviewer(caller, entries)
    status = reviewer.review("123456789012", "eu-west-1", "cell", {"spec": {"token": made()}})["status"]
    assert "there is no cluster cell" in status["error"]


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ("arn:aws:iam::123456789012:role/deployer", True),
        ("arn:aws:iam::210987654321:role/team/deployer", False),
        ("arn:aws:iam::123456789012:user/deployer", False),
    ],
)
def test_role_paths_do_not_tell_principals_apart(other: str, same: bool) -> None:
    assert same_principal(ROLE, other) is same


def test_the_aws_command_serves_get_token_only(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        get_token.main(["s3", "ls"])
    assert caught.value.code == 252
    assert "serves only `aws eks get-token" in capsys.readouterr().err
