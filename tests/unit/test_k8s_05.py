"""K8S-05: what keeps pods running."""

from typing import Any

from workload_pods import LABELS, workload

from policies.control import Status
from policies.resources import Resource
from policies.testing import UNKNOWN, resource, verdicts

MEMORY, BUDGET, SPREAD = "limits_memory", "has_a_disruption_budget", "is_spread_over_zones"
CPU, REPLICAS = "requests_processor_time", "has_three_replicas"
SERVICE, SCALER = "kubernetes:core/v1:Service", "kubernetes:autoscaling/v2:HorizontalPodAutoscaler"
NAMESPACE = "kubernetes:core/v1:Namespace"


def budget(selector: Any, namespace: str = "payments") -> Resource:
    metadata = {"name": "b", "namespace": namespace}
    return resource("kubernetes:policy/v1:PodDisruptionBudget", "b", metadata=metadata, spec={"selector": selector})


def service(selector: Any = LABELS, namespace: str = "payments") -> Resource:
    return resource(SERVICE, "s", metadata={"name": "s", "namespace": namespace}, spec={"selector": selector})


def scaler(least: Any, target: str = "relay", namespace: str = "payments") -> Resource:
    spec = {"scaleTargetRef": {"kind": "Deployment", "name": target}, "minReplicas": least}
    return resource(SCALER, "h", metadata={"name": "h", "namespace": namespace}, spec=spec)


def answered(*others: Resource, **changed: Any) -> dict[str, Status]:
    found = verdicts("K8S-05", workload(**changed), *others)
    return {clause: status for (name, clause), status in found.items() if name == "relay"}


def test_a_limited_kept_and_spread_workload_passes() -> None:
    healthy = answered(budget({"matchLabels": LABELS}), service(), replicas=3)
    assert healthy == dict.fromkeys((MEMORY, CPU, REPLICAS, BUDGET, SPREAD), Status.PASS)


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
    assert set(answered(type_="kubernetes:batch/v1:Job")) == {MEMORY, CPU}
    found = answered(namespace="kube-system")
    assert {found[one] for one in (REPLICAS, BUDGET, SPREAD)} == {Status.NOT_APPLICABLE}


def test_processor_time_is_asked_for() -> None:
    assert answered(container={"resources": {"requests": {"memory": "1Gi"}}})[CPU] is Status.FAIL
    assert answered(container={"resources": None})[CPU] is Status.FAIL
    assert answered(container={"resources": {"limits": {"cpu": "1"}}})[CPU] is Status.PASS, (
        "then the request is as much"
    )
    assert answered(container={"resources": {"requests": {"cpu": UNKNOWN}}})[CPU] is Status.UNDETERMINED
    assert answered(init={"name": "first"})[CPU] is Status.FAIL


def test_what_a_service_sends_requests_to_has_three_replicas() -> None:
    def replicas(*others: Resource, count: Any = None) -> Status:
        return answered(*others, replicas=count)[REPLICAS]

    assert replicas(service(), count=3) is Status.PASS
    assert replicas(service(), count=2) is Status.FAIL
    assert replicas(service()) is Status.FAIL, "Kubernetes makes one"
    assert replicas(service(), count=UNKNOWN) is Status.UNDETERMINED
    for other in (service({"app": "other"}), service(namespace="other"), service(None), service({})):
        assert replicas(other, count=1) is Status.NOT_APPLICABLE


def test_of_a_workload_that_is_scaled_the_least_number_counts() -> None:
    def least(*scalers: Resource) -> Status:
        return answered(service(), *scalers, replicas=1)[REPLICAS]

    assert least(scaler(3)) is Status.PASS
    assert least(scaler(2)) is Status.FAIL
    assert least(scaler(None)) is Status.FAIL, "Kubernetes takes one"
    assert least(scaler(UNKNOWN)) is Status.UNDETERMINED
    assert least(scaler(3, "other")) is Status.FAIL
    assert least(scaler(3, namespace="other")) is Status.FAIL


def test_only_production_needs_three_replicas() -> None:
    def of(environment: str | None) -> Status:
        labels = {"payment-cell/environment": environment} if environment else {}
        namespace = resource(NAMESPACE, "n", metadata={"name": "payments", "labels": labels})
        return answered(service(), namespace, replicas=1)[REPLICAS]

    assert of("development") is Status.NOT_APPLICABLE
    assert of("staging") is Status.NOT_APPLICABLE
    assert of("production") is Status.FAIL
    assert of("other") is Status.FAIL
    assert of(None) is Status.FAIL
