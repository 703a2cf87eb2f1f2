"""Start, stop, reset and status of real sandboxes, and what they leave behind when they are killed."""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config

from conftest import Sandbox, run_sandbox
from sandbox.lifecycle import emulator_client, processes
from sandbox.lifecycle.home import Home, Run

pytestmark = pytest.mark.engine

GONE_WITHIN_S = 20.0


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A folder for a sandbox of one test, which is stopped afterwards."""
    yield tmp_path / "sandbox"
    run_sandbox(tmp_path / "sandbox", "stop", check=False)


def run_of(home: Path) -> Run:
    run = Home(path=home).run()
    assert run is not None
    return run


def status_of(home: Path) -> dict[str, Any]:
    return dict(json.loads(run_sandbox(home, "status", "-o", "json").stdout))


def members_of(home: Path) -> list[processes.Process]:
    """All processes of the sandbox: the API servers too."""
    return processes.members(run_of(home).start_id)


def queue_names(box: Sandbox) -> list[str]:
    return [url.rpartition("/")[2] for url in box.client("sqs").list_queues().get("QueueUrls", [])]


def write_state(home: Path) -> None:
    """A stack with one resource, as an update of this moment leaves it."""
    folder = home / "state" / ".pulumi" / "stacks" / "payment-cell"
    folder.mkdir(parents=True)
    created = datetime.now(UTC).isoformat()
    resource = {"type": "aws:sqs/queue:Queue", "custom": True, "created": created}
    checkpoint = {"checkpoint": {"latest": {"resources": [resource]}}}
    (folder / "dev.json").write_text(json.dumps(checkpoint))


def test_a_second_start_says_that_it_runs_and_changes_nothing(sandbox: Sandbox) -> None:
    before = run_of(sandbox.home)
    again = sandbox.command("start")
    assert "already running" in again.stderr
    assert run_of(sandbox.home) == before


def test_of_two_starts_at_once_one_starts_and_both_succeed(home: Path) -> None:
    command = [sys.executable, "-m", "sandbox", "start"]
    environment = {**os.environ, "PAYMENT_CELL_SANDBOX": str(home)}
    starts = [subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    talk = [start.communicate(timeout=60)[1] for start in starts]
    assert [start.returncode for start in starts] == [0, 0]
    assert sorted("already running" in text for text in talk) == [False, True]
    assert len(members_of(home)) == 3  # supervisor, emulator and data plane


@pytest.mark.parametrize("name", ["AWS_PROFILE", "AWS_SESSION_TOKEN"])
def test_it_does_not_start_next_to_real_credentials(home: Path, name: str) -> None:
    refused = run_sandbox(home, "start", check=False, extra={name: "real"})
    assert refused.returncode == 1
    assert f"unset {name}" in refused.stderr
    assert not home.exists()


def test_it_listens_on_loopback_only(sandbox: Sandbox) -> None:
    port = f"{run_of(sandbox.home).port:04X}"
    tables = [Path("/proc/net") / name for name in ("tcp", "tcp6")]
    lines = [line.split() for table in tables if table.exists() for line in table.read_text().splitlines()[1:]]
    listening = {fields[1].split(":")[0] for fields in lines if fields[3] == "0A" and fields[1].endswith(f":{port}")}
    assert listening == {"0100007F"}


def test_a_page_in_a_browser_can_neither_read_nor_reset_it(sandbox: Sandbox) -> None:
    url = sandbox.env["AWS_ENDPOINT_URL"]
    rebound = httpx.get(f"{url}{emulator_client.STATUS}", headers={"Host": "attacker.example"})
    assert rebound.status_code == 403
    assert httpx.post(f"{url}{emulator_client.RESET}").status_code == 403
    answer = httpx.get(f"{url}{emulator_client.STATUS}", headers={"Origin": "https://attacker.example"})
    assert "access-control-allow-origin" not in answer.headers


def test_secrets_are_readable_by_their_owner_only(sandbox: Sandbox) -> None:
    assert stat.S_IMODE(sandbox.home.stat().st_mode) == 0o700
    for name in ("passphrase", "secrets.json", "sandbox.json"):
        assert stat.S_IMODE((sandbox.home / name).stat().st_mode) == 0o600, name
    secret = sandbox.env["AWS_SECRET_ACCESS_KEY"]
    logs = [log for log in (sandbox.home / "logs").rglob("*") if log.is_file()]
    assert logs
    assert all(secret not in log.read_text(errors="replace") for log in logs)


def test_stop_ends_everything_and_status_says_so(home: Path) -> None:
    Sandbox.start(home)
    run_sandbox(home, "stop")
    assert members_of(home) == []
    assert status_of(home)["running"] is False
    refused = run_sandbox(home, "env", check=False)
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert "cell sandbox start" in refused.stderr
    assert "was not running" in run_sandbox(home, "stop").stderr


def test_children_end_when_the_supervisor_is_killed(home: Path) -> None:
    box = Sandbox.start(home)
    start_cluster(box)
    supervisor = run_of(home).supervisor
    assert supervisor is not None
    members = members_of(home)
    os.kill(supervisor.pid, signal.SIGKILL)
    assert all(processes.wait_gone(member, GONE_WITHIN_S) for member in members)
    assert "killed" in run_sandbox(home, "env", check=False).stderr


def test_an_emulator_that_ends_by_itself_is_reported(home: Path) -> None:
    box = Sandbox.start(home)
    start_cluster(box)
    run = run_of(home)
    members = members_of(home)
    assert run.emulator
    assert run.supervisor
    os.kill(run.emulator.pid, signal.SIGKILL)
    assert all(processes.wait_gone(member, GONE_WITHIN_S) for member in members)
    assert "ended by itself" in status_of(home)["ended"]
    assert "SIGKILL" in run_sandbox(home, "status").stdout


def test_a_sandbox_whose_owner_or_folder_is_gone_ends(home: Path, tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as owner:
        run_sandbox(home, "start", extra={"PAYMENT_CELL_SANDBOX_OWNER": str(owner.pid)})
        owner.kill()
    other = tmp_path / "other"
    run_sandbox(other, "start")
    members = [*members_of(home), *members_of(other)]
    shutil.rmtree(other)
    assert all(processes.wait_gone(member, GONE_WITHIN_S) for member in members)
    assert str(owner.pid) in status_of(home)["ended"]


def start_cluster(box: Sandbox) -> None:
    """An EKS cluster, and with it an API server and etcd where the machine has them."""
    ec2 = box.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    box.client("eks").create_cluster(
        name="c", roleArn="arn:aws:iam::123456789012:role/r", resourcesVpcConfig={"subnetIds": [subnet]}
    )


def test_an_account_that_is_gone_under_state_is_noticed_and_explained(home: Path) -> None:
    Sandbox.start(home)
    write_state(home)
    assert status_of(home)["warning"] is None
    stopped = run_sandbox(home, "stop")
    assert "1 resources" in stopped.stderr
    started = run_sandbox(home, "start")
    for talk in (started.stderr, run_sandbox(home, "env").stderr, run_sandbox(home, "status").stdout):
        assert "the account is gone while Pulumi state still holds 1 resources" in talk
        assert "dev (1)" in talk
        assert "cell sandbox reset" in talk
    run_sandbox(home, "reset")
    assert status_of(home)["warning"] is None
    assert status_of(home)["stacks"] == []


def test_an_account_that_moto_itself_reset_is_noticed(home: Path) -> None:
    box = Sandbox.start(home)
    write_state(home)
    httpx.post(f"{box.env['AWS_ENDPOINT_URL']}/moto-api/reset")
    assert "the account is gone" in run_sandbox(home, "env").stderr


def test_a_restart_keeps_the_environment_of_open_shells_valid(home: Path) -> None:
    before = Sandbox.start(home)
    before.client("sqs").create_queue(QueueName="q")
    run_sandbox(home, "stop")
    after = Sandbox.start(home)
    assert after.env == before.env
    assert queue_names(before) == []


def test_reset_empties_account_kubernetes_and_state_together(home: Path) -> None:
    box = Sandbox.start(home)
    start_cluster(box)
    box.client("sqs", account="210987654321").create_queue(QueueName="q")
    write_state(home)
    box.reset()
    assert box.client("eks").list_clusters()["clusters"] == []
    assert queue_names(box) == []
    status = status_of(home)
    assert status["stacks"] == []
    assert status["clusters"] == []
    assert len(members_of(home)) == 3  # no API server, no etcd, no pod
    assert "not running" not in run_sandbox(home, "env").stderr


def test_an_interrupted_start_is_cleaned_up_by_the_next(home: Path) -> None:
    command = [sys.executable, "-m", "sandbox", "start"]
    environment = {**os.environ, "PAYMENT_CELL_SANDBOX": str(home)}
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as start:
        while Home(path=home).run() is None:  # the supervisor writes it before it starts the emulator
            assert start.poll() is None
        start.kill()
    interrupted = run_of(home)
    Sandbox.start(home)
    assert run_of(home).start_id != interrupted.start_id
    assert processes.members(interrupted.start_id) == []


def test_logs_are_in_one_folder_and_printed_by_name(sandbox: Sandbox) -> None:
    sandbox.client("sqs").list_queues()
    assert " ListQueues" in sandbox.command("logs", "access").stdout
    listed = sandbox.command("logs").stdout
    assert all(f"{name} " in listed for name in ("access", "emulator", "supervisor"))
    unknown = sandbox.command("logs", "../secrets", check=False)
    assert unknown.returncode == 1
    assert "emulator" in unknown.stderr


def test_a_followed_log_shows_what_is_appended(sandbox: Sandbox) -> None:
    environment = {**os.environ, "PAYMENT_CELL_SANDBOX": str(sandbox.home)}
    command = [sys.executable, "-u", "-m", "sandbox", "logs", "access", "-f"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as follower:
        assert follower.stdout is not None
        sandbox.client("sns", region="eu-central-1").list_topics()
        assert any("sns eu-central-1" in line for line in follower.stdout)
        follower.kill()


def test_64_requests_at_once_are_answered(sandbox: Sandbox) -> None:
    from concurrent.futures import ThreadPoolExecutor

    client = boto3.client(
        "sqs",
        region_name="sa-east-1",
        endpoint_url=sandbox.env["AWS_ENDPOINT_URL"],
        aws_access_key_id=sandbox.env["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=sandbox.env["AWS_SECRET_ACCESS_KEY"],
        config=Config(max_pool_connections=64, retries={"total_max_attempts": 1}),
    )
    with ThreadPoolExecutor(64) as pool:
        made = list(pool.map(lambda number: client.create_queue(QueueName=f"parallel-{number}"), range(128)))
    assert len({answer["QueueUrl"] for answer in made}) == 128


def test_what_the_emulator_lacks_is_said_in_an_aws_error(sandbox: Sandbox) -> None:
    client = sandbox.client("securityhub")
    with pytest.raises(client.exceptions.ClientError, match="NotEmulated"):
        client.get_enabled_standards()
