"""K8S-06: what roles of a cluster allow."""

from typing import Any

import pytest

from policies.control import Status
from policies.testing import UNKNOWN, resource, verdicts

LEASES = {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get", "update"]}


def answered(rule: Any, kind: str = "ClusterRole", **metadata: Any) -> dict[str, Status]:
    role = resource(f"kubernetes:rbac.authorization.k8s.io/v1:{kind}", "r", metadata=metadata, rules=rule and [rule])
    return {clause: status for (_, clause), status in verdicts("K8S-06", role).items()}


@pytest.mark.parametrize("kind", ["ClusterRole", "Role"])
@pytest.mark.parametrize("rule", [LEASES, None, {**LEASES, "resources": ["pods/eviction"]}])
def test_a_role_that_lists_what_it_needs_passes(rule: Any, kind: str) -> None:
    assert set(answered(rule, kind).values()) == {Status.PASS}


@pytest.mark.parametrize(
    ("broken", "changed"),
    [
        ("names_what_it_allows", {"verbs": ["*"]}),
        ("names_what_it_allows", {"resources": ["*"]}),
        ("names_what_it_allows", {"resources": ["*/scale"]}),
        ("names_what_it_allows", {"apiGroups": ["*"]}),
        ("names_what_it_allows", {"nonResourceURLs": ["*"]}),
        ("hands_out_no_rights", {"verbs": ["escalate"]}),
        ("hands_out_no_rights", {"verbs": ["get", "bind"]}),
        ("hands_out_no_rights", {"verbs": ["impersonate"]}),
        ("enters_no_pods", {"resources": ["pods", "pods/exec"]}),
        ("enters_no_pods", {"resources": ["pods/attach"]}),
    ],
)
def test_each_clause_catches_its_own_break(broken: str, changed: dict[str, Any]) -> None:
    found = answered({**LEASES, **changed})
    assert [clause for clause, status in found.items() if status is Status.FAIL] == [broken]


def test_an_unknown_rule_is_undetermined() -> None:
    assert answered({**LEASES, "verbs": [UNKNOWN, "bind"]})["hands_out_no_rights"] is Status.FAIL
    assert answered({**LEASES, "verbs": [UNKNOWN, "get"]})["hands_out_no_rights"] is Status.UNDETERMINED
    assert answered({**LEASES, "verbs": UNKNOWN})["hands_out_no_rights"] is Status.UNDETERMINED
    assert answered({**LEASES, "verbs": UNKNOWN, "resources": ["pods/exec"]})["enters_no_pods"] is Status.FAIL


def test_the_roles_of_kubernetes_itself_are_not_its_business() -> None:
    rule = {**LEASES, "verbs": ["*"]}
    assert set(answered(rule, name="system:node").values()) == {Status.NOT_APPLICABLE}
    labelled = answered(rule, name="admin", labels={"kubernetes.io/bootstrapping": "rbac-defaults"})
    assert set(labelled.values()) == {Status.NOT_APPLICABLE}


def test_subresources_that_are_not_known_yet_are_undetermined() -> None:
    assert answered({**LEASES, "resources": UNKNOWN})["enters_no_pods"] is Status.UNDETERMINED
