"""A way to a private cluster: a port of this machine forwarded through Session Manager to the cluster's endpoint.

The far end is a node of the cluster, which nothing on the internet reaches; who opened the session, to which host, with
which reason and for how long is in CloudTrail and in Session Manager's history
(https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-logging.html).
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from components.vocabulary import Compute
from operations.deploy import Session
from operations.errors import CellError, ExitCode
from operations.iam import SESSION_DOCUMENT
from operations.plan import Kind, known_stack
from operations.preflight_aws import Clients, NotObserved, ask
from operations.preflight_checks import entered
from stacks.fleet import load_fleet
from stacks.providers import TUNNEL_VARIABLE, kubeconfig

OPENING_S = 30
"""The plugin answers within seconds; a session that is not open by then was refused or the agent is gone."""

MAX_REASON = 256
"""Characters (https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_StartSession.html)."""

AGENT = "3.3.40.0"
"""Older agents need an endpoint ec2messages too, which a cell does not have
(https://docs.aws.amazon.com/systems-manager/latest/userguide/systems-manager-setting-up-messageAPIs.html)."""

_POLL_S = 0.1
_ENDING_S = 5
"""A session that was asked to end and has not by then is killed."""

_KILLED_S = 5
"""A killed one is gone within moments: a port that is still open then is somebody else's."""

_NODES_PER_QUESTION = 50
"""Instance ids in one filter of DescribeInstanceInformation."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cluster:
    """What a cell's outputs say of its cluster."""

    name: str
    region: str
    endpoint: str
    certificate_authority: str
    role_arn: str | None

    @property
    def host(self) -> str:
        """Name in the endpoint's certificate."""
        return urlsplit(self.endpoint).hostname or ""

    @property
    def is_local(self) -> bool:
        """Whether the endpoint is on this machine, as in the sandbox: no tunnel is needed then."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @classmethod
    def of(cls, stack: str, outputs: Mapping[str, Any], role_arn: str | None) -> Cluster:
        """From the outputs of a cell. Raises CellError where the cell is not up."""
        try:
            return cls(
                name=outputs["clusterName"],
                region=outputs["region"],
                endpoint=outputs["clusterEndpoint"],
                certificate_authority=outputs["clusterCertificateAuthority"],
                role_arn=role_arn,
            )
        except KeyError as missing:
            raise CellError(
                f"{stack} has no output {missing}: it is not up; run `cell up {stack}`", ExitCode.CONFIGURATION
            ) from missing


def connect(session: Session, stack: str, command: Sequence[str], *, port: int | None, reason: str | None) -> int:
    """Runs a command that reaches the cluster of a cell, and returns its exit code.

    `stack`: the cell, or its workloads. `port`: of this machine, for the tunnel; None takes a free one. `reason`: what
    the session's history says it was for; None says the command. Raises CellError where there is no way.
    """
    subject = known_stack(stack, session.declared)
    if subject.kind is Kind.ACCOUNT:
        raise CellError(f"{stack} is an account, which has no cluster: name a cell", ExitCode.CONFIGURATION)
    cell = str(subject.needs) if subject.kind is Kind.WORKLOADS else stack
    fleet = load_fleet(session.project.stacks_folder)
    account = fleet.account_of(cell)
    cluster = Cluster.of(cell, session.engine.outputs(cell), account.deploy_role_arn)
    if cluster.is_local:
        here = f"{cluster.endpoint} is on this machine: no tunnel is needed; on AWS one goes over a node of {cell}"
        session.console.print(here, markup=False, soft_wrap=True)
        return run(cluster, command, (), 0, os.environ)
    if fleet.cells[cell].cluster.compute is Compute.AUTO:
        raise CellError(
            f"{cell} has Auto Mode nodes, which take no sessions: use the runner or allow-listed addresses "
            "(docs/reaching-a-cluster.md)",
            ExitCode.CONFIGURATION,
        )
    clients = entered(account, "connect")
    instance = far_end(clients.get("ec2", cluster.region), clients.get("ssm", cluster.region), cell)
    own = port or free_port()
    why = reason or f"cell connect {stack}: {shlex.join(command)}"
    session.console.print(f"127.0.0.1:{own} -> {instance} -> {cluster.host}:443, {why}", markup=False, soft_wrap=True)
    forward = session_command(cluster, instance, own, why[:MAX_REASON])
    return run(cluster, command, forward, own, acting_environment(clients))


def acting_environment(clients: Clients) -> dict[str, str]:
    """The environment in which the AWS CLI acts as the clients do."""
    credentials = clients.session.get_credentials()
    assert credentials is not None, "whoever has been told who they are has credentials"
    frozen = credentials.get_frozen_credentials()
    own = {
        "AWS_ACCESS_KEY_ID": frozen.access_key,
        "AWS_SECRET_ACCESS_KEY": frozen.secret_key,
        "AWS_SESSION_TOKEN": frozen.token,
    }
    rest = {name: value for name, value in os.environ.items() if name not in {*own, "AWS_PROFILE"}}
    return rest | {name: value for name, value in own.items() if value}


def far_end(ec2: Any, ssm: Any, cell: str) -> str:
    """Instance id of a node of the cell's cluster whose agent answers. Raises CellError where there is none."""
    filters = [
        {"Name": "tag:eks:cluster-name", "Values": [cell]},
        {"Name": "instance-state-name", "Values": ["running"]},
    ]
    try:
        pages = ask(lambda: list(ec2.get_paginator("describe_instances").paginate(Filters=filters)))
        nodes = sorted(
            instance["InstanceId"]
            for page in pages
            for reservation in page["Reservations"]
            for instance in reservation["Instances"]
        )
        for first in range(0, len(nodes), _NODES_PER_QUESTION):
            some = nodes[first : first + _NODES_PER_QUESTION]
            asked = [{"Key": "InstanceIds", "Values": some}, {"Key": "PingStatus", "Values": ["Online"]}]
            if online := ask(ssm.describe_instance_information, Filters=asked)["InstanceInformationList"]:
                return str(min(entry["InstanceId"] for entry in online))
    except NotObserved as reason:
        raise CellError(
            f"no node of {cell} was found: {reason}; whoever connects needs the policies of "
            f"`cell iam {cell} --role connect`",
            ExitCode.AUTHENTICATION,
        ) from reason
    raise CellError(
        f"no node of {cell} answers Session Manager ({len(nodes)} run): its agent, {AGENT} or newer, needs the "
        "endpoints ssm and ssmmessages of the VPC, and the node role AmazonSSMManagedInstanceCore",
        ExitCode.RESOURCE,
    )


def session_command(cluster: Cluster, instance: str, port: int, reason: str) -> list[str]:
    """`aws ssm start-session` that forwards `port` of this machine to the cluster's endpoint."""
    parameters = {"host": [cluster.host], "portNumber": ["443"], "localPortNumber": [str(port)]}
    return [
        *("aws", "ssm", "start-session", "--region", cluster.region, "--target", instance),
        *("--document-name", SESSION_DOCUMENT, "--parameters", json.dumps(parameters), "--reason", reason),
    ]


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def run(cluster: Cluster, command: Sequence[str], forward: Sequence[str], port: int, env: Mapping[str, str]) -> int:
    """Runs `command` with KUBECONFIG and the tunnel in its environment; its exit code.

    `forward`: the session's command, empty where no tunnel is needed. The session ends with the command.
    """
    tunnel = f"127.0.0.1:{port}" if forward else None
    session = _open(forward, port, env) if forward else None
    try:
        with tempfile.TemporaryDirectory(prefix="cell-connect-") as folder:
            path = Path(folder, "kubeconfig")
            path.touch(mode=0o600)
            path.write_text(json.dumps(config(cluster, tunnel), indent=2))
            own = {"KUBECONFIG": str(path)} | ({TUNNEL_VARIABLE: tunnel} if tunnel else {})
            try:
                return _until_it_ends(subprocess.Popen(command, env={**os.environ, **own}))
            except FileNotFoundError as error:
                raise CellError(f"{command[0]}: no such command", ExitCode.CONFIGURATION) from error
    finally:
        if session is not None:
            _end(session, port)


def _until_it_ends(command: subprocess.Popen[bytes]) -> int:
    """Exit code. Ctrl-C reaches the command, which is in the terminal's process group, and is its own to answer: an
    update stops after what is in flight, and needs the tunnel for it."""
    while True:
        try:
            code = command.wait()
        except KeyboardInterrupt:
            continue
        # As a shell tells it: 128 and the signal.
        return code if code >= 0 else 128 - code


def _end(session: subprocess.Popen[str], port: int) -> None:
    """Ends the session and its plugin, which is a child that the AWS CLI leaves behind when it is ended alone.

    On return nothing of it listens on `port`. A process that was killed still does for a moment, and the plugin is no
    child of ours that could be waited for: the port is what tells.
    """
    for number, within_s in ((signal.SIGTERM, _ENDING_S), (signal.SIGKILL, _KILLED_S)):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(session.pid, number)
        if _ended(session, port, within_s):
            return


def _ended(session: subprocess.Popen[str], port: int, within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while session.poll() is None or _listens(port):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True


def config(cluster: Cluster, tunnel: str | None) -> dict[str, Any]:
    """The kubeconfig that commands get: no secret in it, tokens are made on demand."""
    found: dict[str, Any] = kubeconfig(
        name=cluster.name,
        region=cluster.region,
        endpoint=cluster.endpoint,
        certificate_authority=cluster.certificate_authority,
        role_arn=cluster.role_arn,
    )
    if tunnel is not None:
        found["clusters"][0]["cluster"] |= {"server": f"https://{tunnel}", "tls-server-name": cluster.host}
    return found


def _open(forward: Sequence[str], port: int, env: Mapping[str, str]) -> subprocess.Popen[str]:
    """Starts the session and waits until its port takes connections. Raises CellError with what it said."""
    for tool in ("aws", "session-manager-plugin"):
        if shutil.which(tool, path=env.get("PATH")) is None:
            raise CellError(
                f"{tool} is not on PATH: a tunnel needs the AWS CLI and its Session Manager plugin "
                "(https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-install-plugin.html)",
                ExitCode.CONFIGURATION,
            )
    if _listens(port):
        raise CellError(f"port {port} is taken: choose another with --port", ExitCode.CONFIGURATION)
    log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - lives as long as the session
    session = subprocess.Popen(
        forward,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        text=True,
        # A process group of its own: Ctrl-C at the command does not end it, and it ends with its children.
        start_new_session=True,
    )
    deadline = time.monotonic() + OPENING_S
    while not _listens(port):
        if session.poll() is not None or time.monotonic() > deadline:
            _end(session, port)
            log.seek(0)
            raise CellError(f"the session did not open: {log.read().strip() or 'no answer'}", ExitCode.RESOURCE)
        time.sleep(_POLL_S)
    return session


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
