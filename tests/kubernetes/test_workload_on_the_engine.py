"""A workload on a real API server: server-side apply, admission, Pod Security `restricted`, custom types."""

# ruff: noqa: F811 - fixtures are imported by name
from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import pytest
from eks import Eks, eks, stack  # noqa: F401
from inline_stack import InlineStack
from pulumi import automation

from components.controller_roles import AUTOSCALER, BALANCER, NAMESPACE
from components.controllers import Controllers, ControllersArgs
from components.controllers import workloads as controller_workloads
from components.custom_types import CustomTypes
from components.declared_policies import DeclaredPolicies
from components.gateway_binding import GatewayBinding, GatewayBindingArgs
from components.reachability import BANKS, Blocks, Party, Port, rule
from components.registry import image_of
from components.scaling import CpuScaling, QueueScaling
from components.vocabulary import Compute
from components.workload import Probe, Workload, WorkloadArgs, declared_matrix
from components.workloads import NamespaceArgs, Workloads, WorkloadsArgs
from sandbox.kubernetes.errors import ApiError

pytestmark = pytest.mark.kubernetes

DIGEST = "sha256:" + "0" * 64
OUTSIDE = (
    Party(name="edge", place=Blocks(cidrs=("10.0.48.0/22",))),
    Party(name="aws", place=Blocks(cidrs=("10.0.0.0/19",)), ports=(Port(number=443),)),
    Party(name="kubernetes", place=Blocks(cidrs=("172.20.0.1/32",)), ports=(Port(number=443),)),
)
GATEWAY = WorkloadArgs(
    cell="test",
    name="gateway",
    namespace="gateway",
    image=image_of("123456789012", "eu-west-1", "test", "gateway", DIGEST),
    replicas=2,
    cpu="100m",
    memory="128Mi",
    priority="payment-critical",
    probe=Probe(path="/ready", port=8443, tls=True),
    ports={"https": 8443},
    needs=("ledger",),
    serves=("edge",),
    scaling=CpuScaling(maximum=6),
    config_maps={"shard-map": "/etc/shard-map"},
    drain_s=30,
)
LEDGER = replace(
    GATEWAY,
    name="ledger",
    needs=("aws",),
    serves=("gateway",),
    scaling=QueueScaling(maximum=4, region="eu-west-1", queue_name="test-ledger.fifo", age_s=30),
)
PARTIES = {party.name: party for party in (*OUTSIDE, GATEWAY.party, LEDGER.party)}


def program(eks: Eks, by_hand: tuple[Party, ...] = ()) -> None:
    """`by_hand`: whom a policy beside the workloads lets the ledger call."""
    policies = DeclaredPolicies()
    arguments = {"kubeconfig": eks.kubeconfig(), "cluster_identifier": eks.arn}
    opts = pulumi.ResourceOptions(providers=[kubernetes.Provider("cluster", **arguments)])
    quota = NamespaceArgs(cpu="4", memory="8Gi", pods=20, reads_shard_map=True)
    spaces = Workloads(
        "test",
        WorkloadsArgs(
            cell="test",
            kubernetes_version="1.34",
            namespaces={"gateway": quota, NAMESPACE: quota},
            shard_map=json.dumps({"version": 1}),
        ),
        opts,
    )
    types = CustomTypes("test", Compute.MANAGED, opts)
    after = list(types.types.values())
    for args in (GATEWAY, LEDGER):
        Workload(f"test-{args.name}", args, PARTIES, opts, namespace=spaces.namespaces["gateway"], after=after)
    images = {name: image_of("123456789012", "eu-west-1", "test", name, DIGEST) for name in (BALANCER, AUTOSCALER)}
    controllers = ControllersArgs(
        cell="test",
        region="eu-west-1",
        cluster_name="test",
        vpc_id="vpc-1",
        images=images,
        parties=PARTIES,
        after=after,
    )
    Controllers("test", controllers, spaces.namespaces[NAMESPACE], opts)
    binding = GatewayBindingArgs(
        cell="test",
        compute=Compute.MANAGED,
        namespace=spaces.namespaces["gateway"],
        target_group_arn="arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/test/1a2b",
        vpc_id="vpc-1",
        after=after,
    )
    GatewayBinding("test", binding, opts)
    for party in by_hand:
        kubernetes.networking.v1.NetworkPolicy(
            "by-hand",
            metadata={"name": "by-hand", "namespace": spaces.namespaces["gateway"]},
            spec={
                "podSelector": {"matchLabels": LEDGER.labels},
                "policyTypes": ["Egress"],
                "egress": [rule([party], "to", party.ports)],
            },
            opts=opts,
        )
    declared = [GATEWAY, LEDGER, *controller_workloads(controllers).values()]
    policies.all().apply(lambda found: declared_matrix(declared, [*OUTSIDE, BANKS], policies=found).check())


