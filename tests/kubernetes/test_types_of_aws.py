"""The types that AWS installs, on real API servers: those of every cluster, of the VPC CNI add-on, of Auto Mode."""

# ruff: noqa: F811 - fixtures are imported by name
from __future__ import annotations

import copy
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import pytest
from eks import Eks, eks, make_cluster, wait  # noqa: F401
from inline_stack import InlineStack

from components.auto_mode import CLUSTER_POLICIES
from components.auto_nodes import NODE_CLASS, AutoNodes, AutoNodesArgs, PoolArgs, dns_of
from components.gateway_binding import GatewayBinding, GatewayBindingArgs
from components.vocabulary import Compute
from components.workloads import NamespaceArgs, Workloads, WorkloadsArgs
from conftest import Sandbox
from sandbox.kubernetes.errors import ApiError

pytestmark = pytest.mark.kubernetes

TYPES = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
NODE_CLASSES, POOLS = "/apis/eks.amazonaws.com/v1/nodeclasses", "/apis/karpenter.sh/v1/nodepools"
BINDINGS = "/apis/eks.amazonaws.com/v1/namespaces/gateway/targetgroupbindings"
EVERYWHERE = {
    "policyendpoints.networking.k8s.aws",
    "cninodes.vpcresources.k8s.aws",
    "securitygrouppolicies.vpcresources.k8s.aws",
}
OF_AUTO_MODE = {
    "cninodes.eks.amazonaws.com",
    "ingressclassparams.eks.amazonaws.com",
    "nodeclaims.karpenter.sh",
    "nodeclasses.eks.amazonaws.com",
    "nodediagnostics.eks.amazonaws.com",
    "nodepools.karpenter.sh",
    "targetgroupbindings.eks.amazonaws.com",
}


def established(cluster: Eks) -> set[str]:
    """Names of the types that the API server accepted and serves."""
    return {
        found["metadata"]["name"]
        for found in cluster.client.get(TYPES)["items"]
        if any(c["type"] == "Established" and c["status"] == "True" for c in found["status"].get("conditions") or ())
    }


@pytest.fixture(scope="module")
def auto(sandbox: Sandbox, eks: Eks) -> Eks:  # noqa: ARG001 - skips where no API server is
    return make_cluster(
        sandbox,
        "auto-mode-tests",
        list(CLUSTER_POLICIES.values()),
        computeConfig={"enabled": True},
        storageConfig={"blockStorage": {"enabled": True}},
        kubernetesNetworkConfig={"elasticLoadBalancing": {"enabled": True}},
    )


def program(cluster: Eks) -> None:
    arguments = {"kubeconfig": cluster.kubeconfig(), "cluster_identifier": cluster.arn}
    opts = pulumi.ResourceOptions(providers=[kubernetes.Provider("cluster", **arguments)])
    args = WorkloadsArgs(
        cell="test",
        kubernetes_version="1.34",
        namespaces={"gateway": NamespaceArgs(cpu="4", memory="8Gi", pods=20)},
        shard_map="{}",
        dns=dns_of("172.20.0.0/16"),
    )
    spaces = Workloads("test", args, opts)
    nodes = AutoNodesArgs(
        cell="test",
        role_name="test-node",
        subnet_ids=["subnet-0123456789abcdef0"],
        security_group_id="sg-0123456789abcdef0",
        volume_key_arn="arn:aws:kms:eu-west-1:123456789012:key/volumes",
        pools={"general": PoolArgs(instance_types=("m7g.large",), cpu_limit=8, memory_limit_gib=32)},
    )
    AutoNodes("test", nodes, opts)
    binding = GatewayBindingArgs(
        cell="test",
        compute=Compute.AUTO,
        namespace=spaces.namespaces["gateway"],
        target_group_arn="arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/test/1a2b",
        vpc_id="vpc-0123456789abcdef0",
    )
    GatewayBinding("test", binding, opts)


def refused(cluster: Eks, path: str, name: str, **wrong: Any) -> None:
    """The server takes the object as it is, and refuses it with `wrong` in its spec; nothing is stored."""
    found = cluster.client.get(f"{path}/{name}")
    manifest = {key: found[key] for key in ("apiVersion", "kind")} | {"metadata": {"name": "other"}}
    if "namespace" in found["metadata"]:
        manifest["metadata"]["namespace"] = found["metadata"]["namespace"]
    manifest["spec"] = copy.deepcopy(found["spec"])
    cluster.client.apply(f"{path}/other", manifest, "test", dry_run=True)
    manifest["spec"].update(wrong)
    with pytest.raises(ApiError):
        cluster.client.apply(f"{path}/other", manifest, "test", dry_run=True)


def test_auto_nodes_and_gateway_binding_are_applied_to_an_auto_mode_cluster_and_stay(auto: Eks) -> None:
    assert established(auto) == EVERYWHERE | OF_AUTO_MODE
    stack = InlineStack(auto.sandbox, lambda: program(auto))
    stack.up()
    try:
        assert set(stack.preview()) == {"same"}
        assert auto.client.get(f"{POOLS}/general")["spec"]["template"]["spec"]["nodeClassRef"]["name"] == NODE_CLASS
        refused(auto, NODE_CLASSES, NODE_CLASS, snatPolicy="Sometimes")
        refused(auto, NODE_CLASSES, NODE_CLASS, snatPolcy="Random")
        refused(auto, POOLS, "general", limit={"cpu": "8"})
        refused(auto, BINDINGS, "gateway", targetType="lambda")
        refused(auto, BINDINGS, "gateway", targetTyp="ip")
    finally:
        stack.destroy()


def test_other_clusters_have_the_control_planes_types_and_the_cnis_with_its_add_on(eks: Eks) -> None:
    assert established(eks) >= EVERYWHERE
    assert not established(eks) & OF_AUTO_MODE
    api = eks.sandbox.client("eks")
    api.create_addon(clusterName=eks.name, addonName="vpc-cni")
    try:
        wait(lambda: "eniconfigs.crd.k8s.amazonaws.com" in established(eks), 10, "the type of the add-on")
    finally:
        api.delete_addon(clusterName=eks.name, addonName="vpc-cni")
