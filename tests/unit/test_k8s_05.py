"""K8S-05: what keeps pods running."""

from typing import Any

from workload_pods import LABELS, workload

from policies.control import Status
from policies.resources import Resource
from policies.testing import UNKNOWN, resource, verdicts

MEMORY, BUDGET, SPREAD = "limits_memory", "has_a_disruption_budget", "is_spread_over_zones"


def budget(selector: Any, namespace: str = "payments") -> Resource:
    metadata = {"name": "b", "namespace": namespace}
    return resource("kubernetes:policy/v1:PodDisruptionBudget", "b", metadata=metadata, spec={"selector": selector})


def answered(*others: Resource, **changed: Any) -> dict[str, Status]:
    found = verdicts("K8S-05", workload(**changed), *others)
    return {clause: status for (name, clause), status in found.items() if name == "relay"}


def test_a_limited_kept_and_spread_workload_passes() -> None:
    assert answered(budget({"matchLabels": LABELS})) == dict.fromkeys((MEMORY, BUDGET, SPREAD), Status.PASS)


def test_memory_is_limited() -> None:
    assert answered(container={"resources": {"limits": {"cpu": "1"}}})[MEMORY] is Status.FAIL
    assert answered(container={"resources": None})[MEMORY] is Status.FAIL
    assert answered(container={"resources": {"limits": {"memory": UNKNOWN}}})[MEMORY] is Status.UNDETERMINED
    assert answered(init={"name": "first"})[MEMORY] is Status.FAIL
    assert verdicts("K8S-05", budget({})) == {}, "only workloads are asked"


def test_a_disruption_budget_counts_where_it_selects_the_pods() -> None:
    assert answered()[BUDGET] is Status.FAIL
    assert answered(budget({"matchLabels": {"app": "other"}}))[BUDGET] is Status.FAIL
    assert answered(budget({"matchLabels": LABELS}, "other"))[BUDGET] is Status.FAIL
    assert answered(budget({}))[BUDGET] is Status.PASS
    assert answered(budget(UNKNOWN))[BUDGET] is Status.UNDETERMINED
    (key, value), *_ = LABELS.items()
    for operator, values, expected in (
        ("In", [value], Status.PASS),
        ("NotIn", [value], Status.FAIL),
        ("Exists", None, Status.PASS),
        ("DoesNotExist", None, Status.FAIL),
    ):
        found = {"matchExpressions": [{"key": key, "operator": operator, "values": values}]}
        assert answered(budget(found))[BUDGET] is expected


def test_pods_are_spread_over_zones() -> None:
    host = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": LABELS}}
    theirs = {"topologyKey": "topology.kubernetes.io/zone", "labelSelector": {"matchLabels": {"app": "other"}}}
    for constraints in (None, [host], [theirs]):
        assert answered(pod={"topologySpreadConstraints": constraints})[SPREAD] is Status.FAIL
    assert answered(pod={"topologySpreadConstraints": UNKNOWN})[SPREAD] is Status.UNDETERMINED


def test_only_what_is_replicated_is_kept_and_spread() -> None:
    assert set(answered(type_="kubernetes:batch/v1:Job")) == {MEMORY}
    found = answered(namespace="kube-system")
    assert (found[BUDGET], found[SPREAD]) == (Status.NOT_APPLICABLE, Status.NOT_APPLICABLE)
