"""`cell connect`: which node is the far end, what Session Manager is asked, what a command behind the tunnel gets."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import Mock

import boto3
import pytest
from botocore.exceptions import ClientError

from components.vocabulary import Compute, Environment
from operations import connect
from operations.deploy import Session
from operations.errors import CellError
from operations.plan import Declared, Kind
from operations.preflight_aws import Clients
from stacks.providers import TUNNEL_VARIABLE, kubeconfig

HOST = "abc.gr7.eu-west-1.eks.amazonaws.com"
CLUSTER = connect.Cluster(
    name="eu-west-1", region="eu-west-1", endpoint=f"https://{HOST}", certificate_authority="Q0E=", role_arn=None
)
LOCAL = connect.Cluster(
    name="dev", region="eu-west-1", endpoint="https://127.0.0.1:4443", certificate_authority="Q0E=", role_arn=None
)

# Stands in for `aws ssm start-session`: a child, as the plugin is, listens where it was told to until it is ended.
SESSION = """#!{python}
import json, os, signal, socket, sys
if os.fork():
    os.wait()
{ending}
wanted = json.loads(sys.argv[sys.argv.index("--parameters") + 1])
with socket.create_server(("127.0.0.1", int(wanted["localPortNumber"][0]))) as server:
    while True:
        server.accept()
"""

REPORT = """
import json, os, socket
host, port = os.environ["PAYMENT_CELL_TUNNEL"].split(":")
socket.create_connection((host, int(port)), timeout=5)
print(json.dumps({"kubeconfig": json.load(open(os.environ["KUBECONFIG"])), "path": os.environ["KUBECONFIG"]}))
"""


class Instances:
    """The two clients that are asked for the far end."""

    def __init__(self, running: list[str], online: list[str]) -> None:
        self.running, self.online = running, online

    def get_paginator(self, _operation: str) -> "Instances":
        return self

    def paginate(self, **_filters: Any) -> list[dict[str, Any]]:
        return [{"Reservations": [{"Instances": [{"InstanceId": one}]}]} for one in self.running]

    def describe_instance_information(self, **_filters: Any) -> dict[str, Any]:
        return {"InstanceInformationList": [{"InstanceId": one} for one in self.online]}


def write_session(folder: Path, ending: str = "") -> None:
    """`ending`: what the child does first, to be ready for its end."""
    for name in ("aws", "session-manager-plugin"):
        (folder / name).write_text(SESSION.replace("{python}", sys.executable).replace("{ending}", ending))
        (folder / name).chmod(0o755)


@pytest.fixture
def tools(tmp_path: Path) -> dict[str, str]:
    """An environment with a stand-in for the AWS CLI and its plugin."""
    write_session(tmp_path)
    return {"PATH": str(tmp_path)}


def forward(port: int, tools: dict[str, str]) -> list[str]:
    command = connect.session_command(CLUSTER, "i-1", port, "test")
    return [str(Path(tools["PATH"], "aws")), *command[1:]]


def test_a_node_whose_agent_answers_is_the_far_end() -> None:
    clients = Instances(running=["i-2", "i-1"], online=["i-2"])
    assert connect.far_end(clients, clients, "eu-west-1") == "i-2"


@pytest.mark.parametrize(("running", "count"), [([], 0), (["i-1"], 1)])
def test_no_answering_node_says_what_the_agent_needs(running: list[str], count: int) -> None:
    clients = Instances(running=running, online=[])
    with pytest.raises(CellError, match=rf"\({count} run\).*3\.3\.40\.0 or newer.* ssm and ssmmessages") as refused:
        connect.far_end(clients, clients, "eu-west-1")
    # The cell has no endpoint for it.
    assert "ec2messages" not in str(refused.value)


def test_the_session_goes_to_the_endpoint_and_says_why() -> None:
    command = connect.session_command(CLUSTER, "i-1", 8443, "kubectl get nodes")
    parameters = json.loads(command[command.index("--parameters") + 1])
    assert parameters == {"host": [HOST], "portNumber": ["443"], "localPortNumber": ["8443"]}
    assert command[-2:] == ["--reason", "kubectl get nodes"]


def test_a_command_gets_a_kubeconfig_through_the_tunnel(tools: dict[str, str], capfd: Any) -> None:
    port = connect.free_port()
    code = connect.run(CLUSTER, [sys.executable, "-c", REPORT], forward(port, tools), port, tools)
    said = json.loads(capfd.readouterr().out)
    assert code == 0
    assert said["kubeconfig"]["clusters"][0]["cluster"] == {
        "server": f"https://127.0.0.1:{port}",
        "certificate-authority-data": "Q0E=",
        "tls-server-name": HOST,
    }
    assert not Path(said["path"]).exists()


def test_the_tunnel_ends_with_its_command(tools: dict[str, str]) -> None:
    port = connect.free_port()
    assert connect.run(CLUSTER, [sys.executable, "-c", "raise SystemExit(3)"], forward(port, tools), port, tools) == 3
    assert not connect._listens(port)


def test_a_session_has_time_to_end_itself(tools: dict[str, str], tmp_path: Path) -> None:
    said = tmp_path / "said"
    # Only once the AWS CLI is gone, which is when a hurried end would kill the plugin.
    ending = f"""
