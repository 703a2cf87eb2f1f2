"""NET-09: the wall between pods, and whether it stands."""

import json
from typing import Any

import pytest
from judged import status
from workload_pods import workload

from policies.control import Status
from policies.resources import Resource
from policies.testing import UNKNOWN, resource, verdicts

BOTH = ["Ingress", "Egress"]


def policy(namespace: str = "payments", name: str = "deny", **spec: Any) -> Resource:
    metadata = {"name": name, "namespace": namespace}
    found = {"podSelector": {}, **spec}
    return resource("kubernetes:networking.k8s.io/v1:NetworkPolicy", name, metadata=metadata, spec=found)


def denies(*policies: Resource, name: object = "payments") -> Status:
    namespace = resource("kubernetes:core/v1:Namespace", "n", metadata={"name": name})
    return verdicts("NET-09", namespace, *policies)["n", "denies_by_default"]


def test_a_namespace_denies_both_directions_by_default() -> None:
    assert denies(policy(policyTypes=BOTH)) is Status.PASS
    halves = policy(name="in", policyTypes=["Ingress"]), policy(name="out", policyTypes=["Egress"])
    assert denies(*halves) is Status.PASS
    assert denies(halves[0]) is Status.FAIL
    assert denies(policy()) is Status.FAIL, "without policyTypes only ingress is denied"
    assert denies() is Status.FAIL


@pytest.mark.parametrize(
    "spec",
    [
        {"podSelector": {"matchLabels": {"app": "relay"}}},
        {"podSelector": {"matchExpressions": [{"key": "app", "operator": "Exists"}]}},
        {"egress": [{}]},
        {"ingress": [{}]},
    ],
)
def test_a_policy_that_selects_some_or_allows_something_is_no_default(spec: dict[str, Any]) -> None:
    assert denies(policy(policyTypes=BOTH, **spec)) is Status.FAIL


def test_a_policy_counts_in_its_own_namespace_only() -> None:
    assert denies(policy("fraud", policyTypes=BOTH)) is Status.FAIL
    assert denies(name="kube-system") is Status.NOT_APPLICABLE
    assert denies(policy(policyTypes=UNKNOWN)) is Status.UNDETERMINED
    assert denies(name=UNKNOWN) is Status.UNDETERMINED


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (json.dumps({"enableNetworkPolicy": "true"}), Status.PASS),
        ("enableNetworkPolicy: true\n", Status.PASS),
        (json.dumps({"enableNetworkPolicy": "false"}), Status.FAIL),
        (json.dumps({}), Status.FAIL),
        (None, Status.FAIL),
        (UNKNOWN, Status.UNDETERMINED),
    ],
)
def test_the_network_add_on_enforces_policies(settings: str | None, expected: Status) -> None:
    def add_on(name: str) -> Status:
        found = resource("aws:eks/addon:Addon", "a", addonName=name, configurationValues=settings)
        return verdicts("NET-09", found)["a", "cni_enforces_policies"]

    assert add_on("vpc-cni") is expected
    assert add_on("coredns") is Status.NOT_APPLICABLE


def test_pods_keep_off_the_nodes_network() -> None:
    def answered(host: object, namespace: str = "payments") -> Status:
        found = verdicts("NET-09", workload(pod={"hostNetwork": host}, namespace=namespace))
        return found["relay", "keeps_off_the_nodes_network"]

    assert answered(None) is Status.PASS
    assert answered(True) is Status.FAIL
    assert answered(UNKNOWN) is Status.UNDETERMINED
    assert answered(True, "kube-system") is Status.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("props", "expected"),
    [
        ({"addonName": "vpc-cni", "status": "ACTIVE"}, Status.PASS),
        ({"addonName": "vpc-cni", "status": "DEGRADED"}, Status.FAIL),
        ({"addonName": "vpc-cni", "status": "UPDATING"}, Status.UNDETERMINED),
        ({"addonName": "vpc-cni"}, Status.FAIL),
        ({"addonName": "vpc-cni", "status": UNKNOWN}, Status.UNDETERMINED),
        ({"addonName": "coredns", "status": "DEGRADED"}, Status.NOT_APPLICABLE),
    ],
)
def test_the_live_add_on_of_the_network_runs(props: dict[str, Any], expected: Status) -> None:
    add_on = resource("aws:eks/addon:Addon", "a", **props)
    assert status("NET-09", add_on, clause="cni_is_active", live=True) is expected
