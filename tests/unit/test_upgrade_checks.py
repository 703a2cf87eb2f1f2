"""What stands in the way of an upgrade: removed APIs and budgets that let no pod go."""

from typing import Any

import pytest

import catalogue
from operations.upgrade.checks import (
    kubernetes_objects,
    removed_in_objects,
    requested_deprecated,
    stuck_budgets,
)

METRICS = """\
# HELP apiserver_requested_deprecated_apis [STABLE] Gauge of deprecated APIs that have been requested
# TYPE apiserver_requested_deprecated_apis gauge
apiserver_requested_deprecated_apis{group="",removed_release="",resource="componentstatuses",subresource="",version="v1"} 1
apiserver_requested_deprecated_apis{group="storage.k8s.io",removed_release="1.37",resource="volumeattributesclasses",subresource="",version="v1beta1"} 1
apiserver_requested_deprecated_apis{group="flowcontrol.apiserver.k8s.io",removed_release="1.32",resource="flowschemas",subresource="status",version="v1beta3"} 0
apiserver_request_total{code="200"} 12
"""  # noqa: E501  (as the API server writes it)


def test_what_clients_asked_for_is_read_from_the_metric() -> None:
    found = requested_deprecated(METRICS, "1.36")
    assert [(finding.api, finding.removed_in, finding.blocks) for finding in found] == [
        ("storage.k8s.io/v1beta1 volumeattributesclasses", "1.37", False),
        ("v1 componentstatuses", None, False),
    ]


def test_an_api_that_the_wanted_version_does_not_serve_blocks() -> None:
    (blocking,) = [finding for finding in requested_deprecated(METRICS, "1.37") if finding.blocks]
    assert str(blocking).startswith("blocks: storage.k8s.io/v1beta1 volumeattributesclasses")
    assert "removed in 1.37" in str(blocking)
    # 1.4 is a release long before 1.37.
    assert not [finding for finding in requested_deprecated(METRICS, "1.4") if finding.blocks]


def test_objects_of_the_workloads_are_compared_with_the_catalogue() -> None:
    state = [
        {
            "type": "kubernetes:flowcontrol.apiserver.k8s.io/v1beta3:FlowSchema",
            "urn": "urn:pulumi:one::p::k::payments-first",
            "outputs": {"apiVersion": "flowcontrol.apiserver.k8s.io/v1beta3", "kind": "FlowSchema"},
        },
        {
            "type": "kubernetes:core/v1:Namespace",
            "urn": "urn:pulumi:one::p::k::gateway",
            "outputs": {"apiVersion": "v1", "kind": "Namespace"},
        },
        {"type": "pulumi:providers:kubernetes", "urn": "urn:pulumi:one::p::k::one", "outputs": {}},
    ]
    objects = list(kubernetes_objects(state))
    assert [name for name, _manifest in objects] == ["payments-first", "gateway"]
    (finding,) = removed_in_objects(objects, "1.36")
    assert (finding.where, finding.removed_in, finding.blocks) == ("payments-first", "1.32", True)
    assert "flowcontrol.apiserver.k8s.io/v1" in finding.use
    assert not removed_in_objects(objects, "1.31")[0].blocks


def test_the_catalogues_removals_have_a_date_and_a_place() -> None:
    table = catalogue.removed_apis()
    assert table.source.startswith("https://")
    assert len({(api.group, api.version, kind) for api in table.apis for kind in api.kinds}) == sum(
        len(api.kinds) for api in table.apis
    )


def budget(*, status: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "gateway", "namespace": "gateway", "generation": 2},
        "spec": {"selector": {"matchLabels": {"app": "envoy"}}, **spec},
        **({"status": {"observedGeneration": 2, **status}} if status else {}),
    }


def deployment(replicas: int, *, app: str = "envoy", namespace: str = "gateway") -> dict[str, Any]:
    return {
        "metadata": {"name": app, "namespace": namespace},
        "spec": {"replicas": replicas, "template": {"metadata": {"labels": {"app": app, "tier": "edge"}}}},
    }


@pytest.mark.parametrize(
    ("spec", "replicas", "why"),
    [
        ({"maxUnavailable": 0}, 3, "maxUnavailable is 0"),
        ({"maxUnavailable": "0%"}, 3, "maxUnavailable is 0%"),
        ({"minAvailable": "100%"}, 3, "minAvailable is 100%"),
        ({"minAvailable": 3}, 3, "minAvailable is 3, envoy has 3 replicas"),
        ({"minAvailable": 1}, 1, "minAvailable is 1, envoy has 1 replica"),
        ({"minAvailable": "60%"}, 2, "minAvailable is 60%, envoy has 2 replicas"),
        ({}, 1, "minAvailable is 1, envoy has 1 replica"),
    ],
)
def test_a_budget_that_can_never_let_a_pod_go_is_named(spec: dict[str, Any], replicas: int, why: str) -> None:
    (stuck,) = stuck_budgets([budget(**spec)], [deployment(replicas)])
    assert (stuck.name, stuck.why) == ("gateway/gateway", why)
    assert "PodDisruptionBudget gateway/gateway lets no pod go" in str(stuck)


@pytest.mark.parametrize(
    ("spec", "replicas"),
    [
        ({"maxUnavailable": 1}, 1),
        ({"maxUnavailable": "10%"}, 2),
        ({"minAvailable": 2}, 3),
        ({"minAvailable": "50%"}, 2),
        ({"minAvailable": 1}, 0),
    ],
)
def test_a_budget_that_lets_one_go_is_in_nobodys_way(spec: dict[str, Any], replicas: int) -> None:
    assert stuck_budgets([budget(**spec)], [deployment(replicas)]) == []


def test_only_controllers_that_a_budget_selects_count() -> None:
    others = [deployment(5, app="relay"), deployment(5, namespace="payments")]
    assert stuck_budgets([budget(minAvailable=2)], [deployment(2), *others])[0].why.endswith("envoy has 2 replicas")
    chosen = {"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["edge"]}]}
    assert stuck_budgets([budget(minAvailable=2, selector=chosen)], [deployment(2)]) == []


def test_a_budget_whose_pods_are_not_healthy_now_is_named_too() -> None:
    now = {"expectedPods": 3, "currentHealthy": 2, "desiredHealthy": 2, "disruptionsAllowed": 0}
    (stuck,) = stuck_budgets([budget(minAvailable=2, status=now)], [deployment(3)])
    assert stuck.why == "2 pods are healthy, 2 have to be"
    assert stuck_budgets([budget(minAvailable=2, status={**now, "disruptionsAllowed": 1})], [deployment(3)]) == []
    # An old count says nothing about the budget as it is now.
    assert stuck_budgets([budget(minAvailable=2, status={**now, "observedGeneration": 1})], [deployment(3)]) == []
