"""A real API server for the whole session, and stacks of inline programs on the real engine against it."""

import json
import os
import secrets
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi import automation

from sandbox.kubernetes import binaries
from sandbox.kubernetes.apiserver import Clusters, Endpoint
from sandbox.kubernetes.client import Client
from sandbox.kubernetes.token import Secret
from sandbox.kubernetes.webhook import CLUSTER_ADMIN, AccessEntry, AccessPolicy, Caller, TokenReviewer

ROOT = Path(__file__).parents[2]
ACCOUNT, REGION, NAME = "123456789012", "eu-west-1", "cell"
START_TIMEOUT_S = 90


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.kubernetes)


@dataclass
class Principals:
    """IAM roles with access keys and access entries, in place of an emulated account."""

    secrets: dict[str, str] = field(default_factory=dict)
    entries: list[AccessEntry] = field(default_factory=list)

    def add(self, role: str, *policies: AccessPolicy, entry: bool = True) -> dict[str, str]:
        """Credentials (environment) of a new role; without `entry` the cluster does not know it."""
        key_id, secret = f"AKIA{role.upper()}", secrets.token_urlsafe(12)
        self.secrets[key_id] = secret
        if entry:
            arn = f"arn:aws:iam::{ACCOUNT}:role/{role}"
            self.entries.append(AccessEntry(principal_arn=arn, username=role, policies=policies))
        return {"AWS_ACCESS_KEY_ID": key_id, "AWS_SECRET_ACCESS_KEY": secret}

    def find(self, key_id: str) -> Caller | None:
        if key_id not in self.secrets:
            return None
        arn = f"arn:aws:iam::{ACCOUNT}:role/{key_id.removeprefix('AKIA').lower()}"
        return Caller(secret=Secret(self.secrets[key_id]), account=ACCOUNT, arn=arn, principal_arn=arn, user_id="AROA")


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A running API server: `client` acts as its administrator."""

    endpoint: Endpoint
    client: Client
    admin_kubeconfig: str
    principals: Principals
    clusters: Clusters

    def exec_kubeconfig(self, credentials: dict[str, str]) -> str:
        """What the workloads stack uses: the exec plugin of every EKS kubeconfig."""
        import base64

        command = [sys.executable, "-m", "sandbox.kubernetes.get_token", "eks", "get-token", "--cluster-name", NAME]
        environment = {**credentials, "PYTHONPATH": str(ROOT), "AWS_CONFIG_FILE": os.devnull, "AWS_SESSION_TOKEN": ""}
        del environment["AWS_SESSION_TOKEN"]
        plugin = {
            "apiVersion": "client.authentication.k8s.io/v1beta1",
            "command": command[0],
            "args": [*command[1:], "--region", REGION, "--output", "json"],
            "env": [{"name": name, "value": value} for name, value in environment.items()],
        }
        authority = base64.b64encode(self.endpoint.ca_pem.encode()).decode()
        return json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [
                    {
                        "name": "c",
                        "cluster": {"server": self.endpoint.url, "certificate-authority-data": authority},
                    }
                ],
                "users": [{"name": "u", "user": {"exec": plugin}}],
                "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
                "current-context": "x",
            }
        )


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    if binaries.kube_apiserver() is None:
        pytest.skip("no kube-apiserver: run `make` to build it")
    principals = Principals()
    reviewer = TokenReviewer(principals.find, lambda *_: principals.entries)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = json.dumps(reviewer.review(*self.path.split("/")[-3:], body)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    home = tmp_path_factory.mktemp("clusters")
    clusters = Clusters(home, f"http://127.0.0.1:{server.server_port}/review")
    endpoint = clusters.start(ACCOUNT, REGION, NAME)
    wait(lambda: clusters.ready(ACCOUNT, REGION, NAME), START_TIMEOUT_S, f"API server; see {home / 'logs'}")
    kubeconfig = clusters.admin_kubeconfig(ACCOUNT, REGION, NAME)
    client = Client(url=endpoint.url, context=clusters.admin_context(ACCOUNT, REGION, NAME))
    try:
        yield Cluster(
            endpoint=endpoint,
            client=client,
            admin_kubeconfig=str(kubeconfig),
            principals=principals,
            clusters=clusters,
        )
    finally:
        clusters.stop_all()
        server.shutdown()


def wait(condition: Callable[[], Any], timeout_s: float, what: str) -> None:
    """Poll until the condition holds; fail naming `what` otherwise."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {timeout_s} s: {what}")
        time.sleep(0.05)


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace of the test's own."""
    name = f"test-{secrets.token_hex(4)}"
    manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    cluster.client.request("POST", "/api/v1/namespaces", body=manifest)
    yield name
    cluster.client.delete(f"/api/v1/namespaces/{name}")


Program = Callable[[], None]
Stack = Callable[..., automation.Stack]


@pytest.fixture
def stack(tmp_path: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """Makes a stack of an inline program; a second call with another program continues the same stack."""
    engine = os.environ.get("PAYMENT_CELL_PULUMI") or shutil.which("pulumi")
    if engine is None:
        pytest.skip("no pulumi: run `make` to build it")
    bin_folder, state = tmp_path / "bin", tmp_path / "state"
    for folder in (bin_folder, state):
        folder.mkdir()
    (bin_folder / "pulumi").symlink_to(engine)
    plugin = bin_folder / "pulumi-resource-kubernetes"
    plugin.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m sandbox.kubernetes.provider "$@"\n')
    plugin.chmod(0o755)

    monkeypatch.setenv("PATH", f"{bin_folder}{os.pathsep}{os.environ['PATH']}")

    def make(program: Program, **environment: str) -> automation.Stack:
        options = automation.LocalWorkspaceOptions(
            pulumi_home=str(tmp_path / "home"),
            env_vars={
                "PULUMI_BACKEND_URL": f"file://{state}",
                "PULUMI_CONFIG_PASSPHRASE": "test",
                "PULUMI_SKIP_UPDATE_CHECK": "true",
                "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
                "KUBECONFIG": cluster.admin_kubeconfig,
                **environment,
            },
        )
        return automation.create_or_select_stack("test", "test", program, opts=options)

    return make


def admin(cluster: Cluster, **inputs: Any) -> pulumi.ResourceOptions:
    """Options with a provider of the cluster's administrator."""
    import pulumi_kubernetes as kubernetes

    return pulumi.ResourceOptions(
        provider=kubernetes.Provider("admin", kubeconfig=cluster.admin_kubeconfig, **inputs)
    )


VIEW = AccessPolicy(policy_arn=CLUSTER_ADMIN.replace("ClusterAdmin", "View"))
EVERYTHING = AccessPolicy(policy_arn=CLUSTER_ADMIN)
