"""A workload: what its pods are allowed, how they spread, scale and are disturbed."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pulumi
import pytest
from mocks import Registered, assert_children_of_components, run

from components.reachability import Blocks, Party, Port
from components.scaling import CpuScaling, QueueScaling
from components.workload import NAME_LABEL, Probe, Workload, WorkloadArgs
from components.workloads import PRIORITIES

DIGEST = "sha256:" + "0" * 64
REGISTRY = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
DATABASE = Party(name="database", place=Blocks(cidrs=("10.0.40.0/21",)), ports=(Port(number=5432),))
BALANCER = Party(name="load-balancer", place=Blocks(cidrs=("10.0.48.0/22",)))
PARTIES = {party.name: party for party in (DATABASE, BALANCER)}
ARGS = WorkloadArgs(
    cell="eu-west-1",
    name="gateway",
    namespace="gateway",
    image=f"{REGISTRY}/eu-west-1/gateway@{DIGEST}",
    replicas=3,
    cpu="500m",
    memory="512Mi",
    priority="payment-critical",
    probe=Probe(path="/ready", port=8443, tls=True),
    ports={"https": 8443},
    needs=("database",),
    serves=("load-balancer",),
    node_group="gateway",
    config_maps={"shard-map": "/etc/shard-map"},
    environment={"QUEUE": "https://sqs.example/queue"},
    drain_s=30,
)
DEPLOYMENT, SERVICE = "kubernetes:apps/v1:Deployment", "kubernetes:core/v1:Service"
POLICY, BUDGET = "kubernetes:networking.k8s.io/v1:NetworkPolicy", "kubernetes:policy/v1:PodDisruptionBudget"
SCALER, SCALED = "kubernetes:autoscaling/v2:HorizontalPodAutoscaler", "kubernetes:keda.sh/v1alpha1:ScaledObject"
ACCOUNT = "kubernetes:core/v1:ServiceAccount"


def made(args: WorkloadArgs = ARGS, *, preview: bool = False) -> Registered:
    return run(lambda: Workload("test", args, PARTIES), preview=preview)


@pytest.fixture(scope="module")
def workload() -> Registered:
    return made()


def pod(registered: Registered) -> Mapping[str, Any]:
    spec = registered.one(DEPLOYMENT).inputs["spec"]["template"]["spec"]
    assert isinstance(spec, Mapping)
    return spec


def container(registered: Registered) -> Mapping[str, Any]:
    (only,) = pod(registered)["containers"]
    assert isinstance(only, Mapping)
    return only


def test_a_container_has_no_privilege_and_writes_nowhere_but_tmp(workload: Registered) -> None:
    security = container(workload)["securityContext"]
    assert security["allowPrivilegeEscalation"] is False
    assert security["readOnlyRootFilesystem"] is True
    assert security["capabilities"] == {"drop": ["ALL"]}
    of_pod = pod(workload)["securityContext"]
    assert of_pod["runAsNonRoot"] is True
    assert of_pod["runAsUser"] > 0
    assert of_pod["seccompProfile"] == {"type": "RuntimeDefault"}
    writable = [m["mountPath"] for m in container(workload)["volumeMounts"] if not m.get("readOnly")]
    assert writable == ["/tmp"]


def test_a_pod_has_no_token_for_the_api_server_unless_it_calls_it(workload: Registered) -> None:
    assert pod(workload)["automountServiceAccountToken"] is False
    assert workload.one(ACCOUNT).inputs["automountServiceAccountToken"] is False
    assert pod(made(replace(ARGS, calls_kubernetes=True)))["automountServiceAccountToken"] is True


def test_pods_spread_over_zones_and_hosts_each_revision_by_itself(workload: Registered) -> None:
    zones, hosts = pod(workload)["topologySpreadConstraints"]
    assert (zones["topologyKey"], zones["whenUnsatisfiable"], zones["maxSkew"]) == (
        "topology.kubernetes.io/zone", "DoNotSchedule", 1,
    )  # fmt: skip
    assert (hosts["topologyKey"], hosts["whenUnsatisfiable"]) == ("kubernetes.io/hostname", "ScheduleAnyway")
    for constraint in (zones, hosts):
        assert constraint["labelSelector"] == {"matchLabels": {NAME_LABEL: "gateway"}}
        assert constraint["matchLabelKeys"] == ["pod-template-hash"]


def test_pods_run_on_the_nodes_of_their_class_only(workload: Registered) -> None:
    assert pod(workload)["nodeSelector"] == {"payment-cell/workload-class": "gateway"}
    (toleration,) = pod(workload)["tolerations"]
    assert (toleration["value"], toleration["effect"]) == ("gateway", "NoSchedule")
    assert "nodeSelector" not in pod(made(replace(ARGS, node_group=None)))


def test_a_drain_takes_a_third_of_the_pods_and_broken_ones_at_once(workload: Registered) -> None:
    spec = workload.one(BUDGET).inputs["spec"]
    assert spec["maxUnavailable"] == "33%"
    assert spec["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
    assert spec["selector"] == workload.one(DEPLOYMENT).inputs["spec"]["selector"]


def test_a_rollout_removes_no_pod_before_its_successor_is_ready(workload: Registered) -> None:
    strategy = workload.one(DEPLOYMENT).inputs["spec"]["strategy"]
    assert strategy == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": "25%"}}


def test_priority_and_memory_limit_are_set_and_cpu_is_not_throttled(workload: Registered) -> None:
    assert pod(workload)["priorityClassName"] in PRIORITIES
    assert container(workload)["resources"] == {
        "requests": {"cpu": "500m", "memory": "512Mi"},
        "limits": {"memory": "512Mi"},
    }


def test_probes_ask_at_start_for_readiness_and_more_patiently_for_life(workload: Registered) -> None:
    asked = container(workload)
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert asked[probe]["httpGet"] == {"path": "/ready", "port": 8443, "scheme": "HTTPS"}
    ready, alive, start = (asked[p] for p in ("readinessProbe", "livenessProbe", "startupProbe"))
    assert alive["periodSeconds"] * alive["failureThreshold"] > ready["periodSeconds"] * ready["failureThreshold"]
    assert start["periodSeconds"] * start["failureThreshold"] >= ARGS.start_s


def test_a_leaving_pod_serves_on_until_others_know(workload: Registered) -> None:
    assert container(workload)["lifecycle"] == {"preStop": {"sleep": {"seconds": 30}}}
    assert pod(workload)["terminationGracePeriodSeconds"] == 60


def test_the_policy_says_what_it_needs_and_whom_it_serves(workload: Registered) -> None:
    spec = workload.one(POLICY).inputs["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert spec["podSelector"] == {"matchLabels": {NAME_LABEL: "gateway"}}
    assert spec["egress"] == [
        {"to": [{"ipBlock": {"cidr": "10.0.40.0/21"}}], "ports": [{"port": 5432, "protocol": "TCP"}]}
    ]
    assert spec["ingress"] == [
        {"from": [{"ipBlock": {"cidr": "10.0.48.0/22"}}], "ports": [{"port": 8443, "protocol": "TCP"}]}
    ]


def test_pods_start_after_their_policy(workload: Registered) -> None:
    before = workload.waits_for(workload.one(DEPLOYMENT))
    assert {f"{POLICY} test", f"{ACCOUNT} test"} <= before


def test_a_service_stays_in_its_zone_while_it_can(workload: Registered) -> None:
    spec = workload.one(SERVICE).inputs["spec"]
    assert spec["trafficDistribution"] == "PreferSameZone"
    assert spec["ports"] == [{"name": "https", "port": 8443, "targetPort": 8443, "protocol": "TCP"}]
    assert made(replace(ARGS, ports={}, serves=())).of(SERVICE) == {}


def test_who_scales_decides_the_number_of_pods(workload: Registered) -> None:
    assert workload.one(DEPLOYMENT).inputs["spec"]["replicas"] == 3
    scaled = made(replace(ARGS, scaling=CpuScaling(maximum=12, percent=55)))
    assert "replicas" not in scaled.one(DEPLOYMENT).inputs["spec"]
    spec = scaled.one(SCALER).inputs["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (3, 12)
    (metric,) = spec["metrics"]
    assert metric["resource"]["target"] == {"type": "Utilization", "averageUtilization": 55}


def test_a_consumer_scales_by_how_long_its_queue_waits() -> None:
    scaling = QueueScaling(maximum=20, region="eu-west-1", queue_name="eu-west-1-ledger.fifo", age_s=30)
    spec = made(replace(ARGS, scaling=scaling)).one(SCALED).inputs["spec"]
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (3, 20)
    (trigger,) = spec["triggers"]
    assert trigger["metricType"] == "Value"
    assert trigger["metadata"]["metricName"] == "ApproximateAgeOfOldestMessage"
    assert trigger["metadata"]["dimensionValue"] == "eu-west-1-ledger.fifo"
    assert trigger["metadata"]["targetMetricValue"] == "30"


def test_every_object_of_a_workload_names_its_cell(workload: Registered) -> None:
    assert_children_of_components(workload)
    for resource in workload:
        if "metadata" in resource.inputs:
            assert resource.inputs["metadata"]["labels"]["payment-cell/cell"] == "eu-west-1"


def test_a_preview_of_a_workload_works_with_unknown_values(workload: Registered) -> None:
    unknown: pulumi.Output[Any] = pulumi.Output.from_input(pulumi.UNKNOWN)
    planned = made(replace(ARGS, environment={"QUEUE": unknown}), preview=True)
    assert {(r.type, r.name) for r in planned} == {(r.type, r.name) for r in workload}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "Gateway"}, "is no name"),
        ({"image": f"{REGISTRY}/eu-west-1/gateway:1.2.3"}, "no digest of a cell's registry"),
        ({"image": f"registry.example/eu-west-1/gateway@{DIGEST}"}, "no digest of a cell's registry"),
        ({"priority": "urgent"}, "unknown; choose from payment-critical"),
        ({"replicas": 0}, "below 1"),
        ({"replicas": 30, "scaling": CpuScaling(maximum=12)}, "above scaling.maximum"),
        ({"memory": "512MB"}, "write 500m"),
        ({"ports": {}}, "has no ports"),
        ({"config_maps": {"shard-map": "etc"}}, "absolute folder"),
    ],
)
def test_a_workload_that_could_not_work_is_refused_before(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(ARGS, **change)


def test_a_need_that_nobody_offers_is_refused_with_the_choices() -> None:
    with pytest.raises(ValueError, match=r"workload\.gateway\.needs: 'databse' is unknown; choose from database"):
        replace(ARGS, needs=("databse",)).network_policies(PARTIES)


def test_scaling_that_could_not_work_is_refused_before() -> None:
    with pytest.raises(ValueError, match=r"outside 10\.\.90"):
        CpuScaling(maximum=2, percent=100)
    with pytest.raises(ValueError, match=r"scaling\.age_s"):
        QueueScaling(maximum=2, region="eu-west-1", queue_name="q", age_s=0)
