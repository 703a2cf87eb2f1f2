"""The cluster of a cell: endpoint, encryption, access, add-ons, nodes, and the order in which AWS needs them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pulumi
import pytest
from mocks import Registered, assert_children_of_components, assert_regional, is_unknown, run
from pulumi_aws import ec2

from components import auto_mode, program_logs
from components.cluster import ADD_ONS, ADD_ONS_ON_NODES, LOG_TYPES, Cluster, ClusterArgs
from components.iam import allow, policy
from components.nodes import NodeGroupArgs, Nodes, NodesArgs, architecture
from components.pod_identity import PodIdentity, PodIdentityArgs
from components.trace_agent import ENDPOINT, NAMESPACE
from components.vocabulary import Compute, TagKey
from stacks.workloads import CONTROLLERS, NAMESPACES

ACCOUNT = "123456789012"
DEPLOY, READER = f"arn:aws:iam::{ACCOUNT}:role/deploy", f"arn:aws:iam::{ACCOUNT}:role/reader"
SYSTEM = NodeGroupArgs(instance_types=("m7g.large",), min_size=3, desired_size=3, max_size=6)
GATEWAY = NodeGroupArgs(
    instance_types=("c7i.xlarge", "c6i.xlarge"),
    min_size=3,
    desired_size=3,
    max_size=9,
    disk_gib=80,
    taints={"payment-cell/gateway": "only"},
)
ARGS = ClusterArgs(
    region="eu-west-1",
    account_id=ACCOUNT,
    kubernetes_version="1.36",
    add_on_versions={add_on: f"v1-{add_on}" for add_on in ADD_ONS},
    subnet_ids=("subnet-1", "subnet-2", "subnet-3"),
    node_groups={"system": SYSTEM, "gateway": GATEWAY},
    administrators={"deploy": DEPLOY},
    viewers={"reader": READER},
    secrets_key_arn="arn:aws:kms:eu-west-1:123456789012:key/cluster",
    volume_key_arn="arn:aws:kms:eu-west-1:123456789012:key/volumes",
    log_key_arn="arn:aws:kms:eu-west-1:123456789012:key/logs",
    jurisdiction="eu",
)
CLUSTER, GROUP, TEMPLATE = (
    "aws:eks/cluster:Cluster",
    "aws:eks/nodeGroup:NodeGroup",
    "aws:ec2/launchTemplate:LaunchTemplate",
)
ADD_ON, ENTRY = "aws:eks/addon:Addon", "aws:eks/accessEntry:AccessEntry"
GRANT = "aws:eks/accessPolicyAssociation:AccessPolicyAssociation"
ROLE, ATTACHMENT = "aws:iam/role:Role", "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
LOG_GROUP, ASSOCIATION = "aws:cloudwatch/logGroup:LogGroup", "aws:eks/podIdentityAssociation:PodIdentityAssociation"


def made(args: ClusterArgs = ARGS, *, preview: bool = False) -> Registered:
    return run(lambda: Cluster("test", args), preview=preview)


@pytest.fixture(scope="module")
def cluster() -> Registered:
    return made()


def test_the_api_server_is_reachable_from_the_vpc_only(cluster: Registered) -> None:
    vpc_config = cluster.one(CLUSTER).inputs["vpcConfig"]
    assert vpc_config["endpointPrivateAccess"] is True
    assert vpc_config["endpointPublicAccess"] is False
    assert vpc_config["subnetIds"] == ["subnet-1", "subnet-2", "subnet-3"]


def test_a_public_endpoint_is_open_to_listed_addresses_only() -> None:
    vpc_config = made(replace(ARGS, public_access_cidrs=("203.0.113.0/28",))).one(CLUSTER).inputs["vpcConfig"]
    assert vpc_config["endpointPublicAccess"] is True
    assert vpc_config["publicAccessCidrs"] == ["203.0.113.0/28"]
    with pytest.raises(ValueError, match=r"NET-03"):
        replace(ARGS, public_access_cidrs=("0.0.0.0/0",))


def test_secrets_are_encrypted_with_the_clusters_own_key(cluster: Registered) -> None:
    assert cluster.one(CLUSTER).inputs["encryptionConfig"] == {
        "provider": {"keyArn": ARGS.secrets_key_arn},
        "resources": ["secrets"],
    }


def test_all_control_plane_logs_go_to_a_group_with_retention_and_key(cluster: Registered) -> None:
    assert set(cluster.one(CLUSTER).inputs["enabledClusterLogTypes"]) == set(LOG_TYPES)
    assert len(LOG_TYPES) == 5
    group = cluster.one(LOG_GROUP, "test-control-plane")
    assert group.inputs["name"] == "/aws/eks/test/cluster"
    assert group.inputs["retentionInDays"] == 365
    assert group.inputs["kmsKeyId"] == ARGS.log_key_arn
    assert group.inputs["tags"][TagKey.JURISDICTION] == "eu"


def test_log_group_and_role_policy_are_there_before_the_cluster(cluster: Registered) -> None:
    before = cluster.waits_for(cluster.one(CLUSTER))
    assert {f"{LOG_GROUP} test-control-plane", f"{ATTACHMENT} test-control-plane"} <= before


def test_access_is_by_api_entries_and_the_creator_gets_none(cluster: Registered) -> None:
    assert cluster.one(CLUSTER).inputs["accessConfig"] == {
        "authenticationMode": "API",
        "bootstrapClusterCreatorAdminPermissions": False,
    }


def test_administrators_and_viewers_have_access_entries(cluster: Registered) -> None:
    granted = {a.inputs["principalArn"]: a.inputs["policyArn"].split("/")[-1] for a in cluster.of(GRANT).values()}
    assert granted == {DEPLOY: "AmazonEKSClusterAdminPolicy", READER: "AmazonEKSViewPolicy"}
    for name, grant in cluster.of(GRANT).items():
        assert f"{ENTRY} {name}" in cluster.waits_for(grant)


def test_the_clusters_roles_trust_eks_of_this_account_only(cluster: Registered) -> None:
    trust = cluster.of(ROLE)["test-control-plane"].statement("Trust", "assumeRolePolicy")
    assert trust["Principal"] == {"Service": "eks.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}


def test_upgrades_stay_in_standard_support_and_zones_can_be_shifted(cluster: Registered) -> None:
    inputs = cluster.one(CLUSTER).inputs
    assert inputs["upgradePolicy"] == {"supportType": "STANDARD"}
    assert inputs["zonalShiftConfig"] == {"enabled": True}
    assert inputs["version"] == "1.36"


def test_a_protected_cluster_is_refused_by_eks_and_by_pulumi(cluster: Registered) -> None:
    assert cluster.one(CLUSTER).inputs["deletionProtection"] is True
    assert cluster.one(CLUSTER).protect
    assert all(group.protect for group in cluster.of(LOG_GROUP).values())
    open_ = made(replace(ARGS, protected=False))
    assert open_.one(CLUSTER).inputs["deletionProtection"] is False
    assert not [r.name for r in open_ if r.protect]


def test_service_addresses_are_chosen_and_not_guessed(cluster: Registered) -> None:
    network = cluster.one(CLUSTER).inputs["kubernetesNetworkConfig"]
    assert network == {"ipFamily": "ipv4", "serviceIpv4Cidr": "172.20.0.0/16"}


def test_add_ons_have_the_catalogues_versions(cluster: Registered) -> None:
    assert cluster.one(CLUSTER).inputs["bootstrapSelfManagedAddons"] is False
    versions = {a.inputs["addonName"]: a.inputs["addonVersion"] for a in cluster.of(ADD_ON).values()}
    assert versions == ARGS.add_on_versions


def test_the_cni_enforces_network_policies(cluster: Registered) -> None:
    assert cluster.of(ADD_ON)["test-vpc-cni"].document("configurationValues")["enableNetworkPolicy"] == "true"


def test_add_ons_that_call_aws_have_roles_of_their_own(cluster: Registered) -> None:
    for add_on, account, managed in (
        ("vpc-cni", "aws-node", "AmazonEKS_CNI_Policy"),
        ("aws-ebs-csi-driver", "ebs-csi-controller-sa", "AmazonEBSCSIDriverPolicy"),
    ):
        (association,) = cluster.of(ADD_ON)[f"test-{add_on}"].inputs["podIdentityAssociations"]
        assert association["serviceAccount"] == account
        assert cluster.of(ATTACHMENT)[f"test-{account}"].inputs["policyArn"].endswith(f"/{managed}")
        condition = cluster.of(ROLE)[f"test-{account}"].statement("Trust", "assumeRolePolicy")["Condition"]
        assert condition["StringEquals"]["aws:RequestTag/kubernetes-service-account"] == account
        assert condition["ArnEquals"] == {"aws:SourceArn": "arn:aws:eks:eu-west-1:123456789012:cluster/test"}
        assert f"{ATTACHMENT} test-{account}" in cluster.waits_for(cluster.of(ADD_ON)[f"test-{add_on}"])


def test_lines_of_the_programs_go_to_one_group_with_retention_and_key(cluster: Registered) -> None:
    group = cluster.one(LOG_GROUP, "test-programs")
    assert (group.inputs["retentionInDays"], group.inputs["kmsKeyId"]) == (365, ARGS.log_key_arn)
    add_on = cluster.of(ADD_ON)[f"test-{program_logs.ADD_ON}"]
    assert f"{LOG_GROUP} test-programs" in cluster.waits_for(add_on)
    files = add_on.document("configurationValues")["containerLogs"]["fluentBit"]["config"]["extraFiles"]
    assert f"log_group_name {group.inputs['name']}\n" in files.pop("application-log.conf")
    assert files == {"dataplane-log.conf": "", "host-log.conf": ""}


def test_the_lines_of_every_program_are_shipped_and_of_nobody_else(cluster: Registered) -> None:
    """Controllers write nothing that a metric is made of."""
    read = cluster.of(ADD_ON)[f"test-{program_logs.ADD_ON}"].document("configurationValues")
    text = read["containerLogs"]["fluentBit"]["config"]["extraFiles"]["application-log.conf"]
    (path,) = [line for line in text.splitlines() if line.strip().startswith("Path ")]
    read_from = {one.split("_")[1] for one in path.split("Path ")[1].split(", ")}
    assert read_from == set(NAMESPACES) - {CONTROLLERS}


def test_the_add_on_may_write_lines_to_their_group_and_spans_only(cluster: Registered) -> None:
    (association,) = cluster.of(ADD_ON)[f"test-{program_logs.ADD_ON}"].inputs["podIdentityAssociations"]
    assert association["serviceAccount"] == "cloudwatch-agent"
    trusted = cluster.of(ROLE)["test-cloudwatch-agent"].statement("Trust", "assumeRolePolicy")["Condition"]
    assert trusted["StringEquals"]["aws:RequestTag/kubernetes-namespace"] == "amazon-cloudwatch"
    lines, spans = cluster.one("aws:iam/rolePolicy:RolePolicy", "test-cloudwatch-agent").document("policy")["Statement"]
    assert set(lines["Action"]) == {"logs:CreateLogStream", "logs:PutLogEvents"}
    group = cluster.one(LOG_GROUP, "test-programs").inputs["name"]
    assert lines["Resource"] == f"arn:aws:logs:eu-west-1:123456789012:log-group:{group}:*"
    assert set(spans["Action"]) == {"xray:PutTelemetryRecords", "xray:PutTraceSegments"}


def test_the_agent_takes_spans_where_programs_send_them(cluster: Registered) -> None:
    told = cluster.of(ADD_ON)[f"test-{program_logs.ADD_ON}"].document("configurationValues")["agent"]["config"]
    listens = told["traces"]["traces_collected"]["otlp"]["http_endpoint"]
    assert listens.rpartition(":")[2] == ENDPOINT.rpartition(":")[2]
    assert program_logs.NAMESPACE == NAMESPACE


def test_the_cni_and_the_identity_agent_are_there_before_nodes(cluster: Registered) -> None:
    for group in cluster.of(GROUP).values():
        before = cluster.waits_for(group)
        assert {
            f"{ADD_ON} test-vpc-cni",
            f"{ADD_ON} test-kube-proxy",
            f"{ADD_ON} test-eks-pod-identity-agent",
        } <= before


def test_add_ons_with_deployments_wait_for_nodes(cluster: Registered) -> None:
    for add_on in ADD_ONS_ON_NODES:
        before = cluster.waits_for(cluster.of(ADD_ON)[f"test-{add_on}"])
        assert {f"{GROUP} test-system", f"{GROUP} test-gateway"} <= before


def test_nodes_wait_for_their_routes_and_their_roles_policies() -> None:
    def program() -> None:
        route = ec2.Route("nat", region="eu-west-1", route_table_id="rtb-1", destination_cidr_block="0.0.0.0/0")
        Cluster("test", replace(ARGS, egress=(route,)))

    registered = run(program)
    for group in registered.of(GROUP).values():
        before = registered.waits_for(group)
        assert "aws:ec2/route:Route nat" in before
        assert {f"{ATTACHMENT} test-node-{key}" for key in ("worker", "pull", "sessions")} <= before
    assert "aws:ec2/route:Route nat" not in registered.waits_for(registered.one(CLUSTER))


def test_each_workload_class_has_a_node_group(cluster: Registered) -> None:
    system, gateway = cluster.of(GROUP)["test-system"].inputs, cluster.of(GROUP)["test-gateway"].inputs
    assert system["labels"] == {"payment-cell/workload-class": "system"}
    assert system["scalingConfig"] == {"minSize": 3, "desiredSize": 3, "maxSize": 6}
    assert system["subnetIds"] == ["subnet-1", "subnet-2", "subnet-3"]
    assert gateway["taints"] == [{"key": "payment-cell/gateway", "value": "only", "effect": "NO_SCHEDULE"}]
    assert gateway["instanceTypes"] == ["c7i.xlarge", "c6i.xlarge"]
    assert (system["amiType"], gateway["amiType"]) == ("AL2023_ARM_64_STANDARD", "AL2023_x86_64_STANDARD")


def test_nodes_can_keep_to_fewer_zones_than_the_control_plane() -> None:
    narrow = made(replace(ARGS, node_subnet_ids=("subnet-1",)))
    assert {tuple(group.inputs["subnetIds"]) for group in narrow.of(GROUP).values()} == {("subnet-1",)}
    assert narrow.one(CLUSTER).inputs["vpcConfig"]["subnetIds"] == ["subnet-1", "subnet-2", "subnet-3"]


def test_nodes_update_in_part_and_are_repaired(cluster: Registered) -> None:
    for group in cluster.of(GROUP).values():
        assert group.inputs["updateConfig"] == {"maxUnavailablePercentage": 33}
        assert group.inputs["nodeRepairConfig"]["enabled"] is True
        assert group.inputs["version"] == "1.36"


def test_nodes_can_lag_behind_the_control_plane_in_an_upgrade() -> None:
    upgrading = made(replace(ARGS, node_version="1.35"))
    assert upgrading.one(CLUSTER).inputs["version"] == "1.36"
    assert {group.inputs["version"] for group in upgrading.of(GROUP).values()} == {"1.35"}


def test_who_scales_a_group_is_not_fought(cluster: Registered) -> None:
    assert {g.ignore_changes for g in cluster.of(GROUP).values()} == {("scalingConfig.desiredSize",)}


def test_pods_cannot_reach_the_nodes_credentials(cluster: Registered) -> None:
    for template in cluster.of(TEMPLATE).values():
        assert template.inputs["metadataOptions"] == {
            "httpEndpoint": "enabled",
            "httpTokens": "required",
            "httpPutResponseHopLimit": 1,
        }


def test_node_volumes_are_encrypted_with_the_volume_key(cluster: Registered) -> None:
    for name, size in (("test-system", 50), ("test-gateway", 80)):
        (mapping,) = cluster.of(TEMPLATE)[name].inputs["blockDeviceMappings"]
        assert mapping["ebs"] == {
            "volumeType": "gp3",
            "volumeSize": size,
            "encrypted": "true",
            "kmsKeyId": ARGS.volume_key_arn,
            "deleteOnTermination": "true",
        }


def test_nodes_are_reached_without_ssh(cluster: Registered) -> None:
    attached = {a.inputs["policyArn"].split("/")[-1] for n, a in cluster.of(ATTACHMENT).items() if "-node-" in n}
    assert "AmazonSSMManagedInstanceCore" in attached
    assert "AmazonEKS_CNI_Policy" not in attached
    for group in cluster.of(GROUP).values():
        assert "remoteAccess" not in group.inputs


def test_what_a_kubeconfig_needs_is_an_output(cluster: Registered) -> None:
    outputs = cluster.one("payment-cell:components:Cluster").outputs
    assert outputs["name"] == "test"
    assert outputs["endpoint"] == "https://test.example"
    assert outputs["certificateAuthority"] == "Y2E="
    assert outputs["securityGroupId"] == "sg-test"
    assert outputs["arn"]


def test_every_cluster_resource_is_in_the_cells_region(cluster: Registered) -> None:
    assert_regional(cluster, "eu-west-1")
    assert_children_of_components(cluster)


def test_a_preview_of_the_cluster_works_with_unknown_ids() -> None:
    unknown: pulumi.Output[Any] = pulumi.Output.from_input(pulumi.UNKNOWN)
    planned = made(replace(ARGS, secrets_key_arn=unknown, subnet_ids=(unknown, unknown)), preview=True)
    assert {(r.type, r.name) for r in planned} == {(r.type, r.name) for r in made()}
    assert is_unknown(planned.of(GROUP)["test-system"].inputs["launchTemplate"]["version"])
    assert is_unknown(planned.one("payment-cell:components:Cluster").outputs["endpoint"])


def test_a_pods_role_is_bound_to_one_service_account_of_one_cluster() -> None:
    args = PodIdentityArgs(
        region="eu-west-1",
        account_id=ACCOUNT,
        cluster_name="test",
        cluster_arn="arn:aws:eks:eu-west-1:123456789012:cluster/test",
        namespace="ledger",
        service_account="ledger",
        policy=policy(allow("Read", ["kinesis:GetRecords"], ["arn:aws:kinesis:eu-west-1:123456789012:stream/events"])),
    )
    registered = run(lambda: PodIdentity("test-ledger", args))
    trust = registered.one(ROLE).statement("Trust", "assumeRolePolicy")
    assert trust["Action"] == ["sts:AssumeRole", "sts:TagSession"]
    assert trust["Condition"]["StringEquals"] == {
        "aws:SourceAccount": ACCOUNT,
        "aws:RequestTag/kubernetes-namespace": "ledger",
        "aws:RequestTag/kubernetes-service-account": "ledger",
    }
    association = registered.one(ASSOCIATION)
    assert (association.inputs["namespace"], association.inputs["serviceAccount"]) == ("ledger", "ledger")
    assert "aws:iam/rolePolicy:RolePolicy test-ledger" in registered.waits_for(association)
    assert_regional(registered, "eu-west-1")
    with pytest.raises(ValueError, match="allows nothing"):
        replace(args, policy=None)


@pytest.mark.parametrize(
    ("instance_type", "expected"),
    [("m7g.large", "arm64"), ("c7gn.16xlarge", "arm64"), ("im4gn.large", "arm64"), ("g5.xlarge", "x86_64"),
     ("m7i-flex.large", "x86_64"), ("m8g.metal-24xl", "arm64"), ("r6id.2xlarge", "x86_64"), ("t3.medium", "x86_64")],
)  # fmt: skip
def test_the_image_follows_from_the_instance_type(instance_type: str, expected: str) -> None:
    assert architecture(instance_type) == expected


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kubernetes_version": "1.36.2"}, "cluster.kubernetes_version"),
        ({"node_version": "1.37"}, "cluster.node_version: 1.37 does not go with a control plane of 1.36"),
        ({"node_version": "1.32"}, "one of the 3 before"),
        ({"add_on_versions": {"coredns": "v1"}}, r"cluster.add_on_versions: \['amazon-cloudwatch-observability'"),
        ({"administrators": {}}, "nobody could reach the cluster"),
        ({"node_groups": {"gateway": GATEWAY}}, "need one without taint"),
    ],
)
def test_a_cluster_that_could_not_work_is_refused_before(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        made(replace(ARGS, **change))


@pytest.mark.parametrize(
    ("sizes", "types", "message"),
    [
        ((3, 2, 6), ("m7g.large",), "keep 0 <= min <= desired <= max"),
        ((1, 1, 1), ("m7g.large", "m7i.large"), "mix ARM and x86"),
        ((1, 1, 1), (), "name at least one"),
        ((1, 1, 1), ("large",), "is not an instance type"),
    ],
)
def test_a_node_group_that_eks_would_refuse_is_refused_before(
    sizes: tuple[int, int, int], types: Sequence[str], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        NodeGroupArgs(instance_types=types, min_size=sizes[0], desired_size=sizes[1], max_size=sizes[2])


def test_nodes_can_be_used_alone() -> None:
    nodes = NodesArgs(
        region="eu-west-1",
        cluster_name="theirs",
        kubernetes_version="1.36",
        subnet_ids=("subnet-1",),
        volume_key_arn=ARGS.volume_key_arn,
        groups={"system": SYSTEM},
    )
    assert run(lambda: Nodes("extra", nodes)).one(GROUP).inputs["clusterName"] == "theirs"


def test_a_name_too_long_for_its_roles_is_refused() -> None:
    with pytest.raises(ValueError, match="use at most 34"):
        Cluster("a" * 35, ARGS)


@pytest.fixture(scope="module")
def auto() -> Registered:
    return made(replace(ARGS, compute=Compute.AUTO))


def test_auto_mode_is_switched_on_in_all_three_parts(auto: Registered) -> None:
    inputs = auto.one(CLUSTER).inputs
    assert inputs["computeConfig"]["enabled"] is True
    assert inputs["storageConfig"] == {"blockStorage": {"enabled": True}}
    assert inputs["kubernetesNetworkConfig"]["elasticLoadBalancing"] == {"enabled": True}
    assert inputs["bootstrapSelfManagedAddons"] is False
    managed = made().one(CLUSTER).inputs
    assert not {"computeConfig", "storageConfig"} & managed.keys()


def test_auto_mode_has_no_node_groups_and_no_add_on_that_it_brings_itself(auto: Registered) -> None:
    assert auto.of(GROUP) == {}
    assert auto.of(TEMPLATE) == {}
    assert {add_on.inputs["addonName"] for add_on in auto.of(ADD_ON).values()} == {
        "metrics-server",
        program_logs.ADD_ON,
    }


def test_auto_modes_roles_have_its_policies_and_are_attached_before_the_cluster(auto: Registered) -> None:
    attached = {a.inputs["policyArn"].split("/")[-1] for a in auto.of(ATTACHMENT).values()}
    assert attached == {
        "AmazonEKSClusterPolicy", "AmazonEKSComputePolicy", "AmazonEKSBlockStoragePolicy",
        "AmazonEKSLoadBalancingPolicy", "AmazonEKSNetworkingPolicy",
        "AmazonEKSWorkerNodeMinimalPolicy", "AmazonEC2ContainerRegistryPullOnly",
    }  # fmt: skip
    before = auto.waits_for(auto.one(CLUSTER))
    assert {f"{ATTACHMENT} {name}" for name in auto.of(ATTACHMENT)} <= before
    trust = auto.of(ROLE)["test-control-plane"].statement("Trust", "assumeRolePolicy")
    assert set(trust["Action"]) == {"sts:AssumeRole", "sts:TagSession"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}


def test_auto_modes_nodes_start_where_they_have_a_way_out_and_under_our_key() -> None:
    def program() -> None:
        route = ec2.Route("out", region="eu-west-1", route_table_id="rtb-1", destination_cidr_block="0.0.0.0/0")
        Cluster("test", replace(ARGS, compute=Compute.AUTO, egress=[route]))

    registered = run(program)
    assert "aws:ec2/route:Route out" in registered.waits_for(registered.one(CLUSTER))
    allowed = registered.one("aws:iam/rolePolicy:RolePolicy", "test-control-plane").statement("GrantVolumeKey")
    assert allowed["Resource"] == ARGS.volume_key_arn
    assert allowed["Condition"] == {"Bool": {"kms:GrantIsForAWSResource": "true"}}


def test_auto_modes_built_in_pool_has_the_node_role(auto: Registered) -> None:
    compute = auto.one(CLUSTER).inputs["computeConfig"]
    assert compute["nodePools"] == list(auto_mode.BUILT_IN_POOLS)
    assert compute["nodeRoleArn"].endswith(":test-node")
    assert f"{ROLE} test-node" in auto.waits_for(auto.one(CLUSTER))