parent = os.getppid()
def end(*_):
    while os.path.exists(f"/proc/{{parent}}"):
        pass
    open({str(said)!r}, "w").write("goodbye")
    os._exit(0)
signal.signal(signal.SIGTERM, end)
"""
    write_session(tmp_path, ending)
    port = connect.free_port()
    assert connect.run(CLUSTER, [sys.executable, "-c", ""], forward(port, tools), port, tools) == 0
    assert said.read_text() == "goodbye"


def test_a_session_that_does_not_end_is_killed(
    tools: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect, "_ENDING_S", 0.2)
    write_session(tmp_path, "signal.signal(signal.SIGTERM, signal.SIG_IGN)")
    port = connect.free_port()
    assert connect.run(CLUSTER, [sys.executable, "-c", ""], forward(port, tools), port, tools) == 0
    assert not connect._listens(port)


def test_ctrl_c_is_the_commands_own_to_answer(tools: dict[str, str], capfd: Any) -> None:
    port = connect.free_port()
    # As from a terminal: to the command and to us, never to the session.
    answers = """
import os, signal, socket
signal.signal(signal.SIGINT, lambda *_: None)
os.kill(os.getppid(), signal.SIGINT)
os.kill(os.getpid(), signal.SIGINT)
os.kill(os.getppid(), signal.SIGINT)
host, port = os.environ["PAYMENT_CELL_TUNNEL"].split(":")
socket.create_connection((host, int(port)), timeout=5)
print("still connected")
raise SystemExit(4)
"""
    assert connect.run(CLUSTER, [sys.executable, "-c", answers], forward(port, tools), port, tools) == 4
    assert "still connected" in capfd.readouterr().out
    assert not connect._listens(port)


def test_a_command_that_a_signal_ends_is_told_as_a_shell_tells_it(tools: dict[str, str]) -> None:
    ended = [sys.executable, "-c", "import os; os.kill(os.getpid(), 15)"]
    assert connect.run(LOCAL, ended, (), 0, tools) == 143


def test_who_may_not_look_for_nodes_is_told_which_policies_are_missing() -> None:
    refused = ClientError({"Error": {"Code": "UnauthorizedOperation"}}, "DescribeInstances")
    ec2 = SimpleNamespace(get_paginator=Mock(side_effect=refused))
    with pytest.raises(CellError, match=r"UnauthorizedOperation.*cell iam eu-west-1 --role connect"):
        connect.far_end(ec2, None, "eu-west-1")


def test_the_node_that_answers_may_be_the_last_of_many() -> None:
    many = [f"i-{number:03}" for number in range(120)]
    asked: list[int] = []

    def online(Filters: list[dict[str, Any]]) -> dict[str, Any]:
        wanted = Filters[0]["Values"]
        asked.append(len(wanted))
        return {"InstanceInformationList": [{"InstanceId": one} for one in wanted if one == "i-119"]}

    ssm = SimpleNamespace(describe_instance_information=online)
    assert connect.far_end(Instances(running=many, online=[]), ssm, "eu-west-1") == "i-119"
    assert asked == [50, 50, 20]


def test_auto_mode_nodes_take_no_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    cell = SimpleNamespace(cluster=SimpleNamespace(compute=Compute.AUTO))
    fleet = SimpleNamespace(cells={"dev": cell}, account_of=lambda _: SimpleNamespace(deploy_role_arn=None))
    monkeypatch.setattr(connect, "load_fleet", lambda _: fleet)
    outputs = {
        "clusterName": "dev", "region": "eu-west-1", "clusterEndpoint": f"https://{HOST}",
        "clusterCertificateAuthority": "Q0E=",
    }  # fmt: skip
    session = SimpleNamespace(
        declared={"dev": Declared(name="dev", kind=Kind.CELL, environment=Environment.DEVELOPMENT)},
        project=SimpleNamespace(stacks_folder=None),
        engine=SimpleNamespace(outputs=lambda _: outputs),
    )
    with pytest.raises(CellError, match=r"dev has Auto Mode nodes.*use the runner"):
        connect.connect(cast(Session, session), "dev", ["true"], port=None, reason=None)


def test_a_session_that_is_refused_is_told_in_its_own_words(tools: dict[str, str]) -> None:
    Path(tools["PATH"], "aws").write_text("#!/bin/sh\necho TargetNotConnected: i-1 >&2\nexit 254\n")
    port = connect.free_port()
    with pytest.raises(CellError, match="TargetNotConnected"):
        connect.run(CLUSTER, ["true"], forward(port, tools), port, tools)


def test_a_missing_plugin_is_named_before_anything_starts(tools: dict[str, str]) -> None:
    Path(tools["PATH"], "session-manager-plugin").unlink()
    port = connect.free_port()
    with pytest.raises(CellError, match="session-manager-plugin is not on PATH"):
        connect.run(CLUSTER, ["true"], forward(port, tools), port, tools)


def test_an_endpoint_on_this_machine_needs_no_tunnel() -> None:
    assert LOCAL.is_local
    assert not CLUSTER.is_local
    assert connect.config(LOCAL, None)["clusters"][0]["cluster"]["server"] == LOCAL.endpoint


def test_the_session_acts_as_the_deploy_role_whatever_profile_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    role = {"AccessKeyId": "ASIA1", "SecretAccessKey": "s", "SessionToken": "t"}
    clients = Clients(boto3.Session(region_name="eu-west-1")).with_credentials(role)
    monkeypatch.setenv("AWS_PROFILE", "somebody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "own")
    found = connect.acting_environment(clients)
    assert "AWS_PROFILE" not in found
    assert (found["AWS_ACCESS_KEY_ID"], found["AWS_SECRET_ACCESS_KEY"], found["AWS_SESSION_TOKEN"]) == (
        "ASIA1", "s", "t",
    )  # fmt: skip


def test_an_account_has_no_cluster_to_reach() -> None:
    declared = {"account": Declared(name="account", kind=Kind.ACCOUNT, environment=Environment.PRODUCTION)}
    session = SimpleNamespace(declared=declared)
    with pytest.raises(CellError, match="has no cluster: name a cell"):
        connect.connect(cast(Session, session), "account", ["true"], port=None, reason=None)


def test_a_cell_that_is_not_up_is_told() -> None:
    with pytest.raises(CellError, match="run `cell up dev`"):
        connect.Cluster.of("dev", {}, None)


def test_the_workloads_program_goes_through_the_same_tunnel() -> None:
    assert TUNNEL_VARIABLE in REPORT
    direct = kubeconfig(name="a", region="r", endpoint=f"https://{HOST}", certificate_authority="Q0E=", role_arn=None)
    (cluster,) = direct["clusters"]  # type: ignore[misc]
    assert set(cluster["cluster"]) == {"server", "certificate-authority-data"}  # type: ignore[index]
