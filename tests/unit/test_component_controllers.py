"""Controllers, their roles and types, the gateway's binding, and Auto Mode's nodes."""

from dataclasses import replace
from typing import Any

import pytest
from mocks import Registered, assert_children_of_components, assert_regional, run

from components import controllers
from components.auto_nodes import AutoNodes, AutoNodesArgs, PoolArgs, dns_of
from components.controller_roles import AUTOSCALER, BALANCER, NAMESPACE, ControllerRoles, ControllerRolesArgs
from components.controllers import Controllers, ControllersArgs
from components.custom_types import FOLDER, TYPES, CustomTypes, definition
from components.gateway_binding import GatewayBinding, GatewayBindingArgs
from components.reachability import Blocks, Party, Port
from components.registry import image_of
from components.vocabulary import Compute
from components.workload import declared_matrix

ACCOUNT, DIGEST = "123456789012", "sha256:" + "0" * 64
GROUP_ARN = f"arn:aws:elasticloadbalancing:eu-west-1:{ACCOUNT}:targetgroup/test/1a2b"
ROLES = ControllerRolesArgs(
    region="eu-west-1",
    account_id=ACCOUNT,
    cluster_name="test",
    cluster_arn=f"arn:aws:eks:eu-west-1:{ACCOUNT}:cluster/test",
    target_group_arn=GROUP_ARN,
)
HTTPS = (Port(number=443),)
PARTIES = (
    Party(name="aws", place=Blocks(cidrs=("10.0.0.0/19",)), ports=HTTPS),
    Party(name="kubernetes", place=Blocks(cidrs=("172.20.0.1/32",)), ports=HTTPS),
    Party(name="database", place=Blocks(cidrs=("10.0.40.0/21",)), ports=(Port(number=5432),)),
)
ARGS = ControllersArgs(
    cell="test",
    region="eu-west-1",
    cluster_name="test",
    vpc_id="vpc-1",
    images={name: image_of(ACCOUNT, "eu-west-1", "test", name, DIGEST) for name in (BALANCER, AUTOSCALER)},
    parties={party.name: party for party in PARTIES},
)
NODES = AutoNodesArgs(
    cell="test",
    role_name="test-node",
    subnet_ids=["subnet-1", "subnet-2"],
    security_group_id="sg-1",
    volume_key_arn="arn:aws:kms:eu-west-1:123456789012:key/volumes",
    pools={
        "general": PoolArgs(instance_types=("m7g.large",), cpu_limit=12, memory_limit_gib=48),
        "gateway": PoolArgs(
            instance_types=("c7g.xlarge",),
            cpu_limit=24,
            memory_limit_gib=48,
            taints={"payment-cell/workload-class": "gateway"},
        ),
    },
)
BINDING = GatewayBindingArgs(
    cell="test", compute=Compute.MANAGED, namespace="gateway", target_group_arn=GROUP_ARN, vpc_id="vpc-1"
)
DEPLOYMENT, ROLE = "kubernetes:apps/v1:Deployment", "kubernetes:rbac.authorization.k8s.io/v1:ClusterRole"
SECRET, TYPE = "kubernetes:core/v1:Secret", "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition"
POOL, CLASS = "kubernetes:karpenter.sh/v1:NodePool", "kubernetes:eks.amazonaws.com/v1:NodeClass"


def made() -> Registered:
    return run(lambda: Controllers("test", ARGS, NAMESPACE))


@pytest.fixture(scope="module")
def running() -> Registered:
    return made()


@pytest.fixture(scope="module")
def roles() -> Registered:
    return run(lambda: ControllerRoles("test", ROLES))


@pytest.fixture(scope="module")
def nodes() -> Registered:
    return run(lambda: AutoNodes("test", NODES))


def test_the_load_balancer_controller_registers_targets_of_one_group_and_makes_nothing(roles: Registered) -> None:
    policy = roles.one("aws:iam/rolePolicy:RolePolicy", f"test-{BALANCER}")
    assert policy.statement("RegisterPods")["Resource"] == GROUP_ARN
    actions = [a for s in policy.document()["Statement"] for a in s["Action"]]
    assert not [a for a in actions if a.split(":")[1].startswith(("Create", "Delete", "Modify", "Authorize"))]
    assert_regional(roles, "eu-west-1")


def test_the_autoscaler_changes_this_clusters_groups_only(roles: Registered) -> None:
    scale = roles.one("aws:iam/rolePolicy:RolePolicy", f"test-{AUTOSCALER}").statement("Scale")
    assert scale["Condition"] == {"StringEquals": {"aws:ResourceTag/eks:cluster-name": "test"}}
    assert scale["Resource"] != "*"


def test_each_controllers_role_is_bound_to_its_own_service_account(roles: Registered) -> None:
    bound = roles.of("aws:eks/podIdentityAssociation:PodIdentityAssociation").values()
    assert {(b.inputs["namespace"], b.inputs["serviceAccount"]) for b in bound} == {
        (NAMESPACE, BALANCER), (NAMESPACE, AUTOSCALER),
    }  # fmt: skip


def test_controllers_run_from_images_by_digest_of_their_own(running: Registered) -> None:
    for name, deployment in running.of(DEPLOYMENT).items():
        (container,) = deployment.inputs["spec"]["template"]["spec"]["containers"]
        assert container["image"] == ARGS.images[name.removeprefix("test-")]
    assert len(running.of(DEPLOYMENT)) == 2
    assert_children_of_components(running)


def test_controllers_hold_no_right_over_secrets_or_other_peoples_objects(running: Registered) -> None:
    for role in running.of(ROLE).values():
        for rule in role.inputs["rules"]:
            assert not {"*", "secrets", "deployments"} & set(rule["resources"])
            assert "*" not in rule["verbs"]
            if {"create", "delete"} & set(rule["verbs"]):
                assert set(rule["resources"]) <= {"events", "pods/eviction"}


