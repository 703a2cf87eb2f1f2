"""Each example runs as another project would run it: up, and nothing left to change.

The examples that need a VPC get the one of `network`, which is what a user's own VPC would be.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from conftest import DEFAULT_REGION, PRODUCTION_ACCOUNT, ROOT, Sandbox
from stacks.providers import kubeconfig

pytestmark = [pytest.mark.engine, pytest.mark.long]

EXAMPLES = ROOT / "examples"

PAGES = ROOT / "docs" / "components"

IMAGE = f"{PRODUCTION_ACCOUNT}.dkr.ecr.{DEFAULT_REGION}.amazonaws.com/example@sha256:{'0a' * 32}"

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

    def down(self) -> None:
        """Takes it away again."""
        self.pulumi("destroy", "--yes", "--skip-preview", "--parallel=64")


@pytest.fixture(scope="module")
def started() -> dict[str, Example]:
    """What runs, by name."""
    return {}


@pytest.fixture(scope="module")
def account(sandbox: Sandbox) -> Sandbox:
    sandbox.client("iam").create_role(RoleName="deployer", AssumeRolePolicyDocument="{}")
    return sandbox


@pytest.fixture(scope="module")
def start(
    account: Sandbox, started: dict[str, Example], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., dict[str, Any]]:
    """`start(NAME, KEY=VALUE)`: outputs of that example."""

    def run(name: str, **settings: Any) -> dict[str, Any]:
        folder = tmp_path_factory.mktemp("examples") / name
        shutil.copytree(EXAMPLES / name, folder)
        (folder / "venv").symlink_to(sys.prefix)
        example = started[name] = Example(folder, account)
        example.pulumi("stack", "init", "--no-select")
        for key, value in {"accountId": PRODUCTION_ACCOUNT, **settings}.items():
            example.set(key, value)
        return example.up()

    return run


@pytest.fixture(scope="module")
def network(start: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    return start("network")


@pytest.fixture(scope="module")
def cluster(start: Callable[..., dict[str, Any]], network: dict[str, Any]) -> dict[str, Any]:
    return start("cluster", subnets=network["subnets"]["workload"], administratorRoleArn=DEPLOYER)


@pytest.fixture(scope="module")
def log_bucket(account: Sandbox) -> str:
    """What `account` makes once: the bucket that load balancers deliver to."""
    s3, name = account.client("s3"), "example-load-balancer-logs"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": DEFAULT_REGION})
    delivers = {
        "Effect": "Allow",
        "Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{name}/*",
    }
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [delivers]}))
    return name


def test_every_example_is_run_here() -> None:
    run = set(re.findall(r'start\(\s*"([a-z-]+)"', Path(__file__).read_text()))
    assert run == {folder.name for folder in EXAMPLES.iterdir() if folder.is_dir()}


def test_every_component_page_has_an_example() -> None:
    rows = re.findall(r"^\| \[([a-z-]+)\]\(\1/__main__\.py\) (.+)$", (EXAMPLES / "README.md").read_text(), re.MULTILINE)
    shown = {name: set(re.findall(r"\(\.\./docs/components/([a-z-]+)\.md\)", cells)) for name, cells in rows}
    assert set(shown) == {folder.name for folder in EXAMPLES.iterdir() if folder.is_dir()}
    # A pair joins two whole cells: `test_pair_components.py` runs it.
    assert set().union(*shown.values()) == {page.stem for page in PAGES.glob("*.md")} - {"cell-pair"}
    for name, pages in shown.items():
        program = (EXAMPLES / name / "__main__.py").read_text()
        # Telemetry watches the parts of a whole cell, which makes it.
        for page in pages - {"telemetry"}:
            assert f"from components.{page.replace('-', '_')} import" in program, f"{name} does not use {page}"


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


def test_cluster(cluster: dict[str, Any], network: dict[str, Any], account: Sandbox) -> None:
    made = account.client("eks").describe_cluster(name=cluster["clusterName"])["cluster"]
    assert made["status"] == "ACTIVE"
    assert set(made["resourcesVpcConfig"]["subnetIds"]) == set(network["subnets"]["workload"].values())


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


def test_registry(start: Callable[..., dict[str, Any]], account: Sandbox) -> None:
    outputs = start("registry")
    repositories = account.client("ecr").describe_repositories()["repositories"]
    assert {repository["repositoryUri"] for repository in repositories} >= set(outputs["urls"].values())
    assert {repository["imageTagMutability"] for repository in repositories} == {"IMMUTABLE"}


def test_backups(start: Callable[..., dict[str, Any]], account: Sandbox) -> None:
    outputs = start("backups")
    plan = account.client("backup").get_backup_plan(BackupPlanId=outputs["planId"])["BackupPlan"]
    assert {rule["TargetBackupVaultName"] for rule in plan["Rules"]} == {outputs["vaultName"]}


def test_account(start: Callable[..., dict[str, Any]], account: Sandbox) -> None:
    outputs = start("account")
    assert account.client("cloudtrail").get_trail_status(Name=outputs["trailArn"])["IsLogging"]
    assert set(outputs["loadBalancerLogBuckets"]) == {DEFAULT_REGION}


def test_edge(start: Callable[..., dict[str, Any]], network: dict[str, Any], log_bucket: str, account: Sandbox) -> None:
    outputs = start(
        "edge",
        vpcId=network["vpcId"],
        subnets=network["subnets"]["public"],
        domainName="edge.example.com",
        accessLogBucket=log_bucket,
    )
    (group,) = account.client("elbv2").describe_target_groups(TargetGroupArns=[outputs["targetGroupArn"]])[
        "TargetGroups"
    ]
    assert len(group["LoadBalancerArns"]) == 1
    assert outputs["nameServers"]


def test_runner(
    start: Callable[..., dict[str, Any]], network: dict[str, Any], cluster: dict[str, Any], account: Sandbox
) -> None:
    outputs = start(
        "runner",
        clusterName=cluster["clusterName"],
        clusterSecurityGroupId=cluster["clusterSecurityGroupId"],
        vpcId=network["vpcId"],
        vpcCidr=network["vpcCidr"],
        subnets=network["subnets"]["workload"],
        s3PrefixListId=network["s3PrefixListId"],
        image=IMAGE,
        stateBucket="example-state",
        stateKeyArn=f"arn:aws:kms:{DEFAULT_REGION}:{PRODUCTION_ACCOUNT}:key/state",
    )
    (project,) = account.client("codebuild").batch_get_projects(names=[outputs["projectName"]])["projects"]
    assert project["vpcConfig"]["vpcId"] == network["vpcId"]


@pytest.fixture(scope="module")
def login(cluster: dict[str, Any]) -> str:
    """A kubeconfig."""
    content = kubeconfig(
        name=cluster["clusterName"],
        region=DEFAULT_REGION,
        endpoint=cluster["clusterEndpoint"],
        certificate_authority=cluster["clusterCertificateAuthority"],
        role_arn=DEPLOYER,
    )
    return json.dumps(content)


@pytest.mark.kubernetes
def test_workloads(
    start: Callable[..., dict[str, Any]],
    started: dict[str, Example],
    login: str,
    network: dict[str, Any],
    cluster: dict[str, Any],
) -> None:
    outputs = start(
        "workloads",
        kubeconfig=login,
        clusterArn=cluster["clusterArn"],
        clusterName=cluster["clusterName"],
        vpcId=network["vpcId"],
        vpcCidr=network["vpcCidr"],
        images={name: IMAGE.replace("/example@", f"/example/{name}@") for name in ("ledger", "load-balancer")},
    )
    assert outputs["namespaces"] == {"payments": "payments", "controllers": "controllers"}
    # Its namespaces and priorities are those of every cell: the next example has the cluster to itself.
    started.pop("workloads").down()


@pytest.mark.kubernetes
def test_payment_path(
    start: Callable[..., dict[str, Any]], login: str, cluster: dict[str, Any], account: Sandbox
) -> None:
    # Names of programs that the sandbox has not: what they need is not here, and declared is what they are.
    names = {name: f"/example/{name}-declared@" for name in ("gateway", "scorer", "payments", "relay")}
    outputs = start(
        "payment-path",
        kubeconfig=login,
        clusterArn=cluster["clusterArn"],
        cidrs={"public": "10.0.0.0/20", "workload": "10.0.64.0/18", "data": "10.0.16.0/20"},
        images={name: IMAGE.replace("/example@", place) for name, place in names.items()},
        proxyHost="s00.proxy-example.eu-west-1.rds.amazonaws.com",
        streamName="example-events",
        archiveBucket="example-archive",
        ledgerQueueUrl=f"https://sqs.{DEFAULT_REGION}.amazonaws.com/{PRODUCTION_ACCOUNT}/example-ledger",
    )
    programs = {"archiver", "egress-0", "gateway", "ledger", "migrator", "payments", "relay", "scorer", "settler"}
    assert set(outputs["programs"]) == programs
    senders = {row.split()[0] for row in outputs["reachability"].splitlines()[1:]}
    assert senders >= programs
    table = account.client("dynamodb").describe_table(TableName=outputs["subjectKeysTable"])["Table"]
    assert table["SSEDescription"]["SSEType"] == "KMS"


@pytest.fixture(scope="module")
def data_events(start: Callable[..., dict[str, Any]], started: dict[str, Example]) -> dict[str, str]:
    """Bucket and key that `account` makes for the trails of cells."""
    if "account" in started:
        outputs = json.loads(started["account"].pulumi("stack", "output", "--json"))
    else:
        outputs = start("account")
    found: dict[str, str] = outputs["dataEventTrails"][DEFAULT_REGION]
    return found


def test_payment_cell(
    start: Callable[..., dict[str, Any]], log_bucket: str, data_events: dict[str, str], account: Sandbox
) -> None:
    outputs = start(
        "payment-cell",
        domainName="cell.example.com",
        accessLogBucket=log_bucket,
        dataEventBucket=data_events["bucket"],
        auditKeyArn=data_events["keyArn"],
        administratorRoleArn=DEPLOYER,
    )
    assert account.client("eks").describe_cluster(name=outputs["clusterName"])["cluster"]["status"] == "ACTIVE"
    check = account.client("route53").get_health_check(HealthCheckId=outputs["healthCheckId"])["HealthCheck"]
    assert check["HealthCheckConfig"]["Type"] == "CALCULATED"
