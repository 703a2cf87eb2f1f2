"""An emulated EKS cluster with its real API server, and its principals."""

import base64
import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pytest
from inline_stack import InlineStack

from conftest import DEFAULT_REGION, Sandbox
from sandbox.kubernetes import binaries
from sandbox.kubernetes.client import Client
from sandbox.kubernetes.provider import kubeconfig

CLUSTER = "kubernetes-tests"
START_TIMEOUT_S = 120
POLICY = "arn:aws:eks::aws:cluster-access-policy/AmazonEKS{}Policy"


@dataclass(kw_only=True)
class Eks:
    """`client` acts as the principal that made the cluster."""

    sandbox: Sandbox
    arn: str
    endpoint: str
    authority: str
    name: str = CLUSTER

    @cached_property
    def client(self) -> Client:
        return self.client_as(None)

    def kubeconfig(self, role: str | None = None, endpoint: str | None = None, **cluster: str) -> str:
        """What a workloads stack has; `role` is assumed by the exec plugin, `cluster` are more of its entries."""
        arguments = ["eks", "get-token", "--cluster-name", self.name, "--region", DEFAULT_REGION, "--output", "json"]
        plugin = {
            "apiVersion": "client.authentication.k8s.io/v1beta1",
            "command": str(self.sandbox.home / "bin" / "aws"),
            "args": arguments + (["--role-arn", role] if role else []),
            "env": [{"name": name, "value": self.sandbox.env[name]} for name in self.sandbox.env if "AWS" in name],
        }
        place = {"server": endpoint or self.endpoint, "certificate-authority-data": self.authority, **cluster}
        return json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "cluster", "cluster": place}],
                "users": [{"name": "user", "user": {"exec": plugin}}],
                "contexts": [{"name": "context", "context": {"cluster": "cluster", "user": "user"}}],
                "current-context": "context",
            }
        )

    def role(self, name: str, policy: str | None = None, namespaces: tuple[str, ...] = ()) -> str:
        """ARN of a new IAM role; with `policy`, such as View, it has an access entry with that access policy."""
        iam, eks = self.sandbox.client("iam"), self.sandbox.client("eks")
        arn = str(iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]["Arn"])
        if policy:
            eks.create_access_entry(clusterName=self.name, principalArn=arn)
            scope = {"type": "namespace", "namespaces": [*namespaces]} if namespaces else {"type": "cluster"}
            eks.associate_access_policy(
                clusterName=self.name, principalArn=arn, policyArn=POLICY.format(policy), accessScope=scope
            )
        return arn

    def client_as(self, role: str | None) -> Client:
        """A client with the token of a role."""
        return connect(self.kubeconfig(role))


def connect(text: str) -> Client:
    target = kubeconfig.load(text)
    credentials = kubeconfig.Credentials(target)
    return Client(url=target.server, context=kubeconfig.tls(target), headers=credentials.headers)


def wait(condition: Callable[[], Any], timeout_s: float, what: str) -> None:
    """Poll until the condition holds; fail naming `what` otherwise."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {timeout_s} s: {what}")
        time.sleep(0.05)


@pytest.fixture(scope="module")
def eks(sandbox: Sandbox) -> Eks:
    """One cluster for all tests of a module; it ends when the sandbox is emptied for the next one."""
    if binaries.kube_apiserver() is None:
        pytest.skip("no kube-apiserver on this machine: `make` builds it")
    return make_cluster(sandbox)


def make_cluster(sandbox: Sandbox, name: str = CLUSTER, policies: Sequence[str] = (), **settings: Any) -> Eks:
    """An ACTIVE cluster; `policies` are its role's, `settings` more arguments of CreateCluster."""
    api, ec2, iam = (sandbox.client(service) for service in ("eks", "ec2", "iam"))
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    for policy in policies:
        iam.attach_role_policy(RoleName=name, PolicyArn=policy)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{i}.0/24")["Subnet"]["SubnetId"] for i in range(2)]
    api.create_cluster(
        name=name,
        roleArn=role,
        resourcesVpcConfig={"subnetIds": subnets},
        accessConfig={"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": True},
        **settings,
    )

    def described() -> Mapping[str, Any]:
        cluster: Mapping[str, Any] = api.describe_cluster(name=name)["cluster"]
        return cluster

    wait(lambda: described()["status"] == "ACTIVE", START_TIMEOUT_S, f"{name} ACTIVE; see {sandbox.home / 'logs'}")
    made = described()
    authority = made["certificateAuthority"]["data"]
    return Eks(sandbox=sandbox, arn=made["arn"], endpoint=made["endpoint"], authority=authority, name=name)


@pytest.fixture
def namespace(eks: Eks) -> Iterator[str]:
    """A namespace of the test's own."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    make_namespace(eks.client, name)
    yield name
    eks.client.delete(f"/api/v1/namespaces/{name}")


def make_namespace(client: Client, name: str, **labels: str) -> None:
    metadata = {"name": name, "labels": {key.replace("__", "/"): value for key, value in labels.items()}}
    client.request("POST", "/api/v1/namespaces", body={"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})


@pytest.fixture
def stack(eks: Eks) -> InlineStack:
    return InlineStack(eks.sandbox, lambda: None)


def decoded(text: str) -> str:
    return base64.b64decode(text).decode()
