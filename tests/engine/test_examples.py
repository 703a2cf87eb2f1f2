"""Each example runs as another project would run it: up, and nothing left to change.

The examples that need a VPC get the one of `network`, which is what a user's own VPC would be.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from conftest import PRODUCTION_ACCOUNT, ROOT, Sandbox

pytestmark = pytest.mark.engine

EXAMPLES = ROOT / "examples"

DEPLOYER = f"arn:aws:iam::{PRODUCTION_ACCOUNT}:role/deployer"


@dataclass(frozen=True)
class Example:
    """A copy of one example with a stack of its own."""

    folder: Path
    sandbox: Sandbox

    def pulumi(self, *arguments: str) -> str:
        done = subprocess.run(
            ["pulumi", *arguments, "--non-interactive", "--color=never", "--stack=dev"],
            cwd=self.folder,
            env=dict(self.sandbox.env),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"pulumi {' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def set(self, key: str, value: Any) -> None:
        text = value if isinstance(value, str) else json.dumps(value)
        # An object is set path by path: the engine would take its JSON for a string.
        if isinstance(value, dict):
            for inner, item in value.items():
                self.pulumi("config", "set", "--path", f"{key}.{inner}", item)
        else:
            self.pulumi("config", "set", key, text)

    def up(self) -> dict[str, Any]:
        """Brings it up and shows that nothing is left to change; the outputs."""
        self.pulumi("up", "--yes", "--skip-preview", "--parallel=64")
        self.pulumi("preview", "--expect-no-changes")
        outputs: dict[str, Any] = json.loads(self.pulumi("stack", "output", "--json"))
        return outputs


@pytest.fixture(scope="module")
def account(sandbox: Sandbox) -> Sandbox:
    sandbox.reset()
    sandbox.client("iam").create_role(RoleName="deployer", AssumeRolePolicyDocument="{}")
    return sandbox


@pytest.fixture(scope="module")
def start(account: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., dict[str, Any]]]:
    """`start(NAME, KEY=VALUE)`: outputs of that example."""

    def run(name: str, **settings: Any) -> dict[str, Any]:
        folder = tmp_path_factory.mktemp("examples") / name
        shutil.copytree(EXAMPLES / name, folder)
        (folder / "venv").symlink_to(sys.prefix)
        example = Example(folder, account)
        example.pulumi("stack", "init", "--no-select")
        for key, value in {"accountId": PRODUCTION_ACCOUNT, **settings}.items():
            example.set(key, value)
        return example.up()

    yield run
    account.reset()


@pytest.fixture(scope="module")
def network(start: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    return start("network")


def test_every_example_is_run_here() -> None:
    run = set(re.findall(r'start\(\s*"([a-z-]+)"', Path(__file__).read_text()))
    assert run == {folder.name for folder in EXAMPLES.iterdir() if folder.is_dir()}


def test_keys(start: Callable[..., dict[str, Any]], account: Sandbox) -> None:
    outputs = start("keys")
    rules = account.client("s3").get_bucket_encryption(Bucket=outputs["bucket"])["ServerSideEncryptionConfiguration"]
    used = rules["Rules"][0]["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"]
    assert used == outputs["keyArns"]["archive"]
    assert account.client("kms").get_key_rotation_status(KeyId=used)["KeyRotationEnabled"]


def test_network(network: dict[str, Any], account: Sandbox) -> None:
    subnets = account.client("ec2").describe_subnets(Filters=[{"Name": "vpc-id", "Values": [network["vpcId"]]}])
    assert len(subnets["Subnets"]) == 9
    assert len(network["egressAddresses"]) == 3


def test_cluster(start: Callable[..., dict[str, Any]], network: dict[str, Any], account: Sandbox) -> None:
    outputs = start("cluster", subnets=network["subnets"]["workload"], administratorRoleArn=DEPLOYER)
    cluster = account.client("eks").describe_cluster(name=outputs["clusterName"])["cluster"]
    assert cluster["status"] == "ACTIVE"
    assert set(cluster["resourcesVpcConfig"]["subnetIds"]) == set(network["subnets"]["workload"].values())


def test_sharded_database(start: Callable[..., dict[str, Any]], network: dict[str, Any], account: Sandbox) -> None:
    outputs = start(
        "sharded-database",
        vpcId=network["vpcId"],
        subnets=network["subnets"]["data"],
        zoneNames=network["zoneNames"],
    )
    proxies = account.client("rds").describe_db_proxies()["DBProxies"]
    assert {proxy["Endpoint"] for proxy in proxies} == set(outputs["proxyEndpoints"].values())
    assert all(proxy["RequireTLS"] for proxy in proxies)


def test_event_log(start: Callable[..., dict[str, Any]], account: Sandbox) -> None:
    outputs = start("event-log")
    stream = account.client("kinesis").describe_stream_summary(StreamName=outputs["streamName"])
    assert stream["StreamDescriptionSummary"]["EncryptionType"] == "KMS"
    assert set(outputs["queueUrls"]) == {"ledger", "tax"}
