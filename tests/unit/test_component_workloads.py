"""What a cell's cluster holds before any workload."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pulumi
import pytest
from mocks import Registered, assert_children_of_components, is_unknown, run

from components.workloads import PRIORITIES, SYSTEM_NAMESPACES, NamespaceArgs, Workloads, WorkloadsArgs

PAYMENTS = NamespaceArgs(cpu="16", memory="64Gi", pods=100, reads_shard_map=True)
ARGS = WorkloadsArgs(
    cell="eu-west-1",
    kubernetes_version="1.36",
    namespaces={"payments": PAYMENTS, "gateway": NamespaceArgs(cpu="8", memory="16Gi", pods=20)},
    shard_map=json.dumps({"version": 1}),
)
NAMESPACE, POLICY = "kubernetes:core/v1:Namespace", "kubernetes:networking.k8s.io/v1:NetworkPolicy"
QUOTA, DEFAULTS = "kubernetes:core/v1:ResourceQuota", "kubernetes:core/v1:LimitRange"
CONFIG_MAP, PRIORITY = "kubernetes:core/v1:ConfigMap", "kubernetes:scheduling.k8s.io/v1:PriorityClass"


def made(args: WorkloadsArgs = ARGS, *, preview: bool = False) -> Registered:
    return run(lambda: Workloads("test", args), preview=preview)


@pytest.fixture(scope="module")
def workloads() -> Registered:
    return made()


def spec(registered: Registered, type_: str, name: str) -> Mapping[str, Any]:
    found = registered.of(type_)[name].inputs["spec"]
    assert isinstance(found, Mapping)
    return found


def test_every_namespace_is_under_pod_security_restricted_at_the_clusters_version(workloads: Registered) -> None:
    assert set(workloads.of(NAMESPACE)) == {"test-payments", "test-gateway"}
    for namespace in workloads.of(NAMESPACE).values():
        labels = namespace.inputs["metadata"]["labels"]
        for mode in ("enforce", "audit", "warn"):
            assert labels[f"pod-security.kubernetes.io/{mode}"] == "restricted"
            assert labels[f"pod-security.kubernetes.io/{mode}-version"] == "v1.36"


@pytest.mark.parametrize("namespace", ["payments", "gateway"])
def test_every_namespace_denies_both_directions_by_default(workloads: Registered, namespace: str) -> None:
    deny = spec(workloads, POLICY, f"test-{namespace}-default-deny")
    assert deny == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_pods_may_ask_the_clusters_dns_and_nothing_else_by_default(workloads: Registered) -> None:
    (rule,) = spec(workloads, POLICY, "test-payments-allow-dns")["egress"]
    (to,) = rule["to"]
    assert to["namespaceSelector"] == {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}
    assert to["podSelector"] == {"matchLabels": {"k8s-app": "kube-dns"}}
    assert {(p["port"], p["protocol"]) for p in rule["ports"]} == {(53, "UDP"), (53, "TCP")}


def test_pods_reach_the_pod_identity_agent(workloads: Registered) -> None:
    (rule,) = spec(workloads, POLICY, "test-payments-allow-pod-identity")["egress"]
    assert rule == {"to": [{"ipBlock": {"cidr": "169.254.170.23/32"}}], "ports": [{"port": 80, "protocol": "TCP"}]}


def test_a_quota_bounds_what_a_namespace_asks_for(workloads: Registered) -> None:
    hard = spec(workloads, QUOTA, "test-payments")["hard"]
    assert (hard["requests.cpu"], hard["requests.memory"], hard["pods"]) == ("16", "64Gi", "100")
    assert hard["limits.memory"] == hard["requests.memory"]


def test_no_workload_opens_a_load_balancer_or_node_port(workloads: Registered) -> None:
    hard = spec(workloads, QUOTA, "test-payments")["hard"]
    assert (hard["services.loadbalancers"], hard["services.nodeports"]) == ("0", "0")


def test_a_container_without_requests_gets_defaults(workloads: Registered) -> None:
    (limit,) = spec(workloads, DEFAULTS, "test-payments")["limits"]
    assert limit["defaultRequest"] == {"cpu": "100m", "memory": "128Mi"}
    assert limit["default"] == {"memory": "128Mi"}


def test_what_a_payment_waits_for_goes_before_what_nobody_waits_for(workloads: Registered) -> None:
    classes = {r.inputs["metadata"]["name"]: r.inputs for r in workloads.of(PRIORITY).values()}
    assert set(classes) == set(PRIORITIES)
    order = ("payment-critical", "payment-standard", "payment-batch")
    values = [classes[name]["value"] for name in order]
    assert values == sorted(values, reverse=True)
    assert classes["payment-batch"]["preemptionPolicy"] == "Never"
    assert not any(c["globalDefault"] for c in classes.values())


def test_the_shard_map_is_mounted_only_where_it_is_read(workloads: Registered) -> None:
    config_map = workloads.one(CONFIG_MAP).inputs
    assert (config_map["metadata"]["namespace"], config_map["metadata"]["name"]) == ("payments", "shard-map")
    assert json.loads(config_map["data"]["shard-map.json"]) == {"version": 1}


def test_a_namespaces_name_is_known_once_its_guards_are_there() -> None:
    def program() -> None:
        made_ = Workloads("test", ARGS)
        pulumi.CustomResource("tests:index:User", "user", {"namespace": made_.namespaces["payments"]})

    registered = run(program)
    before = registered.waits_for(registered.one("tests:index:User"))
    assert {f"{POLICY} test-payments-default-deny", f"{QUOTA} test-payments", f"{DEFAULTS} test-payments"} <= before


def test_a_namespace_names_its_environment(workloads: Registered) -> None:
    labels = [one.inputs["metadata"]["labels"] for one in workloads.of(NAMESPACE).values()]
    assert {one["payment-cell/environment"] for one in labels} == {"production"}


def test_every_object_has_the_component_as_parent(workloads: Registered) -> None:
    assert_children_of_components(workloads)
    for resource in workloads:
        if "metadata" in resource.inputs:
            assert resource.inputs["metadata"]["labels"]["payment-cell/cell"] == "eu-west-1"


def test_a_preview_works_with_an_unknown_shard_map() -> None:
    unknown: pulumi.Output[Any] = pulumi.Output.from_input(pulumi.UNKNOWN)
    planned = made(replace(ARGS, shard_map=unknown), preview=True)
    assert {(r.type, r.name) for r in planned} == {(r.type, r.name) for r in made()}
    assert is_unknown(planned.one(CONFIG_MAP).inputs["data"]["shard-map.json"])


@pytest.mark.parametrize("name", [*SYSTEM_NAMESPACES, "Payments", "-a", "a" * 64])
def test_a_name_that_kubernetes_keeps_or_refuses_is_refused_before(name: str) -> None:
    with pytest.raises(ValueError, match=r"workloads\.namespaces"):
        replace(ARGS, namespaces={name: PAYMENTS})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cpu": "a lot"}, r"namespace\.cpu"),
        ({"memory": "64"}, r"namespace\.memory"),
        ({"pods": 0}, r"namespace\.pods"),
        ({"default_memory": "1GB"}, r"namespace\.default_memory"),
    ],
)
def test_a_quantity_that_kubernetes_would_read_differently_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(PAYMENTS, **change)
