"""The Pulumi program: which stack becomes what, from the committed stack files."""

import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pulumi
import pytest
from answers import answers
from mocks import Registered, run
from pulumi_kubernetes.networking.v1 import NetworkPolicy

import catalogue
from components.declared_policies import DeclaredPolicies
from components.gateway_binding import GatewayBinding, GatewayBindingArgs
from components.reachability import BANKS, rule
from components.trace_agent import ENDPOINT, TELEMETRY, VARIABLE
from components.vocabulary import SYNTHETIC, Environment, TagKey
from components.workload import NAME_LABEL, Workload, WorkloadArgs, declared_matrix
from policies import control
from stacks import __main__ as program
from stacks import account, cell, workloads
from stacks.capacity import LARGEST_SECURITY_GROUP
from stacks.fleet import Fleet, load_fleet
from stacks.models import AccountSettings, ShardSettings
from stacks.plan import CellPlan, NodeGroupSpec
from stacks.problems import ConfigError

STACKS = Path(program.__file__).parent
PROVIDER, REFERENCE = "pulumi:providers:aws", "pulumi:pulumi:StackReference"
ACCOUNT_OUTPUTS = {
    "loadBalancerLogBuckets": {"eu-west-1": "lb-logs-eu", "us-east-1": "lb-logs-us"},
    "dataEventTrails": {
        region: {"bucket": f"data-events-{region}", "keyArn": f"arn:aws:kms:{region}:123456789012:key/audit"}
        for region in ("eu-west-1", "us-east-1")
    },
}
CELL_OUTPUTS = {
    "clusterName": "dev",
    "clusterArn": "arn:aws:eks:eu-west-1:210987654321:cluster/dev",
    "clusterEndpoint": "https://dev.eks.example",
    "clusterCertificateAuthority": "Y2E=",
    "region": "eu-west-1",
    "shardMap": "{}",
    "targetGroupArn": "arn:aws:elasticloadbalancing:eu-west-1:210987654321:targetgroup/dev-1a2b/1a2b",
    "vpcId": "vpc-1",
    "nodeRoleName": "dev-node-1a2b3c4",
    "nodeSubnetIds": ["subnet-1"],
    "clusterSecurityGroupId": "sg-1",
    "keyArns": {use: f"arn:aws:kms:eu-west-1:210987654321:key/{use}" for use in ("volumes", "subjects")},
    "shards": {f"s{number:02}": {"proxyEndpoint": f"s{number:02}.proxy.example"} for number in range(8)},
    "streamName": "events",
    "archiveBucket": "archive",
    "queueUrls": {name: f"https://sqs.example/{name}" for name in ("ledger", "invoicing", "tax", "fraud")},
    "apiKeysSecretArn": "arn:aws:secretsmanager:eu-west-1:210987654321:secret:api-keys",
    "subjectKeysTable": "dev-subject-keys",
    "featureTable": "features",
    "decisionStream": "decisions",
    "modelBucket": "models",
    "pseudonymSecretArn": "arn:aws:secretsmanager:eu-west-1:210987654321:secret:pseudonyms",
}


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return load_fleet(STACKS)


def made(stack: str, fleet: Fleet, outputs: dict[str, Any], *, preview: bool = False, **changed: Any) -> Registered:
    """Runs the program of a stack, as `__main__` does, on mocks; `changed` are other settings than its file's."""
    modules = {"account": account, "cell": cell, "workloads": workloads}
    file = fleet.stacks[stack]
    settings = file.settings.model_copy(update=changed)

    def referenced(type_: str, name: str, inputs: Any) -> dict[str, Any]:
        if type_ == REFERENCE:
            return {"name": inputs["name"], "outputs": outputs, "secretOutputNames": []}
        return answers(type_, name, inputs)

    program = modules[file.kind]
    return run(lambda: program.run(stack, settings), preview=preview, outputs=referenced)  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def eu_west_1(fleet: Fleet) -> Registered:
    return made("eu-west-1", fleet, ACCOUNT_OUTPUTS)


