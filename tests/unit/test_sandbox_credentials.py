"""The sandbox does not start next to real credentials, and makes random ones of its own."""

from pathlib import Path

import pytest

from sandbox.lifecycle import credentials
from sandbox.lifecycle.home import Home, SandboxError


@pytest.mark.parametrize("name", [*credentials.REAL_CREDENTIALS, "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_every_variable_that_leads_to_real_credentials_is_refused_with_the_fix(name: str) -> None:
    with pytest.raises(SandboxError, match=f"unset {name}"):
        credentials.refuse_real({name: "real", "PATH": "/bin"})


def test_all_variables_in_the_way_are_named_at_once() -> None:
    environment = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "x", "AWS_SESSION_TOKEN": "y"}
    with pytest.raises(SandboxError, match="unset AWS_SESSION_TOKEN AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY"):
        credentials.refuse_real(environment)


def test_a_named_credentials_file_is_refused_only_if_it_is_a_file(tmp_path: Path) -> None:
    file = tmp_path / "credentials"
    file.touch()
    assert credentials.found({"AWS_SHARED_CREDENTIALS_FILE": str(file)}) == ["AWS_SHARED_CREDENTIALS_FILE"]
    assert credentials.found({"AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}) == []


def test_the_shell_of_a_sandbox_may_start_another() -> None:
    environment = {"AWS_ACCESS_KEY_ID": "AKIASANDBOXABCDEFGHI", "AWS_SECRET_ACCESS_KEY": "x", "AWS_REGION": "eu-west-1"}
    credentials.refuse_real(environment)


def test_credentials_are_random_private_and_kept(tmp_path: Path) -> None:
    one, other = Home(path=tmp_path / "one"), Home(path=tmp_path / "other")
    for home in (one, other):
        home.make()
    made = credentials.ensure(one)
    assert credentials.ensure(one) == made == one.secrets()
    assert not set(made.values()) & set(credentials.ensure(other).values())
    assert len(made["access_key_id"]) == 20
    assert one.path.stat().st_mode & 0o777 == 0o700
    for secret in (one.passphrase, one.path / "secrets.json"):
        assert secret.stat().st_mode & 0o777 == 0o600
    assert one.passphrase.read_text() != other.passphrase.read_text()