def test_the_serving_certificate_is_secret_and_made_once(running: Registered) -> None:
    secret = running.one(SECRET)
    assert secret.ignore_changes == ("data",)
    before = running.waits_for(running.one(DEPLOYMENT, f"test-{BALANCER}"))
    assert f"{SECRET} {secret.name}" in before


def test_controllers_reach_aws_and_the_api_server_and_nothing_else() -> None:
    matrix = declared_matrix(list(controllers.workloads(ARGS).values()), PARTIES)
    matrix.check()
    reached = {edge.server for edge in matrix.allowed if edge.client == BALANCER}
    assert reached == {"aws", "kubernetes", "dns", "pod-identity"}


def test_an_unknown_controller_is_refused_with_the_choices() -> None:
    with pytest.raises(ValueError, match=r"\['ingress'\] unknown; choose from autoscaler, load-balancer"):
        replace(ARGS, images={"ingress": image_of(ACCOUNT, "eu-west-1", "test", "ingress", DIGEST)})


def test_types_are_declared_where_aws_does_not_install_them() -> None:
    managed = run(lambda: CustomTypes("test", Compute.MANAGED)).of(TYPE).values()
    auto = run(lambda: CustomTypes("test", Compute.AUTO)).of(TYPE).values()
    assert {t.inputs["metadata"]["name"] for t in managed} == {path.stem for path in FOLDER.glob("*.yaml")}
    assert {t.inputs["metadata"]["name"] for t in auto} == {"scaledobjects.keda.sh"}


@pytest.mark.parametrize("name", sorted({kind for kinds in TYPES.values() for kind in kinds}))
def test_each_types_file_says_where_it_is_from(name: str) -> None:
    head = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8").partition("apiVersion:")[0]
    assert "https://github.com/" in head
    assert definition(name)["metadata"]["name"] == name


@pytest.mark.parametrize(
    ("compute", "token"),
    [
        (Compute.MANAGED, "kubernetes:elbv2.k8s.aws/v1beta1:TargetGroupBinding"),
        (Compute.AUTO, "kubernetes:eks.amazonaws.com/v1:TargetGroupBinding"),
    ],
)
def test_the_gateways_pods_are_bound_to_the_edges_target_group(compute: Compute, token: str) -> None:
    spec = run(lambda: GatewayBinding("test", replace(BINDING, compute=compute))).one(token).inputs["spec"]
    assert spec["targetGroupARN"] == GROUP_ARN
    assert (spec["targetType"], spec["serviceRef"]) == ("ip", {"name": "gateway", "port": 8443})
    assert "networking" not in spec, "the edge opens the port"


def test_a_binding_to_no_port_is_refused() -> None:
    with pytest.raises(ValueError, match=r"gateway_binding\.port"):
        replace(BINDING, port=0)


def test_auto_modes_nodes_have_our_key_subnets_and_network_policies(nodes: Registered) -> None:
    spec = nodes.one(CLASS).inputs["spec"]
    assert spec["ephemeralStorage"]["kmsKeyID"] == NODES.volume_key_arn
    assert spec["subnetSelectorTerms"] == [{"id": "subnet-1"}, {"id": "subnet-2"}]
    assert spec["role"] == "test-node"
    assert spec["networkPolicyEventLogs"] == "Enabled"
    switch = nodes.one("kubernetes:core/v1:ConfigMap").inputs
    assert switch["data"] == {"enable-network-policy-controller": "true"}
    assert (switch["metadata"]["namespace"], switch["metadata"]["name"]) == ("kube-system", "amazon-vpc-cni")


def test_each_workload_class_has_a_node_pool_with_limits(nodes: Registered) -> None:
    pools = {pool.inputs["metadata"]["name"]: pool.inputs["spec"] for pool in nodes.of(POOL).values()}
    assert set(pools) == {"general", "gateway"}
    assert pools["gateway"]["limits"] == {"cpu": "24", "memory": "48Gi"}
    template = pools["gateway"]["template"]
    assert template["metadata"]["labels"] == {"payment-cell/workload-class": "gateway"}
    assert template["spec"]["taints"] == [
        {"key": "payment-cell/workload-class", "value": "gateway", "effect": "NoSchedule"}
    ]
    chosen = {r["key"]: r["values"] for r in template["spec"]["requirements"]}
    assert chosen["kubernetes.io/arch"] == ["arm64"]
    assert chosen["node.kubernetes.io/instance-type"] == ["c7g.xlarge"]
    assert f"{CLASS} test-nodes" in nodes.waits_for(nodes.one(POOL, "test-gateway"))


def test_auto_modes_nodes_are_replaced_within_the_time_that_aws_allows(nodes: Registered) -> None:
    for pool in nodes.of(POOL).values():
        hours = int(pool.inputs["spec"]["template"]["spec"]["expireAfter"].removesuffix("h"))
        assert 24 <= hours <= 21 * 24
        assert pool.inputs["spec"]["disruption"]["budgets"] == [{"nodes": "33%"}]


def test_auto_modes_dns_is_an_address_because_no_pod_serves_it() -> None:
    assert dns_of("172.20.0.0/16").place == Blocks(cidrs=("172.20.0.10/32",))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"instance_types": ()}, "name at least one"),
        ({"instance_types": ("m7g.large", "m7i.large")}, "mix ARM and x86"),
        ({"cpu_limit": 0}, "leave no node"),
    ],
)
def test_a_pool_that_would_start_no_node_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(NODES.pools["general"], **change)
