"""NET-10: which workloads a policy selects, and where it lets them go."""

from typing import Any

import pytest
from workload_pods import LABELS, workload

from policies.control import Status
from policies.resources import Resource
from policies.testing import UNKNOWN, resource, verdicts

MINE = {"matchLabels": LABELS}
WORLD = {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}}
PORTS = [{"port": 443.0, "protocol": "TCP"}]


def policy(namespace: str = "payments", **spec: Any) -> Resource:
    metadata = {"name": "p", "namespace": namespace}
    return resource("kubernetes:networking.k8s.io/v1:NetworkPolicy", "p", metadata=metadata, spec=spec)


def selected(*policies: Resource, **changed: Any) -> Status:
    return verdicts("NET-10", workload(**changed), *policies)["relay", "is_selected_by_a_policy"]


def test_a_policy_of_its_namespace_selects_a_workload_in_both_directions() -> None:
    both = ["Ingress", "Egress"]
    assert selected(policy(podSelector=MINE, policyTypes=both)) is Status.PASS
    assert selected(policy(podSelector={}, policyTypes=both)) is Status.PASS
    assert selected(policy(podSelector=MINE, egress=[{"to": [WORLD]}])) is Status.PASS
    assert selected(policy(podSelector=MINE)) is Status.FAIL, "without policyTypes and rules egress is free"
    assert selected(policy(podSelector={"matchLabels": {"app": "other"}}, policyTypes=both)) is Status.FAIL
    assert selected(policy("fraud", podSelector={}, policyTypes=both)) is Status.FAIL
    assert selected() is Status.FAIL
    assert selected(policy(podSelector=UNKNOWN, policyTypes=both)) is Status.UNDETERMINED
    assert selected(namespace="kube-system") is Status.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (None, Status.PASS),
        ([{"to": [{"ipBlock": {"cidr": "10.0.0.0/19"}}]}], Status.PASS),
        ([{"to": [WORLD], "ports": PORTS}], Status.PASS),
        ([{"to": [{"podSelector": {}}]}], Status.PASS),
        ([{}], Status.FAIL),
        ([{"ports": PORTS}], Status.FAIL),
        ([{"to": [WORLD]}], Status.FAIL),
        ([{"to": [{"ipBlock": {"cidr": "::/0"}}]}], Status.FAIL),
        ([{"to": UNKNOWN}], Status.UNDETERMINED),
        ([{"to": UNKNOWN}, {}], Status.FAIL),
    ],
)
def test_no_policy_leaves_the_way_out_open(rules: Any, expected: Status) -> None:
    found = verdicts("NET-10", policy(podSelector=MINE, egress=rules))
    assert found["p", "leaves_no_way_out_open"] is expected