def test_each_provider_is_bound_to_its_account(eu_west_1: Registered, fleet: Fleet) -> None:
    provider = eu_west_1.one(PROVIDER).inputs
    assert json.loads(provider["allowedAccountIds"]) == [fleet.account_of("eu-west-1").account_id]
    (role,) = json.loads(provider["assumeRoles"])
    assert role["roleArn"] == fleet.account_of("eu-west-1").deploy_role_arn
    assert provider["region"] == "eu-west-1"


def test_a_runner_acts_as_itself_and_changes_nothing_else_of_the_provider(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed = made("account-dev", fleet, {})
    monkeypatch.setenv("PAYMENT_CELL_RUNNER", "true")
    alone = made("account-dev", fleet, {})
    inputs = dict(deployed.one(PROVIDER).inputs)
    assert fleet.accounts["account-dev"].deploy_role_arn in inputs.pop("assumeRoles")
    assert alone.one(PROVIDER).inputs == inputs
    assert json.loads(inputs["allowedAccountIds"]) == [fleet.accounts["account-dev"].account_id]


def test_every_resource_gets_cell_and_environment_from_the_provider(eu_west_1: Registered) -> None:
    tags = json.loads(eu_west_1.one(PROVIDER).inputs["defaultTags"])["tags"]
    assert tags == {TagKey.CELL: "eu-west-1", TagKey.ENVIRONMENT: Environment.PRODUCTION}


@pytest.mark.parametrize("stack", ["dev", "account-dev"])
def test_a_stack_that_declares_synthetic_data_says_so_on_every_resource(stack: str, fleet: Fleet) -> None:
    def origin(**changed: Any) -> str | None:
        declared = made(stack, fleet, ACCOUNT_OUTPUTS, **changed).one(PROVIDER).inputs["defaultTags"]
        return json.loads(declared)["tags"].get(TagKey.DATA_ORIGIN)

    assert origin() == SYNTHETIC == control.SYNTHETIC
    assert origin(synthetic_data=False) is None


def test_a_cell_is_what_its_plan_says(eu_west_1: Registered, fleet: Fleet) -> None:
    plan = fleet.plan("eu-west-1")
    clusters = eu_west_1.of("aws:rds/cluster:Cluster")
    assert set(clusters) == {f"eu-west-1-{shard.id}" for shard in plan.shards}
    assert len(eu_west_1.of("aws:rds/globalCluster:GlobalCluster")) == len(plan.shards)
    assert eu_west_1.one("aws:kinesis/stream:Stream", "eu-west-1").inputs["shardCount"] == plan.stream_shards
    assert eu_west_1.one("aws:ec2/vpc:Vpc").inputs["cidrBlock"] == plan.vpc_cidr
    assert eu_west_1.one("aws:eks/cluster:Cluster").inputs["version"] == plan.kubernetes_version
    lock = eu_west_1.one("aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration").inputs
    assert lock["rule"]["defaultRetention"] == {"mode": "COMPLIANCE", "days": plan.retention.archive_days}
    assert set(eu_west_1.of("aws:pipes/pipe:Pipe")) == {
        "eu-west-1-bus", *(f"eu-west-1-{c.name}" for c in plan.consumers if c.ordered)
    }  # fmt: skip


def test_a_cell_logs_to_its_accounts_bucket_of_the_region(eu_west_1: Registered) -> None:
    assert eu_west_1.one("aws:lb/loadBalancer:LoadBalancer").inputs["accessLogs"]["bucket"] == "lb-logs-eu"


def test_the_deploy_role_administers_the_cluster(eu_west_1: Registered, fleet: Fleet) -> None:
    entries = eu_west_1.of("aws:eks/accessEntry:AccessEntry").values()
    assert fleet.account_of("eu-west-1").deploy_role_arn in {entry.inputs["principalArn"] for entry in entries}


def test_quotas_are_asked_for_what_the_program_declares(eu_west_1: Registered, fleet: Fleet) -> None:
    need = {cap.dimension: cap.demand for cap in fleet.quotas("eu-west-1")}
    endpoints = [
        endpoint.inputs["vpcEndpointType"] for endpoint in eu_west_1.of("aws:ec2/vpcEndpoint:VpcEndpoint").values()
    ]
    made_by_aws = 1  # EKS's own security group; the VPC's default one is declared
    groups = len(eu_west_1.of("aws:ec2/securityGroup:SecurityGroup")) + made_by_aws
    groups += len(eu_west_1.of("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"))
    assert endpoints.count("Interface") == need["interface-endpoints-per-vpc"]
    assert endpoints.count("Gateway") == need["gateway-endpoints"]
    assert groups == need["security-groups"]
    for kind, quota in (
        ("aws:ec2/vpc:Vpc", "vpcs"),
        ("aws:ec2/eip:Eip", "elastic-ips"),
        ("aws:ec2/internetGateway:InternetGateway", "internet-gateways"),
        ("aws:rds/cluster:Cluster", "db-clusters"),
        ("aws:rds/clusterInstance:ClusterInstance", "db-instances"),
        ("aws:rds/proxy:Proxy", "db-proxies"),
        ("aws:eks/cluster:Cluster", "eks-clusters"),
        ("aws:eks/nodeGroup:NodeGroup", "eks-node-groups"),
        ("aws:lb/loadBalancer:LoadBalancer", "load-balancers"),
        ("aws:pipes/pipe:Pipe", "pipes"),
    ):
        assert len(eu_west_1.of(kind)) == need[quota], quota
    in_flight = [
        pipe.inputs["sourceParameters"]["kinesisStreamParameters"]["parallelizationFactor"]
        for pipe in eu_west_1.of("aws:pipes/pipe:Pipe").values()
    ]
    shards = eu_west_1.one("aws:kinesis/stream:Stream", "eu-west-1").inputs["shardCount"]
    assert sum(in_flight) * shards == need["pipe-executions"]


def test_the_largest_security_group_is_the_one_that_is_counted(eu_west_1: Registered) -> None:
    for direction in ("Ingress", "Egress"):
        rules = eu_west_1.of(f"aws:vpc/securityGroup{direction}Rule:SecurityGroup{direction}Rule").values()
        groups = Counter(rule.inputs["securityGroupId"] for rule in rules)
        assert max(groups.values()) <= LARGEST_SECURITY_GROUP, groups


def test_dev_is_small_and_unprotected(fleet: Fleet) -> None:
    dev = made("dev", fleet, ACCOUNT_OUTPUTS)
    assert not [resource.name for resource in dev if resource.protect or resource.retain]
    assert len(dev.of("aws:rds/clusterInstance:ClusterInstance")) == 1
    assert len(dev.of("aws:ec2/natGateway:NatGateway")) == 1
    assert dev.of("aws:rds/globalCluster:GlobalCluster") == {}


def test_a_hosted_zone_that_exists_is_used(fleet: Fleet) -> None:
    dev = made("dev", fleet, ACCOUNT_OUTPUTS, hosted_zone_id="Z0EXISTS")
    assert dev.of("aws:route53/zone:Zone") == {}
    assert {record.inputs["zoneId"] for record in dev.of("aws:route53/record:Record").values()} == {"Z0EXISTS"}


def test_a_higher_password_version_reaches_database_and_secret(fleet: Fleet) -> None:
    dev = made("dev", fleet, ACCOUNT_OUTPUTS, shards=ShardSettings(count=1, master_password_version=2))
    assert dev.one("aws:rds/cluster:Cluster").inputs["masterPasswordWoVersion"] == 2
    assert (
        dev.one("aws:secretsmanager/secretVersion:SecretVersion", "dev-s00-master").inputs["secretStringWoVersion"] == 2
    )


def test_two_cells_share_no_physical_name(eu_west_1: Registered, fleet: Fleet) -> None:
    us_east_1 = made("us-east-1", fleet, ACCOUNT_OUTPUTS)

    def names(of: Registered) -> set[str]:
        keys = ("name", "clusterIdentifier", "identifier", "globalClusterIdentifier", "alarmName", "policyName")
        return {
            f"{resource.type} {resource.inputs[key]}"
            for resource in of
            for key in keys
            if resource.type.startswith("aws:")
            and isinstance(resource.inputs.get(key), str)
            # Names of a cell's own children, not of the physical world.
            and resource.type not in ("aws:rds/clusterParameterGroup:ClusterParameterGroup",)
        }

    proofs = {name for name in names(eu_west_1) if "_x.pay.example.com" in name}
    assert names(eu_west_1) & names(us_east_1) <= proofs


def test_an_account_covers_every_region_of_its_cells(fleet: Fleet) -> None:
    made_ = made("account", fleet, {})
    detectors = made_.of("aws:guardduty/detector:Detector").values()
    cells = [settings.region for settings in fleet.cells.values() if settings.account == "account"]
    assert {detector.inputs["region"] for detector in detectors} == {"eu-west-1", *cells}
    assert len(made_.of("aws:cloudtrail/trail:Trail")) == 1


def test_the_development_account_locks_in_governance_mode_for_a_day(fleet: Fleet) -> None:
    settings = fleet.accounts["account-dev"]
    args = account.account_args(settings, fleet.regions_of("account-dev"))
    assert (args.evidence_lock.mode, args.evidence_lock.days) == ("GOVERNANCE", 1)
    assert not args.protected


def test_workloads_reach_the_cluster_through_the_cells_outputs(fleet: Fleet) -> None:
    registered = made("dev-workloads", fleet, CELL_OUTPUTS)
    provider = registered.one("pulumi:providers:kubernetes").inputs
    assert provider["clusterIdentifier"] == CELL_OUTPUTS["clusterArn"]
    kubeconfig = json.loads(provider["kubeconfig"])
    assert kubeconfig["clusters"][0]["cluster"] == {
        "server": CELL_OUTPUTS["clusterEndpoint"],
        "certificate-authority-data": CELL_OUTPUTS["clusterCertificateAuthority"],
    }
    command = kubeconfig["users"][0]["user"]["exec"]
    assert [command["command"], *command["args"][:6]] == [
        "aws", "eks", "get-token", "--cluster-name", "dev", "--region", "eu-west-1",
    ]  # fmt: skip
    assert command["args"][-2:] == ["--role-arn", fleet.account_of("dev").deploy_role_arn]
    assert set(registered.of("kubernetes:core/v1:Namespace")) == {
        f"dev-{name}" for name in ("gateway", "fraud", "egress", "payments", "consumers", "controllers")
    }


def test_a_committed_cell_runs_its_controllers_from_its_own_registry(fleet: Fleet) -> None:
    for name, account_id in (("dev", "210987654321"), ("eu-west-1", "123456789012")):
        deployments = made(f"{name}-workloads", fleet, CELL_OUTPUTS).of("kubernetes:apps/v1:Deployment")
        images = {d.inputs["spec"]["template"]["spec"]["containers"][0]["image"] for d in deployments.values()}
        registry = f"{account_id}.dkr.ecr.eu-west-1.amazonaws.com/{name}"
        declared = fleet.workloads[f"{name}-workloads"].images
        assert {image.partition("@")[0] for image in images} == {f"{registry}/{program}" for program in declared}


def test_a_cell_that_carries_payments_runs_every_program_of_their_way(fleet: Fleet) -> None:
    registered = made("eu-west-1-workloads", fleet, CELL_OUTPUTS)
    assert {name.removeprefix("eu-west-1-") for name in registered.of("kubernetes:apps/v1:Deployment")} == {
        "autoscaler", "load-balancer", "gateway", "scorer", "payments", "settler", "migrator", "relay", "archiver",
        "ledger", "invoicing", "egress-0",
    }  # fmt: skip


def test_a_tunnel_is_another_way_to_the_same_cluster(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAYMENT_CELL_TUNNEL", "127.0.0.1:8443")
    provider = made("dev-workloads", fleet, CELL_OUTPUTS).one("pulumi:providers:kubernetes").inputs
    assert provider["clusterIdentifier"] == CELL_OUTPUTS["clusterArn"]
    assert json.loads(provider["kubeconfig"])["clusters"][0]["cluster"] == {
        "server": "https://127.0.0.1:8443",
        "tls-server-name": "dev.eks.example",
        "certificate-authority-data": CELL_OUTPUTS["clusterCertificateAuthority"],
    }


NETWORK_POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
CONTROLLERS = ("autoscaler", "load-balancer")
"""What the committed stack runs."""


def senders(registered: Registered) -> set[str]:
    """Programs that are told where to send spans, by environment or, Envoys, by a cluster of their configuration."""
    told = set()
    for deployment in registered.of("kubernetes:apps/v1:Deployment").values():
        (container,) = deployment.inputs["spec"]["template"]["spec"]["containers"]
        if {"name": VARIABLE, "value": ENDPOINT} in container["env"]:
            told.add(deployment.inputs["metadata"]["name"])
    for config in registered.of("kubernetes:core/v1:ConfigMap").values():
        clusters = json.loads((config.inputs["data"] or {}).get("cds.json", '{"resources": []}'))
        if "collector" in {cluster["name"] for cluster in clusters["resources"]}:
            told.add(config.inputs["metadata"]["name"])
    return told


def test_the_stacks_policies_allow_what_its_workloads_need_and_nothing_else(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared: list[WorkloadArgs] = []
    spied = workloads.matrix

    def matrix(plan: CellPlan, of: Sequence[WorkloadArgs], policies: DeclaredPolicies) -> pulumi.Output[str]:
        declared.extend(of)
        return spied(plan, of, policies)

    monkeypatch.setattr(workloads, "matrix", matrix)
    registered = made("eu-west-1-workloads", fleet, CELL_OUTPUTS)
    policies = [policy.inputs for policy in registered.of(NETWORK_POLICY).values()]
    running = registered.of("kubernetes:apps/v1:Deployment").values()
    plan = fleet.plan("eu-west-1")
    found = declared_matrix(declared, workloads.outside(plan), workloads.dns(plan), policies)
    found.check()
    assert {of.name for of in declared} == {deployment.inputs["metadata"]["name"] for deployment in running}
    assert {str(edge) for edge in found.allowed} >= {
        f"{name} -> {server}" for name in CONTROLLERS for server in ("aws", "kubernetes", "dns", "pod-identity")
    }
    assert not {edge for edge in found.allowed if edge.server == "banks" and edge.client in CONTROLLERS}
    assert {edge.client for edge in found.opened if edge.server == TELEMETRY} == senders(registered)
    assert senders(registered) >= {"gateway", "scorer", "payments", "settler", "relay", "egress-0"}
    guarded = {policy["metadata"]["namespace"] for policy in policies if policy["metadata"]["name"] == "default-deny"}
    assert guarded == set(workloads.NAMESPACES)


@pytest.mark.parametrize("preview", [True, False])
@pytest.mark.parametrize(
    ("selected", "message"),
    [
        (
            {"matchLabels": {NAME_LABEL: "autoscaler"}},
            "autoscaler -> banks: a policy opens it, but",
        ),
        ({"matchLabels": {NAME_LABEL: "nobody"}}, "policy controllers/by-hand: a rule of Egress is for pods of no"),
    ],
)
def test_a_policy_added_by_hand_fails_the_plan(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, selected: dict[str, Any], message: str, *, preview: bool
) -> None:
    rules = [rule([BANKS], "to", BANKS.ports)]

    class ByHand(GatewayBinding):
        def __init__(self, name: str, args: GatewayBindingArgs, opts: pulumi.ResourceOptions) -> None:
            super().__init__(name, args, opts)
            NetworkPolicy(
                "by-hand",
                metadata={"name": "by-hand", "namespace": "controllers"},
                spec={"podSelector": selected, "policyTypes": ["Egress"], "egress": rules},
            )

    monkeypatch.setattr(workloads, "GatewayBinding", ByHand)
    with pytest.raises(ValueError, match=message):
        made("eu-west-1-workloads", fleet, CELL_OUTPUTS, preview=preview)


@pytest.mark.parametrize("preview", [True, False])
def test_a_policy_that_is_left_out_fails_the_plan(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, *, preview: bool
) -> None:
    monkeypatch.setattr(Workload, "_policies", lambda *_: [])
    with pytest.raises(ValueError, match="autoscaler -> aws: needed, but no policy allows all of it"):
        made("eu-west-1-workloads", fleet, CELL_OUTPUTS, preview=preview)


def quotas_by_group(plan: CellPlan) -> dict[str, list[Fraction]]:
    """Node group -> what the quotas of its namespaces add up to: vCPUs, GiB, pods."""
    found: dict[str, list[Fraction]] = {}
    for name, quota in workloads.namespaces(plan).items():
        group = workloads.NAMESPACES[name][0] if len(plan.node_groups) > 1 else "system"
        asked = (
            Fraction(quota.cpu.removesuffix("m")) / 1000,
            Fraction(quota.memory.removesuffix("Mi")) / 1024,
            Fraction(quota.pods),
        )
        found[group] = [old + new for old, new in zip(found.get(group, [Fraction()] * 3), asked, strict=True)]
    return found


def capacity(group: NodeGroupSpec) -> list[Fraction]:
    """vCPUs, GiB and pods of a group at its largest, on whichever of its instance types EC2 has."""
    types = [catalogue.instances().nodes.types[kind] for kind in group.instance_types]
    each = (min(t.vcpus for t in types), min(t.memory_gib for t in types), min(t.pods for t in types))
    return [Fraction(measure) * group.maximum for measure in each]


def test_quotas_add_up_to_no_more_than_their_nodes_have(fleet: Fleet) -> None:
    for cell_ in fleet.cells:
        plan = fleet.plan(cell_)
        asked = quotas_by_group(plan)
        assert set(asked) == set(plan.node_groups), "no group of nodes stands idle"
        for name, total in asked.items():
            shares = [of / have for of, have in zip(total, capacity(plan.node_groups[name]), strict=True)]
            assert max(shares) <= 1, f"{cell_} {name}: {total}"
            # The same share of each measure, but for parts of a pod: none runs out while the others are left over.
            assert min(shares) > 0.9 * max(shares), f"{cell_} {name}: {total}"


def test_a_group_of_mixed_types_is_counted_by_the_least_of_them(fleet: Fleet) -> None:
    plan = fleet.plan("eu-west-1")
    mixed = replace(plan.node_groups["gateway"], instance_types=("m7g.4xlarge", "c7g.xlarge", "m7g.large"), maximum=5)
    changed = replace(plan, node_groups={**plan.node_groups, "gateway": mixed})
    assert quotas_by_group(changed)["gateway"] == [10, 40, 144], "of 145 pods parts of one are lost"


@pytest.fixture
def config() -> Any:
    """Sets the config of the running stack, and clears it afterwards."""
    pulumi.runtime.set_all_config({})
    yield lambda kind, value: pulumi.runtime.set_config(f"payment-cell:{kind}", json.dumps(value))
    pulumi.runtime.set_all_config({})


def test_the_kind_is_the_one_object_with_content(config: Any) -> None:
    config("cell", {})
    config("account", {"accountId": "123456789012", "homeRegion": "eu-west-1"})
    settings = program.settings_of("elsewhere")
    assert isinstance(settings, AccountSettings)
    assert settings.account_id == "123456789012"


def test_a_stack_without_a_kind_is_told_which_there_are(config: Any) -> None:  # noqa: ARG001
    with pytest.raises(ValueError, match="0 of account, cell, replica, workloads, pair in its config; give exactly"):
        program.settings_of("elsewhere")


def test_wrong_settings_are_one_error_with_the_rule(config: Any) -> None:
    config("cell", {"region": "eu-west-9", "environment": "production"})
    with pytest.raises(ConfigError, match=r"region: eu-west-9 is not a region"):
        program.settings_of("elsewhere")


def test_no_module_of_the_program_hides_one_of_pythons() -> None:
    """Pulumi runs the folder as a program: it is first on the path, of the program and of the providers it starts."""
    modules = {path.stem for path in STACKS.glob("*.py")} - {"__init__", "__main__"}
    assert modules & sys.stdlib_module_names == set()
