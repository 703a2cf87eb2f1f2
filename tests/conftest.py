"""The sandbox that tests on the engine share: one a test process, so one a worker under pytest-xdist."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import hypothesis
import pytest

# How long an example takes says how busy the machine is.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

ROOT = Path(__file__).resolve().parents[1]

DEFAULT_REGION = "eu-west-1"
PRODUCTION_ACCOUNT = "123456789012"


@pytest.fixture(autouse=True)
def loop() -> None:
    """A test that used asyncio.run before left the thread without the event loop that Pulumi's futures ask for."""
    try:
        asyncio.get_event_loop_policy().get_event_loop()
    except RuntimeError:
        asyncio.set_event_loop(asyncio.new_event_loop())


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox. `home`: its folder; `env`: the environment of a shell after `eval "$(cell sandbox env)"`."""

    home: Path
    env: Mapping[str, str]

    def client(self, service: str, region: str = DEFAULT_REGION, account: str | None = None) -> Any:
        """A boto3 client; `account`: another than production's, entered by assuming a role as programs do."""
        keys = {
            "aws_access_key_id": self.env["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": self.env["AWS_SECRET_ACCESS_KEY"],
        }
        if account not in (None, PRODUCTION_ACCOUNT):
            role = f"arn:aws:iam::{account}:role/payment-cell-deploy"
            answer = self.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
            keys = {
                "aws_access_key_id": answer["AccessKeyId"],
                "aws_secret_access_key": answer["SecretAccessKey"],
                "aws_session_token": answer["SessionToken"],
            }
        return boto3.Session(region_name=region, **keys).client(service, endpoint_url=self.env["AWS_ENDPOINT_URL"])

    def command(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run `python -m sandbox ...` for this sandbox."""
        return run_sandbox(self.home, *arguments, check=check)

    def reset(self) -> None:
        """Empty account, Kubernetes and Pulumi state."""
        self.command("reset")

    @classmethod
    def start(cls, home: Path, extra: Mapping[str, str] | None = None) -> "Sandbox":
        """`extra`: variables of the sandbox's own processes."""
        run_sandbox(home, "start", extra=extra)
        values = json.loads(run_sandbox(home, "env", "-o", "json").stdout)
        env = {**clean_environment(), **{name: value for name, value in values.items() if value is not None}}
        env["PYTHONPATH"] = str(ROOT)
        # Saving the state after every step costs time that grows with the square of the resources; here it is saved
        # once, at the end of an operation.
        env |= {"PULUMI_EXPERIMENTAL": "true", "PULUMI_SKIP_CHECKPOINTS": "true"}
        return cls(home=home, env={name: value for name, value in env.items() if values.get(name, value) is not None})


def clean_environment() -> dict[str, str]:
    """The environment of the tests without anything of AWS, Pulumi or another sandbox."""
    kept = ("AWS_CA_BUNDLE",)
    prefixes = ("AWS_", "PULUMI_", "PAYMENT_CELL_SANDBOX")
    return {name: value for name, value in os.environ.items() if name in kept or not name.startswith(prefixes)}


def run_sandbox(
    home: Path, *arguments: str, check: bool = True, extra: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """`python -m sandbox ARGUMENTS` over the sandbox in `home`; AssertionError with its stderr when it fails."""
    own = {
        "PAYMENT_CELL_SANDBOX": str(home),
        "PAYMENT_CELL_SANDBOX_OWNER": str(os.getpid()),  # when the test run is killed, the sandbox ends as well
        "PYTHONPATH": str(ROOT),
    }
    env = {**clean_environment(), **own, **(extra or {})}
    result = subprocess.run(
        [sys.executable, "-m", "sandbox", *arguments], capture_output=True, text=True, env=env, timeout=120, check=False
    )
    if check:
        assert result.returncode == 0, f"sandbox {' '.join(arguments)}: {result.stderr}"
    return result


@contextmanager
def new_sandbox(home: Path, *, dataplane: bool = True) -> Iterator[Sandbox]:
    """A sandbox in `home`, stopped at the end; without `dataplane` nothing that is declared runs."""
    try:
        yield Sandbox.start(home, {} if dataplane else {"PAYMENT_CELL_SANDBOX_DATAPLANE": "off"})
    finally:
        run_sandbox(home, "stop", check=False)


@pytest.fixture(scope="session")
def running_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with new_sandbox(tmp_path_factory.mktemp("sandbox")) as made:
        yield made


@pytest.fixture(scope="module")
def sandbox(running_sandbox: Sandbox) -> Sandbox:
    """The sandbox of the test process, emptied for each module: which ones ran before it makes no difference."""
    running_sandbox.reset()
    return running_sandbox


@pytest.fixture(scope="module")
def bare_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """An empty one without a data plane, for a module that does what that would do: two would do it in turns."""
    with new_sandbox(tmp_path_factory.mktemp("bare-sandbox"), dataplane=False) as made:
        yield made
