"""K8S-01: what a namespace admits."""

import pytest

from policies.control import Status
from policies.testing import UNKNOWN, resource, verdicts

ENFORCE = "pod-security.kubernetes.io/enforce"


def admits(name: str = "payments", **labels: object) -> Status:
    namespace = resource("kubernetes:core/v1:Namespace", "n", metadata={"name": name, "labels": labels})
    return verdicts("K8S-01", namespace)["n", "admits_restricted_pods_only"]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({ENFORCE: "restricted"}, Status.PASS),
        ({ENFORCE: "baseline"}, Status.FAIL),
        ({"pod-security.kubernetes.io/warn": "restricted"}, Status.FAIL),
        ({ENFORCE: UNKNOWN}, Status.UNDETERMINED),
    ],
)
def test_a_namespace_admits_restricted_pods_only(labels: dict[str, object], expected: Status) -> None:
    assert admits(**labels) is expected


def test_namespaces_of_the_system_are_not_its_business() -> None:
    assert admits("kube-system") is Status.NOT_APPLICABLE
    assert admits("default") is Status.FAIL
    bare = resource("kubernetes:core/v1:Namespace", "n")
    assert verdicts("K8S-01", bare)["n", "admits_restricted_pods_only"] is Status.FAIL