@pytest.fixture
def made(eks: Eks, stack: InlineStack) -> Iterator[InlineStack]:
    stack.use(lambda: program(eks))
    stack.up()
    yield stack
    stack.destroy()


def pod(eks: Eks, namespace: str, deployment: str) -> dict[str, Any]:
    """The pod that a Deployment would make, as its own manifest."""
    found = eks.client.get(f"/apis/apps/v1/namespaces/{namespace}/deployments/{deployment}")
    template = copy.deepcopy(found["spec"]["template"])
    metadata = {"name": deployment, "labels": template["metadata"]["labels"]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}


def admit(eks: Eks, namespace: str, manifest: dict[str, Any]) -> dict[str, Any]:
    """What admission makes of a pod; nothing is stored."""
    path = f"/api/v1/namespaces/{namespace}/pods"
    return eks.client.request("POST", path, params={"dryRun": "All"}, body=manifest)


def test_workloads_and_controllers_are_applied_admitted_and_stay(eks: Eks, made: InlineStack) -> None:
    assert set(made.preview()) == {"same"}
    for namespace, name in (
        ("gateway", "gateway"),
        ("gateway", "ledger"),
        (NAMESPACE, BALANCER),
        (NAMESPACE, AUTOSCALER),
    ):
        admitted = admit(eks, namespace, pod(eks, namespace, name))
        assert admitted["spec"]["priority"] == 1_000_000, "the priority class is known"
        assert admitted["spec"]["containers"][0]["image"].endswith(DIGEST)

    privileged = pod(eks, "gateway", "gateway")
    privileged["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = True
    with pytest.raises(ApiError, match=r'violates PodSecurity "restricted'):
        admit(eks, "gateway", privileged)
    greedy = pod(eks, "gateway", "gateway")
    greedy["spec"]["containers"][0]["resources"]["requests"]["cpu"] = "5"
    with pytest.raises(ApiError, match="exceeded quota"):
        admit(eks, "gateway", greedy)

    binding = eks.client.get("/apis/elbv2.k8s.aws/v1beta1/namespaces/gateway/targetgroupbindings/gateway")
    assert binding["spec"]["targetType"] == "ip"
    scaled = eks.client.get("/apis/keda.sh/v1alpha1/namespaces/gateway/scaledobjects/ledger")
    assert scaled["spec"]["triggers"][0]["metadata"]["metricName"] == "ApproximateAgeOfOldestMessage"
    for wrong in ({"targetType": "lambda"}, {"targetTyp": "ip"}):
        manifest = {**binding, "metadata": {"name": "wrong"}, "spec": {**binding["spec"], **wrong}}
        path = "/apis/elbv2.k8s.aws/v1beta1/namespaces/gateway/targetgroupbindings/wrong"
        with pytest.raises(ApiError):
            eks.client.apply(path, manifest, "test", dry_run=True)
    assert "PRIVATE KEY" not in made.state_text()

    made.use(lambda: program(eks, by_hand=(BANKS,)))
    with pytest.raises(automation.CommandError, match="ledger -> banks: a policy opens it"):
        made.preview()
    made.use(lambda: program(eks))
