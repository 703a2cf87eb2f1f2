"""K8S-02: the security context of containers."""

from typing import Any

import pytest
from workload_pods import CONTAINER, POD, workload

from policies.control import Status
from policies.pods import WORKLOADS
from policies.testing import UNKNOWN, verdicts


def answered(**changed: Any) -> dict[str, Status]:
    return {clause: status for (_, clause), status in verdicts("K8S-02", workload(**changed)).items()}


def own(**changed: Any) -> dict[str, Any]:
    return {"securityContext": {**CONTAINER["securityContext"], **changed}}


def pods(**changed: Any) -> dict[str, Any]:
    return {"securityContext": {**POD["securityContext"], **changed}}


@pytest.mark.parametrize("type_", sorted(WORKLOADS))
def test_a_restricted_workload_of_any_kind_passes(type_: str) -> None:
    assert set(answered(type_=type_).values()) == {Status.PASS}


@pytest.mark.parametrize(
    ("broken", "changed"),
    [
        ("runs_as_no_root", {"pod": pods(runAsNonRoot=None)}),
        ("runs_as_no_root", {"container": own(runAsNonRoot=False)}),
        ("runs_as_no_root", {"container": own(runAsUser=0.0)}),
        ("has_a_read_only_root", {"container": own(readOnlyRootFilesystem=None)}),
        ("drops_all_capabilities", {"container": own(capabilities={"drop": ["NET_RAW"]})}),
        ("drops_all_capabilities", {"container": own(capabilities={"drop": ["ALL"], "add": ["SYS_ADMIN"]})}),
        ("gains_no_privileges", {"container": own(allowPrivilegeEscalation=None)}),
        ("gains_no_privileges", {"container": own(privileged=True)}),
        ("has_a_seccomp_profile", {"pod": pods(seccompProfile=None)}),
        ("has_a_seccomp_profile", {"container": own(seccompProfile={"type": "Unconfined"})}),
    ],
)
def test_each_clause_catches_its_own_break(broken: str, changed: dict[str, Any]) -> None:
    assert [clause for clause, status in answered(**changed).items() if status is Status.FAIL] == [broken]


def test_a_container_that_runs_before_is_judged_as_well() -> None:
    assert Status.FAIL in answered(init={"name": "first"}).values()


def test_an_unknown_property_is_undetermined_and_hides_no_other() -> None:
    found = answered(container=own(readOnlyRootFilesystem=UNKNOWN, privileged=True))
    assert found["has_a_read_only_root"] is Status.UNDETERMINED
    assert found["gains_no_privileges"] is Status.FAIL
    dark = {"name": "first", "securityContext": UNKNOWN}
    assert answered(init=dark, container=own(privileged=True))["gains_no_privileges"] is Status.FAIL


def test_agents_of_the_system_are_not_its_business() -> None:
    assert set(answered(namespace="kube-system", container=own(privileged=True)).values()) == {Status.NOT_APPLICABLE}
    assert set(answered(namespace=None).values()) == {Status.PASS}
