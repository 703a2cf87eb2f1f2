"""A cluster that exists already: guarded namespaces, one workload, and the load balancer controller."""

import json

import pulumi
import pulumi_kubernetes as kubernetes

import catalogue
from components.controller_roles import BALANCER, NAMESPACE
from components.controllers import Controllers, ControllersArgs
from components.custom_types import CustomTypes
from components.reachability import Blocks, Party, Port
from components.vocabulary import Compute
from components.workload import Probe, Workload, WorkloadArgs
from components.workloads import NamespaceArgs, Workloads, WorkloadsArgs

config = pulumi.Config()
images = config.require_object("images")
cluster = kubernetes.Provider(
    "cluster", kubeconfig=config.require("kubeconfig"), cluster_identifier=config.require("clusterArn")
)
opts = pulumi.ResourceOptions(providers=[cluster])
quota = NamespaceArgs(cpu="4", memory="8Gi", pods=20)
version = catalogue.versions().kubernetes.default
spaces = Workloads(
    "workloads",
    WorkloadsArgs(
        cell="example",
        kubernetes_version=version,
        namespaces={"payments": quota, NAMESPACE: quota},
        shard_map=json.dumps({}),
    ),
    opts,
)
types = list(CustomTypes("workloads", Compute.MANAGED, opts).types.values())
https = (Port(number=443),)
parties = {
    "aws": Party(name="aws", place=Blocks(cidrs=(config.require("vpcCidr"),)), ports=https),
    "kubernetes": Party(name="kubernetes", place=Blocks(cidrs=("172.20.0.1/32",)), ports=https),
}
ledger = WorkloadArgs(
    cell="example",
    name="ledger",
    namespace="payments",
    image=images["ledger"],
    replicas=2,
    cpu="100m",
    memory="128Mi",
    priority="payment-critical",
    probe=Probe(path="/ready", port=8443, tls=True),
    needs=("aws",),
)
Workload("workloads-ledger", ledger, parties, opts, namespace=spaces.namespaces["payments"], after=types)
balancer = ControllersArgs(
    cell="example",
    region=pulumi.Config("aws").require("region"),
    cluster_name=config.require("clusterName"),
    vpc_id=config.require("vpcId"),
    images={BALANCER: images[BALANCER]},
    parties=parties,
    after=types,
)
Controllers("workloads", balancer, spaces.namespaces[NAMESPACE], opts)

pulumi.export("namespaces", spaces.namespaces)
